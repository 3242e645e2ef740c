"""A message on the sandbox phone."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxMessage:
    """`times` counts arrivals under the same reference: more than one means that a copy was sent."""

    id: int
    reference: str
    person_id: int | None
    person_name: str
    incident: int | None
    purpose: str
    title: str
    text: str
    url: str
    ack_url: str
    times: int
    received_at: datetime
