"""The SQL of conflicts: fields that both sides changed, what decided, and what has become of it since."""

from typing import Any

from rallypoint.db import Transaction
from rallypoint.errors import NotFound
from rallypoint.sync import codec
from rallypoint.sync.model import Conflict, Side, Value
from rallypoint.sync.work import OpenConflict

CONFLICTS = "sync-conflicts"
"""Heard by the inbox of conflicts."""


async def add_conflict(tx: Transaction, incident: int, conflict: Conflict, *, left_version: int | None = None) -> int:
    """Put one on record. `left_version` is the version of the incident's field after what the rule decided."""
    tx.hint(f"incident:{incident}", CONFLICTS)
    id: int = await tx.value(
        """
        insert into sync_conflict (link_id, incident, field, body, winner, rule, at, left_version)
        values (:link, :incident, :field, :body, :winner, :rule, :now, :left_version) returning id""",
        link=conflict.link, incident=incident, field=conflict.field, body=codec.to_json(conflict),
        winner=conflict.winner, rule=conflict.rule, left_version=left_version,
    )  # fmt: skip
    return id


async def overtake(tx: Transaction, link_id: int, field: str) -> None:
    """Nobody has to decide this field any more: both sides agree since, or another conflict has taken the place."""
    closed = await tx.execute(
        """
        update sync_conflict set settled_at = :now, overtaken = true
         where link_id = :id and field = :field and winner is null and settled_at is null""",
        id=link_id, field=field,
    )  # fmt: skip
    if closed:
        tx.hint(CONFLICTS)


async def conflicts(
    tx: Transaction, *, incident: int | None = None, open_only: bool = False, id: int | None = None,
    before: int | None = None, limit: int = 200,
) -> list[OpenConflict]:  # fmt: skip
    """The newest first; those with an id below `before`, for the next page."""
    rows = await tx.rows(
        """
        select k.id, k.incident, k.link_id, k.body, k.at, k.settled_at, k.settled_by, k.chosen, k.left_version,
               k.overtaken, c.name as connection_name, l.url, l.remote_key, f.version as now_version,
               f.value as now_value, coalesce(f.by, '') as now_by, f.at as now_at
          from sync_conflict k join sync_link l on l.id = k.link_id join sync_connection c on c.id = l.connection_id
          left join sync_field f on f.incident = k.incident and f.field = k.field
         where (:incident::bigint is null or k.incident = :incident)
           and (:id::bigint is null or k.id = :id)
           and (:before::bigint is null or k.id < :before)
           and (not :open_only or (k.winner is null and k.settled_at is null))
         order by k.id desc limit :limit""",
        incident=incident, open_only=open_only, id=id, before=before, limit=limit,
    )  # fmt: skip
    return [_shown(dict(row)) for row in rows]


def _shown(row: dict[str, Any]) -> OpenConflict:
    given = {"body": codec.from_json(Conflict, row["body"]), "now_value": _value(row["now_value"])}
    return OpenConflict(**{**row, **given, "chosen": Side(row["chosen"]) if row["chosen"] else None})


def _value(data: object) -> Value:
    found: Value = codec.from_json(Value, data)  # type: ignore[arg-type]
    return found


async def conflict(tx: Transaction, id: int) -> OpenConflict:
    """Raises NotFound."""
    found = await conflicts(tx, id=id)
    if not found:
        raise NotFound("conflict", id)
    return found[0]


async def lock(tx: Transaction, id: int) -> None:
    """Whoever else decides this conflict waits until this transaction has ended."""
    await tx.execute("select from sync_conflict where id = :id for update", id=id)


async def open_conflicts(tx: Transaction) -> int:
    """How many wait for a person. Asked with every page, so by an index of those alone."""
    found: int = await tx.value("select count(*) from sync_conflict where winner is null and settled_at is null")
    return found


async def decided(tx: Transaction, id: int, *, side: Side, by: str, left_version: int) -> None:
    """A person has decided it, for the first time or again."""
    tx.hint(CONFLICTS)
    await tx.execute(
        """
        update sync_conflict set settled_at = :now, settled_by = :by, chosen = :side, left_version = :left_version
         where id = :id""",
        id=id, by=by, side=side, left_version=left_version,
    )  # fmt: skip
