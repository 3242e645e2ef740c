"""Setting a connection up without code: try it, see what is there, suggest and check a mapping, preview, save it.

What asks a tool runs outside any transaction: a tool may take half a minute to answer, and no lock waits for it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from rallypoint import access, catalog, incidents
from rallypoint.access import Permission
from rallypoint.access.vault import Vault
from rallypoint.actors import Actor
from rallypoint.catalog import CustomField, CustomKind, Impact, Urgency
from rallypoint.catalog.model import StatusCategory
from rallypoint.db import Database, Transaction
from rallypoint.egress import Egress
from rallypoint.errors import Conflict as Clash
from rallypoint.errors import Invalid, OutsideFailure, Problem, Refused
from rallypoint.sync import codec, connecting, hook_store, hooks, hub, lane_store, linking, setup_store, store
from rallypoint.sync.budget import Pressing
from rallypoint.sync.connection import Connection, ConnectionState
from rallypoint.sync.hooks import Hooks, Registered, webhook_json
from rallypoint.sync.mapping import Condition, mapping_from_json, mapping_to_json
from rallypoint.sync.mapping import Mapping as Rules
from rallypoint.sync.model import Choice, FieldKind, Gone, Link, Project, RemoteField, Schema
from rallypoint.sync.ports import Cause, Checked, Finding, Level, Outage, RichText, Tracker, TrackerError, Webhook
from rallypoint.sync.preview import Preview, Stage
from rallypoint.sync.scope import fits
from rallypoint.sync.suggest import suggest
from rallypoint.sync.tools import Tools
from rallypoint.sync.values import review
from rallypoint.sync.wallet import SealedWallet

T = TypeVar("T")

TOOL_SECONDS = 40.0
"""How long a person waits for a tool while setting it up."""

MOST_COMPARED = 20
"""Links that are read again to show what another mapping would change."""

MOST_ORDERED = 500
"""Items that one order of a historical sync creates; the next order goes on behind it."""

MOST_LOOKED_THROUGH = 5000
BOARD_PAGE = 500
PLACE_FIELDS = frozenset({"project", "type"})


# The incident, as a schema.

HERE: tuple[tuple[str, str, FieldKind], ...] = (
    ("title", "Title", FieldKind.TEXT),
    ("description", "Description", FieldKind.RICH_TEXT),
    ("status", "Status", FieldKind.STATUS),
    ("impact", "Impact", FieldKind.CHOICE),
    ("urgency", "Urgency", FieldKind.CHOICE),
    ("priority", "Priority", FieldKind.CHOICE),
    ("category", "Category", FieldKind.CHOICE),
    ("service", "Service", FieldKind.CHOICE),
    ("owner", "Owner", FieldKind.PERSON),
    ("reporter", "Reporter", FieldKind.TEXT),
    ("reporter_contact", "Reporter's contact", FieldKind.TEXT),
    ("hold_reason", "Reason of the hold", FieldKind.TEXT),
    ("resolution", "Resolution", FieldKind.RICH_TEXT),
    ("workaround", "Workaround", FieldKind.RICH_TEXT),
    ("affected_people", "Affected people", FieldKind.NUMBER),
    ("impact_started_at", "Impact started", FieldKind.TIME),
    ("tags", "Tags", FieldKind.TAGS),
    ("number", "Number", FieldKind.TEXT),
    ("url", "Address", FieldKind.TEXT),
)
"""Every field of the incident that a mapping may name (hub.fields_of), as people call it. Those that domains have
besides are in the schema only: `custom.` and their key."""

CUSTOM_KINDS = {
    CustomKind.TEXT: FieldKind.RICH_TEXT,
    CustomKind.NUMBER: FieldKind.NUMBER,
    CustomKind.CHOICE: FieldKind.CHOICE,
    CustomKind.DATE: FieldKind.TIME,
    CustomKind.PERSON: FieldKind.PERSON,
}

MAX_LENGTHS = {"title": 200}


async def hub_schema(tx: Transaction) -> Schema:
    """The incident as suggestions and reviews see it, with the choices that the catalog has now."""
    choices = {
        "status": [Choice(id=one.value, name=_words(one.value), category=one.value) for one in StatusCategory],
        "impact": [Choice(id=one.value, name=_words(one.value)) for one in Impact],
        "urgency": [Choice(id=one.value, name=_words(one.value)) for one in Urgency],
        "priority": [],
        "category": [],
        "service": [
            Choice(id=one.key, name=one.name, active=not one.retired) for one in await catalog.services(tx)
        ],
    }  # fmt: skip
    for domain in await catalog.domains(tx):
        levels = (await catalog.priority_model(tx, domain.id)).levels
        choices["priority"] += [Choice(id=one.key, name=f"{one.key} {one.name}") for one in levels]
        choices["category"] += [Choice(id=one.key, name=one.name) for one in await catalog.categories(tx, domain.id)]
    fields = [
        RemoteField(
            id=id, name=name, kind=kind, required=id == "title", writable=id in hub.TAKES,
            max_length=MAX_LENGTHS.get(id), choices=_each_once(choices.get(id, ())),
        )
        for id, name, kind in HERE
    ]  # fmt: skip
    fields += _custom(await catalog.custom_fields(tx))
    return Schema(project="rallypoint", type="incident", fields=tuple(fields))


def _custom(known: Iterable[CustomField]) -> list[RemoteField]:
    """The fields of all domains. Where two have the same key, a mapping means both, with the choices of either."""
    found: dict[str, RemoteField] = {}
    for one in known:
        id, choices = hub.CUSTOM + one.key, tuple(Choice(id=word, name=word) for word in one.choices)
        if id in found:
            choices = _each_once((*found[id].choices, *choices))
        found[id] = RemoteField(id=id, name=one.name, kind=CUSTOM_KINDS[one.kind], custom=True, choices=choices)
    return list(found.values())


def _words(value: str) -> str:
    return value.replace("_", " ").capitalize()


def _each_once(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    return tuple({one.id: one for one in choices}.values())


# What is told.


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing about a mapping: an error refuses it, a warning tells what it loses. `field` is ours or a path."""

    level: Level
    field: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A mapping and everything to be said about it. `left_out` are our fields for which a suggestion found nothing."""

    mapping: Rules
    remarks: tuple[Remark, ...]
    left_out: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return all(one.level is not Level.ERROR for one in self.remarks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a connection is. `links` counts by state; `lag_seconds` is how long the most patient due link has waited;
    `quotas` are the tool's budgets as it last told of them."""

    connection: Connection
    links: Mapping[str, int]
    lag_seconds: float | None
    heard_at: datetime | None
    webhook: dict[str, Any]
    care: hook_store.Care
    quotas: tuple[dict[str, Any], ...] = ()

    @property
    def hook_trouble(self) -> str:
        """What is wrong with the webhook; empty where all is well."""
        return hooks.trouble(self.webhook, self.care.failure, self.care.unheard)

    @property
    def credentials(self) -> str:
        """accepted, refused, or not tried: whether the tool lets us in."""
        if self.connection.state is ConnectionState.REFUSED:
            return "refused"
        return "accepted" if self.connection.succeeded_at is not None else "not tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What another version would change: the previews of links that would not stay as they are."""

    links: int
    looked_at: int
    changed: tuple[Preview, ...]
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """A historical sync: open incidents in scope, how many of them have no item yet, and how far the items are."""

    fitting: int
    without_item: int
    creating: int
    linked: int
    failed: int
    ordered: int = 0
    looked_through: int = 0
    more: bool = False


