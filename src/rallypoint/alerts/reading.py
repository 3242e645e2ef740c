"""What people and programs may read of alerts and integrations, after asking whether they may."""

from collections.abc import Sequence

from rallypoint import access, catalog
from rallypoint.access import Permission
from rallypoint.alerts import store
from rallypoint.alerts.model import Alert, Integration, RawMessage, Status
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, NotFound

OPEN = "open"
LIMIT_MAX = 200


async def by_ids(tx: Transaction, ids: Sequence[int]) -> list[Alert]:
    """These alerts, in the order of their ids."""
    return await store.by_ids(tx, ids)


async def alert(tx: Transaction, id: int) -> Alert:
    access.require(tx.actor, Permission.READ_ALERTS)
    found = await store.by_ids(tx, [id])
    if not found:
        raise NotFound("alert", id)
    return found[0]


async def payload(tx: Transaction, id: int) -> bytes:
    """The bytes an alert came in."""
    access.require(tx.actor, Permission.READ_ALERTS)
    return await store.payload(tx, id)


async def list_alerts(
    tx: Transaction, *, status: str | None = None, service: str | None = None, integration: int | None = None,
    cursor: str | None = None, limit: int = 50,
) -> tuple[list[Alert], str | None]:  # fmt: skip
    """Alerts, newest first; `status` is one of firing, acknowledged, resolved, or open for the first two."""
    access.require(tx.actor, Permission.READ_ALERTS)
    if status and status != OPEN and status not in set(Status):
        raise Invalid("status", f"must be one of {', '.join(Status)}, {OPEN}", OPEN)
    service_id = (await catalog.service(tx, service)).id if service else None
    return await store.list_alerts(
        tx, status=status, service_id=service_id, integration_id=integration,
        cursor=cursor, limit=max(1, min(limit, LIMIT_MAX)),
    )  # fmt: skip


async def counts(tx: Transaction) -> dict[str, int]:
    """Open alerts by status, and `unrouted`."""
    return await store.count_by_status(tx)


async def integrations(tx: Transaction) -> list[Integration]:
    return await store.integrations(tx)


async def integration(tx: Transaction, id: int) -> Integration:
    return await store.integration(tx, id)


async def raw_messages(tx: Transaction, integration_id: int, *, limit: int = 20) -> list[RawMessage]:
    """The latest whole messages of an integration as they came, newest first."""
    access.require(tx.actor, Permission.READ_ALERTS)
    return await store.raw_messages(tx, integration_id, limit=limit)
