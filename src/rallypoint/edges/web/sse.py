"""Server-sent events: tells an open page that what it shows has changed; the page then fetches itself again.

Nothing but the word "changed" is sent, so a stream can leak nothing. It ends by itself after a while, and the browser
comes back: that is how a drained server gets rid of its streams.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from rallypoint.db.hints import Hints

BEAT_SECONDS = 15.0
LIFETIME_BEATS = 40
TOPICS_MAX = 12
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def topics(request: Request) -> frozenset[str]:
    """What the page asks to hear about: `?on=incident:42,incidents`."""
    asked = request.query_params.get("on", "").split(",")
    return frozenset(name for name in (topic.strip() for topic in asked[:TOPICS_MAX]) if name)


async def events(
    hints: Hints, on: Iterable[str], *, since: str = "", closing: asyncio.Event | None = None
) -> AsyncIterator[str]:
    """`changed` whenever a hint names one of the topics; a comment now and then, so that proxies keep the line.

    `since` is the moment at which the page was begun: what changed before its line was open is told at once.
    """
    wanted, woken = frozenset(on), asyncio.Event()

    def heard(name: str) -> None:
        if name in wanted:
            woken.set()

    stop = hints.subscribe(heard)
    if since and not hints.unchanged(wanted, since):
        woken.set()
    try:
        yield "retry: 2000\n: listening\n\n"
        for _ in range(LIFETIME_BEATS):
            if closing is not None and closing.is_set():
                return
            try:
                await asyncio.wait_for(woken.wait(), BEAT_SECONDS)
            except TimeoutError:
                yield ": beat\n\n"
                continue
            woken.clear()
            yield "event: changed\ndata: 1\n\n"
    finally:
        stop()


def stream(hints: Hints, on: frozenset[str], since: str = "") -> Response:
    return StreamingResponse(events(hints, on, since=since), media_type="text/event-stream", headers=HEADERS)
