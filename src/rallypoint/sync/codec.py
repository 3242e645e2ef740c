"""Dataclasses of this room to JSON and back, by their annotations; every problem names its member by path.

A union of dataclasses is told apart by a member "kind", which each alternative has as a class variable.
"""

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from rallypoint.errors import Invalid, Problem

T = TypeVar("T")
SCALARS = (bool, int, float, str)


def to_json(value: object) -> Any:
    """Plain data: dict, list, text, number, truth value, None. Times become ISO-8601 in UTC."""
    if value is None or (isinstance(value, SCALARS) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_json(member) for key, member in value.items()}
    if isinstance(value, frozenset):
        return sorted(to_json(member) for member in value)
    if isinstance(value, (tuple, list)):
        return [to_json(member) for member in value]
    if is_dataclass(value) and not isinstance(value, type):
        kind = getattr(type(value), "kind", None)
        tag = {"kind": kind} if isinstance(kind, str) else {}
        return tag | {one.name: to_json(getattr(value, one.name)) for one in fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form here.")


def from_json(kind: type[T], data: object) -> T:
    """A `kind` from plain data. Raises Invalid with one problem for each wrong, unknown or missing member."""
    problems: list[Problem] = []
    made = _read(kind, data, "", problems)
    if problems:
        raise Invalid(problems)
    return made  # type: ignore[no-any-return]


def _read(hint: Any, data: object, path: str, problems: list[Problem]) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _read_union(get_args(hint), data, path, problems)
    if origin in (tuple, frozenset):
        return _read_many(hint, data, path, problems)
    if origin is not None and issubclass(origin, Mapping):
        return _read_mapping(hint, data, path, problems)
    if hint is Any:
        return data
    if hint is types.NoneType:
        return data if data is None else _problem(problems, path, "must be null")
    if is_dataclass(hint) and isinstance(hint, type):
        return _read_object(hint, data, path, problems)
    if issubclass(hint, Enum):
        return _read_enum(hint, data, path, problems)
    if hint is datetime:
        return _read_time(data, path, problems)
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if isinstance(data, hint) and (hint is bool or not isinstance(data, bool)):
        return data
    return _problem(problems, path, f"must be {_word(hint)}, not {_found(data)}")


def _read_object(hint: type, data: object, path: str, problems: list[Problem]) -> Any:
    if not isinstance(data, Mapping):
        return _problem(problems, path, f"must be an object, not {_found(data)}")
    hints, members = _hints(hint), {one.name: one for one in fields(hint)}
    known = set(members) | ({"kind"} if hasattr(hint, "kind") else set())
    before = len(problems)
    for name in sorted(str(name) for name in data if name not in known):
        _problem(problems, _join(path, name), f"is unknown; known are: {', '.join(sorted(known))}")
    values = {}
    for name, member in members.items():
        if name in data:
            values[name] = _read(hints[name], data[name], _join(path, name), problems)
        elif _required(member):
            _problem(problems, _join(path, name), "is missing")
    return hint(**values) if len(problems) == before else None


def _read_union(options: tuple[Any, ...], data: object, path: str, problems: list[Problem]) -> Any:
    if data is None and types.NoneType in options:
        return None
    tagged = {option.kind: option for option in options if isinstance(getattr(option, "kind", None), str)}
    if tagged:
        kind = data.get("kind") if isinstance(data, Mapping) else None
        if kind not in tagged:
            return _problem(problems, _join(path, "kind"), f"must be one of: {', '.join(sorted(tagged))}")
        return _read(tagged[kind], data, path, problems)
    option = next((option for option in options if _fits(option, data)), None)
    if option is None:
        wanted = ", ".join(_word(option) for option in options)
        return _problem(problems, path, f"must be one of: {wanted}; not {_found(data)}")
    return _read(option, data, path, problems)


def _fits(option: Any, data: object) -> bool:
    if get_origin(option) in (tuple, frozenset):
        return isinstance(data, (list, tuple))
    if is_dataclass(option) or get_origin(option) is not None:
        return isinstance(data, Mapping)
    if option is datetime or issubclass(option, Enum):
        return isinstance(data, str)
    if option is types.NoneType:
        return data is None
    return type(data) is option


def _read_many(hint: Any, data: object, path: str, problems: list[Problem]) -> Any:
    if not isinstance(data, (list, tuple)):
        return _problem(problems, path, f"must be a list, not {_found(data)}")
    member = get_args(hint)[0]
    made = [_read(member, one, f"{path}[{place}]", problems) for place, one in enumerate(data)]
    return frozenset(made) if get_origin(hint) is frozenset and not problems else tuple(made)


def _read_mapping(hint: Any, data: object, path: str, problems: list[Problem]) -> Any:
    if not isinstance(data, Mapping):
        return _problem(problems, path, f"must be an object, not {_found(data)}")
    member = get_args(hint)[1]
    return {str(key): _read(member, one, _join(path, str(key)), problems) for key, one in data.items()}


def _read_enum(hint: type[Enum], data: object, path: str, problems: list[Problem]) -> Any:
    try:
        return hint(data)
    except ValueError:
        return _problem(problems, path, f"must be one of: {', '.join(str(one.value) for one in hint)}")


def _read_time(data: object, path: str, problems: list[Problem]) -> Any:
    try:
        at = datetime.fromisoformat(data) if isinstance(data, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        return _problem(problems, path, "must be a time with its zone", "2026-11-21T03:00:00+00:00")
    return at.astimezone(UTC)


def _problem(problems: list[Problem], path: str, reason: str, example: str = "") -> None:
    problems.append(Problem(path or "mapping", reason, example))


@cache
def _hints(hint: type) -> dict[str, Any]:
    return get_type_hints(hint)


def _required(member: "Field[Any]") -> bool:
    return member.default is MISSING and member.default_factory is MISSING


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _word(hint: Any) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", types.NoneType: "null"}
    if get_origin(hint) in (tuple, frozenset):
        return "a list"
    return words.get(hint, "an object")


def _found(data: object) -> str:
    if data is None:
        return "null"
    if isinstance(data, Mapping):
        return "an object"
    if isinstance(data, (list, tuple)):
        return "a list"
    return _word(type(data))
