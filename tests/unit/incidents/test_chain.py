"""A timeline that was touched shows it."""

from dataclasses import replace

import pytest

from rallypoint.incidents import chain
from rallypoint.incidents.model import TimelineEntry, Visibility
from tests.unit.incidents.make import NOW


def story(count: int = 5) -> tuple[list[TimelineEntry], bytes]:
    entries, before = [], chain.START
    for position in range(1, count + 1):
        entry = TimelineEntry(
            id=position * 10, incident=42, position=position, kind="note", text=f"line {position}", reason="",
            occurred_at=NOW, recorded_at=NOW, ended_at=None, actor_kind="person", actor_name="Bea", person_id=7,
            origin="web", visibility=Visibility.INTERNAL, key=False, data={"b": 1, "a": [1.5, None]},
        )  # fmt: skip
        before = chain.link(before, entry)
        entries.append(replace(entry, hash=before))
    return entries, before


def test_an_untouched_history_is_whole() -> None:
    entries, head = story()
    assert chain.verify(entries, count=5, head=head).ok
    assert chain.verify([], count=0, head=chain.START).ok


@pytest.mark.parametrize("index", range(5))
@pytest.mark.parametrize(
    "change",
    [{"text": "nothing happened"}, {"actor_name": "Carl"}, {"recorded_at": NOW.replace(hour=9)}, {"data": {}}],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_line_is_found(index: int, change: dict[str, object]) -> None:
    entries, head = story()
    entries[index] = replace(entries[index], **change)  # type: ignore[arg-type]
    verified = chain.verify(entries, count=5, head=head)
    assert (verified.ok, verified.broken_at) == (False, index + 1)


@pytest.mark.parametrize("index", range(5))
def test_a_missing_line_is_found(index: int) -> None:
    entries, head = story()
    del entries[index]
    assert not chain.verify(entries, count=5, head=head).ok


def test_swapped_lines_are_found_even_with_their_places_swapped() -> None:
    entries, head = story()
    entries[1], entries[2] = replace(entries[2], position=2), replace(entries[1], position=3)
    assert not chain.verify(entries, count=5, head=head).ok


def test_a_history_cut_short_and_rehashed_does_not_match_the_head() -> None:
    entries, head = story()
    assert chain.verify(entries[:3], count=3, head=entries[2].hash).ok
    assert not chain.verify(entries[:3], count=3, head=head).ok
