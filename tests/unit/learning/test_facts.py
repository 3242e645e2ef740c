"""The story and the times of one incident, drawn up from its record; and the document made of them."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rallypoint.catalog.model import Kind, StatusCategory
from rallypoint.incidents.model import Confirmation, Hypothesis, Incident, Outcome, TimelineEntry, Visibility
from rallypoint.learning import facts, rules
from rallypoint.learning.document import one_line, spell, to_markdown
from rallypoint.learning.model import Depth, Facts, Retrospective, RetrospectiveView, State

START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def incident(**known: Any) -> Incident:
    """An incident of which only what is named is known."""
    plain: dict[str, Any] = {field.name: None for field in fields(Incident)}
    plain |= {f.name: "" for f in fields(Incident) if f.type == "str" or f.type is str}
    plain |= {"number": 42, "kind": Kind.INCIDENT, "status_category": StatusCategory.RESOLVED, "created_at": at(5)}
    plain |= {"confirmation": Confirmation.NONE, "reopened": 0, "reassigned": 0, "drill": False, "priority_common": 1}
    return Incident(**plain | known)


def entry(position: int, minutes: float, kind: str = "note", *, key: bool = False, text: str = "") -> TimelineEntry:
    return TimelineEntry(
        id=position, incident=42, position=position, kind=kind, text=text or f"line {position}", reason="",
        occurred_at=at(minutes), recorded_at=at(minutes), ended_at=None, actor_kind="person", actor_name="Bea",
        person_id=1, origin="web", visibility=Visibility.INTERNAL, key=key,
    )  # fmt: skip


def test_the_story_holds_telling_kinds_and_marked_lines_in_the_order_of_happening() -> None:
    lines = [
        entry(1, 5, "opened"), entry(2, 9, "note"), entry(3, 2, "note", key=True), entry(4, 7, "page"),
        entry(5, 6, "state"),
    ]  # fmt: skip
    story, left_out = facts.tell(lines)
    assert [moment.text for moment in story] == ["line 3", "line 1", "line 5"]
    assert left_out == 0


def test_a_very_long_story_keeps_what_was_marked_and_says_what_is_left_out() -> None:
    lines = [entry(n, n, "update", key=n >= 490) for n in range(500)]
    story, left_out = facts.tell(lines)
    assert (len(story), left_out) == (facts.STORY_MAX, 300)
    assert {f"line {n}" for n in range(490, 500)} <= {moment.text for moment in story}
    assert [m.at for m in story] == sorted(m.at for m in story)


def test_each_time_is_told_by_its_full_name_or_why_it_cannot_be() -> None:
    record = facts.Record(
        incident=incident(detected_at=at(4), restored_at=at(50), resolved_at=at(95), impact_started_at=at(9))
    )
    found = {time.name: (time.outcome, time.minutes) for time in facts.times(record)}
    assert found["Time to resolve"] == ("recorded", 91)
    assert found["Time to mitigate"] == ("recorded", 41)
    assert found["Time to detect"] == ("invalid", None)
    assert found["Time to acknowledge"] == ("not applicable", None)
    assert found["Time to repair"] == ("not applicable", None)
    assert found["Time to recover"] == ("pending", None)


def drawn() -> Facts:
    tried = Hypothesis(
        id=1, incident=42, text="The index\nis missing", outcome=Outcome.RULED_OUT, outcome_text="it is there",
        proposed_at=at(10), proposed_by="Bea", settled_at=at(12), settled_by="Bea",
    )  # fmt: skip
    record = facts.Record(
        incident=incident(title="Payments fail", service_name="Checkout", resolved_at=at(95), detected_at=at(5)),
        timeline=[entry(1, 5, "opened", text="Bea declared it"), entry(2, 40, "decision", text="Roll\nback")],
        hypotheses=[tried],
    )
    return facts.draw_up(record, now=at(100))


def retrospective(**known: Any) -> Retrospective:
    texts = dict.fromkeys(rules.TEXTS, "")
    values = {
        "incident": 42, "depth": Depth.FULL, "state": State.DRAFT, "facts": drawn(), **texts, "version": 1,
        "resolved_at": at(95), "meeting_due_at": None, "meeting_held_at": None, "created_at": at(100),
        "updated_at": at(100), "published_at": None, "published_by": "", **known,
    }  # fmt: skip
    return Retrospective(**values)


def document(about: Retrospective) -> str:
    sections = rules.sections(about.depth, rules.texts(about))
    view = RetrospectiveView(
        retrospective=about, sections=sections, items=(), missing=(), meeting_overdue=False, now=at(100)
    )
    return to_markdown(view, zone=UTC)


def test_the_document_has_texts_questions_and_facts() -> None:
    text = document(retrospective(summary="Payments failed for **20 minutes**."))
    assert text.startswith("# INC-42: Payments fail\n")
    assert "\n## Summary\n\nPayments failed for **20 minutes**.\n" in text
    assert "_Which circumstances came together" in text
    assert "\n- Time to resolve: 1 h 30 min\n" in text
    assert "\n- Time to detect: not applicable\n" in text
    assert "\n- 2026-06-01 08:40:00 Roll back\n" in text
    assert "\n- The index is missing: ruled out, it is there\n" in text
    assert "\n### Who was paged\n\n- none\n" in text


@pytest.mark.parametrize(
    ("minutes", "words"), [(0, "0 s"), (0.5, "30 s"), (48, "48 min"), (91.25, "1 h 31 min"), (3060, "2 d 3 h")]
)
def test_lengths_are_said_in_two_units(minutes: float, words: str) -> None:
    assert spell(minutes) == words


def test_what_the_record_says_stays_on_its_line() -> None:
    assert one_line("a\n# b\r\n\tc") == "a # b c"
