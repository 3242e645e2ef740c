"""What follows from how a try went: facts for the record, and the next way of reaching the person at once."""

from typing import Any

from rallypoint.db import Transaction
from rallypoint.notify import delivery_store
from rallypoint.notify.events import (
    DeliveryDelivered,
    DeliveryFailed,
    DeliveryResent,
    DeliverySent,
    PageFailed,
)
from rallypoint.notify.model import Claim, DeliveryState, MethodKind
from rallypoint.notify.rules import Verdict


async def announce(tx: Transaction, claim: Claim, verdict: Verdict) -> None:
    """Tell how a try went. A failure that is final brings the person's next method forward, or fails the page."""
    about = _about(claim, verdict.reason)
    if claim.incident is not None:
        tx.hint(f"incident:{claim.incident}")  # the screens show how far each message got
    match verdict.state:
        case DeliveryState.SENT:
            await tx.announce(DeliverySent(**about))
        case DeliveryState.DELIVERED:
            await tx.announce(DeliveryDelivered(**about))
        case DeliveryState.FAILED | DeliveryState.UNKNOWN:
            await tx.announce(DeliveryFailed(**about, unknown=verdict.state is DeliveryState.UNKNOWN))
            await _other_way(tx, claim, verdict.reason)
        case DeliveryState.PENDING if verdict.unknown:
            await tx.announce(DeliveryResent(**about))
        case _:
            pass


async def settle_claimed(tx: Transaction, claim: Claim) -> None:
    """Tell what a claim found out by itself: a lease that ran out in the middle of sending."""
    if claim.state is DeliveryState.UNKNOWN:
        if claim.page_id is not None:
            await delivery_store.alone_with(tx, claim.page_id)
        await tx.announce(DeliveryFailed(**_about(claim, claim.reason), unknown=True))
        await _other_way(tx, claim, claim.reason)
    elif claim.state is DeliveryState.SENDING and claim.unknowns > 0:
        await tx.announce(DeliveryResent(**_about(claim, claim.reason)))


async def _other_way(tx: Transaction, claim: Claim, reason: str) -> None:
    """The next method of the same person goes out now instead of in some minutes."""
    if claim.page_id is None:
        return
    method = MethodKind(claim.method).words
    if await delivery_store.hurry_next(tx, claim.page_id, f"Sent early, because {method} did not work."):
        tx.hint("delivery", *(f"delivery:{kind}" for kind in MethodKind))
    elif claim.incident is not None and claim.run_id is not None and await delivery_store.all_failed(tx, claim.page_id):
        await tx.announce(
            PageFailed(
                incident=claim.incident,
                page_id=claim.page_id,
                run_id=claim.run_id,
                step=claim.step or 0,
                person_id=claim.person_id or 0,
                person_name=claim.person_name,
                reason=reason,
            )
        )


def _about(claim: Claim, reason: str) -> dict[str, Any]:
    return {
        "incident": claim.incident,
        "delivery_id": claim.id,
        "page_id": claim.page_id,
        "person_id": claim.person_id,
        "person_name": claim.person_name,
        "method": str(claim.method),
        "address": claim.address,
        "purpose": str(claim.purpose),
        "reason": reason,
    }
