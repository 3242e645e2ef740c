"""Verbs of the status page: name it, add components, publish an update, take an incident off it.

The public title of an incident is the one given with `set_title`, or else is made of the names of the components that
suffer. The internal title is never used: it is written in a hurry, for colleagues, and may name what must not be named.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from rallypoint import catalog, ids
from rallypoint.access.check import Checks
from rallypoint.access.permissions import Permission, require
from rallypoint.catalog.model import StatusCategory
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, NotFound
from rallypoint.statuspage import rules, store
from rallypoint.statuspage.model import Affected, Component, ComponentStatus, Page, PublicStatus, StatusIncident

PUBLIC_ID_LENGTH = 12
log = structlog.get_logger()

TITLE_MAX, BODY_MAX = 200, 10_000
HINT = "statuspage"


def public_id() -> str:
    """A name for the outside that tells nothing: neither how many there are, nor our numbers."""
    return ids.token(PUBLIC_ID_LENGTH)


async def about(tx: Transaction) -> Page:
    """The page's own name and zone."""
    return await store.page(tx, public_id=public_id())


async def configure(tx: Transaction, *, name: str | None = None, time_zone: str | None = None) -> Page:
    """Name the page, and say in which zone its days begin."""
    require(tx.actor, Permission.CONFIGURE)
    checks, now_is = Checks(), await about(tx)
    name = checks.name("name", now_is.name if name is None else name)
    time_zone = checks.zone("time_zone", now_is.time_zone if time_zone is None else time_zone)
    checks.done()
    await store.save_page(tx, name=name, time_zone=time_zone)
    return await about(tx)


async def components(tx: Transaction) -> list[Component]:
    """What the page shows, in order: every public service, and what was added by hand."""
    services = {service.id: service for service in await catalog.services(tx)}
    stored = await store.components(tx)
    have = {component.service_id for component in stored} | {None}
    missing = [s for s in services.values() if s.public and not s.retired and s.id not in have]
    for service in missing:
        await store.add_component(
            tx,
            public_id=public_id(),
            key=service.key,
            service_id=service.id,
            name=service.name,
            description="",
            by_hand=False,
        )
    shown = await store.components(tx) if missing else stored
    return [c for c in shown if not c.hidden and (c.by_hand or _is_public(services.get(c.service_id or 0)))]


async def add_component(
    tx: Transaction, *, key: str, name: str, service: str | None = None, description: str = ""
) -> Component:
    """Add a component that is not simply a public service; it may stand for a service under another name."""
    require(tx.actor, Permission.EDIT_CATALOG)
    checks = Checks()
    checks.key("key", key)
    name = checks.name("name", name)
    description = checks.text("description", description, longest=TITLE_MAX)
    checks.done()
    service_id = (await catalog.service(tx, service)).id if service else None
    added = await store.add_component(
        tx, public_id=public_id(), key=key, service_id=service_id, name=name, description=description, by_hand=True
    )
    if not added:
        raise Invalid("service" if service_id else "key", "has a component already; rename that one instead")
    return await _component(tx, key)


async def update_component(
    tx: Transaction,
    key: str,
    *,
    name: str | None = None,
    description: str | None = None,
    position: int | None = None,
    hidden: bool | None = None,
) -> Component:
    """Rename, describe, move or hide a component. Its past stays."""
    require(tx.actor, Permission.EDIT_CATALOG)
    was, checks = await _component(tx, key), Checks()
    name = checks.name("name", was.name if name is None else name)
    description = checks.text("description", was.description if description is None else description, longest=TITLE_MAX)
    position = checks.number("position", was.position if position is None else position, 0, 10_000)
    checks.done()
    await store.save_component(
        tx,
        was.id,
        name=name,
        description=description,
        position=position,
        hidden=was.hidden if hidden is None else hidden,
    )
    tx.hint(HINT)
    return await _component(tx, key)


