"""Encoded queries: conditions joined by ^, ^OR and ^NQ, and orders.

A condition on a field that the table has not is left out, as an instance does unless a property says otherwise: so a
misspelt field reads everything.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

Row = Mapping[str, str]
Resolve = Callable[[Row, str], str | None]
"""(row, field or dot-walked path) -> its value; None when there is no such field."""

_OPERATORS = (
    "NOT LIKE", "DOES NOT CONTAIN", "NOT IN", "ISNOTEMPTY", "ISEMPTY", "STARTSWITH", "ENDSWITH", "CONTAINS", "BETWEEN",
    "LIKE", "IN", "!=", ">=", "<=", "=", ">", "<", "ON",
)  # fmt: skip
_CONDITION = re.compile(rf"^([a-z0-9_.]+?)({'|'.join(_OPERATORS)})(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    field: str
    operator: str
    value: str


@dataclass(slots=True)
class Query:
    """Groups of which any may hold; in a group all clauses must; in a clause any condition."""

    groups: list[list[list[Condition]]] = field(default_factory=lambda: [[]])
    orders: list[tuple[str, bool]] = field(default_factory=list)
    unreadable: bool = False


def parse(text: str) -> Query:
    """What an encoded query says; `unreadable` when a part of it is no condition at all."""
    query = Query()
    for part in re.split(r"(?<!\^)\^(?!\^)", text):
        part = part.replace("^^", "^")
        if part == "" or part == "EQ":
            continue
        if part.startswith("ORDERBYDESC"):
            query.orders.append((part[11:], True))
            continue
        if part.startswith("ORDERBY"):
            query.orders.append((part[7:], False))
            continue
        joins_or = part.startswith("OR")
        if part.startswith("NQ"):
            query.groups.append([])
            part = part[2:]
        found = _CONDITION.match(part[2:] if joins_or else part)
        if found is None:
            query.unreadable = True
            continue
        condition = Condition(*found.groups())
        if joins_or and query.groups[-1]:
            query.groups[-1][-1].append(condition)
        else:
            query.groups[-1].append([condition])
    return query


def select(rows: list[Row], query: Query, resolve: Resolve, *, strict: bool = False) -> list[Row]:
    """The rows that fit, in the order asked for. `strict` gives nothing for a query with an unknown field."""
    known = _known(query, rows, resolve)
    if strict and (query.unreadable or len(known) < sum(len(clause) for group in query.groups for clause in group)):
        return []
    groups = [[[one for one in clause if one in known] for clause in group] for group in query.groups]
    groups = [[clause for clause in group if clause] for group in groups]
    fitting = [
        row
        for row in rows
        if any(all(any(_holds(one, row, resolve) for one in clause) for clause in group) for group in groups)
    ]
    for name, down in reversed(query.orders):
        fitting.sort(key=partial(_key, name, resolve), reverse=down)
    return fitting


def _known(query: Query, rows: list[Row], resolve: Resolve) -> set[Condition]:
    conditions = {one for group in query.groups for clause in group for one in clause}
    return {one for one in conditions if not rows or resolve(rows[0], one.field) is not None}


def _key(name: str, resolve: Resolve, row: Row) -> tuple[int, str]:
    value = resolve(row, name) or ""
    return (len(value), value) if value.isdigit() else (0, value)


def _holds(condition: Condition, row: Row, resolve: Resolve) -> bool:
    has, wanted = resolve(row, condition.field) or "", condition.value
    low, sought = has.lower(), wanted.lower()
    match condition.operator:
        case "=":
            return low == sought
        case "!=":
            return low != sought
        case "LIKE" | "CONTAINS":
            return sought in low
        case "NOT LIKE" | "DOES NOT CONTAIN":
            return sought not in low
        case "STARTSWITH":
            return low.startswith(sought)
        case "ENDSWITH":
            return low.endswith(sought)
        case "IN":
            return low in sought.split(",")
        case "NOT IN":
            return low not in sought.split(",")
        case "ISEMPTY":
            return has == ""
        case "ISNOTEMPTY":
            return has != ""
        case "BETWEEN":
            first, _, last = wanted.partition("@")
            return _compare(has, first) >= 0 and _compare(has, last) <= 0
        case "ON":
            return has.startswith(wanted.split("@")[0])
        case operator:
            order = _compare(has, wanted)
            return {">": order > 0, ">=": order >= 0, "<": order < 0, "<=": order <= 0}[operator] and has != ""


def _compare(one: str, other: str) -> int:
    if one.lstrip("-").isdigit() and other.lstrip("-").isdigit():
        return (int(one) > int(other)) - (int(one) < int(other))
    return (one > other) - (one < other)