def read_rules(data: Mapping[str, Any], *, connection: int, id: int = 0, version: int = 1) -> Rules:
    """A mapping as people write it: id, version and connection are ours to know. Invalid names what is wrong."""
    return mapping_from_json({**data, "id": id, "version": version, "connection": connection})


def bare_rules(mapping: Rules) -> dict[str, Any]:
    """A mapping as people write it."""
    data = mapping_to_json(mapping)
    return {name: value for name, value in data.items() if name not in ("id", "version", "connection")}


def beyond(mapping: Rules, here: Schema, there: Schema) -> list[Remark]:
    """What values.review does not look at: fields twice, fields of conditions and of what is filled in. Pure."""
    found: list[Remark] = []
    names = [one.hub for one in mapping.fields] + ([mapping.status.hub_field] if mapping.status else [])
    ids = [one.remote for one in mapping.fields] + ([mapping.status.field] if mapping.status else [])
    for name in sorted({one for one in names if names.count(one) > 1}):
        found.append(_error(name, "twice", f"{name} is mapped twice; one field has one rule."))
    for id in sorted({one for one in ids if ids.count(one) > 1}):
        found.append(_error(id, "twice", f"{id} is mapped twice; two fields of ours cannot share one there."))
    found += _unknown("scope.hub", mapping.scope.hub, {one.id for one in here.fields}, "The incident")
    known = {one.id for one in there.fields}
    found += _unknown("scope.remote", mapping.scope.remote, known | PLACE_FIELDS, "The tool")
    for index, place in enumerate(mapping.create.places):
        found += _unknown(f"create.places[{index}].when", place.when, {one.id for one in here.fields}, "The incident")
    filled = {f"create.defaults.{name}": name for name in mapping.create.defaults}
    for index, step in enumerate(mapping.status.out if mapping.status else ()):
        filled |= {f"status.out[{index}].fill.{name}": name for name in step.fill}
    found += [
        _error(path, "no such field", f"The tool has no field {name!r}.")
        for path, name in filled.items()
        if name not in known
    ]
    covered = {*ids, *mapping.create.defaults}
    for one in there.fields:
        if one.required and one.writable and one.id not in covered and mapping.trigger.send:
            text = f"{one.name} is needed there and nothing fills it; a default of the tool may, or creating fails."
            found.append(Remark(level=Level.WARNING, field=one.id, kind="required", text=text))
    return found


