"""Connections and mappings as code: without secrets, in versions, and back again."""

from pathlib import Path
from typing import Any

import pytest

from rallypoint import wiring
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.edges import code
from rallypoint.errors import Invalid
from rallypoint.settings import Settings
from rallypoint.sync import connecting, store
from rallypoint.sync.connection import ConnectionState
from tests.store.code.test_code import do, export, plan, problems, told

RULES: dict[str, Any] = {
    "create": {"project": "incident", "type": "incident"},
    "trigger": {"send": True},
    "scope": {"hub": [{"field": "priority", "values": ["P1", "P2"]}]},
    "fields": [
        {"hub": "title", "remote": "short_description", "transform": {"kind": "text", "max_length": 160}},
        {"hub": "urgency", "remote": "urgency", "transform": {"kind": "values", "pairs": [
            {"hub": "critical", "remote": "1"}, {"hub": "high", "remote": "1"}, {"hub": "medium", "remote": "2"},
            {"hub": "low", "remote": "3"},
        ]}},
    ],
}  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "connections": [
        {"key": "now", "tool": "servicenow", "base_url": "https://example.service-now.com", "name": "ServiceNow",
         "settings": {"user": "rallypoint.sync"}}
    ],
    "mappings": [{"name": "Major ones", "connection": "now", "rules": RULES}],
}  # fmt: skip


async def test_a_file_makes_them_and_then_needs_nothing(db: Database) -> None:
    wanted = await plan(db, DOCUMENT)
    assert wanted == [("connection", "now", "create"), ("mapping", "Major ones", "create")]
    assert [told(one) for one in await do(db, DOCUMENT)] == wanted
    assert await plan(db, DOCUMENT) == []
    for kind in ("toml", "json"):
        again = code.read_text(code.write(await export(db), kind), kind=kind)
        assert await plan(db, again, prune=True) == []
    async with db.transaction(SYSTEM) as tx:
        made = await store.connection(tx, "now")
    assert (made.state, made.state_reason) == (ConnectionState.REFUSED, "waits for its credentials")


async def test_secrets_stay_here_and_never_go_to_another_host(db: Database, tmp_path: Path) -> None:
    await do(db, DOCUMENT)
    vault = Vault.open(Settings(data=tmp_path))
    async with db.transaction(SYSTEM) as tx:
        await connecting.new_credentials(tx, wiring.tools(), vault, "now", secrets_={"password": "very secret words"})
        assert (await store.connection(tx, "now")).state is ConnectionState.ON
    assert "very secret" not in code.write(await export(db))
    renamed = {"connections": [{"key": "now", "name": "Ours"}]}
    assert [told(one) for one in await do(db, renamed)] == [("connection", "now", "name: 'ServiceNow' -> 'Ours'")]
    async with db.transaction(SYSTEM) as tx:
        assert (await connecting.opened(tx, vault, await store.connection(tx, "now"))).secrets
    await do(db, {"connections": [{"key": "now", "base_url": "https://elsewhere.example"}]})
    async with db.transaction(SYSTEM) as tx:
        moved = await store.connection(tx, "now")
        assert moved.state is ConnectionState.REFUSED
        assert (await connecting.opened(tx, vault, moved)).secrets == {}


async def test_another_mapping_is_another_version_and_pruning_switches_off(db: Database) -> None:
    await do(db, DOCUMENT)
    rules = RULES | {"scope": {"hub": [{"field": "priority", "values": ["P1"]}]}}
    await do(db, {"mappings": [{"name": "Major ones", "connection": "now", "rules": rules}]})
    async with db.transaction(SYSTEM) as tx:
        [now] = await store.mappings(tx)
    assert (now.version, now.scope.hub[0].values) == (2, ("P1",))
    done = await do(db, {"connections": [], "mappings": []}, prune=True)
    assert [told(one) for one in done] == [("connection", "now", "pause"), ("mapping", "Major ones", "switch off")]
    async with db.transaction(SYSTEM) as tx:
        [off] = await store.mappings(tx)
        assert (await store.connection(tx, "now")).state is ConnectionState.PAUSED
    assert (off.version, off.trigger.send) == (3, False)
    assert await do(db, {"connections": [], "mappings": []}, prune=True) == []
    await do(db, {"connections": [{"key": "now", "paused": False}]})
    async with db.transaction(SYSTEM) as tx:
        assert (await store.connection(tx, "now")).state is ConnectionState.REFUSED, "it still has no credentials"


async def test_what_is_wrong_is_told_by_its_place(db: Database) -> None:
    connection = DOCUMENT["connections"][0]
    assert await problems(db, {"connections": [connection | {"tool": "nothing"}]}) == {
        "connections[0].tool": "must be one of " + ", ".join(sorted(wiring.tools().keys()))
    }
    found = await problems(db, {"connections": [connection | {"settings": {"password": "x"}}]})
    assert list(found) == ["connections[0].settings.password"]
    unknown = {"mappings": [{"name": "M", "connection": "none", "rules": RULES}]}
    assert await problems(db, unknown) == {"mappings[0]": "There is no connection 'none'."}
    wrong = RULES | {"nme": 1}
    found = await problems(db, DOCUMENT | {"mappings": [{"name": "M", "connection": "now", "rules": wrong}]})
    assert list(found) == ["mappings[0].rules.nme"]
    wrong = RULES | {"fields": [{"hub": "titel", "remote": "short_description"}]}
    found = await problems(db, DOCUMENT | {"mappings": [{"name": "M", "connection": "now", "rules": wrong}]})
    assert found == {"mappings[0].rules: titel": "The incident has no field 'titel'."}
    await do(db, DOCUMENT)
    with pytest.raises(Invalid, match="cannot be changed"):
        await do(db, {"connections": [connection | {"tool": "jira"}]})
