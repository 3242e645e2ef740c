"""An incident begins: somebody reports or declares it, or a monitor's alerts do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from rallypoint import access, catalog
from rallypoint.access import Permission
from rallypoint.actors import Actor, ActorKind
from rallypoint.catalog.model import Category, Domain, Impact, Kind, PriorityModel, Service, StatusCategory, Urgency
from rallypoint.catalog.priority import PriorityDecision, decide
from rallypoint.db import Transaction
from rallypoint.errors import Invalid
from rallypoint.incidents import change, fields, history, reporter, store
from rallypoint.incidents import tags as labels
from rallypoint.incidents.events import IncidentOpened
from rallypoint.incidents.history import Line
from rallypoint.incidents.lifecycle import Decision
from rallypoint.incidents.model import Confirmation, Incident

UNCONFIRMED: dict[str, Any] = {"confirmed_at": None, "confirmation": Confirmation.NONE, "confirmation_note": ""}
NOT_OVER: dict[str, Any] = {"restored_at": None, "recovered_at": None, "resolved_at": None, "closed_at": None}

DOMAIN_OF_PEOPLE = "it-service"
DOMAIN_OF_MONITORS = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an incident belongs: what decides its way of working, its priority and its team."""

    domain: Domain
    service: Service | None
    category: Category | None
    model: PriorityModel

    @property
    def team_id(self) -> int | None:
        routed = self.category.route_team_id if self.category else None
        return routed or (self.service.team_id if self.service else None)


