"""What monitors said, and what was sent to people about it."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

from rallypoint import alerts, notify
from rallypoint.access import Permission
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.reaching import AlertView, DeliveryView
from rallypoint.edges.api.words import NUMBER_MAX, Listing, Page, PathId

routes = Routes("alerts and deliveries")


class WantedAlerts(Listing):
    status: Annotated[str, Field(pattern="^(open|firing|acknowledged|resolved)$")] | None = None
    service: Annotated[str, Field(min_length=1, max_length=63)] | None = Field(None, description="A service's key.")


class WantedDeliveries(Listing):
    incident: Annotated[int, Field(ge=1, le=NUMBER_MAX)] | None = None


@routes.get("/alerts", permission=Permission.READ_ALERTS)
async def list_alerts(tx: Tx, query: Annotated[WantedAlerts, Query()]) -> Page[AlertView]:
    """Alerts, the latest first. One per fingerprint while it is open."""
    found, next_cursor = await alerts.list_alerts(
        tx, status=query.status, service=query.service, cursor=query.cursor, limit=query.limit
    )
    return Page(items=[AlertView.model_validate(alert) for alert in found], next_cursor=next_cursor)


@routes.get("/alerts/{id}", permission=Permission.READ_ALERTS)
async def show_alert(tx: Tx, id: PathId) -> AlertView:
    return AlertView.model_validate(await alerts.alert(tx, id))


@routes.get("/deliveries", permission=Permission.READ_ALERTS)
async def list_deliveries(tx: Tx, query: Annotated[WantedDeliveries, Query()]) -> Page[DeliveryView]:
    """Every message to a person, with its state: pending, sending, sent, delivered, failed, unknown, voided."""
    found, next_cursor = await notify.list_deliveries(
        tx, incident=query.incident, cursor=query.cursor, limit=query.limit
    )
    return Page(items=[DeliveryView.model_validate(delivery) for delivery in found], next_cursor=next_cursor)
