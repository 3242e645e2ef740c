"""What happens to messages on their way out."""

from dataclasses import dataclass
from typing import ClassVar

from rallypoint.events import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFact(Fact):
    """Something happened to one delivery. `incident` is None for messages that belong to no incident."""

    subject_of: ClassVar[str] = "incident"
    incident: int | None
    delivery_id: int
    page_id: int | None
    person_id: int | None
    person_name: str
    method: str
    address: str
    purpose: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySent(DeliveryFact):
    """The provider took it. Whether it arrived is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDelivered(DeliveryFact):
    """The far end confirmed that it arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResent(DeliveryFact):
    """The outcome of a try is unknown, so it is sent again with the same reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed(DeliveryFact):
    """It will not be tried again. `unknown`: it may have arrived all the same."""

    unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFailed(Fact):
    """Every way of telling this person has failed: waiting for an answer makes no sense."""

    subject_of: ClassVar[str] = "incident"
    incident: int
    page_id: int
    run_id: int
    step: int
    person_id: int
    person_name: str
    reason: str
