"""One sentence that survives a redirect: what was done, or why not. A cookie, shown once."""

import base64
import binascii
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

COOKIE = "rallypoint_said"
LONGEST = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """`tone` is ok, bad or plain; `undo` is an address to post to when the act can be taken back."""

    text: str
    tone: str = "ok"
    undo: str = ""


def put(response: Response, said: Said, *, secure: bool = False) -> None:
    short = Said(text=said.text[:LONGEST], tone=said.tone, undo=said.undo)
    packed = base64.urlsafe_b64encode(msgspec.json.encode(short)).decode()
    response.set_cookie(COOKIE, packed, max_age=60, httponly=True, samesite="lax", secure=secure, path="/")


def take(request: Request) -> Said | None:
    """What the page before wanted said. It is escaped like everything else; nobody has to trust it."""
    packed = request.cookies.get(COOKIE)
    if not packed:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(packed), type=Said)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return None