async def review_here(tx: Transaction, mapping: Rules) -> tuple[Remark, ...]:
    """What can be said about a mapping without asking the tool: it is taken to have whatever the mapping names."""
    named = {one.remote for one in mapping.fields} | set(mapping.create.defaults)
    named |= {one.field for one in mapping.scope.remote}
    if mapping.status is not None:
        named |= {mapping.status.field} | {name for one in mapping.status.out for name in one.fill}
    fields = tuple(RemoteField(id=id, name=id, kind=FieldKind.OTHER) for id in sorted(named))
    there = Schema(project=mapping.create.project, type=mapping.create.type, fields=fields)
    return _remarks(mapping, await hub_schema(tx), there)


def _unknown(path: str, conditions: Iterable[Condition], known: set[str], who: str) -> list[Remark]:
    return [
        _error(f"{path}[{index}]", "no such field", f"{who} has no field {one.field!r}.")
        for index, one in enumerate(conditions)
        if one.field not in known
    ]


def _error(field: str, kind: str, text: str) -> Remark:
    return Remark(level=Level.ERROR, field=field, kind=kind, text=text)


def refuse(remarks: Iterable[Remark]) -> None:
    """Raises Invalid with every remark that is an error."""
    wrong = [Problem(one.field, one.text) for one in remarks if one.level is Level.ERROR]
    if wrong:
        raise Invalid(wrong)


