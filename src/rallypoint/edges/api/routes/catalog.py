"""Services and what they depend on; domains with their statuses and categories."""

from typing import Annotated

from fastapi import Path
from pydantic import Field

from rallypoint import catalog
from rallypoint.access import Permission
from rallypoint.catalog import CustomKind, Hosting, Layer
from rallypoint.edges.api.problems import KEY_PATTERN
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.house import (
    CategoryView,
    DomainDetail,
    DomainView,
    FieldView,
    RunbookView,
    ServiceDetail,
    ServiceView,
    StatusView,
)
from rallypoint.edges.api.words import Input, Key, Line, Listed, OptionalLine, OptionalText, Page, PathKey, paged

routes = Routes("catalog")


class NewService(Input):
    key: Key
    name: Line
    domain: Key = Field(description="`it-service`, `production`, or one of your own.")
    team: Key | None = None
    tier: Annotated[int, Field(ge=1, le=4)] = 3
    hosting: Hosting = Hosting.CLOUD
    layer: Layer = Layer.APPLICATION
    description: OptionalText = ""
    public: bool = False


FieldKey = Annotated[str, Path(min_length=1, max_length=63, pattern=KEY_PATTERN)]


class NewField(Input):
    name: Line
    kind: CustomKind
    choices: Annotated[list[Line], Field(max_length=200)] = []
    hint: OptionalLine = ""
    position: Annotated[int, Field(ge=0, le=10_000)] | None = None
    retired: bool = Field(False, description="Offered nowhere any more; what was filled in stays.")


class NewDependency(Input):
    needs: Key


class NewRunbook(Input):
    title: Line
    url: Annotated[str, Field(min_length=8, max_length=2000, pattern=r"^https?://[^\s/]")]


@routes.get("/services", permission=Permission.READ_CATALOG)
async def list_services(tx: Tx, query: Listed) -> Page[ServiceView]:
    shown, next_cursor = paged(await catalog.services(tx), query, lambda service: service.key)
    return Page(items=[ServiceView.model_validate(service) for service in shown], next_cursor=next_cursor)


@routes.post("/services", permission=Permission.EDIT_CATALOG, status=201)
async def create_service(tx: Tx, body: NewService) -> ServiceView:
    values = body.model_dump(mode="json")
    return ServiceView.model_validate(await catalog.create_service(tx, **values))


@routes.get("/services/{key}", permission=Permission.READ_CATALOG)
async def show_service(tx: Tx, key: PathKey) -> ServiceDetail:
    """With what it needs, what needs it, and its runbooks."""
    return await _detail(tx, key)


@routes.post("/services/{key}/dependencies", permission=Permission.EDIT_CATALOG, status=201)
async def add_dependency(tx: Tx, key: PathKey, body: NewDependency) -> ServiceDetail:
    await catalog.add_dependency(tx, key, body.needs)
    return await _detail(tx, key)


@routes.post("/services/{key}/runbooks", permission=Permission.EDIT_CATALOG, status=201)
async def add_runbook(tx: Tx, key: PathKey, body: NewRunbook) -> RunbookView:
    return RunbookView.model_validate(await catalog.add_runbook(tx, key, body.title, body.url))


@routes.get("/domains", permission=Permission.READ_CATALOG)
async def list_domains(tx: Tx, query: Listed) -> Page[DomainView]:
    shown, next_cursor = paged(await catalog.domains(tx), query, lambda domain: domain.key)
    return Page(items=[DomainView.model_validate(domain) for domain in shown], next_cursor=next_cursor)


@routes.get("/domains/{key}", permission=Permission.READ_CATALOG)
async def show_domain(tx: Tx, key: PathKey) -> DomainDetail:
    """With its statuses, its category tree and its own fields."""
    domain = await catalog.domain(tx, key)
    return DomainDetail(
        **DomainView.model_validate(domain).model_dump(),
        statuses=[StatusView.model_validate(status) for status in await catalog.statuses(tx, domain.id)],
        categories=[CategoryView.model_validate(category) for category in await catalog.categories(tx, domain.id)],
        fields=[FieldView.model_validate(one) for one in await catalog.custom_fields(tx, domain.id, retired=True)],
    )


@routes.put("/domains/{key}/fields/{field}", permission=Permission.CONFIGURE)
async def save_field(tx: Tx, key: PathKey, field: FieldKey, body: NewField) -> FieldView:
    """Add a field to the incidents of a domain, or change it. Its kind is decided once."""
    domain = await catalog.domain(tx, key)
    saved = await catalog.save_custom_field(tx, domain, key=field, **body.model_dump())
    return FieldView.model_validate(saved)


async def _detail(tx: Tx, key: str) -> ServiceDetail:
    service = await catalog.service(tx, key)
    return ServiceDetail(
        **ServiceView.model_validate(service).model_dump(),
        needs=[other.key for other in await catalog.needs(tx, service.id)],
        needed_by=[other.key for other in await catalog.needed_by(tx, service.id)],
        runbooks=[RunbookView.model_validate(runbook) for runbook in await catalog.runbooks(tx, service.id)],
    )
