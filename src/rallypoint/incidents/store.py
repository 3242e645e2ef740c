"""The record's SQL: incidents and the alerts that belong to them."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime

from rallypoint.db import Transaction
from rallypoint.errors import Conflict, NotFound
from rallypoint.incidents.model import Incident

COLUMNS = tuple(field.name for field in fields(Incident))
SELECT = f"select {', '.join(COLUMNS)} from incident"
WRITTEN = tuple(name for name in COLUMNS if name not in ("number", "warn_at", "due_at"))
LIVE = "status_category in ('triage', 'active', 'on_hold', 'restored')"

INSERT = f"""
    insert into incident ({", ".join(WRITTEN)}) values ({", ".join(f":{name}" for name in WRITTEN)})
        on conflict (grouping_key) where joins and {LIVE} do nothing
    returning {", ".join(COLUMNS)}"""

CHANGED = tuple(name for name in WRITTEN if name not in ("epoch", "created_at", "kind", "origin", "drill", "logged_by"))
UPDATE = f"""
    update incident set epoch = epoch + 1, {", ".join(f"{name} = :{name}" for name in CHANGED)}
     where number = :number and epoch = :epoch"""


async def incident(tx: Transaction, number: int) -> Incident:
    return await tx.one(Incident, f"{SELECT} where number = :number", number=number, missing=("incident", number))


async def load(tx: Transaction, number: int) -> Incident:
    """The incident, locked until the end of the transaction: one change at a time."""
    sql = f"{SELECT} where number = :number for update"
    return await tx.one(Incident, sql, number=number, missing=("incident", number))


async def insert(tx: Transaction, new: Incident) -> Incident | None:
    """A new incident with its number. None: by incident_one_per_grouping_key another one takes this key's alerts."""
    return await tx.maybe(Incident, INSERT, **_values(new))


async def save(tx: Transaction, incident: Incident) -> None:
    """Write it if nobody else did since it was loaded: the epoch is compared and raised."""
    if await tx.execute(UPDATE, **_values(incident)) != 1:
        raise Conflict(f"{incident.name} was changed by someone else in the meantime.")


async def set_deadline(tx: Transaction, number: int, warn_at: datetime | None, due_at: datetime | None) -> None:
    """The nearest deadline, for the rank. Not a change of the record: the epoch stays."""
    sql = "update incident set warn_at = :warn_at, due_at = :due_at where number = :number"
    await tx.execute(sql, number=number, warn_at=warn_at, due_at=due_at)


async def taker(tx: Transaction, grouping_key: str) -> Incident | None:
    """The one incident that takes this key's alerts, locked."""
    sql = f"{SELECT} where grouping_key = :key and joins and {LIVE} for update"
    return await tx.maybe(Incident, sql, key=grouping_key)


async def known(tx: Transaction, grouping_key: str) -> Incident | None:
    """The incident of this key that is open, else the last one that is resolved and not closed yet; locked."""
    return await tx.maybe(
        Incident,
        f"""{SELECT} where grouping_key = :key and joins and status_category not in ('closed', 'cancelled', 'merged')
             order by ({LIVE}) desc, number desc limit 1 for update""",
        key=grouping_key,
    )


async def join(tx: Transaction, number: int, alert_ids: Sequence[int], reason: str) -> list[int]:
    """Attach alerts, however many, in one statement; returns those that were not attached to any incident yet."""
    rows = await tx.rows(
        """
        insert into incident_alert (alert_id, incident, joined_at, reason)
        select id, :number::bigint, :now::timestamptz, :reason::text from unnest(:ids::bigint[]) as id
            on conflict (alert_id) do nothing returning alert_id""",
        number=number, reason=reason, ids=list(alert_ids),
    )  # fmt: skip
    return [row["alert_id"] for row in rows]


