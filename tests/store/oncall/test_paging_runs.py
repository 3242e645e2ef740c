"""Paging runs on a real PostgreSQL: who is paged when, what silences them, and what is never lost."""

import asyncio
import random
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from rallypoint import access, notify, oncall
from rallypoint.actors import SYSTEM
from rallypoint.errors import Invalid, OutsideFailure, Refused
from rallypoint.oncall import RunState, Why, reactions, run_store, runs
from rallypoint.oncall.events import (
    FallbackAlarmed,
    NobodyToPage,
    PersonLeftOut,
    PersonPaged,
    RunExhausted,
    StepSkipped,
)

NEVER = OutsideFailure("no such phone", retry=False)


async def test_one_after_the_other_until_somebody_answers(crew: Any) -> None:
    await crew.policy((0, "Bob"), (30, "Bea"), (10, "Cy"))
    await crew.start()
    await crew.settle()
    assert crew.paged() == ["Bob"]
    await crew.pass_minutes(29.9)
    assert crew.paged() == []
    await crew.pass_minutes(0.1)
    assert crew.paged() == ["Bea"]
    assert [(f.person_name, f.why) for f in crew.said(PersonPaged)] == [
        ("Bob", Why.FIRST_STEP), ("Bea", Why.STEP_TIMED_OUT),
    ]  # fmt: skip
    assert await crew.orphans() == []
    await crew.stop("Bea")
    assert (await crew.run()).state is RunState.ACKNOWLEDGED
    await crew.pass_minutes(600)
    assert crew.paged() == []
    async with crew.db.transaction(SYSTEM) as tx:
        states = {v.page.person_name: v.page.state for v in await notify.pages_of(tx, 1)}
        assert await tx.value("select count(*) from timer") == 0
    assert states == {"Bob": notify.PageState.DELIVERED, "Bea": notify.PageState.ACKNOWLEDGED}


async def test_the_page_says_what_is_broken_and_why_you(crew: Any) -> None:
    await crew.policy((0, "Bob"))
    await crew.start()
    await crew.settle()
    (message,) = crew.phones["sandbox"].received
    assert message.title == "P1 payments: Card payments fail"
    assert "38 % fail" in message.text
    assert "Why you: named in the policy; first step of the policy." in message.text
    assert message.ack_url
    assert message.fields["why"] == Why.FIRST_STEP


async def test_an_empty_step_is_skipped_at_once_and_says_so(crew: Any) -> None:
    async with crew.db.transaction(SYSTEM) as tx:
        await oncall.create_schedule(tx, key="night", name="Night", time_zone="Europe/Berlin")
    await crew.policy((0, "@night"), (30, "Bea"))
    await crew.start()
    await crew.settle()
    assert crew.paged() == ["Bea"]
    (skip,) = crew.said(StepSkipped)
    assert (skip.step, skip.why) == (1, Why.NOBODY_ON_CALL)
    assert "Night" in skip.sentence
    await crew.stop("Bea")


async def test_somebody_without_an_active_account_is_left_out_and_the_record_says_so(crew: Any) -> None:
    await crew.policy((0, "Old"), (5, "Old Bea"))
    async with crew.db.transaction(SYSTEM) as tx:
        await access.deactivate_person(tx, crew.people["Old"].id)
    await crew.start()
    await crew.settle()
    assert crew.paged() == ["Bea"]
    assert [f.why for f in crew.said(StepSkipped)] == [Why.NOBODY_ACTIVE]
    assert [f.person_name for f in crew.said(PersonLeftOut)] == ["Old"]
    await crew.stop()


async def test_all_of_a_step_are_paged_at_once_and_a_repeat_says_so(crew: Any) -> None:
    await crew.policy((0, "Bob Bea"), (10, "Cy"), repeat=2)
    await crew.start()
    await crew.pass_minutes(60)
    assert sorted(crew.paged()[:2]) == ["Bea", "Bob"]
    assert [(f.person_name, f.why) for f in crew.said(PersonPaged)][3:5] == [
        ("Bob", Why.REPEATED), ("Bea", Why.REPEATED),
    ]  # fmt: skip
    assert len(crew.said(PersonPaged)) == 6


