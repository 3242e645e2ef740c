"""A hub, several tools and people who edit everywhere, on one seeded schedule that owns time, network and crashes."""

import re
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from rallypoint.sync.comments import CommentAct
from rallypoint.sync.lenses import Lenses, TagsLens
from rallypoint.sync.mapping import (
    CommentRule,
    CreateRule,
    FieldRule,
    Mapping,
    Owner,
    Pair,
    StatusMap,
    StatusRead,
    StatusWrite,
    TagSet,
    Text,
    ValueMap,
)
from rallypoint.sync.memory import Memory
from rallypoint.sync.model import TAGS, Conflict, HubComment, HubField, HubItem, Link, Side, Value, Visibility
from rallypoint.sync.perform import perform
from rallypoint.sync.planner import Why, acknowledged, undo
from rallypoint.sync.settlement import Applied, Outcome, Setting, TakenComment, TakenFile, decide, setting_of, settle
from rallypoint.sync.steps import (
    Began,
    Do,
    Effect,
    Ending,
    Event,
    Finish,
    ListTransitions,
    Pass,
    Read,
    Settle,
    Settled,
    advance,
)
from tests.simulation.tools import ALL_STEPS, US, Faults, Habits, Tool, habits

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
TOKEN = re.compile(r"[etc]\d+x", re.IGNORECASE)  # every edit carries one, so that it is known again wherever it went
PRIORITIES = ("P1", "P2", "P3", "P4", "P5")
CALM_ROUNDS = 30
CLOCK_ERROR = 3.0
"""Seconds: the tools' grain, twice, and the error of the measured skew."""


def token(value: object) -> str:
    """The mark of the edit that a text came from."""
    found = TOKEN.search(str(value or ""))
    return found.group().lower() if found else ""


def run(coroutine: Coroutine[Any, Any, Event]) -> Event:
    """Runs what never waits."""
    try:
        coroutine.send(None)
    except StopIteration as over:
        return over.value  # type: ignore[no-any-return]
    raise AssertionError("A tool in memory waited.")


@dataclass
class Edit:
    place: str
    field: str
    value: str
    over: str
    at: datetime


@dataclass
class Spoken:
    private: bool
    place: str


@dataclass
class Lane:
    """A link with its durable memory and its pass, which a crash takes away."""

    tool: Tool
    rules: Setting
    memory: Memory
    at: Pass | None = None
    effect: Effect | None = None
    dirty: bool = True


def mapping_for(habit: Habits, owner: Owner) -> Mapping:
    """The same fields for all, with three priorities there for our five."""
    return Mapping(
        id=1, version=1, connection=1, name=habit.name, create=CreateRule(project="p", type="item"),
        fields=(
            FieldRule(hub="title", remote="title", owner=owner, transform=Text(single_line=True)),
            FieldRule(hub="description", remote="text", owner=owner, transform=Text()),
            FieldRule(
                hub="priority", remote="rank", owner=owner,
                transform=ValueMap(
                    pairs=(
                        Pair(hub="P1", remote="high"), Pair(hub="P2", remote="high"), Pair(hub="P3", remote="mid"),
                        Pair(hub="P4", remote="low"), Pair(hub="P5", remote="low"),
                    )
                ),
            ),
            FieldRule(hub="tags", remote=TAGS, owner=owner, transform=TagSet()),
        ),
        status=StatusMap(
            field="status", owner=owner,
            out=(
                StatusWrite(hub="triage", remote="new"), StatusWrite(hub="active", remote="work"),
                StatusWrite(hub="on_hold", remote="wait"),
                StatusWrite(hub="resolved", remote="done", fill={"resolution": "fixed"}),
                StatusWrite(hub="closed", remote="done", fill={"resolution": "fixed"}),
            ),
            into=(
                StatusRead(remote="new", hub="triage"), StatusRead(remote="work", hub="active"),
                StatusRead(remote="wait", hub="on_hold"), StatusRead(remote="done", hub="resolved"),
            ),
        ),
        comments=CommentRule(name_author=False),
    )  # fmt: skip


class Leak(AssertionError):
    """Something private was shown."""


