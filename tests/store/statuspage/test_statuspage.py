"""The status page on a real PostgreSQL: what is published, once, and what is never told."""

import json
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from rallypoint import catalog, statuspage
from rallypoint.actors import ANONYMOUS, SYSTEM, Actor, ActorKind
from rallypoint.catalog.model import StatusCategory
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.errors import Invalid, NotFound, Refused
from rallypoint.statuspage.actions import Post, post, resolve

HOUR = timedelta(hours=1)
VIEWER = Actor(kind=ActorKind.PERSON, name="Vera", origin="web", person_id=1, roles=frozenset({"viewer"}))
ACTIVE = StatusCategory.ACTIVE


@pytest.fixture
async def shop(db: Database) -> Database:
    """Two public services and one that is nobody's business."""
    async with db.transaction(SYSTEM) as tx:
        for key, name, public in (
            ("checkout", "Checkout", True),
            ("search", "Search", True),
            ("pg", "postgres-eu", False),
        ):
            await catalog.create_service(tx, key=key, name=name, domain="production", public=public)
        await statuspage.components(tx)
    return db


async def say(db: Database, source: str, at: datetime, *, service: str | None = "checkout", **known: Any) -> None:
    async with db.transaction(SYSTEM) as tx:
        service_id = (await catalog.service(tx, service)).id if service else None
        values = {"incident": 42, "text": "Some payments fail.", "category": ACTIVE, "priority_rank": 2, **known}
        await post(tx, Post(source=source, at=at, service_id=service_id, **values))


async def read(db: Database) -> dict[str, Any]:
    """summary.json as a program outside gets it."""
    async with db.transaction(ANONYMOUS) as tx:
        found = await statuspage.summary(tx, base_url="https://example.com/status")
    return dict(json.loads(json.dumps(found)))


async def test_public_services_are_components_and_others_are_not(shop: Database) -> None:
    found = await read(shop)
    assert [(c["name"], c["status"], c["position"]) for c in found["components"]] == [
        ("Checkout", "operational", 1),
        ("Search", "operational", 2),
    ]
    assert found["status"] == {"indicator": "none", "description": "All Systems Operational"}
    assert found["incidents"] == found["scheduled_maintenances"] == []
    assert "postgres-eu" not in json.dumps(found)


async def test_ids_are_random_and_stay(shop: Database) -> None:
    first, again = await read(shop), await read(shop)
    ids = [c["id"] for c in first["components"]]
    assert [c["id"] for c in again["components"]] == ids
    assert first["page"]["id"] == again["page"]["id"]
    assert all(len(i) == 12 and not i.isdigit() for i in ids)
    assert len(set(ids)) == 2


async def test_an_update_opens_an_incident_and_resolving_ends_it(shop: Database, clock: ManualClock) -> None:
    start = clock.now()
    await say(shop, "entry:1", start, impact_started_at=start - timedelta(minutes=20))
    found = await read(shop)
    (incident,) = found["incidents"]
    assert (incident["name"], incident["status"], incident["impact"]) == (
        "Problem with Checkout",
        "investigating",
        "major",
    )
    assert incident["started_at"] == "2026-06-01T07:40:00.000Z"
    assert found["page"]["url"] == "https://example.com/status"
    assert incident["shortlink"] == f"https://example.com/status/incidents/{incident['id']}"
    assert found["status"] == {"indicator": "major", "description": "Partial System Outage"}
    assert found["components"][0]["status"] == "partial_outage"
    (update,) = incident["incident_updates"]
    (affected,) = update["affected_components"]
    assert (affected["old_status"], affected["new_status"]) == ("operational", "partial_outage")

    clock.advance(HOUR)
    async with shop.transaction(SYSTEM) as tx:
        await resolve(tx, 42, source="over:5", at=tx.now)
    found = await read(shop)
    assert (found["incidents"], found["components"][0]["status"]) == ([], "operational")
    async with shop.transaction(ANONYMOUS) as tx:
        (over,) = (await statuspage.incidents_json(tx))["incidents"]
        assert (await statuspage.unresolved(tx))["incidents"] == []
    assert (over["status"], over["impact"]) == ("resolved", "major")
    assert over["resolved_at"] == "2026-06-01T09:00:00.000Z"
    assert [u["status"] for u in over["incident_updates"]] == ["resolved", "investigating"]
    assert over["incident_updates"][0]["affected_components"][0]["new_status"] == "operational"
    assert [c["name"] for c in over["components"]] == ["Checkout"]


