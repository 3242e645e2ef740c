"""How an action item corresponds to a work item elsewhere: fields, status, wording. Pure.

The rules are made from those of a mapping for incidents, so that nobody sets anything up twice: its fields for title,
description and owner, its table of statuses, who is who. What it does not say is found by the names of fields there.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time

from rallypoint.catalog.model import StatusCategory
from rallypoint.learning.model import ActionItem, ItemState, Retrospective
from rallypoint.sync import suggest
from rallypoint.sync.follower_store import FieldVersion
from rallypoint.sync.mapping import (
    AttachmentRule,
    CommentRule,
    CreateRule,
    Direct,
    Direction,
    FieldRule,
    LinkRule,
    Mapping,
    Owner,
    PersonMap,
    Scope,
    Shape,
    StatusMap,
    StatusRead,
    StatusWrite,
    Trigger,
)
from rallypoint.sync.model import (
    Capabilities,
    FieldKind,
    HubField,
    HubItem,
    Person,
    RemoteField,
    RemoteItem,
    Schema,
    Shadow,
    Transition,
    Value,
)
from rallypoint.sync.planner import NEVER
from rallypoint.sync.values import bare, suggest_status

TITLE, DESCRIPTION, OWNER, DUE, STATE = "title", "description", "owner", "due_on", "status"
OURS = (
    RemoteField(id=TITLE, name="Title", kind=FieldKind.TEXT),
    RemoteField(id=DESCRIPTION, name="Description", kind=FieldKind.RICH_TEXT),
    RemoteField(id=OWNER, name="Owner", kind=FieldKind.PERSON),
)

DUE_NAMES = ("due date", "due", "due on", "due at", "duedate", "deadline", "target date")
"""What tools call the day by which something is done, best first; compared without case and punctuation."""

DAY_KINDS = frozenset({FieldKind.TEXT, FieldKind.OTHER})
"""Kinds of field in which a tool keeps a day as it is written, without a time."""

NOON = time(12, tzinfo=UTC)
"""A day becomes a time where a tool has no days: at noon UTC it is the same day nearly everywhere on earth."""

WHY_LONGEST = 1500

DONE, DROPPED = frozenset({"resolved", "review", "closed"}), frozenset({"cancelled", "merged"})


def following(mapping: Mapping, schema: Schema, able: Capabilities, *, creating: bool = False) -> Mapping:
    """The rules between action items and one type of items there; `creating` those for a new one, with the text.

    Where both sides changed a field, what is here stands: an action item was promised here.
    """
    rules = [_rule(mapping, one, schema, able) for one in OURS if creating or one.id != DESCRIPTION]
    rules.append(_due(schema))
    status = _status_field(mapping, schema)
    return Mapping(
        id=mapping.id, version=mapping.version, connection=mapping.connection, name=mapping.name,
        create=CreateRule(
            project=schema.project, type=schema.type,
            defaults={name: value for name, value in mapping.create.defaults.items() if schema.field(name) is not None},
        ),
        scope=Scope(), trigger=Trigger(), fields=tuple(rule for rule in rules if rule is not None),
        status=None if status is None else _status(mapping.status, status), people=mapping.people,
        comments=CommentRule(
            direction=Direction.OUT, send_public=False, send_private=False, send_work_notes=False, edits=False,
            deletes=False,
        ),
        attachments=AttachmentRule(direction=Direction.OUT), deletion=mapping.deletion, links=LinkRule(panel=False),
    )  # fmt: skip


def _rule(mapping: Mapping, ours: RemoteField, schema: Schema, able: Capabilities) -> FieldRule | None:
    """The mapping's own rule where this type has its field, else one by name. Only a title comes back from there."""
    known = mapping.rule_for(ours.id)
    there = schema.field(known.remote) if known is not None else None
    if known is None or there is None or not there.writable:
        there = suggest.find(ours, [one for one in schema.fields if one.writable])
        known = suggest.rule_between(ours, there, able) if there is not None else None
    if known is None or (ours.id == OWNER and not isinstance(known.transform, PersonMap)):
        return None
    both = ours.id == TITLE and known.direction is not Direction.OUT
    return replace(known, direction=Direction.BOTH if both else Direction.OUT, owner=Owner.HUB)


