"""The loop of historical syncs: lists what there is, looks at some of it, and brings it over piece by piece.

It goes behind everything that is new: while a change waits to be brought across, nothing old is. Each piece is settled
in the transaction that makes its link, so a crash repeats at most a reading.
"""

from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.crashpoints import crashpoint
from rallypoint.db import Database, Transaction
from rallypoint.engine.loop import Work
from rallypoint.errors import Conflict as Clash
from rallypoint.errors import Invalid, NotFound, OutsideFailure, Refused
from rallypoint.sync import creating, history_store, hub, linking, store
from rallypoint.sync.budget import Pressing, Use
from rallypoint.sync.connection import Connection
from rallypoint.sync.equality import NoWay
from rallypoint.sync.history_model import History, Outcome, Piece, Stage, Way
from rallypoint.sync.lanes import Lanes
from rallypoint.sync.lenses import Lenses
from rallypoint.sync.mapping import Mapping
from rallypoint.sync.model import Gone, RemoteItem, Value
from rallypoint.sync.ports import Cause, Historical, Listed, RichText, Tracker, TrackerError
from rallypoint.sync.scope import fits, remote_fits
from rallypoint.sync.values import NEVER_FROM_OUTSIDE

LOOKED_AT = 20
"""Items that a plan reads, to say what would come of them; the rest is counted."""

CHUNK = 5
"""Pieces between two looks at whether somebody paused it or something new waits."""

CREATING_MOST = 16
"""Items that may be on their way at once when incidents are sent: what is ordered cannot be paused."""

BOARD_PAGE = 500
TRIES = 3
SOON, SLOWEST = timedelta(seconds=1), timedelta(minutes=10)
DONE_THERE = frozenset({"resolved", "review", "closed", "cancelled"})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """One claim on a historical sync, with what it needs."""

    history: History
    fence: int
    connection: Connection
    mapping: Mapping
    tracker: Tracker
    lenses: Lenses


class Gave(Exception):
    """The claim is not ours any more, or a person paused it: nothing of this turn counts."""


