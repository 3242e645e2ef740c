"""When something over there is gone, and what follows. Unreadable is not deleted, and nothing is deleted silently."""

from dataclasses import dataclass
from enum import StrEnum

from rallypoint.sync.mapping import DeletionRule, OnDelete
from rallypoint.sync.model import Gone, GoneReason, Link, LinkState, RemoteItem


class Fate(StrEnum):
    """What happens to the link."""

    GO_ON = "go on"
    WATCH = "look again"
    FOLLOW = "follow to its new place"
    TOMBSTONE = "tombstone"
    REVIVE = "revive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`act` is what to do on the other side, with a notice in words for it."""

    fate: Fate
    reason: str
    act: OnDelete = OnDelete.NOTHING
    missed_reads: int = 0
    moved_to: str = ""


def judge(
    found: RemoteItem | Gone, link: Link, rule: DeletionRule, *, others_readable: bool, told: bool = False
) -> Verdict:
    """What a read means for the link.

    `others_readable`: another item of the connection was read in this round, so access as such works. `told`: the tool
    itself announced the deletion (event, recycle bin). Without that, only enough reads in a row make it certain.
    """
    key = link.key or link.remote_id
    if isinstance(found, RemoteItem) and not found.deleted:
        if link.state is LinkState.TOMBSTONE:
            return Verdict(fate=Fate.REVIVE, reason=f"{key} is there again.")
        return Verdict(fate=Fate.GO_ON, reason="It is there.")
    if link.state is LinkState.TOMBSTONE:
        return Verdict(fate=Fate.GO_ON, reason="It is still gone.", missed_reads=link.missed_reads)
    if isinstance(found, Gone) and found.reason is GoneReason.MOVED and found.moved_to:
        return Verdict(fate=Fate.FOLLOW, reason=f"{key} was moved.", moved_to=found.moved_to)
    if isinstance(found, RemoteItem) or found.reason is GoneReason.DELETED or told:
        return Verdict(fate=Fate.TOMBSTONE, reason=f"{key} was deleted there.", act=rule.remote_deleted)
    missed = link.missed_reads + (1 if others_readable else 0)
    if missed >= max(1, rule.confirmations):
        reason = f"{key} could not be read {missed} times in a row while others could: deleted, or hidden from us."
        act = OnDelete.NOTICE if rule.remote_deleted is OnDelete.CANCEL else rule.remote_deleted
        return Verdict(fate=Fate.TOMBSTONE, reason=reason, act=act, missed_reads=missed)
    return Verdict(fate=Fate.WATCH, reason=f"{key} cannot be read at the moment.", missed_reads=missed)