async def test_after_the_last_step_the_fallback_is_told_and_the_run_stays_loud(crew: Any) -> None:
    dana = await crew.person("Dana")
    async with crew.db.transaction(SYSTEM) as tx:
        await oncall.set_fallback(tx, person_id=dana.id)
    await crew.policy((0, "Bob"), (10, "Bea"))
    await crew.start()
    await crew.pass_minutes(19)
    assert crew.said(RunExhausted) == []
    await crew.pass_minutes(1)
    assert [f.to for f in crew.said(FallbackAlarmed)] == ["Dana"]
    assert crew.paged() == ["Bob", "Bea", "Dana"]
    async with crew.db.transaction(SYSTEM) as tx:
        assert [r.incident for r in await oncall.unanswered(tx)] == [1]
    assert await crew.orphans() == []
    await crew.stop("Bob")
    async with crew.db.transaction(SYSTEM) as tx:
        assert await oncall.unanswered(tx) == []


async def test_without_a_policy_the_fallback_is_told_at_once(crew: Any) -> None:
    async with crew.db.transaction(SYSTEM) as tx:
        await oncall.set_fallback(tx, address="desk@example.org")
    await crew.start()
    await crew.settle()
    assert [f.why for f in crew.said(NobodyToPage)] == [Why.NO_POLICY]
    assert [m.address for m in crew.phones["email"].received] == ["desk@example.org"]
    assert (await crew.run()).state is RunState.EXHAUSTED
    assert await crew.orphans() == []


async def test_without_a_fallback_the_administrators_are_told(crew: Any) -> None:
    await crew.person("Ada", access.Role.ADMIN)
    await crew.start()
    await crew.settle()
    assert crew.paged() == ["Ada"]


async def test_hearing_of_an_incident_twice_starts_one_run(crew: Any) -> None:
    await crew.policy((0, "Bob"))
    await asyncio.gather(*(crew.start() for _ in range(5)))
    await crew.settle()
    assert crew.paged() == ["Bob"]
    async with crew.db.transaction(SYSTEM) as tx:
        assert len(await oncall.runs_of(tx, 1)) == 1


async def test_an_edited_policy_does_not_move_what_is_under_way(crew: Any) -> None:
    await crew.policy((0, "Bob"), (10, "Bea"))
    await crew.start()
    cy = await crew.person("Cy")
    async with crew.db.transaction(SYSTEM) as tx:
        await oncall.change_policy(
            tx, "main", name="main", steps=[{"after_minutes": 0, "targets": [("person", cy.id)]}]
        )
    await crew.pass_minutes(10)
    assert crew.paged() == ["Bob", "Bea"]
    await crew.stop()
    await crew.start(because=Why.REOPENED)
    await crew.settle()
    assert crew.paged() == ["Cy"]


async def test_opened_again_means_paged_again_and_the_old_pages_stay_void(crew: Any) -> None:
    await crew.policy((0, "Bob"), (30, "Bea"))
    await crew.start()
    await crew.settle()
    await crew.stop("Bob")
    await crew.start(because=Why.REOPENED)
    await crew.settle()
    assert crew.paged() == ["Bob", "Bob"]
    assert crew.said(PersonPaged)[-1].why is Why.REOPENED
    async with crew.db.transaction(SYSTEM) as tx:
        first, second = [view.page for view in await notify.pages_of(tx, 1)]
    assert (first.live, second.live) == (False, True)
    assert second.epoch > first.epoch


# -- escalation


async def test_escalating_by_hand_goes_to_the_next_step_now_and_the_wait_begins_anew(crew: Any) -> None:
    await crew.policy((0, "Bob"), (30, "Bea"), (30, "Cy"))
    await crew.start()
    await crew.pass_minutes(5)
    async with crew.db.transaction(crew.actor("Bob")) as tx:
        await oncall.escalate(tx, 1)
    await crew.pass_minutes(29)
    assert crew.paged() == ["Bob", "Bea"]
    await crew.pass_minutes(1)
    assert crew.paged() == ["Cy"]
    assert crew.said(PersonPaged)[1].why is Why.ESCALATED_BY_PERSON


async def test_an_answered_incident_is_escalated_behind_the_step_that_answered(crew: Any) -> None:
    await crew.policy((0, "Bob"), (30, "Bea"), (30, "Cy"))
    await crew.start()
    await crew.settle()
    await crew.stop("Bob")
    async with crew.db.transaction(crew.actor("Bob")) as tx:
        await oncall.escalate(tx, 1)
    await crew.settle()
    assert crew.paged() == ["Bob", "Bea"]
    await crew.stop("Bea")
    await crew.pass_minutes(600)
    assert crew.paged() == []


