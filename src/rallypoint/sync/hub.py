"""The incident as sync sees it, and how a change from elsewhere becomes an ordinary action on it.

Whatever arrives takes the same way as if a person had done it here: the same verbs, guards, clocks and history. What a
guard refuses is told to the caller, who shows it on the link; nothing is forced.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rallypoint import access, catalog, incidents
from rallypoint.access import Role
from rallypoint.actors import Actor, ActorKind
from rallypoint.catalog.model import CustomField, CustomKind, StatusCategory
from rallypoint.db import Transaction
from rallypoint.errors import Conflict, Invalid, Refused
from rallypoint.incidents import Incident, IncidentFile, TimelineEntry
from rallypoint.incidents.model import Visibility as Shown
from rallypoint.sync import codec, store
from rallypoint.sync.attachments import FileDecision
from rallypoint.sync.connection import Connection
from rallypoint.sync.deletion import Verdict
from rallypoint.sync.mapping import OnDelete
from rallypoint.sync.model import HubAttachment, HubComment, HubField, HubItem, Person, Value, Visibility
from rallypoint.sync.work import StoredField

LONGEST_HISTORY = 5000
SPOKEN = frozenset({"note", "decision", "call", "projection"})
ROLES = frozenset({Role.RESPONDER.value, Role.DESK3.value, Role.MANAGER.value})
"""What may be done in a tool's name: all that its people do there. Closing is not among it: no verb here closes."""

ORIGIN = "sync:"


CUSTOM = "custom."
"""Before the key of a field that the incident's domain has besides ours."""


def fields_of(
    incident: Incident, *, owner: Person | None, category: str, base_url: str,
    custom: Mapping[str, Value] | None = None,
) -> dict[str, Value]:  # fmt: skip
    """Every field that a mapping may name, with its canonical value. Pure."""
    return {
        **{CUSTOM + key: value for key, value in (custom or {}).items()},
        "tags": incident.tags,
        "title": incident.title,
        "description": incident.description,
        "status": incident.status_category.value,
        "hold_reason": incident.hold_reason,
        "impact": incident.impact.value if incident.impact else None,
        "urgency": incident.urgency.value if incident.urgency else None,
        "priority": incident.priority,
        "category": category,
        "service": incident.service_key,
        "owner": owner,
        "reporter": incident.reporter_name,
        "reporter_contact": incident.reporter_contact,
        "resolution": incident.resolution,
        "workaround": incident.workaround,
        "affected_people": incident.affected_people,
        "impact_started_at": incident.impact_started_at.isoformat() if incident.impact_started_at else None,
        "number": incident.name,
        "url": f"{base_url}/i/{incident.number}",
    }


NEVER_CHANGE = frozenset({"number", "url"})
READ_ONLY = frozenset({"service", "reporter", "reporter_contact", "number", "url", "hold_reason", "resolution"})
"""Fields that travel outwards only. A resolution and the reason of a hold arrive with the status they belong to."""


async def read(tx: Transaction, number: int, *, base_url: str, link: int | None = None) -> HubItem:
    """The incident, its comments, and the version of each field. A field that is another one gets a new version.

    `link` is named as the origin of what is new: the caller has just taken it from there.
    """
    incident = await incidents.incident(tx, number)
    entries, _ = await incidents.timeline(tx, number, limit=LONGEST_HISTORY)
    values = await values_of(tx, incident, base_url=base_url)
    known = await store.fields(tx, number)
    versions = {}
    for field, value in values.items():
        if field in NEVER_CHANGE:
            versions[field] = HubField(value=value, version=1)
            continue
        stored = known.get(field)
        if stored is None or stored.value != codec.to_json(value):
            stored = replace(_next(stored, field, value, entries, incident), link=link)
            await store.save_field(tx, number, stored)
        versions[field] = HubField(
            value=value,
            version=stored.version,
            at=stored.at,
            by=stored.by,
            origin=stored.origin,
            link=stored.link,
            human=stored.human,
        )
    merged = incident.status_category is StatusCategory.MERGED
    return HubItem(
        incident=number, fields=versions, comments=comments_of(entries), url=str(values["url"]), deleted=merged,
        attachments=attachments_of(await incidents.files(tx, number, removed=True)),
    )  # fmt: skip


