"""One pass over one link, as a machine without input or output: each event is answered by the one effect to do next.

The worker, the simulation and the dry run drive the same machine. Its order is the write rules: read, then settle (one
transaction: plan, apply what was taken, journal what will be written), then one kind of write, then read again and
settle by what is really there. A crash anywhere loses only the pass: the next one starts from the journal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from rallypoint.sync.calls import Call, DeleteComment, EditComment, WriteFields, WriteRelation
from rallypoint.sync.model import (
    CommentPair,
    Gone,
    RemoteItem,
    Transition,
)
from rallypoint.sync.planner import Answer
from rallypoint.sync.ports import Cause
from rallypoint.sync.settlement import Sight

MOST_ROUNDS = 12
"""Reads in one pass. A pass that needs more gives way to others and comes back."""


class Ending(StrEnum):
    """How a pass ended. LATER comes again by itself, PAUSE stops the connection, GONE is for deletion.judge."""

    DONE = "done"
    LATER = "later"
    PAUSE = "pause"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTransitions:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """Do one transaction: load hub and memory, `decide`, apply, `settle`, save. Answer with `Settled`."""

    sight: Sight


@dataclass(frozen=True, slots=True, kw_only=True)
class Do:
    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    ending: Ending
    cause: Cause | None = None
    said: str = ""
    retry_after: float | None = None
    bucket: str = ""
    gone: Gone | None = None


Effect = Read | ListTransitions | Settle | Do | Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    item: RemoteItem | Gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The transaction is committed. `asks` that it needs the transitions and wrote nothing; `again` see Settlement."""

    calls: tuple[Call, ...] = ()
    asks: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """The tool took the call. `revision` as it returned it; for a comment or a file its id there."""

    call: Call
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A call or a read failed. `fields` are remote field ids the tool named."""

    cause: Cause
    said: str
    call: Call | None = None
    unknown: bool = False
    retry_after: float | None = None
    bucket: str = ""
    fields: frozenset[str] = frozenset()


Event = Began | Found | Offered | Settled | Did | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Where a pass stands. Lives in the worker only; everything durable is in the memory."""

    item: RemoteItem | None = None
    todo: tuple[Call, ...] = ()
    answers: Mapping[str, Answer] = field(default_factory=dict)
    done: tuple[CommentPair, ...] = ()
    singly: bool = False
    rounds: int = 0


def advance(at: Pass, event: Event) -> tuple[Pass, Effect]:
    """The next effect after an event."""
    match event:
        case Began():
            return at, Read()
        case Found(item=Gone() as gone):
            return at, Finish(ending=Ending.GONE, gone=gone)
        case Found(item=RemoteItem() as item):
            at = replace(at, item=item, rounds=at.rounds + 1)
            return at, Settle(sight=_sight(at, None))
        case Offered(transitions=transitions):
            return at, Settle(sight=_sight(at, transitions))
        case Settled(asks=True):
            return at, ListTransitions()
        case Settled(calls=(), again=True):
            return _again(replace(at, answers={}, done=()))
        case Settled(calls=calls):
            return _after_settling(at, calls)
        case Did():
            return _after_call(at, event)
        case Failed():
            return _after_failure(at, event)
    raise AssertionError(event)


def _sight(at: Pass, transitions: tuple[Transition, ...] | None) -> Sight:
    assert at.item is not None
    return Sight(item=at.item, transitions=transitions, answers=at.answers, done=at.done, singly=at.singly)


def _after_settling(at: Pass, calls: tuple[Call, ...]) -> tuple[Pass, Effect]:
    at = replace(at, answers={}, done=())  # what was answered is settled now
    if not calls:
        return at, Finish(ending=Ending.DONE)
    if at.rounds >= MOST_ROUNDS:
        return at, Finish(ending=Ending.LATER, said=f"It is still changing after {at.rounds} reads.")
    return replace(at, todo=calls[1:]), Do(call=calls[0])


def _after_call(at: Pass, event: Did) -> tuple[Pass, Effect]:
    at = replace(at, answers={**at.answers, _name(event.call): Answer(applied=True, revision=event.revision)})
    if isinstance(event.call, EditComment | DeleteComment):
        at = replace(at, done=(*at.done, event.call.pair))
    return _onward(at)


def _name(call: Call) -> str:
    """What the answer to a call is found by: its operation, or the relation it was to write."""
    return call.key if isinstance(call, WriteRelation) else call.op


def _onward(at: Pass) -> tuple[Pass, Effect]:
    if at.todo:
        return replace(at, todo=at.todo[1:]), Do(call=at.todo[0])
    return at, Read()


def _after_failure(at: Pass, event: Failed) -> tuple[Pass, Effect]:
    match event.cause:
        case Cause.AUTH:
            return at, Finish(ending=Ending.PAUSE, cause=event.cause, said=event.said)
        case Cause.RATE | Cause.OUTAGE:
            return at, Finish(
                ending=Ending.LATER, cause=event.cause, said=event.said, retry_after=event.retry_after,
                bucket=event.bucket,
            )  # fmt: skip
        case Cause.STALE if event.call is not None:
            at = replace(at, answers={**at.answers, event.call.op: Answer(applied=False)}, todo=())
            return _again(at)
    if event.call is None:
        return at, Finish(ending=Ending.LATER, cause=event.cause, said=event.said)
    if isinstance(event.call, WriteFields) and not event.fields and len(event.call.changes) > 1:
        at = replace(at, answers={**at.answers, event.call.op: Answer(applied=False)}, singly=True)
        return _again(at)
    refused = Answer(applied=False, refused=event.said, fields=event.fields)
    at = replace(at, answers={**at.answers, _name(event.call): refused})
    if isinstance(event.call, EditComment | DeleteComment):
        at = replace(at, done=(*at.done, event.call.pair))
    return _onward(at)


def _again(at: Pass) -> tuple[Pass, Effect]:
    if at.rounds >= MOST_ROUNDS:
        return at, Finish(ending=Ending.LATER, said=f"It is still changing after {at.rounds} reads.")
    return at, Read()