async def test_escalating_to_a_person_pages_that_person_and_then_goes_on(crew: Any) -> None:
    await crew.policy((0, "Bob"), (30, "Bea"))
    eve = await crew.person("Eve")
    await crew.start()
    await crew.settle()
    async with crew.db.transaction(crew.actor("Bob")) as tx:
        await oncall.escalate(tx, 1, to_person=eve.id)
    await crew.pass_minutes(30)
    assert crew.paged() == ["Bob", "Eve", "Bea"]
    assert await crew.orphans() == []


async def test_escalating_to_another_policy_pages_by_it(crew: Any) -> None:
    await crew.policy((0, "Bob"))
    await crew.policy((0, "Eve"), key="other")
    await crew.start()
    async with crew.db.transaction(SYSTEM) as tx:
        await oncall.escalate(tx, 1, to_policy="other")
    await crew.settle()
    assert crew.paged() == ["Eve"], "Bob's page was void before it left"


async def test_a_viewer_may_not_escalate_and_nothing_without_a_run_is_escalated(crew: Any) -> None:
    await crew.person("Vi", access.Role.VIEWER)
    async with crew.db.transaction(crew.actor("Vi")) as tx:
        with pytest.raises(Refused, match="may"):
            await oncall.escalate(tx, 1)
    async with crew.db.transaction(SYSTEM) as tx:
        with pytest.raises(Refused, match="ever paged"):
            await oncall.escalate(tx, 77)


# -- pages that reach nobody


async def test_a_page_that_reaches_nobody_moves_the_run_on_at_once(crew: Any) -> None:
    await crew.policy((0, "Bob"), (30, "Bea"))
    await crew.person("Bob")
    crew.phones["sandbox"].broken["Bob"] = NEVER
    await crew.start()
    await crew.settle()
    assert crew.paged() == ["Bea"]
    assert crew.said(PersonPaged)[-1].why is Why.NOT_REACHED
    assert await crew.orphans() == []


async def test_one_of_two_reached_is_enough_to_wait(crew: Any) -> None:
    await crew.policy((0, "Bob Cy"), (30, "Bea"))
    crew.phones["sandbox"].broken["Bob"] = NEVER
    await crew.start()
    await crew.settle()
    assert crew.paged() == ["Cy"]


async def test_when_nobody_can_be_reached_at_all_the_fallback_is_told_now(crew: Any) -> None:
    async with crew.db.transaction(SYSTEM) as tx:
        await oncall.set_fallback(tx, address="desk@example.org")
    await crew.policy((0, "Bob"), (30, "Bea"), repeat=20)
    crew.phones["sandbox"].broken.update(Bob=NEVER, Bea=NEVER)
    await crew.start()
    await crew.settle()
    assert [m.address for m in crew.phones["email"].received] == ["desk@example.org"]
    assert (await crew.run()).why == Why.NOT_REACHED
    assert await crew.orphans() == []


# -- nothing is lost


async def test_a_stale_timer_does_nothing(crew: Any) -> None:
    await crew.policy((0, "Bob"), (30, "Bea"))
    run = await crew.start()
    for turn, epoch in ((run.turn - 1, run.epoch), (run.turn, run.epoch - 1), (run.turn + 1, run.epoch)):
        async with crew.db.transaction(SYSTEM) as tx:
            await runs.step_due(tx, run.id, turn, epoch)
    async with crew.db.transaction(SYSTEM) as tx:
        await runs.step_due(tx, 999, 1, 1)
    await crew.settle()
    assert crew.paged() == ["Bob"]


async def test_a_run_that_lost_its_timer_is_found_set_going_and_told(crew: Any) -> None:
    await crew.person("Ada", access.Role.ADMIN)
    await crew.policy((0, "Bob"), (30, "Bea"), (30, "Cy"))
    run = await crew.start()
    await crew.settle()
    crew.paged()
    async with crew.db.transaction(SYSTEM) as tx:
        await tx.execute("delete from timer")
    assert await crew.orphans() == [run.id]
    async with crew.db.transaction(SYSTEM) as tx:
        assert await oncall.guard_orphans(tx) == [run.id]
    assert await crew.orphans() == []
    await crew.settle()
    assert sorted(crew.paged()) == ["Ada", "Bea"]
    async with crew.db.transaction(SYSTEM) as tx:
        await tx.execute("update timer set quarantined_at = due_at")
    assert await crew.orphans() == [run.id]
    async with crew.db.transaction(SYSTEM) as tx:
        await oncall.guard_orphans(tx)
    await crew.settle()
    assert crew.paged() == ["Cy"], "the alarm about a lost timer is raised once for each run"


