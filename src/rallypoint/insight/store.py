"""What insight reads: three set-based statements over other rooms' tables.

Elsewhere a room reads only its own tables. Metrics are the exception, made here and nowhere else: they are sums over
every incident, clock and page of a window, and fetching each record through its room would be a statement an incident.
Insight only reads, and turns rows into values of its own at this border, so a change of those tables ends here.
"""

from dataclasses import dataclass
from datetime import datetime

from rallypoint.db import Transaction
from rallypoint.insight.model import Case, ClockFact, PageFact

OF_SCOPE = """(:domain_id::bigint is null or i.domain_id = :domain_id)
          and (:service_id::bigint is null or i.service_id = :service_id)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose incidents: all, or those of one domain, one service, or both."""

    domain_id: int | None = None
    service_id: int | None = None


async def cases(
    tx: Transaction, scope: Scope, *, since: datetime, hurting_since: datetime, until: datetime
) -> list[Case]:
    """Incidents opened from `since` to `until`, and older ones that still hurt, or were resolved, after
    `hurting_since`.

    Repair has no anchors of its own in the record yet, so they stay unknown.
    """
    return await tx.fetch(
        Case,
        f"""
        select i.number, i.kind, i.status_category, i.drill, i.priority, i.domain_id, i.service_id, i.service_key,
               i.service_name, i.category_id, i.category_name, i.grouping_key, i.created_at, i.impact_started_at,
               i.detected_at, i.reported_at, p.paged_at,
               case when not i.acknowledged_by_bot then i.acknowledged_at end as acknowledged_at, i.restored_at,
               i.recovered_at, i.resolved_at, i.closed_at
          from incident i
          left join (select incident, min(created_at) as paged_at from page group by incident) p
                 on p.incident = i.number
         where {OF_SCOPE} and i.created_at < :until
           and (i.created_at >= :since
                or coalesce(i.restored_at, i.recovered_at, i.resolved_at, i.closed_at, :until) >= :hurting_since
                or i.resolved_at >= :hurting_since)
         order by i.number""",
        domain_id=scope.domain_id, service_id=scope.service_id, since=since, hurting_since=hurting_since, until=until,
    )  # fmt: skip


async def clocks(tx: Transaction, scope: Scope, *, since: datetime, until: datetime) -> list[ClockFact]:
    """The clocks of incidents opened in the window. Paused minutes count a pause that still lasts."""
    return await tx.fetch(
        ClockFact,
        f"""
        select c.incident, c.kind, c.priority, c.state, c.due_at, c.met_at, c.breached_at,
               (extract(epoch from c.paused_for + coalesce(greatest(:now - c.paused_at, interval '0'), interval '0'))
                / 60)::float8 as paused_minutes
          from sla_clock c join incident i on i.number = c.incident
         where {OF_SCOPE} and i.created_at >= :since and i.created_at < :until""",
        domain_id=scope.domain_id, service_id=scope.service_id, since=since, until=until,
    )  # fmt: skip


async def pages(tx: Transaction, scope: Scope, *, since: datetime, until: datetime) -> list[PageFact]:
    """Pages that went out in the window, each with the zone of the one who was paged."""
    return await tx.fetch(
        PageFact,
        f"""
        select p.incident, p.person_id, p.person_name, who.time_zone, p.created_at
          from page p join person who on who.id = p.person_id join incident i on i.number = p.incident
         where {OF_SCOPE} and p.created_at >= :since and p.created_at < :until""",
        domain_id=scope.domain_id, service_id=scope.service_id, since=since, until=until,
    )  # fmt: skip
