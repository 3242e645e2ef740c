"""What to do with each field, given hub, remote and what was last agreed. Pure: same facts, same decisions.

| remote against shadow | hub against shadow | decision |
|---|---|---|
| same | same | nothing |
| changed | same | take |
| same | changed | push |
| changed | changed, saying the same | agree |
| changed | changed otherwise | conflict, decided by the rule's owner |
| holds what an intent wrote | any | echo, then the table again with the intent as the agreement |

Own writes are told by operation, revision and value, never by who made them.
"""

from collections.abc import Mapping as ReadOnly
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from rallypoint.sync.equality import NoWay, key, same
from rallypoint.sync.lenses import Lenses, Seen, TagsLens, TextLens, WordsLens
from rallypoint.sync.mapping import Direction, FieldRule, Mapping, Owner
from rallypoint.sync.model import (
    Conflict,
    FieldChange,
    HubField,
    HubItem,
    Intent,
    Link,
    Person,
    RemoteItem,
    Shadow,
    Side,
    Value,
)
from rallypoint.sync.tags import merge

NEVER = -1
"""The hub version of a shadow whose raw value was seen but never agreed to: whatever the hub holds goes across.

It is not the last agreement with another raw value: a hub that came back to that would seem to have changed nothing.
"""


CLOCK_ERROR_SECONDS = 1.0
"""How far a tool's clock may be from where it was measured, besides its grain."""


class Act(StrEnum):
    """What happens to a field. MERGE is for sets: both sides may change at once."""

    NOTHING = "nothing"
    TAKE = "take"
    PUSH = "push"
    AGREE = "agree"
    CONFLICT = "conflict"
    ECHO = "echo"
    MERGE = "merge"


class Why(StrEnum):
    """The reason of a decision, as screens, timeline and metrics show it."""

    EQUAL = "neither side changed"
    REMOTE_CHANGED = "it was changed there"
    HUB_CHANGED = "it was changed here"
    BOTH_SAME = "both sides say the same"
    SAME_CLASS = "the mapping does not tell the two values apart"
    OWN_WRITE = "it is what we wrote"
    NORMALISED = "it is what the tool made of our value"
    REMOTE_RULE = "a rule of the tool changed our value"
    OVERWRITTEN = "our write replaced a change that nobody had seen"
    HUB_OWNS = "both changed; the hub owns this field"
    REMOTE_OWNS = "both changed; the tool owns this field"
    HUB_NEWER = "both changed; the change here is later"
    REMOTE_NEWER = "both changed; the change there is later"
    TIE = "both changed at the same time; the rule's tie-break decided"
    ASK = "both changed; a person decides"
    WAITING = "a person has not decided yet"
    SHORTENED = "the text edited there was only the beginning of ours; the whole is kept"
    ONE_WAY = "this field travels the other way only"
    FIRST_TAKE = "first link; it was empty here"
    FIRST_PUSH = "first link; it is empty there"
    UNREADABLE = "the field cannot be read there, so nothing is concluded"
    NOT_HERE = "the incident has no such field"
    NO_VALUE_THERE = "the mapping has no value there"
    NO_VALUE_HERE = "the mapping has no value here"
    REFUSED = "the tool refused the value; tried again when either side changes"
    CLOSED = "the item there is closed for changes"
    FROZEN = "the field went back and forth and was stopped"
    TAGS = "tags of both sides were joined"
    NEW_RULES = "the mapping says otherwise by now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of an operation, where it is known. Without an answer a write may or may not have been applied.

    `revision` is what the tool returned for a write it applied; `refused` its words when it said no, with `fields` if
    it named the remote fields that were at fault: then the others were merely not written.
    """

    applied: bool
    revision: str = ""
    refused: str = ""
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do with one field. `agreed` is the agreement it starts from (after an echo, say), None at a first link.

    `take` is the value for the hub, `push` the raw value for the tool; each counts only if its flag is set. `restores`
    marks a take of something that is no longer there: the tool does not hold it, so it is pushed afterwards. `drops`
    are operations whose outcome is settled by this decision; `saves` that there is something to remember.
    """

    field: str
    remote_field: str
    act: Act
    why: Why
    agreed: Shadow | None
    hub: HubField | None = None
    raw: Value = None
    takes: bool = False
    take: Value = None
    take_at: datetime | None = None
    take_by: Person | None = None
    pushes: bool = False
    push: Value = None
    restores: bool = False
    status: bool = False
    conflict: Conflict | None = None
    detail: str = ""
    drops: tuple[str, ...] = ()
    saves: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All decisions of one look at a link. `idle` means that there is nothing to write anywhere."""

    decisions: tuple[Decision, ...]
    revision: str = ""

    @property
    def idle(self) -> bool:
        return not any(one.takes or one.pushes or one.conflict or one.saves for one in self.decisions)

    @property
    def takes(self) -> tuple[Decision, ...]:
        return tuple(one for one in self.decisions if one.takes)

    @property
    def pushes(self) -> tuple[Decision, ...]:
        return tuple(one for one in self.decisions if one.pushes)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        return tuple(one.conflict for one in self.decisions if one.conflict is not None)

    def of(self, hub_field: str) -> Decision | None:
        return next((one for one in self.decisions if one.field == hub_field), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Everything a field is judged by besides its values; see `plan`."""

    link: Link
    item: RemoteItem
    answers: ReadOnly[str, Answer] = field(default_factory=dict)
    waiting: ReadOnly[str, Conflict] = field(default_factory=dict)
    grain: float = 1.0
    again: frozenset[str] = frozenset()


