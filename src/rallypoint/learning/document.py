"""A retrospective as a Markdown document, for wikis, mails and pull requests. Pure.

Texts that people wrote as Markdown go in as they are. What the record supplies is one line each: line breaks in it
would end a list item, so they become spaces.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from rallypoint.learning.model import ActionItem, Facts, ItemState, RetrospectiveView

OUTCOME_WORDS = {"pending": "not yet", "not applicable": "not applicable", "invalid": "invalid: ends before it starts"}


def to_markdown(view: RetrospectiveView, *, zone: tzinfo) -> str:
    """The whole document: what people wrote first, what the record says after it."""
    return "\n".join(_lines(view, zone)).rstrip() + "\n"


def _lines(view: RetrospectiveView, zone: tzinfo) -> Iterator[str]:
    about, facts = view.retrospective, view.retrospective.facts
    yield f"# {one_line(about.title)}"
    yield ""
    yield f"{about.depth.value.capitalize()} retrospective, {about.state.value}. Times in {zone}."
    if facts.drill:
        yield "This was a drill."
    for section in view.sections:
        yield from ("", f"## {section.title}", "", section.text or f"_{section.prompt}_")
    yield from ("", "## Action items", "")
    yield from _or_none(
        f"- [{'x' if item.state is ItemState.DONE else ' '}] {one_line(item.title)} "
        f"({item.owner_name}, due {item.due_on}{dropped(item)}){_elsewhere(view, item)}"
        for item in view.items
    )
    yield from _facts(facts, zone)


def _elsewhere(view: RetrospectiveView, item: ActionItem) -> str:
    """Where it is done, if it follows an item in another tool."""
    found = view.elsewhere.get(item.id)
    if found is None or found.state != "active":
        return ""
    return f" {one_line(found.connection_name)} {one_line(found.remote_key)} {found.url}".rstrip()


def _facts(facts: Facts, zone: tzinfo) -> Iterator[str]:
    def at(moment: datetime | None) -> str:
        return "unknown" if moment is None else moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    yield from ("", "## Facts", "")
    for name, value in _overview(facts).items():
        if value:
            yield f"- {name}: {one_line(value)}"
    yield from ("", "### Times", "")
    yield from (
        f"- {t.name}: {spell(t.minutes) if t.minutes is not None else OUTCOME_WORDS[t.outcome]}" for t in facts.times
    )
    yield from ("", "### Targets", "")
    yield from _or_none(
        f"- {t.kind.capitalize()} ({t.priority}, {t.target_minutes} min): {t.state}" for t in facts.targets
    )
    yield from ("", "### What happened", "")
    yield from _or_none(
        f"- {at(m.at)} {one_line(m.text)}" + (f" ({one_line(m.reason)})" if m.reason else "") for m in facts.story
    )
    if facts.story_left_out:
        yield f"- and {facts.story_left_out} more lines in the timeline"
    yield from ("", "### What was tried", "")
    yield from _or_none(
        f"- {one_line(t.text)}: {t.outcome}" + (f", {one_line(t.outcome_text)}" if t.outcome_text else "")
        for t in facts.tried
    )
    yield from ("", "### Who was there", "")
    yield from _or_none(
        f"- {p.role}: {p.name}, {at(p.since)} to {at(p.until) if p.until else 'the end'}" for p in facts.people
    )
    yield from ("", "### Who was paged", "")
    yield from _or_none(f"- {at(p.at)} {p.name}: {one_line(p.why)}, {p.state}" for p in facts.pages)
    yield from ("", "### Alerts", "")
    yield from _or_none(
        f"- {at(a.first_at)} {one_line(a.summary)} ({one_line(a.source)}, {a.count} times)" for a in facts.alerts
    )


def dropped(item: ActionItem) -> str:
    return f", dropped: {one_line(item.reason)}" if item.state is ItemState.DROPPED else ""


def _overview(facts: Facts) -> dict[str, str]:
    return {
        "Service": facts.service,
        "Priority": f"{facts.priority} ({facts.priority_reason})" if facts.priority_reason else facts.priority,
        "Category": facts.category,
        "Reported by": facts.reporter,
        "People affected": "" if facts.affected_people is None else str(facts.affected_people),
        "Re-opened": f"{facts.reopened} times" if facts.reopened else "",
        "Resolution": facts.resolution,
        "Workaround": facts.workaround,
        "Confirmation": facts.confirmation,
    }


def _or_none(lines: Iterable[str]) -> list[str]:
    return list(lines) or ["- none"]


def spell(minutes: float) -> str:
    """2 d 3 h, 48 min, 30 s: the two largest units that matter."""
    seconds = round(minutes * 60)
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def one_line(text: str) -> str:
    return " ".join(text.split())