async def test_a_second_delivery_changes_nothing(shop: Database, clock: ManualClock) -> None:
    at = clock.now()
    for _ in range(2):
        await say(shop, "entry:1", at)
    clock.advance(HOUR)
    for _ in range(2):
        async with shop.transaction(SYSTEM) as tx:
            await resolve(tx, 42, source="over:5", at=tx.now)
    await say(shop, "entry:1", at)
    async with shop.transaction(ANONYMOUS) as tx:
        (over,) = (await statuspage.incidents_json(tx))["incidents"]
    assert [u["status"] for u in over["incident_updates"]] == ["resolved", "investigating"]


async def test_nothing_published_means_nothing_to_resolve(shop: Database) -> None:
    async with shop.transaction(SYSTEM) as tx:
        await resolve(tx, 42, source="over:5", at=tx.now)
        assert await statuspage.of_incident(tx, 42) is None
        assert (await statuspage.incidents_json(tx))["incidents"] == []


async def test_the_writer_chooses_components_and_status(shop: Database, clock: ManualClock) -> None:
    given = {"search": "degraded_performance", "pg": "major_outage"}
    await say(shop, "entry:1", clock.now(), given_status="identified", given_components=given)
    found = await read(shop)
    assert [c["status"] for c in found["components"]] == ["operational", "degraded_performance"]
    assert found["incidents"][0]["status"] == "identified"
    assert found["incidents"][0]["name"] == "Problem with Search"
    assert found["status"]["indicator"] == "minor"
    clock.advance(HOUR)
    await say(
        shop, "entry:2", clock.now(), given_components={"search": "operational"}, category=StatusCategory.RESTORED
    )
    found = await read(shop)
    assert (found["incidents"][0]["status"], found["status"]["indicator"]) == ("monitoring", "none")
    assert found["incidents"][0]["monitoring_at"] == "2026-06-01T09:00:00.000Z"
    assert found["incidents"][0]["impact"] == "minor"


async def test_a_component_hit_twice_is_as_bad_as_the_worst_until_that_is_over(
    shop: Database, clock: ManualClock
) -> None:
    await say(shop, "entry:1", clock.now(), priority_rank=1)
    await say(shop, "entry:2", clock.now(), incident=43, priority_rank=4)
    assert (await read(shop))["components"][0]["status"] == "major_outage"
    clock.advance(HOUR)
    async with shop.transaction(SYSTEM) as tx:
        await resolve(tx, 42, source="over:5", at=tx.now)
    assert (await read(shop))["components"][0]["status"] == "degraded_performance"


async def test_a_reopened_incident_comes_back_with_its_next_update(shop: Database, clock: ManualClock) -> None:
    await say(shop, "entry:1", clock.now())
    clock.advance(HOUR)
    async with shop.transaction(SYSTEM) as tx:
        await resolve(tx, 42, source="over:5", at=tx.now)
    clock.advance(HOUR)
    await say(shop, "entry:9", clock.now())
    found = await read(shop)
    (incident,) = found["incidents"]
    assert (incident["status"], incident["resolved_at"]) == ("investigating", None)
    assert found["components"][0]["status"] == "partial_outage"
    async with shop.transaction(ANONYMOUS) as tx:
        today = (await statuspage.page(tx)).components[0].cells[-1]
    assert sum(today.minutes.values()) == 60


async def test_an_incident_of_a_service_that_is_not_public_names_nothing(shop: Database, clock: ManualClock) -> None:
    await say(shop, "entry:1", clock.now(), service="pg")
    found = await read(shop)
    assert found["incidents"][0]["name"] == "Problem with our service"
    assert found["incidents"][0]["components"] == []
    assert "postgres" not in json.dumps(found)


