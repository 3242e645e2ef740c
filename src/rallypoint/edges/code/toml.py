"""A small writer of TOML: what a document needs, nothing more. Reading is the standard library's."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
_WIDE = 100


def dumps(document: Mapping[str, Any]) -> str:
    """The document as TOML text: plain values first, then tables, then arrays of tables."""
    lines: list[str] = []
    _table(lines, document, ())
    return "\n".join(lines).strip() + "\n"


def _table(lines: list[str], table: Mapping[str, Any], path: tuple[str, ...]) -> None:
    for name, value in table.items():
        if not _is_tables(value) and not isinstance(value, Mapping):
            lines.append(f"{_name(name)} = {_value(value)}")
    for name, value in table.items():
        here = (*path, name)
        header = ".".join(map(_name, here))
        if isinstance(value, Mapping):
            lines += ["", f"[{header}]"]
            _table(lines, value, here)
        elif _is_tables(value):
            for entry in value:
                lines += ["", f"[[{header}]]"]
                _table(lines, entry, here)


def _is_tables(value: Any) -> bool:
    """A list of mappings is an array of tables; an empty list is a plain value."""
    return isinstance(value, list) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Sequence):
        return _list([_value(entry) for entry in value])
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_name(k)} = {_value(v)}" for k, v in value.items()) + " }"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _list(entries: list[str]) -> str:
    line = "[" + ", ".join(entries) + "]"
    return line if len(line) <= _WIDE else "[\n" + "".join(f"  {entry},\n" for entry in entries) + "]"


def _name(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    escaped = (_ESCAPES.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in text)
    return '"' + "".join(escaped) + '"'
