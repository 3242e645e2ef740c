"""How links, connections and conflicts are told to people: a tone, a mark, a few words. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rallypoint.sync.connection import Connection, ConnectionState
from rallypoint.sync.mapping import Check, Condition, Direction, Owner
from rallypoint.sync.model import Person, Schema, Side, Value
from rallypoint.sync.work import OpenConflict

LONGEST_VALUE = 2000

DIRECTIONS = (
    (Direction.BOTH.value, "both ways"),
    (Direction.OUT.value, "sent only"),
    (Direction.IN.value, "taken only"),
)
ARROWS = {Direction.BOTH: "both", Direction.OUT: "right", Direction.IN: "left"}
CHECKS = tuple((one.value, one.value) for one in Check)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How something stands: the tone and mark of a word, the word, the sentence under it, single things held back."""

    tone: str
    mark: str
    word: str
    why: str = ""
    until: datetime | None = None
    held_back: tuple[str, ...] = ()


def owners(tool: str) -> tuple[tuple[str, str], ...]:
    """Who wins when both sides changed a field, as options."""
    return (
        (Owner.NEWEST.value, "the later change"),
        (Owner.HUB.value, "Rallypoint"),
        (Owner.REMOTE.value, tool),
        (Owner.ASK.value, "a person decides"),
    )


def of_connection(connection: Connection, now: datetime) -> Standing:
    match connection.state:
        case ConnectionState.PAUSED:
            return Standing(tone="warn", mark="pause", word="paused", why=connection.state_reason)
        case ConnectionState.REFUSED:
            why = connection.state_reason or connection.failure
            return Standing(tone="bad", mark="gap", word="refused", why=why)
        case _:
            pass
    if connection.closed_until is not None and connection.closed_until > now:
        return Standing(
            tone="warn", mark="clock", word="resting until", why=connection.failure, until=connection.closed_until
        )
    if connection.failures and connection.failure:
        return Standing(tone="warn", mark="gap", word="failing", why=connection.failure)
    if connection.succeeded_at is None:
        return Standing(tone="muted", mark="clock", word="waits for its first answer")
    return Standing(tone="ok", mark="check", word="on")


def of_link(link: Mapping[str, Any]) -> Standing:
    """How one linked item stands. A link that is in error waits for a person; everything else goes on by itself."""
    error, state, at = link["error"], str(link["state"]), link["connection_state"]
    if state in ("ended", "tombstone"):
        return Standing(
            tone="muted", mark="x", word="gone there" if state == "tombstone" else "parted", why=link["state_reason"]
        )
    if error and link["due_at"] is None:
        return Standing(tone="bad", mark="gap", word="in error", why=cause(error))
    if state == "paused" or at == "paused":
        return Standing(tone="warn", mark="pause", word="paused", why=link["state_reason"])
    if at == "refused":
        why = f"{link['connection_name']} refuses our credentials; whoever manages integrations gives new ones."
        return Standing(tone="bad", mark="gap", word="stands still", why=why)
    if error:
        return Standing(tone="warn", mark="clock", word="tries again", why=cause(error), until=link["due_at"])
    if link["missed_reads"]:
        why = "It cannot be read: deleted there, or hidden from our account. It is looked at again."
        return Standing(tone="warn", mark="gap", word="out of sight", why=why, until=link["due_at"])
    if link["rests_until"]:
        why = f"{link['connection_name']} limits how often this item may be changed."
        return Standing(tone="muted", mark="clock", word="rests until", why=why, until=link["rests_until"])
    if state == "creating":
        return Standing(tone="muted", mark="clock", word="is being created")
    if link["due_at"] is not None or link["agreed_at"] is None:
        return Standing(tone="muted", mark="clock", word="waiting")
    if link["conflicts"]:
        return Standing(tone="warn", mark="swap", word="waits for a decision")
    if link["held_back"]:
        return Standing(tone="warn", mark="gap", word="in part", held_back=held_back(link))
    return Standing(tone="ok", mark="check", word="in step")


def held_back(link: Mapping[str, Any]) -> tuple[str, ...]:
    """What does not go across, a sentence each."""
    return tuple(
        f"{one['field'].replace('_', ' ').capitalize()}: {one['reason']}" if one["field"] else str(one["reason"])
        for one in link["held_back"]
    )


def cause(error: Mapping[str, Any]) -> str:
    return str(error.get("said") or error.get("cause") or "")


def in_words(value: Value) -> str:
    """A value of either side for people to read; empty when it is cleared."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, Person):
        return value.name or value.email or value.remote_id
    return str(value)[:LONGEST_VALUE]


def named(schema: Schema, field: str, value: Value) -> str:
    """A value in words, a choice by its name."""
    found = schema.field(field)
    choices = {one.id: one.name for one in found.choices} if found else {}
    return choices.get(str(value)) or in_words(value)


def apart(ours: str, theirs: str) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
    """Both values as (same, different, same): what stands in the middle is what they differ in."""
    start = 0
    while start < min(len(ours), len(theirs)) and ours[start] == theirs[start]:
        start += 1
    end = 0
    while end < min(len(ours), len(theirs)) - start and ours[-1 - end] == theirs[-1 - end]:
        end += 1
    while start and ours[start - 1].isalnum():
        start -= 1
    while end and ours[len(ours) - end].isalnum():
        end -= 1

    def cut(text: str) -> tuple[str, str, str]:
        return text[:start], text[start : len(text) - end], text[len(text) - end :]

    return cut(ours), cut(theirs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A conflict, ready to draw. `settled` says what became of it, empty while a person is awaited; `since` what the
    incident holds by a later edit, which deciding it now would replace.
    """

    c: OpenConflict
    ours: tuple[str, str, str]
    theirs: tuple[str, str, str]
    theirs_by: str
    settled: str
    turn: bool
    kept: str
    since: str = ""

    @property
    def waits(self) -> bool:
        return not self.settled


def dispute(c: OpenConflict) -> Dispute:
    body = c.body
    ours, theirs = apart(in_words(body.hub_value), in_words(body.remote_value))
    standing = c.standing
    settled = ""
    if c.overtaken:
        settled = "nothing was left to decide: both sides agreed since, or a later conflict took its place"
    elif c.chosen is not None:
        settled = f"decided by {c.settled_by}"
    elif standing is not None:
        settled = f"{'ours' if standing is Side.HUB else 'theirs'} was kept"
    since = ""
    if c.edited_since and not c.overtaken:
        since = f"It is {in_words(c.now_value) or 'empty'} now" + (f", by {c.now_by}." if c.now_by else ".")
    by = in_words(body.remote_by) if body.remote_by else ""
    return Dispute(
        c=c, ours=ours, theirs=theirs, theirs_by=by, settled=settled, turn=standing is not None,
        kept=standing.value if standing else "", since=since,
    )  # fmt: skip


def condition(one: Condition) -> str:
    if one.check in (Check.SET, Check.NOT_SET):
        return f"{one.field} {one.check}"
    return f"{one.field} {one.check} {' or '.join(one.values)}"