async def test_an_end_without_an_alarm_is_an_orphan_too(crew: Any) -> None:
    await crew.person("Ada", access.Role.ADMIN)
    run = await crew.start()
    async with crew.db.transaction(SYSTEM) as tx:
        await tx.execute("update paging_run set alarmed_at = null")
        assert await oncall.orphans(tx) == [run.id]
        await oncall.guard_orphans(tx)
        assert await oncall.orphans(tx) == []


async def test_answering_races_with_the_next_step(crew: Any) -> None:
    """Whoever comes first, no page of the run can be claimed once the answer is committed, and nothing is orphaned."""
    await crew.policy((0, "Bob"), (30, "Bea"), repeat=2)
    rng = random.Random(3)
    outcomes = {"paged": 0, "silent": 0}
    for incident in range(1, 61):
        run = await crew.start(incident)

        async def fire(run: Any, pause: int) -> None:
            for _ in range(pause):
                await asyncio.sleep(0)
            async with crew.db.transaction(SYSTEM) as tx:
                await runs.step_due(tx, run.id, run.turn, run.epoch)

        async def answer(incident: int, pause: int) -> None:
            for _ in range(pause):
                await asyncio.sleep(0)
            await crew.stop("Bob", incident)

        await asyncio.gather(fire(run, rng.randrange(30)), answer(incident, rng.randrange(30)))
        async with crew.db.transaction(SYSTEM) as tx:
            views = await notify.pages_of(tx, incident)
        assert (await crew.run(incident)).state is RunState.ACKNOWLEDGED
        assert not any(view.page.live for view in views)
        outcomes["paged" if len(views) > 1 else "silent"] += 1
    await crew.settle()
    assert crew.paged() == []
    assert await crew.orphans() == []
    assert min(outcomes.values()) > 3, outcomes


async def test_random_acts_never_orphan_a_run(crew: Any) -> None:
    """The invariant after every act of a random life, with people coming, going and being unreachable."""
    names = ["Bob", "Bea", "Cy", "Dee"]
    await crew.person("Ada", access.Role.ADMIN)
    for name in names:
        await crew.person(name)
    await crew.policy((0, "Bob"), (5, "Bea Cy"), (10, "Dee"), repeat=2)
    rng = random.Random(11)
    for turn in range(80):
        incident = rng.randrange(1, 4)
        match rng.randrange(6):
            case 0:
                await crew.start(incident)
            case 1:
                await crew.stop(rng.choice(names), incident)
            case 2:
                async with crew.db.transaction(SYSTEM) as tx:
                    if await oncall.runs_of(tx, incident):
                        await oncall.escalate(tx, incident, to_person=rng.choice([None, crew.people["Cy"].id]))
            case 3:
                name = rng.choice(names)
                broken = crew.phones["sandbox"].broken
                broken.pop(name) if name in broken else broken.update({name: NEVER})
            case 4:
                async with crew.db.transaction(SYSTEM) as tx:
                    person = await access.person(tx, crew.people[rng.choice(names)].id)
                    await access.update_person(tx, person.id, active=not person.active)
            case _:
                await crew.pass_minutes(rng.randrange(1, 20))
        assert await crew.orphans() == [], f"after act {turn}"


# -- looking ahead


async def test_the_dry_run_foretells_what_then_happens(crew: Any) -> None:
    async with crew.db.transaction(SYSTEM) as tx:
        await oncall.create_schedule(tx, key="day", name="Day", time_zone="Europe/Berlin")
    bob, bea = await crew.person("Bob"), await crew.person("Bea")
    async with crew.db.transaction(SYSTEM) as tx:
        await oncall.add_rotation(
            tx, "day", name="turns", kind="daily", starts_on=date(2026, 5, 1), hands_over_at=time(10, 15),
            people=[bob.id, bea.id],
        )  # fmt: skip
        await oncall.create_schedule(tx, key="empty", name="Empty", time_zone="UTC")
    await crew.policy((0, "@day"), (20, "@empty"), (10, "@day"), repeat=2)
    async with crew.db.transaction(SYSTEM) as tx:
        foretold = await oncall.dry_run(tx, "payments", crew.clock.now())
    await crew.start()
    await crew.pass_minutes(180)
    async with crew.db.transaction(SYSTEM) as tx:
        lived = [v.page for v in await notify.pages_of(tx, 1)]
    first = lived[0].created_at
    assert [(s.after_minutes, p.name) for s in foretold[:-1] for p in s.people] == [
        ((page.created_at - first).total_seconds() / 60, page.person_name) for page in lived
    ]
    assert len({page.person_name for page in lived}) == 2, "the turn changes while nobody answers"
    assert foretold[-1].why == Why.EXHAUSTED
    assert any("Empty" in text for s in foretold for text in s.skipped)
    assert [s.after_minutes for s in foretold] == sorted(s.after_minutes for s in foretold)


