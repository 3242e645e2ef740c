"""The loop that keeps links in step: claims what is due, drives a pass for each, and decides when to look again.

One link at a time is one pass at a time, on one node; a connection that fails rests as a whole; what fails for good is
put on its link with the cause, and every other link goes on.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from rallypoint import incidents
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.clock import sleep
from rallypoint.db import Database, Transaction
from rallypoint.egress import Egress
from rallypoint.engine.loop import Work
from rallypoint.errors import RallypointError
from rallypoint.sync import creating, deletion, hub, lane_store, polling, steps, store
from rallypoint.sync.benches import CALL_SECONDS, Bench, Benches
from rallypoint.sync.budget import Use
from rallypoint.sync.calls import FetchFile, SendFile
from rallypoint.sync.carrying import Carrier
from rallypoint.sync.connecting import Alarm
from rallypoint.sync.connection import Connection, ConnectionState
from rallypoint.sync.hooks import Hooks
from rallypoint.sync.lane_store import Room
from rallypoint.sync.mapping import Mapping
from rallypoint.sync.model import Gone, GoneReason
from rallypoint.sync.panels import panel_of
from rallypoint.sync.perform import failed, perform
from rallypoint.sync.ports import Cause, Outage, RateLimited, RichText, Tracker, TrackerError
from rallypoint.sync.quotas import Quotas
from rallypoint.sync.settlement import Setting
from rallypoint.sync.settling import Lost, Settler
from rallypoint.sync.steps import Ending, Event, Finish
from rallypoint.sync.tools import Tools
from rallypoint.sync.work import Claim, Held, Offer, effect_done

WIDTH = 48
"""How many links are worked on at once, on each node."""

EACH = 8
"""How many of them of one connection: a tool that hangs holds up no other."""

POLL_SECONDS = 5.0
"""How long a round of asking waits for slow tools; they go on beside it, and the next round begins."""

GLANCE_SECONDS = 0.05
LARGEST_FILE = 50_000_000
"""Bytes of a file, where the settings are not asked."""

MOST_EFFECTS = 200
SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=30)
FAILURES_TO_REST = 5
"""So many failures in a row, of any links, and the whole connection rests: the circuit breaker."""

WATCH_AGAIN = timedelta(minutes=10)
SUCCESS_NOTED = timedelta(seconds=30)

log = structlog.get_logger()


class Lanes:
    """The syncing of this process."""

    def __init__(
        self, db: Database, tools: Tools, vault: Vault, egress: Egress, *, base_url: str, texts: RichText, alarm: Alarm,
        width: int = WIDTH, each: int = EACH, largest_file: int = LARGEST_FILE,
    ) -> None:  # fmt: skip
        self._db, self._alarm = db, alarm
        self._base_url, self._width, self._each, self._largest_file = base_url, width, each, largest_file
        self._quotas = Quotas(db)
        self._benches = Benches(db, tools, vault, egress, quotas=self._quotas, texts=texts, largest_file=largest_file)
        self._hooks = Hooks(db, vault, base_url)
        self._flying: dict[asyncio.Task[None], tuple[int, str]] = {}
        self._polling: dict[asyncio.Task[None], int] = {}

    @property
    def works(self) -> list[Work]:
        """Links and offers in one loop, polls in another."""
        return [
            Work("sync", "sync", self.do, self.next_due, self.drain),
            Work("sync.poll", "sync-poll", self.poll, store.next_poll),
        ]

    @property
    def quotas(self) -> Quotas:
        """What tools may still be asked for, for whoever else asks them in this process."""
        return self._quotas

    async def tracker(self, connection: Connection) -> Tracker:
        """The tool of a connection, as the lanes have it."""
        return (await self._benches.of(connection)).tracker

    async def next_due(self, tx: Transaction) -> datetime | None:
        rooms = self._rooms()
        times = [
            await lane_store.next_link(tx, rooms), await lane_store.next_offer(tx, rooms), self._quotas.next_opening()
        ]  # fmt: skip
        return min((at for at in times if at is not None), default=None)

    def _rooms(self) -> list[Room]:
        return self._quotas.rooms(Counter(connection for connection, _ in self._flying.values()))

    async def do(self) -> int:
        """One turn: start what is due as far as there is room, and glance at what is on its way."""
        room = self._width - len(self._flying)
        begun = 0
        if room > 0:
            rooms = self._rooms()
            async with self._db.transaction(SYSTEM) as tx:
                claims = await lane_store.claim_links(tx, limit=room, each=self._each, rooms=rooms)
                left = room - len(claims)
                offers = await lane_store.claim_offers(tx, limit=left, each=self._each, rooms=rooms) if left > 0 else []
            for claim in claims:
                self._start(self._pass(claim), claim.link.connection, claim.link.remote_id)
            for offer in offers:
                self._start(self._consider(offer), offer.connection, offer.remote_id)
            begun = len(claims) + len(offers)
        flying = set(self._flying)
        if flying:
            await asyncio.wait(flying, timeout=GLANCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return max(len(flying), begun)

    def _start(self, work: Coroutine[Any, Any, None], connection: int, item: str) -> None:
        task = asyncio.create_task(_safely(work))
        self._flying[task] = (connection, item)
        task.add_done_callback(lambda done: self._flying.pop(done, None) and None)

    async def drain(self) -> None:
        """Let what is on its way come to an end; nothing new is started."""
        if under_way := {*self._flying, *self._polling}:
            await asyncio.wait(under_way, timeout=CALL_SECONDS)
        await self._benches.close()

    async def poll(self) -> int:
        """Ask every tool whose time has come what changed there, side by side: one that is slow delays no other."""
        due: list[Connection] = []
        if (room := self._width - len(self._polling)) > 0:
            async with self._db.transaction(SYSTEM) as tx:
                due = await store.claim_polls(tx, limit=room, next_at=tx.now + polling.EVERY)
        for connection in due:
            if connection.id not in self._polling.values():
                task = asyncio.create_task(_safely(self._ask(connection)))
                self._polling[task] = connection.id
                task.add_done_callback(lambda done: self._polling.pop(done, None) and None)
        if self._polling:
            await asyncio.wait(set(self._polling), timeout=POLL_SECONDS)
        return len(due)

    async def _ask(self, connection: Connection) -> None:
        try:
            self._quotas.demand(connection.id, Use.ASKING)
            bench = await self._benches.of(connection)
            try:
                untold = await polling.poll(self._db, bench.tracker, connection)
                await self._hooks.asked(connection, untold, self._alarm)
                await self._hooks.look_after(connection, bench.tracker, self._alarm)
            finally:
                await self._quotas.note(bench.tracker, connection.id, Use.ASKING)
            await self._went_well(bench)
        except Held as held:
            await self._ask_later(connection, held.until)
        except TrackerError as problem:
            after = problem.retry_after if isinstance(problem, RateLimited) else None
            bucket = problem.bucket if isinstance(problem, RateLimited) else ""
            if bucket and not self._quotas.is_for(connection.id, bucket, Use.LANES):
                await self._ask_later(connection, self._db.clock.now() + wait_for(0, after))
            else:
                await self._went_wrong(connection, problem.cause, str(problem), after)
        except Exception as bug:
            log.exception("poll failed", connection=connection.key)
            await self._went_wrong(connection, Cause.OUTAGE, repr(bug), None)

    async def _ask_later(self, connection: Connection, until: datetime) -> None:
        """The budget for asking is spent; what is written does not wait for that."""
        async with self._db.transaction(SYSTEM) as tx:
            await store.change_connection(tx, connection.id, poll_due_at=max(until, tx.now + polling.EVERY))

    # One link.

    async def _pass(self, claim: Claim) -> None:
        try:
            connection, mapping, filled = await self._load(claim)
            bench = await self._benches.of(connection)
            claim = await self._created(claim, bench, mapping)
            finish = await self._drive(claim, bench, await self._benches.setting(bench, mapping), filled)
            await self._end(claim, bench, mapping, finish)
        except Lost:
            return
        except Held as held:
            async with self._db.transaction(SYSTEM) as tx:
                await lane_store.release_link(tx, claim, due_at=held.until, error=None, tried=False)
        except TrackerError as problem:
            await self._failed(claim, problem)
        except (OSError, TimeoutError) as problem:
            log.warning("a link has to wait for the database", link=claim.link.id, problem=repr(problem))
        except Exception as bug:
            log.exception("a link could not be synced", link=claim.link.id)
            await self._put_off(claim, Cause.MAPPING, f"Rallypoint failed: {bug!r}"[:500], None)

    async def _load(self, claim: Claim) -> tuple[Connection, Mapping, frozenset[str]]:
        async with self._db.transaction(SYSTEM) as tx:
            connection = await store.connection_by_id(tx, claim.link.connection)
            mapping = await store.mapping(tx, claim.link.mapping)
            filled = await store.filled_there(tx, claim.link.id)
        return connection, mapping, filled

    async def _created(self, claim: Claim, bench: Bench, mapping: Mapping) -> Claim:
        if claim.link.remote_id:
            return claim
        self._quotas.demand(claim.link.connection, Use.LANES)
        try:
            link = await creating.create(
                self._db, bench.tracker, bench.connection, mapping, self._benches.lenses(mapping), claim,
                base_url=self._base_url,
            )  # fmt: skip
        finally:  # looking for an item may have a budget of its own
            use = Use.ASKING if claim.create_sent else Use.LANES
            await self._quotas.note(bench.tracker, claim.link.connection, use)
        effect_done(claim, "sync_item_created")
        return replace(claim, link=link)

    async def _drive(self, claim: Claim, bench: Bench, setting: Setting, filled: frozenset[str]) -> Finish:
        """The pass: effects of the machine, each answered by an event, until it says how it ended."""
        settler = Settler(db=self._db, connection=bench.connection, setting=setting, base_url=self._base_url)
        at, effect = steps.advance(steps.Pass(), steps.Began())
        for _ in range(MOST_EFFECTS):
            if isinstance(effect, Finish):
                return effect
            if isinstance(effect, steps.Settle):
                event: Event = await settler.settle(claim, effect.sight)
                effect_done(claim, "sync_settled")
            else:
                try:
                    self._quotas.demand(claim.link.connection, Use.LANES, item=claim.link.remote_id)
                except Held:
                    if not at.answers:
                        raise
                    if isinstance(effect, steps.Do):  # what was answered is settled first, or it would be forgotten
                        at, effect = replace(at, todo=()), steps.Read()
                event = await self._perform(bench, claim, setting, effect, filled)
                effect_done(claim, "sync_call_done")
                await self._quotas.note(
                    bench.tracker, claim.link.connection, Use.LANES, link=claim.link,
                    items={item for connection, item in self._flying.values() if connection == claim.link.connection},
                )  # fmt: skip
            at, effect = steps.advance(at, event)
        return Finish(ending=Ending.LATER, said="It took too many steps.")

    async def _perform(
        self, bench: Bench, claim: Claim, setting: Setting, effect: Any, filled: frozenset[str]
    ) -> Event:
        if isinstance(effect, steps.Do) and isinstance(effect.call, FetchFile | SendFile):
            carrier = Carrier(
                db=self._db, tracker=bench.tracker, tool=bench.connection.name, setting=setting, claim=claim,
                largest=self._largest_file,
            )  # fmt: skip
            return await carrier.carry(effect.call)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await perform(bench.tracker, claim.link.remote_id, effect, filled)
        except TimeoutError:
            call = effect.call if isinstance(effect, steps.Do) else None
            return failed(Outage(f"No answer within {CALL_SECONDS:.0f} seconds.", unknown=True), call)

    # How it ended.

    async def _end(self, claim: Claim, bench: Bench, mapping: Mapping, finish: Finish) -> None:
        match finish.ending:
            case Ending.DONE:
                await self._show_panel(claim, bench, mapping)
                await self._release(claim, due_at=None, error=None)
                effect_done(claim, "sync_released")
                await self._went_well(bench)
            case Ending.GONE:
                await self._gone(claim, bench, mapping, finish.gone or Gone(reason=GoneReason.UNREADABLE))
            case _:
                await self._put_off(claim, finish.cause, finish.said, finish.retry_after, bucket=finish.bucket)

    async def _gone(self, claim: Claim, bench: Bench, mapping: Mapping, gone: Gone) -> None:
        others = bench.connection.succeeded_at is not None and not bench.connection.failures
        verdict = deletion.judge(gone, claim.link, mapping.deletion, others_readable=others)

        async def work(tx: Transaction) -> None:
            await incidents.locked(tx, claim.link.incident)
            if not await store.hold_link(tx, claim):
                return
            match verdict.fate:
                case deletion.Fate.FOLLOW:
                    await self._follow(tx, claim, verdict)
                case deletion.Fate.TOMBSTONE:
                    await store.change_link(tx, claim.link.id, state="tombstone", state_reason=verdict.reason)
                    await lane_store.release_link(tx, claim, due_at=None, error=None)
                    await hub.deleted_there(tx, claim.link.incident, verdict, bench.connection.name)
                case _:
                    await store.change_link(tx, claim.link.id, missed_reads=verdict.missed_reads)
                    await lane_store.release_link(tx, claim, due_at=tx.now + WATCH_AGAIN, error=None)

        await self._db.run(hub.actor_of(bench.connection, None), work)

    async def _follow(self, tx: Transaction, claim: Claim, verdict: deletion.Verdict) -> None:
        """Go on with what the item became; where the incident is linked to that already, one link is enough."""
        there = await store.links_to(tx, claim.link.connection, [verdict.moved_to])
        if any(one.incident == claim.link.incident and one.id != claim.link.id for one in there):
            said = f"{verdict.reason} The incident is linked to where it went."
            await store.change_link(tx, claim.link.id, state="ended", state_reason=said)
            await lane_store.release_link(tx, claim, due_at=None, error=None)
            return
        await store.change_link(tx, claim.link.id, remote_id=verdict.moved_to, missed_reads=0)
        await lane_store.release_link(tx, claim, due_at=tx.now, error=None)

    async def _show_panel(self, claim: Claim, bench: Bench, mapping: Mapping) -> None:
        """The way back to the incident, on the remote item. Its failure is no failure of the sync."""
        if not mapping.links.panel:
            return
        async with self._db.transaction(SYSTEM) as tx:
            incident = await incidents.incident(tx, claim.link.incident)
        panel = panel_of(incident, mapping, base_url=self._base_url)
        shown = f"{panel.title}|{panel.status}|{panel.resolved}"
        if shown == claim.panel:
            return
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await bench.tracker.show_panel(claim.link.remote_id, panel)
        except (TrackerError, TimeoutError) as problem:
            log.warning("panel not shown", link=claim.link.id, problem=str(problem))
            return
        effect_done(claim, "sync_panel_shown")
        async with self._db.transaction(SYSTEM) as tx:
            if await store.hold_link(tx, claim):
                await store.change_link(tx, claim.link.id, panel=shown)

    async def _failed(self, claim: Claim, problem: TrackerError) -> None:
        event = failed(problem, None)
        await self._put_off(claim, problem.cause, str(problem), event.retry_after, bucket=event.bucket)

    async def _put_off(
        self, claim: Claim, cause: Cause | None, said: str, retry_after: float | None, *, bucket: str = ""
    ) -> None:
        """Later, or not before a person did something: wrong credentials and rules do not heal by waiting."""
        wait = wait_for(claim.attempts, retry_after)
        async with self._db.transaction(SYSTEM) as tx:
            heals = cause in (None, Cause.RATE, Cause.OUTAGE, Cause.STALE, Cause.AUTH)
            error = None if heals else {"cause": str(cause), "said": said[:1000], "at": tx.now.isoformat()}
            await lane_store.release_link(tx, claim, due_at=tx.now + wait if heals else None, error=error)
            connection = await store.connection_by_id(tx, claim.link.connection)
        if cause is Cause.RATE and bucket and bucket == claim.link.remote_id:
            async with self._db.transaction(SYSTEM) as tx:
                await lane_store.rest_item(tx, claim.link.id, tx.now + wait)
            return  # this item's own budget: the others go on
        if cause is Cause.RATE and bucket and not self._quotas.is_for(connection.id, bucket, Use.LANES):
            return  # a budget for asking
        if cause in (Cause.AUTH, Cause.RATE, Cause.OUTAGE):
            await self._went_wrong(connection, cause, said, retry_after)

    async def _release(self, claim: Claim, *, due_at: datetime | None, error: dict[str, Any] | None) -> None:
        async with self._db.transaction(SYSTEM) as tx:
            if claim.link.missed_reads:
                await store.change_link(tx, claim.link.id, missed_reads=0)
            await lane_store.release_link(tx, claim, due_at=due_at, error=error)

    async def _went_well(self, bench: Bench) -> None:
        known = bench.connection
        async with self._db.transaction(SYSTEM) as tx:
            fresh = known.succeeded_at is not None and tx.now - known.succeeded_at < SUCCESS_NOTED
            if fresh and not known.failures:
                return
            now = await store.connection_by_id(tx, known.id)
            # A rest that the tool asked for stands, whatever else went well meanwhile; the breaker closes.
            rest = {"closed_until": None} if now.failures >= FAILURES_TO_REST else {}
            await store.change_connection(tx, known.id, succeeded_at=tx.now, failures=0, failure="", **rest)
            self._benches.now(await store.connection_by_id(tx, known.id))

    async def _went_wrong(self, connection: Connection, cause: Cause, said: str, retry_after: float | None) -> None:
        """The connection's own trouble: refused credentials stop it and tell a person; else it rests for a while."""
        async with self._db.transaction(SYSTEM) as tx:
            now = await store.connection_by_id(tx, connection.id)
            failures = now.failures + (cause is not Cause.RATE)
            changes: dict[str, Any] = {"failed_at": tx.now, "failure": said[:500], "failures": failures}
            if cause is Cause.AUTH and now.state is ConnectionState.ON:
                changes |= {"state": "refused", "state_reason": said[:300]}
                await self._alarm(tx, f"connection {now.name}", f"{now.name} does not let us in: {said}")
            elif cause is Cause.RATE:
                rest = tx.now + timedelta(seconds=min(retry_after or 30.0, 3600.0))
                changes["closed_until"] = max(now.closed_until or rest, rest)
            elif failures >= FAILURES_TO_REST:
                changes["closed_until"] = tx.now + wait_for(failures - FAILURES_TO_REST + 2, None)
            await store.change_connection(tx, connection.id, **changes)

    # Items that nobody is linked to.

    async def _consider(self, offer: Offer) -> None:
        try:
            async with self._db.transaction(SYSTEM) as tx:
                connection = await store.connection_by_id(tx, offer.connection)
                mappings = await store.mappings(tx, offer.connection)
            self._quotas.demand(connection.id, Use.LANES, item=offer.remote_id)
            bench = await self._benches.of(connection)
            lenses = {one.id: self._benches.lenses(one) for one in mappings}
            try:
                await creating.consider(self._db, bench.tracker, connection, lenses, mappings, offer)
            finally:
                await self._quotas.note(bench.tracker, connection.id, Use.LANES, items={offer.remote_id})
        except Held as held:
            async with self._db.transaction(SYSTEM) as tx:
                await store.put_off_offer(tx, offer, due_at=held.until, error="")
        except (TrackerError, RallypointError, TimeoutError, OSError) as problem:
            log.warning("an item could not be looked at", remote=offer.remote_id, problem=str(problem))
            after = problem.retry_after if isinstance(problem, RateLimited) else None
            async with self._db.transaction(SYSTEM) as tx:
                due = tx.now + wait_for(offer.attempts, after)
                await store.put_off_offer(tx, offer, due_at=due, error=str(problem))
            own = isinstance(problem, RateLimited) and problem.bucket == offer.remote_id
            if (
                isinstance(problem, TrackerError)
                and problem.cause in (Cause.AUTH, Cause.RATE, Cause.OUTAGE)
                and not own
            ):
                await self._went_wrong(connection, problem.cause, str(problem), after)
        except Exception:
            log.exception("an item could not be looked at", remote=offer.remote_id)


async def _safely(work: Coroutine[Any, Any, None]) -> None:
    """Nothing that goes wrong with one link ends the loop: its lease runs out, and it is taken up again."""
    try:
        await work
    except Exception:
        log.exception("a pass broke off")


def wait_for(attempts: int, retry_after: float | None) -> timedelta:
    """How long until the next try: what the tool asked for, else doubling from seconds to half an hour."""
    if retry_after is not None:
        return timedelta(seconds=max(1.0, min(retry_after, 3600.0)))
    doubled: timedelta = SHORTEST_WAIT * 2 ** min(attempts, 12)
    return min(doubled, LONGEST_WAIT)


async def sync_due(lanes: Lanes) -> int:
    """Everything that is due at this instant, to its end: for tests and one-shot tools."""
    total = 0
    for _ in range(1000):
        done = await lanes.do()
        if not done:
            return total
        total += done
        await sleep(0)
    raise RuntimeError("the links do not settle")
