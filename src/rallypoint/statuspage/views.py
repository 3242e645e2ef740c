"""What people and programs read of the status page. Public: no permission is asked, and nothing internal is at hand."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rallypoint.db import Transaction
from rallypoint.statuspage import days, feeds, rules, store, wire
from rallypoint.statuspage.actions import about, components
from rallypoint.statuspage.model import (
    Component,
    ComponentView,
    Effect,
    PastDay,
    PublicStatus,
    StatusIncident,
    StatusUpdate,
    StatusView,
)

PAST_DAYS = 14
INCIDENTS_SHOWN = 50


async def page(tx: Transaction) -> StatusView:
    """The whole page: how it is now, the last 90 days, what is going on, what was."""
    own, shown = await about(tx), await components(tx)
    effects: dict[int, list[Effect]] = defaultdict(list)
    for effect in await store.recent_effects(tx, since=tx.now - timedelta(days=days.DAYS + 1)):
        effects[effect.component_id].append(effect)
    active = await _full(tx, await store.unresolved(tx), shown)
    since = days.midnight(tx.now.astimezone(ZoneInfo(own.time_zone)).date() - timedelta(days=PAST_DAYS), own.time_zone)
    recent = await _full(tx, await store.newest(tx, limit=500, since=since), shown)
    indicator = rules.impact(c.status for c in shown)
    return StatusView(
        page=own,
        indicator=indicator,
        description=rules.DESCRIPTIONS[indicator],
        components=tuple(component_view(c, effects[c.id], zone=own.time_zone, now=tx.now) for c in shown),
        active=tuple(active),
        past=past_days(recent, zone=own.time_zone, now=tx.now),
        uptime_note=days.UPTIME_NOTE,
        now=tx.now,
    )


def component_view(component: Component, effects: Sequence[Effect], *, zone: str, now: datetime) -> ComponentView:
    """A component with how its days went."""
    known = days.stretches(effects, now=now)
    return ComponentView(
        component=component,
        cells=days.cells(known, since=component.created_at, now=now, zone=zone),
        uptime=days.uptime(known, since=component.created_at, now=now, zone=zone),
    )


def past_days(incidents: Sequence[StatusIncident], *, zone: str, now: datetime) -> tuple[PastDay, ...]:
    """Today and the days before it, newest first, each with the resolved incidents that began on it."""
    today = now.astimezone(ZoneInfo(zone)).date()
    over = [i for i in incidents if i.status is PublicStatus.RESOLVED]
    return tuple(
        PastDay(
            day=day, incidents=tuple(i for i in over if i.started_at.astimezone(ZoneInfo(zone)).date() == day)
        )
        for day in (today - timedelta(days=back) for back in range(PAST_DAYS + 1))
    )  # fmt: skip


async def incident_view(tx: Transaction, public_id: str) -> StatusIncident:
    """One incident with all its updates, for its own public page."""
    return (await _full(tx, [await store.by_public_id(tx, public_id)], await components(tx)))[0]


async def of_incident(tx: Transaction, number: int) -> StatusIncident | None:
    """The public side of one of our incidents, for the people who work on it; None where nothing was published."""
    public = await store.by_number(tx, number)
    return None if public is None else (await _full(tx, [public], await components(tx)))[0]


async def summary(tx: Transaction, *, base_url: str = "") -> dict[str, Any]:
    """`summary.json`: page, components, unresolved incidents, planned maintenance and the overall status."""
    own, shown = await about(tx), await components(tx)
    active = await _full(tx, await store.unresolved(tx), shown)
    return wire.summary(own, shown, active, base_url=base_url)


async def status(tx: Transaction, *, base_url: str = "") -> dict[str, Any]:
    """`status.json`."""
    return wire.status(await about(tx), await components(tx), base_url=base_url)


async def components_json(tx: Transaction, *, base_url: str = "") -> dict[str, Any]:
    """`components.json`."""
    return wire.components(await about(tx), await components(tx), base_url=base_url)


async def incidents_json(tx: Transaction, *, base_url: str = "") -> dict[str, Any]:
    """`incidents.json`: the newest 50."""
    own, shown = await about(tx), await components(tx)
    found = await _full(tx, await store.newest(tx, limit=INCIDENTS_SHOWN), shown)
    return wire.incidents(own, found, base_url=base_url)


async def unresolved(tx: Transaction, *, base_url: str = "") -> dict[str, Any]:
    """`incidents/unresolved.json`."""
    own, shown = await about(tx), await components(tx)
    return wire.incidents(own, await _full(tx, await store.unresolved(tx), shown), base_url=base_url)


async def scheduled_maintenances(tx: Transaction, *, base_url: str = "") -> dict[str, Any]:
    """`scheduled-maintenances.json`, `.../upcoming.json` and `.../active.json`: none is planned here yet."""
    return wire.maintenances(await about(tx), base_url=base_url)


async def history_atom(tx: Transaction, *, base_url: str = "") -> str:
    """The newest incidents as an Atom feed."""
    found = await _full(tx, await store.newest(tx, limit=INCIDENTS_SHOWN), await components(tx))
    return feeds.atom(await about(tx), found, base_url=base_url)


async def history_rss(tx: Transaction, *, base_url: str = "") -> str:
    """The newest incidents as an RSS feed."""
    found = await _full(tx, await store.newest(tx, limit=INCIDENTS_SHOWN), await components(tx))
    return feeds.rss(await about(tx), found, base_url=base_url)


async def _full(
    tx: Transaction, incidents: Sequence[StatusIncident], shown: Sequence[Component]
) -> list[StatusIncident]:
    """Incidents with their updates and the components they touched: two statements, however many there are."""
    ids = [incident.id for incident in incidents]
    if not ids:
        return []
    updates: dict[int, list[StatusUpdate]] = defaultdict(list)
    for update in await store.updates_of(tx, ids):
        updates[update.status_incident_id].append(update)
    touched = set(await store.components_of(tx, ids))
    return [
        replace(i, updates=tuple(updates[i.id]), components=tuple(c for c in shown if (i.id, c.id) in touched))
        for i in incidents
    ]
