"""Files of both sides: the same if content and name are. Downloaded once, sent once, never removed by us.

A file there that nobody has hashed may be one of ours whose answer was lost, so it is fetched before anything with its
name and size is sent again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from rallypoint.sync.mapping import AttachmentRule, Direction
from rallypoint.sync.model import (
    AttachmentPair,
    Capabilities,
    HubAttachment,
    Person,
    RemoteAttachment,
    RemoteItem,
    Side,
    Visibility,
)

ATTACHMENTS = "attachments"


class FileAct(StrEnum):
    """FETCH downloads and hashes and may then take; LINK writes a link where the bytes may not go."""

    FETCH = "fetch"
    TAKE = "take"
    SEND = "send"
    PAIR = "pair"
    LINK = "link"
    REFUSE = "refuse"


class FileWhy(StrEnum):
    NEW_THERE = "it was added there"
    NEW_HERE = "it was added here"
    SAME = "both sides have it"
    TOO_LARGE = "it is larger than the rule or the tool allows"
    TYPE = "the rule does not allow this type of file"
    EMPTY = "it is empty"
    PRIVATE = "it is private, and everybody there could read it"
    NO_FILES = "the tool takes no files"


REASONS = frozenset(why.value for why in FileWhy)
HERE, THERE = "here:", "there:"
"""What a refusal is remembered by: the side that has the file, and its id there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDecision:
    act: FileAct
    why: FileWhy
    hub_id: str = ""
    remote_id: str = ""
    name: str = ""
    sha256: str = ""
    visibility: Visibility = Visibility.PRIVATE
    pair: AttachmentPair | None = None
    content_type: str = ""
    author: Person | None = None
    at: datetime | None = None

    @property
    def stays(self) -> bool:
        """It does not go across, and a person is told why."""
        return self.act in (FileAct.LINK, FileAct.REFUSE)

    @property
    def said(self) -> str:
        """Why it stays, with its name: what the link remembers and shows."""
        return f"{self.name}: {self.why}"

    @property
    def key(self) -> str:
        return THERE + self.remote_id if self.remote_id else HERE + self.hub_id


def plan_attachments(
    hub: Sequence[HubAttachment],
    item: RemoteItem,
    pairs: Sequence[AttachmentPair],
    rule: AttachmentRule,
    able: Capabilities,
    hashes: Mapping[str, str],
    refused: Mapping[str, str] | None = None,
) -> tuple[FileDecision, ...]:
    """What to do about every file that is in no pair. `hashes` are the SHA-256 we know, by remote attachment id.

    `refused` has why a file stayed where it is, as `FileDecision.said` puts it, by its `key`: the reason of a rule is
    judged anew and told once, the words of a tool or of this house stand until a person has it tried again.
    """
    told = refused or {}
    stuck = {key for key, said in told.items() if said.rpartition(": ")[2] not in REASONS}
    # What is known not to come cannot be one of ours under way: it is left out before anything waits for it.
    left = replace(item, attachments=tuple(one for one in item.attachments if THERE + one.id not in stuck))
    decisions = _decisions([one for one in hub if HERE + one.id not in stuck], left, pairs, rule, able, hashes)
    return tuple(one for one in decisions if told.get(one.key) != one.said)


def _decisions(
    hub: Sequence[HubAttachment],
    item: RemoteItem,
    pairs: Sequence[AttachmentPair],
    rule: AttachmentRule,
    able: Capabilities,
    hashes: Mapping[str, str],
) -> tuple[FileDecision, ...]:
    if ATTACHMENTS in item.unreadable:
        return ()
    paired_here, paired_there = {one.hub_id for one in pairs}, {one.remote_id for one in pairs}
    waiting = {one.id: one for one in hub if one.id not in paired_here and not one.deleted}
    decisions = []
    for theirs in item.attachments:
        if theirs.id in paired_there:
            continue
        decision = _theirs(theirs, hashes.get(theirs.id) or theirs.sha256, hub, waiting, rule)
        if decision is not None:
            decisions.append(decision)
            if decision.act is FileAct.PAIR:
                waiting.pop(decision.hub_id, None)
    if rule.direction is not Direction.IN:
        fetching = [one for one in item.attachments if any(made.remote_id == one.id for made in decisions)]
        for ours in waiting.values():
            if not _perhaps_there(ours, fetching, decisions):
                decisions.append(_ours(ours, rule, able))
    return tuple(decisions)