async def values_of(tx: Transaction, incident: Incident, *, base_url: str) -> dict[str, Value]:
    """The fields of an incident that was read already, without their versions: enough to see whether it is in scope."""
    owner = await _person(tx, incident.owner_id)
    category = await catalog.category_by_id(tx, incident.category_id) if incident.category_id else None
    custom = {
        one.key: await _canonical(tx, one, incident.custom.get(one.key))
        for one in await catalog.custom_fields(tx, incident.domain_id)
    }
    key = category.key if category else ""
    return fields_of(incident, owner=owner, category=key, base_url=base_url, custom=custom)


async def _canonical(tx: Transaction, field: CustomField, value: Value) -> Value:
    """The value of a domain's own field in the notation that mappings are written in."""
    if field.kind is CustomKind.PERSON and isinstance(value, int):
        return await _person(tx, value)
    if field.kind is CustomKind.DATE and isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC).isoformat()
    return value


def _next(
    before: StoredField | None, field: str, value: Value, entries: Sequence[TimelineEntry], incident: Incident
) -> StoredField:
    """The field's next version, with the latest line of the history as its author. The first is the incident's own."""
    last = max(entries, key=lambda entry: entry.position, default=None)
    if before is None or last is None:
        return StoredField(
            field=field, version=1, value=codec.to_json(value), at=incident.created_at, by=incident.logged_by,
            origin=incident.origin,
        )  # fmt: skip
    return StoredField(
        field=field, version=before.version + 1, value=codec.to_json(value), at=last.recorded_at, by=last.actor_name,
        origin=last.origin, human=by_a_person(last),
    )  # fmt: skip


def by_a_person(entry: TimelineEntry) -> bool:
    """Whether somebody decided it, so that the fuse lets it pass: a key with no person behind it is a program. Who
    works in another tool counts as a person, since tools seldom tell."""
    if entry.actor_kind == ActorKind.API_KEY:
        return entry.person_id is not None
    return entry.actor_kind in (ActorKind.PERSON, ActorKind.TOOL, ActorKind.REPORTER)


def comments_of(entries: Sequence[TimelineEntry]) -> tuple[HubComment, ...]:
    """What people said: notes and updates, each with its latest correction. Pure."""
    corrected: dict[int, list[TimelineEntry]] = {}
    for entry in entries:
        if entry.kind == "correction" and isinstance(entry.data.get("corrects"), int):
            corrected.setdefault(entry.data["corrects"], []).append(entry)
    return tuple(
        _comment(entry, sorted(corrected.get(entry.id, []), key=lambda one: one.position))
        for entry in sorted(entries, key=lambda one: one.position)
        if (entry.kind in SPOKEN or entry.kind == "update") and "link" not in entry.data and "notice" not in entry.data
    )


def _comment(entry: TimelineEntry, corrections: Sequence[TimelineEntry]) -> HubComment:
    public = entry.visibility is Shown.PUBLIC
    return HubComment(
        id=str(entry.id),
        body=corrections[-1].text if corrections else entry.text,
        author=Person(name=entry.actor_name),
        visibility=Visibility.PUBLIC if public else Visibility.PRIVATE,
        work_note=entry.kind in SPOKEN and not public,
        created_at=entry.occurred_at,
        edit=len(corrections),
        edited_at=corrections[-1].recorded_at if corrections else None,
        origin=entry.origin,
    )


def attachments_of(files: Sequence[IncidentFile]) -> tuple[HubAttachment, ...]:
    """Files, the removed ones too. Pure."""
    return tuple(
        HubAttachment(
            id=str(one.id), name=one.name, size=one.size, sha256=one.sha256, content_type=one.content_type,
            visibility=Visibility.PUBLIC if one.visibility is Shown.PUBLIC else Visibility.PRIVATE,
            origin=one.origin, deleted=one.removed_at is not None,
        )
        for one in files
    )  # fmt: skip


async def _person(tx: Transaction, id: int | None) -> Person | None:
    if id is None:
        return None
    found = await access.person(tx, id)
    return Person(email=found.email, name=found.name)


