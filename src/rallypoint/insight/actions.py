"""The one verb of insight: tell how it went."""

import asyncio
from datetime import datetime, timedelta

from rallypoint import catalog
from rallypoint.access.permissions import Permission, require
from rallypoint.db import Transaction
from rallypoint.errors import Invalid
from rallypoint.insight import rules, store
from rallypoint.insight.breakdowns import REPEAT_DAYS
from rallypoint.insight.model import Metrics
from rallypoint.insight.outages import Named

LONGEST = timedelta(days=1100)


async def metrics(
    tx: Transaction, *, since: datetime, until: datetime, domain: str | None = None, service: str | None = None
) -> Metrics:
    """All figures of a window, over everything or one domain and service (by key), as far as is known now.

    The window before it, of the same length, is read too: a figure is compared with what it was.
    """
    require(tx.actor, Permission.READ_METRICS)
    _check(since, until)
    scope = store.Scope(
        domain_id=(await catalog.domain(tx, domain)).id if domain else None,
        service_id=(await catalog.service(tx, service)).id if service else None,
    )
    back = since - max(until - since, timedelta(days=REPEAT_DAYS))
    cases = await store.cases(tx, scope, since=back, hurting_since=since, until=until)
    clocks = await store.clocks(tx, scope, since=since, until=until)
    pages = await store.pages(tx, scope, since=since, until=until)
    services, now = await _services(tx, scope), max(tx.now, since)
    # Counting tens of thousands of incidents takes a second: in a thread, so that pages and acknowledgements go on.
    return await asyncio.to_thread(rules.metrics, cases, clocks, pages, services, since=since, until=until, now=now)


async def _services(tx: Transaction, scope: store.Scope) -> list[Named]:
    """Every service in use, also those to which nothing happened: no failure is a finding."""
    return [
        Named(service_id=s.id, key=s.key, name=s.name)
        for s in await catalog.services(tx)
        if not s.retired
        and scope.domain_id in (None, s.domain_id)
        and scope.service_id in (None, s.id)
    ]  # fmt: skip


def _check(since: datetime, until: datetime) -> None:
    if since.tzinfo is None or until.tzinfo is None:
        raise Invalid("since", "needs a time zone", "2026-06-01T00:00:00Z")
    if until <= since:
        raise Invalid("until", "must be after since")
    if until - since > LONGEST:
        raise Invalid("since", f"reaches back further than the {LONGEST.days} days that one window may have")