async def test_a_given_title_is_kept(shop: Database, clock: ManualClock) -> None:
    await say(shop, "entry:1", clock.now())
    async with shop.transaction(SYSTEM) as tx:
        await statuspage.set_title(tx, 42, "Some card payments in Europe fail")
    await say(shop, "entry:2", clock.now(), given_components={"search": "major_outage"})
    assert (await read(shop))["incidents"][0]["name"] == "Some card payments in Europe fail"
    async with shop.transaction(SYSTEM) as tx:
        with pytest.raises(Invalid):
            await statuspage.set_title(tx, 42, "  ")
        with pytest.raises(NotFound):
            await statuspage.set_title(tx, 99, "Not published")


async def test_the_page_for_people(shop: Database, clock: ManualClock) -> None:
    await say(shop, "entry:1", clock.now(), priority_rank=1)
    clock.advance(timedelta(minutes=90))
    await say(shop, "entry:2", clock.now(), text="We know why.", given_status="identified")
    async with shop.transaction(ANONYMOUS) as tx:
        view = await statuspage.page(tx)
        shown = await statuspage.incident_view(tx, view.active[0].public_id)
    assert (view.indicator, view.description) == ("critical", "Major Service Outage")
    assert [u.body for u in view.active[0].updates] == ["We know why.", "Some payments fail."]
    assert shown == view.active[0]
    checkout, search = view.components
    assert len(checkout.cells) == 90
    assert (checkout.cells[-1].worst, checkout.cells[-2].worst) == ("major_outage", None)
    assert checkout.cells[-1].minutes == {"major_outage": 90}
    assert (checkout.uptime, search.uptime) == (0, 1)
    assert len(view.past) == 15
    assert all(day.incidents == () for day in view.past)
    async with shop.transaction(SYSTEM) as tx:
        await resolve(tx, 42, source="over:5", at=tx.now)
        view = await statuspage.page(tx)
    assert (view.active, [i.incident for i in view.past[0].incidents]) == ((), [42])


async def test_feeds_are_xml_whatever_was_written(shop: Database, clock: ManualClock) -> None:
    await say(shop, "entry:1", clock.now(), text="a < b & \x0b ]]> done")
    async with shop.transaction(ANONYMOUS) as tx:
        atom = ElementTree.fromstring(await statuspage.history_atom(tx, base_url="https://example.com/status"))
        rss = ElementTree.fromstring(await statuspage.history_rss(tx, base_url="https://example.com/status"))
    names = {"a": "http://www.w3.org/2005/Atom"}
    content = atom.findtext("a:entry/a:content", namespaces=names)
    assert content == "2026-06-01T08:00:00.000Z Investigating: a < b & \ufffd ]]> done"
    assert rss.findtext("channel/item/title") == "Problem with Checkout"
    assert rss.findtext("channel/item/pubDate") == "Mon, 01 Jun 2026 08:00:00 GMT"


async def test_names_zone_and_components_are_edited_by_those_who_may(shop: Database) -> None:
    async with shop.transaction(SYSTEM) as tx:
        page = await statuspage.configure(tx, name="Lantern status", time_zone="Europe/Berlin")
        assert (page.name, page.time_zone) == ("Lantern status", "Europe/Berlin")
        await statuspage.add_component(tx, key="cards", name="Card payments", service="pg")
        await statuspage.update_component(tx, "search", name="Find things", position=9, hidden=True)
        assert [c.name for c in await statuspage.components(tx)] == ["Checkout", "Card payments"]
        await statuspage.update_component(tx, "search", hidden=False)
        assert [c.name for c in await statuspage.components(tx)] == ["Checkout", "Card payments", "Find things"]
        with pytest.raises(Invalid, match="has a component already"):
            await statuspage.add_component(tx, key="again", name="Again", service="checkout")
        with pytest.raises(Invalid):
            await statuspage.configure(tx, time_zone="Moon/Crater")
    async with shop.transaction(VIEWER) as tx:
        for act in (
            statuspage.configure(tx, name="Mine"),
            statuspage.add_component(tx, key="x", name="X"),
            statuspage.set_title(tx, 42, "Mine"),
            post(tx, Post(incident=1, source="entry:1", text="x", at=tx.now, category=ACTIVE)),
        ):
            with pytest.raises(Refused):
                await act


async def test_a_service_that_is_retired_leaves_the_page(shop: Database) -> None:
    async with shop.transaction(SYSTEM) as tx:
        await catalog.update_service(tx, "search", retired=True)
        assert [c.key for c in await statuspage.components(tx)] == ["checkout"]
