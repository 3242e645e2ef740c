"""What a read means for a link: what is taken, what is written, what is remembered. Pure.

settling.py does it in the transaction of the worker, the simulation and the preview without one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from rallypoint.sync.attachments import THERE, FileAct, FileDecision, plan_attachments
from rallypoint.sync.calls import (
    Call,
    DeleteComment,
    EditComment,
    FetchFile,
    SendComment,
    SendFile,
    TakeStep,
    WriteFields,
    WriteRelation,
)
from rallypoint.sync.comments import CommentAct, CommentDecision, Writing, plan_comments
from rallypoint.sync.equality import same
from rallypoint.sync.fuse import Turn, remember, tripped, turns_of
from rallypoint.sync.lenses import Lenses
from rallypoint.sync.mapping import Mapping as Rules
from rallypoint.sync.mapping import StatusMap
from rallypoint.sync.memory import Memory
from rallypoint.sync.model import (
    AttachmentPair,
    Capabilities,
    CommentPair,
    Conflict,
    HubItem,
    Intent,
    Link,
    Person,
    RemoteItem,
    Shadow,
    Side,
    Transition,
    Value,
)
from rallypoint.sync.planner import NEVER, Act, Answer, Decision, Plan, Why, plan
from rallypoint.sync.relations import TieAct, TieDecision, key_of, plan_relations
from rallypoint.sync.workflow import Blocked, Move, next_move


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is the same for all links of a mapping: made once, used for many passes."""

    mapping: Rules
    lenses: Lenses
    able: Capabilities
    writing: Writing
    account: Person | None = None
    known: tuple[Transition, ...] = ()


def setting_of(
    mapping: Rules,
    able: Capabilities,
    lenses: Lenses | None = None,
    *,
    account: Person | None = None,
    known: tuple[Transition, ...] = (),
) -> Setting:
    """A setting with its lenses. `account` is who we are there, `known` every transition the workflow has."""
    made = lenses or Lenses(mapping)
    writing = Writing(mapping.comments, able, made.texts)
    return Setting(mapping=mapping, lenses=made, able=able, writing=writing, account=account, known=known)


