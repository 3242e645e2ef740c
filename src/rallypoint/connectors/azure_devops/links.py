"""The link that leads from a work item back to its incident: its comment carries the key by which it is found."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

OURS = re.compile(r"^Rallypoint incident \[(?P<key>[^\]]*)\]")


def link(url: str, remark: str) -> dict[str, Any]:
    value = {"rel": "Hyperlink", "url": url, "attributes": {"comment": remark}}
    return {"op": "add", "path": "/relations/-", "value": value}


def remark(row: Mapping[str, Any]) -> str:
    return str((row.get("attributes") or {}).get("comment") or "")


def is_ours(row: Mapping[str, Any]) -> bool:
    return row.get("rel") == "Hyperlink" and OURS.match(remark(row)) is not None


def label(key: str) -> str:
    return f"Rallypoint incident [{key}]"


def leads_to(row: Mapping[str, Any], url: str) -> bool:
    return row.get("rel") == "Hyperlink" and row.get("url") == url


def moved_from(row: Mapping[str, Any], url: str) -> bool:
    """A link of ours to the same incident from when we had another address. Other incidents may have links too."""
    return is_ours(row) and urlsplit(str(row.get("url", ""))).path == urlsplit(url).path


def key_of(row: Mapping[str, Any]) -> str:
    """The natural key that a link of ours carries."""
    found = OURS.match(remark(row)) if row.get("rel") == "Hyperlink" else None
    return found["key"] if found else ""
