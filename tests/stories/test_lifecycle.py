"""From the first signal to a closed record with a review."""

import pytest

from rallypoint import access, incidents, learning
from rallypoint.access import Role
from rallypoint.actors import ANONYMOUS, SYSTEM
from rallypoint.errors import Refused
from tests.stories.world import World, page


async def test_an_alert_becomes_a_closed_record_with_a_draft_of_its_review(world: World) -> None:
    await world.service("checkout", policy=[page("bob")])
    await world.alert("checkout", "ErrorRate")
    await world.expect_page("bob")
    await world.acknowledge(by="bob")
    await world.acts("bob", "take_command")
    await world.acts("bob", "note", text="The pool is exhausted.")
    await world.pass_time(minutes=12)
    await world.acts("bob", "restore", note="Rolled back.")
    await world.pass_time(minutes=3)
    await world.acts("bob", "resolve", resolution="Rolled back 2026.06.01-1; the pool size is derived now.")
    await world.clears("checkout", "ErrorRate")
    await world.pass_time(hours=2)
    state = await world.state()
    if state.status_category != "closed":
        await world.acts("bob", "close")
        state = await world.state()
    assert state.status_category == "closed"
    assert (state.restored_at - state.acknowledged_at).total_seconds() == 12 * 60
    async with world.house.db.transaction(SYSTEM) as tx:
        draft = await learning.retrospective(tx, world.incident)
    assert draft is not None
    assert draft.state == "draft"


async def test_a_report_in_it_service_is_closed_only_by_the_desk_after_the_reporter_said_yes(world: World) -> None:
    await world.person("dana", roles=(Role.DESK1,))
    await world.service("mail", policy=[page("lukas")], domain="it-service")
    async with world.house.db.transaction(ANONYMOUS) as tx:
        incident = await incidents.open_incident(
            tx,
            title="Mail arrives an hour late",
            service="mail",
            reporter_name="Wanda",
            reporter_contact="w@example.org",
        )
    world.incident = incident.number
    await world.simulation.settle()
    await world.expect_page("lukas")
    await world.acknowledge(by="dana")
    await world.acts("dana", "resolve", resolution="Cleared the queue.")
    mails = [m.text for m in world.phones["email"].everything if m.address == "w@example.org"]
    assert any("Cleared the queue." in text for text in mails)
    with pytest.raises(Refused) as refused:
        await world.acts("lukas", "close")
    assert refused.value.who_may
    async with world.house.db.transaction(ANONYMOUS) as tx:
        await incidents.confirm_by_reporter(tx, await incidents.reporter_token(tx, incident.number))
    await world.acts("dana", "close")
    assert (await world.state()).status_category == "closed"


async def test_a_reporter_who_says_no_reopens_the_incident_and_somebody_is_paged_again(world: World) -> None:
    await world.person("dana", roles=(Role.DESK2,))
    await world.service("mail", policy=[page("lukas")], domain="it-service")
    async with world.house.db.transaction(ANONYMOUS) as tx:
        incident = await incidents.open_incident(
            tx, title="Labels do not print", service="mail", reporter_name="Wanda", reporter_contact="w@example.org"
        )
    world.incident = incident.number
    await world.simulation.settle()
    await world.expect_page("lukas")
    await world.acts("dana", "acknowledge")
    await world.acts("dana", "resolve", resolution="New driver.")
    async with world.house.db.transaction(ANONYMOUS) as tx:
        token = await incidents.reporter_token(tx, incident.number)
        await incidents.reject_by_reporter(tx, token, reason="Still does not print.")
    await world.simulation.settle()
    state = await world.state()
    assert state.status_category in ("triage", "active")
    assert state.reopened == 1
    await world.expect_page("lukas")
    await world.acknowledge(by="dana")


async def test_every_line_of_history_is_chained(world: World) -> None:
    await world.service("checkout", policy=[page("bob")])
    await world.alert("checkout", "ErrorRate")
    await world.expect_page("bob")
    await world.acknowledge(by="bob")
    async with world.house.db.transaction(SYSTEM) as tx:
        assert (await incidents.verify_timeline(tx, world.incident)).ok
        assert (await access.verify_audit(tx)).ok
