"""Where alerts come in: integrations and their keys."""

from enum import StrEnum

from starlette.requests import Request

from rallypoint import alerts
from rallypoint.access import Permission
from rallypoint.edges.api.door import house_of
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.house import IntegrationView, NewIntegrationView
from rallypoint.edges.api.words import Input, Key, Line, Listed, Page, PathId, paged

routes = Routes("integrations")


class IntegrationKind(StrEnum):
    ANY = "any"
    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    PAGERDUTY = "pagerduty"
    GENERIC = "generic"


class NewIntegration(Input):
    name: Line
    kind: IntegrationKind = IntegrationKind.ANY
    service: Key | None = None


@routes.get("/integrations", permission=Permission.MANAGE_INTEGRATIONS)
async def list_integrations(tx: Tx, query: Listed) -> Page[IntegrationView]:
    shown, next_cursor = paged(await alerts.integrations(tx), query, lambda integration: integration.id)
    return Page(items=[IntegrationView.model_validate(one) for one in shown], next_cursor=next_cursor)


@routes.post("/integrations", permission=Permission.MANAGE_INTEGRATIONS, status=201, secret=True)
async def create_integration(tx: Tx, request: Request, body: NewIntegration) -> NewIntegrationView:
    """A new way in. Its key is shown this once."""
    made = await alerts.create_integration(tx, name=body.name, kind=body.kind.value, service=body.service)
    return _made(request, made)


@routes.post("/integrations/{id}/rotate", permission=Permission.MANAGE_INTEGRATIONS, secret=True)
async def rotate_key(tx: Tx, request: Request, id: PathId) -> NewIntegrationView:
    """A new key; the old one goes on for 24 hours, so that senders can be changed over without a gap."""
    return _made(request, await alerts.rotate_key(tx, id))


def _made(request: Request, made: alerts.NewIntegration) -> NewIntegrationView:
    return NewIntegrationView(
        key=made.key,
        url=f"{house_of(request).settings.base_url}/in/{made.key}",
        integration=IntegrationView.model_validate(made.integration),
    )
