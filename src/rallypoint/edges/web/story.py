"""The timeline as stops on a line: first words say the kind, grey says who and from where. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rallypoint.actors import ANONYMOUS
from rallypoint.edges.web.words import counted
from rallypoint.incidents import Incident, TimelineEntry

SAID = {
    "note": "Note",
    "update": "Update",
    "hypothesis": "Hypothesis",
    "decision": "Decision",
    "call": "Call",
    "projection": "Projection",
    "workaround": "Workaround",
    "resolution": "Resolution",
}
"""Kinds whose text is what a person said: the headline is the kind. Of every other kind the text is the headline."""

DIAGNOSIS = ("hypothesis", "decision", "projection", "workaround", "resolution")
PAGES = ("page", "delivery", "escalation")
MANY = {
    "delivery": ("delivery", "deliveries"),
    "sla": ("target", "targets"),
    "joined": ("alert", "alerts"),
    "system": ("note by Rallypoint", "notes by Rallypoint"),
    "state": ("change", "changes"),
    "file": ("file", "files"),
    "hypothesis": ("hypothesis", "hypotheses"),
    "assigned": ("assignment", "assignments"),
    "role": ("role given", "roles given"),
    "priority": ("change of priority", "changes of priority"),
}
"""How a fold counts kinds whose names are not words for people: one, many."""

SHORT = 90
FOLD_FROM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One entry, ready to draw; or a fold of `more` entries when `kind` is fold."""

    at: datetime
    kind: str
    head: str
    said: str = ""
    who: str = ""
    via: str = ""
    note: str = ""
    outcome: str = ""
    public: bool = False
    key: bool = False
    calm: bool = False
    more: int = 0
    until: datetime | None = None


def calm(incident: Incident, at: datetime) -> bool:
    """Whether customers were not affected just before this instant: the rail below the stop is thin and grey."""
    start = incident.impact_started_at or incident.detected_at or incident.created_at
    end = incident.restored_at or incident.resolved_at
    return at <= start or (end is not None and at > end)


def origin(entry: TimelineEntry) -> str:
    """From which tool an entry came, when it was not typed here."""
    source = entry.origin or ""
    if source.startswith(("monitor:", "sync:")):
        return source.partition(":")[2]
    return {"email": "e-mail", "api": "API", "cli": "command line"}.get(source, "")


def source_is_a_tool(entry: TimelineEntry) -> bool:
    """Came from a linked item: then the author's name says the tool already ("Ada in ServiceNow")."""
    return (entry.origin or "").startswith("sync:")


def stop(incident: Incident, entry: TimelineEntry) -> Stop:
    kind, who = str(entry.kind), entry.actor_name or ""
    via = origin(entry)
    head, said = entry.text, entry.reason or ""
    if kind in SAID:
        head, said = SAID[kind], entry.text
        if kind == "update":
            head = "Public update" if str(entry.visibility) == "public" else "Update"
            if status := entry.data.get("public_status"):
                head = f"{head}: {str(status).replace('_', ' ')}"
        elif len(said) <= SHORT and "\n" not in said:
            head, said = f"{head}: {said[:1].lower() + said[1:] if kind == 'decision' else said}", entry.reason or ""
    if head.startswith(ANONYMOUS.name) and incident.reporter_name:
        head = f"{incident.reporter_name}, {head}"
    return Stop(
        at=entry.occurred_at,
        kind=kind,
        head=head[:1].upper() + head[1:],
        said=said,
        who="" if who == via or who in head else who,
        via="" if head.startswith(via) or (who and source_is_a_tool(entry)) else via,
        outcome=str(entry.data.get("outcome", "")),
        note="" if not said or said == entry.reason else entry.reason or "",
        public=str(entry.visibility) == "public",
        key=entry.key,
        calm=calm(incident, entry.occurred_at),
    )


def folded(incident: Incident, run: Sequence[TimelineEntry]) -> Stop:
    """A run of small entries as one line that counts them by kind. Entries come newest first."""
    counts = Counter(str(entry.kind) for entry in run)
    words = ", ".join(counted(n, *MANY.get(kind, (kind, f"{kind}s"))) for kind, n in counts.most_common(4))
    newest, oldest = run[0].occurred_at, run[-1].occurred_at
    return Stop(at=oldest, until=newest, kind="fold", head=words, more=len(run), calm=calm(incident, oldest))


def story(incident: Incident, entries: Sequence[TimelineEntry], show: str = "key") -> tuple[Stop, ...]:
    """The stops of a view, newest first. `key` folds what is small, but nothing that people said since the last turning
    point; the others filter."""
    newest = sorted(entries, key=lambda e: (e.occurred_at, e.id), reverse=True)
    if show == "diagnosis":
        newest = [e for e in newest if str(e.kind) in DIAGNOSIS]
    elif show == "pages":
        newest = [e for e in newest if str(e.kind) in PAGES]
    elif show == "tools":
        newest = [e for e in newest if origin(e)]
    if show != "key":
        return tuple(stop(incident, entry) for entry in newest)
    stops: list[Stop] = []
    run: list[TimelineEntry] = []
    turned = False

    def flush() -> None:
        if len(run) >= FOLD_FROM:
            stops.append(folded(incident, run))
        else:
            stops.extend(stop(incident, entry) for entry in run)
        run.clear()

    for entry in newest:
        turned = turned or entry.key
        if entry.key or (not turned and str(entry.kind) in SAID):
            flush()
            stops.append(stop(incident, entry))
        else:
            run.append(entry)
    flush()
    return tuple(stops)


def right_now(incident: Incident) -> tuple[bool, str]:
    """(calm, words) of the stop that is now; no words once the incident is over."""
    end = incident.restored_at or incident.resolved_at
    match str(incident.status_category):
        case "triage":
            commander = incident.commander_name
            return False, f"{commander} commands, nobody acknowledged" if commander else "waits for somebody to take it"
        case "active":
            return end is not None, f"{incident.commander_name or incident.acknowledged_by or 'somebody'} works on it"
        case "on_hold":
            return end is not None, f"on hold{', waits for ' + incident.hold_reason if incident.hold_reason else ''}"
        case "restored":
            return True, "customers are served again, the cause is still open"
        case "resolved":
            return True, "resolved" if incident.confirmed_at else "waits for a yes from whoever reported it"
        case "review":
            return True, "in review"
        case _:
            return True, ""


def counts(entries: Sequence[TimelineEntry]) -> dict[str, int]:
    return {
        "key": sum(e.key for e in entries),
        "all": len(entries),
        "diagnosis": sum(str(e.kind) in DIAGNOSIS for e in entries),
        "pages": sum(str(e.kind) in PAGES for e in entries),
        "tools": sum(bool(origin(e)) for e in entries),
    }