# What arrives.


def actor_of(connection: Connection, author: Person | None) -> Actor:
    """Whoever did it over there, by name, with the tool as origin."""
    name = (author.name or author.email or author.remote_id) if author else ""
    return Actor(
        kind=ActorKind.TOOL, name=f"{name} in {connection.name}" if name else connection.name,
        origin=f"{ORIGIN}{connection.key}", roles=ROLES,
    )  # fmt: skip


async def deleted_there(tx: Transaction, incident: int, verdict: Verdict, where: str) -> None:
    """What a deletion elsewhere does here, as the mapping says. What can be cancelled no more is told of it instead."""
    said = f"{where}: {verdict.reason}"
    if verdict.act is OnDelete.CANCEL:
        try:
            async with tx.savepoint():
                await incidents.cancel(tx, incident, reason=said)
            return
        except (Invalid, Refused, Conflict) as no:
            said = f"{said} It was not cancelled here: {no}"
    if verdict.act is not OnDelete.NOTHING:
        await incidents.note(tx, incident, text=said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A value taken from a tool: the field, what it is now, and what arrived beside it (a resolution, a reason)."""

    number: int
    field: str
    value: Value
    beside: Mapping[str, Value]
    tool: str
    url: str
    at: datetime | None = None
    decided: str = ""
    """Where a person chose the value, and it did not just arrive: who did, and why."""

    @property
    def because(self) -> str:
        return self.decided or f"changed in {self.tool}"

    def told(self, verb: str) -> str:
        """A sentence for where a verb needs one: Resolved in Desk (address)."""
        return (
            f"{verb}: {self.decided}." if self.decided else f"{verb} in {self.tool}{f' ({self.url})' * bool(self.url)}."
        )

    def word(self) -> str | None:
        return self.value if isinstance(self.value, str) and self.value else None

    def text_beside(self, field: str, otherwise: str) -> str:
        value = self.beside.get(field)
        return value if isinstance(value, str) and value.strip() else otherwise


async def take(tx: Transaction, arrival: Arrival) -> None:
    """Do here what was done there. Raises Refused or Invalid with the reason where this house does not allow it."""
    action = _custom if arrival.field.startswith(CUSTOM) else TAKES.get(arrival.field)
    if action is None:
        raise Invalid(arrival.field, "cannot be changed from another tool; make the mapping of this field outward only")
    await action(tx, arrival)


async def _status(tx: Transaction, arrival: Arrival) -> None:
    try:
        wanted = StatusCategory(arrival.word() or "")
    except ValueError as problem:
        raise Invalid("status", f"{arrival.value!r} is no status of ours") from problem
    now = (await incidents.incident(tx, arrival.number)).status_category
    if wanted is now:
        return
    over = not now.working and now is not StatusCategory.RESTORED
    if wanted.fixed:  # a remote "done" asks the reporter; only this house closes
        if now.working or now is StatusCategory.RESTORED:
            await incidents.resolve(
                tx, arrival.number, resolution=arrival.text_beside("resolution", arrival.told("Resolved"))
            )
    elif wanted is StatusCategory.CANCELLED:
        await incidents.cancel(tx, arrival.number, reason=arrival.text_beside("resolution", arrival.told("Cancelled")))
    elif wanted is StatusCategory.RESTORED:
        await incidents.restore(tx, arrival.number, note=arrival.told("Restored"))
    elif over:
        await incidents.reopen(tx, arrival.number, reason=arrival.told("Opened again"))
    elif wanted is StatusCategory.ON_HOLD:
        await incidents.hold(
            tx, arrival.number, reason=arrival.text_beside("hold_reason", f"on hold in {arrival.tool}")
        )
    elif now is StatusCategory.ON_HOLD:
        await incidents.resume(tx, arrival.number)
    elif wanted is StatusCategory.ACTIVE:
        await incidents.acknowledge(tx, arrival.number, via=arrival.tool)
    else:
        raise Refused(
            f"It is being worked on here, and what is acknowledged does not become new again; {arrival.tool} says so.",
            guard="status", who_may="nobody",
        )  # fmt: skip


async def _title(tx: Transaction, arrival: Arrival) -> None:
    await incidents.describe(tx, arrival.number, title=str(arrival.value or ""))


async def _description(tx: Transaction, arrival: Arrival) -> None:
    await incidents.describe(tx, arrival.number, description=str(arrival.value or ""))


async def _impact(tx: Transaction, arrival: Arrival) -> None:
    await incidents.set_priority(tx, arrival.number, impact=arrival.word(), reason=arrival.because)


async def _urgency(tx: Transaction, arrival: Arrival) -> None:
    await incidents.set_priority(tx, arrival.number, urgency=arrival.word(), reason=arrival.because)


async def _priority(tx: Transaction, arrival: Arrival) -> None:
    await incidents.set_priority(tx, arrival.number, priority=arrival.word(), reason=arrival.because)


async def _category(tx: Transaction, arrival: Arrival) -> None:
    if key := arrival.word():
        await incidents.set_category(tx, arrival.number, category=key, reason=arrival.because)


async def _owner(tx: Transaction, arrival: Arrival) -> None:
    person = arrival.value if isinstance(arrival.value, Person) else None
    found = await access.person_by_email(tx, person.email) if person and person.email else None
    if person is not None and found is None:
        raise Invalid("owner", f"{person.name or person.email or person.remote_id} is nobody here")
    await incidents.set_owner(tx, arrival.number, person_id=found.id if found else None)


async def _workaround(tx: Transaction, arrival: Arrival) -> None:
    if text := arrival.word():
        await incidents.set_workaround(tx, arrival.number, text=text)


async def _affected(tx: Transaction, arrival: Arrival) -> None:
    value = arrival.value
    known = int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    await incidents.set_impact(tx, arrival.number, affected_people=known)


async def _since(tx: Transaction, arrival: Arrival) -> None:
    text = arrival.word()
    await incidents.set_impact(tx, arrival.number, impact_started_at=datetime.fromisoformat(text) if text else None)


async def _tags(tx: Transaction, arrival: Arrival) -> None:
    value = arrival.value
    tags = value if isinstance(value, tuple) else (value,) if isinstance(value, str) and value else ()
    await incidents.set_tags(tx, arrival.number, tags=tags)


async def _custom(tx: Transaction, arrival: Arrival) -> None:
    value: object = arrival.value
    if isinstance(value, Person):
        value = value.email or value.name or value.remote_id
    elif isinstance(value, tuple):
        value = ", ".join(value)
    await incidents.set_fields(tx, arrival.number, values={arrival.field.removeprefix(CUSTOM): value})


TAKES: dict[str, Callable[[Transaction, Arrival], Awaitable[None]]] = {
    "title": _title,
    "description": _description,
    "status": _status,
    "impact": _impact,
    "urgency": _urgency,
    "priority": _priority,
    "category": _category,
    "owner": _owner,
    "workaround": _workaround,
    "affected_people": _affected,
    "impact_started_at": _since,
    "tags": _tags,
}


async def say(tx: Transaction, number: int, *, text: str, visibility: Visibility, at: datetime | None) -> str:
    """Put down what somebody said in the tool; returns the id of the line. Unknown visibility is private."""
    shown = Shown.PUBLIC if visibility is Visibility.PUBLIC else Shown.INTERNAL
    said_at = at if at is not None and at <= tx.now and at.year >= 2000 else None
    entry = await incidents.note(tx, number, text=text, visibility=shown, occurred_at=said_at)
    return str(entry.id)


async def attach(tx: Transaction, number: int, file: FileDecision) -> str:
    """Attach what was fetched from the tool; returns the file's id. Unknown visibility is private."""
    shown = Shown.PUBLIC if file.visibility is Visibility.PUBLIC else Shown.INTERNAL
    added_at = file.at if file.at is not None and file.at <= tx.now and file.at.year >= 2000 else None
    made = await incidents.attach(
        tx, number, sha256=file.sha256, name=file.name, content_type=file.content_type, visibility=shown,
        occurred_at=added_at,
    )  # fmt: skip
    return str(made.id)
