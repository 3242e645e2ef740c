"""Checks of typed-in values that several rooms share. All problems of an input are reported at once, each by field."""

import re
import unicodedata
from collections.abc import Collection
from functools import cache
from zoneinfo import available_timezones

from rallypoint.errors import Invalid, Problem

KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
EMAIL = re.compile(r"[^\s@,;<>\"()]{1,64}@[^\s@,;<>\"()]{1,189}")
NAME_MAX, TEXT_MAX = 200, 10_000


@cache
def zones() -> frozenset[str]:
    return frozenset(available_timezones())


def storable(text: str) -> str:
    """What PostgreSQL can keep of a text: NUL and lone surrogates become the replacement character."""
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


class Checks:
    """Collects problems; `done` raises them together. Each check returns the value in its stored form."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix, self.problems = prefix, list[Problem]()

    def fault(self, field: str, reason: str, example: str = "") -> None:
        self.problems.append(Problem(self._prefix + field, reason, example))

    def done(self) -> None:
        if self.problems:
            raise Invalid(self.problems)

    def name(self, field: str, value: str, *, longest: int = NAME_MAX, empty: bool = False) -> str:
        """One line that people read: no control characters, no direction overrides, trimmed, composed."""
        text = unicodedata.normalize("NFC", value).strip()
        if not text and not empty:
            self.fault(field, "is empty")
        if len(text) > longest:
            self.fault(field, f"is longer than {longest} characters")
        if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068"
               for c in text):  # fmt: skip
            self.fault(field, "has control characters in it")
        return text

    def text(self, field: str, value: str, *, longest: int = TEXT_MAX) -> str:
        """Several lines: what PostgreSQL cannot keep (NUL, lone surrogates) is refused."""
        if len(value) > longest:
            self.fault(field, f"is longer than {longest} characters")
        if any(c == "\0" or unicodedata.category(c) == "Cs" for c in value):
            self.fault(field, "has characters in it that are not text")
        return unicodedata.normalize("NFC", value.encode("utf-8", "replace").decode()).strip()

    def key(self, field: str, value: str) -> str:
        if not KEY.fullmatch(value):
            self.fault(field, "may have lower-case letters, digits and hyphens, at most 63", "postgres-eu")
        return value

    def email(self, field: str, value: str, *, empty: bool = False) -> str:
        text = unicodedata.normalize("NFC", value).strip()
        if (text or not empty) and (not EMAIL.fullmatch(text) or any(unicodedata.category(c)[0] == "C" for c in text)):
            self.fault(field, "is not an e-mail address", "bea@example.com")
        return text

    def zone(self, field: str, value: str) -> str:
        if value not in zones():
            self.fault(field, "is not a time zone of the IANA list", "Europe/Berlin")
        return value

    def choice(self, field: str, value: str, choices: Collection[str]) -> str:
        if value not in choices:
            self.fault(field, f"must be one of {', '.join(sorted(choices))}")
        return value

    def number(self, field: str, value: int, low: int, high: int) -> int:
        if not low <= value <= high:
            self.fault(field, f"must be between {low} and {high}")
        return value

    def url(self, field: str, value: str) -> str:
        """A link that is safe to show: http and https only, so never javascript:."""
        text = self.name(field, value, longest=2000)
        if not re.match(r"https?://[^\s/]", text, re.IGNORECASE):
            self.fault(field, "must begin with http:// or https://", "https://wiki.example.com/runbook")
        return text
