"""Searching, over an index that lags behind: words, and `name:value` with the usual signs of comparison."""

import re
import shlex
from datetime import datetime, timedelta
from typing import Any

from rallypoint.emulators.zendesk.desk import Desk
from rallypoint.emulators.zendesk.refusals import Refusal
from rallypoint.emulators.zendesk.tickets import Ticket

LAG = timedelta(minutes=2)
TERM = re.compile(r"^(?P<not>-?)(?P<name>[a-z_]+)(?P<op>:|<=|>=|<|>)(?P<value>.*)$", re.IGNORECASE | re.DOTALL)
ORDER = {name: place for place, name in enumerate(("new", "open", "pending", "hold", "solved", "closed"))}
URGENCY = {name: place for place, name in enumerate(("low", "normal", "high", "urgent"))}


def tickets(desk: Desk, query: str, *, lag: timedelta = LAG) -> list[Ticket]:
    """Those that the index knows: what was changed a moment ago is found by what it was, or not at all."""
    before = desk.now() - lag
    known = [
        one
        for one in desk.tickets.values()
        if one.updated <= before and one.deleted_at is None and one.id not in desk.hidden
    ]
    return [one for one in known if all(_fits(desk, one, term) for term in _terms(query))]


def users(desk: Desk, query: str) -> list[int]:
    """People whose name begins like this, or whose mail is this."""
    text = query.strip().removeprefix("email:").strip('"').casefold()
    return [
        one.id
        for one in desk.users.values()
        if one.email.casefold() == text or (text and any(part.startswith(text) for part in one.name.casefold().split()))
    ]


def _terms(query: str) -> list[str]:
    try:
        return shlex.split(query)
    except ValueError:
        said = {"error": "invalid", "description": "Invalid search: the quotes are not closed"}
        raise Refusal(422, said) from None


def _fits(desk: Desk, one: Ticket, term: str) -> bool:
    found = TERM.match(term)
    if found is None:
        words = " ".join([one["subject"] or "", *(each.body for each in one.comments)]).casefold()
        return term.casefold() in words
    held = _holds(desk, one, found["name"].lower(), found["op"], found["value"])
    return held != bool(found["not"])


def _holds(desk: Desk, one: Ticket, name: str, op: str, value: str) -> bool:
    if name == "type":
        return value == "ticket" or one["type"] == value
    if name == "status":
        return _compare(ORDER[one["status"]], op, ORDER.get(value, -1))
    if name == "priority":
        return _compare(URGENCY.get(one["priority"], -1), op, URGENCY.get(value, -1))
    if name in ("tags", "tag"):
        return value in one.state.tags
    if name in ("created", "updated"):
        moment = one.created if name == "created" else one.updated
        return _compare(moment, op, datetime.fromisoformat(value if "T" in value else f"{value}T00:00:00+00:00"))
    if name in ("requester", "assignee"):
        person = desk.users.get(one[f"{name}_id"] or 0)
        return value == "none" if person is None else value.casefold() in (person.email.casefold(), str(person.id))
    if name.startswith("custom_field_"):
        return str(one.state.custom.get(int(name.removeprefix("custom_field_") or 0))) == value
    return str(one[name]) == value


def _compare(left: Any, op: str, right: Any) -> bool:
    match op:
        case ":":
            return bool(left == right)
        case "<":
            return bool(left < right)
        case ">":
            return bool(left > right)
        case "<=":
            return bool(left <= right)
    return bool(left >= right)
