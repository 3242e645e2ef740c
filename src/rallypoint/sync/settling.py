"""The one transaction in the middle of a pass: decide, do here what was done there, journal what will be written there.

It commits as a whole or not at all. A crash before it loses a read; a crash after it leaves a journal to go on from.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rallypoint import incidents
from rallypoint.access.check import storable
from rallypoint.db import Database, Transaction
from rallypoint.errors import Conflict as Clash
from rallypoint.errors import Invalid, NotFound, Refused
from rallypoint.ids import incident_name
from rallypoint.sync import conflict_store, ends, hub, store
from rallypoint.sync.attachments import FileAct, FileDecision
from rallypoint.sync.comments import CommentAct, CommentDecision
from rallypoint.sync.connection import Connection
from rallypoint.sync.equality import NoWay, key
from rallypoint.sync.hub import Arrival
from rallypoint.sync.mapping import Direction, changed_rules
from rallypoint.sync.memory import Memory
from rallypoint.sync.model import HubItem, Shadow, Side, Value
from rallypoint.sync.planner import NEVER, Decision
from rallypoint.sync.relations import TieAct
from rallypoint.sync.settlement import (
    Applied,
    Outcome,
    Setting,
    Settlement,
    Sight,
    TakenComment,
    TakenFile,
    decide,
    settle,
)
from rallypoint.sync.steps import Settled
from rallypoint.sync.work import Claim

LONGEST_COMMENT = 9_500
FIRST = ("title", "description", "category", "impact", "urgency", "priority")
"""What is taken before anything else: a status may need it. The status itself comes last."""

WITH_STATUS = frozenset({"resolution", "hold_reason"})
"""Why it is resolved or on hold: taken with the status, and never by itself."""

UNDO_EACH_OTHER = (
    "A rule there and one here undo each other. Change one of them, then have the link tried again, or decide a "
    "conflict of the field."
)
DECLINED = (Refused, Invalid, NotFound, Clash)


class Lost(Exception):
    """Another node has the link by now; nothing of ours may count."""


def new_op() -> str:
    """The id of one operation, unlike any other."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A settling but for its keeping. Without a settlement the tool's transitions must be asked for first."""

    item: HubItem
    outcome: Outcome
    applied: Mapping[str, Applied] = field(default_factory=dict)
    settlement: Settlement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settler:
    """Settles passes over the links of one connection."""

    db: Database
    connection: Connection
    setting: Setting
    base_url: str

    async def settle(self, claim: Claim, sight: Sight, memory: Memory | None = None) -> Settled:
        """Raises Lost where the claim is no longer ours."""

        async def work(tx: Transaction) -> Settled:
            return await self._settle(tx, claim, sight)

        return await self.db.run(hub.actor_of(self.connection, None), work)

    async def _settle(self, tx: Transaction, claim: Claim, sight: Sight) -> Settled:
        number = claim.link.incident
        await incidents.locked(tx, number)  # before the link, as whoever changes the incident does
        if not await store.hold_link(tx, claim):
            raise Lost
        stored = await store.memory(tx, claim)
        it = await self.rehearse(tx, claim, sight, stored)
        if it.settlement is None:
            return Settled(asks=True)
        await store.save_memory(tx, stored, it.settlement.memory)
        if claim.link.mapping_version != self.setting.mapping.version:
            await store.change_link(tx, claim.link.id, mapping_version=self.setting.mapping.version)
        await self._follow(tx, claim, sight)
        await store.seen_hub(tx, claim.link.id)
        if not stored.shadows:
            await ends.look_at_the_others(tx, number)
        await self._record(tx, claim, stored, it)
        return Settled(calls=it.settlement.calls, again=it.settlement.again)

    async def _follow(self, tx: Transaction, claim: Claim, sight: Sight) -> None:
        """What people call the item, and where it is: told by the read alone where it was found again, and changed by
        whoever moves it there."""
        item, link = sight.item, claim.link
        known = {"remote_key": link.key, "url": link.url, "project": link.project, "type": link.type}
        now = {"remote_key": item.key, "url": item.url, "project": item.project, "type": item.type}
        if news := {name: value for name, value in now.items() if value and value != known[name]}:
            await store.change_link(tx, link.id, **news)

    async def _record(self, tx: Transaction, claim: Claim, before: Memory, it: Rehearsal) -> None:
        """Conflicts that waited and are over by now, and new ones with the version that their decision left here."""
        assert it.settlement is not None
        for name, waited in before.waiting.items():
            if it.settlement.memory.waiting.get(name) != waited:
                await conflict_store.overtake(tx, claim.link.id, name)
        for one in it.settlement.conflicts:
            taken = it.applied.get(one.field) if one.winner is Side.REMOTE else None
            left = one.hub_version if taken is None or taken.refused else taken.version
            await conflict_store.add_conflict(tx, claim.link.incident, one, left_version=left)
        for name in sorted(it.settlement.memory.link.frozen - before.link.frozen):
            what = name.replace("_", " ").capitalize()
            text = f"{what} goes back and forth with {self.connection.name}: it stands still on both sides."
            await incidents.remark(tx, claim.link.incident, text=text, reason=UNDO_EACH_OTHER, notice="stopped")

    async def rehearse(self, tx: Transaction, claim: Claim, sight: Sight, stored: Memory) -> Rehearsal:
        """Decide, and do here what was done there; keep nothing of it yet. A preview rolls this back."""
        item = await hub.read(tx, claim.link.incident, base_url=self.base_url)
        memory = replace(self._begun(claim, stored, sight, item), anew=await self._anew(tx, claim))
        item = await self._hung_together(tx, claim, sight, item)
        outcome = decide(item, sight, memory, self.setting, new_op=new_op, now=tx.now)
        if outcome.asks:
            return Rehearsal(item=item, outcome=outcome)
        applied = await self._take_fields(tx, claim, outcome, self._beside(sight))
        taken = await self._take_comments(tx, claim, outcome.comments, item)
        settlement = settle(
            outcome, sight, memory, self.setting, applied=applied, taken=taken,
            took_files=await self._take_files(tx, claim, outcome.files),
            declined_ties=await self._take_ties(tx, claim, outcome), new_op=new_op, now=tx.now,
        )  # fmt: skip
        return Rehearsal(item=item, outcome=outcome, applied=applied, settlement=settlement)

    async def _anew(self, tx: Transaction, claim: Claim) -> frozenset[str]:
        """Fields that other rules were agreed for: whatever stands there now is judged by those of today, once."""
        mapping, link = self.setting.mapping, claim.link
        if not link.id or link.mapping_version == mapping.version:
            return frozenset()
        agreed = (await store.link(tx, link.id)).mapping_version  # an earlier round of this pass may have moved it on
        if agreed == mapping.version:
            return frozenset()
        return changed_rules(await store.mapping(tx, mapping.id, agreed), mapping)

    def _begun(self, claim: Claim, memory: Memory, sight: Sight, item: HubItem) -> Memory:
        """At the first look at an item that we created, what the tool filled in by itself is nobody's edit: ours goes
        across where we have something, and else both stay. At an item that was there before, both sides speak, and
        differences are conflicts."""
        if not claim.create_op or memory.shadows:
            return memory
        fields = [seen.rule for seen in self.setting.lenses.fields if sight.item.knows(seen.rule.remote)]
        seeds = {
            rule.hub: Shadow(
                field=rule.hub,
                raw=sight.item.raw(rule.remote),
                hub_value=None,
                hub_version=_empty_since(item, rule.hub),
            )
            for rule in fields
            if rule.direction is not Direction.IN
        }
        return replace(memory, shadows=seeds)

    def _beside(self, sight: Sight) -> dict[str, Value]:
        """What the tool says of fields that come with a status only, whichever way their rules let them travel."""
        found: dict[str, Value] = {}
        for seen in self.setting.lenses.fields:
            if seen.rule.hub in WITH_STATUS and sight.item.knows(seen.rule.remote):
                value = seen.lens.get(sight.item.raw(seen.rule.remote), None)
                if not isinstance(value, NoWay):
                    found[seen.rule.hub] = value
        return found

    async def _take_fields(
        self, tx: Transaction, claim: Claim, outcome: Outcome, beside: dict[str, Value]
    ) -> dict[str, Applied]:
        """Take what arrived, each by itself: what this house refuses is recorded with its reason."""
        takes = sorted(outcome.plan.takes, key=_order)
        if not takes:
            return {}
        beside = beside | {one.field: one.take for one in takes}
        refused = {one.field: await self._take(tx, claim, one, beside) for one in takes}
        after = await hub.read(tx, claim.link.incident, base_url=self.base_url, link=claim.link.id)
        return {
            name: Applied(refused=said)
            if said
            else Applied(version=after.fields[name].version, value=after.fields[name].value)
            for name, said in refused.items()
        }

    async def _take(self, tx: Transaction, claim: Claim, one: Decision, beside: dict[str, Value]) -> str:
        """Empty when it was taken, else why not."""
        arrival = Arrival(
            number=claim.link.incident, field=one.field, value=one.take, beside=beside, tool=self.connection.name,
            url=claim.link.url, at=one.take_at,
        )  # fmt: skip
        try:
            async with tx.savepoint():
                with tx.acting_as(hub.actor_of(self.connection, one.take_by)):
                    await hub.take(tx, arrival)
        except DECLINED as problem:
            return str(problem) or type(problem).__name__
        return ""

    async def _take_comments(
        self, tx: Transaction, claim: Claim, decisions: Sequence[CommentDecision], item: HubItem
    ) -> dict[str, TakenComment]:
        edits = {comment.id: comment.edit for comment in item.comments}
        taken: dict[str, TakenComment] = {}
        for one in decisions:
            with tx.acting_as(hub.actor_of(self.connection, one.author)):
                match one.act:
                    case CommentAct.TAKE:
                        text = self._fitting(one.body, claim)
                        id = await hub.say(tx, claim.link.incident, text=text, visibility=one.visibility, at=one.at)
                        taken[one.remote_id] = TakenComment(hub_id=id)
                    case CommentAct.EDIT_HUB:
                        await self._correct(tx, claim, one.hub_id, self._fitting(one.body, claim))
                        taken[one.remote_id] = TakenComment(hub_id=one.hub_id, edit=edits.get(one.hub_id, 0) + 1)
                    case CommentAct.DELETE_HUB:
                        await self._correct(tx, claim, one.hub_id, f"(deleted in {self.connection.name})")
                    case CommentAct.LOWER:
                        await self._correct(tx, claim, one.hub_id, f"(made private in {self.connection.name})")
        return taken

    async def _take_files(
        self, tx: Transaction, claim: Claim, decisions: Sequence[FileDecision]
    ) -> dict[str, TakenFile]:
        """Attach what was fetched; what stays where it is is told in the timeline, once, with the reason."""
        took: dict[str, TakenFile] = {}
        for one in decisions:
            if one.stays:
                await self._stays(tx, claim, one)
            if one.act is FileAct.TAKE:
                with tx.acting_as(hub.actor_of(self.connection, one.author)):
                    took[one.remote_id] = await self._take_file(tx, claim, one)
        return took

    async def _take_file(self, tx: Transaction, claim: Claim, one: FileDecision) -> TakenFile:
        if not await incidents.is_kept(tx, one.sha256):
            return TakenFile(lost=True)
        try:
            async with tx.savepoint():
                return TakenFile(hub_id=await hub.attach(tx, claim.link.incident, one))
        except DECLINED as problem:
            return TakenFile(refused=str(problem) or type(problem).__name__)

    async def _stays(self, tx: Transaction, claim: Claim, one: FileDecision) -> None:
        tool, where = self.connection.name, claim.link.url
        if one.remote_id:
            at = f": {where}" if where and one.act is FileAct.LINK else ""
            text = f"The file {one.name} stays in {tool}{at}"
        else:
            text = f"The file {one.name} was not sent to {tool}"
        await incidents.remark(tx, claim.link.incident, text=text, reason=one.why.value, notice="file")

    async def _hung_together(self, tx: Transaction, claim: Claim, sight: Sight, item: HubItem) -> HubItem:
        """The incident with its relations to others that are linked in this connection, too."""
        rule = self.setting.mapping.links
        if not self.setting.able.relations or not (rule.parents or rule.related):
            return item
        return await ends.with_relations(tx, item, self.connection.id, sight.item)

    async def _take_ties(self, tx: Transaction, claim: Claim, outcome: Outcome) -> dict[str, str]:
        """Say here what was said there of how items hang together; what is declined is told in the timeline, once."""
        number, tool, declined = claim.link.incident, self.connection.name, dict[str, str]()
        for why in outcome.undone.values():
            text = f"A relation was not written to {tool}"
            await incidents.remark(tx, number, text=text, reason=why, notice="relation")
        for one in outcome.ties:
            if one.act not in (TieAct.TAKE, TieAct.DROP):
                continue
            try:
                async with tx.savepoint():
                    with tx.acting_as(hub.actor_of(self.connection, None)):
                        await ends.follow(tx, number, one)
            except DECLINED as problem:
                declined[one.key] = str(problem) or type(problem).__name__
                text = f"A relation of {tool} was not taken: {one.kind.value} {incident_name(one.incident)}"
                await incidents.remark(tx, number, text=text, reason=declined[one.key], notice="relation")
        return declined

    async def _correct(self, tx: Transaction, claim: Claim, hub_id: str, text: str) -> None:
        if hub_id.isdecimal():
            await incidents.correct(tx, claim.link.incident, entry=int(hub_id), text=text)

    def _fitting(self, body: str, claim: Claim) -> str:
        """A comment as our timeline takes it: never empty, and cut where it is enormous, with the way to the whole."""
        text = storable(body).strip() or "(an empty comment)"
        if len(text) <= LONGEST_COMMENT:
            return text
        return f"{text[:LONGEST_COMMENT].rstrip()} …\n\n(cut; the whole is in {self.connection.name}: {claim.link.url})"


def _empty_since(item: HubItem, field: str) -> int:
    """The version since which the incident has nothing there; NEVER where it has something."""
    held = item.fields.get(field)
    return held.version if held is not None and key(held.value) is None else NEVER


def _order(decision: Decision) -> tuple[int, str]:
    if decision.status:
        return (9, decision.field)
    return (FIRST.index(decision.field) if decision.field in FIRST else 5, decision.field)