async def open_incident(
    tx: Transaction,
    *,
    title: str,
    kind: str = Kind.INCIDENT,
    description: str = "",
    service: str | None = None,
    domain: str | None = None,
    category: str | None = None,
    impact: str | None = None,
    urgency: str | None = None,
    reporter_name: str = "",
    reporter_contact: str = "",
    affected_people: int | None = None,
    impact_started_at: datetime | None = None,
    drill: bool = False,
    tags: Sequence[str] = (),
    custom: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> Incident:
    """Log an incident or a service request. What is not known stays unknown, and counts as the higher.

    `quiet` brings one here that others know of already: nobody is paged or told, and no target begins.
    """
    if not access.allows(tx.actor, Permission.DECLARE_INCIDENT):
        access.require(tx.actor, Permission.REPORT)
    known = await catalog.service(tx, service) if service else None
    place = await find_place(tx, service=known, domain=domain or "", category=category, default=DOMAIN_OF_PEOPLE)
    new = blank(tx, place, title=change.one_line("title", title), origin=tx.actor.origin, by=tx.actor)
    new = replace(
        new,
        kind=change.choice("kind", kind, Kind) or Kind.INCIDENT,
        description=change.words("description", description, longest=100_000, needed=False),
        impact=change.choice("impact", impact, Impact),
        urgency=change.choice("urgency", urgency, Urgency),
        affected_people=people("affected_people", affected_people),
        impact_started_at=change.past("impact_started_at", impact_started_at, now=tx.now),
        reported_at=tx.now,
        drill=drill,
        tags=labels.in_order(labels.cleaned("tags", tags)),
        custom=await _custom(tx, place, custom or {}),
        **await reporter.who(tx, name=reporter_name, contact=reporter_contact),
    )
    if not new.logged_by or tx.actor.kind is ActorKind.REPORTER:
        new = replace(new, logged_by=new.reporter_name or tx.actor.name)
    opened = await begin(tx, place, new, by=tx.actor, quiet=quiet)
    assert opened is not None, "without a grouping key nothing stands in the way"
    if not quiet:
        await reporter.receipt(tx, opened)
    return opened


async def _custom(tx: Transaction, place: Place, values: Mapping[str, Any]) -> dict[str, Any]:
    """What was filled in of the domain's own fields."""
    known = await catalog.custom_fields(tx, place.domain.id) if values else []
    found = await fields.checked(tx, known, values, where=place.domain.name)
    return {key: value for key, value in found.items() if value is not None}


async def find_place(
    tx: Transaction, *, service: Service | None, domain: str, category: str | None, default: str
) -> Place:
    """The domain by name, else the service's, else the default; the category within it."""
    if domain:
        home = await catalog.domain(tx, domain)
    elif service:
        home = await catalog.domain_by_id(tx, service.domain_id)
    else:
        home = await catalog.domain(tx, default)
    kind = await catalog.category_by_key(tx, home.id, category) if category else None
    return Place(domain=home, service=service, category=kind, model=await catalog.priority_model(tx, home.id))


def blank(tx: Transaction, place: Place, *, title: str, origin: str, by: Actor) -> Incident:
    """An incident about which only the place and the title are known."""
    service, category = place.service, place.category
    return Incident(
        number=0, kind=Kind.INCIDENT, title=title, description="", domain_id=place.domain.id,
        domain_key=place.domain.key, service_id=service.id if service else None,
        service_key=service.key if service else "", service_name=service.name if service else "",
        category_id=category.id if category else None, category_name=category.name if category else "",
        status_id=None, status="", status_category=StatusCategory.TRIAGE, held_from="", hold_reason="",
        impact=None, urgency=None, priority="", priority_common=1, priority_reason="", priority_by_hand=False,
        paging_urgency="high", severity=None, reporter_name="", reporter_contact="", reporter_person_id=None,
        logged_by=by.name, affected_people=None, owner_id=None, owner_name="", commander_id=None, commander_name="",
        team_id=place.team_id, impact_started_at=None, detected_at=None, reported_at=None, created_at=tx.now,
        acknowledged_at=None, acknowledged_by="", restored_at=None, recovered_at=None, resolved_at=None,
        confirmed_at=None, confirmation=Confirmation.NONE, confirmation_note="", closed_at=None, resolution="",
        workaround="", grouping_key=None, joins=False, warn_at=None, due_at=None, epoch=1, reopened=0, reassigned=0,
        drill=False, origin=origin,
    )  # fmt: skip


async def begin(
    tx: Transaction, place: Place, new: Incident, *, by: Actor, said: str = "", quiet: bool = False
) -> Incident | None:
    """Judge the priority, write the record and its first line, tell everyone. None: the grouping key is taken."""
    verdict = judge(place.model, new, place.category)
    status = await change.default_status(tx, place.domain.id, StatusCategory.TRIAGE)
    reason = f"{verdict.reason} ({said})" if said else verdict.reason
    incident = await store.insert(
        tx,
        replace(
            new,
            status_id=status.id if status else None,
            status=change.name_of(status, StatusCategory.TRIAGE),
            **priority_changes(place.model, verdict.priority, reason),
        ),
    )
    if incident is None:
        return None
    fact = change.step(
        IncidentOpened, None, incident, by, at=tx.now, reason=reason, summary=summary_of(incident), quiet=quiet
    )
    kind = "incident" if incident.kind is Kind.INCIDENT else "service request"
    line = change.state_line(
        fact, f"{by.name} opened this {kind}: {incident.title}", actor=by, kind="opened",
        data={"priority": incident.priority, "service": incident.service_key},
    )  # fmt: skip
    await history.append(tx, incident.number, line, *_without_service(incident, by))
    change.touch(tx, incident.number)
    await tx.announce(fact)
    return incident


async def open_again(tx: Transaction, before: Incident, decision: Decision) -> dict[str, Any]:
    """The changes of re-opening. Times of the earlier end are in the history; the record shows the present.

    Where another incident takes the alerts of this grouping key by now, it goes on taking them.
    """
    relapse = before.status_category is StatusCategory.RESTORED
    changes = await change.moved_to(tx, before, decision.to) | UNCONFIRMED | NOT_OVER
    if before.joins and before.grouping_key and (other := await store.taker(tx, before.grouping_key)):
        changes["joins"] = other.number == before.number
    return changes | {"reopened": before.reopened + (0 if relapse else 1)}


def judge(model: PriorityModel, incident: Incident, category: Category | None) -> PriorityDecision:
    """The matrix's answer; where impact or urgency is unknown the category's default stands in, else the highest."""
    return decide(
        model,
        impact=incident.impact,
        urgency=incident.urgency,
        default_impact=category.default_impact if category else None,
        default_urgency=category.default_urgency if category else None,
    )


def priority_changes(model: PriorityModel, key: str, reason: str) -> dict[str, Any]:
    level = model.level(key)
    return {
        "priority": key,
        "priority_common": level.common,
        "priority_reason": reason,
        "paging_urgency": level.urgency,
    }


def summary_of(incident: Incident) -> str:
    """What a page says first: how bad, what, where."""
    where = f" on {incident.service_name}" if incident.service_name else ""
    return f"{incident.priority} {incident.title}{where}"


def people(field: str, value: int | None) -> int | None:
    if value is not None and not 0 <= value <= 10_000_000_000:
        raise Invalid(field, "must be a number of people", "120")
    return value


def _without_service(incident: Incident, by: Actor) -> list[Line]:
    if incident.service_id is not None or incident.kind is not Kind.INCIDENT or by.kind is not ActorKind.MONITOR:
        return []
    return [Line(kind="system", text="No service is known for this alert, so the fallback is paged.", actor=by)]
