"""Who is woken, when, and why."""

from datetime import date, time

from rallypoint.oncall import Why
from tests.stories.world import World, page, page_schedule, wait


async def test_the_next_person_is_paged_when_the_first_stays_silent(world: World) -> None:
    await world.service("checkout", policy=[page("bob"), wait(minutes=30), page("bea")])
    await world.alert("checkout", "DatabaseDown", severity="critical")
    await world.expect_page("bob", says="DatabaseDown")
    await world.pass_time(minutes=29, seconds=59)
    await world.expect_silence()
    await world.pass_time(seconds=1)
    await world.expect_page("bea", because=Why.STEP_TIMED_OUT)
    await world.acknowledge(by="bea")
    await world.pass_time(hours=8)
    await world.expect_silence()


async def test_nobody_is_paged_twice_for_the_same_alert_said_again(world: World) -> None:
    await world.service("checkout", policy=[page("bob")])
    await world.alert("checkout", "DatabaseDown")
    await world.expect_page("bob")
    for _ in range(20):
        await world.alert("checkout", "DatabaseDown")
    await world.acknowledge(by="bob")


async def test_an_acknowledged_incident_pages_nobody_else(world: World) -> None:
    await world.service("checkout", policy=[page("bob"), wait(minutes=5), page("bea")], repeat=3)
    await world.alert("checkout", "DatabaseDown")
    await world.expect_page("bob")
    await world.pass_time(minutes=4, seconds=59)
    await world.acknowledge(by="bob")
    await world.pass_time(hours=1)
    await world.expect_silence()


async def test_an_empty_step_is_skipped_at_once_and_says_so(world: World) -> None:
    await world.person("bob")
    await world.schedule(
        "night", zone="Europe/Berlin", kind="weekly", starts_on=date(2030, 1, 7), at=time(9), people=["bob"]
    )
    await world.service("checkout", policy=[page_schedule("night"), wait(minutes=30), page("bea")])
    await world.alert("checkout", "DatabaseDown")
    await world.expect_page("bea")
    await world.expect_timeline(Why.NOBODY_ON_CALL)
    await world.acknowledge(by="bea")


async def test_when_every_step_was_tried_the_fallback_is_told_and_the_timeline_says_so(world: World) -> None:
    await world.fallback("dana")
    await world.service("checkout", policy=[page("bob"), wait(minutes=5), page("bea")], repeat=2)
    await world.alert("checkout", "DatabaseDown")
    await world.expect_page("bob")
    await world.pass_time(minutes=5)
    await world.expect_page("bea")
    await world.pass_time(minutes=30)
    await world.expect_page("bob")
    await world.expect_page("bea")
    await world.pass_time(hours=1)
    await world.expect_page("dana")
    await world.expect_timeline(Why.EXHAUSTED)
    await world.pass_time(hours=4)


async def test_a_service_without_a_policy_still_reaches_the_fallback(world: World) -> None:
    await world.fallback("dana")
    await world.alert("unknown-service", "DiskFull")
    await world.expect_page("dana", says="DiskFull")


async def test_the_person_on_call_is_the_one_whose_turn_it_is(world: World) -> None:
    await world.schedule(
        "first-line", zone="Europe/Berlin", kind="daily", starts_on=date(2026, 6, 1), at=time(9), people=["ann", "bob"]
    )
    await world.service("checkout", policy=[page_schedule("first-line")])
    await world.pass_time(hours=1)
    await world.alert("checkout", "Slow")
    await world.expect_page("ann")
    await world.acknowledge(by="ann")
    await world.acts("ann", "resolve", resolution="Restarted the pool.")
    await world.pass_time(days=1)
    await world.alert("checkout", "SlowAgain")
    await world.expect_page("bob")
    await world.acknowledge(by="bob")
