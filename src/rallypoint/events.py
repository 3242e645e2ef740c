"""Facts, and how they reach those who care. What reacts to what stands in wiring.py, nowhere else."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that has happened, in the past tense. Ids and plain values only: it must survive as JSON."""

    subject_of: ClassVar[str] = ""
    """The name of the field whose value orders deliveries: facts about one subject are heard in order."""

    @property
    def subject(self) -> str:
        return f"{self.subject_of}:{getattr(self, self.subject_of)}" if self.subject_of else type(self).__name__


Together = Callable[[Any, Any], Awaitable[None]]
"""(tx, fact): runs inside the transaction that announced the fact; all or nothing."""

Afterwards = Callable[[Any, Any], Awaitable[None]]
"""(house, fact): runs after the commit, at least once, in order per subject, on any node."""


class Bus:
    """The story table at work: finds who hears a fact, and turns facts into JSON and back."""

    def __init__(
        self,
        together: Mapping[type[Fact], Sequence[Together]],
        afterwards: Mapping[type[Fact], Sequence[Afterwards]],
    ) -> None:
        self._together = {fact: tuple(handlers) for fact, handlers in together.items()}
        self._afterwards = {fact: tuple(handlers) for fact, handlers in afterwards.items()}
        self._facts = {fact.__name__: fact for fact in afterwards}
        self._by_name = {name_of(h): h for handlers in afterwards.values() for h in handlers}

    def together(self, fact: Fact) -> tuple[Together, ...]:
        return self._together.get(type(fact), ())

    def afterwards(self, fact: Fact) -> tuple[str, ...]:
        return tuple(name_of(handler) for handler in self._afterwards.get(type(fact), ()))

    def handler(self, name: str) -> Afterwards:
        return self._by_name[name]

    def decode(self, kind: str, payload: Mapping[str, Any]) -> Fact:
        return msgspec.convert(payload, self._facts[kind], strict=False)


def name_of(handler: Callable[..., Any]) -> str:
    """A stable name for a handler: module and function, without the package."""
    return f"{handler.__module__.removeprefix('rallypoint.')}.{handler.__qualname__}"
