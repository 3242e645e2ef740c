"""What is kept between passes: the tracker of each connection, and what its tool says of itself."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, replace

import structlog

from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.clock import monotonic
from rallypoint.db import Database
from rallypoint.egress import Egress
from rallypoint.sync.budget import Use
from rallypoint.sync.connecting import opened
from rallypoint.sync.connection import Connection
from rallypoint.sync.lenses import Lenses
from rallypoint.sync.mapping import Mapping
from rallypoint.sync.ports import RichText, Tracker, TrackerError
from rallypoint.sync.quotas import Quotas
from rallypoint.sync.settlement import Setting, setting_of
from rallypoint.sync.tools import Access, Tools
from rallypoint.sync.wallet import SealedWallet

CALL_SECONDS = 30.0
"""How long one call to a tool may take before its outcome counts as unknown."""

SETTING_SECONDS = 600.0
"""How long what a tool says of itself is believed: its people, its workflow."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What the links of one connection are worked with."""

    connection: Connection
    tracker: Tracker
    access: Access


class Benches:
    """The benches of this process."""

    def __init__(
        self, db: Database, tools: Tools, vault: Vault, egress: Egress, *, quotas: Quotas, texts: RichText,
        largest_file: int,
    ) -> None:  # fmt: skip
        self._db, self._tools, self._vault, self._egress = db, tools, vault, egress
        self._quotas, self._texts, self._largest_file = quotas, texts, largest_file
        self._trackers: dict[int, Bench] = {}
        self._settings: dict[tuple[int, int], tuple[Setting, float]] = {}
        self._asking: defaultdict[tuple[int, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def close(self) -> None:
        for bench in self._trackers.values():
            await bench.tracker.close()
        self._trackers.clear()

    def now(self, connection: Connection) -> None:
        """The connection as it is now."""
        if (known := self._trackers.get(connection.id)) is not None:
            self._trackers[connection.id] = replace(known, connection=connection)

    async def of(self, connection: Connection) -> Bench:
        """The tracker of a connection, made anew when its address or credentials changed."""
        async with self._db.transaction(SYSTEM) as tx:
            given = await opened(tx, self._vault, connection)
        given = replace(given, wallet=SealedWallet(self._db, self._vault, connection))
        known = self._trackers.get(connection.id)
        if known is not None and known.access == given:
            fresh = replace(known, connection=connection)
            self._trackers[connection.id] = fresh
            return fresh
        if known is not None:
            await known.tracker.close()
            self._settings.clear()
        made = Bench(
            connection=connection, tracker=self._tools[connection.tool].make(given, self._egress), access=given
        )
        self._trackers[connection.id] = made
        return made

    async def setting(self, bench: Bench, mapping: Mapping) -> Setting:
        """The rules with what the tool says of itself, asked now and then: our account, its workflow, its people."""
        key = (mapping.id, mapping.version)
        async with self._asking[key]:  # passes that begin together ask once
            known = self._settings.get(key)
            if known is not None and known[1] > monotonic():
                return known[0]
            return await self._asked(bench, mapping, known)

    async def _asked(self, bench: Bench, mapping: Mapping, known: tuple[Setting, float] | None) -> Setting:
        account = known[0].account if known else None
        schema = None
        try:
            async with asyncio.timeout(CALL_SECONDS):
                account = (await bench.tracker.check()).identity or account
                schema = await bench.tracker.describe(mapping.create.project, mapping.create.type)
        except (TrackerError, TimeoutError) as problem:  # the pass itself will say what is wrong
            log.warning("a tool did not say what it looks like", connection=bench.connection.key, problem=str(problem))
        finally:
            await self._quotas.note(bench.tracker, bench.connection.id, Use.LANES)
        files = mapping.attachments
        mapping = replace(mapping, attachments=replace(files, max_bytes=min(files.max_bytes, self._largest_file)))
        lenses = Lenses(mapping, texts=self._texts, directory=schema.people if schema else ())
        made = setting_of(
            mapping, bench.tracker.capabilities, lenses, account=account, known=schema.transitions if schema else ()
        )
        self._settings[mapping.id, mapping.version] = (
            made,
            monotonic() + (SETTING_SECONDS if schema else SETTING_SECONDS / 20),
        )
        return made

    def lenses(self, mapping: Mapping) -> Lenses:
        return Lenses(mapping, texts=self._texts)