def _due(schema: Schema) -> FieldRule | None:
    """The field for the day by which it is done, if there is one that can be written."""
    open_ones = [one for one in schema.fields if one.writable and one.kind in DAY_KINDS | {FieldKind.TIME}]
    for name in DUE_NAMES:
        found = next((one for one in open_ones if name in (bare(one.name), bare(one.id))), None)
        if found is not None:
            shape = Shape.TIME if found.kind is FieldKind.TIME else Shape.AS_IS
            return FieldRule(
                hub=DUE, remote=found.id, direction=Direction.OUT, owner=Owner.HUB, transform=Direct(shape=shape)
            )
    return None


def _status_field(mapping: Mapping, schema: Schema) -> RemoteField | None:
    named = schema.field(mapping.status.field) if mapping.status is not None else None
    return named or next((one for one in schema.fields if one.kind is FieldKind.STATUS), None)


def _status(table: StatusMap | None, field: RemoteField) -> StatusMap:
    """Open, done and dropped, by the mapping's table: what stands there for resolved or closed is done, what stands for
    cancelled is dropped. Statuses of this type that the table does not know are told by their name and class there."""
    there = {one.id for one in field.choices if one.active}
    guessed = suggest_status(field)
    if table is None or table.field != field.id:
        table = guessed
    read = {one.remote: word_of(one.hub) for one in guessed.into}
    read |= {one.remote: word_of(one.hub) for one in table.out if one.remote not in read}
    read |= {one.remote: word_of(one.hub) for one in table.into}
    if there:
        read = {remote: word for remote, word in read.items() if remote in there}
    writes = [one for one in (*table.out, *guessed.out) if one.remote in read]
    out = [_write(writes, read, word) for word in ItemState]
    done = next((one for one in out if one is not None and one.hub == ItemState.DONE), None)
    if out[-1] is None and done is not None:  # no word there for what will not be done: it is over, at least
        out[-1] = replace(done, hub=ItemState.DROPPED.value)
    return StatusMap(
        field=field.id, owner=Owner.HUB, out=tuple(one for one in out if one is not None),
        into=tuple(StatusRead(remote=remote, hub=word) for remote, word in read.items()),
        longest_path=table.longest_path,
    )  # fmt: skip


def assumed_steps(status: StatusMap | None) -> tuple[Transition, ...]:
    """How a workflow probably goes on, where a tool tells only the steps that are open now: what is being worked on can
    be done, and what is open can be worked on. An action item goes from open to done at once, many workflows do not.
    Only the first step of a way is taken by that; the next is looked for among those that are open then."""
    if status is None:
        return ()
    out = {one.hub: one.remote for one in status.out}
    active = out.get(ItemState.OPEN)
    if active is None:
        return ()
    waiting = [one.remote for one in status.into if one.hub == ItemState.OPEN and one.remote != active]
    over = sorted({out[word] for word in (ItemState.DONE, ItemState.DROPPED) if word in out})
    ways = [(active, to) for to in over] + [(source, active) for source in waiting]
    return tuple(Transition(id=f"{source} {to}", name=to, to=to, source=source) for source, to in ways)


PREFERRED = {
    ItemState.OPEN: ("active", "triage", "restored", "on_hold"),
    ItemState.DONE: ("closed", "resolved", "review"),
    ItemState.DROPPED: ("cancelled",),
}


def _write(writes: list[StatusWrite], read: dict[str, str], word: ItemState) -> StatusWrite | None:
    """What is written for a state of an action item: only what reads as the same state again."""
    for category in PREFERRED[word]:
        found = next((one for one in writes if one.hub == category and read[one.remote] == word), None)
        if found is not None:
            return replace(found, hub=word.value)
    return None


