"""The clocks of an incident as they are shown: a label, running or fixed digits, how full, and when it is due. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rallypoint.edges.web.words import duration_words
from rallypoint.incidents import Incident
from rallypoint.sla import Clock, ClockKind, ClockState

LAST_QUARTER = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """`way` is up or down from `at`, or fixed. `run` is the tone of the bar, `share` how full it is."""

    label: str
    way: str = "fixed"
    at: datetime | None = None
    seconds: float = 0.0
    tone: str = ""
    mark: str = ""
    unit: str = ""
    run: str = "on"
    share: float = 0.0
    under: str = ""
    due: datetime | None = None
    after: str = ""


def elapsed(clock: Clock, now: datetime) -> float:
    """Seconds that count against the target."""
    running = (now - clock.since).total_seconds() if clock.counts else 0.0
    return max(clock.used.total_seconds() + running, 0.0)


def share_of(clock: Clock, now: datetime) -> float:
    return elapsed(clock, now) / max(clock.target_minutes * 60.0, 1.0)


def tone(clock: Clock, now: datetime) -> str:
    """Ink until the warning point, amber after it, red in the last quarter or when breached; paused is grey."""
    if clock.state is ClockState.PAUSED:
        return "muted"
    if not clock.counts or clock.due_at is None:
        return ""
    if now >= clock.due_at:
        return "bad"
    warned = clock.warn_at is not None and now >= clock.warn_at
    return (
        "" if not warned else "bad" if share_of(clock, now) >= LAST_QUARTER and clock.target_minutes >= 60 else "warn"
    )


WORDS = {"response": ("Respond", "Response"), "resolution": ("Resolve", "Resolution"), "update": ("Update", "Update")}


def met(clock: Clock, noun: str, who: str) -> Face:
    late = clock.breached_at is not None
    return Face(
        label=f"{noun}, met late" if late else f"{noun}, met",
        seconds=max(clock.used.total_seconds(), 1),
        mark="clock" if late else "check",
        tone="warn" if late else "",
        unit=f"of {duration_words(clock.target_minutes * 60.0)}",
        run="warn" if late else "ok",
        share=clock.used.total_seconds() / max(clock.target_minutes * 60.0, 1.0),
        under=f"{who} at" if who else "at",
        due=clock.met_at,
    )


def of_clock(clock: Clock, now: datetime, who: str = "") -> Face:
    verb, noun = WORDS[str(clock.kind)]
    share, colour = share_of(clock, now), tone(clock, now)
    if clock.met_at is not None:
        return met(clock, noun, who)
    if clock.state is ClockState.PAUSED:
        left = clock.target_minutes * 60 - clock.used.total_seconds()
        return Face(
            label=f"{noun}, paused",
            seconds=left,
            tone="muted",
            mark="pause",
            unit="left",
            share=share,
            under="paused since",
            due=clock.paused_at,
        )
    if not clock.counts or clock.due_at is None:
        return Face(label=f"{noun}, stopped", unit="no longer counts", share=share, run="ok", under="")
    late = now >= clock.due_at
    label = (
        "Next update"
        if clock.kind is ClockKind.UPDATE
        else f"{verb} within {duration_words(clock.target_minutes * 60)}"
    )
    return Face(
        label=f"{noun}, late by" if late else label,
        way="up" if late else "down",
        at=clock.due_at,
        tone=colour,
        mark="clock" if colour else "",
        unit="" if late else "left",
        run=colour or "on",
        share=share,
        under="was due" if late else "due",
        due=clock.due_at,
    )


def impact(incident: Incident, now: datetime) -> Face:
    """How long customers have been, or were, affected; how long it is open where nobody knows since when."""
    end = incident.restored_at or incident.resolved_at
    start = incident.impact_started_at
    if start is None:
        return Face(
            label="Open for" if end is None else "Was open for",
            way="fixed" if end else "up",
            at=incident.created_at,
            seconds=((end or now) - incident.created_at).total_seconds(),
            under="start of impact unknown; opened",
            due=incident.created_at,
        )
    if end is None:
        return Face(
            label="Affected for", way="up", at=start, tone="bad", run="bad", share=1.0, under="since", due=start
        )
    return Face(
        label="Was affected for",
        seconds=(end - start).total_seconds(),
        mark="check",
        under="until",
        due=end,
        run="ok",
        share=1.0,
    )


ORDER = ("response", "resolution", "update")


def of(incident: Incident, clocks: Iterable[Clock], now: datetime) -> tuple[Face, ...]:
    """At most four: impact first, then what is due."""
    by_kind = {str(clock.kind): clock for clock in clocks}
    shown = [impact(incident, now)]
    for kind in ORDER:
        if clock := by_kind.get(kind):
            who = incident.acknowledged_by if kind == "response" else ""
            shown.append(of_clock(clock, now, str(who or "")))
    return tuple(shown[:4])


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The next deadline as a cell of a list: how long, in which tone, and what is due when."""

    left: str
    tone: str
    verb: str
    at: datetime | None
    paused: bool = False


def deadline(clock: Clock | None, now: datetime) -> Deadline | None:
    if clock is None:
        return None
    verb = {"response": "respond", "resolution": "resolve", "update": "update"}.get(str(clock.kind), str(clock.kind))
    if clock.due_at is None:
        return Deadline(left="paused", tone="muted", verb="since", at=clock.paused_at, paused=True)
    rest = (clock.due_at - now).total_seconds()
    left = duration_words(rest) if rest >= 0 else f"{duration_words(-rest)} late"
    return Deadline(left=left, tone=tone(clock, now), verb=f"{verb} by", at=clock.due_at)
