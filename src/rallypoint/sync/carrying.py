"""Files on their way between a tool and us, in pieces, never whole in memory.

A file that was fetched is known by its SHA-256 from then on, whatever happens next; a file that was sent is paired by
the id the tool gave it. Where that answer is lost, the file is found there at the next look, fetched, and found to be
ours by its content: it is never sent again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.clock import sleep
from rallypoint.db import Database
from rallypoint.errors import Invalid, NotFound
from rallypoint.incidents import IncidentFile
from rallypoint.sync import carrying_store, store
from rallypoint.sync.attachments import HERE, THERE, FileWhy
from rallypoint.sync.calls import FetchFile, SendFile
from rallypoint.sync.mapping import Direction
from rallypoint.sync.model import AttachmentPair
from rallypoint.sync.perform import failed
from rallypoint.sync.ports import Cause, Outage, Tracker, TrackerError, Upload
from rallypoint.sync.settlement import Setting
from rallypoint.sync.settling import Lost
from rallypoint.sync.steps import Did, Event
from rallypoint.sync.work import Claim, effect_done

LONGEST_SECONDS = 900.0
"""How long one file may take. What the tool itself allows is the connector's to say."""

BREATH_SECONDS = 30.0
"""How often the claim on the link is prolonged while a file is on its way: a third of its lease."""

PASSING = frozenset({Cause.OUTAGE, Cause.RATE, Cause.AUTH, Cause.STALE})
"""Failures that say nothing about the file: it is tried again. Any other stands until a person has it tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """Carries the files of one pass. `tool` is what people call the connection; `largest` is what this house takes,
    in bytes, whatever a mapping says.
    """

    db: Database
    tracker: Tracker
    tool: str
    setting: Setting
    claim: Claim
    largest: int

    async def carry(self, call: FetchFile | SendFile) -> Event:
        """The event that answers the call. Raises Lost where the link is somebody else's by now."""
        try:
            async with asyncio.timeout(LONGEST_SECONDS), self._prolonged():
                if isinstance(call, FetchFile):
                    return await self._fetch(call)
                return await self._send(call)
        except TrackerError as problem:
            if problem.cause not in PASSING:
                await self._refused(call, str(problem))
            return failed(problem, call)
        except TimeoutError:
            return failed(Outage(f"A file took longer than {LONGEST_SECONDS:.0f} seconds.", unknown=True), call)

    async def _fetch(self, call: FetchFile) -> Event:
        rule = self.setting.mapping.attachments
        coming = self.tracker.download(self.claim.link.remote_id, call.remote_id)
        try:
            async with incidents.held(coming, largest=min(rule.max_bytes, self.largest)) as whole:
                if rule.direction is not Direction.OUT:
                    await incidents.keep(self.db, whole)
                effect_done(self.claim, "sync_file_fetched")
                await self._remember("hash", call.remote_id, whole.sha256)
        except Invalid as problem:
            why = FileWhy.EMPTY if "empty" in problem.problems[0].reason else FileWhy.TOO_LARGE
            await self._refused(call, f"{why.value} (seen while it was fetched)")
        return Did(call=call)

    async def _send(self, call: SendFile) -> Event:
        try:
            async with self.db.transaction(SYSTEM) as tx:
                file = await incidents.file(tx, self.claim.link.incident, int(call.hub_id))
        except NotFound:
            return Did(call=call)  # it was removed a moment ago
        remote_id = await self.tracker.attach(self.claim.link.remote_id, self._upload(file, call), call.op)
        effect_done(self.claim, "sync_file_sent")
        pair = AttachmentPair(hub_id=call.hub_id, remote_id=remote_id, sha256=file.sha256, name=file.name)
        await self._remember("file", remote_id, pair)
        return Did(call=call, revision=remote_id)

    def _upload(self, file: IncidentFile, call: SendFile) -> Upload:
        def chunks() -> AsyncIterator[bytes]:
            return incidents.stream(self.db, file.sha256)

        return Upload(
            name=file.name, content_type=file.content_type, size=file.size, sha256=file.sha256, chunks=chunks,
            visibility=call.visibility,
        )  # fmt: skip

    async def _refused(self, call: FetchFile | SendFile, why: str) -> None:
        """The file stays where it is until a person has it tried again; the timeline says so, once."""
        number = self.claim.link.incident
        if isinstance(call, FetchFile):
            key, text = THERE + call.remote_id, f"The file {call.name} stays in {self.tool}: {self.claim.link.url}"
        else:
            key, text = HERE + call.hub_id, f"The file {call.name} was not sent to {self.tool}"
        async with self.db.transaction(SYSTEM) as tx:
            await incidents.locked(tx, number)  # before the link, as whoever changes the incident does
            if not await store.hold_link(tx, self.claim):
                raise Lost
            await carrying_store.remember(tx, self.claim.link.id, "refused", key, f"{call.name}: {why}"[:500])
            await incidents.remark(tx, number, text=text, reason=why[:500], notice="file")

    async def _remember(self, kind: str, key: str, body: object) -> None:
        async with self.db.transaction(SYSTEM) as tx:
            if not await store.hold_link(tx, self.claim):
                raise Lost
            await carrying_store.remember(tx, self.claim.link.id, kind, key, body)

    @asynccontextmanager
    async def _prolonged(self) -> AsyncIterator[None]:
        """The link stays ours for the length of the block, however long that is."""

        async def breathe() -> None:
            while True:
                async with self.db.transaction(SYSTEM) as tx:
                    if not await carrying_store.extend_lease(tx, self.claim):
                        return
                await sleep(BREATH_SECONDS)

        breathing = asyncio.create_task(breathe())
        try:
            yield
        finally:
            breathing.cancel()
            await asyncio.gather(breathing, return_exceptions=True)
