"""Incidents as the API shows them."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from rallypoint import incidents
from rallypoint.db import Transaction
from rallypoint.edges.api.words import View
from rallypoint.incidents import Incident, Ranked, Related


class IncidentView(View):
    """The record as it stands. Unknown times are null, never a guess."""

    number: int
    name: str = Field(description="How people say it: INC-42.")
    title: str
    kind: str
    description: str
    status: str
    status_category: str = Field(description="What the status means to the program; names differ per domain.")
    priority: str
    priority_reason: str
    impact: str | None
    urgency: str | None
    severity: str | None
    rank: int | None = Field(None, description="Its place among all open incidents; null once it is over.")
    rank_reason: str | None = Field(None, description="Why it stands there.")
    domain: str = Field(description="The domain's key: its workflow, statuses and closure policy hold here.")
    service: str | None = Field(description="The service's key.")
    service_name: str | None
    category: str | None
    reporter_name: str
    reporter_contact: str | None = Field(description="Where the reporter is asked whether it is solved.")
    logged_by: str
    affected_people: int | None
    owner_id: int | None
    owner: str | None
    commander_id: int | None
    commander: str | None
    impact_started_at: datetime | None
    detected_at: datetime | None
    reported_at: datetime | None
    created_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    restored_at: datetime | None
    recovered_at: datetime | None
    resolved_at: datetime | None
    confirmed_at: datetime | None
    confirmation: str | None
    closed_at: datetime | None
    resolution: str | None
    workaround: str | None
    due_at: datetime | None = Field(description="The next SLA deadline.")
    tags: list[str] = Field(description="By the alphabet.")
    custom: dict[str, str | float] = Field(
        description="Fields that its domain has besides these, by key: a text, a number, a choice, a date as"
        " YYYY-MM-DD, a person's id. Empty ones are left out."
    )
    reopened: int
    reassigned: int
    drill: bool
    origin: str

    @classmethod
    def of(cls, incident: Incident, ranked: Ranked | None = None) -> Self:
        return cls(
            **{name: getattr(incident, name) for name in _SAME},
            **{name: getattr(incident, name) or None for name in _EMPTY_IS_NULL},
            domain=incident.domain_key,
            service=incident.service_key or None,
            category=incident.category_name or None,
            owner=incident.owner_name or None,
            commander=incident.commander_name or None,
            rank=ranked.rank if ranked else None,
            rank_reason=(ranked.rank_reason or None) if ranked else None,
        )


async def shown(tx: Transaction, number: int) -> IncidentView:
    """The record as it stands now, with its rank among all that are open. Every act answers with this."""
    found = IncidentView.of(await incidents.incident(tx, number))
    if place := await incidents.rank_of(tx, number):
        found.rank, found.rank_reason = place
    return found


_DERIVED = {"domain", "service", "category", "owner", "commander", "rank", "rank_reason"}
_EMPTY_IS_NULL = {"service_name", "reporter_contact", "acknowledged_by", "confirmation", "resolution", "workaround"}
_SAME = [name for name in IncidentView.model_fields if name not in _DERIVED | _EMPTY_IS_NULL]


class EntryView(View):
    """One line of the history."""

    id: int
    kind: str
    text: str
    reason: str
    occurred_at: datetime
    recorded_at: datetime
    ended_at: datetime | None
    actor_kind: str
    actor_name: str
    origin: str
    visibility: str
    key: bool
    data: dict[str, Any]


class TaskView(View):
    id: int
    incident: int
    title: str
    owner_id: int | None
    owner_name: str
    due_at: datetime | None
    created_at: datetime
    created_by: str
    done_at: datetime | None
    done_by: str


class HypothesisView(View):
    id: int
    incident: int
    text: str
    outcome: str
    outcome_text: str
    proposed_at: datetime
    proposed_by: str
    settled_at: datetime | None
    settled_by: str


class LinkView(View):
    id: int
    kind: str
    title: str
    url: str


class FileView(View):
    """A file. Its bytes are at `content`; one that was removed is told of in the timeline only."""

    id: int
    incident: int
    name: str
    content_type: str
    size: int = Field(description="In bytes.")
    sha256: str
    visibility: str = Field(description="internal, or public: then the reporter sees it, too.")
    about: str
    added_at: datetime
    added_by: str
    origin: str


class RelationView(View):
    """Another incident that hangs together with this one."""

    id: int
    tie: incidents.Tie = Field(description="What the other one is to this one.")
    number: int
    title: str
    priority: str
    status: str
    status_category: str
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, related: Related) -> Self:
        same = {name: getattr(related, name) for name in cls.model_fields if name != "tie"}
        return cls(tie=incidents.tie_of(related), **same)


class RoleView(View):
    role: str
    person_id: int
    person_name: str
    since: datetime
    until: datetime | None


class ClockView(View):
    """One SLA clock, computed from the history."""

    kind: str
    priority: str
    target_minutes: int
    started_at: datetime
    warn_at: datetime | None
    due_at: datetime | None
    met_at: datetime | None
    breached_at: datetime | None
    state: str
