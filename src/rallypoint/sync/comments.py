"""Comments of both sides: a set that only grows. Identity is in the link's pairs, never in the text.

Visibility fails closed: unknown is private, work notes are private unless the rule names them, and private wins of two.
After a lost answer a comment is looked for by its operation, then by its words, before it is sent again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from rallypoint.sync.fingerprints import begins_alike, fingerprint
from rallypoint.sync.mapping import CommentRule, Direction
from rallypoint.sync.model import (
    Capabilities,
    CommentIntent,
    CommentPair,
    HubComment,
    Markup,
    Person,
    RemoteComment,
    RemoteItem,
    Side,
    Visibility,
)
from rallypoint.sync.people import as_text
from rallypoint.sync.planner import Answer
from rallypoint.sync.ports import RichText

COMMENTS = "comments"
"""In `RemoteItem.unreadable`: the comments could not be read, so nothing is concluded about them."""

SLACK = timedelta(seconds=5)
EDITED = "(edited)"


class CommentAct(StrEnum):
    """TAKE, EDIT_HUB, DELETE_HUB and LOWER change the hub; SEND, APPEND, EDIT and DELETE the tool; PAIR only us."""

    TAKE = "take"
    EDIT_HUB = "edit here"
    DELETE_HUB = "mark deleted here"
    LOWER = "make private here"
    SEND = "send"
    APPEND = "send the new text"
    EDIT = "edit there"
    DELETE = "delete there"
    PAIR = "pair"
    NOTHING = "nothing"


class CommentWhy(StrEnum):
    NEW_THERE = "it was written there"
    NEW_HERE = "it was written here"
    FOUND = "it is ours, sent before its answer was lost"
    RECOGNISED = "it carries the mark of a comment of ours"
    EDITED_THERE = "it was edited there"
    EDITED_HERE = "it was edited here"
    APPEND_ONLY = "the tool keeps comments as they are, so the new text is a comment of its own"
    DELETED_THERE = "it was deleted there"
    DELETED_HERE = "it was deleted here"
    HIDDEN_THERE = "it was made private there"
    HIDDEN_HERE = "it was made private here"
    CANNOT_HIDE = "it was made private here, and the tool cannot hide it"
    SAME = "both sides say the same"
    WORK_NOTE = "work notes do not travel by this rule"
    PRIVATE_STAYS = "it is private, and everybody there could read it"
    NOT_BY_RULE = "comments of this kind do not travel by this rule"
    REFUSED = "the tool refused it"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentDecision:
    """One thing to do about one comment. `body` is raw for the tool, Markdown for the hub.

    `pair` is what to remember once it is done (hub id still empty for TAKE), `intent` what to journal before.
    """

    act: CommentAct
    why: CommentWhy
    hub_id: str = ""
    remote_id: str = ""
    op: str = ""
    body: str = ""
    visibility: Visibility = Visibility.PRIVATE
    author: Person | None = None
    at: datetime | None = None
    pair: CommentPair | None = None
    intent: CommentIntent | None = None
    drops: str = ""
    detail: str = ""

    @property
    def calls(self) -> bool:
        return self.act in (CommentAct.SEND, CommentAct.APPEND, CommentAct.EDIT, CommentAct.DELETE)


def outward(comment: HubComment, rule: CommentRule, able: Capabilities) -> Visibility | CommentWhy:
    """With which visibility a comment of ours goes there, or why it stays here. Never wider than it is here."""
    named = comment.work_note and rule.work_notes_public
    public = named or (comment.visibility is Visibility.PUBLIC and not comment.work_note)
    if comment.work_note and not rule.send_work_notes:
        return CommentWhy.WORK_NOTE
    if not (rule.send_public if public else rule.send_private):
        return CommentWhy.NOT_BY_RULE
    if public and able.public_comments:
        return Visibility.PUBLIC
    if able.private_comments or not able.public_comments or rule.private_to_open_tool:
        return Visibility.PRIVATE
    return CommentWhy.PRIVATE_STAYS


def inward(visibility: Visibility, rule: CommentRule, able: Capabilities) -> Visibility:
    """With which visibility a comment from there arrives. Only what is known to be meant for the reporter is public:
    where a tool knows no private comments, people talk among themselves."""
    meant = able.private_comments or rule.open_tool_to_reporter
    return Visibility.PUBLIC if visibility is Visibility.PUBLIC and meant else Visibility.PRIVATE


def op_of(hub_id: str, edit: int, nonce: str) -> str:
    """The operation id of a comment: it tells which comment it is, even to a hub that has lost its memory."""
    return f"{nonce}.c{edit}.{hub_id}"


def hub_id_of(op: str) -> tuple[str, int] | None:
    """The comment and edit an operation id tells of."""
    _, dot, rest = op.partition(".c")
    edit, more, hub_id = rest.partition(".")
    return (hub_id, int(edit)) if dot and more and hub_id and edit.isdecimal() else None


class Writing:
    """How our comments look there: the author named, in the tool's markup, not longer than it takes."""

    def __init__(self, rule: CommentRule, able: Capabilities, texts: RichText) -> None:
        self._rule, self.able, self._texts = rule, able, texts

    def body(self, comment: HubComment, *, edited: bool = False, named: bool = True) -> str:
        """The raw text. Not `named` where it stands under the author's own name there."""
        who = as_text(comment.author) if named and self._rule.name_author and comment.author else ""
        if who and self.able.comment_markup is not Markup.PLAIN:
            who = f"**{who}**"
        head = " ".join(part for part in (who, EDITED if edited else "") if part)
        text = f"{head}:\n\n{comment.body}" if head else comment.body
        most = self.able.max_comment_length
        raw = self._texts.from_markdown(text, self.able.comment_markup)
        while most is not None and len(raw) > most and text:
            text = text[: max(0, min(len(text) - 1, len(text) * most // len(raw)))]
            raw = self._texts.from_markdown(text.rstrip() + "…", self.able.comment_markup) if text else ""
        return raw

    def print(self, raw: str) -> str:
        return fingerprint(self._texts.to_markdown(raw, self.able.comment_markup))

    def print_of(self, remote: RemoteComment) -> str:
        return fingerprint(self._texts.to_markdown(remote.body, remote.markup))

    def markdown(self, remote: RemoteComment) -> str:
        return self._texts.to_markdown(remote.body, remote.markup).strip()


def plan_comments(
    hub: Sequence[HubComment],
    item: RemoteItem,
    pairs: Sequence[CommentPair],
    intents: Sequence[CommentIntent],
    rule: CommentRule,
    able: Capabilities,
    *,
    writing: Writing,
    new_op: Callable[[], str],
    answers: Mapping[str, Answer] | None = None,
    account: Person | None = None,
    grain: float = 1.0,
) -> tuple[CommentDecision, ...]:
    """What to do about every comment, in the order in which it should be done.

    `answers` are by operation; for a comment the answer's revision is the remote comment's id. `account` is who we are
    there: a comment by somebody else is never taken for ours because of its words.
    """
    if COMMENTS in item.unreadable:
        return ()
    here = {one.id: one for one in hub}
    paired = {pair.remote_id: pair for pair in pairs}
    settled, open_intents = _settle(intents, item, paired, answers or {}, writing, account, grain)
    decisions = list(settled)
    for one in settled:
        if one.pair is not None:
            paired[one.pair.remote_id] = one.pair
    strangers = [one for one in item.comments if one.id not in paired and not one.deleted]
    for remote in strangers:
        decision = _stranger(remote, here, paired, rule, writing, item, account)
        if decision.pair is not None and decision.act is CommentAct.PAIR:
            paired[remote.id] = decision.pair
        decisions.append(decision)
    decisions += _pairs(here, item, paired.values(), rule, able, writing, new_op, open_intents)
    decisions += _new(hub, paired.values(), rule, able, writing, new_op, open_intents, item)
    decisions += _needless(open_intents, decisions)
    return tuple(one for one in decisions if one.act is not CommentAct.NOTHING or one.pair or one.drops or one.detail)


def _needless(unknown: Sequence[CommentIntent], decisions: Sequence[CommentDecision]) -> list[CommentDecision]:
    """Intents that nothing came of and that nobody wants any more: deleted here meanwhile, or said otherwise."""
    wanted = {one.op for one in decisions} | {one.drops for one in decisions}
    return [
        CommentDecision(act=CommentAct.NOTHING, why=CommentWhy.DELETED_HERE, hub_id=one.hub_id, drops=one.op)
        for one in unknown
        if one.op not in wanted
    ]


def _settle(
    intents: Sequence[CommentIntent],
    item: RemoteItem,
    paired: Mapping[str, CommentPair],
    answers: Mapping[str, Answer],
    writing: Writing,
    account: Person | None,
    grain: float,
) -> tuple[list[CommentDecision], list[CommentIntent]]:
    """What became of the comments that were being sent; and the intents that nothing is known of: they go again."""
    decisions, unknown = [], []
    free = {one.id: one for one in item.comments if one.id not in paired}
    for intent in intents:
        answer = answers.get(intent.op)
        if answer is not None and answer.refused:
            decisions.append(_gave_up(intent, answer.refused))
            continue
        id = answer.revision if answer is not None and answer.applied else ""
        found = free.get(id) if id else _find(intent, free.values(), item, writing, account, grain)
        if found is None and not id:
            unknown.append(intent)
            continue
        free.pop(found.id if found else id, None)
        pair = CommentPair(
            hub_id=intent.hub_id,
            remote_id=found.id if found else id,
            hub_edit=intent.hub_edit,
            remote_print=writing.print_of(found) if found else "",
            visibility=intent.visibility,
        )
        why = CommentWhy.SAME if id else CommentWhy.FOUND
        decisions.append(
            CommentDecision(
                act=CommentAct.PAIR, why=why, hub_id=pair.hub_id, remote_id=pair.remote_id, pair=pair, drops=intent.op
            )
        )
    return decisions, unknown


def _gave_up(intent: CommentIntent, said: str) -> CommentDecision:
    """Refused: remembered as a pair with nobody, so that the same text is not tried for ever."""
    pair = CommentPair(
        hub_id=intent.hub_id, remote_id=f"refused:{intent.op}", hub_edit=intent.hub_edit, remote_print=""
    )
    return CommentDecision(
        act=CommentAct.NOTHING, why=CommentWhy.REFUSED, hub_id=intent.hub_id, pair=pair, drops=intent.op, detail=said
    )


def _find(
    intent: CommentIntent,
    free: Iterable[RemoteComment],
    item: RemoteItem,
    writing: Writing,
    account: Person | None,
    grain: float,
) -> RemoteComment | None:
    """The comment a lost answer was about: by its mark, else by its words among those written since by our account."""
    candidates = sorted(free, key=lambda one: (one.created_at is None, one.created_at, one.id))
    marked = next((one for one in candidates if one.op and one.op == intent.op), None)
    if marked is not None:
        return marked
    ours = [one for one in candidates if not one.op and _may_be_ours(one, intent, item, account, grain)]
    exact = next((one for one in ours if writing.print_of(one) == intent.print), None)
    return exact or next((one for one in ours if begins_alike(writing.print_of(one), intent.print)), None)


def _may_be_ours(
    remote: RemoteComment, intent: CommentIntent, item: RemoteItem, account: Person | None, grain: float
) -> bool:
    who = remote.author.remote_id if remote.author is not None else ""
    if account is not None and account.remote_id and who and account.remote_id != who:
        return False
    if remote.created_at is None or intent.at is None:
        return True
    written = remote.created_at - timedelta(seconds=item.skew)
    return written >= intent.at - SLACK - timedelta(seconds=grain)


def _stranger(
    remote: RemoteComment,
    here: Mapping[str, HubComment],
    paired: Mapping[str, CommentPair],
    rule: CommentRule,
    writing: Writing,
    item: RemoteItem,
    account: Person | None,
) -> CommentDecision:
    """A comment there that belongs to no pair: ours by its mark, ours once more, or new."""
    told = hub_id_of(remote.op) if remote.op else _sent_before(remote, here, paired, writing, account)
    visibility = inward(remote.visibility, rule, writing.able)
    if told is not None and told[0] in here:
        pair = CommentPair(
            hub_id=told[0],
            remote_id=remote.id,
            hub_edit=told[1],
            remote_print=writing.print_of(remote),
            visibility=visibility,
        )
        return CommentDecision(
            act=CommentAct.PAIR, why=CommentWhy.RECOGNISED, hub_id=told[0], remote_id=remote.id, pair=pair
        )
    if rule.direction is Direction.OUT:
        return CommentDecision(act=CommentAct.NOTHING, why=CommentWhy.NOT_BY_RULE, remote_id=remote.id)
    pair = CommentPair(
        hub_id="", remote_id=remote.id, hub_edit=0, remote_print=writing.print_of(remote), visibility=visibility,
        from_side=Side.REMOTE,
    )  # fmt: skip
    at = remote.created_at - timedelta(seconds=item.skew) if remote.created_at else item.read_at
    return CommentDecision(
        act=CommentAct.TAKE,
        why=CommentWhy.NEW_THERE,
        remote_id=remote.id,
        body=writing.markdown(remote),
        visibility=visibility,
        author=remote.author,
        at=min(at, item.read_at) if at and item.read_at else at,
        pair=pair,
    )


def _sent_before(
    remote: RemoteComment,
    here: Mapping[str, HubComment],
    paired: Mapping[str, CommentPair],
    writing: Writing,
    account: Person | None,
) -> tuple[str, int] | None:
    """The comment of ours that arrived there once more, after we had given up waiting and sent it again.

    Our account alone tells nothing, a person may use it; the account together with words that we sent does.
    """
    who = remote.author.remote_id if remote.author is not None else ""
    if account is None or not account.remote_id or who != account.remote_id:
        return None
    print = writing.print_of(remote)
    sent = {pair.hub_id: pair.hub_edit for pair in paired.values() if pair.from_side is Side.HUB}
    for id, edit in sent.items():
        if id in here and print in (writing.print(writing.body(here[id])), *_prints(paired.values(), id)):
            return id, edit
    return None


def _prints(pairs: Iterable[CommentPair], hub_id: str) -> set[str]:
    return {pair.remote_print for pair in pairs if pair.hub_id == hub_id and pair.remote_print}


def _pairs(
    here: Mapping[str, HubComment],
    item: RemoteItem,
    pairs: Iterable[CommentPair],
    rule: CommentRule,
    able: Capabilities,
    writing: Writing,
    new_op: Callable[[], str],
    unknown: Sequence[CommentIntent],
) -> list[CommentDecision]:
    there = {one.id: one for one in item.comments}
    newest = newest_pairs(pairs)
    decisions = []
    for pair in list(pairs):
        ours, theirs = here.get(pair.hub_id), there.get(pair.remote_id)
        if ours is None or pair.remote_id.startswith("refused:"):
            continue
        if theirs is None or theirs.deleted:
            gone = theirs is not None or item.comments_complete
            if gone and not pair.remote_deleted:
                decisions.append(_deleted_there(pair, rule, ours))
            continue
        if not pair.remote_print:
            pair = replace(pair, remote_print=writing.print_of(theirs))
            decisions.append(CommentDecision(act=CommentAct.PAIR, why=CommentWhy.SAME, hub_id=pair.hub_id, pair=pair))
        found = _visibility(pair, ours, theirs, able, writing, new_op) or _deleted_here(pair, ours, rule, able, new_op)
        if found is None and newest.get(pair.hub_id) is not None and newest[pair.hub_id].remote_id == pair.remote_id:
            found = _texts(pair, ours, theirs, rule, able, writing, new_op, unknown, item)
        if found is not None:
            decisions.append(found)
    return decisions


def newest_pairs(pairs: Iterable[CommentPair]) -> dict[str, CommentPair]:
    """For each comment of ours the pair that holds its latest text: appended texts make several."""
    newest: dict[str, CommentPair] = {}
    for pair in pairs:
        known = newest.get(pair.hub_id)
        if known is None or (pair.hub_edit, pair.remote_id) > (known.hub_edit, known.remote_id):
            newest[pair.hub_id] = pair
    return newest


def _deleted_there(pair: CommentPair, rule: CommentRule, ours: HubComment) -> CommentDecision:
    after = replace(pair, remote_deleted=True)
    marks = rule.deletes and rule.direction is not Direction.OUT and not ours.deleted
    return CommentDecision(
        act=CommentAct.DELETE_HUB if marks else CommentAct.PAIR,
        why=CommentWhy.DELETED_THERE,
        hub_id=pair.hub_id,
        remote_id=pair.remote_id,
        pair=after,
    )


def _deleted_here(
    pair: CommentPair, ours: HubComment, rule: CommentRule, able: Capabilities, new_op: Callable[[], str]
) -> CommentDecision | None:
    if not ours.deleted or pair.hub_deleted or pair.remote_deleted:
        return None
    may = rule.deletes and able.delete_comments and pair.from_side is Side.HUB and rule.direction is not Direction.IN
    return CommentDecision(
        act=CommentAct.DELETE if may else CommentAct.PAIR,
        why=CommentWhy.DELETED_HERE,
        hub_id=pair.hub_id,
        remote_id=pair.remote_id,
        op=op_of(pair.hub_id, ours.edit, new_op()) if may else "",
        pair=replace(pair, hub_deleted=True),
    )


def _visibility(
    pair: CommentPair,
    ours: HubComment,
    theirs: RemoteComment,
    able: Capabilities,
    writing: Writing,
    new_op: Callable[[], str],
) -> CommentDecision | None:
    """Private wins: what one side hides, the other hides. Nothing is ever raised here."""
    shown = ours.visibility is Visibility.PUBLIC and not ours.work_note
    if theirs.visibility is Visibility.PRIVATE and shown and pair.visibility is Visibility.PUBLIC:
        after = replace(pair, visibility=Visibility.PRIVATE)
        return CommentDecision(
            act=CommentAct.LOWER, why=CommentWhy.HIDDEN_THERE, hub_id=ours.id, remote_id=theirs.id, pair=after
        )
    if ours.visibility is not Visibility.PRIVATE or ours.work_note or pair.visibility is not Visibility.PUBLIC:
        return None
    after = replace(pair, visibility=Visibility.PRIVATE)
    if theirs.visibility is Visibility.PRIVATE:
        return CommentDecision(act=CommentAct.PAIR, why=CommentWhy.SAME, hub_id=ours.id, pair=after)
    if not (able.edit_comments and able.private_comments):
        return CommentDecision(
            act=CommentAct.PAIR, why=CommentWhy.CANNOT_HIDE, hub_id=ours.id, pair=after, detail=CommentWhy.CANNOT_HIDE
        )
    return CommentDecision(
        act=CommentAct.EDIT,
        why=CommentWhy.HIDDEN_HERE,
        hub_id=ours.id,
        remote_id=theirs.id,
        op=op_of(ours.id, ours.edit, new_op()),
        body=theirs.body,
        visibility=Visibility.PRIVATE,
        pair=after,
    )


def _texts(
    pair: CommentPair,
    ours: HubComment,
    theirs: RemoteComment,
    rule: CommentRule,
    able: Capabilities,
    writing: Writing,
    new_op: Callable[[], str],
    unknown: Sequence[CommentIntent],
    item: RemoteItem,
) -> CommentDecision | None:
    here_changed = ours.edit != pair.hub_edit
    there_changed = writing.print_of(theirs) != pair.remote_print
    if not here_changed and not there_changed:
        return None
    print = writing.print_of(theirs)
    agreed = replace(pair, hub_edit=ours.edit, remote_print=print)
    if print in (writing.print(writing.body(ours)), fingerprint(ours.body)):
        return CommentDecision(act=CommentAct.PAIR, why=CommentWhy.SAME, hub_id=ours.id, pair=agreed)
    if there_changed and not (here_changed and _ours_is_later(ours, theirs, item)):
        if not rule.edits or rule.direction is Direction.OUT:
            return CommentDecision(act=CommentAct.PAIR, why=CommentWhy.NOT_BY_RULE, hub_id=ours.id, pair=agreed)
        return CommentDecision(
            act=CommentAct.EDIT_HUB,
            why=CommentWhy.EDITED_THERE,
            hub_id=ours.id,
            remote_id=theirs.id,
            body=writing.markdown(theirs),
            visibility=ours.visibility,
            author=theirs.author,
            pair=agreed,
        )
    visibility = outward(ours, rule, able)
    if not rule.edits or rule.direction is Direction.IN or isinstance(visibility, CommentWhy) or ours.deleted:
        return CommentDecision(act=CommentAct.PAIR, why=CommentWhy.NOT_BY_RULE, hub_id=ours.id, pair=agreed)
    if theirs.visibility is not Visibility.PUBLIC:
        visibility = Visibility.PRIVATE
    if able.edit_comments:
        return CommentDecision(
            act=CommentAct.EDIT,
            why=CommentWhy.EDITED_HERE,
            hub_id=ours.id,
            remote_id=theirs.id,
            op=op_of(ours.id, ours.edit, new_op()),
            body=writing.body(ours, named=pair.from_side is Side.HUB),
            visibility=visibility,
            pair=replace(agreed, remote_print=""),
        )
    return _sending(CommentAct.APPEND, CommentWhy.APPEND_ONLY, ours, visibility, writing, new_op, unknown, item)


def _ours_is_later(ours: HubComment, theirs: RemoteComment, item: RemoteItem) -> bool:
    there = theirs.edited_at or theirs.created_at
    if ours.edited_at is None or there is None:
        return True
    return ours.edited_at >= there - timedelta(seconds=item.skew)


def _new(
    hub: Sequence[HubComment],
    pairs: Iterable[CommentPair],
    rule: CommentRule,
    able: Capabilities,
    writing: Writing,
    new_op: Callable[[], str],
    unknown: Sequence[CommentIntent],
    item: RemoteItem,
) -> list[CommentDecision]:
    known = {pair.hub_id for pair in pairs}
    decisions = []
    for ours in hub:
        if ours.id in known or ours.deleted or rule.direction is Direction.IN:
            continue
        visibility = outward(ours, rule, able)
        if isinstance(visibility, CommentWhy):
            continue
        decisions.append(
            _sending(CommentAct.SEND, CommentWhy.NEW_HERE, ours, visibility, writing, new_op, unknown, item)
        )
    return decisions


def _sending(
    act: CommentAct,
    why: CommentWhy,
    ours: HubComment,
    visibility: Visibility,
    writing: Writing,
    new_op: Callable[[], str],
    unknown: Sequence[CommentIntent],
    item: RemoteItem,
) -> CommentDecision:
    """Sending under a journaled intent. One that is open is sent again under the same operation, not beside it."""
    open_one = next((one for one in unknown if one.hub_id == ours.id), None)
    op = open_one.op if open_one and open_one.hub_edit == ours.edit else op_of(ours.id, ours.edit, new_op())
    body = writing.body(ours, edited=act is CommentAct.APPEND)
    at = open_one.at if open_one and open_one.op == op else item.read_at
    intent = CommentIntent(
        op=op, hub_id=ours.id, hub_edit=ours.edit, print=writing.print(body), visibility=visibility, at=at
    )
    return CommentDecision(
        act=act, why=why, hub_id=ours.id, op=op, body=body, visibility=visibility, author=ours.author, intent=intent,
        drops=open_one.op if open_one and open_one.op != op else "",
    )  # fmt: skip
