"""Contact methods, pages, deliveries and what channels are handed, as values."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

SEND_SECONDS = 10.0
"""The longest a channel may take for one message."""

SEND_LEASE = timedelta(seconds=SEND_SECONDS + 5)
"""How long a claimed delivery is ours: the longest send and some slack. After it the outcome counts as unknown."""

STALE_SECONDS = 1.0
"""A claim older than this is given back unsent: somebody may have acknowledged while this process stood still."""


class MethodKind(StrEnum):
    EMAIL = "email"
    WEBHOOK = "webhook"
    SANDBOX = "sandbox"

    @property
    def words(self) -> str:
        return {"email": "e-mail", "webhook": "webhook", "sandbox": "sandbox phone"}[self.value]


class Purpose(StrEnum):
    """What a delivery is for. Only pages pass the gate of an incident; the others are always sent."""

    PAGE = "page"
    NOTICE = "notice"
    CONFIRM = "confirm"
    UPDATE = "update"
    ALARM = "alarm"
    TEST = "test"


class PageState(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    VOIDED = "voided"
    FAILED = "failed"


class DeliveryState(StrEnum):
    """pending -> sending -> sent or delivered; or failed, unknown (it may have arrived), voided (no longer needed)."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    VOIDED = "voided"

    @property
    def over(self) -> bool:
        return self not in (DeliveryState.PENDING, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactMethod:
    """A way to reach a person. `secret` is set once: in the answer to the call that made it up."""

    id: int
    person_id: int
    kind: MethodKind
    label: str
    address: str
    verified_at: datetime | None
    disabled_at: datetime | None
    secret: str | None = None

    @property
    def usable(self) -> bool:
        return self.verified_at is not None and self.disabled_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRule:
    """For pages of this urgency: after so many minutes, by this method."""

    person_id: int
    urgency: str
    position: int
    after_minutes: int
    contact_method_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A person told about an incident. `voided_at`: since when it asks nothing of that person any more."""

    id: int
    incident: int
    run_id: int
    epoch: int
    step: int
    person_id: int
    person_name: str
    why: str
    title: str
    text: str
    urgency: str
    state: PageState
    drill: bool
    created_at: datetime
    acknowledged_at: datetime | None
    voided_at: datetime | None

    @property
    def live(self) -> bool:
        """The person is still asked to answer."""
        return self.acknowledged_at is None and self.voided_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one address, and how far it got. `reference` is the name the outside knows it by."""

    id: int
    reference: str
    page_id: int | None
    incident: int | None
    person_id: int | None
    person_name: str
    method: MethodKind
    address: str
    purpose: Purpose
    title: str
    text: str
    url: str
    state: DeliveryState
    reason: str
    due_at: datetime
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """A page with its deliveries, oldest first."""

    page: Page
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A delivery that this node may send now. The result is recorded only under this fence."""

    id: int
    fence: int
    reference: str
    state: DeliveryState
    page_id: int | None
    incident: int | None
    person_id: int | None
    person_name: str
    method: MethodKind
    address: str
    purpose: Purpose
    title: str
    text: str
    url: str
    token: str | None
    sealed_secret: bytes | None
    reason: str
    attempts: int
    unknowns: int
    why: str | None
    urgency: str | None
    run_id: int | None
    step: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What a channel is asked to send. `reference` is the same for every try of one delivery: it lets the far end
    recognise a second copy. `ack_url` opens a page where a person presses a button; opening it changes nothing."""

    reference: str
    address: str
    title: str
    text: str
    url: str = ""
    ack_url: str | None = None
    secret: str | None = None
    incident: int | None = None
    purpose: str = Purpose.PAGE
    person_id: int | None = None
    person_name: str = ""
    token: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the channel knows after sending: `delivered` only where the far end confirmed that it arrived."""

    delivered: bool
    provider_reference: str = ""
