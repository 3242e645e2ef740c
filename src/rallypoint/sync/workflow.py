"""The next step towards a wanted status over the transitions a tool allows, with required fields filled; or why not."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rallypoint.sync.model import Transition, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Take this transition now, with these fields. `final` if it leads to the wanted status."""

    transition: Transition
    fields: Mapping[str, Value] = field(default_factory=dict)
    final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """There is no way now. `reason` is a sentence; `missing` are the fields whose filling would open one."""

    reason: str
    missing: tuple[str, ...] = ()


def next_move(
    now: str,
    wanted: str,
    allowed: Sequence[Transition],
    *,
    known: Iterable[Transition] = (),
    fill: Mapping[str, Value] | None = None,
    longest: int = 4,
) -> Move | Blocked:
    """The first step of a shortest path from `now` to `wanted`.

    `allowed` are the steps open now, for our account; `known` all steps ever learned, which only tell how it goes on.
    A step whose required fields `fill` does not hold is no step. Equal lengths: the lower transition id.
    """
    filling = fill or {}
    first = sorted((one for one in allowed if one.to != now and not unfilled(one, filling)), key=lambda one: one.id)
    beyond: dict[str, list[Transition]] = {}
    for one in sorted(known, key=lambda one: one.id):
        if not unfilled(one, filling):
            beyond.setdefault(one.source, []).append(one)
    anywhere = beyond.get("", [])
    queue = deque((step.to, step, 1) for step in first)
    seen = {now}
    while queue:
        status, step, length = queue.popleft()
        if status == wanted:
            return Move(transition=step, fields=_needed(step, filling), final=length == 1)
        if status in seen or length >= longest:
            continue
        seen.add(status)
        queue.extend((onward.to, step, length + 1) for onward in (*beyond.get(status, ()), *anywhere))
    return _blocked(now, wanted, allowed, filling)


def unfilled(transition: Transition, fill: Mapping[str, Value]) -> tuple[str, ...]:
    """The ids of required fields that nothing fills."""
    return tuple(one.id for one in transition.required if fill.get(one.id) in (None, "", ()))


def _needed(transition: Transition, fill: Mapping[str, Value]) -> dict[str, Value]:
    return {one.id: fill[one.id] for one in transition.required}


def _blocked(now: str, wanted: str, allowed: Sequence[Transition], fill: Mapping[str, Value]) -> Blocked:
    direct = next((one for one in allowed if one.to == wanted), None)
    if direct is not None:
        missing = unfilled(direct, fill)
        names = ", ".join(one.name for one in direct.required if one.id in missing)
        return Blocked(reason=f"{direct.name} needs {names}, which the mapping does not fill.", missing=missing)
    if not allowed:
        return Blocked(reason=f"The tool allows our account no step from {now}.")
    steps = ", ".join(sorted({one.to for one in allowed}))
    return Blocked(reason=f"No way from {now} to {wanted} is known; the tool allows {steps} now.")