class SetUp:
    """Everything a person does to connections and mappings, for whichever edge they come by."""

    def __init__(
        self, db: Database, tools: Tools, vault: Vault, egress: Egress, *, texts: RichText, base_url: str
    ) -> None:
        self._db, self._tools, self._vault, self._egress = db, tools, vault, egress
        self._texts, self._base_url = texts, base_url

    @asynccontextmanager
    async def tracker(
        self, actor: Actor, key: str, permission: Permission = Permission.MANAGE_INTEGRATIONS
    ) -> AsyncIterator[tuple[Connection, Tracker]]:
        """The connection's tool, for one conversation. Raises what the tool raises, and Outage when it is too slow."""
        access.require(actor, permission)
        async with self._db.transaction(actor) as tx:
            connection = await store.connection(tx, key)
            given = await connecting.opened(tx, self._vault, connection)
        if connection.tool not in self._tools:
            raise Refused(f"This Rallypoint knows no tool {connection.tool!r}.", guard="tool", who_may="nobody")
        given = replace(given, wallet=SealedWallet(self._db, self._vault, connection))
        tracker = self._tools[connection.tool].make(given, self._egress)
        try:
            async with asyncio.timeout(TOOL_SECONDS):
                yield connection, tracker
        except TimeoutError as problem:
            raise Outage(f"{connection.name} did not answer within {TOOL_SECONDS:.0f} seconds.") from problem
        finally:
            await tracker.close()

    # The connection.

    async def check(self, actor: Actor, key: str) -> Checked:
        """Try it. Wrong credentials are a finding, not an error; what came of it is kept with the connection."""
        webhook: Webhook | None = None
        try:
            async with self.tracker(actor, key) as (connection, tracker):
                found = await tracker.check()
                if found.ok and connection.webhook:
                    webhook = await tracker.webhook_state(codec.from_json(Webhook, connection.webhook))
        except (TrackerError, OutsideFailure) as problem:
            cause = problem.cause if isinstance(problem, TrackerError) else Cause.OUTAGE
            about = "credentials" if cause is Cause.AUTH else "address"
            found = Checked(findings=(Finding(level=Level.ERROR, about=about, text=problem.said, help=problem.help),))
        except Invalid as problem:
            wrong = Finding(level=Level.ERROR, about="credentials", text=str(problem))
            found = Checked(findings=(wrong,))

        async def work(tx: Transaction) -> None:
            now = await store.connection(tx, key)
            await store.change_connection(tx, now.id, **_after_check(now, found, webhook, tx.now))
            await access.record(tx, "connection checked", f"connection:{key}", {"ok": found.ok})
            if found.ok:
                tx.hint("sync", "sync-poll")

        await self._db.run(actor, work)
        return found

    async def projects(self, actor: Actor, key: str) -> tuple[Project, ...]:
        async with self.tracker(actor, key) as (_, tracker):
            return await tracker.projects()

    async def describe(self, actor: Actor, key: str, project: str, type: str) -> Schema:
        async with self.tracker(actor, key) as (_, tracker):
            return await tracker.describe(project, type)

    async def register_webhook(self, actor: Actor, key: str) -> Registered:
        """Have the tool tell us of changes, at a new address each time: the one before works for a day more."""
        async with self.tracker(actor, key) as (connection, tracker):
            keeper = Hooks(self._db, self._vault, self._base_url)
            return await keeper.register(actor, connection, tracker, fresh=True)

    async def health(self, tx: Transaction, key: str) -> Health:
        access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
        found = await store.connection(tx, key)
        return Health(
            connection=found,
            links=await setup_store.counts(tx, found.id),
            lag_seconds=await setup_store.longest_due(tx, found.id),
            heard_at=await hook_store.heard_at(tx, found.id),
            webhook=found.webhook,
            care=await hook_store.care(tx, found.id),
            quotas=tuple(await lane_store.quotas(tx, found.id)),
        )

    # Mappings.

    async def suggest(self, actor: Actor, key: str, *, project: str, type: str, name: str = "") -> Reviewed:
        """A mapping to start from, by names and kinds, with what it loses."""
        async with self.tracker(actor, key) as (connection, tracker):
            there = await tracker.describe(project, type)
            able = tracker.capabilities
        async with self._db.transaction(actor) as tx:
            here = await hub_schema(tx)
        made = suggest(here, there, able, connection=connection.id, name=name or f"{connection.name} {type}".strip())
        return Reviewed(mapping=made.mapping, remarks=_remarks(made.mapping, here, there), left_out=made.left_out)

    async def review(self, actor: Actor, key: str, data: Mapping[str, Any]) -> Reviewed:
        """What is to be said about a mapping, with the tool's fields as they are now. Invalid if it cannot be read."""
        async with self.tracker(actor, key) as (connection, tracker):
            mapping = read_rules(data, connection=connection.id)
            there = await tracker.describe(mapping.create.project, mapping.create.type)
        async with self._db.transaction(actor) as tx:
            here = await hub_schema(tx)
        return Reviewed(mapping=mapping, remarks=_remarks(mapping, here, there))

    async def save(self, actor: Actor, key: str, data: Mapping[str, Any]) -> Reviewed:
        """A new mapping. Raises Invalid with every error that a review finds."""
        found = await self.review(actor, key, data)
        refuse(found.remarks)

        async def work(tx: Transaction) -> Rules:
            return await keep(tx, replace(found.mapping, id=await store.new_mapping_id(tx), version=1))

        return replace(found, mapping=await self._db.run(actor, work))

    async def save_next(self, actor: Actor, id: int, data: Mapping[str, Any], *, based_on: int) -> Reviewed:
        """The next version. Conflict if somebody saved one after `based_on`. Its links follow at once, in turn."""
        access.require(actor, Permission.MANAGE_INTEGRATIONS)
        key = await self._connection_of(actor, id)
        found = await self.review(actor, key, data)
        refuse(found.remarks)

        async def work(tx: Transaction) -> Rules:
            now = await store.mapping(tx, id)
            if now.version != based_on:
                raise Clash(f"Somebody saved version {now.version} of this mapping meanwhile; look at it first.")
            return await keep(tx, replace(found.mapping, id=id, version=now.version + 1))

        return replace(found, mapping=await self._db.run(actor, work))

    async def version_of(self, actor: Actor, id: int) -> int:
        """The active version of a mapping."""
        async with self._db.transaction(actor) as tx:
            return (await store.mapping(tx, id)).version

    async def effect(
        self, actor: Actor, id: int, *, data: Mapping[str, Any] | None = None, version: int | None = None
    ) -> Effect:
        """What links of a mapping would do under other rules: those given, or those of a version kept."""
        access.require(actor, Permission.MANAGE_INTEGRATIONS)
        key = await self._connection_of(actor, id)
        async with self._db.transaction(actor) as tx:
            now = await store.mapping(tx, id)
            if data is not None:
                rules = read_rules(data, connection=now.connection, id=id, version=now.version + 1)
            else:
                rules = await store.mapping(tx, id, version)
            links = await setup_store.links_under(tx, id, limit=MOST_COMPARED)
            all_links = (await setup_store.progress(tx, id))["linked"]
        changed: list[Preview] = []
        unreadable: list[str] = []
        async with self.tracker(actor, key) as (connection, tracker):
            stage = await self._stage(tracker, connection, rules)
            for link in links:
                try:
                    shown = await stage.show(incident=link.incident, remote_id=link.remote_id)
                except Invalid as problem:
                    unreadable.append(f"{link.key or link.remote_id}: {problem}")
                    continue
                if not shown.idle:
                    changed.append(shown)
        return Effect(links=all_links, looked_at=len(links), changed=tuple(changed), unreadable=tuple(unreadable))

    async def preview(
        self, actor: Actor, key: str, data: Mapping[str, Any], *, incident: int | None = None, remote_id: str = "",
        id: int = 0,
    ) -> Preview:  # fmt: skip
        """What a mapping would write where, on a real incident, a real item, or both. Nothing is written."""
        if incident is None and not remote_id.strip():
            raise Invalid("incident", "name an incident, an item there (remote_id), or both")
        async with self.tracker(actor, key) as (connection, tracker):
            version = (await self.version_of(actor, id)) + 1 if id else 1
            rules = read_rules(data, connection=connection.id, id=id, version=version)
            if incident is not None:
                async with self._db.transaction(actor) as tx:
                    await incidents.incident(tx, incident)
            stage = await self._stage(tracker, connection, rules)
            return await stage.show(incident=incident, remote_id=remote_id.strip())

    # Links.

    async def link_existing(self, actor: Actor, number: int, *, mapping_id: int, remote_id: str) -> Link:
        """Join an incident to an item that is there; it is read first, so that a typing mistake is told at once."""
        access.require(actor, Permission.WORK_INCIDENT)
        async with self._db.transaction(actor) as tx:
            await incidents.incident(tx, number)
            mapping = await store.mapping(tx, mapping_id)
            key = (await store.connection_by_id(tx, mapping.connection)).key
        async with self.tracker(actor, key, Permission.WORK_INCIDENT) as (connection, tracker):
            found = await tracker.read(remote_id.strip())
        if isinstance(found, Gone):
            said = f"cannot be read in {connection.name}: {found.detail or found.reason.value}"
            raise Invalid("remote_id", said)

        async def work(tx: Transaction) -> Link:
            made = await linking.link_existing(tx, number, mapping_id=mapping_id, remote_id=found.id)
            await store.change_link(
                tx, made.id, remote_key=found.key, url=found.url, project=found.project, type=found.type
            )
            return await store.link(tx, made.id)

        return await self._db.run(actor, work)

    async def _connection_of(self, actor: Actor, mapping_id: int) -> str:
        async with self._db.transaction(actor) as tx:
            mapping = await store.mapping(tx, mapping_id)
            return (await store.connection_by_id(tx, mapping.connection)).key

    async def _stage(self, tracker: Tracker, connection: Connection, rules: Rules) -> Stage:
        account = (await tracker.check()).identity
        schema = await tracker.describe(rules.create.project, rules.create.type)
        return Stage(
            db=self._db, tracker=tracker, connection=connection, mapping=rules, texts=self._texts,
            base_url=self._base_url, account=account, schema=schema,
        )  # fmt: skip


