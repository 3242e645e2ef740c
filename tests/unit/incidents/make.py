"""Incidents, domains and people for tests of pure rules."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from rallypoint.access import Role
from rallypoint.actors import Actor, ActorKind
from rallypoint.catalog.model import ClosurePolicy, Domain, Kind, StatusCategory, Workflow
from rallypoint.incidents.model import Confirmation, Incident

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)

OWNER, COMMANDER, REPORTER, SOMEBODY = 11, 12, 13, 14

TEXT = {"domain_key": "production", "title": "Checkout is slow", "status": "any", "priority": "P2",
        "paging_urgency": "high", "origin": "web", "logged_by": "Lukas", "reporter_name": "Wanda"}  # fmt: skip


def incident(category: StatusCategory = StatusCategory.ACTIVE, **changes: Any) -> Incident:
    """An incident in this category, owned, commanded, reported by Wanda, acknowledged."""
    values: dict[str, Any] = {
        field.name: "" if field.type is str else None for field in fields(Incident)
    } | TEXT | {
        "number": 42, "kind": Kind.INCIDENT, "domain_id": 1, "status_category": category, "priority_common": 2,
        "priority_by_hand": False, "confirmation": Confirmation.NONE, "owner_id": OWNER, "owner_name": "Olga",
        "commander_id": COMMANDER, "commander_name": "Carl", "reporter_person_id": REPORTER, "created_at": NOW,
        "acknowledged_at": NOW, "joins": False, "epoch": 1, "reopened": 0, "reassigned": 0, "drill": False,
        "resolution": "restarted it", "resolved_at": NOW,
    }  # fmt: skip
    return Incident(**(values | changes))


def domain(
    workflow: Workflow = Workflow.SRE, policy: ClosurePolicy = ClosurePolicy.OWNER_AFTER_CONFIRMATION, **settings: Any
) -> Domain:
    name = "IT service" if workflow is Workflow.ITSM else "Production"
    return Domain(
        id=1, key="any", name=name, workflow=workflow, closure_policy=policy, description="", settings=settings
    )


def actor(role: Role, person_id: int = SOMEBODY) -> Actor:
    return Actor(
        kind=ActorKind.PERSON, name=role.words, origin="web", person_id=person_id, roles=frozenset({str(role)})
    )


def minutes(amount: float) -> timedelta:
    return timedelta(minutes=amount)
