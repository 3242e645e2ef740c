"""Sending: one lane for each kind of method, so that a slow provider delays nobody else's messages.

A lane claims what is due, sends it outside any transaction, several at a time, and records each result under the
fence of its claim. A process may die anywhere in between: the lease runs out, and the delivery is sent once more
with the same reference.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from rallypoint.actors import SYSTEM
from rallypoint.clock import monotonic, sleep
from rallypoint.crashpoints import crashpoint
from rallypoint.db import Database, Transaction
from rallypoint.engine.loop import Work
from rallypoint.errors import OutsideFailure
from rallypoint.notify import delivery_store
from rallypoint.notify.model import SEND_SECONDS, STALE_SECONDS, Claim, DeliveryState, Outgoing, Receipt
from rallypoint.notify.outcome import announce, settle_claimed
from rallypoint.notify.ports import Channel
from rallypoint.notify.rules import after_failure, after_success

WIDTH = 8
"""How many messages of one kind are on their way at once, on each node."""

GLANCE_SECONDS = 0.05
"""How long a turn of the lane waits for a message that is on its way before it looks for new ones."""

RECORD_TRIES = 5
ACK_PATH = "/p/{token}"

Unseal = Callable[[bytes], str]
"""Opens the sealed secret of a contact method."""

log = structlog.get_logger()


class Lane:
    """The sending of one kind of message by this process."""

    def __init__(
        self, db: Database, channel: Channel, *, base_url: str = "", unseal: Unseal | None = None, width: int = WIDTH
    ) -> None:
        self._db, self._channel, self._base_url, self._unseal = db, channel, base_url, unseal
        self._width = width
        self._flying: set[asyncio.Task[None]] = set()

    @property
    def work(self) -> Work:
        """This lane as a loop of the engine."""
        name = f"delivery:{self._channel.kind}"
        return Work(name=name, hint=name, do=self.do, next_due=self.next_due, drain=self.drain)

    async def next_due(self, tx: Transaction) -> datetime | None:
        return await delivery_store.next_due(tx, self._channel.kind)

    async def do(self) -> int:
        """One turn: start what is due as far as there is room, and glance at what is on its way.

        Returns how much there was to do: 0 means that nothing is due and nothing on its way.
        """
        room = self._width - len(self._flying)
        claims = await self._claim(room) if room else []
        for claim in claims:
            if claim.state is DeliveryState.SENDING:
                task = asyncio.create_task(self._deliver(claim, monotonic()))
                self._flying.add(task)
                task.add_done_callback(self._flying.discard)
        flying = set(self._flying)
        if flying:
            await asyncio.wait(flying, timeout=GLANCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return max(len(flying), len(claims))

    async def drain(self) -> None:
        """Let what is on its way come to an end; nothing new is started."""
        if self._flying:
            await asyncio.wait(set(self._flying), timeout=SEND_SECONDS + 1)

    async def _claim(self, room: int) -> list[Claim]:
        async with self._db.transaction(SYSTEM) as tx:
            claims = await delivery_store.claim(tx, self._channel.kind, limit=room)
            for claim in claims:
                await settle_claimed(tx, claim)
        crashpoint("delivery_claimed")
        return claims

    async def _deliver(self, claim: Claim, claimed_at: float) -> None:
        try:
            if monotonic() - claimed_at > STALE_SECONDS:
                await self._give_back(claim)
                return
            crashpoint("delivery_before_send")
            outcome = await self._send(claim)
            crashpoint("delivery_sent_before_record")
            await self._record(claim, outcome)
            crashpoint("delivery_recorded")
        except Exception:
            # the lease runs out and the delivery is taken up again; the lane goes on
            log.exception("delivery not recorded", delivery=claim.id, reference=claim.reference)

    async def _give_back(self, claim: Claim) -> None:
        async with self._db.transaction(SYSTEM) as tx:
            await delivery_store.give_back(tx, claim)

    async def _send(self, claim: Claim) -> Receipt | OutsideFailure:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await self._channel.send(self._outgoing(claim))
        except OutsideFailure as failure:
            return failure
        except TimeoutError:
            return OutsideFailure(f"No answer within {SEND_SECONDS:.0f} seconds.", retry=True, unknown=True)
        except Exception as bug:
            log.exception("channel broke", kind=self._channel.kind, delivery=claim.id)
            return OutsideFailure(f"The channel broke: {bug!r}", retry=True)

    def _outgoing(self, claim: Claim) -> Outgoing:
        secret = self._unseal(claim.sealed_secret) if claim.sealed_secret and self._unseal else None
        link = claim.url if "://" in claim.url or not claim.url else self._base_url + claim.url
        return Outgoing(
            reference=claim.reference,
            address=claim.address,
            title=claim.title,
            text=claim.text,
            url=link,
            ack_url=self._base_url + ACK_PATH.format(token=claim.token) if claim.token else None,
            secret=secret,
            incident=claim.incident,
            purpose=str(claim.purpose),
            person_id=claim.person_id,
            person_name=claim.person_name,
            token=claim.token,
            fields={"why": claim.why, "urgency": claim.urgency, "step": claim.step} if claim.page_id else {},
        )

    async def _record(self, claim: Claim, outcome: Receipt | OutsideFailure) -> None:
        async def work(tx: Transaction) -> None:
            await record(tx, claim, outcome)

        for attempt in range(RECORD_TRIES):
            try:
                await self._db.run(SYSTEM, work)
                return
            except (OSError, TimeoutError) as problem:  # the database is away: the result is worth waiting for
                log.warning("result not recorded yet", delivery=claim.id, problem=repr(problem))
                await sleep(0.5 * (attempt + 1))
        raise OutsideFailure("The database does not take the result.", retry=True, unknown=True)


async def record(tx: Transaction, claim: Claim, outcome: Receipt | OutsideFailure) -> None:
    """Write down how a try went and tell those who care; nothing where another node has the delivery by now."""
    failed = isinstance(outcome, OutsideFailure)
    if claim.page_id is not None and failed:
        await delivery_store.alone_with(tx, claim.page_id)
    verdict = (
        after_failure(claim, outcome, now=tx.now)
        if isinstance(outcome, OutsideFailure)
        else after_success(claim, outcome)
    )
    ours = await delivery_store.record(
        tx,
        claim,
        verdict,
        error=outcome.said if isinstance(outcome, OutsideFailure) else "",
        provider_reference=outcome.provider_reference if isinstance(outcome, Receipt) else "",
    )
    if ours:
        await announce(tx, claim, verdict)


def lanes(
    db: Database, channels: Mapping[str, Channel], *, base_url: str = "", unseal: Unseal | None = None
) -> list[Lane]:
    """A lane for every kind of channel there is."""
    return [Lane(db, channel, base_url=base_url, unseal=unseal) for channel in channels.values()]


def works(
    db: Database, channels: Mapping[str, Channel], *, base_url: str = "", unseal: Unseal | None = None
) -> Sequence[Work]:
    """The engine's loops that send, one for each kind."""
    return [lane.work for lane in lanes(db, channels, base_url=base_url, unseal=unseal)]


async def send_due(db: Database, channels: Mapping[str, Channel], *, base_url: str = "") -> int:
    """Send everything that is due at this instant and wait until it is recorded: for tests and one-shot tools."""
    total = 0
    for lane in lanes(db, channels, base_url=base_url):
        while done := await lane.do():
            total += done
    return total
