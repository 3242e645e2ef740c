"""Worker loops: claim, act, record, rest until there is more. Claims keep two nodes with the same loops apart."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from rallypoint.actors import SYSTEM
from rallypoint.clock import monotonic
from rallypoint.crashpoints import crashpoint
from rallypoint.db import Database, Transaction
from rallypoint.engine import store
from rallypoint.engine.model import ATTEMPTS_MAX, OUTBOX_ATTEMPTS_MAX, Followup, Timer, backoff
from rallypoint.errors import Conflict

ROUNDS_MAX = 10_000

POLL_SECONDS = 1.0
HELD_SECONDS = 0.02
"""The longest rest of a loop: a lost hint costs no more than this."""

TimerHandler = Callable[[Transaction, Timer], Awaitable[None]]
Alarm = Callable[[Transaction, str, str], Awaitable[None]]
"""(tx, subject, what happened): called when something was set aside after too many failures."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of durable work: `do` handles what is due now and says how much; `hint` wakes its loop.

    `drain`, where there is one, waits for what is still on its way when the loops have stopped.
    """

    name: str
    hint: str
    do: Callable[[], Awaitable[int]]
    next_due: Callable[[Transaction], Awaitable[datetime | None]]
    drain: Callable[[], Awaitable[None]] | None = None


async def fire_timers(db: Database, handlers: Mapping[str, TimerHandler], alarm: Alarm) -> int:
    """Claim due timers and run their handlers: a batch in one transaction, one by one if the batch fails."""
    async with db.transaction(SYSTEM) as tx:
        timers = await store.claim_timers(tx)
    crashpoint("timers_claimed")
    if not timers:
        return 0
    try:
        await _fire(db, handlers, timers)
    except Exception as problem:
        if len(timers) == 1:
            await _set_aside(db, timers[0], problem, alarm)
        else:
            for timer in timers:
                try:
                    await _fire(db, handlers, [timer])
                except Exception as own:
                    await _set_aside(db, timer, own, alarm)
    return len(timers)


async def _fire(db: Database, handlers: Mapping[str, TimerHandler], timers: Sequence[Timer]) -> None:
    """Run the handlers, then delete the timers, in one transaction.

    Deleting comes last, because it locks: handlers lock what they are about first, as everybody does who sets or
    cancels a timer. The other way round an acknowledgement that cancels a timer would be the loser of a deadlock.
    """

    async def work(tx: Transaction) -> None:
        ours = await store.held_timers(tx, timers)
        mine = [timer for timer in timers if timer.id in ours]
        for timer in mine:
            await handlers[timer.kind](tx, timer)
        await store.finish_timers(tx, mine)
        if await store.taken_timers(tx, mine):
            raise Conflict("another node has taken these timers over")
        crashpoint("timers_fired_before_commit")

    await db.run(SYSTEM, work)
    crashpoint("timers_fired")


async def _set_aside(db: Database, timer: Timer, problem: Exception, alarm: Alarm) -> None:
    log.exception("timer failed", kind=timer.kind, subject=timer.subject, attempts=timer.attempts, exc_info=problem)
    last = timer.attempts >= ATTEMPTS_MAX
    async with db.transaction(SYSTEM) as tx:
        again_at = None if last else tx.now + backoff(timer.attempts)
        await store.fail_timer(tx, timer, repr(problem), again_at=again_at)
        if last:
            await alarm(tx, f"timer {timer.kind} of {timer.subject}", repr(problem))


async def drain_outbox(db: Database, alarm: Alarm) -> int:
    """Let handlers hear the facts they have not heard yet; each row is deleted once its handler returned."""
    async with db.transaction(SYSTEM) as tx:
        followups = await store.claim_followups(tx)
    for followup in followups:
        try:
            fact = db.bus.decode(followup.fact, followup.payload)
            await db.bus.handler(followup.handler)(db, fact)
            crashpoint("followup_done_before_record")
            async with db.transaction(SYSTEM) as tx:
                await store.finish_followup(tx, followup)
        except Exception as problem:
            await _put_back(db, followup, problem, alarm)
    return len(followups)


async def _put_back(db: Database, followup: Followup, problem: Exception, alarm: Alarm) -> None:
    log.exception("follow-up failed", handler=followup.handler, subject=followup.subject, exc_info=problem)
    last = followup.attempts >= OUTBOX_ATTEMPTS_MAX
    async with db.transaction(SYSTEM) as tx:
        again_at = None if last else tx.now + backoff(followup.attempts)
        await store.fail_followup(tx, followup, repr(problem), again_at=again_at)
        if last:
            await alarm(tx, f"follow-up {followup.handler} of {followup.subject}", repr(problem))


class Engine:
    """Runs every kind of work in its own loop until told to stop."""

    def __init__(
        self, db: Database, works: Sequence[Work], *, node: str, cycle: Callable[[], Awaitable[None]] | None = None
    ):
        self._db, self._works, self._node, self._cycle = db, works, node, cycle
        self._stopping = asyncio.Event()
        self._wakes = {work.hint: asyncio.Event() for work in works}
        self._finished: dict[str, float] = {}

    async def run(self) -> None:
        """Work until `stop()`: what is in flight is finished, nothing new is claimed."""
        unsubscribe = self._db.hints.subscribe(self._heard)
        await self._db.hints.listen()
        try:
            async with asyncio.TaskGroup() as group:
                for work in self._works:
                    group.create_task(self._loop(work))
                group.create_task(self._beat())
            for work in self._works:
                if work.drain is not None:
                    await work.drain()
        finally:
            unsubscribe()

    def stop(self) -> None:
        self._stopping.set()
        for wake in self._wakes.values():
            wake.set()

    def _heard(self, name: str) -> None:
        if wake := self._wakes.get(name):
            wake.set()

    async def _loop(self, work: Work) -> None:
        wake = self._wakes[work.hint]
        while not self._stopping.is_set():
            wake.clear()
            try:
                done = await work.do()
                self._finished[work.name] = monotonic()
                if done == 0:
                    await self._rest(work, wake)
            except Exception:
                log.exception("work failed", work=work.name)
                await self._wait(wake, POLL_SECONDS)

    async def _rest(self, work: Work, wake: asyncio.Event) -> None:
        """Until a hint, the next due time, or the poll interval (with jitter, so that nodes do not march in step)."""
        seconds = POLL_SECONDS * random.uniform(0.7, 1.0)
        async with self._db.transaction(SYSTEM) as tx:
            due = await work.next_due(tx)
            if due is not None:
                # Due by now, and yet nothing was done: another node has it, or it has just come. No spinning meanwhile.
                wait = (due - tx.now).total_seconds()
                seconds = min(seconds, wait if wait > 0 else HELD_SECONDS)
        await self._wait(wake, seconds)

    async def _wait(self, wake: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), seconds)

    async def _beat(self) -> None:
        """Record a green cycle, but only while every loop turns: a heart that beats for the dead is worse than none."""
        rests = [0.1] * 50  # the first beat soon after the start: /readyz waits for it
        while not self._stopping.is_set():
            fresh = all(monotonic() - self._finished.get(w.name, -1e9) < 15 for w in self._works)
            try:
                if self._cycle is not None:
                    await self._cycle()
                if fresh:
                    rests.clear()
                    async with self._db.transaction(SYSTEM) as tx:
                        await store.beat(tx, self._node, "engine", {"works": [w.name for w in self._works]})
            except Exception:
                log.exception("watchdog failed")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), rests.pop() if rests else 2.0)


class Stepper:
    """The same works, run by hand: what is due at this instant, until nothing is left.

    Tests, game days and the demo's history run the engine this way on a ManualClock. Hints say which works have
    something new, and the last look says what falls due when; before it rests it asks each work for its next due
    time, as the loops do.
    """

    def __init__(self, db: Database, works: Sequence[Work]) -> None:
        self._db, self._works = db, works
        self._hinted = {work.hint for work in works}
        self._times: dict[str, datetime] = {}
        self._rested_at: datetime | None = None
        db.hints.subscribe(self._hinted.add)

    async def settle(self) -> int:
        """Do all that is due at this instant."""
        total = 0
        for _ in range(ROUNDS_MAX):
            ready = self._ready() or await self._look()
            if not ready:
                return total
            total += sum([await work.do() for work in ready])
        raise RuntimeError("the work does not settle: something sets itself due again at the same instant")

    async def next_due(self) -> datetime | None:
        """The next instant at which any work falls due."""
        if self._hinted:
            await self._look()
        return min(self._times.values(), default=None)

    def _ready(self) -> list[Work]:
        """Works with something new, or with something that was seen to fall due by now."""
        now = self._db.clock.now()
        hinted = set(self._hinted)
        self._hinted.clear()
        ready = [w for w in self._works if w.hint in hinted or (w.name in self._times and self._times[w.name] <= now)]
        for work in ready:
            self._times.pop(work.name, None)
        if hinted:
            self._rested_at = None
        return ready

    async def _look(self) -> list[Work]:
        """Ask every work for its next due time; returns those that are due now. Where nothing has moved since, none."""
        if self._rested_at is not None and self._rested_at == self._db.clock.now():
            return []
        self._hinted.clear()
        async with self._db.transaction(SYSTEM) as tx:
            asked = {ask: await ask(tx) for ask in {work.next_due for work in self._works}}
        times = {work.name: asked[work.next_due] for work in self._works}
        self._times = {name: at for name, at in times.items() if at is not None and at > tx.now}
        ready = [work for work in self._works if (at := times[work.name]) is not None and at <= tx.now]
        self._rested_at = None if ready else tx.now
        return ready


async def settle(db: Database, works: Sequence[Work]) -> int:
    """Do all that is due at this instant, once."""
    return await Stepper(db, works).settle()
