"""Alerts, pages and deliveries as the API shows them."""

from datetime import datetime
from typing import Self

from pydantic import Field

from rallypoint.edges.api.words import View
from rallypoint.incidents import JoinedAlert
from rallypoint.notify import PageView as PageOfRoom


class AlertView(View):
    id: int
    integration_id: int
    integration_name: str
    fingerprint: str
    dedup_key: str
    status: str
    severity: str
    summary: str
    details: str
    source: str
    service_id: int | None
    labels: dict[str, str]
    links: list[str]
    count: int = Field(description="How often it was received while open.")
    starts_at: datetime
    first_received_at: datetime
    last_received_at: datetime
    ends_at: datetime | None
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    resolved_why: str
    grouping_key: str | None
    route_reason: str


class IncidentAlertView(AlertView):
    joined_at: datetime
    reason: str = Field(description="Why it belongs to this incident.")

    @classmethod
    def of(cls, joined: JoinedAlert) -> Self:
        alert = AlertView.model_validate(joined.alert)
        return cls(**alert.model_dump(), joined_at=joined.joined_at, reason=joined.reason)


class PageDeliveryView(View):
    id: int
    method: str
    state: str
    reason: str
    due_at: datetime
    attempts: int
    sent_at: datetime | None
    delivered_at: datetime | None
    last_error: str


class PageView(View):
    """One person paged by one step: how, with what result, and why."""

    id: int
    incident: int
    run_id: int
    step: int
    person_id: int
    person: str
    method: str = Field(description="The methods used so far, or planned: `sandbox, email`.")
    state: str
    reason: str = Field(description="Why this person was paged.")
    title: str
    urgency: str
    created_at: datetime
    acknowledged_at: datetime | None
    voided_at: datetime | None
    deliveries: list[PageDeliveryView]

    @classmethod
    def of(cls, view: PageOfRoom) -> Self:
        page = view.page
        same = {name: getattr(page, name) for name in _SAME_OF_PAGE}
        deliveries = [PageDeliveryView.model_validate(d) for d in view.deliveries]
        methods = ", ".join(dict.fromkeys(d.method for d in deliveries))
        return cls(**same, person=page.person_name, method=methods, reason=page.why, deliveries=deliveries)


_SAME_OF_PAGE = [name for name in PageView.model_fields if name not in {"person", "method", "reason", "deliveries"}]


class DeliveryView(View):
    id: int
    page_id: int | None
    incident: int | None
    person_id: int | None
    person_name: str
    method: str
    purpose: str
    title: str
    state: str
    reason: str
    due_at: datetime
    attempts: int
    sent_at: datetime | None
    delivered_at: datetime | None
    last_error: str