def _remarks(mapping: Rules, here: Schema, there: Schema) -> tuple[Remark, ...]:
    lossy = review(mapping, here, there)
    told = [Remark(level=one.level, field=one.field, kind=one.loss.value, text=one.text) for one in lossy]
    return (*told, *beyond(mapping, here, there))


def _after_check(now: Connection, found: Checked, webhook: Webhook | None, at: Any) -> dict[str, Any]:
    """What a check changes of a connection. Paused stays paused: that was a person."""
    if found.ok:
        changes: dict[str, Any] = {
            "succeeded_at": at, "failures": 0, "failure": "", "closed_until": None, "skew_seconds": found.skew_seconds,
        }  # fmt: skip
        if now.state is ConnectionState.REFUSED:
            changes |= {"state": "on", "state_reason": "", "poll_due_at": at}
        return changes if webhook is None else changes | {"webhook": webhook_json(webhook)}
    worst = next(one for one in found.findings if one.level is Level.ERROR)
    changes = {"failed_at": at, "failure": worst.text[:500]}
    if worst.about == "credentials" and now.state is ConnectionState.ON:
        changes |= {"state": "refused", "state_reason": worst.text[:300]}
    return changes


async def keep(tx: Transaction, mapping: Rules) -> Rules:
    """Save a version and let its links follow. For those who have reviewed it. Names are told apart everywhere."""
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    if not mapping.name.strip():
        raise Invalid("name", "is needed", "Incidents")
    for other in await store.mappings(tx):
        if other.id != mapping.id and other.name.casefold() == mapping.name.casefold():
            raise Clash(f"Another mapping is called {other.name} already.")
    await store.save_mapping(tx, mapping, by=tx.actor.name)
    await setup_store.follow_mapping(tx, mapping.id)
    detail = {"name": mapping.name, "version": mapping.version}
    await access.record(tx, "mapping saved", f"mapping:{mapping.id}", detail)
    return mapping


