"""Who answers for a resolution, who closes, and when silence counts as an answer. Pure.

A silent person gets reminders, then a timed acceptance that is recorded as what it is: not confirmed. A monitor
answers by staying healthy.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rallypoint.access import Permission, allows, who_may
from rallypoint.actors import Actor
from rallypoint.catalog.model import ClosurePolicy, Domain
from rallypoint.errors import Refused
from rallypoint.incidents.model import Incident

HIGHEST = 1
"""The common scale's top level. Such an incident never closes by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a domain waits: set in its settings, with these defaults."""

    monitor_confirms: timedelta
    reminders: tuple[timedelta, ...]
    acceptance: timedelta
    reopen_window: timedelta
    close_after_business_days: int


def patience(domain: Domain) -> Patience:
    """A domain's waiting times. Settings: healthy_minutes, confirmation_reminder_hours, confirmation_days,
    reopen_window_minutes, close_after_business_days."""
    said = domain.settings
    return Patience(
        monitor_confirms=timedelta(minutes=float(said.get("healthy_minutes", 15))),
        reminders=tuple(timedelta(hours=float(h)) for h in said.get("confirmation_reminder_hours", (24, 48))),
        acceptance=timedelta(days=float(said.get("confirmation_days", 3))),
        reopen_window=timedelta(minutes=float(said.get("reopen_window_minutes", 30))),
        close_after_business_days=int(said.get("close_after_business_days", 5)),
    )


def next_word(resolved_at: datetime, waiting: Patience, *, said: int) -> tuple[str, datetime]:
    """What silence leads to next, and when: ('remind', at) after `said` reminders so far, or ('accept', at)."""
    for reminder in waiting.reminders[said:]:
        if reminder < waiting.acceptance:
            return "remind", resolved_at + reminder
    return "accept", resolved_at + waiting.acceptance


def healthy_until(resolved_at: datetime, cleared_at: datetime | None, waiting: Patience) -> datetime:
    """When a monitor's silence confirms: healthy for the whole time, and not before a person called it resolved."""
    return max(resolved_at, (cleared_at or resolved_at) + waiting.monitor_confirms)


def business_days_after(start: datetime, days: int) -> datetime:
    """The same time of day, `days` weekdays later. Holidays come with the calendars."""
    at = start
    while days > 0:
        at += timedelta(days=1)
        if at.weekday() < 5:
            days -= 1
    return at


def closes_itself(incident: Incident, domain: Domain, waiting: Patience) -> datetime | None:
    """When the policy closes a resolved incident without a person; None where it never does."""
    if domain.closure_policy is not ClosurePolicy.AUTO_AFTER_N_BUSINESS_DAYS or incident.resolved_at is None:
        return None
    if incident.priority_common == HIGHEST:
        return None
    return business_days_after(incident.resolved_at, waiting.close_after_business_days)


def may_answer(incident: Incident, by: Actor, *, as_reporter: bool) -> None:
    """Raises Refused unless this is the reporter, or someone who may answer for them."""
    itself = by.person_id is not None and by.person_id == incident.reporter_person_id
    if as_reporter or itself or allows(by, Permission.CONFIRM_FOR_REPORTER):
        return
    raise Refused(
        f"Only the reporter says whether {incident.name} is solved for them.",
        guard="reporter",
        who_may=f"{incident.reporter_name or 'the reporter'}, {who_may(Permission.CONFIRM_FOR_REPORTER)}",
        permission=True,
    )


def may_close(incident: Incident, domain: Domain, by: Actor, *, note: str) -> None:
    """Raises Refused unless the domain's closure policy lets this actor close, now."""
    desk = allows(by, Permission.CLOSE_AS_DESK)
    if domain.closure_policy is ClosurePolicy.OWNER_AFTER_CONFIRMATION:
        mine = by.person_id is not None and by.person_id in (incident.owner_id, incident.commander_id)
        if not (mine or desk):
            raise Refused(
                f"In {domain.name}, the owner or the commander closes.",
                guard="closure_policy",
                who_may=f"{_named(incident)}, {who_may(Permission.CLOSE_AS_DESK)}",
                permission=True,
            )
    elif not desk:
        raise Refused(
            f"In {domain.name}, only the service desk closes.",
            guard="closure_policy",
            who_may=who_may(Permission.CLOSE_AS_DESK),
            permission=True,
        )
    if not incident.resolution:
        raise Refused(
            f"{incident.name} has no resolution text.",
            guard="resolution",
            who_may="nobody before it has one",
            help="Say what fixed it first.",
        )
    _confirmed_or_explained(incident, domain, note)


def _confirmed_or_explained(incident: Incident, domain: Domain, note: str) -> None:
    if incident.confirmed_at is not None:
        return
    who = f"the reporter, {who_may(Permission.CONFIRM_FOR_REPORTER)}"
    if domain.closure_policy is ClosurePolicy.OWNER_AFTER_CONFIRMATION:
        raise Refused(
            f"Nobody has confirmed yet that {incident.name} is solved.",
            guard="confirmation",
            who_may=f"{who} (to confirm)",
            help="A healthy check, or time, confirms it as well; closing comes after that.",
        )
    if not note:
        raise Refused(
            f"The reporter has not confirmed yet that {incident.name} is solved.",
            guard="confirmation",
            who_may=f"{who} (to confirm)",
            help="Or close it with a note that says why there is no confirmation.",
        )


def _named(incident: Incident) -> str:
    names = [name for name in (incident.owner_name, incident.commander_name) if name]
    return " and ".join(dict.fromkeys(names)) or "its owner or commander (nobody yet)"
