"""Connections to other tools as code, without their secrets, and the mappings of each."""

from typing import Any

from rallypoint import wiring
from rallypoint.db import Transaction
from rallypoint.edges.code.document import Connection, Mapping
from rallypoint.edges.code.kinds import Kind
from rallypoint.errors import Invalid, Problem
from rallypoint.sync import connecting, setting_up, store
from rallypoint.sync.connection import ConnectionState
from rallypoint.sync.mapping import Mapping as Rules

BY_FILE = "paused by configuration as code"


class Connections(Kind[Connection]):
    """Known by key. A new one waits for its secrets, which no file holds: they are given once, by hand."""

    section, word, part = "connections", "connection", Connection

    async def current(self, tx: Transaction) -> list[Connection]:
        return [
            Connection(
                key=one.key, name=one.name, tool=one.tool, base_url=one.base_url, settings=one.settings,
                paused=one.state is ConnectionState.PAUSED,
            )
            for one in await store.connections(tx)
        ]  # fmt: skip

    async def create(self, tx: Transaction, wanted: Connection) -> str:
        await connecting.prepare(
            tx, wiring.tools(), key=wanted.key, tool=wanted.tool, base_url=wanted.base_url, name=wanted.name,
            settings=wanted.settings,
        )  # fmt: skip
        if wanted.paused:
            await connecting.pause(tx, wanted.key, reason=BY_FILE)
        return ""

    async def update(self, tx: Transaction, before: Connection, wanted: Connection) -> None:
        if wanted.tool != before.tool:
            raise Invalid("tool", "of a connection cannot be changed; make another one")
        if (wanted.name, wanted.base_url, wanted.settings) != (before.name, before.base_url, before.settings):
            await connecting.describe(
                tx, wiring.tools(), wanted.key, name=wanted.name, base_url=wanted.base_url, settings=wanted.settings
            )
        if wanted.paused and not before.paused:
            await connecting.pause(tx, wanted.key, reason=BY_FILE)
        elif before.paused and not wanted.paused:
            await connecting.resume(tx, wanted.key)

    async def remove(self, tx: Transaction, before: Connection) -> str:
        if before.paused:
            return ""
        await connecting.pause(tx, before.key, reason=BY_FILE)
        return "pause"


class Mappings(Kind[Mapping]):
    """Known by name. What changes is a new version; what is taken away makes no more links, and keeps those it has."""

    section, word, part, names = "mappings", "mapping", Mapping, "name"

    async def current(self, tx: Transaction) -> list[Mapping]:
        keys = {one.id: one.key for one in await store.connections(tx)}
        return [_told(one, keys[one.connection]) for one in await store.mappings(tx)]

    def merged(self, before: Mapping | None, raw: dict[str, Any], *, prune: bool) -> Mapping:
        """Rules are written whole; what they leave out is a default, so that is what they are compared by."""
        wanted = super().merged(before, raw, prune=prune)
        if isinstance(wanted.rules, dict):
            wanted.rules = _bare(_read(wanted, connection=0))
        return wanted

    async def create(self, tx: Transaction, wanted: Mapping) -> str:
        connection = await store.connection(tx, wanted.connection)
        rules = _read(wanted, connection=connection.id, id=await store.new_mapping_id(tx))
        await self._keep(tx, rules)
        return ""

    async def update(self, tx: Transaction, before: Mapping, wanted: Mapping) -> None:
        if wanted.connection != before.connection:
            raise Invalid("connection", "of a mapping cannot be changed; make another one")
        now = await _active(tx, before.name)
        await self._keep(tx, _read(wanted, connection=now.connection, id=now.id, version=now.version + 1))

    async def remove(self, tx: Transaction, before: Mapping) -> str:
        now = await _active(tx, before.name)
        if not (now.trigger.send or now.trigger.receive):
            return ""
        rules = {**before.rules, "trigger": {"send": False, "receive": False}}
        off = Mapping(name=before.name, connection=before.connection, rules=rules)
        await self._keep(tx, _read(off, connection=now.connection, id=now.id, version=now.version + 1))
        return "switch off"

    async def _keep(self, tx: Transaction, rules: Rules) -> None:
        """Save it, if it can work here. Whether the tool has what it names is told by `sync review`."""
        remarks = await setting_up.review_here(tx, rules)
        wrong = [Problem(f"rules: {one.field}", one.text) for one in remarks if one.level == "error"]
        if wrong:
            raise Invalid(wrong)
        await setting_up.keep(tx, rules)


async def _active(tx: Transaction, name: str) -> Rules:
    return next(one for one in await store.mappings(tx) if one.name == name)


def _read(wanted: Mapping, *, connection: int, id: int = 0, version: int = 1) -> Rules:
    try:
        return setting_up.read_rules(
            {**wanted.rules, "name": wanted.name}, connection=connection, id=id, version=version
        )  # fmt: skip
    except Invalid as problem:
        raise Invalid([Problem(f"rules.{one.field}", one.reason, one.example) for one in problem.problems]) from problem


def _told(rules: Rules, connection: str) -> Mapping:
    return Mapping(name=rules.name, connection=connection, rules=_bare(rules))


def _bare(rules: Rules) -> dict[str, Any]:
    """The rules without what the mapping says beside them, and without nulls, which TOML has not."""
    found = _without_nulls({name: one for name, one in setting_up.bare_rules(rules).items() if name != "name"})
    assert isinstance(found, dict)
    return found


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value if one is not None]
    return value
