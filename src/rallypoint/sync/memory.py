"""What one link remembers from pass to pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rallypoint.sync.fuse import Turn
from rallypoint.sync.model import (
    AttachmentPair,
    CommentIntent,
    CommentPair,
    Conflict,
    Intent,
    Link,
    Relation,
    Shadow,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """All that one link remembers between passes. It is written in one transaction with what it is about."""

    link: Link
    shadows: Mapping[str, Shadow] = field(default_factory=dict)
    intents: tuple[Intent, ...] = ()
    waiting: Mapping[str, Conflict] = field(default_factory=dict)
    comment_pairs: tuple[CommentPair, ...] = ()
    comment_intents: tuple[CommentIntent, ...] = ()
    attachment_pairs: tuple[AttachmentPair, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    """What stayed as it is, and why: files (attachments.py) and relations (relations.py), by the key of each."""

    relations: tuple[Relation, ...] = ()
    turns: tuple[Turn, ...] = ()
    anew: frozenset[str] = frozenset()
    """Fields whose rules changed since they were agreed. Not kept: the link knows its version of the mapping."""