def plan(
    hub: HubItem,
    remote: RemoteItem,
    shadows: ReadOnly[str, Shadow],
    intents: ReadOnly[str, Intent],
    mapping: Mapping,
    *,
    link: Link,
    lenses: Lenses | None = None,
    answers: ReadOnly[str, Answer] | None = None,
    waiting: ReadOnly[str, Conflict] | None = None,
    grain: float = 1.0,
    again: frozenset[str] = frozenset(),
) -> Plan:
    """One decision for each mapped field.

    `shadows`, `intents` and `waiting` (conflicts a person has not decided) are by hub field; `answers` by operation.
    `grain` is the coarseness of the tool's clock in seconds. `again` are hub fields whose rules changed since both
    sides agreed: they are judged anew.
    """
    look = Look(link=link, item=remote, answers=answers or {}, waiting=waiting or {}, grain=grain, again=again)
    decisions = []
    for seen in (lenses or Lenses(mapping)).fields:
        name = seen.rule.hub
        decisions.append(decide(seen, hub.fields.get(name), shadows.get(name), intents.get(name), look))
    return Plan(decisions=tuple(decisions), revision=remote.revision)


def decide(seen: Seen, hub: HubField | None, shadow: Shadow | None, intent: Intent | None, look: Look) -> Decision:
    """The decision for one field."""
    rule = seen.rule
    if shadow is not None and shadow.remote not in ("", rule.remote):
        shadow = None
    if intent is not None and intent.remote not in ("", rule.remote):
        intent = None
    known = look.item.knows(rule.remote)
    # Copying a decision costs more than deciding, and most fields did not change: so it is made whole at once.
    still = Decision(
        field=rule.hub,
        remote_field=rule.remote,
        act=Act.NOTHING,
        why=Why.EQUAL,
        agreed=shadow,
        hub=hub,
        raw=look.item.raw(rule.remote) if known else None,
        status=seen.status,
    )
    if rule.hub in look.link.frozen:
        return replace(still, why=Why.FROZEN, raw=None)
    if hub is None:
        return replace(still, why=Why.NOT_HERE, raw=None)
    if not known:
        return _unreadable(still, rule, hub, shadow)
    if intent is None:
        return _table(still, seen, hub, shadow, look)
    return _after_write(still, seen, hub, shadow, intent, look)


def _unreadable(still: Decision, rule: FieldRule, hub: HubField, shadow: Shadow | None) -> Decision:
    """Nothing is concluded and nothing written blindly; what would have been sent is told to be held back."""
    still = replace(still, why=Why.UNREADABLE)
    if rule.direction is Direction.IN or same(hub.value, shadow.hub_value if shadow is not None else None):
        return still
    base = shadow or Shadow(field=still.field, raw=None, hub_value=None, hub_version=0, remote=rule.remote)
    noted = replace(base, reason=f"{rule.remote} cannot be read there, so what is here was not written over it.")
    return replace(still, agreed=noted, saves=noted != shadow, detail=noted.reason)


