"""The loop that keeps action items and the items they follow in step: one pass at a time over each, as for incidents.

The machine of sync/steps.py decides what is read and written; what is different is only whose fields they are. Between
connections nobody waits for anybody; a claim counts only under its fence, and every write is journaled before its call.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import structlog

from rallypoint import access
from rallypoint.actors import SYSTEM
from rallypoint.clock import monotonic, sleep
from rallypoint.crashpoints import crashpoint
from rallypoint.db import Database, Transaction
from rallypoint.engine.loop import Work
from rallypoint.errors import Conflict as Clash
from rallypoint.errors import Invalid, NotFound, Refused
from rallypoint.learning import actions, elsewhere, store
from rallypoint.learning import elsewhere_rules as rules
from rallypoint.learning.model import ActionItem, ItemState
from rallypoint.sync import codec, creating, deletion, follower_store, hub, steps
from rallypoint.sync import store as sync_store
from rallypoint.sync.benches import CALL_SECONDS, SETTING_SECONDS
from rallypoint.sync.budget import Use
from rallypoint.sync.connection import Connection
from rallypoint.sync.follower_store import FieldVersion, Follower, FollowerClaim, Remembered
from rallypoint.sync.lanes import MOST_EFFECTS, WATCH_AGAIN, Lanes, wait_for
from rallypoint.sync.lenses import Lenses
from rallypoint.sync.mapping import Mapping as Rules
from rallypoint.sync.memory import Memory
from rallypoint.sync.model import Conflict, Gone, GoneReason, HubItem, Person
from rallypoint.sync.perform import failed, perform
from rallypoint.sync.planner import Decision
from rallypoint.sync.ports import Cause, Created, Outage, RichText, Tracker, TrackerError
from rallypoint.sync.settlement import Applied, Setting, Sight, decide, setting_of, settle
from rallypoint.sync.settling import Lost, new_op
from rallypoint.sync.steps import Ending, Event, Finish, Settled
from rallypoint.sync.work import Claim, Held

WIDTH = 8
"""How many connections are worked with at once, one action item of each."""

GLANCE_SECONDS = 0.05
DECLINED = (Refused, Invalid, NotFound, Clash)

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The rules for one type of items: for new ones with their text, and for those that are there."""

    creating: Rules
    setting: Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """One claimed follower with what its pass needs."""

    claim: Claim
    item: int
    connection: Connection
    tracker: Tracker
    way: Way


