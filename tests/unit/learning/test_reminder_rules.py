"""When the owner of an action item is reminded, and in which words."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from rallypoint.learning import rules
from rallypoint.learning.model import ActionItem, Improves, ItemState
from rallypoint.learning.reminders import next_reminder, words

BERLIN, TONGA = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Tongatapu")
DUE = date(2026, 6, 30)


def item(**other: object) -> ActionItem:
    known: dict[str, object] = {
        "id": 1, "incident": 1, "title": "Alert on the pool", "improves": Improves.TOOLING, "owner_id": 7,
        "owner_name": "Bea", "due_on": DUE, "state": ItemState.OPEN, "reason": "",
        "created_at": datetime(2026, 6, 1, tzinfo=UTC), "created_by": "Bea", "finished_at": None, "finished_by": "",
    }  # fmt: skip
    return ActionItem(**(known | other))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("zone", "now", "at"),
    [
        (BERLIN, datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 27, 6, tzinfo=UTC)),
        (BERLIN, datetime(2026, 6, 27, 6, tzinfo=UTC), datetime(2026, 6, 30, 6, tzinfo=UTC)),
        (BERLIN, datetime(2026, 6, 28, tzinfo=UTC), datetime(2026, 6, 30, 6, tzinfo=UTC)),
        (BERLIN, datetime(2026, 6, 30, 6, tzinfo=UTC), None),
        (TONGA, datetime(2026, 6, 29, 18, tzinfo=UTC), datetime(2026, 6, 29, 19, tzinfo=UTC)),
        (TONGA, datetime(2026, 6, 29, 19, tzinfo=UTC), None),
    ],
)
def test_the_next_reminder_is_in_the_morning_of_the_owner(zone: ZoneInfo, now: datetime, at: datetime | None) -> None:
    assert next_reminder(DUE, zone, now) == at


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 6, 27), "Due in 3 days: Alert on the pool"),
        (date(2026, 6, 29), "Due tomorrow: Alert on the pool"),
        (date(2026, 6, 30), "Due today: Alert on the pool"),
        (date(2026, 7, 1), ""),
    ],
)
def test_the_words_are_true_also_when_it_comes_late(today: date, said: str) -> None:
    assert words(item(), today) == said


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({}, ()),
        ({"title": "Alert"}, ("now: Alert",)),
        ({"owner_id": 8, "owner_name": "Bob"}, ("Bob instead of Bea",)),
        ({"due_on": date(2026, 7, 1)}, ("due 2026-07-01 instead of 2026-06-30",)),
    ],
)
def test_what_is_different_is_told_in_a_phrase_each(other: dict[str, object], said: tuple[str, ...]) -> None:
    assert rules.changes(item(), item(**other)) == said