def word_of(category: str) -> str:
    """The state of an action item that a status category stands for."""
    if category in DONE:
        return ItemState.DONE.value
    return ItemState.DROPPED.value if category in DROPPED else ItemState.OPEN.value


assert {*DONE, *DROPPED} <= {one.value for one in StatusCategory}


# The action item as sync sees it.


def values(item: ActionItem, owner: Person, about: Retrospective, rules: Mapping, *, base_url: str) -> dict[str, Value]:
    due = rules.rule_for(DUE)
    timed = due is not None and isinstance(due.transform, Direct) and due.transform.shape is Shape.TIME
    return {
        TITLE: item.title,
        DESCRIPTION: text_of(item, about, base_url=base_url),
        OWNER: owner,
        DUE: datetime.combine(item.due_on, NOON).isoformat() if timed else item.due_on.isoformat(),
        STATE: item.state.value,
    }


def text_of(item: ActionItem, about: Retrospective, *, base_url: str) -> str:
    """What stands in the new item besides its title: what it is, why, and the way back."""
    why = about.contributing_factors.strip() or about.summary.strip()
    if len(why) > WHY_LONGEST:
        why = why[:WHY_LONGEST].rstrip() + " …"
    page = f"{base_url}/i/{item.incident}"
    said = [
        f"An action item from the retrospective of {about.title}. It improves the {item.improves.value}.",
        f"Why: {why}" if why else "",
        f"Retrospective: {page}/retrospective",
        f"Incident: {page}",
    ]
    return "\n\n".join(one for one in said if one)


def versions(known: Iterable[FieldVersion], now_values: dict[str, Value], now: datetime) -> tuple[FieldVersion, ...]:
    """The version of each field now; it rises where the field is another one than when last looked at."""
    before, after = {one.field: one for one in known}, []
    for name, value in now_values.items():
        was = before.get(name)
        if was is None or was.value != value:
            was = FieldVersion(field=name, version=1 if was is None else was.version + 1, value=value, at=now)
        after.append(was)
    return tuple(after)


def hub_item(item: ActionItem, fields: Iterable[FieldVersion], *, base_url: str) -> HubItem:
    """What the planner compares. The description was sent once and is not compared."""
    return HubItem(
        incident=item.incident, url=f"{base_url}/i/{item.incident}/retrospective",
        fields={one.field: HubField(value=one.value, version=one.version, at=one.at) for one in fields},
    )  # fmt: skip


def first_look(rules: Mapping, hub: HubItem, there: RemoteItem, *, ours: bool) -> dict[str, Shadow]:
    """What counts as agreed when both are seen together for the first time.

    An item that we made (`ours`) gets whatever is not in it yet. One that was there before keeps what it says until
    somebody changes one of the two; only what is empty there is filled. What is over on one side is over on both.
    """
    seeds: dict[str, Shadow] = {}
    for rule in rules.fields:
        if there.knows(rule.remote) and rule.hub in hub.fields:
            raw, field = there.raw(rule.remote), hub.fields[rule.hub]
            keeps = not ours and raw not in (None, "", ())
            seeds[rule.hub] = Shadow(
                field=rule.hub, raw=raw, hub_value=field.value if keeps else None,
                hub_version=field.version if keeps else NEVER, remote=rule.remote,
            )  # fmt: skip
    if rules.status is not None and there.knows(rules.status.field):
        raw, field = there.raw(rules.status.field), hub.fields[STATE]
        said = next((one.hub for one in rules.status.into if one.remote == raw), ItemState.OPEN.value)
        takes = not ours and said != ItemState.OPEN and field.value == ItemState.OPEN
        seeds[STATE] = Shadow(
            field=STATE, raw=None if takes else raw, hub_value=field.value if takes else None,
            hub_version=field.version if takes else NEVER, remote=rules.status.field,
        )  # fmt: skip
    return seeds