async def clear(tx: Transaction, alert_ids: Sequence[int]) -> list[int]:
    """Note that these alerts are over; returns the incidents in which nothing fires any more, by number."""
    rows = await tx.rows(
        """
        with over as (update incident_alert set cleared_at = :now
                       where alert_id = any(:ids::bigint[]) and cleared_at is null returning incident)
        select distinct o.incident from over o
         where not exists (select 1 from incident_alert a where a.incident = o.incident and a.cleared_at is null
                              and a.alert_id <> all(:ids::bigint[]))
         order by o.incident""",  # what `over` wrote is not visible yet, hence the second look at the ids
        ids=list(alert_ids),
    )
    return [row["incident"] for row in rows]


async def firing(tx: Transaction, number: int) -> int:
    """How many alerts of an incident still fire."""
    sql = "select count(*) from incident_alert where incident = :number and cleared_at is null"
    return int(await tx.value(sql, number=number))


async def last_cleared(tx: Transaction, number: int) -> datetime | None:
    """Since when nothing fires, as far as alerts tell."""
    at: datetime | None = await tx.value(
        "select max(cleared_at) from incident_alert where incident = :number", number=number
    )
    return at


async def joined(tx: Transaction, number: int, *, limit: int) -> list[tuple[int, datetime, str]]:
    """An incident's alerts by id, the first first."""
    rows = await tx.rows(
        """
        select alert_id, joined_at, reason from incident_alert
         where incident = :number order by alert_id limit :limit""",
        number=number, limit=limit,
    )  # fmt: skip
    return [(row["alert_id"], row["joined_at"], row["reason"]) for row in rows]


async def incidents_of(tx: Transaction, alert_ids: Sequence[int]) -> list[int]:
    """The incidents these alerts belong to, by number, each once."""
    sql = "select distinct incident from incident_alert where alert_id = any(:ids::bigint[]) order by incident"
    return [row["incident"] for row in await tx.rows(sql, ids=list(alert_ids))]


async def related(tx: Transaction, incident: Incident, services: Sequence[int], *, since: datetime) -> list[Incident]:
    """Others with the same grouping key, service or category, or on what the service needs: open ones first.

    What is over is looked for from its newest end in each index, so that old records cost nothing: of ten shown, none
    can lie behind the eleven newest of its key or service.
    """
    return await tx.fetch(
        Incident,
        f"""
        with alike as (
            select number from incident
             where status_category not in ('closed', 'cancelled', 'merged')
               and (grouping_key = :grouping_key::text or service_id = any(:services::bigint[])
                    or (category_id = :category_id::bigint and service_id is not distinct from :service_id::bigint))
            union
            (select number from incident where grouping_key = :grouping_key::text order by number desc limit 11)
            union
            select newest.number from unnest(:services::bigint[]) service cross join lateral
                   (select number from incident where service_id = service order by number desc limit 11) newest
            union
            (select number from incident
              where :service_id::bigint is null and service_id is null and category_id = :category_id::bigint
              order by number desc limit 11))
        {SELECT} where number in (select number from alike) and number <> :number and created_at >= :since
         order by (status_category in ('closed', 'cancelled', 'merged')),
                  (grouping_key = :grouping_key::text) is not true, number desc limit 10""",
        number=incident.number, since=since, grouping_key=incident.grouping_key, services=list(services),
        category_id=incident.category_id, service_id=incident.service_id,
    )  # fmt: skip


async def add_token(tx: Transaction, number: int, token_hash: bytes) -> None:
    await tx.execute(
        "insert into reporter_token (token_hash, incident, created_at) values (:hash, :number, :now)",
        hash=token_hash, number=number,
    )  # fmt: skip


async def number_of_token(tx: Transaction, token_hash: bytes) -> int:
    number = await tx.value("select incident from reporter_token where token_hash = :hash", hash=token_hash)
    if number is None:
        raise NotFound("link", "of this address")
    return int(number)


def _values(incident: Incident) -> dict[str, object]:
    return asdict(incident)