# An intent is open: find out first what became of it.


def _after_write(
    still: Decision, seen: Seen, hub: HubField, shadow: Shadow | None, intent: Intent, look: Look
) -> Decision:
    answer, raw = look.answers.get(intent.op), still.raw
    still = replace(still, drops=(intent.op,), saves=True)
    if answer is not None and answer.refused and (not answer.fields or seen.rule.remote in answer.fields):
        return _table(still, seen, hub, _tried(shadow, intent, raw, answer.refused, look), look)
    if answer is not None and not answer.applied:
        return _table(still, seen, hub, shadow, look)
    steps = _steps_since(intent, seen, look)
    ours = _our_step(intent, seen, steps, look)
    lost = _overwritten(seen, intent, ours, steps)
    if ours is not None and lost is not None:
        return _restored(still, seen, hub, _agreement(shadow, intent, ours.new, look), lost, look)
    wrote = _agreement(shadow, intent, raw, look)
    if same(intent.raw, raw):
        return _echo(still, seen, hub, wrote, Why.OWN_WRITE, look)
    if ours is not None and steps[-1] is not ours:
        return _table(still, seen, hub, replace(wrote, raw=ours.new), look)
    if seen.lens.echoes(intent.raw, raw):
        return _echo(still, seen, hub, wrote, Why.NORMALISED, look)
    if ours is not None:
        return _normalised(still, seen, hub, wrote, look)
    if answer is not None and answer.revision in ("", look.item.revision):
        if same(raw, intent.base_raw):
            said = "The tool answered that all was well and changed nothing."
            return _table(still, seen, hub, _tried(shadow, intent, raw, said, look), look)
        return _normalised(still, seen, hub, wrote, look)
    if answer is not None and not same(raw, intent.base_raw):
        return _table(still, seen, hub, replace(wrote, raw=intent.raw), look)
    return _table(still, seen, hub, shadow, look)


def _agreement(shadow: Shadow | None, intent: Intent, raw: Value, look: Look) -> Shadow:
    """What was agreed once the intent is known to be applied. A step on the way agrees on the tool's side only."""
    moved = Shadow(
        field=intent.field,
        raw=raw,
        hub_value=intent.hub_value,
        hub_version=intent.hub_version,
        revision=look.item.revision,
        at=look.item.read_at,
    )
    if intent.final:
        return moved
    return replace(moved, hub_value=None, hub_version=NEVER)


def _tried(shadow: Shadow | None, intent: Intent, raw: Value, said: str, look: Look) -> Shadow:
    base = shadow or Shadow(field=intent.field, raw=raw, hub_value=None, hub_version=0)
    return replace(base, tried_version=intent.hub_version, tried_revision=look.item.revision, reason=said)


def _echo(still: Decision, seen: Seen, hub: HubField, wrote: Shadow, why: Why, look: Look) -> Decision:
    after = _table(replace(still, saves=True), seen, hub, wrote, look)
    return replace(after, act=Act.ECHO, why=why) if after.act is Act.NOTHING and after.why is Why.EQUAL else after


def _normalised(still: Decision, seen: Seen, hub: HubField, wrote: Shadow, look: Look) -> Decision:
    """The tool made something else of our value. A text stays ours; another choice is the tool's own decision."""
    if not isinstance(seen.lens, WordsLens) or seen.lens.agrees(wrote.hub_value, wrote.raw, wrote):
        return _echo(still, seen, hub, wrote, Why.NORMALISED, look)
    took = seen.lens.get(wrote.raw, wrote)
    if isinstance(took, NoWay) or hub.version != wrote.hub_version or seen.rule.direction is Direction.OUT:
        return _echo(still, seen, hub, wrote, Why.NORMALISED, look)
    return _take(replace(still, agreed=wrote), took, Why.REMOTE_RULE, seen, look)