async def roll_back(tx: Transaction, id: int, version: int) -> Rules:
    """The rules of an old version, as a new version: the history of versions only grows."""
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    now, old = await store.mapping(tx, id), await store.mapping(tx, id, version)
    return await keep(tx, replace(old, version=now.version + 1))


async def backlog(tx: Transaction, id: int, *, order: int = 0) -> Backlog:
    """Open incidents in the mapping's scope that have no item. With `order`, so many get one, the most pressing first.

    The lanes create them in the background, as many at once as they do anything else; ask again for how far they are.
    """
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    mapping = await store.mapping(tx, id)
    connection = await store.connection_by_id(tx, mapping.connection)
    looks_up = bool({one.field for one in mapping.scope.hub} & {"owner", "category"})
    fitting = without = ordered = looked = 0
    cursor: str | None = None
    while looked < MOST_LOOKED_THROUGH:
        rows, cursor = await incidents.board(tx, cursor=cursor, limit=BOARD_PAGE)
        found = [one.incident for one in rows]
        looked += len(found)
        have = await setup_store.linked_incidents(tx, id, [one.number for one in found])
        for one in found:
            if looks_up:
                values = await hub.values_of(tx, one, base_url="")
            else:
                values = hub.fields_of(one, owner=None, category="", base_url="")
            if one.origin == f"{hub.ORIGIN}{connection.key}" or not fits(mapping.scope.hub, values):
                continue
            fitting += 1
            if one.number in have:
                continue
            without += 1
            if ordered >= min(order, MOST_ORDERED):
                continue
            if await linking.order(tx, one.number, mapping, pressing=Pressing.BACKGROUND) is not None:
                ordered += 1
        if cursor is None:
            break
    if ordered:
        await access.record(tx, "historical sync ordered", f"mapping:{id}", {"items": ordered})
    far = await setup_store.progress(tx, id)
    return Backlog(
        fitting=fitting, without_item=without - ordered, ordered=ordered, looked_through=looked,
        more=cursor is not None, **far,
    )  # fmt: skip
