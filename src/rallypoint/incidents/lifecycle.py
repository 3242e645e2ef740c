"""Where an incident may go from where it stands, and what has to be true first. Pure.

Statuses are named freely per domain; these rules look at categories only. Every refusal names its guard and who may.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from rallypoint.access import Permission, require, who_may
from rallypoint.actors import Actor
from rallypoint.catalog.model import Domain, StatusCategory
from rallypoint.errors import Invalid, Refused
from rallypoint.incidents import closure
from rallypoint.incidents.model import Incident

TRIAGE, ACTIVE, ON_HOLD = StatusCategory.TRIAGE, StatusCategory.ACTIVE, StatusCategory.ON_HOLD
RESTORED, RESOLVED, REVIEW = StatusCategory.RESTORED, StatusCategory.RESOLVED, StatusCategory.REVIEW
CLOSED, CANCELLED, MERGED = StatusCategory.CLOSED, StatusCategory.CANCELLED, StatusCategory.MERGED


class Verb(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    HOLD = "hold"
    RESUME = "resume"
    RESTORE = "restore"
    RESOLVE = "resolve"
    CONFIRM = "confirm"
    REJECT = "reject"
    REVIEW = "review"
    CLOSE = "close"
    REOPEN = "reopen"
    CANCEL = "cancel"


Moves = Mapping[Verb, Mapping[StatusCategory, StatusCategory]]

BOTH: Moves = {
    Verb.ACKNOWLEDGE: {TRIAGE: ACTIVE, ACTIVE: ACTIVE, ON_HOLD: ON_HOLD, RESTORED: RESTORED},
    Verb.HOLD: {ACTIVE: ON_HOLD},
    Verb.RESUME: {ON_HOLD: ACTIVE},
    Verb.RESTORE: {TRIAGE: RESTORED, ACTIVE: RESTORED, ON_HOLD: RESTORED},
    Verb.RESOLVE: {TRIAGE: RESOLVED, ACTIVE: RESOLVED, ON_HOLD: RESOLVED, RESTORED: RESOLVED},
    Verb.CONFIRM: {RESOLVED: RESOLVED, REVIEW: REVIEW},
    Verb.REJECT: {RESOLVED: ACTIVE, REVIEW: ACTIVE},
    Verb.REVIEW: {RESOLVED: REVIEW},
    Verb.CLOSE: {RESOLVED: CLOSED, REVIEW: CLOSED},
    Verb.REOPEN: {RESTORED: ACTIVE, RESOLVED: ACTIVE, REVIEW: ACTIVE, CLOSED: ACTIVE, CANCELLED: ACTIVE},
    Verb.CANCEL: {TRIAGE: CANCELLED, ACTIVE: CANCELLED, ON_HOLD: CANCELLED},
}

MOVES: Mapping[str, Moves] = {
    # A desk may wait for the caller before anyone works on it; hold there counts as having been taken up.
    "itsm": {**BOTH, Verb.HOLD: {TRIAGE: ON_HOLD, ACTIVE: ON_HOLD}},
    # Someone has to acknowledge first: until then people are being paged, and waiting would hide that.
    "sre": BOTH,
}

PERMISSION: Mapping[Verb, Permission] = {
    Verb.ACKNOWLEDGE: Permission.ACKNOWLEDGE,
    Verb.HOLD: Permission.WORK_INCIDENT,
    Verb.RESUME: Permission.WORK_INCIDENT,
    Verb.RESTORE: Permission.WORK_INCIDENT,
    Verb.RESOLVE: Permission.WORK_INCIDENT,
    Verb.REVIEW: Permission.WORK_INCIDENT,
    Verb.REOPEN: Permission.WORK_INCIDENT,
    Verb.CANCEL: Permission.WORK_INCIDENT,
}
"""Confirm, reject and close are not here: they hang on who the reporter is, and on the domain's closure policy."""

