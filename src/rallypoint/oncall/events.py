"""What paging runs announce."""

from dataclasses import dataclass
from typing import ClassVar

from rallypoint.events import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFact(Fact):
    subject_of: ClassVar[str] = "incident"
    incident: int
    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTouched(RunFact):
    """A run is about to be moved by a timer or a failed page, and nothing is locked yet.

    Whoever keeps the incident locks its row now, in the same transaction. Every transaction then takes its locks in
    one order, incident before run, and an acknowledgement is never the loser of a deadlock.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPaged(RunFact):
    person_id: int
    person_name: str
    why: str
    step: int
    page_id: int
    sentence: str
    """For the timeline: "Bea Lund was paged: nobody acknowledged in time."."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSkipped(RunFact):
    """A step had nobody to page; the next one follows at once."""

    step: int
    why: str
    detail: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLeftOut(RunFact):
    """Somebody of a step was not paged with the others: the account is not active."""

    step: int
    person_name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunExhausted(RunFact):
    """Every step was tried and nobody acknowledged. The fallback is alarmed in the same transaction."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackAlarmed(RunFact):
    """`to` names who was told: the fallback contact, else the administrators."""

    to: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyToPage(RunFact):
    """Nobody at all could be paged about this incident. Screens say so loudly until somebody answers it."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRearmed(RunFact):
    """The watchdog found a run without a timer and set it going again."""

    why: str
