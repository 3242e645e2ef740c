"""The query language, as far as flat queries with AND go. What is not understood is refused, as the vendor does."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from rallypoint.emulators.azure_devops.refusals import Refusal

QUERY = re.compile(
    r"^\s*select\s+(?P<columns>.+?)\s+from\s+workitems(?:\s+where\s+(?P<where>.+?))?"
    r"(?:\s+order\s+by\s+(?P<order>.+?))?\s*$",
    re.IGNORECASE | re.DOTALL,
)
CONDITION = re.compile(
    r"^\s*\[(?P<field>[^\]]+)\]\s*(?P<op><>|>=|<=|=|>|<|contains|in)\s*(?P<value>.+?)\s*$", re.IGNORECASE | re.DOTALL
)
ORDER = re.compile(r"^\s*\[([^\]]+)\]\s*(asc|desc)?\s*$", re.IGNORECASE)
TODAY = re.compile(r"^@today(?:\s*-\s*(\d+))?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Around:
    """What macros stand for."""

    project: str
    me: str
    now: datetime
    precise: bool


@dataclass(frozen=True, slots=True)
class Query:
    columns: tuple[str, ...]
    conditions: tuple[tuple[str, str, Any], ...]
    order: tuple[tuple[str, bool], ...]

    def fits(self, fields: Mapping[str, Any], around: Around) -> bool:
        return all(_holds(fields.get(name), op, value, around) for name, op, value in self.conditions)


def parse(text: str, around: Around, known: Callable[[str], bool]) -> Query:
    """Raises Refusal for what it does not understand, also for a field that is not there."""
    found = QUERY.match(text or "")
    if found is None:
        raise _wrong("Expecting SELECT ... FROM WorkItems.")
    columns = tuple(part.strip().strip("[]") for part in found["columns"].split(","))
    where = re.split(r"\s+and\s+", found["where"], flags=re.IGNORECASE) if found["where"] else []
    conditions = tuple(_condition(one, around) for one in where)
    order = tuple(_order(one) for one in (found["order"] or "[System.Id]").split(","))
    for name in (*columns, *(one[0] for one in conditions), *(one[0] for one in order)):
        if not known(name):
            raise Refusal(400, f"TF51005: The query references a field that does not exist. Error is {name}.",
                          "WorkItemTrackingQueryException")  # fmt: skip
    return Query(columns, conditions, order)


def _condition(text: str, around: Around) -> tuple[str, str, Any]:
    found = CONDITION.match(text)
    if found is None:
        raise _wrong(f"Expecting a condition, found {text!r}.")
    op = found["op"].lower()
    if op == "in":
        return found["field"], op, tuple(_literal(one, around) for one in found["value"].strip("()").split(","))
    return found["field"], op, _literal(found["value"], around)


def _literal(text: str, around: Around) -> Any:
    text = text.strip()
    if text.startswith("'") and text.endswith("'") and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if text.lower() == "@project":
        return around.project
    if text.lower() == "@me":
        return around.me
    today = TODAY.match(text)
    if today:
        return (around.now - timedelta(days=int(today[1] or 0))).date().isoformat()
    raise _wrong(f"Expecting a value, found {text!r}.")


def _order(text: str) -> tuple[str, bool]:
    found = ORDER.match(text)
    if found is None:
        raise _wrong(f"Expecting a field to order by, found {text!r}.")
    return found[1], (found[2] or "asc").lower() == "desc"


def _holds(value: Any, op: str, wanted: Any, around: Around) -> bool:
    if op == "in":
        return any(_holds(value, "=", one, around) for one in wanted)
    if op == "contains":
        return str(wanted).casefold() in str(value or "").casefold()
    left, right = (value, wanted)
    if isinstance(value, datetime):
        left, right = _moments(value, str(wanted), around)
    elif isinstance(value, str):
        left, right = value.casefold(), str(wanted).casefold()
    elif value is None:
        return op == "<>" or (op == "=" and wanted == "")
    match op:
        case "=":
            return bool(left == right)
        case "<>":
            return bool(left != right)
        case ">":
            return bool(left > right)
        case ">=":
            return bool(left >= right)
        case "<":
            return bool(left < right)
    return bool(left <= right)


def _moments(value: datetime, wanted: str, around: Around) -> tuple[Any, Any]:
    """Days unless a precise time was asked for; a time of day without that is refused."""
    try:
        moment: datetime | date = datetime.fromisoformat(wanted)
    except ValueError:
        raise _wrong(f"{wanted!r} is no date.") from None
    exact = moment if isinstance(moment, datetime) else datetime.combine(moment, datetime.min.time())
    exact = exact if exact.tzinfo else exact.replace(tzinfo=value.tzinfo)
    if around.precise:
        return value, exact
    if exact.time() != datetime.min.time():
        raise Refusal(400, "VS402335: The date precision is set to day; you cannot supply a time with the date.",
                      "WorkItemTrackingQueryException")  # fmt: skip
    return value.date(), exact.date()


def _wrong(why: str) -> Refusal:
    return Refusal(400, f"TF51006: The query statement is missing something. {why}", "WorkItemTrackingQueryException")
