"""JQL as far as programs use it: conditions with AND, OR, NOT and brackets, orders, dates in the asker's zone."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rallypoint.emulators.jira import definitions as d
from rallypoint.emulators.jira.refusals import Refusal

Row = Mapping[str, Any]
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign><=|>=|!=|!~|=|~|<|>|\(|\)|,)"""
    r"""|(?P<word>[^\s()=!~<>,"']+))"""
)
_RELATIVE = re.compile(r"^(?P<sign>[+-]?)(?P<count>\d+)(?P<unit>[wdhm]?)$")
_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_FORMATS = ("%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d")
_TIMES = ("created", "updated", "resolved")
_NAMES = {
    "type": "issuetype", "issuetype": "issuetype", "project": "project", "status": "status", "priority": "priority",
    "labels": "labels", "assignee": "assignee", "reporter": "reporter", "creator": "creator", "created": "created",
    "createddate": "created", "updated": "updated", "updateddate": "updated", "summary": "summary", "key": "key",
    "issuekey": "key", "issue": "key", "id": "key", "resolution": "resolution", "statuscategory": "statuscategory",
    "parent": "parent", "component": "components", "resolved": "resolved", "description": "description",
    "text": "text",
}  # fmt: skip
EMPTY = ("empty", "null")
Test = Callable[[Row], bool]


@dataclass(slots=True)
class Asking:
    """Who asks, when and where: dates and currentUser() depend on it."""

    user: str
    now: datetime
    zone: ZoneInfo
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Ids people are known by, to names."""
    bounded: bool = False
    """A query must have a condition, as on Cloud."""


@dataclass(slots=True)
class Query:
    test: Test
    orders: list[tuple[str, bool]]


def parse(text: str, asking: Asking) -> Query:
    """Raises Refusal (400) in Jira's manner for what it cannot read."""
    return _Parser(text, asking).query()


class _Parser:
    def __init__(self, text: str, asking: Asking) -> None:
        self._asking, self._tokens, self._at = asking, _tokens(text), 0

    def query(self) -> Query:
        test: Test = _everything
        if self._at < len(self._tokens) and not self._is("order"):
            test = self._either()
        elif self._asking.bounded:
            raise Refusal(
                400, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            )
        orders: list[tuple[str, bool]] = []
        if self._is("order"):
            self._next()
            self._expect("by")
            while True:
                name = _field(self._next())
                down = self._is("desc")
                if self._is("asc") or down:
                    self._next()
                orders.append((name, down))
                if not self._is(","):
                    break
                self._next()
        if self._at < len(self._tokens):
            raise _unread(self._tokens[self._at])
        return Query(test, orders or [("created", True)])

    def _either(self) -> Test:
        parts = [self._both()]
        while self._is("or"):
            self._next()
            parts.append(self._both())
        return lambda row: any(one(row) for one in parts)

    def _both(self) -> Test:
        parts = [self._not()]
        while self._is("and"):
            self._next()
            parts.append(self._not())
        return lambda row: all(one(row) for one in parts)

    def _not(self) -> Test:
        if self._is("not"):
            self._next()
            inner = self._not()
            return lambda row: not inner(row)
        if self._is("("):
            self._next()
            inner = self._either()
            self._expect(")")
            return inner
        return self._condition()

    def _condition(self) -> Test:
        name, operator = _field(self._next()), self._next().lower()
        if operator == "is":
            negated = self._is("not")
            if negated:
                self._next()
            if self._next().lower() not in EMPTY:
                raise _unread("is")
            return lambda row: (row.get(name) in (None, "", [])) != negated
        if operator == "not":
            self._expect("in")
            return self._in(name, negated=True)
        if operator == "in":
            return self._in(name, negated=False)
        if operator not in ("=", "!=", "<", ">", "<=", ">=", "~", "!~"):
            raise _unread(operator)
        return self._compare(name, operator, self._value())

    def _in(self, name: str, *, negated: bool) -> Test:
        self._expect("(")
        values = [self._value()]
        while self._is(","):
            self._next()
            values.append(self._value())
        self._expect(")")
        tests = [self._compare(name, "=", one) for one in values]
        return lambda row: any(one(row) for one in tests) != negated

    def _value(self) -> str:
        said = self._next()
        if self._is("(") and said.lower() == "currentuser":
            self._next()
            self._expect(")")
            return self._asking.user
        return said

    def _compare(self, name: str, operator: str, said: str) -> Test:
        if name in _TIMES:
            return self._time(name, operator, said)
        if operator in ("~", "!~"):
            return lambda row: (said.lower() in _words(row, name)) == (operator == "~")
        if operator not in ("=", "!="):
            raise Refusal(400, f"The operator '{operator}' is not supported by the '{name}' field.")
        who = self._asking.accounts.get(said, said)
        known = _known(name, who, self._asking)
        if not known:
            raise Refusal(400, f"The value '{said}' does not exist for the field '{name}'.")
        return lambda row: _is(row, name, who) == (operator == "=")

    def _time(self, name: str, operator: str, said: str) -> Test:
        limit = _moment(said, self._asking)
        tests: dict[str, Callable[[datetime], bool]] = {
            "=": lambda at: at == limit, "!=": lambda at: at != limit, "<": lambda at: at < limit,
            ">": lambda at: at > limit, "<=": lambda at: at <= limit, ">=": lambda at: at >= limit,
        }  # fmt: skip
        if operator not in tests:
            raise Refusal(400, f"The operator '{operator}' is not supported by the '{name}' field.")
        return lambda row: row.get(name) is not None and tests[operator](row[name])

    def _is(self, word: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at].lower() == word

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise Refusal(400, "Error in the JQL Query: it ends too early.")
        self._at += 1
        return self._tokens[self._at - 1].strip("\0")

    def _expect(self, word: str) -> None:
        if self._next().lower() != word:
            raise _unread(word)