def _steps_since(intent: Intent, seen: Seen, look: Look) -> list[FieldChange]:
    """The field's history after what was read when the intent was made, told by the tool's own clock."""
    steps = [one for one in look.item.history if one.field == seen.rule.remote]
    if intent.base_at is None:
        return steps
    base_at = intent.base_at
    steps = [one for one in steps if one.at >= base_at]
    base = [place for place, one in enumerate(steps) if one.at == base_at and same(one.new, intent.base_raw)]
    return steps[base[-1] + 1 :] if base else steps


def _our_step(intent: Intent, seen: Seen, steps: Sequence[FieldChange], look: Look) -> FieldChange | None:
    """Our write in the field's history: by operation, else the first step to our value, as written or as tidied.

    The first: the base was read just before, and somebody may have come back to our value after it. Somebody may have
    come to it before us as well: what was done before we even meant to write is not ours.
    """
    by_op = next((one for one in reversed(steps) if one.op and one.op == intent.op), None)
    earliest = intent.at - timedelta(seconds=look.grain + CLOCK_ERROR_SECONDS) if intent.at is not None else None
    unmarked = [one for one in steps if not one.op and (earliest is None or _corrected(one.at, look) >= earliest)]
    exact = by_op or next((one for one in unmarked if same(one.new, intent.raw)), None)
    return exact or next((one for one in unmarked if seen.lens.echoes(intent.raw, one.new)), None)


def _overwritten(
    seen: Seen, intent: Intent, ours: FieldChange | None, steps: Sequence[FieldChange]
) -> FieldChange | None:
    """The change that our write replaced unseen, where the history shows that it did not replace what we had read."""
    if ours is None or same(ours.old, intent.base_raw) or seen.lens.echoes(intent.raw, ours.old):
        return None
    return next((one for one in reversed(steps) if one is not ours and same(one.new, ours.old)), None)


def _restored(still: Decision, seen: Seen, hub: HubField, wrote: Shadow, lost: FieldChange, look: Look) -> Decision:
    """The replaced change against ours, as if both had been seen in time: a conflict with both values."""
    if isinstance(seen.lens, TagsLens):
        joined = _tags(replace(still, raw=lost.new), seen, seen.lens, hub, still.agreed, look)
        return replace(  # what goes back to the tool is joined with what it holds now, at the next look
            joined,
            act=Act.TAKE if joined.takes else Act.ECHO,
            raw=still.raw,
            agreed=wrote,
            pushes=False,
            restores=True,
            saves=True,
            detail=Why.OVERWRITTEN,
        )
    took = seen.lens.get(lost.new, still.agreed)
    at = _corrected(lost.at, look)
    winner, why = _winner(seen, hub, at, look)
    conflict = _conflict(still, seen, hub, lost.new, took, at, lost.by, winner, f"{Why.OVERWRITTEN}; {why}", look)
    still = replace(still, agreed=wrote, act=Act.CONFLICT, why=why, conflict=conflict)
    if winner is Side.REMOTE and not isinstance(took, NoWay):
        return replace(still, takes=True, take=took, take_at=at, take_by=lost.by, restores=True, detail=Why.OVERWRITTEN)
    return replace(still, detail=Why.OVERWRITTEN)


# The table.


def _table(still: Decision, seen: Seen, hub: HubField, shadow: Shadow | None, look: Look) -> Decision:
    if still.agreed is not shadow:
        still = replace(still, agreed=shadow)
    if isinstance(seen.lens, TagsLens):
        return _tags(still, seen, seen.lens, hub, shadow, look)
    if shadow is None or not shadow.hub_version:
        return _first(still, seen, hub, shadow, look)
    remote_changed = not same(still.raw, shadow.raw)
    never = shadow.hub_version == NEVER
    hub_changed = never or (hub.version != shadow.hub_version and not same(hub.value, shadow.hub_value))
    if seen.rule.hub in look.again and not remote_changed and not hub_changed:
        return _again(still, seen, hub, shadow, look)
    if not remote_changed and not hub_changed:
        moved = hub.version != shadow.hub_version
        return replace(still, saves=True) if moved and not still.saves else still
    if seen.lens.agrees(hub.value, still.raw, shadow):
        why = Why.BOTH_SAME if remote_changed and hub_changed else Why.SAME_CLASS
        return replace(still, act=Act.AGREE, why=why, saves=True)
    if remote_changed and hub_changed:
        return _both(still, seen, hub, shadow, look)
    return _remote_changed(still, seen, hub, shadow, look) if remote_changed else _push(still, seen, hub, shadow, look)


