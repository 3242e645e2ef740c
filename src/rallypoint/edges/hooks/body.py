"""The body of a request, refused as soon as it is known to be too long."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


WHOLE_SECONDS = 60.0
"""So long a message may take to arrive."""

LEFT_BYTES, LEFT_SECONDS = 64 << 20, 3.0


class TooLong(Exception):
    """More bytes than the receiver takes; `more` of them are still coming."""

    def __init__(self, *, more: bool = True) -> None:
        super().__init__()
        self.more = more


class Gone(Exception):
    """The sender hung up before its message was whole: nobody waits for an answer, nothing is stored."""


class TooSlow(Exception):
    """It did not arrive in time: who keeps connections open for nothing must not keep out the others."""


class Encoded(Exception):
    """A compressed body: we do not unpack, for a small body could become a huge one."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body, of at most `limit` bytes."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and (len(value) > 12 or int(value) > limit):
            raise TooLong
        if name == b"content-encoding" and value.lower() not in (b"", b"identity"):
            raise Encoded
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            return await _whole(receive, limit)
    except TimeoutError:
        raise TooSlow from None


async def _whole(receive: Receive, limit: int) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body"):
        if len(body) > limit:
            raise TooLong(more=False)
        return body
    parts, size = [body], len(body)
    while True:
        if message["type"] == "http.disconnect":
            raise Gone
        if size > limit:
            raise TooLong(more=bool(message.get("more_body")))
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
        part: bytes = message.get("body", b"")
        parts.append(part)
        size += len(part)


async def let_it_finish(scope: Scope, receive: Receive) -> None:
    """Take in and forget what is still coming of a message that was refused.

    A connection that is closed while its sender still writes is reset, and the answer is lost with it. Bounded in
    bytes and time; a sender that waits to be asked (Expect: 100-continue) is not asked.
    """
    if any(name == b"expect" for name, _ in scope["headers"]):
        return
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LEFT_SECONDS):
            while size < LEFT_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