@dataclass
class World:
    """One schedule."""

    seed: int
    steps: int = 120
    dice: Random = field(init=False)
    now: datetime = START
    fields: dict[str, HubField] = field(default_factory=dict)
    comments: dict[str, HubComment] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    spoken: dict[str, Spoken] = field(default_factory=dict)
    replaced_words: set[str] = field(default_factory=set)
    deleted_words: set[str] = field(default_factory=set)
    tags_added: set[str] = field(default_factory=set)
    tags_removed: set[str] = field(default_factory=set)
    count: int = 0
    crashes: int = 0
    status_edits: int = 0

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)
        chosen = list(habits())
        self.dice.shuffle(chosen)
        chosen = chosen[: self.dice.randint(3, 5)]
        owner = self.dice.choice((Owner.NEWEST, Owner.NEWEST, Owner.HUB, Owner.REMOTE))
        if self.seed % 7 == 3:
            owner = Owner.ASK
        first: dict[str, Value] = {
            "title": "start",
            "description": "",
            "priority": "P3",
            "tags": (),
            "status": "triage",
        }
        self.fields = {name: HubField(value=value, version=1, at=self.now) for name, value in first.items()}
        self.lanes = [self._lane(place, habit, owner) for place, habit in enumerate(chosen, 1)]

    def _lane(self, place: int, habit: Habits, owner: Owner) -> Lane:
        rough = self.dice.random() < 0.8
        faults = Faults(
            dice=self.dice,
            outage=0.05 if rough else 0.0,
            lost_answer=0.15 if rough else 0.0,
            limited=0.03 if rough else 0.0,
        )
        tool = Tool(habits=habit, clock=lambda: self.now, skew=self.dice.uniform(-90, 90), faults=faults)
        tool.fields = {"title": "start", "text": "", "rank": "mid", TAGS: (), "status": "new"}
        mapping = mapping_for(habit, owner)
        rules = setting_of(mapping, habit.able, Lenses(mapping), account=US, known=ALL_STEPS)
        link = Link(id=place, incident=1, connection=place, mapping=1, mapping_version=1, remote_id="1")
        return Lane(tool=tool, rules=rules, memory=Memory(link=link))

    def has(self, tool: str) -> bool:
        return any(lane.tool.habits.name == tool for lane in self.lanes)

    # The schedule.

    def play(self) -> None:
        """Edits, faults and crashes in the order the dice say; then quiet, until nothing moves any more."""
        for _ in range(self.steps):
            self.now += timedelta(seconds=self.dice.choice((0, 0, 0.3, 1, 2, 5, 20)))
            self._something()
        self.settle_down()
        self._answer_questions()
        self._undo_one()

    def _something(self) -> None:
        roll = self.dice.random()
        lane = self.dice.choice(self.lanes)
        if roll < 0.10:
            self._edit_at_hub()
        elif roll < 0.20:
            self._edit_at(lane)
        elif roll < 0.24:
            self._say_at_hub()
        elif roll < 0.28:
            self._say_at(lane)
        elif roll < 0.31:
            self._change_comment(lane)
        elif roll < 0.34:
            self.crash()
        elif roll < 0.36:
            lane.tool.faults.down = not lane.tool.faults.down
        else:
            self.work(lane)

    def crash(self) -> None:
        self.crashes += 1
        for lane in self.lanes:
            lane.at = lane.effect = None
            lane.dirty = True

    def settle_down(self) -> None:
        """No more faults: every lane runs to its end until a whole round changes nothing."""
        for lane in self.lanes:
            lane.tool.faults.outage = lane.tool.faults.lost_answer = lane.tool.faults.limited = 0.0
            lane.tool.faults.down = False
        for _ in range(CALM_ROUNDS):
            self.now += timedelta(seconds=60)
            before = self._print()
            for lane in self.lanes:
                lane.dirty = True
                for _ in range(200):
                    self.work(lane)
                    if lane.at is None:
                        break
                else:
                    raise AssertionError("A pass does not end.")
            if self._print() == before and not any(lane.dirty for lane in self.lanes):
                return
        raise AssertionError("It does not come to rest.")

    def _answer_questions(self) -> None:
        """A person decides what waits, by the dice. Each decision may raise another question elsewhere."""
        for _ in range(CALM_ROUNDS):
            lane = next((lane for lane in self.lanes if lane.memory.waiting), None)
            if lane is None:
                return
            name, conflict = next(iter(lane.memory.waiting.items()))
            if self.dice.random() < 0.5:
                self._hub_holds(name, conflict.remote_value)
            else:
                chosen = acknowledged(lane.memory.shadows.get(name), conflict)
                waiting = {one: kept for one, kept in lane.memory.waiting.items() if one != name}
                lane.memory = replace(lane.memory, shadows={**lane.memory.shadows, name: chosen}, waiting=waiting)
            self.settle_down()
        raise AssertionError("The questions do not end.")

    def _undo_one(self) -> None:
        """The other value of the latest conflict about a text is set again, and must be everywhere."""
        decided = [one for one in self.conflicts if one.winner and one.field == "title" and token(undo(one))]
        if self.seed % 7 != 4 or not decided:
            return
        wanted = undo(decided[-1])
        self._hub_holds("title", wanted)
        self.settle_down()
        for lane in self.lanes:
            assert token(lane.tool.fields["title"]) == token(wanted), (lane.tool.habits.name, wanted)

    def _hub_holds(self, name: str, value: Value) -> None:
        old = self.fields[name]
        self._note("hub", name, value, old.value)
        self.fields[name] = HubField(value=value, version=old.version + 1, at=self.now)

    def _print(self) -> tuple[object, ...]:
        tools = tuple((lane.tool.writes, lane.tool.comment_writes, lane.tool.revision) for lane in self.lanes)
        return (tools, tuple(one.version for one in self.fields.values()), len(self.comments), len(self.conflicts))

    # Work, one effect at a time.

    def work(self, lane: Lane) -> None:
        if lane.at is None:
            lane.at, lane.effect = advance(Pass(), Began())
        effect = lane.effect
        if isinstance(effect, Finish):
            lane.at = lane.effect = None
            lane.dirty = effect.ending is not Ending.DONE
            return
        assert effect is not None
        event = self._settle(lane, effect) if isinstance(effect, Settle) else self._perform(lane, effect)
        self._watch(lane)
        lane.at, lane.effect = advance(lane.at, event)

    def _perform(self, lane: Lane, effect: Read | ListTransitions | Do) -> Event:
        return run(perform(lane.tool, "1", effect))

    def _hub(self) -> HubItem:
        return HubItem(incident=1, fields=self.fields, comments=tuple(self.comments.values()))

    def _take_files(self, lane: Lane, outcome: Outcome) -> dict[str, TakenFile]:
        return {}

    def _settle(self, lane: Lane, effect: Settle) -> Settled:
        """The worker's transaction."""
        hub = self._hub()
        outcome = decide(hub, effect.sight, lane.memory, lane.rules, new_op=self._op, now=self.now)
        if outcome.asks:
            return Settled(asks=True)
        applied = self._apply(lane, outcome)
        taken = self._take_comments(lane, outcome)
        made = settle(
            outcome, effect.sight, lane.memory, lane.rules, applied=applied, taken=taken,
            took_files=self._take_files(lane, outcome), new_op=self._op, now=self.now,
        )  # fmt: skip
        lane.memory = made.memory
        self.conflicts.extend(made.conflicts)
        return Settled(calls=made.calls, again=made.again)

    def _apply(self, lane: Lane, outcome: Outcome) -> dict[str, Applied]:
        applied = {}
        for one in outcome.plan.takes:
            version = self.fields[one.field].version + 1
            self.fields[one.field] = HubField(
                value=one.take, version=version, at=one.take_at, link=lane.memory.link.id, human=True
            )
            applied[one.field] = Applied(version=version, value=one.take)
        return applied

    def _take_comments(self, lane: Lane, outcome: Outcome) -> dict[str, TakenComment]:
        taken = {}
        for one in outcome.comments:
            if one.act is CommentAct.TAKE:
                id = self._op()
                self.comments[id] = HubComment(
                    id=id, body=one.body, visibility=one.visibility, created_at=one.at, origin=lane.tool.habits.name
                )
                taken[one.remote_id] = TakenComment(hub_id=id)
            elif one.act is CommentAct.EDIT_HUB:
                ours = self.comments[one.hub_id]
                self.replaced_words.add(token(ours.body))
                self.comments[one.hub_id] = replace(ours, body=one.body, edit=ours.edit + 1, edited_at=self.now)
                taken[one.remote_id] = TakenComment(hub_id=one.hub_id, edit=ours.edit + 1)
            elif one.act is CommentAct.DELETE_HUB:
                self.comments[one.hub_id] = replace(self.comments[one.hub_id], deleted=True)
            elif one.act is CommentAct.LOWER:
                self.comments[one.hub_id] = replace(self.comments[one.hub_id], visibility=Visibility.PRIVATE)
        return taken

    def _op(self) -> str:
        self.count += 1
        return f"op{self.count}"

    def _watch(self, lane: Lane) -> None:
        """Private stays private, at every moment."""
        for one in lane.tool.comments:
            said = self.spoken.get(token(one.body))
            if said is None or not said.private or said.place == lane.tool.habits.name:
                continue
            if one.visibility is not Visibility.PRIVATE:
                raise Leak(f"{one.body} is shown in {lane.tool.habits.name}")

    # People.

    def _word(self, kind: str) -> str:
        self.count += 1
        tail = self.dice.choice(("", " Mixed Case", "  ", " and a tail that is much longer than some tools will keep"))
        return f"{kind}{self.count}x{tail}"

    def _edit_at_hub(self) -> None:
        name = self.dice.choice(("title", "description", "priority", "tags", "status"))
        old = self.fields[name]
        value = self._new_value(name, old.value, PRIORITIES, ("triage", "active", "on_hold", "resolved", "closed"))
        if value != old.value:
            self._note("hub", name, value, old.value)
            self.fields[name] = HubField(value=value, version=old.version + 1, at=self.now)

    def _edit_at(self, lane: Lane) -> None:
        name = self.dice.choice(("title", "text", "rank", TAGS, "status"))
        old = lane.tool.fields[name]
        value = self._new_value(name, old, ("high", "mid", "low"), ("new", "work", "wait", "done"))
        if lane.tool.normalised(name, value) != old:
            self._note(lane.tool.habits.name, name, value, old)
            lane.tool.person_sets(name, value)

    def _new_value(self, name: str, old: Value, ranks: tuple[str, ...], statuses: tuple[str, ...]) -> Value:
        if name in ("title", "description", "text"):
            return self._word("e")
        if name in ("priority", "rank"):
            return self.dice.choice(ranks)
        if name == "status":
            return self.dice.choice(statuses)
        tags = list(old) if isinstance(old, tuple) else []
        if tags and self.dice.random() < 0.4:
            gone = tags.pop(self.dice.randrange(len(tags)))
            self.tags_removed.add(gone.lower())
        else:
            self.count += 1
            tags.append(f"T{self.count}x")
            self.tags_added.add(f"t{self.count}x")
        return tuple(tags)

    def _note(self, place: str, name: str, value: Value, old: Value) -> None:
        if isinstance(value, str) and token(value):
            self.edits.append(Edit(place=place, field=name, value=token(value), over=token(old), at=self.now))
        self.status_edits += 1

    def _say_at_hub(self) -> None:
        id, body = self._op(), self._word("c")
        private = self.dice.random() < 0.5
        self.spoken[token(body)] = Spoken(private, "hub")
        self.comments[id] = HubComment(
            id=id, body=body, created_at=self.now, work_note=private and self.dice.random() < 0.5,
            visibility=Visibility.PRIVATE if private else Visibility.PUBLIC,
        )  # fmt: skip

    def _say_at(self, lane: Lane) -> None:
        body = self._word("c")
        private = self.dice.random() < 0.5 or not lane.tool.habits.able.private_comments
        self.spoken[token(body)] = Spoken(private, lane.tool.habits.name)
        lane.tool.person_says(body, Visibility.PRIVATE if private else Visibility.PUBLIC)

    def _change_comment(self, lane: Lane) -> None:
        """Somebody edits or deletes a comment, here or there."""
        if self.dice.random() < 0.5 and self.comments:
            ours = self.comments[self.dice.choice(list(self.comments))]
            if ours.deleted:
                return
            if self.dice.random() < 0.3:
                self.deleted_words.add(token(ours.body))
                self.comments[ours.id] = replace(ours, deleted=True)
                return
            body = self._word("c")
            self._reword(ours.body, body)
            self.comments[ours.id] = replace(ours, body=body, edit=ours.edit + 1, edited_at=self.now)
        elif lane.tool.comments and lane.tool.habits.able.edit_comments:
            theirs = self.dice.choice(lane.tool.comments)
            if self.dice.random() < 0.3 and lane.tool.habits.able.delete_comments:
                self.deleted_words.add(token(theirs.body))
                lane.tool.person_deletes(theirs.id)
                return
            body = self._word("c")
            self._reword(theirs.body, body)
            lane.tool.person_edits(theirs.id, body)

    def _reword(self, old: str, new: str) -> None:
        self.replaced_words.add(token(old))
        self.spoken[token(new)] = self.spoken[token(old)]

    # What must hold at rest.

    def check(self) -> None:
        self._all_agree()
        self._no_edit_lost()
        self._the_later_one_won()
        self._tags_kept()
        self._no_duplicates()
        self._comments_everywhere()
        self._few_writes()

    def _all_agree(self) -> None:
        for lane in self.lanes:
            for seen in lane.rules.lenses.fields:
                hub, raw = self.fields[seen.rule.hub].value, lane.tool.fields.get(seen.rule.remote)
                shadow = lane.memory.shadows.get(seen.rule.hub)
                if seen.lens.agrees(hub, raw, None) or (shadow is not None and shadow.reason):
                    continue
                wrote = seen.lens.put(hub, None)
                held = lane.tool.normalised(seen.rule.remote, wrote)  # type: ignore[arg-type]
                same_set = isinstance(seen.lens, TagsLens)
                assert same_set or held == raw, (lane.tool.habits.name, seen.rule.hub, hub, raw, shadow)
            assert not lane.memory.intents, lane.memory.intents
            assert not lane.memory.comment_intents, lane.memory.comment_intents

    def _no_edit_lost(self) -> None:
        kept = {token(one.value) for one in self.fields.values()}
        logged = {token(one.hub_value) for one in self.conflicts} | {token(one.remote_value) for one in self.conflicts}
        seen_and_replaced = {one.over for one in self.edits}
        limits = {token(value) for lane in self.lanes for value in lane.tool.overwritten}
        for one in self.edits:
            assert one.value in kept | logged | seen_and_replaced | limits, one

    def _the_later_one_won(self) -> None:
        """By true time, wherever a tool's history tells when the field changed, however wrong its clock is."""
        exact = {"hub"} | {lane.tool.habits.name for lane in self.lanes if lane.tool.habits.able.history}
        made = {one.value: one for one in reversed(self.edits)}
        for one in self.conflicts:
            ours, theirs = made.get(token(one.hub_value)), made.get(token(one.remote_value))
            newest = one.rule.endswith((Why.HUB_NEWER, Why.REMOTE_NEWER))
            if ours is None or theirs is None or not newest or not {ours.place, theirs.place} <= exact:
                continue
            ahead = (theirs.at - ours.at).total_seconds()
            assert abs(ahead) < CLOCK_ERROR or (ahead > 0) == (one.winner is Side.REMOTE), (one, ours, theirs)

    def _tags_kept(self) -> None:
        limits = {
            tag.lower() for lane in self.lanes for value in lane.tool.overwritten if isinstance(value, tuple)
            for tag in value
        }  # fmt: skip
        tags = self.fields["tags"].value
        here = {one.lower() for one in tags} if isinstance(tags, tuple) else set()
        missing = self.tags_added - self.tags_removed - limits - here
        assert not missing, missing

    def _no_duplicates(self) -> None:
        here = Counter(token(one.body) for one in self.comments.values())
        assert all(times == 1 for times in here.values()), here
        for lane in self.lanes:
            there = Counter(token(one.body) for one in lane.tool.comments)
            assert all(times == 1 for times in there.values()), (lane.tool.habits.name, there)

    def _comments_everywhere(self) -> None:
        for ours in self.comments.values():
            if ours.deleted or token(ours.body) in self.deleted_words | self.replaced_words:
                continue
            private = ours.visibility is Visibility.PRIVATE or ours.work_note
            for lane in self.lanes:
                gone = any(one.hub_id == ours.id and one.remote_deleted for one in lane.memory.comment_pairs)
                stays = private and not lane.tool.habits.able.private_comments
                there = any(token(one.body) == token(ours.body) for one in lane.tool.comments)
                assert there or gone or stays or ours.edit, (lane.tool.habits.name, ours)

    def _few_writes(self) -> None:
        faults = sum(lane.tool.faults.happened for lane in self.lanes) + self.crashes
        writes = sum(lane.tool.writes for lane in self.lanes)
        most = 3 * len(self.lanes) * self.status_edits + 2 * faults + 4
        assert writes <= most, (writes, most)

    @property
    def writes(self) -> int:
        return sum(lane.tool.writes for lane in self.lanes)
