"""What may stand in a domain's settings: each name, and which values it may have. Their meaning is with who reads them.

A name that nobody reads would be a wish that is never granted, so it is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from rallypoint.access.check import Checks

MINUTES_MOST, HOURS_MOST, DAYS_MOST = 525_600, 8_760, 365
"""A year, in each unit."""
REMINDERS_MOST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """One setting: a number of `unit` from 0 to `most`; `whole` numbers only, or a list of them (`several`)."""

    unit: str
    most: int
    whole: bool = False
    several: bool = False
    example: str = ""


KNOWN: Mapping[str, Allowed] = {
    "healthy_minutes": Allowed(unit="minutes", most=MINUTES_MOST, example="15"),
    "confirmation_reminder_hours": Allowed(unit="hours", most=HOURS_MOST, several=True, example="[24, 48]"),
    "confirmation_days": Allowed(unit="days", most=DAYS_MOST, example="3"),
    "reopen_window_minutes": Allowed(unit="minutes", most=MINUTES_MOST, example="30"),
    "close_after_business_days": Allowed(unit="days", most=DAYS_MOST, whole=True, example="5"),
}


def check(checks: Checks, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in their stored form; faults name the setting, and for an unknown one those that there are."""
    for name, value in settings.items():
        field, allowed = f"settings.{str(name)[:100]}", KNOWN.get(name)
        if allowed is None:
            checks.fault(field, f"is no setting of a domain; there are {', '.join(KNOWN)}")
        elif allowed.several:
            if not isinstance(value, list) or not all(_fits(one, allowed) for one in value):
                checks.fault(field, f"must be a list of {allowed.unit}, each from 0 to {allowed.most}", allowed.example)
            elif len(value) > REMINDERS_MOST:
                checks.fault(field, f"has more than {REMINDERS_MOST} entries")
        elif not _fits(value, allowed):
            whole = "whole " if allowed.whole else ""
            checks.fault(field, f"must be a {whole}number of {allowed.unit} from 0 to {allowed.most}", allowed.example)
    return dict(settings)


def _fits(value: object, allowed: Allowed) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if allowed.whole else int | float):
        return False
    return isfinite(value) and 0 <= value <= allowed.most