def _everything(row: Row) -> bool:
    return True


def _tokens(text: str) -> list[str]:
    """Words, signs and texts; a text is marked, so that a quoted word is no keyword."""
    found, at = [], 0
    while at < len(text.rstrip()):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _unread(text[at:])
        at = token.end()
        quoted = token["text"]
        found.append("\0" + re.sub(r"\\(.)", r"\1", quoted[1:-1]) if quoted else token["sign"] or token["word"])
    return found


def _field(said: str) -> str:
    name = _NAMES.get(said.lower())
    if name is None:
        raise Refusal(400, f"Field '{said}' does not exist or you do not have permission to view it.")
    return name


def _unread(said: str) -> Refusal:
    return Refusal(
        400, f"Error in the JQL Query: The character or word '{said.strip(chr(0))[:40]}' is not expected here."
    )


def _moment(said: str, asking: Asking) -> datetime:
    """Relative to now, or in the asker's zone; minutes are the grain of both."""
    found = _RELATIVE.match(said)
    if found is not None and (found["sign"] or found["unit"]):
        by = int(found["count"]) * _UNITS[found["unit"] or "m"]
        return asking.now - by if found["sign"] == "-" else asking.now + by
    for form in _FORMATS:
        try:
            return datetime.strptime(said, form).replace(tzinfo=asking.zone)
        except ValueError:
            continue
    forms = "'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'"
    raise Refusal(400, f"Date value '{said}' for field is invalid. Valid formats include: {forms}.")


def _known(name: str, said: str, asking: Asking) -> bool:
    """Values that do not exist are refused, not found empty."""
    match name:
        case "status":
            return any(said in (one.id, one.name) for one in d.STATUSES.values())
        case "priority":
            return said in d.PRIORITIES or said in d.PRIORITIES.values()
        case "assignee" | "reporter" | "creator":
            return said in asking.accounts.values() or said.lower() in EMPTY
    return True


def _is(row: Row, name: str, said: str) -> bool:
    has = row.get(name)
    match name:
        case "key":
            return said.upper() in row["keys"] or said == str(row["id"])
        case "project" | "issuetype":
            return said.casefold() in {one.casefold() for one in has or ()}
        case "labels" | "components":
            return said in (has or ())
        case "status":
            return said in (has, d.STATUSES[str(has)].name)
        case "statuscategory":
            category = d.STATUSES[str(row["status"])].category
            return said.casefold() in (category, d.CATEGORIES[category][1].casefold())
        case "priority":
            return said in (has, d.PRIORITIES.get(str(has)))
        case "resolution":
            return said in (has, d.RESOLUTIONS.get(str(has))) or (said.lower() == "unresolved" and not has)
    return said == str(has) or (said.lower() in EMPTY and has in (None, ""))


def _words(row: Row, name: str) -> str:
    if name == "text":
        return f"{row.get('summary')} {row.get('description')}".lower()
    return str(row.get(name) or "").lower()
