"""A tool is connected by an OAuth 2 application in the browser, by the API and as code; the tool is real enough."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rallypoint import wiring
from rallypoint.access import Role
from rallypoint.actors import SYSTEM
from rallypoint.clock import DatabaseClock
from rallypoint.db import Database
from rallypoint.edges import api
from rallypoint.edges.code.document import Connection
from rallypoint.edges.code.sync import Connections
from rallypoint.egress import Egress
from rallypoint.emulators.azure_devops import CLIENT, ORGANIZATION, AzureDevOps
from rallypoint.emulators.base import serving
from rallypoint.house import House
from rallypoint.settings import Settings
from rallypoint.sync import connecting, store
from tests.api.conftest import Client, house_on, key_for
from tests.api.test_walk import ok
from tests.web.conftest import Window, browser

Opens = Callable[..., AbstractAsyncContextManager[Window]]
HERE = "/admin/connections"


@pytest.fixture
def there() -> AzureDevOps:
    return AzureDevOps(DatabaseClock())


@pytest.fixture
async def url(there: AzureDevOps) -> AsyncIterator[str]:
    async with serving(there) as address:
        yield address


@pytest.fixture
async def house(db: Database, dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    egress = Egress(Settings(allow_private_targets=True))
    async with house_on(db, dsn, tmp_path) as found:
        yield replace(found, tools=wiring.tools(), egress=egress)
    await egress.close()


def settings(there: AzureDevOps, url: str) -> dict[str, str]:
    return {"client_id": CLIENT, "token_url": f"{url}/{there.entra.tenant}/oauth2/v2.0/token"}


async def test_an_application_is_connected_in_the_browser(window: Opens, there: AzureDevOps, url: str) -> None:
    typed = {f"set.{name}": value for name, value in settings(there, url).items()}
    async with window("Mia", "manager") as mia:
        empty = (await mia.get(f"{HERE}/new?tool=azure_devops")).text
        assert "<details><summary" in empty, "folded away until somebody wants it"
        assert "Sign in with OAuth 2 instead" in empty
        wrong = await mia.post(
            f"{HERE}/new", tool="azure_devops", base_url=f"{url}/{ORGANIZATION}", name="ADO",
            **{**typed, "set.token_url": "ftp://x"},
        )  # fmt: skip
        assert wrong.status_code == 422
        assert "<details open><summary" in wrong.text, "what is wrong is not folded away"
        assert CLIENT in wrong.text
        made = await mia.post(
            f"{HERE}/new", tool="azure_devops", base_url=f"{url}/{ORGANIZATION}", name="ADO", **typed,
            **{"secret.client_secret": "guess-me"},
        )  # fmt: skip
        page = (await mia.get(made.headers["location"])).text
        assert "AADSTS7000215" in page
        assert "refused" in page
        assert "guess-me" not in page
        again = await mia.post(
            f"{HERE}/ado/credentials", base_url=f"{url}/{ORGANIZATION}", **typed,
            **{"secret.client_secret": there.client_secret},
        )  # fmt: skip
        page = (await mia.get(again.headers["location"])).text
        assert "lets us in" in page
        assert there.client_secret not in page
        assert [token for token in there.entra._access if token in page] == []


async def test_an_application_is_connected_by_the_api(house: House, there: AzureDevOps, url: str) -> None:
    async with browser(api.mount(house)) as http:
        admin = Client(http, await key_for(house.db, Role.ADMIN))
        tools: Any = await ok(admin, "GET", "/tools")
        asked = next(one["asked"] for one in tools["items"] if one["kind"] == "azure_devops")
        assert {one["name"] for one in asked if one["group"] == "OAuth 2"} == {
            "client_id", "client_secret", "token_url", "refresh_token", "scope",
        }  # fmt: skip
        made = {
            "key": "ado", "tool": "azure_devops", "base_url": f"{url}/{ORGANIZATION}", "name": "ADO",
            "settings": settings(there, url), "secrets": {"client_secret": there.client_secret},
        }  # fmt: skip
        shown = await ok(admin, "POST", "/connections", made)
        assert there.client_secret not in str(shown)
        assert (await ok(admin, "POST", "/connections/ado/check"))["ok"]
        assert there.entra.asked == 1
        async with house.db.transaction(SYSTEM) as tx:
            assert (await store.connection(tx, "ado")).settings == settings(there, url)


async def test_an_application_is_set_up_as_code_and_its_secret_given_by_hand(
    house: House, there: AzureDevOps, url: str
) -> None:
    wanted = Connection(
        key="ado", tool="azure_devops", base_url=f"{url}/{ORGANIZATION}", name="ADO", settings=settings(there, url)
    )
    manager = replace(SYSTEM, roles=frozenset({Role.MANAGER}))
    async with house.db.transaction(manager) as tx:
        await Connections().create(tx, wanted)
        assert await Connections().current(tx) == [wanted]
        await connecting.new_credentials(
            tx, house.tools, house.vault, "ado", secrets_={"client_secret": there.client_secret}
        )
    assert (await house.set_up.check(manager, "ado")).ok
    async with house.db.transaction(manager) as tx:
        assert await Connections().current(tx) == [wanted], "no file holds the secret, nor the token"
