"""The SQL of historical syncs: runs, what each is about, and claiming one of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from rallypoint.db import Transaction
from rallypoint.errors import NotFound
from rallypoint.sync import codec
from rallypoint.sync.history_model import History, Piece, Progress, Stage, Way
from rallypoint.sync.mapping import Condition

LEASE = timedelta(seconds=90)
TOPIC = "sync-history"
"""Wakes the loop."""

PROGRESS = "sync-history-progress"
"""Heard by the pages that show how far one is."""

HISTORY = """id, mapping_id, connection_id, direction, state, since, conditions, match, cursor, looked_at, error,
    created_at, created_by, started_at, ended_at"""
PIECE = "key, place, name, title, url, state, outcome, incident, detail, attempts"


def _history(row: Any) -> History:
    values = dict(row)
    conditions = tuple(codec.from_json(Condition, one) for one in values.pop("conditions"))
    state, direction = Stage(values.pop("state")), Way(values.pop("direction"))
    return History(**values, conditions=conditions, state=state, direction=direction)


async def add(
    tx: Transaction, *, mapping_id: int, connection_id: int, direction: str, since: datetime | None,
    conditions: Iterable[Condition], match: str,
) -> History:  # fmt: skip
    rows = await tx.rows(
        f"""
        insert into sync_history (mapping_id, connection_id, direction, since, conditions, match, due_at, created_at,
               created_by)
        values (:mapping_id, :connection_id, :direction, :since, :conditions, :match, :now, :now, :by)
     returning {HISTORY}""",
        mapping_id=mapping_id, connection_id=connection_id, direction=direction, since=since,
        conditions=[codec.to_json(one) for one in conditions], match=match, by=tx.actor.name,
    )  # fmt: skip
    tx.hint(TOPIC, PROGRESS)
    return _history(rows[0])


async def one(tx: Transaction, id: int, *, for_update: bool = False) -> History:
    """Raises NotFound."""
    lock = " for update" if for_update else ""
    rows = await tx.rows(f"select {HISTORY} from sync_history where id = :id{lock}", id=id)
    if not rows:
        raise NotFound("historical sync", id)
    return _history(rows[0])


async def of_mapping(tx: Transaction, mapping_id: int) -> list[History]:
    """The newest first."""
    rows = await tx.rows(
        f"select {HISTORY} from sync_history where mapping_id = :id order by id desc limit 50", id=mapping_id
    )
    return [_history(row) for row in rows]


async def change(tx: Transaction, id: int, **columns: Any) -> None:
    known = {"state", "cursor", "looked_at", "error", "due_at", "started_at", "ended_at", "attempts"}
    if unknown := columns.keys() - known:
        raise TypeError(f"no such columns: {unknown}")
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    await tx.execute(f"update sync_history set {sets} where id = :id", id=id, **columns)
    tx.hint(TOPIC, PROGRESS)


# The loop.


async def claim(tx: Transaction) -> tuple[History, int] | None:
    """(a run that is due, its fence), of a connection that is on and not resting; None where there is none."""
    rows = await tx.rows(
        f"""
        update sync_history h set lease_until = :until, fence = h.fence + 1, attempts = h.attempts + 1
         where h.id = (select k.id from sync_history k join sync_connection c on c.id = k.connection_id
                        where k.due_at <= :now and k.state in ('planning', 'running')
                          and (k.lease_until is null or k.lease_until <= :now)
                          and c.state = 'on' and (c.closed_until is null or c.closed_until <= :now)
                        order by k.due_at, k.id limit 1 for update of k skip locked)
     returning {HISTORY}, fence""",
        until=tx.now + LEASE,
    )  # fmt: skip
    if not rows:
        return None
    values = dict(rows[0])
    fence = values.pop("fence")
    return _history(values), fence


async def hold(tx: Transaction, id: int, fence: int) -> History | None:
    """The run as it is now, locked, if the claim is still ours: a person may have paused it meanwhile."""
    rows = await tx.rows(
        f"select {HISTORY} from sync_history where id = :id and fence = :fence for update", id=id, fence=fence
    )
    return _history(rows[0]) if rows else None


async def release(tx: Transaction, id: int, fence: int, *, due_at: datetime, error: str = "") -> None:
    """Give it back. What a person decided meanwhile stays; without an error its tries are forgotten."""
    await tx.execute(
        """
        update sync_history set lease_until = null, error = :error,
               attempts = case when :error = '' then 0 else attempts end,
               due_at = case when state in ('planning', 'running') then :due_at::timestamptz end
         where id = :id and fence = :fence""",
        id=id, fence=fence, due_at=due_at, error=error[:500],
    )  # fmt: skip
    tx.hint(PROGRESS)


async def attempts(tx: Transaction, id: int) -> int:
    found: int = await tx.value("select attempts from sync_history where id = :id", id=id)
    return found


async def next_due(tx: Transaction) -> datetime | None:
    at: datetime | None = await tx.value(
        """
        select min(greatest(h.due_at, h.lease_until, c.closed_until))
          from sync_history h join sync_connection c on c.id = h.connection_id
         where h.due_at is not null and h.state in ('planning', 'running') and c.state = 'on'"""
    )
    return at


async def live_waits(tx: Transaction, connection_id: int) -> bool:
    """Whether something that is new waits to be brought across: that goes first."""
    found: bool = await tx.value(
        """
        select exists (select from sync_link where connection_id = :id and due_at <= :now and pressing < 2
                          and state in ('creating', 'active') and (rests_until is null or rests_until <= :now))""",
        id=connection_id,
    )
    return found


async def creating(tx: Transaction, mapping_id: int) -> int:
    """How many items of a mapping are on their way."""
    found: int = await tx.value(
        "select count(*) from sync_link where mapping_id = :id and state = 'creating' and error is null", id=mapping_id
    )
    return found


# What it is about.


async def put(tx: Transaction, id: int, pieces: Sequence[Piece]) -> int:
    """Add what is new of these, behind what is there. Returns how many were."""
    return await tx.execute(
        """
        insert into sync_history_item (history_id, key, place, name, title, url)
        select :id, p.key, p.place + coalesce((select max(place) from sync_history_item where history_id = :id), 0),
               p.name, p.title, p.url
          from unnest(:keys::text[], :names::text[], :titles::text[], :urls::text[]) with ordinality
               as p (key, name, title, url, place)
            on conflict (history_id, key) do nothing""",
        id=id, keys=[one.key for one in pieces], names=[one.name for one in pieces],
        titles=[one.title[:300] for one in pieces], urls=[one.url for one in pieces],
    )  # fmt: skip


async def waiting(tx: Transaction, id: int, *, limit: int, unseen: bool = False) -> list[Piece]:
    """The next ones in their order; only those that the plan has not looked at if `unseen`."""
    return await tx.fetch(
        Piece,
        f"""
        select {PIECE} from sync_history_item
         where history_id = :id and state = 'waiting' and (not :unseen or outcome = '') order by place limit :limit""",
        id=id, limit=limit, unseen=unseen,
    )  # fmt: skip


async def pieces(
    tx: Transaction, id: int, *, state: str = "", outcome: str = "", after: int = 0, limit: int = 50
) -> list[Piece]:
    """In their order; those with this state or outcome if named."""
    return await tx.fetch(
        Piece,
        f"""
        select {PIECE} from sync_history_item
         where history_id = :id and place > :after and (:state = '' or state = :state)
           and (:outcome = '' or outcome = :outcome) order by place limit :limit""",
        id=id, state=state, outcome=outcome, after=after, limit=limit,
    )  # fmt: skip


async def settle(
    tx: Transaction, id: int, key: str, *, state: str, outcome: str = "", incident: int | None = None, detail: str = ""
) -> None:
    """What came of one. `waiting` with an outcome is what the plan says."""
    await tx.execute(
        """
        update sync_history_item set state = :state, outcome = :outcome, incident = :incident, detail = :detail,
               attempts = attempts + case when :state = 'waiting' then 0 else 1 end
         where history_id = :id and key = :key""",
        id=id, key=key, state=state, outcome=outcome, incident=incident, detail=detail[:500],
    )  # fmt: skip


async def fail(tx: Transaction, id: int, key: str, *, detail: str, most: int) -> None:
    """One that failed is tried again a few times, behind the others."""
    await tx.execute(
        """
        update sync_history_item i set attempts = i.attempts + 1, detail = :detail,
               state = case when i.attempts + 1 >= :most then 'failed' else 'waiting' end,
               place = (select max(place) + 1 from sync_history_item where history_id = :id)
         where i.history_id = :id and i.key = :key""",
        id=id, key=key, detail=detail[:500], most=most,
    )  # fmt: skip


async def forget_failures(tx: Transaction, id: int) -> int:
    return await tx.execute(
        "update sync_history_item set state = 'waiting', attempts = 0, detail = '' where history_id = :id"
        " and state = 'failed'",
        id=id,
    )


async def progress(tx: Transaction, history: History) -> Progress:
    """How far it is, counted."""
    rows = await tx.rows(
        """
        select state, outcome, count(*) as n from sync_history_item where history_id = :id group by state, outcome""",
        id=history.id,
    )
    outcomes: dict[str, int] = {}
    for row in rows:
        if row["outcome"]:
            outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + row["n"]
    under_way: int = await tx.value(
        """
        select count(*) from sync_history_item i
          join sync_link l on l.incident = i.incident and l.mapping_id = :mapping
         where i.history_id = :id and i.state = 'done' and l.state = 'creating' and l.error is null""",
        id=history.id, mapping=history.mapping_id,
    )  # fmt: skip
    return Progress(
        total=sum(row["n"] for row in rows),
        done=sum(row["n"] for row in rows if row["state"] == "done"),
        failed=sum(row["n"] for row in rows if row["state"] == "failed"),
        outcomes=outcomes,
        under_way=under_way,
    )


async def linked(tx: Transaction, connection_id: int, remote_id: str) -> tuple[int, str] | None:
    """(incident, state) of a link that leads or led to this item, the living first; an action item's counts as well."""
    rows = await tx.rows(
        """
        select incident, state from (
               select incident, state, id from sync_link where connection_id = :id and remote_id = :remote_id
                union all
               select incident, state, id from sync_follower where connection_id = :id and remote_id = :remote_id) l
         order by state <> 'active', id limit 1""",
        id=connection_id, remote_id=remote_id,
    )  # fmt: skip
    return (rows[0]["incident"], rows[0]["state"]) if rows else None


async def alone_with(tx: Transaction, connection_id: int, remote_id: str) -> None:
    """Nobody else makes an incident of this item until the transaction ends."""
    await tx.execute(
        "select pg_advisory_xact_lock(hashtextextended(:item, 0))", item=f"sync item {connection_id} {remote_id}"
    )


async def creating_there(tx: Transaction, connection_id: int) -> bool:
    """Whether the tool was asked to make an item for us, and has not said yet which one it is."""
    found: bool = await tx.value(
        """
        select exists (select from sync_link where connection_id = :id and state = 'creating' and create_sent
                          and error is null)
            or exists (select from sync_follower where connection_id = :id and state = 'creating' and create_sent
                          and due_at is not null)""",
        id=connection_id,
    )
    return found
