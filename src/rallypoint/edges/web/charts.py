"""Geometry of the charts: x in percent, y in pixels, so words stay 12 px at any width. Pure; templates draw."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

TOP, FLOOR, HEIGHT = 24.0, 204.0, 232
LEFT, RIGHT = 6.0, 98.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One point to draw: its name under the axis, its middle, and the interval around it where one can be told."""

    name: str
    title: str
    middle: float
    low: float | None = None
    high: float | None = None
    p90: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    name: str
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    name: str
    title: str
    x: float
    y: float
    low: float | None
    high: float | None
    p90: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dots:
    finding: str
    grid: tuple[Line, ...]
    points: tuple[Point, ...]
    floor: float = FLOOR
    height: int = HEIGHT


def nice_step(largest: float, lines: int = 3) -> float:
    """A step of 1, 2 or 5 times a power of ten that gives about `lines` grid lines."""
    if largest <= 0:
        return 1.0
    rough = largest / lines
    power = 10 ** math.floor(math.log10(rough))
    return float(next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough))


def dots(samples: Sequence[Sample], finding: str, unit: str = "") -> Dots:
    """Medians as dots with their intervals; the axis starts at zero."""
    largest = max((value for s in samples for value in (s.middle, s.high, s.p90) if value is not None), default=1.0)
    step = nice_step(largest)
    steps = max(1, math.ceil(largest / step))
    top = step * steps

    def y(value: float) -> float:
        return round(FLOOR - (FLOOR - TOP) * min(value, top) / top, 1)

    def at(value: float | None) -> float | None:
        return None if value is None else y(value)

    apart = (RIGHT - LEFT) / max(1, len(samples))
    points = tuple(
        Point(
            name=s.name,
            title=s.title,
            x=round(LEFT + apart * (index + 0.5), 2),
            y=y(s.middle),
            low=at(s.low),
            high=at(s.high),
            p90=at(s.p90),
        )
        for index, s in enumerate(samples)
    )
    grid = tuple(Line(name=f"{step * n:g}{unit if n == steps else ''}", y=y(step * n)) for n in range(1, steps + 1))
    return Dots(finding=finding, grid=grid, points=points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share to draw against its goal, all between 0 and 1; `of` is how many were counted."""

    name: str
    of: int
    share: float | None
    low: float | None = None
    high: float | None = None
    goal: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRow:
    name: str
    title: str
    y: float
    x: float | None
    low: float | None
    high: float | None
    goal: float | None
    below: bool
    says: str
    under: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    finding: str
    grid: tuple[Line, ...]
    rows: tuple[ShareRow, ...]
    floor: float
    height: int


def shares(items: Sequence[Share], finding: str) -> Shares:
    """One row per item: a dot with its interval on a line from 0 to 100 percent."""

    def x(value: float | None) -> float | None:
        return None if value is None else round(10 + 68 * min(max(value, 0), 1), 2)

    def row(index: int, item: Share) -> ShareRow:
        below = item.share is not None and item.goal is not None and item.share < item.goal
        says = "not applicable" if item.share is None else f"{item.share:.0%}".replace("%", " %")
        under = f"n {item.of}" + (", below" if below else "")
        spread = "" if item.low is None or item.high is None else f", interval {item.low:.0%} to {item.high:.0%}"
        return ShareRow(
            name=item.name,
            title=f"{item.name}: {says} of {item.of}{spread}",
            y=20.0 + 40 * index,
            x=x(item.share),
            low=x(item.low),
            high=x(item.high),
            goal=x(item.goal),
            below=below,
            says=says,
            under=under,
        )

    floor = 40.0 * len(items) + 4
    grid = tuple(Line(name=f"{n}" + (" %" if n == 0 else ""), x=x(n / 100) or 0.0) for n in range(0, 101, 20))
    rows = tuple(row(index, item) for index, item in enumerate(items))
    return Shares(finding=finding, grid=grid, rows=rows, floor=floor, height=int(floor) + 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of the next hours: `kind` is you, 1, 2 (others by turns) or gap."""

    kind: str
    x: float
    width: float


def hours(
    shifts: Sequence[tuple[datetime, datetime, int | None]], start: datetime, end: datetime, me: int | None
) -> tuple[Segment, ...]:
    """Shifts (start, end, person or None for a gap) as segments of a 240 wide line."""
    whole = (end - start).total_seconds()
    greys: dict[int, str] = {}
    found = []
    for begin, until, person in shifts:
        a = max(0.0, (begin - start).total_seconds() / whole) * 240
        b = min(1.0, (until - start).total_seconds() / whole) * 240
        if b - a <= 0:
            continue
        if person is not None and person != me:
            greys.setdefault(person, "12"[len(greys) % 2])
        kind = "gap" if person is None else "you" if person == me else greys[person]
        found.append(
            Segment(kind=kind, x=round(a + (1 if a else 0), 1), width=round(max(b - a - (1 if a else 0), 0.5), 1))
        )
    return tuple(found)