def _again(still: Decision, seen: Seen, hub: HubField, shadow: Shadow, look: Look) -> Decision:
    """Nothing changed but the mapping: where its sides no longer agree under it, the owner's side goes across. Where
    the later change wins, that is the side on which somebody said it: the other holds what the old rules made of it."""
    blank = replace(shadow, hub_version=0)
    if seen.lens.agrees(hub.value, still.raw, blank):
        return still
    rule = seen.rule
    if rule.direction is Direction.BOTH and rule.owner is Owner.ASK:
        return _first(still, seen, hub, blank, look)
    said_there = hub.link is not None and hub.link == look.link.id
    theirs = rule.owner is Owner.REMOTE or (rule.owner is Owner.NEWEST and said_there)
    if rule.direction is Direction.IN or (rule.direction is Direction.BOTH and theirs):
        return _remote_changed(still, seen, hub, blank, look, Why.NEW_RULES)
    return _push(still, seen, hub, blank, look, Why.NEW_RULES)


def _first(still: Decision, seen: Seen, hub: HubField, shadow: Shadow | None, look: Look) -> Decision:
    """No agreement yet: equal, or one is empty, or a conflict like any other."""
    if seen.lens.agrees(hub.value, still.raw, shadow):
        return replace(still, act=Act.AGREE, why=Why.BOTH_SAME, saves=True)
    direction = seen.rule.direction
    if key(still.raw) is None and direction is not Direction.IN:
        return _push(still, seen, hub, shadow, look, Why.FIRST_PUSH)
    if direction is Direction.OUT:
        if key(hub.value) is None:
            return replace(still, why=Why.ONE_WAY)
        return _decided(still, seen, hub, shadow, look, Side.HUB, Why.ONE_WAY)
    if key(hub.value) is None:
        return _remote_changed(still, seen, hub, shadow, look, Why.FIRST_TAKE)
    if direction is Direction.IN:
        return _decided(still, seen, hub, shadow, look, Side.REMOTE, Why.ONE_WAY)
    return _both(still, seen, hub, shadow, look)


def _remote_changed(
    still: Decision, seen: Seen, hub: HubField, shadow: Shadow | None, look: Look, why: Why = Why.REMOTE_CHANGED
) -> Decision:
    if seen.rule.direction is Direction.OUT:
        return replace(still, why=Why.ONE_WAY)
    took = seen.lens.get(still.raw, shadow)
    if isinstance(took, NoWay):
        return _no_value_here(still, shadow, took, look)
    if isinstance(seen.lens, TextLens) and seen.lens.loses(still.raw, shadow):
        return _decided(still, seen, hub, shadow, look, Side.REMOTE, Why.SHORTENED)
    return _take(still, took, why, seen, look)


def _no_value_here(still: Decision, shadow: Shadow | None, no_way: NoWay, look: Look) -> Decision:
    """The remote value stays there, and the link says that it could not be brought here."""
    base = shadow or Shadow(field=still.field, raw=still.raw, hub_value=None, hub_version=0)
    if base.reason == no_way.reason and same(base.raw, still.raw):
        return replace(still, why=Why.NO_VALUE_HERE, detail=no_way.reason)
    noted = replace(base, raw=still.raw, revision=look.item.revision, reason=no_way.reason)
    return replace(still, why=Why.NO_VALUE_HERE, agreed=noted, saves=True, detail=no_way.reason)


def _take(still: Decision, took: Value, why: Why, seen: Seen, look: Look) -> Decision:
    at, by = remote_time(look, seen.rule.remote, still.raw)
    return replace(still, act=Act.TAKE, why=why, takes=True, take=took, take_at=at, take_by=by, saves=True)


