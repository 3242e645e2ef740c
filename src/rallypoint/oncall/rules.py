"""The next act of a paging run. Pure: the engine, the dry run, simulations and tests all ask `next_step`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rallypoint.oncall.model import EscalationPolicy, PagingRun, PolicyStep, Target
from rallypoint.oncall.why import Why

LAST_WAIT_MINUTES = 5
"""The least a policy waits after its last step, unless it says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged:
    """Somebody to page, and what made it them: "on call for Commerce, first line (rotation weekly)"."""

    person_id: int
    name: str
    through: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Who answers for one target at an instant; without people, `why` and `detail` say why nobody does.

    `left_out` names people who would answer but whose account is switched off.
    """

    people: tuple[Paged, ...] = ()
    why: Why | None = None
    detail: str = ""
    left_out: tuple[str, ...] = ()


OnCall = Mapping[Target, Answer]
"""Who answers for each target of a policy, at one instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One act. With targets: page them, look again at `wake_at`. Without: nothing to do here, `wake_at` is now for
    "go on at once", later for "wait", and None when the run is over."""

    why: Why
    targets: tuple[Paged, ...]
    wake_at: datetime | None
    step: int
    cycle: int
    detail: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        return self.wake_at is None


def begin(policy: EscalationPolicy, *, now: datetime) -> datetime:
    """When a new run looks at its first step: a first step may have a wait before it."""
    wait = policy.steps[0].after_minutes if policy.steps else 0
    return now + timedelta(minutes=wait)


def next_step(
    run: PagingRun, policy: EscalationPolicy, on_call: OnCall, *, now: datetime, because: Why | None = None
) -> Step:
    """What the run does now. `because` is why it is asked before its time: by hand, or because nobody was reached.

    A step without anybody is skipped at once, and says so. After the last step the policy begins again until it ran
    `repeat` times; a pass that found nobody is not repeated, since asking again at once finds nobody again.
    """
    step, cycle = run.step + 1, run.cycle
    if step > len(policy.steps):
        if cycle >= policy.repeat or not run.heard:
            return Step(why=_end(run, policy), targets=(), wake_at=None, step=run.step, cycle=cycle)
        step, cycle = 1, cycle + 1
    people, empty, left_out = _who(policy.steps[step - 1], on_call)
    if not people:
        why, detail = empty
        return Step(why=why, detail=detail, targets=(), wake_at=now, step=step, cycle=cycle, left_out=left_out)
    why = because or _reason(run, step, cycle)
    wake_at = now + timedelta(minutes=wait_after(policy, step, cycle))
    return Step(why=why, targets=people, wake_at=wake_at, step=step, cycle=cycle, left_out=left_out)


def after(run: PagingRun, step: Step) -> PagingRun:
    """The run once the act is done: for the store, the dry run and simulations alike."""
    began_again = step.cycle != run.cycle
    return replace(
        run,
        step=step.step,
        cycle=step.cycle,
        turn=run.turn + 1,
        paged=tuple(dict.fromkeys((*run.paged, *(person.person_id for person in step.targets)))),
        heard=bool(step.targets) or (run.heard and not began_again),
        why=str(step.why),
        wake_at=step.wake_at,
    )


def walk(
    run: PagingRun, policy: EscalationPolicy, on_call: OnCall, *, now: datetime, because: Why | None = None
) -> Iterator[Step]:
    """All acts that happen at this one instant: empty steps, then one that pages, or the end."""
    while True:
        step = next_step(run, policy, on_call, now=now, because=because)
        yield step
        if step.targets or step.over:
            return
        run = after(run, step)


def wait_after(policy: EscalationPolicy, step: int, cycle: int) -> int:
    """Minutes that a step is given to be answered."""
    if step < len(policy.steps):
        return policy.steps[step].after_minutes
    again = policy.steps[0].after_minutes if cycle < policy.repeat else 0
    return policy.last_wait_minutes + again


def last_wait(minutes: list[int]) -> int:
    """What the last step is given when a policy does not say: as long as the longest wait in it."""
    return max([LAST_WAIT_MINUTES, *minutes])


def _who(step: PolicyStep, on_call: OnCall) -> tuple[tuple[Paged, ...], tuple[Why, str], tuple[str, ...]]:
    """Everybody a step pages, each once; why nobody, where nobody; and who was left out."""
    people: dict[int, Paged] = {}
    empty: list[tuple[Why, str]] = []
    left_out: list[str] = []
    for target in step.targets:
        answer = on_call.get(target, Answer())
        for person in answer.people:
            people.setdefault(person.person_id, person)
        left_out.extend(answer.left_out)
        if not answer.people:
            empty.append((answer.why or Why.NOBODY_ON_CALL, answer.detail))
    why = empty[0][0] if empty else Why.NOBODY_IN_STEP
    detail = "; ".join(dict.fromkeys(detail for _, detail in empty if detail))
    return tuple(people.values()), (why, detail), tuple(dict.fromkeys(left_out))


def _reason(run: PagingRun, step: int, cycle: int) -> Why:
    if cycle > 1:
        return Why.REPEATED
    if not run.heard:
        return Why.FIRST_STEP if step == 1 else Why.AFTER_EMPTY_STEP
    return Why.STEP_TIMED_OUT


def _end(run: PagingRun, policy: EscalationPolicy) -> Why:
    if not policy.steps:
        return Why.NO_POLICY
    return Why.EXHAUSTED if run.paged else Why.NOBODY_AT_ALL
