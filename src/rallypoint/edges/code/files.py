"""Documents on disk: TOML, or JSON where the name ends in .json."""

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from rallypoint.edges.code import toml
from rallypoint.errors import Invalid

LARGEST = 10 * 1024 * 1024


def read(path: Path | str) -> dict[str, Any]:
    """The document in a file; raises Invalid, saying where it cannot be read."""
    file = Path(path)
    try:
        if file.stat().st_size > LARGEST:
            raise Invalid(file.name, "is larger than 10 MB")
        return read_text(file.read_text("utf-8"), kind="json" if file.suffix.lower() == ".json" else "toml")
    except (OSError, UnicodeError) as problem:
        raise Invalid(file.name, f"cannot be read: {problem}") from problem


def read_text(text: str, *, kind: str = "toml") -> dict[str, Any]:
    """The document in a text of this kind: toml or json."""
    try:
        found = json.loads(text) if kind == "json" else tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise Invalid("document", f"is not {kind.upper()}: {problem}") from problem
    if not isinstance(found, dict):
        raise Invalid("document", "must be an object with sections such as people, teams and services")
    return found


def write(document: Mapping[str, Any], kind: str = "toml") -> str:
    """The document as text of this kind: toml or json."""
    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
    return toml.dumps(document)


def plain(part: msgspec.Struct) -> dict[str, Any]:
    """A part as plain values; dates stay dates, which both kinds can write."""
    return dict(msgspec.to_builtins(part, builtin_types=(date,)))
