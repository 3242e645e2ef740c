"""Group commit: all messages that arrive while one commit runs join the next, and each is answered after its commit.

The commit in flight is the waiting time, so a lone message waits for nothing and a storm costs few commits. In a storm
a second writer folds the next commit while the database has the first; what concerns the same alerts keeps its order.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import structlog

from rallypoint.actors import SYSTEM
from rallypoint.alerts.intake import store
from rallypoint.alerts.intake.fold import ACKNOWLEDGED, FIRING, RESOLVED, Beat, Change, Plan, fold
from rallypoint.alerts.intake.lanes import Lanes
from rallypoint.alerts.intake.memory import Memory
from rallypoint.alerts.intake.messages import KeptMessages
from rallypoint.alerts.model import Accepted, Batch, Integration, Severity, Signal, Status, Unreadable
from rallypoint.alerts.ports import PART, Known
from rallypoint.alerts.trouble import AGAIN, AWAY
from rallypoint.crashpoints import crashpoint
from rallypoint.db import Database, Transaction
from rallypoint.errors import OutsideFailure, RallypointError

COMMIT_ALERTS = 1024
"""Alerts in one commit: some 15 ms of PostgreSQL, which is what a message of another integration waits at most."""
STORM_ALERTS = 128
"""So many waiting are worth a second writer; each takes about half of what waits."""
LANE_ALERTS = 40_000
WAITING_ALERTS = 120_000
IDLE_SECONDS = 0.05
HINT_SECONDS = 0.02
SEEN_SECONDS = 5.0
TRIES = 4
UNREADABLE_KEY = "rallypoint/unreadable"
UNREADABLE_FOR = timedelta(hours=1)

log = structlog.get_logger()


class Busy(RallypointError):
    """More is waiting than may wait. The sender is asked to come again; nothing of this message was kept."""

    def __init__(self, *, lane: bool) -> None:
        self.lane, self.retry_after = lane, 2
        super().__init__("Too much of this integration is waiting." if lane else "Too much is waiting.")


@dataclass(slots=True, eq=False)
class Job:
    """A part of a message on its way to the database. `ours` marks what we say ourselves about the message."""

    integration: Integration
    batch: Batch
    done: "asyncio.Future[list[int | None]]"
    message: tuple[str, bytes, str] | None = None
    ours: bool = False
    lane: int = field(init=False)
    weight: int = field(init=False)

    def __post_init__(self) -> None:
        self.lane, self.weight = self.integration.id, max(1, len(self.batch.signals))


@dataclass(slots=True, eq=False)
class Flight:
    """A commit on its way, as later ones look at it: what two of them say of one alert keeps its order.

    Without a plan, which something in it has prevented, nobody knows what it is about.
    """

    plan: Plan | None
    landed: asyncio.Event = field(default_factory=asyncio.Event)

    def holds_up(self, later: "Flight") -> bool:
        """Whether the later one must wait. A repeat does not tell its key: beside it nothing may be settled."""
        mine, theirs = self.plan, later.plan
        if mine is None or theirs is None:
            return True
        if (mine.beats and theirs.settles) or (mine.settles and theirs.beats):
            return True
        return not mine.last.keys().isdisjoint(theirs.last)


class Batcher:
    """Takes batches from the edges and answers after the COMMIT. One per process; its writers start by themselves."""

    def __init__(
        self, db: Database, *, memory: Memory | None = None,
        lane_alerts: int = LANE_ALERTS, waiting_alerts: int = WAITING_ALERTS,
    ) -> None:  # fmt: skip
        self._db = db
        self._memory = memory or Memory()
        self._lanes: Lanes[Job] = Lanes(lane_limit=lane_alerts, limit=waiting_alerts)
        self._messages = KeptMessages()
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._second: asyncio.Task[None] | None = None
        self._flights: list[Flight] = []
        self._seen: dict[int, datetime] = {}
        self._all_new = False
        """The last commit opened alerts and met none that was open: the next is expected to do the same."""
        self._hint_rests = False
        self._hint_owed = False
        self.stored = self.commits = 0
        """Alerts committed by this process, and in how many commits: for /metrics."""

    @property
    def waiting(self) -> int:
        """Alerts that wait for a commit."""
        return self._lanes.weight

    def known(self, integration: Integration) -> Known:
        """For a reader: which open alert some bytes of this integration made."""
        prefix, get = integration.id.to_bytes(8, "big"), self._memory.get
        return lambda raw_key: get(prefix + raw_key)

    def room(self, integration: Integration) -> None:
        """Raises Busy if nothing more may wait, in this integration's lane or in all."""
        if self._lanes.is_full:
            raise Busy(lane=False)
        if self._lanes.lane_is_full(integration.id):
            raise Busy(lane=True)

    async def accept(
        self, integration: Integration, batch: Batch, raw: bytes = b"", *, receiver: str = "", problem: str = ""
    ) -> Accepted:
        """Store a batch. Returns after the COMMIT; raises Busy, or OutsideFailure if the database is away."""
        self.room(integration)
        jobs = self.submit(integration, batch, raw, receiver=receiver, problem=problem)
        return await self.committed(jobs)

    def submit(
        self, integration: Integration, batch: Batch, raw: bytes = b"", *, receiver: str = "", problem: str = ""
    ) -> list[Job]:
        """Queue a batch without waiting: for an edge that reads a long message part by part."""
        now = self._db.clock.now()
        loop = asyncio.get_running_loop()
        if batch.unreadable:
            problem = problem or batch.unreadable[0].reason
        message = self._messages.choose(integration.id, receiver, raw, problem, now)
        parts = [batch.signals[at : at + PART] for at in range(0, len(batch.signals), PART)] or [[]]
        jobs = [Job(integration, Batch(signals=part, reread=batch.reread), loop.create_future()) for part in parts]
        if batch.unreadable:
            about = _about_unreadable(integration, batch.unreadable, now)
            jobs.append(Job(integration, Batch(signals=[about]), loop.create_future(), ours=True))
        jobs[0].message = message
        for job in jobs:
            self._lanes.put(job)
        self._wake.set()
        if self._writer is None:
            self._writer = loop.create_task(self._write())
        self._call_second()
        return jobs

    async def committed(self, jobs: Sequence[Job]) -> Accepted:
        """Wait until all of these are in the database."""
        if len(jobs) == 1:
            return Accepted(ids=tuple(await jobs[0].done))
        if jobs:
            await asyncio.wait([job.done for job in jobs])
        for problem in [job.done.exception() for job in jobs]:
            if problem is not None:
                raise problem
        return Accepted(ids=tuple(one for job in jobs if not job.ours for one in job.done.result()))

    async def close(self) -> None:
        """Finish what waits, then let go of the connections."""
        while writers := [one for one in (self._writer, self._second) if one is not None]:
            await asyncio.wait(writers)

    # -- the writers

    async def _write(self) -> None:
        """Commit what waits until nothing has come for a moment, on one connection."""
        try:
            async with self._db.connection() as connection:
                while await self._something():
                    await self._next(connection)
        except (*AWAY, *AGAIN) as problem:
            log.warning("alerts not stored: the database is away", waiting=self.waiting, problem=str(problem))
            _fail(self._lanes.take_all(), _away(problem))
        except Exception as problem:
            log.exception("the alert writer failed")
            _fail(self._lanes.take_all(), problem)
        finally:
            self._writer = asyncio.get_running_loop().create_task(self._write()) if self._lanes else None

    def _call_second(self) -> None:
        if self._second is None and self._flights and self._lanes.weight >= STORM_ALERTS:
            self._second = asyncio.get_running_loop().create_task(self._write_beside())

    async def _write_beside(self) -> None:
        """Commit beside the first writer for as long as the storm lasts. What still waits is the first one's."""
        try:
            async with self._db.connection() as connection:
                while self._lanes.weight >= STORM_ALERTS:
                    await self._next(connection)
        except Exception as problem:
            log.warning("the second alert writer stopped", problem=repr(problem)[:300])
        finally:
            self._second = None

    async def _next(self, connection: Any) -> None:
        """The next commit. From taking the jobs to being in the air nothing is awaited: so flights are in order."""
        await self._db.clock.watch(connection)
        if not (jobs := self._lanes.take(min(COMMIT_ALERTS, max(2 * STORM_ALERTS, self._lanes.weight // 2)))):
            return
        flight = Flight(_plan_of(jobs, self._db.clock.now()))
        before = [one for one in self._flights if one.holds_up(flight)]
        self._flights.append(flight)
        self._call_second()
        try:
            for one in before:
                await one.landed.wait()
            await self._commit(connection, jobs, flight.plan)
        finally:
            self._flights.remove(flight)
            flight.landed.set()

    async def _something(self) -> bool:
        if not self._lanes:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), IDLE_SECONDS)
        return bool(self._lanes)

    async def _commit(self, connection: Any, jobs: list[Job], plan: Plan | None = None) -> None:
        try:
            await self._with_retries(connection, jobs, plan)
        except (*AWAY, *AGAIN) as problem:
            _fail(jobs, _away(problem))
            raise
        except Exception as problem:
            try:
                await self._one_by_one(connection, jobs, problem)
            except Exception as second:  # whoever waits for these hears of it, whatever happens
                _fail(jobs, _away(second) if isinstance(second, (*AWAY, *AGAIN)) else second)
                raise

    async def _with_retries(self, connection: Any, jobs: list[Job], plan: Plan | None) -> None:
        all_new = self._all_new
        for attempt in range(TRIES):
            try:
                await self._store(connection, jobs, plan if attempt == 0 else None, all_new=all_new)
                return
            except asyncpg.UniqueViolationError:
                if not all_new:
                    raise
                all_new = self._all_new = False
            except AGAIN:
                if attempt == TRIES - 1:
                    raise

    async def _one_by_one(self, connection: Any, jobs: list[Job], problem: Exception) -> None:
        """Something here cannot be stored. Its neighbours can; it becomes unreadable, with the reason."""
        log.warning("a batch could not be stored whole", jobs=len(jobs), problem=repr(problem)[:500])
        if len(jobs) > 1:
            for job in jobs:
                await self._commit(connection, [job])
            return
        job = jobs[0]
        if len(job.batch.signals) <= 1:
            await self._set_aside(connection, job, problem)
            return
        ids: list[int | None] = []
        for signal in job.batch.signals:
            alone = Job(job.integration, Batch(signals=[signal], reread=job.batch.reread), _future())
            await self._commit(connection, [alone])
            if refused := alone.done.exception():
                _fail([job], refused)
                return
            ids += alone.done.result()
        _answer(job, ids)

    async def _set_aside(self, connection: Any, job: Job, problem: Exception) -> None:
        signal = job.batch.signals[0] if job.batch.signals else None
        if signal is None or getattr(signal, "dedup_key", "") == UNREADABLE_KEY:
            _fail([job], problem)
            return
        reason = f"could not be stored: {str(problem)[:300]}".replace("\0", "")
        payload = signal.payload if isinstance(signal, Signal) else b""
        about = _about_unreadable(job.integration, [Unreadable(reason=reason, payload=payload)], self._db.clock.now())
        stand_in = Job(job.integration, Batch(signals=[about]), job.done, ("", payload, reason))
        await self._commit(connection, [stand_in])

    async def _store(self, connection: Any, jobs: list[Job], plan: Plan | None, *, all_new: bool) -> None:
        """One commit for all of these jobs, and only then their answers."""
        tx = Transaction(connection, now=self._db.clock.now(), actor=SYSTEM, bus=self._db.bus)
        plan = plan or _folded(jobs, tx.now)
        messages = [(job.integration.id, *job.message) for job in jobs if job.message]
        seen = self._unseen(jobs, tx.now)
        crashpoint("alerts_folded")
        statements = _statements(plan)
        if messages or seen or len(statements) != 1:
            async with connection.transaction():
                await _apply(tx, plan, statements, all_new=all_new and len(plan.rounds) == 1)
                if messages:
                    await store.keep_messages(tx, messages)
                if seen:
                    await store.mark_seen(tx, seen)
                crashpoint("alerts_before_commit")
        else:
            # a single statement commits by itself and saves two round trips
            await _apply(tx, plan, statements, all_new=all_new)
        crashpoint("alerts_committed")
        for job, answers in zip(jobs, plan.answers, strict=True):
            _answer(job, [one.alert_id for one in answers])
        try:
            self._remember(plan, seen, tx.now, sum(len(job.batch.signals) for job in jobs))
        except Exception:  # what is committed is committed: nothing that follows may store it a second time
            log.exception("stored alerts were not remembered")

    def _remember(self, plan: Plan, seen: Sequence[int], now: datetime, stored: int) -> None:
        """What this process knows after a commit, and the word to the router."""
        self.commits += 1
        self.stored += stored
        self._seen.update(dict.fromkeys(seen, now))
        self._learn(plan)
        fired = [change.is_new for changes in plan.rounds for change in changes.values() if change.kind == FIRING]
        if fired:
            self._all_new = all(fired)
        if any(change.is_new for changes in plan.rounds for change in changes.values()):
            self._hint()

    def _unseen(self, jobs: Sequence[Job], now: datetime) -> list[int]:
        """Integrations whose last sign of life is old enough to be written anew."""
        ids = {job.integration.id for job in jobs}
        return [i for i in ids if i not in self._seen or (now - self._seen[i]).total_seconds() >= SEEN_SECONDS]

    def _learn(self, plan: Plan) -> None:
        learn = self._memory.learn
        for changes in plan.rounds:
            for change in changes.values():
                if change.alert_id is not None and change.kind == FIRING and change.signal.raw_key:
                    learn(change.key[:8] + change.signal.raw_key, change.alert_id)

    def _hint(self) -> None:
        """Wake the router, at most every HINT_SECONDS: a NOTIFY for each commit of a storm would slow every commit."""
        if self._hint_rests:
            self._hint_owed = True
            return
        self._hint_rests = True
        self._db.hints.send({"alert"})
        asyncio.get_running_loop().call_later(HINT_SECONDS, self._hint_rested)

    def _hint_rested(self) -> None:
        self._hint_rests = False
        if self._hint_owed:
            self._hint_owed = False
            self._hint()


SETTLES = {ACKNOWLEDGED: store.ACKNOWLEDGE, RESOLVED: store.RESOLVE}
KINDS = (FIRING, ACKNOWLEDGED, RESOLVED)


def _statements(plan: Plan) -> list[tuple[str, list[Change]]]:
    """The writes of each round by kind, rows in key order; repeats (kind '') come last."""
    found: list[tuple[str, list[Change]]] = []
    for changes in plan.rounds:
        by_kind: dict[str, list[Change]] = defaultdict(list)
        for key in sorted(changes):
            by_kind[changes[key].kind].append(changes[key])
        found += [(kind, by_kind[kind]) for kind in KINDS if kind in by_kind]
    return [*found, ("", [])] if plan.beats else found


async def _apply(
    tx: Transaction, plan: Plan, statements: Sequence[tuple[str, list[Change]]], *, all_new: bool = False
) -> None:
    for kind, changes in statements:
        if kind == FIRING:
            await store.put(tx, changes, all_new=all_new)
        elif kind:
            await store.settle(tx, SETTLES[kind], changes)
        else:
            await _beat(tx, plan)


async def _beat(tx: Transaction, plan: Plan) -> None:
    """Count repeats. Where the alert was closed in the meantime, the repeat is read in full and fires anew."""
    beats = [plan.beats[alert_id] for alert_id in sorted(plan.beats)]
    open_ones = await store.beat(tx, beats)
    late = [beat for beat in beats if beat.alert_id not in open_ones]
    if not late:
        return
    again = Plan()
    fired: list[tuple[Beat, Change]] = []
    for beat in late:
        integration_id, batch, repeat = beat.signals[0]
        assert batch.reread is not None
        change = again.add(integration_id, batch.reread(repeat.member), tx.now)
        change.count = max(change.count, beat.count)
        fired.append((beat, change))
    await _apply(tx, again, _statements(again))
    plan.rounds += again.rounds
    for beat, change in fired:
        beat.alert_id = change.alert_id or beat.alert_id


def _folded(jobs: Sequence[Job], now: datetime) -> Plan:
    return fold([(job.integration.id, job.batch) for job in jobs], now)


def _plan_of(jobs: Sequence[Job], now: datetime) -> Plan | None:
    """What the commit will say; None where something cannot be folded, which is found out one by one."""
    try:
        return _folded(jobs, now)
    except Exception:
        return None


def _about_unreadable(integration: Integration, unreadable: Sequence[Unreadable], now: datetime) -> Signal:
    """An alert about what could not be read: it is routed like any other, so that somebody looks."""
    return Signal(
        dedup_key=UNREADABLE_KEY,
        status=Status.FIRING,
        severity=Severity.WARNING,
        summary=f"{integration.name} sent something that could not be read",
        details="\n".join(u.reason for u in unreadable[:20])[:8000],
        source="Rallypoint",
        labels={"alertname": "UnreadableMessage", "integration": integration.name},
        ends_at=now + UNREADABLE_FOR,
        payload=unreadable[0].payload[:65536],
    )


def _away(problem: BaseException) -> OutsideFailure:
    return OutsideFailure(f"The database cannot be reached ({type(problem).__name__}).", retry=True, unknown=True)


def _future() -> "asyncio.Future[list[int | None]]":
    return asyncio.get_running_loop().create_future()


def _answer(job: Job, ids: list[int | None]) -> None:
    if not job.done.done():
        job.done.set_result(ids)


def _fail(jobs: Sequence[Job], problem: BaseException) -> None:
    for job in jobs:
        if not job.done.done():
            job.done.set_exception(problem)
