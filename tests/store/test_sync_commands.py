"""Two-way sync set up from the command line, against a ServiceNow that is served beside."""

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rallypoint import wiring
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.clock import DatabaseClock
from rallypoint.db import Database
from rallypoint.egress import Egress
from rallypoint.emulators.base import serving
from rallypoint.emulators.servicenow import CLIENT, INTEGRATION_USER, ServiceNow
from rallypoint.settings import Settings
from rallypoint.sync import conflict_store, store
from rallypoint.sync.lanes import sync_due
from rallypoint.sync.model import Conflict
from tests.store.test_commands import at as at  # the same commands, run the same way


@pytest.fixture
async def elsewhere() -> AsyncIterator[tuple[ServiceNow, str]]:
    emulator = ServiceNow(DatabaseClock())
    async with serving(emulator) as url:
        yield emulator, url


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is typed, or piped, into the next command."""

    def secret(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return secret


async def engine(dsn: str, data: Path) -> None:
    """What a running server would do now."""
    settings = Settings(data=data, allow_private_targets=True)
    db = await Database.connect(dsn, clock=DatabaseClock(), bus=wiring.bus(), size=4)
    egress = Egress(settings)
    lanes = wiring.lanes(db, settings=settings, vault=Vault.open(settings), egress=egress)
    await sync_due(lanes)
    await lanes.drain()
    await egress.close()
    await db.close()


async def test_from_connect_to_an_item_in_step(
    at: Any, secret: Any, elsewhere: tuple[ServiceNow, str], dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator, url = elsewhere
    connect = ("sync", "connect", "desk", "--tool", "servicenow", "--url", url, "--set", f"user={INTEGRATION_USER}")
    assert "servicenow" in {one["tool"] for one in (await at("sync", "tools"))[1]["items"]}
    secret("password=wrong\n")
    code, made = await at(*connect, "--stdin")
    assert (code, made["state"], "/told/" in made["hook_url"]) == (0, "on", True)
    code, found = await at("sync", "check", "desk")
    assert (code, found["findings"][0]["about"]) == (1, "address"), "this machine is not to be reached unasked"
    monkeypatch.setenv("RALLYPOINT_ALLOW_PRIVATE_TARGETS", "true")
    code, found = await at("sync", "check", "desk")
    assert (code, found["findings"][0]["about"]) == (1, "credentials")
    assert (await at("sync", "connections"))[1]["items"][0]["state"] == "refused"
    secret(f"password={emulator.passwords[INTEGRATION_USER]}")
    assert (await at("sync", "change", "desk", "--stdin"))[1]["state"] == "on"
    assert (await at("sync", "check", "desk"))[0] == 0
    assert (await at("sync", "change", "desk", "--url", "https://elsewhere.example"))[0] == 2

    file = tmp_path / "mapping.json"
    suggest = ("sync", "suggest", "desk", "--project", "incident", "--type", "incident", "--to", str(file))
    assert (await at(*suggest))[1]["ok"]
    named = ("--connection", "desk")
    wrong = tmp_path / "wrong.json"
    rules = json.loads(file.read_text())
    wrong.write_text(json.dumps(rules | {"fields": [{"hub": "titel", "remote": "short_description"}]}))
    code, said = await at("sync", "review", str(wrong), *named)
    assert (code, said["remarks"][0]["text"]) == (1, "The incident has no field 'titel'.")
    assert (await at("sync", "save", str(wrong), *named))[0] == 2
    wrong.write_text("{")
    assert (await at("sync", "review", str(wrong), *named))[0] == 2
    number = str((await at("incident", "open", "--title", "Label printer is dark"))[1]["number"])
    shown = (await at("sync", "preview", str(file), *named, "--incident", number))[1]
    assert shown["creates"]["fields"]["short_description"] == "Label printer is dark"
    assert (await at("sync", "preview", str(file), *named, "--incident", "4711"))[0] == 3
    id = str((await at("sync", "save", str(file), *named))[1]["id"])

    assert (await at("sync", "backlog", id))[1]["without_item"] == 1
    assert (await at("sync", "link", number, "--mapping", id))[0] == 0
    assert (await at("sync", "link", number, "--mapping", id))[0] == 5
    await engine(dsn, tmp_path)
    [item] = (await at("sync", "items", number))[1]["items"]
    assert (item["state"], item["error"]) == ("active", None)
    assert item["remote_key"].startswith("INC")
    assert (await at("sync", "health", "desk"))[1]["links"]["active"] == 1

    file.write_text(json.dumps(rules | {"fields": [one for one in rules["fields"] if one["hub"] != "impact"]}))
    assert (await at("sync", "effect", id, str(file)))[1]["changed"] == []
    assert (await at("sync", "save", str(file), *named, "--mapping", id))[1]["version"] == 2
    assert (await at("sync", "effect", id, "--version", "1"))[1]["changed"] == []
    assert (await at("sync", "effect", id))[0] == 2
    assert (await at("sync", "effect", id, str(file), "--version", "1"))[0] == 2
    assert (await at("sync", "roll-back", id, "--to", "1"))[1]["version"] == 3
    assert [one["version"] for one in (await at("sync", "versions", id))[1]["items"]] == [3, 2, 1]
    assert (await at("sync", "mappings"))[1]["items"][0]["rules"] == rules
    hook = (await at("sync", "webhook", "desk"))[1]
    assert hook["secret"]
    assert "Business Rules" in hook["instructions"]
    assert (await at("sync", "pause", "desk", "--reason", "Migration"))[1]["state_reason"] == "Migration"
    assert (await at("sync", "resume", "desk"))[1]["state"] == "on"
    assert (await at("sync", "retry", str(item["id"])))[0] == 0
    assert (await at("sync", "part", str(item["id"])))[1]["state"] == "ended"


async def test_conflicts_are_listed_and_settled(at: Any, dsn: str, tmp_path: Path) -> None:
    number = (await at("incident", "open", "--title", "Ours"))[1]["number"]
    house = tmp_path / "house.json"
    fields = [{"hub": "title", "remote": "short_description"}]
    rules = {"create": {"project": "incident", "type": "incident"}, "fields": fields}
    connection = {"key": "desk", "tool": "servicenow", "base_url": "https://desk.example"}
    mapping = {"name": "M", "connection": "desk", "rules": rules}
    house.write_text(json.dumps({"connections": [connection], "mappings": [mapping]}))
    assert (await at("apply", str(house)))[0] == 0
    db = await Database.connect(dsn, clock=DatabaseClock(), bus=wiring.bus(), size=1)
    async with db.transaction(SYSTEM) as tx:
        [made] = await store.mappings(tx)
        link = await store.add_link(tx, incident=number, mapping=made, remote_id="one")
        assert link is not None
        clash = Conflict(
            link=link.id, field="title", hub_value="Ours", hub_version=1, hub_at=None, hub_by="Bea",
            remote_raw="Theirs", remote_value="Theirs", remote_at=None, remote_by=None, winner=None, rule="ask",
        )  # fmt: skip
        id = await conflict_store.add_conflict(tx, number, clash)
    await db.close()
    [listed] = (await at("sync", "conflicts"))[1]["items"]
    assert (listed["here"], listed["there"]) == ("Ours", "Theirs")
    assert (await at("sync", "settle", str(id), "--side", "remote"))[0] == 0
    assert (await at("sync", "conflicts"))[1]["items"] == []
    assert (await at("incident", "show", str(number)))[1]["title"] == "Theirs"
    assert (await at("sync", "settle", str(id), "--side", "hub"))[0] == 5
    assert (await at("sync", "turn-round", str(id)))[1]["side"] == "hub"
    assert (await at("incident", "show", str(number)))[1]["title"] == "Ours"
    assert (await at("sync", "turn-round", str(id), "--over"))[1]["side"] == "remote"


async def test_what_was_there_before_is_planned_and_ended(
    at: Any, secret: Any, elsewhere: tuple[ServiceNow, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, url = elsewhere
    monkeypatch.setenv("RALLYPOINT_ALLOW_PRIVATE_TARGETS", "true")
    secret("password=" + elsewhere[0].passwords[INTEGRATION_USER])
    connect = ("sync", "connect", "desk", "--tool", "servicenow", "--url", url, "--set", f"user={INTEGRATION_USER}")
    assert (await at(*connect, "--stdin"))[0] == 0
    file = tmp_path / "mapping.json"
    suggest = ("sync", "suggest", "desk", "--project", "incident", "--type", "incident", "--to", str(file))
    assert (await at(*suggest))[0] == 0
    assert (await at("sync", "save", str(file), "--connection", "desk"))[0] == 0
    code, made = await at("sync", "history", "plan", "1", "--since", "2026-05-01", "--if", "category=network,database")
    assert (code, made["state"], made["direction"]) == (0, "planning", "receive")
    assert (await at("sync", "history", "plan", "1", "--since", "once"))[0] != 0
    assert [one["id"] for one in (await at("sync", "history", "list", "1"))[1]["items"]] == [made["id"]]
    assert (await at("sync", "history", "show", str(made["id"])))[1]["total"] == 0
    assert (await at("sync", "history", "items", str(made["id"])))[1]["items"] == []
    assert (await at("sync", "history", "start", str(made["id"])))[0] != 0, "it is still being planned"
    code, ended = await at("sync", "history", "cancel", str(made["id"]))
    assert (code, ended["state"]) == (0, "cancelled")


async def test_an_application_signs_in_from_the_command_line(
    at: Any, secret: Any, elsewhere: tuple[ServiceNow, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its token is kept between commands, and no other token URL is told the secret."""
    emulator, url = elsewhere
    monkeypatch.setenv("RALLYPOINT_ALLOW_PRIVATE_TARGETS", "true")
    connect = ("sync", "connect", "desk", "--tool", "servicenow", "--url", url, "--set", f"client_id={CLIENT}")
    secret(f"client_secret={emulator.client_secret}")
    code, made = await at(*connect, "--stdin")
    assert (code, emulator.client_secret in json.dumps(made)) == (0, False)
    for _ in range(2):
        assert (await at("sync", "check", "desk"))[0] == 0
    assert len(emulator.tokens._access) == 1, "one token for two commands"
    code, no = await at("sync", "change", "desk", "--set", "token_url=https://elsewhere.example/token")
    assert (code, "give them again" in json.dumps(no)) == (2, True)
    emulator.tokens.clients.clear()
    emulator.tokens.revoke()
    code, found = await at("sync", "check", "desk")
    assert (code, found["findings"][0]["about"]) == (1, "credentials")
    assert "gives no token" in found["findings"][0]["text"]
    assert (await at("sync", "connections"))[1]["items"][0]["state"] == "refused"
