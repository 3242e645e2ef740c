"""The next act of a paging run: tables, and laws over random policies."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rallypoint.oncall.model import (
    NO_POLICY,
    About,
    EscalationPolicy,
    PagingRun,
    PolicyStep,
    RunState,
    Target,
    TargetKind,
)
from rallypoint.oncall.rules import Answer, OnCall, Paged, Step, after, begin, last_wait, next_step, walk
from rallypoint.oncall.why import Why, paged, skipped

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
BOB, BEA, CY = (Target(kind=TargetKind.PERSON, id=n, name=name) for n, name in ((1, "Bob"), (2, "Bea"), (3, "Cy")))
NIGHT = Target(kind=TargetKind.SCHEDULE, id=9, name="Night")


def policy(*steps: tuple[int, tuple[Target, ...]], repeat: int = 1, last: int = 5) -> EscalationPolicy:
    made = tuple(PolicyStep(position=n, after_minutes=m, targets=t) for n, (m, t) in enumerate(steps, start=1))
    return EscalationPolicy(
        id=1, key="p", name="p", team_id=None, repeat=repeat, last_wait_minutes=last, steps=made
    )  # fmt: skip


def run(of: EscalationPolicy, **changes: object) -> PagingRun:
    fresh = PagingRun(
        id=1, incident=42, state=RunState.RUNNING, epoch=1, turn=0, step=0, cycle=1, paged=(), heard=False, policy=of,
        about=About(title="t", priority="P1", urgency="high"), why="", started_at=NOW, wake_at=NOW, alarmed_at=None,
        ended_at=None,
    )  # fmt: skip
    return replace(fresh, **changes)  # type: ignore[arg-type]


def there(*targets: Target) -> OnCall:
    """These answer for themselves."""
    return {t: Answer(people=(Paged(person_id=t.id, name=t.name, through="named"),)) for t in targets}


def minutes(step: Step) -> float | None:
    return None if step.wake_at is None else (step.wake_at - NOW).total_seconds() / 60


ONE_TWO = policy((0, (BOB,)), (30, (BEA,)))

TABLE = [
    # what is asked, run so far, who is there -> why, who, minutes until the next look, step, cycle
    ("the first step", ONE_TWO, {}, there(BOB, BEA), Why.FIRST_STEP, [1], 30, 1, 1),
    ("the second in time", ONE_TWO, {"step": 1, "heard": True}, there(BOB, BEA), Why.STEP_TIMED_OUT, [2], 5, 2, 1),
    ("the end", ONE_TWO, {"step": 2, "heard": True, "paged": (1, 2)}, there(BOB, BEA), Why.EXHAUSTED, [], None, 2, 1),
    ("again", replace(ONE_TWO, repeat=2), {"step": 2, "heard": True, "paged": (1, 2)}, there(BOB, BEA),
     Why.REPEATED, [1], 30, 1, 2),
    ("nobody on call", ONE_TWO, {}, there(BEA), Why.NOBODY_ON_CALL, [], 0, 1, 1),
    ("after an empty step", ONE_TWO, {"step": 1}, there(BEA), Why.AFTER_EMPTY_STEP, [2], 5, 2, 1),
    ("nobody at all", ONE_TWO, {"step": 2}, {}, Why.NOBODY_AT_ALL, [], None, 2, 1),
    ("nobody at all is not repeated", replace(ONE_TWO, repeat=9), {"step": 2}, {}, Why.NOBODY_AT_ALL, [], None, 2, 1),
    ("no policy", NO_POLICY, {}, {}, Why.NO_POLICY, [], None, 0, 1),
    ("all targets at once", policy((0, (BOB, BEA, CY))), {}, there(BOB, BEA, CY), Why.FIRST_STEP, [1, 2, 3], 5, 1, 1),
    ("the last step waits as it says", policy((0, (BOB,)), last=12), {}, there(BOB), Why.FIRST_STEP, [1], 12, 1, 1),
    ("before it begins again it waits both", policy((3, (BOB,)), repeat=2, last=12), {}, there(BOB),
     Why.FIRST_STEP, [1], 15, 1, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "of", "so_far", "on_call", "why", "who", "wait", "step", "cycle"), TABLE, ids=[t[0] for t in TABLE]
)
def test_next_step(
    name: str, of: EscalationPolicy, so_far: dict[str, object], on_call: OnCall, why: Why, who: list[int],
    wait: float | None, step: int, cycle: int,
) -> None:  # fmt: skip
    found = next_step(run(of, **so_far), of, on_call, now=NOW)
    assert (found.why, [p.person_id for p in found.targets], minutes(found), found.step, found.cycle) == (
        why, who, wait, step, cycle,
    )  # fmt: skip


def test_whoever_asks_before_the_time_gives_the_reason() -> None:
    found = next_step(run(ONE_TWO, step=1, heard=True), ONE_TWO, there(BEA), now=NOW, because=Why.ESCALATED_BY_PERSON)
    assert (found.why, found.targets[0].name) == (Why.ESCALATED_BY_PERSON, "Bea")


def test_a_person_behind_two_targets_is_paged_once() -> None:
    of = policy((0, (BOB, NIGHT)))
    on_call = {**there(BOB), NIGHT: Answer(people=(Paged(person_id=1, name="Bob", through="on call for Night"),))}
    found = next_step(run(of), of, on_call, now=NOW)
    assert [p.person_id for p in found.targets] == [1]


def test_an_empty_step_names_what_was_empty_and_who_was_left_out() -> None:
    of = policy((0, (BOB, NIGHT)))
    on_call = {
        BOB: Answer(why=Why.NOBODY_ACTIVE, detail="Bob", left_out=("Bob",)),
        NIGHT: Answer(why=Why.NOBODY_ON_CALL, detail="Night: nobody is on call"),
    }
    found = next_step(run(of), of, on_call, now=NOW)
    assert (found.why, found.detail, found.left_out) == (Why.NOBODY_ACTIVE, "Bob; Night: nobody is on call", ("Bob",))


def test_a_first_step_may_have_a_wait_before_it() -> None:
    assert begin(policy((7, (BOB,))), now=NOW) == NOW + timedelta(minutes=7)
    assert begin(NO_POLICY, now=NOW) == NOW


def test_empty_steps_are_passed_over_at_one_instant() -> None:
    of = policy((0, (NIGHT,)), (30, (NIGHT,)), (30, (BEA,)))
    acts = list(walk(run(of), of, there(BEA), now=NOW))
    assert [(a.why, a.step) for a in acts] == [
        (Why.NOBODY_ON_CALL, 1), (Why.NOBODY_ON_CALL, 2), (Why.AFTER_EMPTY_STEP, 3),
    ]  # fmt: skip


def test_without_a_word_the_last_step_waits_as_long_as_the_longest() -> None:
    assert last_wait([0, 30, 10]) == 30
    assert last_wait([0]) == 5


def test_reasons_make_sentences() -> None:
    assert paged("Bea Lund", Why.STEP_TIMED_OUT) == "Bea Lund was paged: nobody acknowledged in time."
    assert skipped(2, Why.NOBODY_ON_CALL) == "Step 2 was skipped: nobody is on call for this step."
    assert all(str(why)[0].islower() and not str(why).endswith(".") for why in Why)


steps = st.lists(
    st.tuples(st.integers(0, 60), st.lists(st.sampled_from([BOB, BEA, CY, NIGHT]), max_size=3).map(tuple)),
    max_size=5,
)
policies = st.builds(lambda s, r, w: policy(*s, repeat=r, last=w), steps, st.integers(1, 4), st.integers(1, 30))
present = st.sets(st.sampled_from([BOB, BEA, CY, NIGHT])).map(lambda found: there(*found))


def live(of: EscalationPolicy, on_call: OnCall) -> list[tuple[datetime, Step]]:
    """A whole run in which nobody ever answers."""
    current, at, acts = run(of), begin(of, now=NOW), []
    while True:
        for act in walk(current, of, on_call, now=at):
            acts.append((at, act))
            current = after(current, act)
        if current.wake_at is None:
            return acts
        at = current.wake_at


@given(of=policies, on_call=present)
@settings(max_examples=400, deadline=None)
def test_every_run_ends_and_pages_everybody_it_can(of: EscalationPolicy, on_call: OnCall) -> None:
    acts = live(of, on_call)
    assert acts[-1][1].over
    assert not any(act.over for _, act in acts[:-1])
    reached = {person.person_id for _, act in acts for person in act.targets}
    assert reached == {t.id for s in of.steps for t in s.targets if t in on_call}
    assert (acts[-1][1].why is Why.EXHAUSTED) == bool(reached)


@given(of=policies, on_call=present)
@settings(max_examples=400, deadline=None)
def test_time_never_runs_back_and_only_empty_steps_follow_at_once(of: EscalationPolicy, on_call: OnCall) -> None:
    acts = live(of, on_call)
    for (at, act), (later, _) in pairwise(acts):
        assert later >= at
        if not act.targets:
            assert later == at


@given(of=policies, on_call=present)
@settings(max_examples=400, deadline=None)
def test_each_pass_pages_each_step_once(of: EscalationPolicy, on_call: OnCall) -> None:
    seen = [(act.cycle, act.step) for _, act in live(of, on_call) if not act.over]
    assert len(seen) == len(set(seen))
    assert max((cycle for cycle, _ in seen), default=1) <= of.repeat


@given(of=policies, on_call=present)
@settings(max_examples=200, deadline=None)
def test_a_second_pass_says_that_it_repeats(of: EscalationPolicy, on_call: OnCall) -> None:
    assert all((act.why is Why.REPEATED) == (act.cycle > 1) for _, act in live(of, on_call) if act.targets)
