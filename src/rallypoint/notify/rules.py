"""Decisions about messages: by which methods a person is told, and what follows from how a try went. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rallypoint.engine.model import backoff
from rallypoint.errors import OutsideFailure
from rallypoint.notify.model import (
    Claim,
    ContactMethod,
    ContactRule,
    DeliveryState,
    MethodKind,
    Purpose,
    Receipt,
)

PAGE_TRIES = 6
"""With the back-off: half a minute of trying. A page that cannot leave by then is somebody else's turn."""

MESSAGE_TRIES = 12
"""With the back-off: half an hour of trying. Nobody is woken by these."""

HEADLINE_MAX = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One delivery to be made of a page."""

    kind: MethodKind
    address: str
    contact_method_id: int | None
    after: timedelta
    reason: str


def headline(priority: str, service: str, title: str) -> str:
    """The first line of a page: how bad, where, what. A lock screen shows its first 60 characters."""
    start = " ".join(part for part in (priority, service) if part)
    line = " ".join(f"{start}: {title}".split() if start else title.split())
    return line if len(line) <= HEADLINE_MAX else line[: HEADLINE_MAX - 1].rstrip() + "…"


def plan(
    urgency: str, *, rules: Iterable[ContactRule], methods: Iterable[ContactMethod], email: str
) -> tuple[Planned, ...]:
    """How a person is told: by their own rules; without any, by every usable method at once; without one, by e-mail.

    A rule whose method is not verified or was switched off is passed over. If that leaves nothing, the next
    line of defence counts: nobody is unreachable because of a forgotten setting.
    """
    usable = {method.id: method for method in methods if method.usable}
    mine = sorted((r for r in rules if r.urgency == urgency), key=lambda r: (r.after_minutes, r.position))
    chosen = [
        _by(usable[r.contact_method_id], minutes=r.after_minutes, reason="personal rule")
        for r in mine
        if r.contact_method_id in usable
    ]
    if chosen:
        return tuple(chosen)
    if usable:
        return tuple(_by(method, minutes=0, reason="no personal rules: every method") for method in usable.values())
    reason = "no usable contact method: e-mail address of the account"
    return (Planned(kind=MethodKind.EMAIL, address=email, contact_method_id=None, after=timedelta(), reason=reason),)


def drill(ways: tuple[Planned, ...], *, methods: Iterable[ContactMethod]) -> tuple[Planned, ...]:
    """How a drill reaches a person who would be paged by these ways: by the sandbox phone where they have one (the
    demo wakes nobody), else by these ways: a drill that nobody hears of exercises nothing."""
    phones = [method for method in methods if method.usable and method.kind is MethodKind.SANDBOX]
    reason = "a drill reaches the sandbox phone only"
    return tuple(_by(phone, minutes=0, reason=reason) for phone in phones[:1]) or ways


def _by(method: ContactMethod, *, minutes: int, reason: str) -> Planned:
    return Planned(
        kind=method.kind,
        address=method.address,
        contact_method_id=method.id,
        after=timedelta(minutes=minutes),
        reason=reason,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a delivery after a try. `due_at` says when to try again, where that is so."""

    state: DeliveryState
    reason: str
    due_at: datetime | None = None
    unknown: bool = False


def after_success(claim: Claim, receipt: Receipt) -> Verdict:
    state = DeliveryState.DELIVERED if receipt.delivered else DeliveryState.SENT
    return Verdict(state=state, reason=claim.reason)


def after_failure(claim: Claim, problem: OutsideFailure, *, now: datetime) -> Verdict:
    """Again later, again at once with the same reference, or over.

    An unknown outcome is neither sent nor failed: it is sent once more, because a page too many is better than none.
    """
    tries = PAGE_TRIES if claim.purpose == Purpose.PAGE else MESSAGE_TRIES
    method = MethodKind(claim.method).words
    if problem.unknown:
        if claim.unknowns >= 1:
            reason = f"Twice the outcome of sending by {method} stayed unknown. It may have arrived."
            return Verdict(state=DeliveryState.UNKNOWN, reason=reason, unknown=True)
        reason = "The outcome of a try is not known, so it is sent again with the same reference."
        again = now + backoff(claim.attempts)
        return Verdict(state=DeliveryState.PENDING, reason=reason, due_at=again, unknown=True)
    if not problem.retry:
        return Verdict(state=DeliveryState.FAILED, reason=f"Sending by {method} failed: {problem.said}"[:500])
    if claim.attempts >= tries:
        reason = f"Given up sending by {method} after {claim.attempts} tries: {problem.said}"[:500]
        return Verdict(state=DeliveryState.FAILED, reason=reason)
    reason = f"Try {claim.attempts} by {method} failed and is repeated: {problem.said}"[:500]
    return Verdict(state=DeliveryState.PENDING, reason=reason, due_at=now + backoff(claim.attempts))
