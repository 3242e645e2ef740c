"""A schedule's weeks as rows of stretches on a grid of half hours, in the viewer's zone. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from rallypoint.oncall import Shift

CELL = timedelta(hours=1)
PER_DAY = 24
FARTHEST = timedelta(days=20 * 365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """`cells` hours of one person; `kind` is you, past, a, b, gap or none."""

    cells: int
    kind: str
    name: str = ""
    title: str = ""
    override: bool = False
    starts_day: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    day: date
    today: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    days: tuple[Day, ...]
    stretches: tuple[Stretch, ...]
    now: float | None
    """Where now lies in the week, in percent; None when it lies elsewhere."""


def monday(asked: str | None, today: date) -> date:
    try:
        found = date.fromisoformat(asked) if asked else today
    except ValueError:
        found = today
    if abs(found - today) > FARTHEST:
        found = today
    return found - timedelta(days=found.weekday())


def next_sunday_at_three(now: datetime, zone: ZoneInfo) -> datetime:
    """The question of the first ten minutes: Sunday 03:00, on the viewer's wall clock."""
    local = now.astimezone(zone)
    sunday = local.date() + timedelta(days=(6 - local.weekday()) % 7)
    found = datetime.combine(sunday, time(3), zone)
    return (found if found > local else datetime.combine(sunday + timedelta(weeks=1), time(3), zone)).astimezone(UTC)


def weeks(
    shifts: Sequence[Shift],
    first: date,
    count: int,
    zone: ZoneInfo,
    *,
    now: datetime,
    me: int | None,
    names: Mapping[int, str],
) -> tuple[Week, ...]:
    turns: dict[int, str] = {}
    for shift in shifts:
        if shift.person_id is not None and shift.person_id != me:
            turns.setdefault(shift.person_id, "ab"[len(turns) % 2])
    return tuple(_week(shifts, first + timedelta(weeks=n), zone, now, me, names, turns) for n in range(count))


def _week(
    shifts: Sequence[Shift],
    start: date,
    zone: ZoneInfo,
    now: datetime,
    me: int | None,
    names: Mapping[int, str],
    turns: Mapping[int, str],
) -> Week:
    begin = datetime.combine(start, time(), zone).astimezone(UTC)
    end = datetime.combine(start + timedelta(days=7), time(), zone).astimezone(UTC)
    whole = 7 * PER_DAY

    def cell(at: datetime) -> int:
        """Which hour of the week, on the wall clock: a day of 23 or 25 hours still has 24 columns."""
        local = at.astimezone(zone)
        hours = (local.date() - start).days * PER_DAY + local.hour + (1 if local.minute >= 30 else 0)
        return min(max(hours, 0), whole)

    stretches: list[Stretch] = []
    at = 0
    for shift in shifts:
        a, b = cell(max(shift.starts_at, begin)), cell(min(shift.ends_at, end)) if shift.ends_at < end else whole
        if shift.ends_at <= begin or shift.starts_at >= end or b <= max(a, at):
            continue
        if a > at:
            stretches.append(Stretch(cells=a - at, kind="none"))
        a = max(a, at)
        name = names.get(shift.person_id, "somebody") if shift.person_id is not None else "Nobody"
        kind = (
            "gap"
            if shift.person_id is None
            else "past"
            if shift.ends_at <= now
            else "you"
            if shift.person_id == me
            else turns.get(shift.person_id, "a")
        )
        both = f"{shift.starts_at.astimezone(zone):%a %H:%M} to {shift.ends_at.astimezone(zone):%a %H:%M}"
        stretches.append(
            Stretch(
                cells=b - a,
                kind=kind,
                name=name,
                title=f"{name}, {both} ({shift.why})",
                override=shift.override_id is not None,
            )
        )
        at = b
    if at < whole:
        stretches.append(Stretch(cells=whole - at, kind="none"))
    today = now.astimezone(zone).date()
    days = tuple(Day(day=start + timedelta(days=n), today=start + timedelta(days=n) == today) for n in range(7))
    share = (now - begin) / (end - begin) if begin <= now < end else None
    return Week(days=days, stretches=tuple(stretches), now=None if share is None else round(share * 100, 2))
