"""Values of the fields that a domain has besides ours: checked by the field's kind, set, and told in words."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rallypoint import access, catalog
from rallypoint.access import Permission
from rallypoint.access.check import Checks
from rallypoint.catalog.model import CustomField, CustomKind
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, Problem
from rallypoint.incidents import change
from rallypoint.incidents.events import IncidentChanged
from rallypoint.incidents.history import Line
from rallypoint.incidents.model import Incident

LONGEST_TEXT = 2000
LARGEST = 1e15

Stored = str | int | float | None
"""A text, a number, one of the choices, a date as YYYY-MM-DD, a person's id; None is empty."""


async def set_fields(tx: Transaction, number: int, *, values: Mapping[str, Any]) -> Incident:
    """Fill in fields by key; None or an empty text clears one. What is not named stays."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    before, domain = await change.load(tx, number)
    known = await catalog.custom_fields(tx, domain.id)
    wanted = await checked(tx, known, values, where=domain.name)
    custom = {key: value for key, value in {**before.custom, **wanted}.items() if value is not None}
    if custom == before.custom:
        return before
    moved = [one for one in known if before.custom.get(one.key) != custom.get(one.key)]
    said = [f"{one.name}: {await in_words(tx, one, custom.get(one.key)) or 'cleared'}" for one in moved]
    was = {one.key: before.custom.get(one.key) for one in moved}
    line = Line(kind="state", text="; ".join(said), data={"fields": {key: custom.get(key) for key in was}, "was": was})
    after, _ = await change.write(tx, before, line, custom=custom)
    await tx.announce(IncidentChanged(number=number, epoch=after.epoch))
    return after


async def checked(
    tx: Transaction, known: Sequence[CustomField], values: Mapping[str, Any], *, where: str
) -> dict[str, Stored]:
    """Values in their stored form. Raises Invalid with every one that is wrong, as `custom.<key>`."""
    by_key, found, problems = {one.key: one for one in known}, dict[str, Stored](), list[Problem]()
    for key, value in values.items():
        field = by_key.get(key)
        if field is None:
            there = ", ".join(by_key) or "none"
            problems.append(Problem(f"custom.{key[:63]}", f"is no field of {where}; there are: {there}"))
            continue
        try:
            found[key] = await stored(tx, field, value)
        except Invalid as problem:
            problems += problem.problems
    if problems:
        raise Invalid(problems)
    return found


async def stored(tx: Transaction, field: CustomField, value: Any) -> Stored:
    """One value as it is kept. Raises Invalid."""
    at = f"custom.{field.key}"
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    match field.kind:
        case CustomKind.NUMBER:
            return _number(at, value)
        case CustomKind.DATE:
            return _date(at, value)
        case CustomKind.PERSON:
            return await _person(tx, at, value)
        case CustomKind.CHOICE:
            typed = str(value).strip().casefold()
            chosen = next((one for one in field.choices if one.casefold() == typed), None)
            if chosen is None:
                raise Invalid(at, f"must be one of {', '.join(field.choices)}")
            return chosen
        case CustomKind.TEXT:
            checks = Checks()
            text = checks.text(at, str(value), longest=LONGEST_TEXT)
            checks.done()
            return text


def _number(at: str, value: Any) -> int | float:
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or abs(number) > LARGEST:
        raise Invalid(at, "must be a number", "4.5")
    return int(number) if number.is_integer() else number


def _date(at: str, value: Any) -> str:
    try:
        found = value if isinstance(value, date) else date.fromisoformat(str(value).strip()[:10])
    except ValueError as problem:
        raise Invalid(at, "must be a date", "2026-06-01") from problem
    return date(found.year, found.month, found.day).isoformat()


async def _person(tx: Transaction, at: str, value: Any) -> int:
    """By id, or by mail address."""
    text = str(value).strip()
    people = await access.people(tx)
    found = next((one for one in people if text.casefold() in (str(one.id), one.email.casefold())), None)
    if found is None or isinstance(value, bool):
        raise Invalid(at, f"{text[:80]} is nobody here; give an address or an id", "bea@example.org")
    return found.id


async def in_words(tx: Transaction, field: CustomField, value: Stored) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if field.kind is CustomKind.PERSON and isinstance(value, int):
        return (await access.person(tx, value)).name
    return str(value)
