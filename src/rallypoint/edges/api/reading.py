"""What comes in with a request, judged before anything else looks at it: size, encoding, JSON that we can keep."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rallypoint.edges.api.problems import Unusable, answer

BODY_MAX = 1_000_000
FILES = re.compile(r"/incidents/\d{1,16}/files")
"""Where a body is a file, and has a file's limit."""

DEPTH_MAX = 64
LONE_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
IDEMPOTENCY_KEY = "idempotency-key"
IDEMPOTENCY_KEY_MAX = 200
HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


class Gate:
    """Outermost: caps the body, refuses addresses that cannot be read, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if wrong := _wrong_address(scope):
            await answer(Unusable(400, wrong))(scope, receive, dressed)
            return
        most = _most(scope)
        if _declared(scope) > most:
            await answer(_too_large(most))(scope, receive, dressed)
            return
        await self._app(scope, _counted(receive, most), dressed)


def _most(scope: Scope) -> int:
    """How many bytes the body may have: JSON is short, a file is what the settings allow."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    if scope["method"] == "POST" and FILES.fullmatch(path):
        largest: int = scope["app"].state.house.settings.largest_file
        return largest
    return BODY_MAX


def _wrong_address(scope: Scope) -> str:
    """Why nobody could have meant this address, in words; empty for one that can be read."""
    for raw in (scope.get("raw_path") or b"", scope.get("query_string", b"")):
        sent = unquote_to_bytes(raw)
        if b"\0" in sent:
            return "The address has a NUL character in it."
        try:
            sent.decode()
        except UnicodeDecodeError:
            return "The address is not UTF-8."
    return "The address has a NUL character in it." if "\0" in scope["path"] else ""


def _declared(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 19 else 0


def _counted(receive: Receive, most: int) -> Receive:
    got = 0

    async def counted() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > most:
            raise _too_large(most)
        return message

    return counted


def _too_large(most: int) -> Unusable:
    return Unusable(413, f"The body may have {most:,} bytes.")


async def read_json(request: Request) -> bytes:
    """The body, after making sure that it is JSON we can keep. Raises Unusable with the reason."""
    body = await request.body()
    if not body:
        return body
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Unusable(415, "The body must be JSON, with the header Content-Type: application/json.")
    try:
        value = msgspec.json.decode(body.decode())
    except UnicodeDecodeError as problem:
        raise Unusable(400, f"The body is not UTF-8: byte {problem.start} cannot be read.") from problem
    except RecursionError as problem:
        raise Unusable(400, f"The body is nested deeper than {DEPTH_MAX} levels.") from problem
    except (msgspec.DecodeError, ValueError) as problem:
        said = "it has half of a surrogate pair in it" if LONE_SURROGATE.search(body) else problem
        raise Unusable(400, f"The body is not JSON: {said}.") from problem
    _check(value)
    return body


def _check(value: Any) -> None:
    """No NUL (PostgreSQL cannot keep it) and no depth that only an attack has."""
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise Unusable(400, f"The body is nested deeper than {DEPTH_MAX} levels.")
        if isinstance(value, str):
            if "\0" in value:
                raise Unusable(400, "The body has a NUL character in it.")
        elif isinstance(value, Mapping):
            waiting.extend((part, depth + 1) for pair in value.items() for part in pair)
        elif isinstance(value, list):
            waiting.extend((part, depth + 1) for part in value)


def leaves(value: Any, at: str = "") -> list[tuple[str, str]]:
    """Texts and whole numbers of a body that was read, each with the place where it stands: `steps.0.name`."""
    if isinstance(value, Mapping):
        parts = [(str(name), part) for name, part in value.items()]
    elif isinstance(value, list):
        parts = [(str(place), part) for place, part in enumerate(value)]
    else:
        return [(at, str(value))] if isinstance(value, str | int) else []
    return [leaf for name, part in parts for leaf in leaves(part, f"{at}.{name}" if at else name)]


def idempotency_key(request: Request) -> str:
    """The header of a write, or empty. Raises Unusable for one nobody could have meant."""
    key = request.headers.get(IDEMPOTENCY_KEY, "")
    if len(key) > IDEMPOTENCY_KEY_MAX or not all(" " < c < "\x7f" for c in key):
        raise Unusable(400, f"Idempotency-Key may have {IDEMPOTENCY_KEY_MAX} visible ASCII characters and no spaces.")
    return key


def request_hash(request: Request, body: bytes) -> bytes:
    """What makes two requests the same request: method, address and body."""
    address = f"{request.method} {request.url.path}?{request.url.query}\n"
    return hashlib.sha256(address.encode("utf-8", "surrogatepass") + body).digest()
