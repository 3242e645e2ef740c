"""The receivers of alerts, as plain ASGI: no framework stands between the socket and the batcher.

A message is read part by part; all parts go to the batcher, and the answer waits until each is committed.
"""

import asyncio
from dataclasses import dataclass, field, replace

import structlog

from rallypoint.alerts import Batch, Batcher, Busy, Directory, Integration, Signal, Unreadable
from rallypoint.alerts.intake.batcher import Job
from rallypoint.alerts.trouble import AGAIN, AWAY
from rallypoint.clock import monotonic
from rallypoint.connectors.pagerduty import routing_key
from rallypoint.db import Database
from rallypoint.edges.hooks import metrics
from rallypoint.edges.hooks.body import Encoded, Gone, Receive, Scope, Send, TooLong, TooSlow, let_it_finish, read_body
from rallypoint.edges.hooks.receivers import PAGERDUTY, Receiver, find, is_ours
from rallypoint.edges.hooks.replies import AsPagerDuty, Manners, Reply
from rallypoint.errors import Invalid, OutsideFailure
from rallypoint.ids import INTEGRATION_KEY_LENGTH

ALLOW = (b"allow", b"POST")
CLOSE = (b"connection", b"close")

log = structlog.get_logger()


@dataclass(slots=True)
class Reading:
    """What has been read and queued of one message so far."""

    jobs: list[Job] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    alerts: int = 0
    problems: list[str] = field(default_factory=list)
    note: str = ""


class Hooks:
    """Answers /in/<key>... and /v2/enqueue. `matches` tells whether a path is ours."""

    def __init__(self, db: Database, batcher: Batcher) -> None:
        self._db, self._batcher, self._directory = db, batcher, Directory(db)

    @staticmethod
    def matches(path: str) -> bool:
        return is_ours(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        receiver, key = find(scope["path"])
        try:
            answer = await self._answer(scope, receive, receiver, key)
        except Gone:
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.all_headers})
        if CLOSE in answer.headers:  # the body was not read, or not to its end
            await send({"type": "http.response.body", "body": answer.body, "more_body": True})
            await let_it_finish(scope, receive)
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.body", "body": answer.body})
        metrics.messages(receiver.name if receiver else "unknown", answer.status).inc()

    async def _answer(self, scope: Scope, receive: Receive, receiver: Receiver | None, key: str) -> Reply:
        """Who sends, what, and whether it is stored. Raises Gone."""
        if receiver is None:
            return Manners().refused(404, "There is no receiver at this address.", CLOSE)
        manners = receiver.manners
        if scope["method"] != "POST":
            return manners.refused(405, "Send alerts here with POST.", ALLOW, CLOSE)
        try:
            integration = await self._directory.find(key) if key else None
            if key and integration is None:
                return replace(manners.unknown_key(), headers=(CLOSE,))
            body = await read_body(scope, receive, receiver.source.limit)
            if integration is None:
                return await self._event(receiver, body)
            return await self._take(receiver, integration, body)
        except Gone:
            raise
        except TooSlow:
            return manners.refused(408, "The body did not arrive in time.", CLOSE)
        except TooLong as problem:
            reason = f"The body is longer than {receiver.source.limit} bytes."
            return manners.refused(413, reason, *((CLOSE,) if problem.more else ()))
        except Encoded:
            return manners.refused(415, "Compressed bodies are not taken.", CLOSE)
        except (Busy, OutsideFailure) as problem:
            return manners.trouble(problem)
        except (*AWAY, *AGAIN) as problem:
            log.warning("an alert could not be taken: the database is away", problem=repr(problem)[:300])
            return manners.trouble(OutsideFailure(str(problem), retry=True))
        except Exception as problem:
            log.exception("an alert could not be taken", receiver=receiver.name)
            return manners.trouble(problem)

    async def _event(self, receiver: Receiver, body: bytes) -> Reply:
        """A PagerDuty event, whose key is inside it."""
        manners = PAGERDUTY.manners
        assert isinstance(manners, AsPagerDuty)
        try:
            key = routing_key(body)
        except Invalid as problem:
            return manners.invalid(problem)
        if len(key) != INTEGRATION_KEY_LENGTH:
            return manners.odd_key()
        integration = await self._directory.find(key)
        return manners.unknown_key() if integration is None else await self._take(receiver, integration, body)

    async def _take(self, receiver: Receiver, integration: Integration, body: bytes) -> Reply:
        """Read, store, and only then say so."""
        began = monotonic()
        self._batcher.room(integration)
        reading = Reading()
        refusal: Invalid | None = None
        try:
            await self._read(receiver, integration, body, reading)
        except Invalid as problem:
            refusal = problem
        except Exception:
            # A fault of ours, not of the sender's: asking for it again would only fail again.
            log.exception("a message could not be read", receiver=receiver.name, integration=integration.name)
            refusal = Invalid("body", "could not be read; it is kept and somebody is told")
        if refusal is not None:
            unreadable = Batch(unreadable=[Unreadable(reason=str(refusal)[:1000], payload=body[:65536])])
            reading.problems.append(str(refusal))
            reading.jobs += self._batcher.submit(integration, unreadable, body, receiver=receiver.name)
        accepted = await self._batcher.committed(reading.jobs)
        metrics.alerts(receiver.name).inc(reading.alerts)
        metrics.seconds(receiver.name).observe(monotonic() - began)
        if reading.problems:
            metrics.UNREADABLE.labels(receiver.name).inc(len(reading.problems))
        if refusal is not None:
            return receiver.manners.invalid(refusal)
        return receiver.manners.accepted(accepted.ids, reading.keys, reading.problems, reading.note)

    async def _read(self, receiver: Receiver, integration: Integration, body: bytes, reading: Reading) -> None:
        """Queue each part as soon as the next is read; in between, others get their turn.

        The last part carries the message itself and whatever of it could not be read.
        """
        known, submit = self._batcher.known(integration), self._batcher.submit
        last: Batch | None = None
        unreadable: list[Unreadable] = []
        for batch in receiver.source.read(body, now=self._db.clock.now(), known=known):
            if last is not None:
                reading.jobs += submit(integration, Batch(signals=last.signals, reread=last.reread))
                await asyncio.sleep(0)
            last = batch
            reading.alerts += len(batch.signals)
            unreadable += batch.unreadable
        if last is not None:
            last.unreadable = unreadable
            if reading.alerts == 1 and last.signals and isinstance(one := last.signals[0], Signal):
                reading.keys.append(one.dedup_key)
            reading.note, reading.problems = last.note, [one.reason for one in unreadable]
            reading.jobs += submit(integration, last, body, receiver=receiver.name, problem=last.note)
