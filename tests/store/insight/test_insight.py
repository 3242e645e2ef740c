"""The metrics over real tables: rows in, the same figures out, and nothing that should be left out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rallypoint import access, catalog, insight
from rallypoint.access.model import Role
from rallypoint.actors import ANONYMOUS, SYSTEM
from rallypoint.db import Database, Transaction
from rallypoint.errors import Invalid, NotFound, Refused

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
SINCE = NOW - timedelta(days=28)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
async def shop(db: Database) -> Database:
    async with db.transaction(SYSTEM) as tx:
        for key in ("checkout", "search"):
            await catalog.create_service(tx, key=key, name=key.capitalize(), domain="production")
        await catalog.create_service(tx, key="desk", name="Desk", domain="it-service")
        await access.create_person(
            tx, name="Ines", email="ines@example.com", roles=[Role.RESPONDER], time_zone="Europe/Berlin"
        )
    return db


async def incident(tx: Transaction, at: datetime, *, service: str = "checkout", **known: Any) -> int:
    """One row as the incidents room keeps it. Only this test writes rows by hand: it needs histories at will."""
    of = await catalog.service(tx, service)
    anchors = ("impact_started_at", "detected_at", "acknowledged_at", "restored_at", "resolved_at")
    values: dict[str, Any] = {"kind": "incident", "status_category": "closed", "drill": False, **known}
    number: int = await tx.value(
        """
        insert into incident (kind, title, domain_id, domain_key, service_id, service_key, service_name, status,
               status_category, priority, priority_common, priority_reason, paging_urgency, logged_by, created_at,
               origin, drill, impact_started_at, detected_at, acknowledged_at, restored_at, resolved_at)
        values (:kind, 'x', :domain_id, '', :service_id, :key, :name, 'any', :status_category, 'P1', 1, '', 'high', '',
               :at, 'api', :drill, :impact_started_at, :detected_at, :acknowledged_at, :restored_at, :resolved_at)
     returning number""",
        at=at, domain_id=of.domain_id, service_id=of.id, key=of.key, name=of.name, kind=values["kind"],
        status_category=values["status_category"], drill=values["drill"],
        **{anchor: values.get(anchor) for anchor in anchors},
    )  # fmt: skip
    return number


async def page(tx: Transaction, number: int, at: datetime) -> None:
    await tx.execute(
        """
        insert into page (incident, run_id, epoch, step, person_id, person_name, why, title, text, urgency, token_hash,
                          created_at)
        select :number::bigint, 1, 1, 1, id, name, '', '', '', 'high', :token::bytea, :at::timestamptz from person""",
        number=number, at=at, token=f"{number}{at}".encode(),
    )  # fmt: skip


async def clock(tx: Transaction, number: int, state: str, *, due: datetime, met: datetime | None = None) -> None:
    await tx.execute(
        """
        insert into sla_clock (incident, kind, domain_id, priority, target_minutes, started_at, since, used, paused_for,
                               state, due_at, met_at, paused_at)
        select number, 'response', domain_id, priority, 15, created_at, created_at, interval '0', interval '5 minutes',
               :state::text, :due::timestamptz, :met::timestamptz, :paused::timestamptz
          from incident where number = :number""",
        number=number, state=state, due=due, met=met, paused=NOW - 10 * MINUTE if state == "paused" else None,
    )  # fmt: skip


async def test_a_window_of_real_rows(shop: Database) -> None:
    async with shop.transaction(SYSTEM) as tx:
        for n in range(8):
            at = SINCE + (n + 1) * DAY
            number = await incident(
                tx, at, impact_started_at=at - 10 * MINUTE, detected_at=at, acknowledged_at=at + 4 * MINUTE,
                restored_at=at + (20 + n) * MINUTE, resolved_at=at + DAY,
            )  # fmt: skip
            await page(tx, number, at + MINUTE)
            await clock(tx, number, "met", due=at + 15 * MINUTE, met=at + 4 * MINUTE)
        old = await incident(tx, SINCE - 2 * DAY, impact_started_at=SINCE - 2 * DAY, restored_at=SINCE + 60 * MINUTE)
        late = await incident(tx, NOW - DAY, status_category="active")
        await clock(tx, late, "running", due=NOW - MINUTE)
        held = await incident(tx, NOW - DAY, status_category="on_hold", restored_at=NOW - DAY)
        await clock(tx, held, "paused", due=NOW + DAY)
        drill = await incident(tx, NOW - DAY, drill=True)
        await page(tx, drill, NOW - DAY)
        await incident(tx, NOW - DAY, status_category="merged")
        found = await insight.metrics(tx, since=SINCE, until=NOW)
    times = {measure.key: measure for measure in found.measures}
    assert (found.counted, found.left_out.drills, found.left_out.merged, found.left_out.total) == (10, 1, 1, 2)
    assert (times["time_to_detect"].n, times["time_to_detect"].median) == (8, 10)
    assert (times["time_to_acknowledge"].n, times["time_to_acknowledge"].median) == (8, 3)
    restore = times["time_to_restore"]
    assert (restore.n, restore.median, restore.low, restore.high) == (8, 33.5, 30, 37)
    assert (restore.not_applicable, restore.pending) == (2, 0)
    assert times["time_to_repair"].n == 0
    assert times["time_to_repair"].not_applicable == found.counted
    assert restore.before_n == 1
    (sla,) = found.sla
    assert (sla.priority, sla.kind, sla.met, sla.breached, sla.paused) == ("P1", "response", 8, 1, 1)
    assert sla.paused_minutes == 60
    by_service = {line.key: line for line in found.by_service}
    assert by_service["search"].mtbf_text == "> 28 days"
    assert by_service["checkout"].incidents == 11
    assert old < late
    assert found.pages_total == 8
    assert sum(week.opened for week in found.by_week) == 10


async def test_the_scope_is_one_domain_or_service(shop: Database) -> None:
    async with shop.transaction(SYSTEM) as tx:
        await incident(tx, NOW - DAY)
        await incident(tx, NOW - DAY, service="search")
        await incident(tx, NOW - DAY, service="desk")

        async def count(**scope: str) -> tuple[int, list[str]]:
            found = await insight.metrics(tx, since=SINCE, until=NOW, **scope)
            return found.counted, [line.key for line in found.by_service]

        assert await count() == (3, ["checkout", "desk", "search"])
        assert await count(domain="production") == (2, ["checkout", "search"])
        assert await count(service="desk") == (1, ["desk"])
        with pytest.raises(NotFound):
            await count(service="nothing")


async def test_pages_of_the_night_by_the_persons_own_clock(shop: Database) -> None:
    async with shop.transaction(SYSTEM) as tx:
        number = await incident(tx, NOW - DAY)
        await page(tx, number, datetime(2026, 5, 31, 1, 30, tzinfo=UTC))
        await page(tx, number, datetime(2026, 5, 31, 10, 0, tzinfo=UTC))
        found = await insight.metrics(tx, since=SINCE, until=NOW)
    assert (found.pages_total, found.pages_at_night) == (2, 1)
    assert found.pages[0].cells[1] == 1


async def test_an_empty_house_has_no_figures_and_no_zeros(shop: Database) -> None:
    async with shop.transaction(SYSTEM) as tx:
        found = await insight.metrics(tx, since=SINCE, until=NOW)
    assert all((m.n, m.median, m.mean) == (0, None, None) for m in found.measures)
    assert found.sla == ()
    assert all(line.mtbf_minutes is None for line in found.by_service)
    assert found.repeats.share is None


async def test_windows_that_make_no_sense_are_refused(shop: Database) -> None:
    async with shop.transaction(SYSTEM) as tx:
        for since, until in ((NOW, SINCE), (NOW, NOW), (NOW - 2000 * DAY, NOW), (SINCE.replace(tzinfo=None), NOW)):
            with pytest.raises(Invalid):
                await insight.metrics(tx, since=since, until=until)
    async with shop.transaction(ANONYMOUS) as tx:
        with pytest.raises(Refused):
            await insight.metrics(tx, since=SINCE, until=NOW)
