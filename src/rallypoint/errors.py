"""What can go wrong, by kind. Edges turn kinds into HTTP or exit codes; nothing below them knows either.

RallypointError
├── Refused          a rule said no: the reason, who may, what would help
├── Invalid          input is wrong: one problem per field, each with a reason and perhaps an example
├── NotFound         there is no such thing, or you may not see it
├── Conflict         someone else changed it first
└── OutsideFailure   a tool answered badly: what it said, whether trying again can help, what a person can do
"""

from collections.abc import Sequence
from dataclasses import dataclass


class RallypointError(Exception):
    """The root of everything that this program raises on purpose."""


class Refused(RallypointError):
    """A rule said no. `reason` is a sentence; `who_may` and `help` tell the way out."""

    def __init__(self, reason: str, *, guard: str = "", who_may: str = "", help: str = "", permission: bool = False):
        self.reason, self.guard, self.who_may, self.help = reason, guard, who_may, help
        self.permission = permission
        super().__init__(" ".join(part for part in (reason, who_may and f"Who may: {who_may}.", help) if part))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field of an input."""

    field: str
    reason: str
    example: str = ""


class Invalid(RallypointError):
    """The input cannot be used as it is. Nothing of it was stored, and the message says what to change."""

    def __init__(self, problems: Sequence[Problem] | Problem | str, reason: str = "", example: str = ""):
        if isinstance(problems, str):
            problems = Problem(problems, reason, example)
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("; ".join(f"{p.field}: {p.reason}" for p in self.problems))


class NotFound(RallypointError):
    """There is no such thing, or the asker may not see it: both look alike on purpose."""

    def __init__(self, kind: str, name: object):
        self.kind, self.name = kind, str(name)
        super().__init__(f"There is no {kind} {str(name)[:200]!r}.")


class Conflict(RallypointError):
    """Someone else changed it first."""


class OutsideFailure(RallypointError):
    """A tool outside answered badly, or not at all.

    `retry` says whether the same call may go through later; `unknown` that it may have taken effect.
    """

    def __init__(self, said: str, *, retry: bool, unknown: bool = False, help: str = ""):
        self.said, self.retry, self.unknown, self.help = said, retry, unknown, help
        super().__init__(said)
