"""The durable work of this room, for the engine."""

from datetime import datetime

from rallypoint.alerts import store_routing
from rallypoint.alerts.expiry import Tidier, expire_due
from rallypoint.alerts.intake import store
from rallypoint.alerts.router import route_new
from rallypoint.db import Database, Transaction
from rallypoint.engine.loop import Work


def works(db: Database) -> list[Work]:
    """Routing (woken by the hint "alert"), expiry of ends, and tidying."""

    async def never(tx: Transaction) -> datetime | None:
        return None

    return [
        Work("alerts.route", "alert", lambda: route_new(db), store_routing.next_retry),
        Work("alerts.expire", "alert-end", lambda: expire_due(db), store.next_end),
        Work("alerts.tidy", "alert-tidy", Tidier(db).tidy, never),
    ]
