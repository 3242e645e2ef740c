"""Hash chains: each entry's hash covers the one before, so that nothing changes, goes or slips in unseen."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

START = b""
"""What stands before the first entry."""


def canonical(value: Any) -> str:
    """One spelling of a JSON value: sorted keys, no spaces, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def link(previous: bytes, content: Mapping[str, Any]) -> bytes:
    """The hash of an entry with this content after `previous`: SHA-256 over both."""
    return hashlib.sha256(previous + b"\n" + canonical(content).encode("ascii")).digest()
