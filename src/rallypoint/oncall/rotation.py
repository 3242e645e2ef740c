"""Who is on call when: turns of a rotation, and overrides over them. Pure.

Rules are local: a date, a time of day and a zone. They become instants only here, the RFC 5545 way: a local time
that a clock change skips moves forward by the length of the gap, and one that happens twice means the first.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from rallypoint.oncall.model import Cadence, Override, Rotation, Shift

GAP = "nobody is on call"
WEEKS_DAYS = 7


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant of a local time. fold=0 is RFC 5545's choice: before a gap's jump, and the first of a repetition."""
    return datetime.combine(day, at, tzinfo=zone).replace(fold=0).astimezone(UTC)


def turn_days(rotation: Rotation) -> int:
    return rotation.length * rotation.kind.days


def anchor(rotation: Rotation) -> date:
    """The local date on which turn 0 begins: `starts_on`, or the hand-over weekday before it."""
    if rotation.kind is Cadence.DAILY:
        return rotation.starts_on
    return rotation.starts_on - timedelta(days=(rotation.starts_on.weekday() - rotation.weekday) % WEEKS_DAYS)


def first_instant(rotation: Rotation, zone: ZoneInfo) -> datetime:
    """When the rotation begins to cover anything."""
    return instant(rotation.starts_on, rotation.hands_over_at, zone)


def handover(rotation: Rotation, turn: int, zone: ZoneInfo) -> datetime:
    """When turn number `turn` begins."""
    return instant(anchor(rotation) + timedelta(days=turn * turn_days(rotation)), rotation.hands_over_at, zone)


def turn_at(rotation: Rotation, at: datetime, zone: ZoneInfo) -> int:
    """The turn that covers an instant. The local date is a first guess; a hand-over may lie an hour or a day beside."""
    turn = (at.astimezone(zone).date() - anchor(rotation)).days // turn_days(rotation)
    while handover(rotation, turn, zone) > at:
        turn -= 1
    while handover(rotation, turn + 1, zone) <= at:
        turn += 1
    return turn


def turns(rotation: Rotation, zone: ZoneInfo, since: datetime, until: datetime) -> Iterable[Shift]:
    """The turns between two instants, cut to them. Before the rotation's first instant there are none."""
    since = max(since, first_instant(rotation, zone))
    if since >= until:
        return
    turn = turn_at(rotation, since, zone)
    starts = since
    while starts < until:
        ends = min(handover(rotation, turn + 1, zone), until)
        if ends > starts:
            person = rotation.people[turn % len(rotation.people)]
            yield Shift(person_id=person, starts_at=starts, ends_at=ends, why=f"rotation {rotation.name}")
        starts, turn = max(starts, ends), turn + 1


def base(rotations: Sequence[Rotation], zone: ZoneInfo, since: datetime, until: datetime) -> list[Shift]:
    """What the rotations alone say, without a hole: the rotation that started last is in force, gaps are shifts too."""
    in_order = sorted(rotations, key=lambda r: (first_instant(r, zone), r.id))
    begins = [first_instant(rotation, zone) for rotation in in_order]
    found: list[Shift] = []
    at = since
    if not in_order or at < begins[0]:
        at = min(until, begins[0]) if in_order else until
        found.append(Shift(person_id=None, starts_at=since, ends_at=at, why=GAP))
    while at < until:
        here = bisect_right(begins, at) - 1
        ends = min(begins[here + 1], until) if here + 1 < len(begins) else until
        found.extend(turns(in_order[here], zone, at, ends))
        at = ends
    return found


def shifts(
    rotations: Sequence[Rotation], overrides: Iterable[Override], zone: ZoneInfo, since: datetime, until: datetime
) -> list[Shift]:
    """Who is on call from `since` to `until`: every instant exactly once, in order. Overrides win over rotations."""
    if since >= until:
        return []
    found = base(rotations, zone, since, until)
    for override in sorted(overrides, key=lambda o: o.id):
        found = _painted(found, override)
    return found


def _painted(found: list[Shift], override: Override) -> list[Shift]:
    """The shifts with one override laid over them."""
    starts, ends = max(override.starts_at, found[0].starts_at), min(override.ends_at, found[-1].ends_at)
    if starts >= ends:
        return found
    why = f"override: {override.reason}" if override.reason else "override"
    before = [_cut(s, s.starts_at, min(s.ends_at, starts)) for s in found if s.starts_at < starts]
    after = [_cut(s, max(s.starts_at, ends), s.ends_at) for s in found if s.ends_at > ends]
    mine = Shift(person_id=override.person_id, starts_at=starts, ends_at=ends, why=why, override_id=override.id)
    return [*before, mine, *after]


def _cut(shift: Shift, starts: datetime, ends: datetime) -> Shift:
    return Shift(
        person_id=shift.person_id, starts_at=starts, ends_at=ends, why=shift.why, override_id=shift.override_id
    )


def at_instant(
    rotations: Sequence[Rotation], overrides: Iterable[Override], zone: ZoneInfo, at: datetime, *, within: timedelta
) -> Shift:
    """The shift that covers `at`, as it is cut by overrides, looking at most `within` to either side."""
    for shift in shifts(rotations, overrides, zone, at - within, at + within):
        if shift.starts_at <= at < shift.ends_at:
            return shift
    return Shift(person_id=None, starts_at=at, ends_at=at, why=GAP)