async def set_title(tx: Transaction, number: int, title: str) -> None:
    """Give an incident its public title, before or after others read the neutral one."""
    require(tx.actor, Permission.PUBLISH_UPDATE)
    checks = Checks()
    title = checks.name("title", title, longest=TITLE_MAX)
    checks.done()
    public = await store.lock_incident(tx, number)
    if public is None:
        raise NotFound("public update of incident", number)
    await store.save_title(tx, public.id, title)
    tx.hint(HINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Something to say in public about one incident. `source` names what caused it, so that it is said once."""

    incident: int
    source: str
    text: str
    at: datetime
    category: StatusCategory
    given_status: str | None = None
    given_components: Mapping[str, str] | None = None
    service_id: int | None = None
    priority_rank: int = 4
    impact_started_at: datetime | None = None


async def post(tx: Transaction, said: Post) -> None:
    """Put an update on the page. Saying the same source again changes nothing."""
    require(tx.actor, Permission.PUBLISH_UPDATE)
    shown = await components(tx)
    started_at = min(said.impact_started_at or said.at, said.at)
    first = await store.begin_incident(
        tx, said.incident, public_id=public_id(), title=rules.neutral_title([]), started_at=started_at
    )
    public = await store.lock_incident(tx, said.incident)
    if public is None or await store.has_update(tx, public.id, said.source):
        return
    again = public.status is PublicStatus.RESOLVED
    status = rules.public_status(said.given_status, said.category, None if first or again else public.status)
    own = {c.key: rules.first_effect(said.priority_rank) for c in shown if c.service_id == said.service_id is not None}
    wanted = rules.wanted(said.given_components, own, known=[c.key for c in shown], first=first or again)
    if left_out := sorted(set(said.given_components or {}) - set(wanted)):
        log.warning("components not on the status page were left out", incident=said.incident, components=left_out)
    changes = {c.id: wanted[c.key] for c in shown if c.key in wanted}
    await _say(tx, public, said, status, changes, since=started_at if first else said.at)


async def resolve(tx: Transaction, number: int, *, source: str, at: datetime) -> None:
    """The incident is over: its components work again, and the page says so unless it already did."""
    require(tx.actor, Permission.PUBLISH_UPDATE)
    public = await store.lock_incident(tx, number)
    if public is None or public.status is PublicStatus.RESOLVED or await store.has_update(tx, public.id, source):
        return
    said = Post(incident=number, source=source, text=rules.RESOLVED_TEXT, at=at, category=StatusCategory.RESOLVED)
    await _say(tx, public, said, PublicStatus.RESOLVED, {}, since=at)


async def _say(
    tx: Transaction,
    public: StatusIncident,
    said: Post,
    status: PublicStatus,
    changes: Mapping[int, ComponentStatus],
    *,
    since: datetime,
) -> None:
    """Change the effects, add the update, move the incident on: together, so the page never contradicts itself."""
    if status is PublicStatus.RESOLVED:
        changes = {e.component_id: ComponentStatus.OPERATIONAL for e in await store.effects_of(tx, public.id)}
    before = {c.id: c for c in await store.components(tx)}
    for component_id, effect in changes.items():
        await store.change_effect(tx, public.id, component_id, effect, at=said.at, since=since)
    after = {c.id: c for c in await store.components(tx)}
    affected = [
        Affected(code=was.public_id, name=was.name, old_status=was.status, new_status=after[was.id].status)
        for was in before.values()
        if was.id in changes
    ]
    await store.add_update(
        tx, public.id, public_id=public_id(), source=said.source, status=status, body=said.text[:BODY_MAX],
        affected=affected, at=said.at,
    )  # fmt: skip
    effects = await store.effects_of(tx, public.id)
    impact = rules.worse(public.impact, rules.impact(e.status for e in effects))
    await store.save_incident(tx, public.id, status=status, impact=impact, at=said.at)
    if effects and not public.title_given:
        suffering = {e.component_id for e in effects}
        names = [c.name for c in after.values() if c.id in suffering]
        await store.name_incident(tx, public.id, rules.neutral_title(names))
    tx.hint(HINT)


async def _component(tx: Transaction, key: str) -> Component:
    for component in await store.components(tx):
        if component.key == key:
            return component
    raise NotFound("component", key)


def _is_public(service: catalog.Service | None) -> bool:
    return service is not None and service.public and not service.retired
