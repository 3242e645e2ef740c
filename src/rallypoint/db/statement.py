"""Named parameters for plain SQL: `where due_at <= :now` becomes `$1` with its value, once per statement text."""

import functools
import re
from collections.abc import Mapping
from typing import Any

# A quoted string or a comment is skipped whole; `::type` is a cast, not a parameter.
_TOKEN = re.compile(r"'(?:[^']|'')*'|--[^\n]*|::|:([a-z_][a-z0-9_]*)")


@functools.cache
def _translate(sql: str) -> tuple[str, tuple[str, ...]]:
    names: list[str] = []

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return match.group(0)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _TOKEN.sub(replace, sql), tuple(names)


def bind(sql: str, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The statement with $n, and its values in order. A missing value is a KeyError: a bug, not input."""
    text, names = _translate(sql)
    return text, [values[name] for name in names]
