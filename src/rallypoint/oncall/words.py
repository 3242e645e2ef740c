"""What pages and alarms say."""

from rallypoint.ids import incident_name
from rallypoint.notify import headline
from rallypoint.oncall.model import PagingRun
from rallypoint.oncall.rules import Paged, Step

SUMMARY_MAX = 2000


def page_title(run: PagingRun) -> str:
    """What is broken and how bad, first: a lock screen shows 60 characters."""
    about = run.about
    return headline(("DRILL " if about.drill else "") + about.priority, about.service, about.title)


def page_text(run: PagingRun, step: Step, person: Paged) -> str:
    about = run.about
    lines = [about.title]
    if about.summary and about.title not in about.summary:  # said once is enough on a small screen
        lines += ["", about.summary[:SUMMARY_MAX]]
    lines += [
        "",
        f"{incident_name(run.incident)}, {about.priority}{f', {about.service}' if about.service else ''}.",
        f"Why you: {person.through}; {step.why}.",
    ]
    if about.drill:
        lines.append("This is a drill.")
    return "\n".join(lines)


def alarm_title(run: PagingRun) -> str:
    return f"Unanswered {page_title(run)}"


def alarm_text(run: PagingRun, why: str) -> str:
    return "\n".join(
        [
            f"Nobody has taken {incident_name(run.incident)}: {why}.",
            "",
            run.about.title,
            run.about.summary[:SUMMARY_MAX],
            "",
            "Open the incident and acknowledge it, or find somebody who does.",
        ]
    )
