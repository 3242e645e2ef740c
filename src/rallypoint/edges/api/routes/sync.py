"""Two-way sync: connections, mappings with their previews, linked items and conflicts."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field, JsonValue, StringConstraints
from starlette.requests import Request

from rallypoint import incidents, paging_cursor
from rallypoint.access import Permission
from rallypoint.edges.api.door import house_of
from rallypoint.edges.api.route import Asker, Routes, Tx
from rallypoint.edges.api.views.sync import (
    BacklogView,
    CheckedView,
    ConflictView,
    ConnectionView,
    EffectView,
    HealthView,
    ItemView,
    MappingView,
    NewConnectionView,
    PreviewView,
    ProjectView,
    ReviewedView,
    SchemaView,
    ToolView,
    VersionView,
    WebhookView,
)
from rallypoint.edges.api.words import (
    Id,
    Input,
    Key,
    Line,
    Listed,
    Listing,
    Number,
    OptionalLine,
    Page,
    PathId,
    PathKey,
    paged,
)
from rallypoint.errors import NotFound
from rallypoint.sync import conflict_store, connecting, deciding, linking, setting_up, setup_store, store
from rallypoint.sync.model import Side

routes = Routes("sync")

MANAGE, READ, WORK = Permission.MANAGE_INTEGRATIONS, Permission.READ_INCIDENT, Permission.WORK_INCIDENT
Address = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Scalar = str | bool | int | float | None
Settings = dict[Annotated[str, StringConstraints(max_length=63)], Scalar]
Secrets = dict[Annotated[str, StringConstraints(max_length=63)], Annotated[str, StringConstraints(max_length=8000)]]
RemoteId = Annotated[str, StringConstraints(max_length=200)]
Rules = Annotated[
    dict[str, JsonValue], Field(description="As `rules` of a mapping is answered; defaults may be left out.")
]


# Connections.


class NewConnection(Input):
    key: Key
    tool: Line
    base_url: Address
    name: OptionalLine = ""
    settings: Settings = {}
    secrets: Secrets = {}


class ChangedConnection(Input):
    name: OptionalLine = ""
    base_url: Address | None = None
    settings: Settings | None = None
    secrets: Secrets = Field({}, description="Those left out stay as they are.")


class Paused(Input):
    reason: Annotated[str, StringConstraints(max_length=300)] = ""


@routes.get("/tools", permission=MANAGE)
async def list_tools(request: Request, tx: Tx, query: Listed) -> Page[ToolView]:
    """What can be connected, and what each asks for."""
    tools = house_of(request).tools
    shown, next_cursor = paged([tools[kind] for kind in tools.keys()], query, lambda tool: tool.kind)  # noqa: SIM118
    return Page(items=[ToolView.of(one) for one in shown], next_cursor=next_cursor)


@routes.get("/connections", permission=MANAGE)
async def list_connections(tx: Tx, query: Listed) -> Page[ConnectionView]:
    shown, next_cursor = paged(await store.connections(tx), query, lambda one: one.key)
    return Page(items=[ConnectionView.model_validate(one) for one in shown], next_cursor=next_cursor)


@routes.post("/connections", permission=MANAGE, status=201, secret=True)
async def create_connection(request: Request, tx: Tx, body: NewConnection) -> NewConnectionView:
    """A new connection. Its secrets are sealed and never shown; check it next."""
    house = house_of(request)
    made = await connecting.connect(
        tx, house.tools, house.vault, key=body.key, tool=body.tool, base_url=body.base_url, name=body.name,
        settings=body.settings, secrets_=body.secrets,
    )  # fmt: skip
    return NewConnectionView(
        connection=ConnectionView.model_validate(made.connection),
        hook_url=f"{house.settings.base_url}/told/{made.hook_key}",
    )


@routes.get("/connections/{key}", permission=MANAGE)
async def show_connection(tx: Tx, key: PathKey) -> ConnectionView:
    return ConnectionView.model_validate(await store.connection(tx, key))


@routes.patch("/connections/{key}", permission=MANAGE)
async def change_connection(request: Request, tx: Tx, key: PathKey, body: ChangedConnection) -> ConnectionView:
    """Another name, address, settings or secrets. A refused connection is tried again."""
    house = house_of(request)
    changed = await connecting.new_credentials(
        tx, house.tools, house.vault, key, base_url=body.base_url, settings=body.settings, secrets_=body.secrets,
        name=body.name,
    )  # fmt: skip
    return ConnectionView.model_validate(changed)


@routes.post("/connections/{key}/pause", permission=MANAGE)
async def pause_connection(tx: Tx, key: PathKey, body: Paused) -> ConnectionView:
    """Nothing is read or written; what changes meanwhile is caught up afterwards."""
    return ConnectionView.model_validate(await connecting.pause(tx, key, reason=body.reason))


@routes.post("/connections/{key}/resume", permission=MANAGE)
async def resume_connection(tx: Tx, key: PathKey) -> ConnectionView:
    return ConnectionView.model_validate(await connecting.resume(tx, key))


@routes.post("/connections/{key}/check", permission=MANAGE, outside=True)
async def check_connection(request: Request, asker: Asker, key: PathKey) -> CheckedView:
    """Try it: credentials, identity, permissions, clock. What came of it is kept."""
    return CheckedView.of(await house_of(request).set_up.check(asker, key))


@routes.get("/connections/{key}/projects", permission=MANAGE, outside=True)
async def list_projects(request: Request, asker: Asker, key: PathKey, query: Listed) -> Page[ProjectView]:
    """Projects or tables there, with their types of items."""
    found = await house_of(request).set_up.projects(asker, key)
    shown, next_cursor = paged(found, query, lambda one: one.id)
    return Page(items=[ProjectView.model_validate(one) for one in shown], next_cursor=next_cursor)


@routes.get("/connections/{key}/schema", permission=MANAGE, outside=True)
async def show_schema(
    request: Request, asker: Asker, key: PathKey, project: Annotated[str, Query(max_length=200)] = "",
    type: Annotated[str, Query(max_length=200)] = "",
) -> SchemaView:  # fmt: skip
    """The fields, choices and statuses of one type of item."""
    return SchemaView.of(await house_of(request).set_up.describe(asker, key, project, type))


@routes.post("/connections/{key}/webhook", permission=MANAGE, secret=True, outside=True)
async def register_webhook(request: Request, asker: Asker, key: PathKey) -> WebhookView:
    """Have the tool tell us of changes, at an address with a new key. The old address stops working."""
    return WebhookView.of(await house_of(request).set_up.register_webhook(asker, key))


@routes.get("/connections/{key}/health", permission=MANAGE)
async def show_health(request: Request, tx: Tx, key: PathKey) -> HealthView:
    return HealthView.of(await house_of(request).set_up.health(tx, key))


class WantedLinks(Listing):
    trouble: bool = Field(False, description="Only those that need a person.")


@routes.get("/connections/{key}/items", permission=MANAGE)
async def list_items(tx: Tx, key: PathKey, query: Annotated[WantedLinks, Query()]) -> Page[ItemView]:
    """All items that are linked through the connection."""
    after = 0 if query.cursor is None else paging_cursor.number(query.cursor)
    connection = await store.connection(tx, key)
    found = await setup_store.links_page(
        tx, connection.id, after=after, limit=query.limit + 1, trouble=query.trouble
    )  # fmt: skip
    shown = found[: query.limit]
    following = paging_cursor.encode([shown[-1]["id"]]) if len(found) > len(shown) else None
    return Page(items=[_item(one) for one in shown], next_cursor=following)


# Mappings.


@routes.get("/schema", permission=MANAGE)
async def show_incident_schema(tx: Tx) -> SchemaView:
    """The incident as a mapping sees it: every field it may name, with the choices there are now."""
    return SchemaView.of(await setting_up.hub_schema(tx))


class WantedMappings(Listing):
    connection: str = Field("", max_length=63, description="A connection's key.")


class Suggested(Input):
    connection: Key
    project: OptionalLine = ""
    type: OptionalLine = ""
    name: OptionalLine = ""


class GivenMapping(Input):
    connection: Key
    rules: Rules


class NextMapping(Input):
    rules: Rules
    based_on: Id = Field(description="The version that was changed: a newer one refuses this.")


class Previewed(Input):
    connection: Key
    rules: Rules
    incident: Id | None = None
    remote_id: RemoteId = Field("", description="An item there. Name it, the incident, or both.")
    mapping_id: Id | None = Field(None, description="The saved mapping of which these rules are another version.")


class Version(Input):
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]


class Compared(Input):
    rules: Rules | None = Field(None, description="Leave out to compare with a version that is kept.")
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class Ordered(Input):
    items: Annotated[int, Field(ge=0, le=setting_up.MOST_ORDERED)] = 0


@routes.get("/mappings", permission=MANAGE)
async def list_mappings(tx: Tx, query: Annotated[WantedMappings, Query()]) -> Page[MappingView]:
    """The active version of each."""
    keys = {one.id: one.key for one in await store.connections(tx)}
    only = await store.connection(tx, query.connection) if query.connection else None
    shown, next_cursor = paged(await store.mappings(tx, only.id if only else None), query, lambda one: one.id)
    return Page(items=[MappingView.of(one, keys[one.connection]) for one in shown], next_cursor=next_cursor)


@routes.post("/mappings", permission=MANAGE, status=201, outside=True)
async def create_mapping(request: Request, asker: Asker, body: GivenMapping) -> ReviewedView:
    """Save a new mapping. What a review calls an error is refused."""
    made = await house_of(request).set_up.save(asker, body.connection, body.rules)
    return ReviewedView.of(made, body.connection)


@routes.post("/mappings/suggest", permission=MANAGE, outside=True)
async def suggest_mapping(request: Request, asker: Asker, body: Suggested) -> ReviewedView:
    """A mapping to start from, by names and kinds of fields, with what it would lose. Nothing is saved."""
    found = await house_of(request).set_up.suggest(
        asker, body.connection, project=body.project, type=body.type, name=body.name
    )
    return ReviewedView.of(found, body.connection)


@routes.post("/mappings/review", permission=MANAGE, outside=True)
async def review_mapping(request: Request, asker: Asker, body: GivenMapping) -> ReviewedView:
    """What would be said if it were saved. Nothing is saved."""
    return ReviewedView.of(await house_of(request).set_up.review(asker, body.connection, body.rules), body.connection)


@routes.post("/mappings/preview", permission=MANAGE, outside=True)
async def preview_mapping(request: Request, asker: Asker, body: Previewed) -> PreviewView:
    """What would be written where, both ways, on a real incident, item, or both. Nothing is written."""
    return PreviewView.of(
        await house_of(request).set_up.preview(
            asker,
            body.connection,
            body.rules,
            incident=body.incident,
            remote_id=body.remote_id,
            id=body.mapping_id or 0,
        )
    )


@routes.get("/mappings/{id}", permission=MANAGE)
async def show_mapping(tx: Tx, id: PathId) -> MappingView:
    return await _shown(tx, id)


@routes.put("/mappings/{id}", permission=MANAGE, outside=True)
async def change_mapping(request: Request, asker: Asker, id: PathId, body: NextMapping) -> ReviewedView:
    """Save the next version. Its links follow at once, one after another."""
    made = await house_of(request).set_up.save_next(asker, id, body.rules, based_on=body.based_on)
    async with house_of(request).db.transaction(asker) as tx:
        connection = await store.connection_by_id(tx, made.mapping.connection)
    return ReviewedView.of(made, connection.key)


@routes.get("/mappings/{id}/versions", permission=MANAGE)
async def list_versions(tx: Tx, id: PathId, query: Listed) -> Page[VersionView]:
    await store.mapping(tx, id)
    shown, next_cursor = paged(await store.versions(tx, id), query, lambda one: one["version"])
    return Page(items=[VersionView.model_validate(one) for one in shown], next_cursor=next_cursor)


@routes.get("/mappings/{id}/versions/{version}", permission=MANAGE)
async def show_version(tx: Tx, id: PathId, version: PathId) -> MappingView:
    return await _shown(tx, id, version)


@routes.post("/mappings/{id}/roll-back", permission=MANAGE)
async def roll_back_mapping(tx: Tx, id: PathId, body: Version) -> MappingView:
    """The rules of an old version, as a new version."""
    await setting_up.roll_back(tx, id, body.version)
    return await _shown(tx, id)


@routes.post("/mappings/{id}/effect", permission=MANAGE, outside=True)
async def compare_mapping(request: Request, asker: Asker, id: PathId, body: Compared) -> EffectView:
    """Which links other rules, or another version, would change. Nothing is written."""
    return EffectView.of(await house_of(request).set_up.effect(asker, id, data=body.rules, version=body.version))


@routes.get("/mappings/{id}/backlog", permission=MANAGE)
async def show_backlog(tx: Tx, id: PathId) -> BacklogView:
    """Open incidents in scope that have no item yet, and how far the others are."""
    return BacklogView.model_validate(await setting_up.backlog(tx, id))


@routes.post("/mappings/{id}/backlog", permission=MANAGE)
async def order_backlog(tx: Tx, id: PathId, body: Ordered) -> BacklogView:
    """Have items created for so many of them, in the background; ask again for the progress."""
    return BacklogView.model_validate(await setting_up.backlog(tx, id, order=body.items))


async def _shown(tx: Tx, id: int, version: int | None = None) -> MappingView:
    if version is not None and version >= 2**31:
        raise NotFound("version", version)
    found = await store.mapping(tx, id, version)
    return MappingView.of(found, (await store.connection_by_id(tx, found.connection)).key)


# Items.


class NewItem(Input):
    mapping_id: Id
    remote_id: RemoteId = Field("", description="An item that is there already; leave it out to create one.")


class Parted(Input):
    reason: Annotated[str, StringConstraints(max_length=300)] = ""


class TurnedRound(Input):
    over: bool = Field(False, description="Also replace what was edited since; without it that is a 409.")


class Settled(TurnedRound):
    side: Side


class WantedConflicts(Listing):
    incident: Annotated[int, Field(ge=1, le=2**53 - 1)] | None = None
    open: bool = Field(False, description="Only those that wait for a person.")


@routes.get("/incidents/{number}/items", permission=READ)
async def list_items_of_incident(tx: Tx, number: Number, query: Listed) -> Page[ItemView]:
    """The work items elsewhere that are kept in step with the incident."""
    await incidents.incident(tx, number)
    shown, next_cursor = paged(await store.links_of(tx, number), query, lambda one: one["id"])
    return Page(items=[_item(one) for one in shown], next_cursor=next_cursor)


@routes.post("/incidents/{number}/items", permission=WORK, status=201, outside=True)
async def link_item(request: Request, asker: Asker, number: Number, body: NewItem) -> ItemView:
    """Join the incident to an item, or have one created in the background."""
    house = house_of(request)
    if body.remote_id.strip():
        made = await house.set_up.link_existing(asker, number, mapping_id=body.mapping_id, remote_id=body.remote_id)
    else:
        made = await house.db.run(
            asker, lambda tx: linking.create_remote(tx, number, mapping_id=body.mapping_id)
        )  # fmt: skip
    async with house.db.transaction(asker) as tx:
        return await _item_of(tx, made.incident, made.id)


@routes.post("/items/{id}/part", permission=WORK)
async def part_item(tx: Tx, id: PathId, body: Parted) -> ItemView:
    """End the link. Both records stay, and go their own ways."""
    found = await store.link(tx, id)
    await linking.part(tx, id, reason=body.reason)
    return await _item_of(tx, found.incident, id)


@routes.post("/items/{id}/retry", permission=WORK)
async def retry_item(tx: Tx, id: PathId) -> ItemView:
    """Try again now, with its error forgotten."""
    found = await store.link(tx, id)
    await linking.try_again(tx, id)
    return await _item_of(tx, found.incident, id)


@routes.get("/conflicts", permission=READ)
async def list_conflicts(tx: Tx, query: Annotated[WantedConflicts, Query()]) -> Page[ConflictView]:
    """Fields that both sides changed: both values, who, when, and what decided. The newest first."""
    before = None if query.cursor is None else paging_cursor.number(query.cursor)
    found = await conflict_store.conflicts(
        tx, incident=query.incident, open_only=query.open, before=before, limit=query.limit + 1
    )  # fmt: skip
    shown = found[: query.limit]
    following = paging_cursor.encode([shown[-1].id]) if len(found) > len(shown) else None
    return Page(items=[ConflictView.of(one) for one in shown], next_cursor=following)


@routes.post("/conflicts/{id}/settle", permission=WORK)
async def settle_conflict(tx: Tx, id: PathId, body: Settled) -> ConflictView:
    """Decide it, also other than a rule did: the chosen value becomes the incident's, and goes to every tool."""
    return ConflictView.of(await deciding.settle(tx, id, body.side, over=body.over))


@routes.post("/conflicts/{id}/turn-round", permission=WORK)
async def turn_conflict_round(tx: Tx, id: PathId, body: TurnedRound) -> ConflictView:
    """Undo a decision, of a rule or of a person: the value that lost becomes the incident's, and goes to every tool."""
    return ConflictView.of(await deciding.turn_round(tx, id, over=body.over))


def _item(row: dict[str, Any]) -> ItemView:
    return ItemView.model_validate(row)


async def _item_of(tx: Tx, number: int, id: int) -> ItemView:
    return next(_item(one) for one in await store.links_of(tx, number) if one["id"] == id)