def _theirs(
    theirs: RemoteAttachment,
    sha256: str,
    hub: Sequence[HubAttachment],
    waiting: Mapping[str, HubAttachment],
    rule: AttachmentRule,
) -> FileDecision | None:
    if not sha256:
        may_be_ours = any(theirs.size in (None, one.size) and theirs.name == one.name for one in waiting.values())
        refused = None if may_be_ours else _refusal(theirs.size, theirs.content_type, rule.max_bytes, rule)
        if rule.direction is Direction.OUT and not may_be_ours:
            return None
        act = FileAct.FETCH if refused is None else FileAct.LINK if rule.link_when_refused else FileAct.REFUSE
        return FileDecision(act=act, why=refused or FileWhy.NEW_THERE, remote_id=theirs.id, name=theirs.name)
    match = next((one for one in waiting.values() if one.sha256 == sha256 and one.name == theirs.name), None)
    match = match or next((one for one in hub if one.sha256 == sha256 and one.name == theirs.name), None)
    if match is not None:
        pair = AttachmentPair(hub_id=match.id, remote_id=theirs.id, sha256=sha256, name=theirs.name)
        return FileDecision(
            act=FileAct.PAIR, why=FileWhy.SAME, hub_id=match.id, remote_id=theirs.id, name=theirs.name, pair=pair
        )
    if rule.direction is Direction.OUT:
        return None
    shown = theirs.visibility if theirs.visibility is Visibility.PUBLIC else Visibility.PRIVATE
    pair = AttachmentPair(hub_id="", remote_id=theirs.id, sha256=sha256, name=theirs.name, from_side=Side.REMOTE)
    return FileDecision(
        act=FileAct.TAKE,
        why=FileWhy.NEW_THERE,
        remote_id=theirs.id,
        name=theirs.name,
        sha256=sha256,
        visibility=shown,
        pair=pair,
        content_type=theirs.content_type,
        author=theirs.author,
        at=theirs.created_at,
    )


def _perhaps_there(
    ours: HubAttachment, unpaired: Sequence[RemoteAttachment], decisions: Sequence[FileDecision]
) -> bool:
    """A file with this name and size is there, unhashed: it is looked at first."""
    fetched = {one.remote_id for one in decisions if one.act is FileAct.FETCH}
    return any(one.id in fetched and one.name == ours.name and one.size in (None, ours.size) for one in unpaired)


def _ours(ours: HubAttachment, rule: AttachmentRule, able: Capabilities) -> FileDecision:
    most = min(rule.max_bytes, able.max_attachment_bytes or rule.max_bytes)
    why = _refusal(ours.size, ours.content_type, most, rule)
    hidden = ours.visibility is not Visibility.PUBLIC
    if hidden and not (rule.send_private and (able.private_files or rule.private_to_open_tool)):
        return FileDecision(act=FileAct.REFUSE, why=FileWhy.PRIVATE, hub_id=ours.id, name=ours.name)
    if not able.attachments:
        why = FileWhy.NO_FILES
    if why is not None:
        act = FileAct.LINK if rule.link_when_refused else FileAct.REFUSE
        return FileDecision(act=act, why=why, hub_id=ours.id, name=ours.name)
    return FileDecision(
        act=FileAct.SEND, why=FileWhy.NEW_HERE, hub_id=ours.id, name=ours.name, sha256=ours.sha256,
        visibility=ours.visibility,
    )  # fmt: skip


def _refusal(size: int | None, content_type: str, most: int, rule: AttachmentRule) -> FileWhy | None:
    if size == 0:
        return FileWhy.EMPTY
    if size is not None and size > most:
        return FileWhy.TOO_LARGE
    if any(content_type.startswith(one) for one in rule.refused_types):
        return FileWhy.TYPE
    if rule.types and not any(content_type.startswith(one) for one in rule.types):
        return FileWhy.TYPE
    return None