class Following:
    """The action items of this process that follow something. Trackers and budgets are those of the lanes."""

    def __init__(self, db: Database, lanes: Lanes, *, texts: RichText, base_url: str) -> None:
        self._db, self._lanes, self._texts, self._base_url = db, lanes, texts, base_url
        self._ways: dict[tuple[int, int, str, str], tuple[Way, float]] = {}
        self._flying: dict[asyncio.Task[None], int] = {}

    @property
    def works(self) -> list[Work]:
        return [Work("learning.following", follower_store.TOPIC, self.do, follower_store.next_due, self.drain)]

    async def do(self) -> int:
        """One turn: start what is due, and glance at what is on its way."""
        begun: list[FollowerClaim] = []
        if (room := WIDTH - len(self._flying)) > 0:
            async with self._db.transaction(SYSTEM) as tx:
                begun = await follower_store.claim(tx, limit=room, busy=list(self._flying.values()))
            for one in begun:
                task = asyncio.create_task(_safely(self._pass(one)))
                self._flying[task] = one.follower.link.connection
                task.add_done_callback(lambda done: self._flying.pop(done, None) and None)
        if flying := set(self._flying):
            await asyncio.wait(flying, timeout=GLANCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return max(len(flying), len(begun))

    async def drain(self) -> None:
        """Let what is on its way come to an end."""
        if self._flying:
            await asyncio.wait(set(self._flying), timeout=CALL_SECONDS)

    # One pass.

    async def _pass(self, one: FollowerClaim) -> None:
        claim = one.claim
        try:
            hand = await self._hand(one.follower, claim)
            if not claim.link.remote_id:
                hand = replace(hand, claim=await self._created(hand))
            await self._end(hand, await self._drive(hand))
        except Lost:
            return
        except Held as held:
            async with self._db.transaction(SYSTEM) as tx:
                await follower_store.release(tx, claim, due_at=held.until, error=None, tried=False)
        except TrackerError as problem:
            await self._put_off(claim, problem.cause, str(problem), failed(problem, None).retry_after)
        except (OSError, TimeoutError) as problem:
            log.warning("an action item has to wait for the database", follower=claim.link.id, problem=repr(problem))
        except Exception as bug:
            log.exception("an action item could not be followed", follower=claim.link.id)
            await self._put_off(claim, Cause.MAPPING, f"Rallypoint failed: {bug!r}"[:500], None)

    async def _hand(self, follower: Follower, claim: Claim) -> Hand:
        async with self._db.transaction(SYSTEM) as tx:
            connection = await sync_store.connection_by_id(tx, claim.link.connection)
            mapping = await sync_store.mapping(tx, claim.link.mapping)
        tracker = await self._lanes.tracker(connection)
        way = await self._way(tracker, connection, mapping, claim.link.project, claim.link.type)
        return Hand(claim=claim, item=follower.action_item, connection=connection, tracker=tracker, way=way)

    async def _way(self, tracker: Tracker, connection: Connection, mapping: Rules, project: str, type: str) -> Way:
        """What the tool says of this type of items, asked now and then. Raises a TrackerError: without it nothing is
        known of what may be written."""
        key = (mapping.id, mapping.version, project, type)
        known = self._ways.get(key)
        if known is not None and known[1] > monotonic():
            return known[0]
        self._lanes.quotas.demand(connection.id, Use.LANES)
        try:
            schema = await _in_time(tracker.describe(project, type))
        finally:
            await self._lanes.quotas.note(tracker, connection.id, Use.LANES)
        able = tracker.capabilities
        made = rules.following(mapping, schema, able)
        known_steps = schema.transitions or rules.assumed_steps(made.status)
        lenses = Lenses(made, texts=self._texts, directory=schema.people)
        way = Way(
            creating=rules.following(mapping, schema, able, creating=True),
            setting=setting_of(made, able, lenses, known=known_steps),
        )
        self._ways[key] = (way, monotonic() + SETTING_SECONDS)
        return way

    async def _created(self, hand: Hand) -> Claim:
        """The claim with its item: found if an earlier try made it, else made now. The intent is journaled before."""
        claim, tracker = hand.claim, hand.tracker
        self._lanes.quotas.demand(hand.connection.id, Use.LANES)
        try:
            made = await _in_time(tracker.find(creating.natural_key(claim))) if claim.create_sent else None
            if made is not None:
                return await self._attach(hand, Created(remote_id=made))
            surely = creating.surely_not_there_from(claim, tracker.capabilities)
            if surely > self._db.clock.now():
                raise Held(min(surely, self._db.clock.now() + creating.LOOK_AGAIN))
            item = await self._journal(hand)
            crashpoint("action_item_journaled")
            lenses = Lenses(hand.way.creating, texts=self._texts, directory=hand.way.setting.lenses.people)
            draft = creating.draft_of(hand.way.creating, lenses, item, claim)
            try:
                created = await _in_time(tracker.create(draft, claim.create_op), creating.CREATE_SECONDS)
            except TrackerError as no:
                if not no.unknown:
                    await self._keep(hand, create_sent=False, create_sent_at=None)
                raise
            crashpoint("action_item_answered")
            return await self._attach(hand, created)
        finally:
            use = Use.ASKING if claim.create_sent else Use.LANES
            await self._lanes.quotas.note(tracker, hand.connection.id, use)

    async def _journal(self, hand: Hand) -> HubItem:
        async def work(tx: Transaction) -> HubItem:
            item = await store.item(tx, hand.item, lock=True)
            if await follower_store.hold(tx, hand.claim) is None:
                raise Lost
            await follower_store.change(tx, hand.claim.link.id, create_sent=True, create_sent_at=tx.now)
            return (await self._seen(tx, item, hand.way.creating, ()))[0]

        return await self._db.run(SYSTEM, work)

    async def _attach(self, hand: Hand, created: Created) -> Claim:
        columns = {"remote_id": created.remote_id, "remote_key": created.key, "url": created.url}
        await self._keep(hand, **columns, state="active", state_reason="")
        link = replace(hand.claim.link, remote_id=created.remote_id, key=created.key, url=created.url)
        return replace(hand.claim, link=link)

    async def _keep(self, hand: Hand, **columns: Any) -> None:
        async with self._db.transaction(SYSTEM) as tx:
            if await follower_store.hold(tx, hand.claim) is None:
                raise Lost
            await follower_store.change(tx, hand.claim.link.id, **columns)

    async def _drive(self, hand: Hand) -> Finish:
        """Effects of the machine, each answered by an event, until it says how it ended."""
        connection, remote_id = hand.connection.id, hand.claim.link.remote_id
        at, effect = steps.advance(steps.Pass(), steps.Began())
        for _ in range(MOST_EFFECTS):
            if isinstance(effect, Finish):
                return effect
            if isinstance(effect, steps.Settle):
                event: Event = await self._settle(hand, effect.sight)
                crashpoint("action_item_settled")
            else:
                self._lanes.quotas.demand(connection, Use.LANES, item=remote_id)
                try:
                    async with asyncio.timeout(CALL_SECONDS):
                        event = await perform(hand.tracker, remote_id, effect)
                except TimeoutError:
                    call = effect.call if isinstance(effect, steps.Do) else None
                    event = failed(Outage(_slow(CALL_SECONDS), unknown=True), call)
                crashpoint("action_item_called")
                await self._lanes.quotas.note(hand.tracker, connection, Use.LANES)
            at, effect = steps.advance(at, event)
        return Finish(ending=Ending.LATER, said="It took too many steps.")

    # The one transaction in the middle.

    async def _settle(self, hand: Hand, sight: Sight) -> Settled:
        """Decide, do here what was done there, journal what will be written there. Raises Lost."""

        async def work(tx: Transaction) -> Settled:
            item = await store.item(tx, hand.item, lock=True)  # before the follower, as whoever changes it does
            known = await follower_store.hold(tx, hand.claim)
            if known is None:
                raise Lost
            setting, link = hand.way.setting, replace(hand.claim.link, frozen=known.frozen)
            here, fields = await self._seen(tx, item, setting.mapping, known.fields)
            shadows = {one.field: one for one in known.shadows}
            if not shadows:
                shadows = rules.first_look(setting.mapping, here, sight.item, ours=bool(hand.claim.create_op))
            memory = Memory(link=link, shadows=shadows, intents=known.intents, turns=known.turns)
            outcome = decide(here, sight, memory, setting, new_op=new_op, now=tx.now)
            if outcome.asks:
                return Settled(asks=True)
            refused = {one.field: await self._take(tx, hand, item, one) for one in outcome.plan.takes}
            if refused:
                item = await store.item(tx, hand.item)
                after, fields = await self._seen(tx, item, setting.mapping, fields)
            else:
                after = here
            applied = {
                name: Applied(refused=said)
                if said
                else Applied(version=after.fields[name].version, value=after.fields[name].value)
                for name, said in refused.items()
            }
            settled = settle(outcome, sight, memory, setting, applied=applied, taken={}, new_op=new_op, now=tx.now)
            await self._save(tx, hand, sight, settled.memory, fields)
            for one in settled.conflicts:
                await self._tell(tx, hand, item, one)
            for name in sorted(settled.memory.link.frozen - known.frozen):
                where = f"goes back and forth with {hand.connection.name}"
                said = f"The {_word(name)} of an action item {where}: {item.title}"
                await elsewhere.tell(tx, item, said, reason="it stands still on both sides", actor=SYSTEM)
            return Settled(calls=settled.calls, again=settled.again)

        return await self._db.run(hub.actor_of(hand.connection, None), work)

    async def _seen(
        self, tx: Transaction, item: ActionItem, mapping: Rules, known: tuple[FieldVersion, ...]
    ) -> tuple[HubItem, tuple[FieldVersion, ...]]:
        """The action item as the planner compares it, with the version of each field."""
        owner = await access.person(tx, item.owner_id)
        about = await store.retrospective(tx, item.incident)
        person = Person(email=owner.email, name=owner.name)
        now = rules.values(item, person, about, mapping, base_url=self._base_url)
        fields = rules.versions(known, now, tx.now)
        return rules.hub_item(item, fields, base_url=self._base_url), fields

    async def _take(self, tx: Transaction, hand: Hand, item: ActionItem, one: Decision) -> str:
        """Do here what was done there, in the name of who did it. Empty when it was done, else why not."""
        tool, word = hand.connection.name, str(one.take or "")
        try:
            async with tx.savepoint():
                with tx.acting_as(hub.actor_of(hand.connection, one.take_by)):
                    match one.field, word:
                        case rules.TITLE, _:
                            await actions.update_action_item(tx, item.id, title=word)
                        case rules.STATE, ItemState.DONE:
                            await actions.finish(tx, item.id)
                        case rules.STATE, ItemState.DROPPED:
                            await actions.drop(tx, item.id, reason=f"called off in {tool}")
                        case rules.STATE, _:
                            await actions.reopen(tx, item.id, reason=f"opened again in {tool}")
                        case _:
                            return f"The {_word(one.field)} is not taken from {tool}."
        except DECLINED as problem:
            return str(problem) or type(problem).__name__
        return ""

    async def _save(
        self, tx: Transaction, hand: Hand, sight: Sight, memory: Memory, fields: tuple[FieldVersion, ...]
    ) -> None:
        """What is remembered, and what people call the item and where it is by now. Our own doing is no news."""
        kept = Remembered(
            shadows=tuple(memory.shadows.values()), intents=memory.intents, turns=memory.turns,
            frozen=memory.link.frozen, fields=fields,
        )  # fmt: skip
        link, item = hand.claim.link, sight.item
        told = {"remote_key": item.key, "url": item.url, "project": item.project, "type": item.type}
        await follower_store.change(
            tx, link.id, memory=codec.to_json(kept), revision=item.revision, missed_reads=0, hub_changed=False,
            **{name: value for name, value in told.items() if value},
        )  # fmt: skip

    async def _tell(self, tx: Transaction, hand: Hand, item: ActionItem, one: Conflict) -> None:
        """Both changed one field, or a rule of this house does not allow what was done there: both values are told."""
        theirs = one.remote_value if one.remote_value is not None else one.remote_raw
        text = f"{hand.connection.name} says {theirs!s:.200} for the {_word(one.field)} of an action item: {item.title}"
        await elsewhere.tell(tx, item, text, reason=one.rule, actor=SYSTEM)

    # How it ended.

    async def _end(self, hand: Hand, finish: Finish) -> None:
        match finish.ending:
            case Ending.DONE:
                async with self._db.transaction(SYSTEM) as tx:
                    await follower_store.release(tx, hand.claim, due_at=None, error=None)
            case Ending.GONE:
                await self._gone(hand, finish.gone or Gone(reason=GoneReason.UNREADABLE))
            case _:
                await self._put_off(hand.claim, finish.cause, finish.said, finish.retry_after)

    async def _gone(self, hand: Hand, gone: Gone) -> None:
        """Deleted there, or hidden from us: the action item goes on here, and its people are told."""
        link, known = hand.claim.link, hand.connection
        others = known.succeeded_at is not None and not known.failures
        verdict = deletion.judge(gone, link, hand.way.setting.mapping.deletion, others_readable=others)
        async with self._db.transaction(SYSTEM) as tx:
            item = await store.item(tx, hand.item, lock=True)
            if await follower_store.hold(tx, hand.claim) is None:
                return
            due_at: datetime | None = tx.now + WATCH_AGAIN
            if verdict.fate is deletion.Fate.FOLLOW:
                await follower_store.change(tx, link.id, remote_id=verdict.moved_to, missed_reads=0)
                due_at = tx.now
            elif verdict.fate is deletion.Fate.TOMBSTONE:
                due_at = None
                await follower_store.change(tx, link.id, state="tombstone", state_reason=verdict.reason)
                said = f"Action item follows nothing in {known.name} any more: {item.title}"
                await elsewhere.tell(tx, item, said, reason=verdict.reason)
            else:
                await follower_store.change(tx, link.id, missed_reads=verdict.missed_reads)
            await follower_store.release(tx, hand.claim, due_at=due_at, error=None)

    async def _put_off(self, claim: Claim, cause: Cause | None, said: str, retry_after: float | None) -> None:
        """Later, or not before a person did something. Refused credentials are the connection's trouble: the lanes
        hear of them with their next question, and stop it as a whole."""
        heals = cause in (None, Cause.RATE, Cause.OUTAGE, Cause.STALE, Cause.AUTH)
        async with self._db.transaction(SYSTEM) as tx:
            error = {"cause": str(cause or "busy"), "said": said[:1000], "at": tx.now.isoformat()}
            due_at = tx.now + wait_for(claim.attempts, retry_after) if heals else None
            await follower_store.release(tx, claim, due_at=due_at, error=error)


def _word(field: str) -> str:
    return {rules.DUE: "due date"}.get(field, field)


def _slow(seconds: float) -> str:
    return f"No answer within {seconds:.0f} seconds."


async def _in_time(call: Coroutine[Any, Any, T], seconds: float = CALL_SECONDS) -> T:
    """The answer of a call; one that takes too long may have taken effect."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError as slow:
        raise Outage(_slow(seconds), unknown=True) from slow


async def _safely(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("a pass over an action item broke off")


async def follow_due(following: Following) -> int:
    """Everything that is due at this instant, to its end: for tests and one-shot tools."""
    total = 0
    for _ in range(1000):
        done = await following.do()
        if not done:
            return total
        total += done
        await sleep(0)
    raise RuntimeError("the action items do not settle")
