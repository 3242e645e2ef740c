"""Who changed which field when, from the events of an issue. The text has none: of it only the time is known.

Events are steps of sets, so values are worked out backwards from what the issue holds now. What one person did in one
second is one step: labels that were set together are not two changes, the first of which the second replaced.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rallypoint.connectors.github.api import Row, at
from rallypoint.connectors.github.shape import (
    ASSIGNEE,
    MILESTONE,
    OPEN,
    STATE,
    TITLE,
    Shape,
    labels_of,
    person,
    state_of,
)
from rallypoint.sync.model import TAGS, FieldChange, Person, Value

FIELDS = {
    "labeled": TAGS, "unlabeled": TAGS, "assigned": ASSIGNEE, "unassigned": ASSIGNEE, "milestoned": MILESTONE,
    "demilestoned": MILESTONE, "closed": STATE, "reopened": STATE, "renamed": TITLE,
}  # fmt: skip


@dataclass(slots=True)
class _Step:
    """What one person did to one field in one second."""

    field: str
    at: datetime
    by: Person | None
    events: list[Row]


def history_of(events: Iterable[Row], issue: Mapping[str, Any], shape: Shape) -> tuple[FieldChange, ...]:
    """Oldest first."""
    now: dict[str, Any] = {
        TAGS: list(labels_of(issue)),
        ASSIGNEE: [known for one in issue.get("assignees") or () if (known := person(one)) is not None],
        MILESTONE: str((issue.get("milestone") or {}).get("number", "")),
    }
    steps = _steps(events)
    states = _states(steps)
    found: list[FieldChange] = []
    for step in reversed(steps):
        old: Value
        new: Value
        if step.field == TITLE:
            rename = step.events[0].get("rename") or {}
            old, new = str(rename.get("from", "")), str(rename.get("to", ""))
        elif step.field == STATE:
            old, new = states.pop()
        else:
            before = _before(step, now[step.field], shape)
            old, new = _value(step.field, before), _value(step.field, now[step.field])
            now[step.field] = before
        found.append(FieldChange(field=step.field, old=old, new=new, at=step.at, by=step.by))
    return tuple(reversed(found))


def last_actor(events: Sequence[Row], comments: Sequence[Row], updated: datetime | None) -> Person | None:
    """Who did what was done last; None when that was neither an event nor a comment."""
    done = [(one.get("created_at"), one.get("actor")) for one in events]
    done += [(one.get("created_at"), one.get("user")) for one in comments]
    return next((person(who) for stamp, who in reversed(done) if at(stamp) == updated), None)


def _steps(events: Iterable[Row]) -> list[_Step]:
    steps: list[_Step] = []
    for one in events:
        field, moment = FIELDS.get(str(one.get("event", ""))), at(one.get("created_at"))
        if field is None or moment is None:
            continue
        by = person(one.get("actor"))
        same = next((each for each in reversed(steps) if (each.field, each.at, each.by) == (field, moment, by)), None)
        if same is not None and field not in (TITLE, STATE):
            same.events.append(one)
        else:
            steps.append(_Step(field, moment, by, [one]))
    return steps


def _states(steps: Iterable[_Step]) -> list[tuple[str, str]]:
    """(old, new) of each step of the state, which begins open and whose closings say their reason."""
    found: list[tuple[str, str]] = []
    now = OPEN
    for step in steps:
        if step.field == STATE:
            event = step.events[0]
            new = state_of("closed", event.get("state_reason")) if event["event"] == "closed" else OPEN
            found.append((now, new))
            now = new
    return found


def _before(step: _Step, now: Any, shape: Shape) -> Any:
    """What the field held before this step."""
    for one in reversed(step.events):
        now = _undone(one, now, shape)
    return now


def _undone(event: Row, now: Any, shape: Shape) -> Any:
    match event["event"]:
        case "labeled" | "unlabeled":
            name = str((event.get("label") or {}).get("name", ""))
            others = [one for one in now if one.casefold() != name.casefold()]
            return others if event["event"] == "labeled" else [*others, name]
        case "assigned" | "unassigned":
            who = person(event.get("assignee"))
            others = [one for one in now if who is None or one.remote_id != who.remote_id]
            return others if event["event"] == "assigned" or who is None else [who, *others]
        case "milestoned":
            return ""
        case "demilestoned":
            return shape.milestone(str((event.get("milestone") or {}).get("title", "")))
    return now


def _value(field: str, now: Any) -> Value:
    match field:
        case "tags":
            return tuple(sorted(now, key=str.casefold))
        case "assignee":
            return now[0] if now else None
    return now or None
