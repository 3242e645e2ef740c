"""From an incident to the public page by the real actions, and what must never arrive there."""

import json
from datetime import timedelta

import pytest

from rallypoint import access, catalog, incidents, statuspage
from rallypoint.access.model import Role
from rallypoint.actors import ANONYMOUS, SYSTEM, Actor, ActorKind
from rallypoint.clock import ManualClock
from rallypoint.db import Database, Transaction
from rallypoint.engine.loop import drain_outbox
from rallypoint.errors import Refused

SECRET = "zebra-7"


async def no_alarm(tx: Transaction, subject: str, what: str) -> None:
    raise AssertionError(f"{subject}: {what}")


async def deliver(db: Database) -> None:
    while await drain_outbox(db, no_alarm):
        pass


@pytest.fixture
async def bea(db: Database) -> Actor:
    async with db.transaction(SYSTEM) as tx:
        await catalog.create_service(
            tx, key="checkout", name="Checkout", domain="production", public=True, description=f"runs on {SECRET}"
        )
        person = await access.create_person(tx, name=f"Bea {SECRET}", email="bea@example.com", roles=[Role.RESPONDER])
    return Actor(
        kind=ActorKind.PERSON,
        name=person.name,
        origin="web",
        person_id=person.id,
        roles=frozenset({Role.RESPONDER.value}),
    )


async def everything_public(db: Database) -> str:
    """All that anybody outside can read, as one text."""
    async with db.transaction(ANONYMOUS) as tx:
        view = await statuspage.page(tx)
        shown = [
            (i.title, [u.body for u in i.updates]) for i in (*view.active, *(j for d in view.past for j in d.incidents))
        ]
        return json.dumps(
            [
                await statuspage.summary(tx),
                await statuspage.incidents_json(tx),
                await statuspage.unresolved(tx),
                await statuspage.components_json(tx),
                await statuspage.status(tx),
                await statuspage.scheduled_maintenances(tx),
                await statuspage.history_atom(tx),
                await statuspage.history_rss(tx),
                shown,
            ]
        )


async def test_an_update_reaches_the_page_and_resolving_clears_it(db: Database, clock: ManualClock, bea: Actor) -> None:
    async with db.transaction(bea) as tx:
        incident = await incidents.open_incident(
            tx, title="Payments fail", service="checkout", impact="extensive", urgency="critical"
        )
        await incidents.publish_update(tx, incident.number, text="Some payments fail.", audience="public")
    await deliver(db)
    async with db.transaction(ANONYMOUS) as tx:
        found = await statuspage.summary(tx)
    assert found["status"]["indicator"] == "critical"
    assert found["incidents"][0]["incident_updates"][0]["body"] == "Some payments fail."
    clock.advance(timedelta(minutes=30))
    async with db.transaction(bea) as tx:
        await incidents.acknowledge(tx, incident.number)
        await incidents.restore(tx, incident.number)
        await incidents.publish_update(tx, incident.number, text="It works again.", audience="public")
    await deliver(db)
    async with db.transaction(ANONYMOUS) as tx:
        assert (await statuspage.unresolved(tx))["incidents"][0]["status"] == "monitoring"
    async with db.transaction(bea) as tx:
        await incidents.resolve(tx, incident.number, resolution="Rolled back.")
    await deliver(db)
    async with db.transaction(ANONYMOUS) as tx:
        found = await statuspage.summary(tx)
        (over,) = (await statuspage.incidents_json(tx))["incidents"]
    assert (found["incidents"], found["status"]["indicator"]) == ([], "none")
    assert [u["body"] for u in over["incident_updates"]] == [
        "This is resolved.",
        "It works again.",
        "Some payments fail.",
    ]


async def test_nothing_internal_ever_reaches_the_public(db: Database, clock: ManualClock, bea: Actor) -> None:
    """The word is written wherever somebody can write something internal; it must be nowhere outside."""
    async with db.transaction(bea) as tx:
        incident = await incidents.open_incident(
            tx, title=f"{SECRET} is down", description=SECRET, service="checkout", reporter_name=SECRET,
            reporter_contact=f"{SECRET}@example.com",
        )  # fmt: skip
        number = incident.number
        await incidents.acknowledge(tx, number, via=SECRET)
        await incidents.note(tx, number, text=SECRET)
        await incidents.add_hypothesis(tx, number, text=SECRET)
        await incidents.set_workaround(tx, number, text=SECRET)
        await incidents.add_task(tx, number, title=SECRET)
        await incidents.publish_update(tx, number, text=f"internal {SECRET}", audience="internal")
        await incidents.publish_update(tx, number, text="We are on it.", audience="public")
    await deliver(db)
    async with db.transaction(bea) as tx:
        await incidents.resolve(tx, number, resolution=SECRET)
    await deliver(db)
    public = await everything_public(db)
    assert "We are on it." in public
    assert SECRET not in public
    assert f"INC-{number}" not in public


async def test_internal_updates_alone_open_nothing(db: Database, bea: Actor) -> None:
    async with db.transaction(bea) as tx:
        incident = await incidents.open_incident(tx, title="x", service="checkout")
        await incidents.publish_update(tx, incident.number, text="For us.", audience="internal")
    await deliver(db)
    async with db.transaction(ANONYMOUS) as tx:
        assert (await statuspage.incidents_json(tx))["incidents"] == []


async def test_a_drill_is_never_told(db: Database, bea: Actor) -> None:
    async with db.transaction(bea) as tx:
        drill = await incidents.open_incident(tx, title="x", service="checkout", drill=True)
        with pytest.raises(Refused):
            await incidents.publish_update(tx, drill.number, text="Drill.", audience="public")
    await deliver(db)
    async with db.transaction(ANONYMOUS) as tx:
        assert (await statuspage.incidents_json(tx))["incidents"] == []


async def test_updates_and_the_end_are_heard_in_order_whatever_happens_between(db: Database, bea: Actor) -> None:
    """All three wait in the outbox before any is heard."""
    async with db.transaction(bea) as tx:
        incident = await incidents.open_incident(tx, title="x", service="checkout")
        await incidents.publish_update(
            tx, incident.number, text="First.", audience="public", public_status="identified"
        )
        await incidents.publish_update(
            tx, incident.number, text="Second.", audience="public", public_status="monitoring"
        )
        await incidents.acknowledge(tx, incident.number)
        await incidents.resolve(tx, incident.number, resolution="done")
    await deliver(db)
    async with db.transaction(ANONYMOUS) as tx:
        (over,) = (await statuspage.incidents_json(tx))["incidents"]
    assert [(u["status"], u["body"]) for u in over["incident_updates"]] == [
        ("resolved", "This is resolved."),
        ("monitoring", "Second."),
        ("identified", "First."),
    ]
    assert over["components"][0]["status"] == "operational"
