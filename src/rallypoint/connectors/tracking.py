"""What the trackers share beside their calls: files that are hashed on their way, findings of a check, small words."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from rallypoint.sync.model import RemoteField
from rallypoint.sync.ports import Finding, Level, TrackerError, Unverified, Upload, ValidationFailed

SLOWEST_BYTES_A_SECOND = 50_000
SKEW_WORTH_SAYING = 5.0
SIGNATURE = "x-rallypoint-signature"
"""The header in which scripts of ours, installed by hand at a tool, sign what they tell: sha256=HMAC of the body."""


class Passage:
    """The bytes of an upload on their way through. Once they are through it knows whether they were as announced."""

    def __init__(self, upload: Upload) -> None:
        self._upload, self._digest, self._passed = upload, hashlib.sha256(), 0

    async def pieces(self) -> AsyncIterator[bytes]:
        async for chunk in self._upload.chunks():
            self._digest.update(chunk)
            self._passed += len(chunk)
            yield chunk

    @property
    def is_as_announced(self) -> bool:
        return (self._passed, self._digest.hexdigest()) == (self._upload.size, self._upload.sha256)


def seconds_for(size: int) -> float:
    """How long a file of so many bytes may take."""
    return 30.0 + size / SLOWEST_BYTES_A_SECOND


def refused(about: str, no: TrackerError) -> Finding:
    """What stood in the way of a check, in the tool's words."""
    return Finding(level=Level.ERROR, about=about, text=no.said, help=no.help)


def clock_findings(whose: str, skew: float) -> list[Finding]:
    """A word about a clock that differs from ours by more than a few seconds; `skew` in seconds."""
    if abs(skew) <= SKEW_WORTH_SAYING:
        return []
    text = f"The {whose}'s clock differs from ours by {skew:.0f} seconds; this is corrected for."
    return [Finding(level=Level.WARNING, about="clock", text=text)]


def house_of(url: str) -> tuple[str, str]:
    """What stays the same of the address of a webhook of ours: its last part is new each time somebody asks for one."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2].casefold(), parts.path.rpartition("/")[0]


def cut(text: str, most: int) -> str:
    """The text, or its beginning with a sign that there is more."""
    return text if len(text) <= most else text[: most - 1] + "…"


def as_number(text: str) -> int | float | None:
    """The number a text says, None where it says none."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return None


def unfit(field: RemoteField, why: str) -> ValidationFailed:
    """A value that the field cannot hold."""
    return ValidationFailed(f"{field.name} {why}.", fields={field.id: why})


def signed_json(raw: bytes, headers: Mapping[str, str], secret: str, *, help: str) -> tuple[dict[str, Any], str]:
    """(what a script of ours tells, the name of this delivery), if it is signed with the secret. Raises Unverified."""
    given = headers.get(SIGNATURE, "")
    expected = "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    if not secret or not hmac.compare_digest(given.encode(), expected.encode()):
        raise Unverified("The webhook is not signed with the secret of this connection.", help=help)
    try:
        said = json.loads(raw)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Unverified("The webhook's body is not the JSON that our script sends.")
    return said, str(said.get("delivery") or hashlib.sha256(raw).hexdigest())[:80]