async def test_what_comes_next_for_a_live_run(crew: Any) -> None:
    await crew.policy((0, "Bob"), (30, "Bea"))
    await crew.start()
    await crew.pass_minutes(10)
    async with crew.db.transaction(SYSTEM) as tx:
        coming = await oncall.upcoming(tx, 1)
    assert (coming[0].after_minutes, [p.name for p in coming[0].people]) == (20, ["Bea"])


async def test_the_departure_board_names_who_until_when_and_who_next(crew: Any) -> None:
    bob, bea = await crew.person("Bob"), await crew.person("Bea")
    async with crew.db.transaction(SYSTEM) as tx:
        await oncall.create_schedule(tx, key="week", name="Week", time_zone="Europe/Berlin")
        await oncall.create_schedule(tx, key="zero", name="Zero", time_zone="UTC")
        await oncall.add_rotation(
            tx, "week", name="turns", kind="weekly", starts_on=date(2026, 6, 1), hands_over_at=time(9),
            people=[bob.id, bea.id],
        )  # fmt: skip
        await oncall.add_override(
            tx, "week", person_id=bea.id, starts_at=datetime(2026, 6, 1, 12, tzinfo=UTC),
            ends_at=datetime(2026, 6, 1, 18, tzinfo=UTC), reason="dentist",
        )  # fmt: skip
        week, zero = await oncall.now(tx)
        assert (week.person_name, week.shift.ends_at.hour, week.next_name) == ("Bob", 12, "Bea")
        assert (zero.person_name, zero.shift.person_id) == (None, None)
        view = await oncall.schedule(tx, "week")
        assert (len(view.rotations), len(view.overrides)) == (1, 1)
        at = await oncall.on_call(tx, week.schedule.id, datetime(2026, 6, 1, 13, tzinfo=UTC))
        assert (at.person_id, at.why) == (bea.id, "override: dentist")
        await oncall.remove_override(tx, view.overrides[0].id)
        at = await oncall.on_call(tx, week.schedule.id, datetime(2026, 6, 1, 13, tzinfo=UTC))
        assert (at.person_id, at.ends_at) == (bob.id, datetime(2026, 6, 8, 7, tzinfo=UTC))


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"steps": []}, "steps"),
        ({"steps": [{"after_minutes": 0, "targets": []}]}, "steps.1.targets"),
        ({"steps": [{"after_minutes": -1, "targets": [("team", "x")]}]}, "steps.1.after_minutes"),
        ({"steps": [{"after_minutes": 0, "targets": [("robot", "x")]}]}, "steps.1.targets"),
        ({"steps": [{"after_minutes": 0, "targets": [("person", "nobody@example.org")]}], "repeat": 99}, "repeat"),
    ],
)
async def test_a_policy_that_makes_no_sense_is_refused_by_field(crew: Any, words: dict[str, Any], field: str) -> None:
    async with crew.db.transaction(SYSTEM) as tx:
        with pytest.raises(Invalid) as wrong:
            await oncall.create_policy(tx, key="p", name="p", **words)
    assert field in [problem.field for problem in wrong.value.problems]


async def test_only_some_may_change_who_is_on_call(crew: Any) -> None:
    await crew.person("Bob")
    async with crew.db.transaction(crew.actor("Bob")) as tx:
        with pytest.raises(Refused):
            await oncall.create_schedule(tx, key="x", name="x")
        with pytest.raises(Refused):
            await oncall.set_fallback(tx, address="a@example.org")


async def test_reactions_ignore_service_requests(crew: Any) -> None:
    class Fact:
        number, kind, service_id, title, priority, urgency = 5, "service request", None, "New laptop", "P4", "low"
        category, drill, summary = "triage", False, ""

    async with crew.db.transaction(SYSTEM) as tx:
        await reactions.start_run(tx, Fact())  # type: ignore[arg-type]
        assert await run_store.runs_of(tx, 5) == []
