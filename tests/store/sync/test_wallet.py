"""The access token of a connection: sealed, fetched by one for all, and told to nobody new."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rallypoint.actors import SYSTEM
from rallypoint.connectors.azure_devops import tool as azure
from rallypoint.connectors.azure_devops.tracker import AzureDevOpsTracker
from rallypoint.connectors.oauth import Bearer, granted
from rallypoint.db import Transaction
from rallypoint.egress import Egress
from rallypoint.emulators.azure_devops import CLIENT, INTEGRATION, ORGANIZATION, PROJECT, AzureDevOps
from rallypoint.emulators.base import serving
from rallypoint.errors import Invalid
from rallypoint.settings import Settings
from rallypoint.sync import connecting, store
from rallypoint.sync.connection import Connection, ConnectionState
from rallypoint.sync.lanes import Lanes, sync_due
from rallypoint.sync.lenses import PlainTexts
from rallypoint.sync.mapping import CreateRule, FieldRule, Mapping, Text
from rallypoint.sync.ports import AuthFailed, Outage
from rallypoint.sync.setting_up import SetUp
from rallypoint.sync.tools import Access, Token, Tool
from rallypoint.sync.wallet import PROMISE, SealedWallet
from tests.store.sync.conftest import Scene


class Elsewhere:
    """An Azure DevOps with its Entra, connected by an application."""

    def __init__(self, scene: Scene, emulator: AzureDevOps, url: str, egress: Egress) -> None:
        self.scene, self.emulator, self.egress = scene, emulator, egress
        self.url = f"{url}/{ORGANIZATION}"
        self.settings = {"client_id": CLIENT, "token_url": f"{url}/{emulator.entra.tenant}/oauth2/v2.0/token"}
        self.tools: dict[str, Tool] = {"azure_devops": replace(azure.TOOL, make=self.make)}

    def make(self, given: Access, egress: Egress) -> AzureDevOpsTracker:
        """As the tool makes it, but on the clock of the test."""
        grant, now = granted(given, token_url="", scope=azure.SCOPE), self.scene.clock.now
        assert grant is not None
        bearer = Bearer(self.egress, "Entra", grant, now, given.wallet)
        return AzureDevOpsTracker(self.egress, base_url=given.base_url, bearer=bearer, now=now, project=PROJECT)

    async def connect(self, **secrets: str) -> Connection:
        async with self.scene.db.transaction(self.scene.them.manager) as tx:
            made = await connecting.connect(
                tx, self.tools, self.scene.vault, key="ado", tool="azure_devops", base_url=self.url, name="ADO",
                settings=self.settings, secrets_={"client_secret": self.emulator.client_secret, **secrets},
            )  # fmt: skip
        return made.connection

    def set_up(self) -> SetUp:
        """Each is as good as a process of its own: nothing is shared but the database."""
        scene = self.scene
        return SetUp(scene.db, self.tools, scene.vault, self.egress, texts=PlainTexts(), base_url="https://rp.example")

    def lanes(self) -> Lanes:
        scene = self.scene

        async def alarm(tx: Transaction, subject: str, what: str) -> None:
            scene.alarms.append(what)

        return Lanes(
            scene.db,
            self.tools,
            scene.vault,
            self.egress,
            base_url="https://rp.example",
            texts=PlainTexts(),
            alarm=alarm,
        )

    async def change(self, **columns: Any) -> None:
        async with self.scene.db.transaction(self.scene.them.manager) as tx:
            await connecting.new_credentials(tx, self.tools, self.scene.vault, "ado", **columns)

    async def now(self) -> Connection:
        async with self.scene.db.transaction(SYSTEM) as tx:
            return await store.connection(tx, "ado")

    async def sealed(self) -> bytes:
        async with self.scene.db.transaction(SYSTEM) as tx:
            found, _ = await store.secrets_of(tx, (await store.connection(tx, "ado")).id)
        assert found is not None
        return found


@pytest.fixture
async def elsewhere(scene: Scene) -> AsyncIterator[Elsewhere]:
    emulator, egress = AzureDevOps(scene.clock), Egress(Settings(allow_private_targets=True))
    async with serving(emulator) as url:
        yield Elsewhere(scene, emulator, url, egress)
    await egress.close()


def wallet_of(scene: Scene, connection: Connection) -> SealedWallet:
    return SealedWallet(scene.db, scene.vault, connection)


async def never(refresh: str) -> Token:
    raise AssertionError("no token is needed")


async def test_a_token_is_fetched_once_for_all_processes_and_sealed(scene: Scene, elsewhere: Elsewhere) -> None:
    await elsewhere.connect()
    for _ in range(3):
        assert (await elsewhere.set_up().check(scene.them.manager, "ado")).ok
    assert elsewhere.emulator.entra.asked == 1
    [token] = elsewhere.emulator.entra._access
    sealed = await elsewhere.sealed()
    assert token.encode() not in sealed
    assert token in scene.vault.unseal(sealed, "sync connection")
    async with scene.db.transaction(SYSTEM) as tx:
        given = await connecting.opened(tx, scene.vault, await store.connection(tx, "ado"))
    assert given.secrets == {"client_secret": elsewhere.emulator.client_secret}, "what people gave, and nothing more"
    assert token not in repr(given)


async def test_who_asks_while_it_is_fetched_waits_for_it(scene: Scene, elsewhere: Elsewhere) -> None:
    connection, asked = await elsewhere.connect(), list[str]()
    begun, may = asyncio.Event(), asyncio.Event()

    async def fetch(refresh: str) -> Token:
        asked.append(refresh)
        begun.set()
        await may.wait()
        ends = scene.clock.now() + timedelta(hours=1)
        return Token(access=f"access-{len(asked)}", ends=ends, refresh=f"refresh-{len(asked)}")

    going = [asyncio.create_task(wallet_of(scene, connection).token(fetch)) for _ in range(5)]
    await begun.wait()
    may.set()
    got = await asyncio.gather(*going)
    assert {one.access for one in got} == {"access-1"}
    assert asked == [""]
    assert (await wallet_of(scene, connection).token(never)).access == "access-1"
    assert (await wallet_of(scene, connection).token(never, refused="access-0")).access == "access-1", "it is newer"
    again = await asyncio.gather(*(wallet_of(scene, connection).token(fetch, refused="access-1") for _ in range(3)))
    assert {one.access for one in again} == {"access-2"}
    assert asked == ["", "refresh-1"], "a refresh token that is good for one use is used once"
    scene.clock.advance(timedelta(minutes=59, seconds=1))
    await wallet_of(scene, connection).token(fetch)
    assert asked[2:] == ["refresh-2"]


async def test_who_fails_or_dies_while_fetching_leaves_the_way_open(scene: Scene, elsewhere: Elsewhere) -> None:
    connection = await elsewhere.connect()

    async def fails(refresh: str) -> Token:
        raise Outage("No token now.")

    async def gets(refresh: str) -> Token:
        return Token(access="access", ends=scene.clock.now() + timedelta(hours=1))

    with pytest.raises(Outage):
        await wallet_of(scene, connection).token(fails)
    dead = wallet_of(scene, connection)
    async with scene.db.transaction(SYSTEM) as tx:
        given, kept = await dead._kept(tx)
        await dead._keep(tx, given, replace(kept, promised=tx.now + PROMISE))
    scene.clock.advance(PROMISE)
    assert (await wallet_of(scene, connection).token(gets)).access == "access"


async def test_other_secrets_and_other_settings_mean_another_token(scene: Scene, elsewhere: Elsewhere) -> None:
    connection = await elsewhere.connect()

    async def meanwhile(refresh: str) -> Token:
        await elsewhere.change(secrets_={"client_secret": "another"})
        return Token(access="of the old", ends=scene.clock.now() + timedelta(hours=1))

    assert (await wallet_of(scene, connection).token(meanwhile)).access == "of the old"
    with pytest.raises(AssertionError, match="no token is needed"):
        await wallet_of(scene, connection).token(never)

    async def fetch(refresh: str) -> Token:
        return Token(access="of the new", ends=scene.clock.now() + timedelta(hours=1))

    await wallet_of(scene, connection).token(fetch)
    async with scene.db.transaction(scene.them.manager) as tx:
        await connecting.describe(
            tx, elsewhere.tools, "ado", name="ADO", base_url=elsewhere.url,
            settings={**elsewhere.settings, "scope": "another"},
        )  # fmt: skip
    with pytest.raises(AssertionError, match="no token is needed"):
        await wallet_of(scene, await elsewhere.now()).token(never)


async def test_secrets_are_not_told_to_another_token_address(scene: Scene, elsewhere: Elsewhere) -> None:
    await elsewhere.connect()
    moved = {**elsewhere.settings, "token_url": "https://thief.example/token"}
    with pytest.raises(Invalid, match="give them again"):
        await elsewhere.change(settings=moved)
    with pytest.raises(Invalid, match=r"token_url.*without a user"):
        await elsewhere.change(settings={**moved, "token_url": "https://a:b@thief.example"}, secrets_={"token": "x"})
    async with scene.db.transaction(scene.them.manager) as tx:
        await connecting.describe(
            tx, elsewhere.tools, "ado", name="ADO", base_url=elsewhere.url, settings=moved
        )  # fmt: skip
    now = await elsewhere.now()
    assert (now.state, now.state_reason) == (ConnectionState.REFUSED, "waits for its credentials")
    async with scene.db.transaction(SYSTEM) as tx:
        assert (await connecting.opened(tx, scene.vault, now)).secrets == {}
    with pytest.raises(AuthFailed, match="waits for its credentials"):
        await wallet_of(scene, now).token(never)


async def test_a_refused_refresh_token_stops_the_connection_and_tells_a_person(
    scene: Scene, elsewhere: Elsewhere
) -> None:
    """It works, is renewed, is refused: then nothing is tried until a person gave another."""
    entra = elsewhere.emulator.entra
    connection = await elsewhere.connect(refresh_token=entra.consent(INTEGRATION))
    async with scene.db.transaction(scene.them.manager) as tx:
        mapping = Mapping(
            id=await store.new_mapping_id(tx), version=1, connection=connection.id, name="Bugs",
            create=CreateRule(project=PROJECT, type="Bug"),
            fields=(FieldRule(hub="title", remote="System.Title", transform=Text(max_length=255)),),
        )  # fmt: skip
        await store.save_mapping(tx, mapping, by="Mia")
    lanes = elsewhere.lanes()

    async def passes(**length: float) -> Connection:
        scene.clock.advance(timedelta(**length))
        await lanes.poll()
        await sync_due(lanes)
        return await elsewhere.now()

    assert (await passes(seconds=61)).state is ConnectionState.ON
    assert (await passes(hours=2)).state is ConnectionState.ON
    assert entra.asked == 2, "it was renewed"
    entra.revoke()
    refused = await passes(minutes=2)
    assert refused.state is ConnectionState.REFUSED
    assert "Entra takes the refresh token no more: AADSTS700082" in refused.state_reason
    assert [one for one in scene.alarms if "refresh token" in one]
    asked = entra.asked
    for _ in range(3):
        await passes(minutes=10)
    assert entra.asked == asked, "nothing is tried in vain"
    await elsewhere.change(secrets_={"refresh_token": entra.consent(INTEGRATION)})
    assert (await passes(seconds=61)).state is ConnectionState.ON
    await lanes.drain()