def _push(
    still: Decision, seen: Seen, hub: HubField, shadow: Shadow | None, look: Look, why: Why = Why.HUB_CHANGED
) -> Decision:
    if seen.rule.direction is Direction.IN:
        return replace(still, why=Why.ONE_WAY)
    if shadow is not None and shadow.tried_version == hub.version and shadow.tried_revision == look.item.revision:
        return replace(still, why=Why.REFUSED, detail=shadow.reason)
    raw = seen.lens.put(hub.value, shadow)
    if isinstance(raw, NoWay):
        return _not_sent(still, hub, shadow, raw.reason, Why.NO_VALUE_THERE, look)
    if look.item.closed_for_writing:
        return _not_sent(still, hub, shadow, f"{Why.CLOSED}.", Why.CLOSED, look)
    if same(raw, still.raw):
        return replace(still, act=Act.AGREE, why=Why.SAME_CLASS, saves=True)
    return replace(still, act=Act.PUSH, why=why, pushes=True, push=raw, saves=True)


def _not_sent(still: Decision, hub: HubField, shadow: Shadow | None, said: str, why: Why, look: Look) -> Decision:
    base = shadow or Shadow(field=still.field, raw=still.raw, hub_value=None, hub_version=0)
    noted = replace(base, tried_version=hub.version, tried_revision=look.item.revision, reason=said)
    return replace(still, why=why, agreed=noted, saves=noted != shadow, detail=said)


# Both changed.


def _both(still: Decision, seen: Seen, hub: HubField, shadow: Shadow | None, look: Look) -> Decision:
    if seen.rule.direction is Direction.IN:
        return _decided(still, seen, hub, shadow, look, Side.REMOTE, Why.ONE_WAY)
    if seen.rule.direction is Direction.OUT:
        return _decided(still, seen, hub, shadow, look, Side.HUB, Why.ONE_WAY)
    open_one = look.waiting.get(still.field)
    if open_one is not None and open_one.hub_version == hub.version and same(open_one.remote_raw, still.raw):
        return replace(still, why=Why.WAITING)
    at, _ = remote_time(look, seen.rule.remote, still.raw)
    winner, why = _winner(seen, hub, at, look)
    return _decided(still, seen, hub, shadow, look, winner, why)


def _decided(
    still: Decision, seen: Seen, hub: HubField, shadow: Shadow | None, look: Look, winner: Side | None, why: Why
) -> Decision:
    """A conflict with its record; the winner's value goes across if the mapping can carry it, else a person decides."""
    at, by = remote_time(look, seen.rule.remote, still.raw)
    took = seen.lens.get(still.raw, shadow)
    if winner is Side.REMOTE and isinstance(took, NoWay):
        winner, why = None, Why.NO_VALUE_HERE
    pushed = _push(still, seen, hub, shadow, look, why) if winner is Side.HUB else None
    if pushed is not None and not pushed.pushes:
        return pushed
    conflict = _conflict(still, seen, hub, still.raw, took, at, by, winner, str(why), look)
    still = replace(still, act=Act.CONFLICT, why=why, conflict=conflict, saves=True)
    if winner is Side.REMOTE and not isinstance(took, NoWay):
        return replace(still, takes=True, take=took, take_at=at, take_by=by)
    if (
        pushed is not None
    ):  # the loser is on record now: what the tool holds counts as seen, and is not a conflict twice
        return replace(still, pushes=True, push=pushed.push, agreed=acknowledged(shadow, conflict))
    return still


def _winner(seen: Seen, hub: HubField, at: datetime | None, look: Look) -> tuple[Side | None, Why]:
    match seen.rule.owner:
        case Owner.HUB:
            return Side.HUB, Why.HUB_OWNS
        case Owner.REMOTE:
            return Side.REMOTE, Why.REMOTE_OWNS
        case Owner.ASK:
            return None, Why.ASK
        case Owner.NEWEST:
            return _newest(seen, hub, at, look)


def _newest(seen: Seen, hub: HubField, at: datetime | None, look: Look) -> tuple[Side, Why]:
    """The later one. Within the tool's clock grain it is a tie: between two tools the lower link, else the rule's."""
    if at is None or hub.at is None:
        return seen.rule.ties, Why.TIE
    ahead = (at - hub.at).total_seconds()
    if abs(ahead) >= max(look.grain, 0.001):
        return (Side.REMOTE, Why.REMOTE_NEWER) if ahead > 0 else (Side.HUB, Why.HUB_NEWER)
    if hub.link is not None and hub.link != look.link.id:
        return (Side.REMOTE if look.link.id < hub.link else Side.HUB), Why.TIE
    return seen.rule.ties, Why.TIE


