"""How deep, by when, and what is missing, as tables."""

from datetime import UTC, datetime, timedelta

import pytest

from rallypoint.learning import rules
from rallypoint.learning.model import Depth

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
NOTHING = dict.fromkeys(rules.TEXTS, "")


@pytest.mark.parametrize(
    ("common", "depth"), [(1, Depth.FULL), (2, Depth.FULL), (3, Depth.LIGHT), (4, Depth.LIGHT), (5, Depth.LIGHT)]
)
def test_p1_and_p2_are_looked_back_on_in_full(common: int, depth: Depth) -> None:
    assert rules.depth(common) is depth


def test_a_full_one_meets_within_a_day_of_the_resolution() -> None:
    assert rules.meeting_due(Depth.FULL, NOW) == NOW + timedelta(hours=24)
    assert rules.meeting_due(Depth.LIGHT, NOW) is None


def test_an_empty_draft_asks_for_what_only_people_know() -> None:
    full = rules.sections(Depth.FULL, NOTHING)
    assert [s.key for s in full] == list(rules.TEXTS)
    assert all(s.prompt and not s.text for s in full)
    assert [s.key for s in rules.sections(Depth.LIGHT, NOTHING)] == [
        "summary",
        "contributing_factors",
        "what_went_well",
    ]


def test_what_was_written_stays_visible_when_the_depth_becomes_less() -> None:
    light = rules.sections(Depth.LIGHT, NOTHING | {"discussion": "We disagreed about the index."})
    assert light[-1].key == "discussion"


@pytest.mark.parametrize(
    ("depth", "written", "held", "missing"),
    [
        (Depth.LIGHT, {}, False, 1),
        (Depth.LIGHT, {"summary": "Short."}, False, 0),
        (Depth.LIGHT, {"summary": "  \n"}, False, 1),
        (Depth.FULL, {}, False, 4),
        (Depth.FULL, {"summary": "a", "customer_impact": "b", "contributing_factors": "c"}, False, 1),
        (Depth.FULL, {"summary": "a", "customer_impact": "b", "contributing_factors": "c"}, True, 0),
    ],
)
def test_what_stands_between_a_draft_and_publishing(
    depth: Depth, written: dict[str, str], held: bool, missing: int
) -> None:
    assert len(rules.missing(depth, NOTHING | written, meeting_held=held)) == missing


def test_prompts_never_ask_who_was_at_fault() -> None:
    words = " ".join(prompt.question.lower() for prompt in rules.PROMPTS)
    assert not any(word in words for word in ("fault", "blame", "who caused", "mistake", "root cause"))
