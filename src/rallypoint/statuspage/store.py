"""The status page's SQL. It reads and writes only tables whose every word is public."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rallypoint.db import Transaction
from rallypoint.statuspage.model import (
    Affected,
    Component,
    ComponentStatus,
    Effect,
    Indicator,
    Page,
    PublicStatus,
    StatusIncident,
    StatusUpdate,
)

# A component's status is the worst of its open effects, in the order of ComponentStatus.
COMPONENTS = """
    select c.*, coalesce(
               (select e.status from status_effect e where e.component_id = c.id and e.ends_at is null
                 order by array_position(array['under_maintenance', 'degraded_performance', 'partial_outage',
                                               'major_outage'], e.status) desc
                 limit 1), 'operational') as status
      from status_component c"""

INCIDENT_COLUMNS = """i.id, i.public_id, i.incident, i.title, i.title_given, i.status, i.impact, i.started_at,
                      i.created_at, i.updated_at, i.monitoring_at, i.resolved_at"""


async def page(tx: Transaction, *, public_id: str) -> Page:
    """The page; it comes into being, with this id, when it is first asked for."""
    found = await tx.maybe(Page, "select public_id, name, time_zone, created_at, updated_at from status_page")
    if found is not None:
        return found
    await tx.execute(
        """
        insert into status_page (public_id, name, time_zone, created_at, updated_at)
        values (:public_id, 'Status', 'UTC', :now, :now) on conflict do nothing""",
        public_id=public_id,
    )
    sql = "select public_id, name, time_zone, created_at, updated_at from status_page"
    return await tx.one(Page, sql, missing=("status page", ""))


async def save_page(tx: Transaction, *, name: str, time_zone: str) -> None:
    await tx.execute(
        "update status_page set name = :name, time_zone = :time_zone, updated_at = :now", name=name, time_zone=time_zone
    )


async def components(tx: Transaction) -> list[Component]:
    """All components, hidden ones too, in the order of the page."""
    return await tx.fetch(Component, COMPONENTS + " order by c.position, c.id")


async def add_component(
    tx: Transaction, *, public_id: str, key: str, service_id: int | None, name: str, description: str, by_hand: bool
) -> bool:
    """Add a component at the end; False where the key or the service has one already (unique indexes)."""
    added = await tx.execute(
        """
        insert into status_component
               (public_id, key, service_id, name, description, by_hand, position, created_at, updated_at)
        select :public_id::text, :key::text, :service_id::bigint, :name::text, :description::text, :by_hand::boolean,
               coalesce(max(position), 0) + 1, :now::timestamptz, :now::timestamptz from status_component
            on conflict do nothing""",
        public_id=public_id, key=key, service_id=service_id, name=name, description=description,
        by_hand=by_hand,
    )  # fmt: skip
    return added == 1


async def save_component(
    tx: Transaction, component_id: int, *, name: str, description: str, position: int, hidden: bool
) -> None:
    await tx.execute(
        """
        update status_component set name = :name, description = :description, position = :position, hidden = :hidden,
               updated_at = :now where id = :id""",
        id=component_id, name=name, description=description, position=position, hidden=hidden,
    )  # fmt: skip


async def begin_incident(tx: Transaction, incident: int, *, public_id: str, title: str, started_at: datetime) -> bool:
    """Open the public side of an incident; False where it is open already (unique index on `incident`)."""
    added = await tx.execute(
        """
        insert into status_incident (public_id, incident, title, status, impact, started_at, created_at, updated_at)
        values (:public_id, :incident, :title, 'investigating', 'none', :started_at, :now, :now)
            on conflict (incident) do nothing""",
        public_id=public_id, incident=incident, title=title, started_at=started_at,
    )  # fmt: skip
    return added == 1


async def lock_incident(tx: Transaction, incident: int) -> StatusIncident | None:
    """The public side of an incident, held until this transaction ends: updates come one after another."""
    sql = f"select {INCIDENT_COLUMNS} from status_incident i where incident = :incident for update"
    return await tx.maybe(StatusIncident, sql, incident=incident)


async def save_incident(
    tx: Transaction, status_incident_id: int, *, status: PublicStatus, impact: Indicator, at: datetime
) -> None:
    """Move an incident on. The first time it was monitored is kept; resolved_at is empty while it is not resolved."""
    await tx.execute(
        """
        update status_incident set status = :status, impact = :impact, updated_at = greatest(updated_at, :at),
               monitoring_at = case when :status = 'monitoring' then coalesce(monitoring_at, :at)
                                    else monitoring_at end,
               resolved_at = case when :status = 'resolved' then coalesce(resolved_at, :at) end
         where id = :id""",
        id=status_incident_id, status=status.value, impact=impact.value, at=at,
    )  # fmt: skip


async def save_title(tx: Transaction, status_incident_id: int, title: str) -> None:
    await tx.execute(
        "update status_incident set title = :title, title_given = true, updated_at = :now where id = :id",
        id=status_incident_id, title=title,
    )  # fmt: skip


async def name_incident(tx: Transaction, status_incident_id: int, title: str) -> None:
    """The neutral title follows the components, until someone gives a title."""
    await tx.execute(
        "update status_incident set title = :title where id = :id and not title_given",
        id=status_incident_id,
        title=title,
    )


async def has_update(tx: Transaction, status_incident_id: int, source: str) -> bool:
    """Whether what `source` names is on the page already."""
    return bool(
        await tx.value(
            "select exists (select 1 from status_update where status_incident_id = :id and source = :source)",
            id=status_incident_id, source=source,
        )
    )  # fmt: skip


async def add_update(
    tx: Transaction,
    status_incident_id: int,
    *,
    public_id: str,
    source: str,
    status: PublicStatus,
    body: str,
    affected: Sequence[Affected],
    at: datetime,
) -> None:
    await tx.execute(
        """
        insert into status_update (public_id, status_incident_id, source, status, body, affected, created_at)
        values (:public_id, :id, :source, :status, :body, :affected, :at)""",
        public_id=public_id, id=status_incident_id, source=source, status=status.value, body=body, at=at,
        affected=list(affected),
    )  # fmt: skip


async def effects_of(tx: Transaction, status_incident_id: int) -> list[Effect]:
    """The open effects of an incident."""
    return await tx.fetch(
        Effect,
        """
        select component_id, status_incident_id, status, starts_at, ends_at from status_effect
         where status_incident_id = :id and ends_at is null""",
        id=status_incident_id,
    )


async def change_effect(
    tx: Transaction,
    status_incident_id: int,
    component_id: int,
    status: ComponentStatus,
    *,
    at: datetime,
    since: datetime,
) -> None:
    """From `at` on, this incident has another effect on this component. A first effect began at `since`."""
    ended = await tx.execute(
        """
        update status_effect set ends_at = greatest(starts_at, :at)
         where status_incident_id = :incident and component_id = :component and ends_at is null""",
        incident=status_incident_id, component=component_id, at=at,
    )  # fmt: skip
    if status is not ComponentStatus.OPERATIONAL:
        await tx.execute(
            """
            insert into status_effect (component_id, status_incident_id, status, starts_at)
            values (:component, :incident, :status, :starts_at)""",
            incident=status_incident_id, component=component_id, status=status.value, starts_at=at if ended else since,
        )  # fmt: skip
    await tx.execute(
        "update status_component set updated_at = greatest(updated_at, :at) where id = :id", id=component_id, at=at
    )


async def recent_effects(tx: Transaction, *, since: datetime) -> list[Effect]:
    """Effects that are open or ended after `since`, for the days of the page."""
    return await tx.fetch(
        Effect,
        """
        select component_id, status_incident_id, status, starts_at, ends_at from status_effect
         where ends_at is null or ends_at >= :since order by starts_at""",
        since=since,
    )


async def unresolved(tx: Transaction) -> list[StatusIncident]:
    return await tx.fetch(
        StatusIncident,
        f"select {INCIDENT_COLUMNS} from status_incident i where resolved_at is null order by started_at desc, id desc",
    )


async def newest(tx: Transaction, *, limit: int, since: datetime | None = None) -> list[StatusIncident]:
    """The newest incidents, resolved or not."""
    return await tx.fetch(
        StatusIncident,
        f"""
        select {INCIDENT_COLUMNS} from status_incident i where :since::timestamptz is null or started_at >= :since
         order by started_at desc, id desc limit :limit""",
        limit=limit, since=since,
    )  # fmt: skip


async def by_public_id(tx: Transaction, public_id: str) -> StatusIncident:
    sql = f"select {INCIDENT_COLUMNS} from status_incident i where public_id = :public_id"
    return await tx.one(StatusIncident, sql, missing=("incident", public_id), public_id=public_id)


async def by_number(tx: Transaction, incident: int) -> StatusIncident | None:
    sql = f"select {INCIDENT_COLUMNS} from status_incident i where incident = :incident"
    return await tx.maybe(StatusIncident, sql, incident=incident)


async def updates_of(tx: Transaction, ids: Sequence[int]) -> list[StatusUpdate]:
    """The updates of these incidents, newest first."""
    return await tx.fetch(
        StatusUpdate,
        """
        select id, public_id, status_incident_id, status, body, affected, created_at from status_update
         where status_incident_id = any(:ids) order by created_at desc, id desc""",
        ids=list(ids),
    )


async def components_of(tx: Transaction, ids: Sequence[int]) -> list[tuple[int, int]]:
    """(incident, component) for every component that each of these incidents ever had an effect on."""
    rows: list[Any] = await tx.rows(
        """
        select distinct status_incident_id, component_id from status_effect where status_incident_id = any(:ids)""",
        ids=list(ids),
    )
    return [(row["status_incident_id"], row["component_id"]) for row in rows]