def remote_time(look: Look, remote_field: str, raw: Value) -> tuple[datetime | None, Person | None]:
    """When, by our clock, and by whom the field became what it is: field history, else the item, else our receipt."""
    steps = [one for one in look.item.history if one.field == remote_field]
    last = next((one for one in reversed(steps) if same(one.new, raw)), None)
    if last is not None:
        return _corrected(last.at, look), last.by
    if look.item.changed_at is not None:
        return _corrected(look.item.changed_at, look), look.item.changed_by
    return look.item.read_at, look.item.changed_by


def _corrected(at: datetime, look: Look) -> datetime:
    """By our clock, and never after we saw it: a clock that runs ahead must not win for ever."""
    corrected = at - timedelta(seconds=look.item.skew)
    return corrected if look.item.read_at is None else min(corrected, look.item.read_at)


def _conflict(
    still: Decision,
    seen: Seen,
    hub: HubField,
    raw: Value,
    took: Value | NoWay,
    at: datetime | None,
    by: Person | None,
    winner: Side | None,
    rule: str,
    look: Look,
) -> Conflict:
    return Conflict(
        link=look.link.id,
        field=still.field,
        hub_value=hub.value,
        hub_version=hub.version,
        hub_at=hub.at,
        hub_by=hub.by,
        remote_raw=raw,
        remote_value=None if isinstance(took, NoWay) else took,
        remote_at=at,
        remote_by=by,
        winner=winner,
        rule=rule,
    )


# Sets.


def _tags(still: Decision, seen: Seen, lens: TagsLens, hub: HubField, shadow: Shadow | None, look: Look) -> Decision:
    merged = merge(lens, hub.value, still.raw, shadow)
    direction = seen.rule.direction
    takes = direction is not Direction.OUT and not _same_tags(lens, merged.hub, hub.value)
    pushes = direction is not Direction.IN and not _same_tags(lens, merged.remote, still.raw)
    if pushes and (look.item.closed_for_writing or _was_tried(shadow, hub, look)):
        pushes = False
    fresh = shadow is None or not same(shadow.raw, still.raw) or shadow.hub_version != hub.version
    if not takes and not pushes:
        return replace(
            still,
            act=Act.AGREE if fresh else Act.NOTHING,
            why=Why.TAGS if fresh else Why.EQUAL,
            saves=fresh or still.saves,
        )
    at, by = remote_time(look, seen.rule.remote, still.raw)
    act = Act.MERGE if takes and pushes else Act.TAKE if takes else Act.PUSH
    return replace(
        still,
        act=act,
        why=Why.TAGS,
        takes=takes,
        take=merged.hub,
        take_at=at,
        take_by=by,
        pushes=pushes,
        push=merged.remote,
        saves=True,
    )


def _same_tags(lens: TagsLens, one: Value, other: Value) -> bool:
    return lens.managed(one).keys() == lens.managed(other).keys()


def _was_tried(shadow: Shadow | None, hub: HubField, look: Look) -> bool:
    return shadow is not None and shadow.tried_version == hub.version and shadow.tried_revision == look.item.revision


# A person decides.


def acknowledged(shadow: Shadow | None, conflict: Conflict) -> Shadow:
    """The agreement under which the hub's side of a conflict is carried across: the other side's counts as seen.

    A person who chooses the other side sets the hub to `conflict.remote_value`, an edit like any other.
    """
    at, revision = (shadow.at, shadow.revision) if shadow is not None else (None, "")
    return Shadow(
        field=conflict.field, raw=conflict.remote_raw, hub_value=None, hub_version=NEVER, at=at, revision=revision
    )


def undo(conflict: Conflict) -> Value:
    """The value that lost, to be set at the hub like any edit; it then travels by the same rules."""
    return conflict.hub_value if conflict.winner is Side.REMOTE else conflict.remote_value
