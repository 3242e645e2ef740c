"""The body of a request, refused as soon as it is known to be too long."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class TooLong(Exception):
    """More bytes than the receiver takes."""


class Gone(Exception):
    """The sender hung up before its message was whole: nobody waits for an answer, nothing is stored."""


class Encoded(Exception):
    """A compressed body: we do not unpack, for a small body could become a huge one."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body, of at most `limit` bytes."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and (len(value) > 12 or int(value) > limit):
            raise TooLong
        if name == b"content-encoding" and value.lower() not in (b"", b"identity"):
            raise Encoded
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body"):
        if len(body) > limit:
            raise TooLong
        return body
    parts, size = [body], len(body)
    while True:
        if message["type"] == "http.disconnect":
            raise Gone
        if size > limit:
            raise TooLong
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
        part: bytes = message.get("body", b"")
        parts.append(part)
        size += len(part)