# Settling: pure, in the middle of the worker's transaction.


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is known of the remote item at a settling. `transitions` None were not asked for."""

    item: RemoteItem
    transitions: tuple[Transition, ...] | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict)
    done: tuple[CommentPair, ...] = ()
    singly: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything decided at one settling, before anything is applied. `asks` that transitions must be listed first.

    `undone` has why relations could not be written, by the key of each decision.
    """

    plan: Plan
    comments: tuple[CommentDecision, ...] = ()
    files: tuple[FileDecision, ...] = ()
    ties: tuple[TieDecision, ...] = ()
    undone: Mapping[str, str] = field(default_factory=dict)
    move: Move | Blocked | None = None
    asks: bool = False
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What the hub made of a taken value: its new version and value, or why a rule of the house refused it."""

    version: int = 0
    value: Value = None
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenComment:
    """What the hub made of a taken or edited comment."""

    hub_id: str
    edit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenFile:
    """What the hub made of a file it was to take: its id here, why not, or that its bytes are not here any more."""

    hub_id: str = ""
    refused: str = ""
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The memory to save in the same transaction, the calls that are journaled in it, and conflicts to record.

    `again` asks for another look although nothing is to be written: something older had to be put right first.
    """

    memory: Memory
    calls: tuple[Call, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    again: bool = False


def decide(
    hub: HubItem, sight: Sight, memory: Memory, rules: Setting, *, new_op: Callable[[], str], now: datetime
) -> Outcome:
    """What follows from what is seen. Applies nothing."""
    made = plan(
        hub,
        sight.item,
        memory.shadows,
        {one.field: one for one in memory.intents},
        rules.mapping,
        link=memory.link,
        lenses=rules.lenses,
        answers=sight.answers,
        waiting=memory.waiting,
        grain=rules.able.time_grain_seconds,
        again=memory.anew,
    )
    pairs = _updated(memory.comment_pairs, sight.done)
    said = plan_comments(
        hub.comments, sight.item, pairs, memory.comment_intents, rules.mapping.comments, rules.able,
        writing=rules.writing, new_op=new_op, answers=sight.answers, account=rules.account,
        grain=rules.able.time_grain_seconds,
    )  # fmt: skip
    files = plan_attachments(
        hub.attachments, sight.item, memory.attachment_pairs, rules.mapping.attachments, rules.able, memory.hashes,
        memory.refused,
    )  # fmt: skip
    ties, undone = _ties(hub, sight, memory, rules)
    turns = remember(memory.turns, turns_of(made.decisions, now), now)
    frozen = tuple(one.field for one in made.decisions if (one.takes or one.pushes) and tripped(turns, one.field, now))
    if frozen:
        held = [_held(one, memory) if one.field in frozen else one for one in made.decisions]
        made = replace(made, decisions=tuple(held))
    step = next((one for one in made.pushes if one.status), None)
    if step is None or not rules.able.transitions:
        return Outcome(plan=made, comments=said, files=files, ties=ties, undone=undone, frozen=frozen)
    if sight.transitions is None:
        return Outcome(plan=made, comments=said, files=files, ties=ties, undone=undone, asks=True, frozen=frozen)
    status = rules.mapping.status
    move = next_move(
        str(step.raw or ""), str(step.push or ""), sight.transitions, known=rules.known,
        fill=_fill(status, step), longest=status.longest_path if status else 1,
    )  # fmt: skip
    return Outcome(plan=made, comments=said, files=files, ties=ties, undone=undone, move=move, frozen=frozen)


def _ties(hub: HubItem, sight: Sight, memory: Memory, rules: Setting) -> tuple[tuple[TieDecision, ...], dict[str, str]]:
    """What to do with relations, and why some that were tried are not there all the same, by the key of each."""
    planned = plan_relations(
        hub.relations, sight.item, hub.linked, memory.relations, rules.mapping.links, rules.able, memory.refused
    )
    undone = {}
    for one in planned:
        answer = sight.answers.get(one.key)
        if answer is not None and (answer.refused or answer.applied):
            undone[one.key] = answer.refused or "The tool answered that all was well and changed nothing."
    return tuple(one for one in planned if one.key not in undone), undone


def _held(decision: Decision, memory: Memory) -> Decision:
    """A field that the fuse stopped: nothing moves, and nothing is forgotten."""
    return Decision(
        field=decision.field, remote_field=decision.remote_field, act=Act.NOTHING, why=Why.FROZEN,
        agreed=memory.shadows.get(decision.field), hub=decision.hub, raw=decision.raw, status=decision.status,
    )  # fmt: skip


def settle(
    outcome: Outcome,
    sight: Sight,
    memory: Memory,
    rules: Setting,
    *,
    applied: Mapping[str, Applied],
    taken: Mapping[str, TakenComment],
    took_files: Mapping[str, TakenFile] | None = None,
    declined_ties: Mapping[str, str] | None = None,
    new_op: Callable[[], str],
    now: datetime,
) -> Settlement:
    """The memory after the hub has applied what was taken.

    `applied` is by hub field for every decision that takes; `taken` by remote comment id for every comment taken or
    edited; `took_files` by remote attachment id for every file that was to be taken; `declined_ties` has why a
    relation was not taken, by the key of its decision. Calls come in rounds: fields, then
    a workflow step, then comments and files; between rounds the item is read again.
    """
    keeper = _Keeper(memory, sight, rules, new_op, now)
    for decision in outcome.plan.decisions:
        keeper.keep(decision, applied.get(decision.field), outcome.move)
    keeper.keep_comments(outcome.comments, taken)
    keeper.keep_files(outcome.files, took_files or {})
    keeper.keep_ties(outcome.ties, {**outcome.undone, **(declined_ties or {})})
    fresh = remember(memory.turns, turns_of(outcome.plan.decisions, now), now)
    link = replace(memory.link, revision=sight.item.revision, frozen=memory.link.frozen | frozenset(outcome.frozen))
    again = any(one.detail == Why.OVERWRITTEN for one in outcome.plan.decisions)
    again = again or any(one.lost for one in (took_files or {}).values())
    return replace(keeper.settlement(link, fresh), again=again)


class _Keeper:
    """Gathers what one settling changes in the memory."""

    def __init__(self, memory: Memory, sight: Sight, rules: Setting, new_op: Callable[[], str], now: datetime) -> None:
        self._memory, self._sight, self._rules, self._new_op, self._now = memory, sight, rules, new_op, now
        self._shadows = dict(memory.shadows)
        self._waiting = dict(memory.waiting)
        self._dropped: set[str] = set()
        self._intents: list[Intent] = []
        self._changes: dict[str, Value] = {}
        self._step: TakeStep | None = None
        self._conflicts: list[Conflict] = []
        self._pairs = list(_updated(memory.comment_pairs, sight.done))
        self._comment_intents = {one.op: one for one in memory.comment_intents}
        self._file_pairs = list(memory.attachment_pairs)
        self._hashes, self._refused = dict(memory.hashes), dict(memory.refused)
        self._relations = {key_of(one): one for one in memory.relations}
        self._later: list[Call] = []
        self._write_op = new_op()

    def keep(self, decision: Decision, applied: Applied | None, move: Move | Blocked | None) -> None:
        name = decision.field
        if decision.saves:
            self._dropped.update(decision.drops and (name,))
        shadow = self._shadow(decision, applied)
        if decision.conflict is not None:
            self._conflicts.append(decision.conflict)
        if decision.conflict is not None and decision.conflict.winner is None:
            self._waiting[name] = decision.conflict
        elif decision.why is not Why.WAITING and decision.act is not Act.NOTHING:
            self._waiting.pop(name, None)
        if decision.pushes:
            shadow = self._push(decision, shadow, applied, move)
        if shadow is not None:
            self._shadows[name] = replace(shadow, remote=decision.remote_field)

    def _shadow(self, decision: Decision, applied: Applied | None) -> Shadow | None:
        agreed, hub, item = decision.agreed, decision.hub, self._sight.item
        if decision.takes and not decision.restores:
            if applied is None or applied.refused:
                return self._declined(decision, applied.refused if applied else "It was not applied.")
            return Shadow(
                field=decision.field, raw=decision.raw, hub_value=applied.value, hub_version=applied.version,
                revision=item.revision, at=item.read_at,
            )  # fmt: skip
        if decision.act is Act.AGREE and hub is not None:
            return Shadow(
                field=decision.field, raw=decision.raw, hub_value=hub.value, hub_version=hub.version,
                revision=item.revision, at=item.read_at,
            )  # fmt: skip
        if decision.why is not Why.EQUAL or agreed is None or hub is None or agreed.hub_version <= 0:
            return agreed
        if same(agreed.hub_value, hub.value):
            return replace(agreed, hub_version=hub.version)
        return agreed

    def _declined(self, decision: Decision, said: str) -> Shadow:
        """The house refused the value: both are on record, the tool keeps its own, and neither is tried again."""
        agreed, hub = decision.agreed, decision.hub
        base = agreed or Shadow(field=decision.field, raw=None, hub_value=None, hub_version=0)
        if hub is not None and decision.conflict is None:
            self._conflicts.append(
                Conflict(
                    link=self._memory.link.id,
                    field=decision.field,
                    hub_value=hub.value,
                    hub_version=hub.version,
                    hub_at=hub.at,
                    hub_by=hub.by,
                    remote_raw=decision.raw,
                    remote_value=decision.take,
                    remote_at=decision.take_at,
                    remote_by=decision.take_by,
                    winner=Side.HUB,
                    rule=said,
                )
            )
        version = hub.version if hub is not None else base.hub_version or NEVER
        value = hub.value if hub is not None else base.hub_value
        return replace(base, raw=decision.raw, hub_value=value, hub_version=version, reason=said)

    def _push(
        self, decision: Decision, shadow: Shadow | None, applied: Applied | None, move: Move | Blocked | None
    ) -> Shadow | None:
        hub = decision.hub
        if hub is None or (self._sight.singly and self._changes):
            return shadow
        value, version = hub.value, hub.version
        if decision.takes and applied is not None and not applied.refused:
            value, version = applied.value, applied.version
        stepping = decision.status and self._rules.able.transitions
        if stepping and isinstance(move, Blocked):
            base = shadow or Shadow(field=decision.field, raw=decision.raw, hub_value=None, hub_version=0)
            return replace(base, tried_version=version, tried_revision=self._sight.item.revision, reason=move.reason)
        if stepping and not isinstance(move, Move):
            return shadow
        raw, op, final = decision.push, self._write_op, True
        if stepping and isinstance(move, Move):
            raw, op, final = move.transition.to, self._new_op(), move.final
            self._step = TakeStep(
                op=op, transition=move.transition, fields=move.fields, base_revision=self._sight.item.revision
            )
        else:
            self._changes[decision.remote_field] = raw
            if decision.status:
                self._fill(decision)
        item = self._sight.item
        self._intents.append(
            Intent(
                op=op,
                field=decision.field,
                base_revision=item.revision,
                base_raw=item.raw(decision.remote_field),
                raw=raw,
                hub_value=value,
                hub_version=version,
                at=self._now,
                final=final,
                base_at=_last_step(item, decision.remote_field),
                remote=decision.remote_field,
            )
        )
        return shadow

    def _fill(self, decision: Decision) -> None:
        """What the wanted status needs besides, where nothing is there yet."""
        item = self._sight.item
        for name, value in _fill(self._rules.mapping.status, decision).items():
            if name not in self._changes and not (item.knows(name) and item.raw(name) not in (None, "", ())):
                self._changes[name] = value

    def keep_comments(self, decisions: Sequence[CommentDecision], taken: Mapping[str, TakenComment]) -> None:
        for one in decisions:
            if one.drops:
                self._comment_intents.pop(one.drops, None)
            if one.intent is not None:
                self._comment_intents[one.intent.op] = one.intent
            match one.act:
                case CommentAct.SEND | CommentAct.APPEND:
                    self._later.append(
                        SendComment(op=one.op, body=one.body, visibility=one.visibility, author=one.author)
                    )
                case CommentAct.EDIT if one.pair is not None:
                    self._later.append(
                        EditComment(
                            op=one.op, remote_id=one.remote_id, body=one.body, visibility=one.visibility, pair=one.pair
                        )
                    )
                case CommentAct.DELETE if one.pair is not None:
                    self._later.append(DeleteComment(op=one.op, remote_id=one.remote_id, pair=one.pair))
                case CommentAct.TAKE | CommentAct.EDIT_HUB if one.pair is not None:
                    made = taken.get(one.remote_id)
                    if made is not None:
                        self._pair(replace(one.pair, hub_id=made.hub_id, hub_edit=made.edit))
                case _ if one.pair is not None:
                    self._pair(one.pair)

    def _pair(self, pair: CommentPair) -> None:
        self._pairs = list(_updated(self._pairs, (pair,)))

    def keep_files(self, decisions: Sequence[FileDecision], took: Mapping[str, TakenFile]) -> None:
        for one in decisions:
            if one.stays:
                self._refused[one.key] = one.said
            else:
                self._refused.pop(one.key, None)
            match one.act:
                case FileAct.FETCH:
                    self._later.append(FetchFile(remote_id=one.remote_id, name=one.name))
                case FileAct.SEND:
                    self._later.append(
                        SendFile(op=self._new_op(), hub_id=one.hub_id, visibility=one.visibility, name=one.name)
                    )
                case FileAct.PAIR if one.pair is not None:
                    self._file_pairs.append(one.pair)
                case FileAct.TAKE if one.pair is not None and one.remote_id in took:
                    self._took(one.pair, took[one.remote_id])

    def _took(self, pair: AttachmentPair, made: TakenFile) -> None:
        if made.lost:
            self._hashes.pop(pair.remote_id, None)  # it is fetched anew
        elif made.refused:
            self._refused[THERE + pair.remote_id] = made.refused
        else:
            self._file_pairs.append(replace(pair, hub_id=made.hub_id))

    def keep_ties(self, decisions: Sequence[TieDecision], refused: Mapping[str, str]) -> None:
        """What was done here is agreed at once; what is written there, once it is seen there."""
        self._refused.update(refused)
        for one in decisions:
            match one.act:
                case _ if one.key in refused:
                    pass
                case TieAct.AGREE | TieAct.TAKE:
                    self._relations[key_of(one.relation)] = one.relation
                case TieAct.DROP | TieAct.FORGET:
                    self._relations.pop(key_of(one.relation), None)
                case TieAct.WRITE | TieAct.ERASE:
                    gone = one.act is TieAct.ERASE
                    self._later.append(
                        WriteRelation(
                            op=self._new_op(), relation=one.relation, key=one.key, incident=one.incident, gone=gone
                        )
                    )

    def settlement(self, link: Link, turns: tuple[Turn, ...]) -> Settlement:
        calls: tuple[Call, ...] = tuple(self._later)
        mapped = {seen.rule.hub: seen.rule.remote for seen in self._rules.lenses.fields}
        intents = [
            one
            for one in self._memory.intents
            if one.field not in self._dropped and one.field in mapped and one.remote in ("", mapped[one.field])
        ]
        fresh = self._intents
        if self._changes:
            fresh = [one for one in fresh if one.op == self._write_op]
            revision = self._sight.item.revision
            calls = (WriteFields(op=self._write_op, changes=dict(self._changes), base_revision=revision),)
        elif self._step is not None:
            calls = (self._step,)
        replaced = {one.field for one in fresh}
        paired = {one.remote_id for one in self._file_pairs}
        memory = replace(
            self._memory,
            link=link,
            shadows=self._shadows,
            waiting=self._waiting,
            intents=tuple(one for one in intents if one.field not in replaced) + tuple(fresh),
            comment_pairs=tuple(self._pairs),
            comment_intents=tuple(self._comment_intents.values()),
            attachment_pairs=tuple(self._file_pairs),
            hashes={id: known for id, known in self._hashes.items() if id not in paired},
            refused=self._refused,
            relations=tuple(self._relations.values()),
            turns=turns,
        )
        return Settlement(memory=memory, calls=calls, conflicts=tuple(self._conflicts))


def _updated(pairs: Sequence[CommentPair], fresh: Sequence[CommentPair]) -> tuple[CommentPair, ...]:
    """Pairs by remote id, newer ones in the place of older ones."""
    by_id = {one.remote_id: one for one in pairs} | {one.remote_id: one for one in fresh}
    return tuple(by_id.values())


def _last_step(item: RemoteItem, remote_field: str) -> datetime | None:
    """When the field's history was last continued, by the tool's clock."""
    return max((one.at for one in item.history if one.field == remote_field), default=None)


def _fill(status: StatusMap | None, decision: Decision) -> Mapping[str, Value]:
    """Raw values that the mapping fills in with the status."""
    wanted = str(decision.hub.value) if decision.hub is not None else ""
    return next((one.fill for one in status.out if one.hub == wanted), {}) if status is not None else {}