class Bringing:
    """The historical syncs of this process, one turn at a time."""

    def __init__(self, db: Database, lanes: Lanes, *, texts: RichText) -> None:
        self._db, self._lanes, self._texts = db, lanes, texts

    @property
    def works(self) -> list[Work]:
        return [Work("sync.history", history_store.TOPIC, self.do, history_store.next_due)]

    async def do(self) -> int:
        """One turn of one historical sync."""
        async with self._db.transaction(SYSTEM) as tx:
            claimed = await history_store.claim(tx)
            if claimed is None:
                return 0
            history, fence = claimed
            connection = await store.connection_by_id(tx, history.connection_id)
            mapping = await store.mapping(tx, history.mapping_id)
            tries = await history_store.attempts(tx, history.id)
        wait, error = timedelta(), ""
        try:
            hand = Hand(
                history=history, fence=fence, connection=connection, mapping=mapping,
                tracker=await self._lanes.tracker(connection), lenses=Lenses(mapping, texts=self._texts),
            )  # fmt: skip
            wait = await self._turn(hand)
        except Gave:
            pass
        except (TrackerError, OutsideFailure, TimeoutError, OSError) as problem:
            wait, error = min(SOON * 2 ** min(tries, 12), SLOWEST), str(problem)
            log.warning("a historical sync has to wait", history=history.id, problem=error)
        except Exception as bug:
            wait, error = min(SOON * 2 ** min(tries, 12), SLOWEST), f"Rallypoint failed: {bug!r}"
            log.exception("a historical sync failed", history=history.id)
        async with self._db.transaction(SYSTEM) as tx:
            await history_store.release(tx, history.id, fence, due_at=tx.now + wait, error=error)
        return 1

    async def _turn(self, hand: Hand) -> timedelta:
        """What is next. Returns how long to wait before the turn after."""
        if hand.history.state is Stage.PLANNING:
            if hand.history.direction is Way.SEND:
                return await self._list_incidents(hand)
            return await (self._look(hand) if hand.history.cursor == "" else self._list_items(hand))
        async with self._db.transaction(SYSTEM) as tx:
            if await history_store.live_waits(tx, hand.connection.id):
                return SOON
        return await (self._send(hand) if hand.history.direction is Way.SEND else self._receive(hand))

    # Planning.

    async def _list_items(self, hand: Hand) -> timedelta:
        """A page of what is there. The cursor is stored with it; an empty one says that the list is whole."""
        if not isinstance(hand.tracker, Historical):
            raise TypeError(f"{hand.connection.tool} lists no items")
        place = hand.mapping.create
        if wait := self._budgeted(hand):
            return wait
        try:
            page = await hand.tracker.list_items(place.project, place.type, hand.history.since, hand.history.cursor)
        finally:
            await self._note(hand)
        async with self._db.transaction(SYSTEM) as tx:
            await self._held(tx, hand)
            await history_store.put(tx, hand.history.id, [_piece(one) for one in page.items])
            more = page.more and page.cursor != hand.history.cursor
            await history_store.change(tx, hand.history.id, cursor=page.cursor if more else "")
        return timedelta()

    async def _look(self, hand: Hand) -> timedelta:
        """Reads some of them, to say what would come of each. Then it waits for a person."""
        async with self._db.transaction(SYSTEM) as tx:
            some = await history_store.waiting(tx, hand.history.id, limit=CHUNK, unseen=True)
        looked = hand.history.looked_at
        if not some or looked >= LOOKED_AT:
            async with self._db.transaction(SYSTEM) as tx:
                await self._held(tx, hand)
                await self._planned(tx, hand)
            return timedelta()
        for piece in some[: LOOKED_AT - looked]:
            if wait := self._budgeted(hand):
                return wait
            found, no = await self._read(hand, piece)
            async with self._db.transaction(SYSTEM) as tx:
                await self._held(tx, hand)
                outcome, number, detail = (
                    (Outcome.GONE, None, no) if found is None else await self._judge(tx, hand, found)
                )
                await history_store.settle(
                    tx, hand.history.id, piece.key, state="waiting", outcome=outcome.value, incident=number,
                    detail=detail,
                )  # fmt: skip
                looked += 1
                await history_store.change(tx, hand.history.id, looked_at=looked)
        return timedelta()

    async def _list_incidents(self, hand: Hand) -> timedelta:
        """A page of the board: open incidents in scope that have no item under the mapping."""
        history, mapping = hand.history, hand.mapping
        async with self._db.transaction(SYSTEM) as tx:
            await self._held(tx, hand)
            rows, cursor = await incidents.board(tx, cursor=history.cursor, limit=BOARD_PAGE)
            pieces = []
            for one in (row.incident for row in rows):
                if one.origin == f"{hub.ORIGIN}{hand.connection.key}" or await store.has_link(
                    tx, one.number, mapping.id
                ):
                    continue
                values = await hub.values_of(tx, one, base_url="")
                late = history.since is not None and one.created_at < history.since
                if not late and fits((*mapping.scope.hub, *history.conditions), values):
                    pieces.append(Piece(key=str(one.number), name=one.name, title=one.title, url=f"/i/{one.number}"))
            await history_store.put(tx, history.id, pieces)
            await history_store.change(tx, history.id, cursor=cursor)
            if cursor is None:
                await self._planned(tx, hand)
        return timedelta()

    async def _planned(self, tx: Transaction, hand: Hand) -> None:
        """The plan is whole: it waits for a person, unless there is nothing to start."""
        if await history_store.waiting(tx, hand.history.id, limit=1):
            await history_store.change(tx, hand.history.id, state=Stage.PLANNED.value, due_at=None)
        else:
            await history_store.change(tx, hand.history.id, state=Stage.DONE.value, due_at=None, ended_at=tx.now)

    # Bringing items here.

    async def _receive(self, hand: Hand) -> timedelta:
        async with self._db.transaction(SYSTEM) as tx:
            if await history_store.creating_there(tx, hand.connection.id):
                return SOON  # one of the items may be ours, not yet known as such
            some = await history_store.waiting(tx, hand.history.id, limit=CHUNK)
        if not some:
            return await self._end(hand)
        for piece in some:
            if wait := self._budgeted(hand):
                return wait
            found, no = await self._read(hand, piece)
            try:
                await self._bring(hand, piece, found, no)
            except (Invalid, NotFound, Refused, Clash) as problem:
                await self._failed(hand, piece, str(problem))
            crashpoint("sync_history_piece")
        return timedelta()

    async def _bring(self, hand: Hand, piece: Piece, found: RemoteItem | None, no: str) -> None:
        """One item: what becomes of it, the incident and the link if any, and that it is done, at once."""
        history = hand.history

        async def work(tx: Transaction) -> None:
            await self._held(tx, hand)
            await history_store.alone_with(tx, hand.connection.id, piece.key)
            outcome, number, detail = (Outcome.GONE, None, no) if found is None else await self._judge(tx, hand, found)
            if found is not None and outcome is Outcome.OPENED:
                number = await creating.open_and_join(
                    tx, hand.connection, hand.mapping, hand.lenses, found, quiet=True, pressing=Pressing.BACKGROUND
                )
            if found is not None and number is not None and outcome is Outcome.JOINED:
                await creating.join(tx, number, hand.mapping, found, pressing=Pressing.BACKGROUND)
            await history_store.settle(
                tx, history.id, piece.key, state="done", outcome=outcome.value, incident=number, detail=detail
            )

        await self._db.run(hub.actor_of(hand.connection, found.changed_by if found else None), work)

    async def _judge(self, tx: Transaction, hand: Hand, item: RemoteItem) -> tuple[Outcome, int | None, str]:
        """(what comes of an item, of which incident, a word more)"""
        known = await history_store.linked(tx, hand.connection.id, item.id)
        if known is not None:
            return (Outcome.LINKED if known[1] in ("active", "paused") else Outcome.PARTED), known[0], ""
        values: dict[str, Value] = {"project": item.project, "type": item.type, **item.fields}
        if not remote_fits(hand.mapping, item) or not fits(hand.history.conditions, values):
            return Outcome.OUTSIDE, None, ""
        if item.closed_for_writing or _done_there(hand.mapping, item):
            return Outcome.OVER, None, ""
        if not hand.history.match:
            return Outcome.OPENED, None, ""
        numbers = await self._matching(tx, hand, item)
        if len(numbers) > 1:
            return Outcome.SEVERAL, None, ", ".join(f"INC-{one}" for one in numbers[:5])
        return (Outcome.JOINED, numbers[0], "") if numbers else (Outcome.OPENED, None, "")

    async def _matching(self, tx: Transaction, hand: Hand, item: RemoteItem) -> list[int]:
        """Open incidents without an item under the mapping whose field says the same as the item's."""
        seen = next((one for one in hand.lenses.fields if one.rule.hub == hand.history.match), None)
        if seen is None or not item.knows(seen.rule.remote):
            return []
        wanted = seen.lens.get(item.raw(seen.rule.remote), None)
        if isinstance(wanted, NoWay) or wanted in (None, "", ()):
            return []
        found: list[int] = []
        cursor: str | None = None
        while True:
            rows, cursor = await incidents.board(tx, cursor=cursor, limit=BOARD_PAGE)
            for one in (row.incident for row in rows):
                value = hub.fields_of(one, owner=None, category="", base_url="").get(hand.history.match)
                if _same(value, wanted) and not await store.has_link(tx, one.number, hand.mapping.id):
                    found.append(one.number)
            if cursor is None:
                return found

    # Sending incidents there.

    async def _send(self, hand: Hand) -> timedelta:
        """Orders a few items at a time; the lanes make them behind everything else."""
        async with self._db.transaction(SYSTEM) as tx:
            room = CREATING_MOST - await history_store.creating(tx, hand.mapping.id)
            some = await history_store.waiting(tx, hand.history.id, limit=min(room, CHUNK)) if room > 0 else []
        if room <= 0:
            return SOON
        if not some:
            return await self._end(hand) if room == CREATING_MOST else SOON
        for piece in some:
            try:
                await self._order(hand, piece)
            except (Invalid, NotFound, Refused, Clash) as problem:
                await self._failed(hand, piece, str(problem))
        return timedelta()

    async def _order(self, hand: Hand, piece: Piece) -> None:
        number = int(piece.key)

        async def work(tx: Transaction) -> None:
            await incidents.locked(tx, number)
            await self._held(tx, hand)
            values = await hub.values_of(tx, await incidents.incident(tx, number), base_url="")
            outcome = Outcome.CREATED
            if not fits((*hand.mapping.scope.hub, *hand.history.conditions), values):
                outcome = Outcome.OUTSIDE
            elif await linking.order(tx, number, hand.mapping, pressing=Pressing.BACKGROUND) is None:
                outcome = Outcome.LINKED
            await history_store.settle(
                tx, hand.history.id, piece.key, state="done", outcome=outcome.value, incident=number
            )

        await self._db.run(SYSTEM, work)

    # Around.

    async def _end(self, hand: Hand) -> timedelta:
        async with self._db.transaction(SYSTEM) as tx:
            await self._held(tx, hand)
            await history_store.change(tx, hand.history.id, state=Stage.DONE.value, due_at=None, ended_at=tx.now)
        return timedelta()

    async def _held(self, tx: Transaction, hand: Hand) -> None:
        """Raises Gave where another node has it by now, or a person moved it on."""
        now = await history_store.hold(tx, hand.history.id, hand.fence)
        if now is None or now.state is not hand.history.state:
            raise Gave

    async def _failed(self, hand: Hand, piece: Piece, said: str) -> None:
        async with self._db.transaction(SYSTEM) as tx:
            await self._held(tx, hand)
            await history_store.fail(tx, hand.history.id, piece.key, detail=said, most=TRIES)

    async def _read(self, hand: Hand, piece: Piece) -> tuple[RemoteItem | None, str]:
        """The item, or why it cannot be read. What concerns the whole connection is raised."""
        try:
            found = await hand.tracker.read(piece.key)
        except TrackerError as problem:
            if problem.cause in (Cause.AUTH, Cause.RATE, Cause.OUTAGE):
                raise
            return None, problem.said
        finally:
            await self._note(hand)
        if isinstance(found, Gone):
            return None, found.detail or found.reason.value
        return (None, "deleted there") if found.deleted else (found, "")

    def _budgeted(self, hand: Hand) -> timedelta:
        """How long until the tool's budget has room for what nobody waits for."""
        return self._lanes.quotas.wait(hand.connection.id, Use.ASKING, Pressing.BACKGROUND)

    async def _note(self, hand: Hand) -> None:
        await self._lanes.quotas.note(hand.tracker, hand.connection.id, Use.ASKING)


def _piece(one: Listed) -> Piece:
    return Piece(key=one.remote_id, name=one.key or one.remote_id, title=one.title, url=one.url)


def _done_there(mapping: Mapping, item: RemoteItem) -> bool:
    if mapping.status is None or not item.knows(mapping.status.field):
        return False
    reads: ReadOnly[Any, str] = {one.remote: one.hub for one in mapping.status.into}
    found = reads.get(item.raw(mapping.status.field))
    return found in DONE_THERE or found in NEVER_FROM_OUTSIDE


def _same(value: Value, wanted: Value) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        return " ".join(value.split()).casefold() == " ".join(wanted.split()).casefold()
    return value == wanted