FINAL = frozenset({CLOSED, CANCELLED})
NEEDS_REASON = frozenset({Verb.HOLD, Verb.REJECT, Verb.REOPEN, Verb.CANCEL})
EXAMPLES = {
    Verb.HOLD: "waiting for the vendor's reply",
    Verb.REJECT: "the printer is still offline",
    Verb.REOPEN: "the errors are back since 14:05",
    Verb.CANCEL: "reported twice",
    Verb.RESOLVE: "restarted the mail gateway; queue is empty again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where it goes, and whether it skipped a step on the way (R6: recorded, and still closed properly)."""

    was: StatusCategory
    to: StatusCategory
    jump: str = ""


def decide(
    verb: Verb, incident: Incident, *, domain: Domain, by: Actor, reason: str = "", as_reporter: bool = False
) -> Decision:
    """The move this verb makes. Raises Refused with the guard that said no, or Invalid where words are missing.

    `reason` is the hold's, rejection's, re-opening's or cancellation's reason, the resolution, or the closing note.
    """
    was = incident.status_category
    if verb in PERMISSION:
        require(by, PERMISSION[verb])
    to = MOVES[domain.workflow][verb].get(was)
    if to is None:
        raise Refused(
            f"{incident.name} is {in_words(was)}; one cannot {verb} it from there.",
            guard="status",
            who_may=who_may_from(was),
            help=way_out(verb, was),
        )
    if verb in (Verb.REOPEN, Verb.REJECT) and incident.acknowledged_at is None:
        to = TRIAGE  # nobody has taken it up yet
    if verb is Verb.REOPEN and was in FINAL:
        require(by, Permission.CLOSE_AS_DESK)
    if verb in (Verb.CONFIRM, Verb.REJECT):
        closure.may_answer(incident, by, as_reporter=as_reporter)
    if verb in NEEDS_REASON and not reason:
        raise Invalid("reason", "is needed: the history keeps it", EXAMPLES[verb])
    if verb is Verb.RESOLVE and not reason:
        raise Invalid("resolution", "is needed: what fixed it, or what was done", EXAMPLES[verb])
    if verb is Verb.CLOSE:
        closure.may_close(incident, domain, by, note=reason)
    return Decision(was=was, to=to, jump=jump(verb, was))


def jump(verb: Verb, was: StatusCategory) -> str:
    """What was skipped, in words; empty for the usual way."""
    if verb is Verb.RESOLVE and was is TRIAGE:
        return "straight from triage to resolved"
    if verb is Verb.RESOLVE and was is ON_HOLD:
        return "resolved while on hold"
    if verb is Verb.RESTORE and was is TRIAGE:
        return "restored before anyone acknowledged it"
    return ""


def allowed(incident: Incident, *, domain: Domain) -> frozenset[Verb]:
    """Verbs that the status admits, whoever asks: what a screen offers before guards have their say."""
    return frozenset(v for v, moves in MOVES[domain.workflow].items() if incident.status_category in moves)


def in_words(category: StatusCategory) -> str:
    return {TRIAGE: "in triage", ON_HOLD: "on hold", REVIEW: "in review"}.get(category, category.value)


def who_may_from(was: StatusCategory) -> str:
    """Who may still do something where the status stands in the way: those who re-open, once it is over."""
    if was in FINAL:
        return f"{who_may(Permission.CLOSE_AS_DESK)} (to re-open it)"
    return f"nobody while it is {in_words(was)}"


def way_out(verb: Verb, was: StatusCategory) -> str:
    """What would help, or why nothing needs to."""
    if was is MERGED:
        return "It was merged into another incident: act on that one."
    if was in FINAL and verb is not Verb.REOPEN:
        return "Re-open it first."
    if verb is Verb.REOPEN:
        return "It is open."
    if verb is Verb.RESUME:
        return "It is not on hold."
    if verb is Verb.CLOSE or (verb is Verb.REVIEW and was is not REVIEW):
        return "Resolve it first."
    if verb in (Verb.CONFIRM, Verb.REJECT):
        return "There is no resolution to answer to yet."
    if was in (RESOLVED, REVIEW):
        return "If it is not solved, re-open it."
    if verb is Verb.HOLD and was is TRIAGE:
        return "Acknowledge it first."
    if was is RESTORED:
        return "If it broke again, re-open it; otherwise resolve it."
    return f"It is {in_words(was)} already."
