"""Which items a mapping is about, and where a new one goes. Pure: conditions against values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rallypoint.sync.mapping import Check, Condition, CreateRule
from rallypoint.sync.mapping import Mapping as Rules
from rallypoint.sync.model import HubItem, Person, RemoteItem, Value


@dataclass(frozen=True, slots=True)
class Where:
    project: str
    type: str


def hub_fits(rules: Rules, item: HubItem) -> bool:
    """Whether the incident is one this mapping is about."""
    return fits(rules.scope.hub, {name: field.value for name, field in item.fields.items()})


def remote_fits(rules: Rules, item: RemoteItem) -> bool:
    """Whether the remote item is one this mapping is about: its type and project, then the conditions."""
    values: dict[str, Value] = {"project": item.project, "type": item.type, **item.fields}
    return fits(rules.scope.remote, values)


def fits(conditions: Iterable[Condition], values: Mapping[str, Value]) -> bool:
    return all(holds(one, values.get(one.field)) for one in conditions)


def holds(condition: Condition, value: Value) -> bool:
    """One condition. Words are compared without regard to case; of a set, one fitting member is enough."""
    words = {word.casefold() for word in _words(value)}
    wanted = [one.casefold() for one in condition.values]
    match condition.check:
        case Check.SET:
            return bool(words)
        case Check.NOT_SET:
            return not words
        case Check.IS:
            return any(one in words for one in wanted)
        case Check.IS_NOT:
            return not any(one in words for one in wanted)
        case Check.CONTAINS:
            return any(one in word for one in wanted for word in words)


def _words(value: Value) -> list[str]:
    if value is None or value == "":
        return []
    if isinstance(value, tuple):
        return [one for one in value if one]
    if isinstance(value, Person):
        return [one for one in (value.email, value.name, value.remote_id) if one]
    return [str(value)]


def place_of(rule: CreateRule, item: HubItem) -> Where:
    """Project and type for a new item: the first place whose conditions hold, else the rule's own."""
    values = {name: field.value for name, field in item.fields.items()}
    for place in rule.places:
        if fits(place.when, values):
            return Where(place.project, place.type)
    return Where(rule.project, rule.type)
