"""Why a run did what it did: one enum for behaviour, timeline, screens, metrics and tests."""

from enum import StrEnum


class Why(StrEnum):
    FIRST_STEP = "first step of the policy"
    STEP_TIMED_OUT = "nobody acknowledged in time"
    REPEATED = "the policy began again, and nobody had acknowledged"
    AFTER_EMPTY_STEP = "nobody was there for the step before"
    NOT_REACHED = "nobody of the step before could be reached"
    ESCALATED_BY_PERSON = "escalated by hand"
    REOPENED = "the incident was opened again"
    NOBODY_ON_CALL = "nobody is on call for this step"
    NOBODY_ACTIVE = "nobody of this step has an active account"
    ACCOUNT_NOT_ACTIVE = "the account is not active"
    NOBODY_IN_STEP = "this step names nobody"
    EXHAUSTED = "every step was tried"
    NOBODY_AT_ALL = "no step of the policy had anybody to page"
    NO_POLICY = "no escalation policy covers this incident"
    FALLBACK = "the fallback contact, because nobody else answered"
    RUN_WAITS = "the first step has a wait before it"
    REARMED = "the run had lost its timer and was set going again"

    @property
    def pages(self) -> bool:
        """The act this explains tells somebody."""
        return self not in SILENT


SILENT = frozenset(
    {
        Why.NOBODY_ON_CALL,
        Why.NOBODY_ACTIVE,
        Why.ACCOUNT_NOT_ACTIVE,
        Why.NOBODY_IN_STEP,
        Why.EXHAUSTED,
        Why.NOBODY_AT_ALL,
        Why.NO_POLICY,
        Why.RUN_WAITS,
    }
)


def paged(name: str, why: str) -> str:
    """The sentence for the timeline: "Bea Lund was paged: nobody acknowledged in time."."""
    return f"{name} was paged: {why}."


def skipped(step: int, why: str) -> str:
    return f"Step {step} was skipped: {why}."
