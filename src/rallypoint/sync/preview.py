"""A rehearsal on real items: what a mapping would write where, both ways, and why. Nothing is written.

It is the settling of a pass itself, in a transaction that is rolled back, so it cannot say anything else than what
would happen.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from rallypoint import incidents
from rallypoint.actors import Actor
from rallypoint.db import Database, Transaction
from rallypoint.errors import Invalid
from rallypoint.sync import creating, hub, store
from rallypoint.sync.calls import WriteFields
from rallypoint.sync.comments import CommentAct, CommentDecision
from rallypoint.sync.connection import Connection
from rallypoint.sync.lenses import Lenses
from rallypoint.sync.mapping import Mapping as Rules
from rallypoint.sync.memory import Memory
from rallypoint.sync.model import Conflict, Gone, HubItem, Link, Person, RemoteItem, Schema, Value
from rallypoint.sync.planner import Act, Decision
from rallypoint.sync.ports import Draft, RichText, Tracker
from rallypoint.sync.relations import TieAct
from rallypoint.sync.scope import hub_fits, place_of, remote_fits
from rallypoint.sync.settlement import Sight, setting_of
from rallypoint.sync.settling import WITH_STATUS, Rehearsal, Settler
from rallypoint.sync.work import Claim
from rallypoint.sync.workflow import Blocked, Move

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLine:
    """One mapped field: what both sides hold, what would be done, and why.

    `to_here` counts where `takes`, `to_there` (raw) where `pushes`. `refused` is what this house says to a value.
    """

    field: str
    remote_field: str
    here: Value
    there: Value
    act: str
    why: str
    takes: bool = False
    to_here: Value = None
    pushes: bool = False
    to_there: Value = None
    refused: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentLine:
    """A comment that would be written, on which side, and who could read it there."""

    act: str
    why: str
    text: str
    visibility: str
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    act: str
    why: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationLine:
    """How this incident and another hang together, and on which side that would be said or taken back."""

    act: str
    kind: str
    incident: int
    remote_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would happen between an incident and an item. One of the two may be missing: then it would be made.

    `writes` are the raw values of the first write to the item; `creates` is the item that would be made, `opens` the
    incident, by field. `fits_here` and `fits_there` say whether each is in the mapping's scope; `by_itself` that the
    mapping's trigger would do this without anybody asking. `blocked` is why a status cannot be reached.
    """

    incident: int | None
    remote_id: str
    remote_key: str = ""
    url: str = ""
    linked: bool = False
    fits_here: bool | None = None
    fits_there: bool | None = None
    by_itself: bool = False
    fields: tuple[FieldLine, ...] = ()
    comments: tuple[CommentLine, ...] = ()
    files: tuple[FileLine, ...] = ()
    relations: tuple[RelationLine, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    writes: Mapping[str, Value] = field(default_factory=dict)
    step: str = ""
    blocked: str = ""
    creates: Draft | None = None
    opens: Mapping[str, Value] | None = None

    @property
    def idle(self) -> bool:
        """Nothing would be written on either side."""
        moved = self.creates or self.opens or self.writes or self.step or self.comments or self.files or self.relations
        return not (moved or any(one.takes for one in self.fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What rehearsals of one mapping share."""

    db: Database
    tracker: Tracker
    connection: Connection
    mapping: Rules
    texts: RichText
    base_url: str
    account: Person | None = None
    schema: Schema | None = None
    """Who we are there, and what the tool says of its people and its workflow, as the lanes ask it."""

    @property
    def lenses(self) -> Lenses:
        return Lenses(self.mapping, texts=self.texts, directory=self.schema.people if self.schema else ())

    async def show(self, *, incident: int | None, remote_id: str) -> Preview:
        """Raises NotFound and Invalid for what is not there, and what the tool raises."""
        link = await self._link(incident, remote_id)
        if link is not None:
            incident, remote_id = link.incident, link.remote_id
        if not remote_id and incident is not None:
            return await self._creating(incident)
        found = await self.tracker.read(remote_id)
        if isinstance(found, Gone):
            raise Invalid("remote_id", f"cannot be read there: {found.detail or found.reason.value}")
        if incident is None:
            return await self._opening(found)
        return await self._between(incident, found, link)

    async def _link(self, incident: int | None, remote_id: str) -> Link | None:
        """The link that is there already between the two, or the only one that either of them has here."""

        async def work(tx: Transaction) -> Link | None:
            if incident is not None:
                await incidents.incident(tx, incident)
            if remote_id:
                found = await store.links_to(tx, self.connection.id, [remote_id])
                return next((one for one in found if incident in (None, one.incident)), None)
            rows = await store.links_of(tx, incident or 0)
            mine = [one["id"] for one in rows if one["mapping_id"] == self.mapping.id and one["state"] == "active"]
            return await store.link(tx, mine[0]) if mine else None

        return await self._undone(work)

    async def _between(self, incident: int, item: RemoteItem, link: Link | None) -> Preview:
        rehearsed = await self._rehearsed(incident, Sight(item=item), link)
        if rehearsed.outcome.asks:
            offered = await self.tracker.transitions(item.id)
            rehearsed = await self._rehearsed(incident, Sight(item=item, transitions=offered), link)
        return self._told(incident, item, link, rehearsed)

    async def _rehearsed(self, incident: int, sight: Sight, link: Link | None) -> Rehearsal:
        """One settling, undone."""
        lenses = self.lenses
        able = self.tracker.capabilities
        setting = setting_of(self.mapping, able, lenses)
        settler = Settler(db=self.db, connection=self.connection, setting=setting, base_url=self.base_url)
        pretended = link or Link(
            id=0, incident=incident, connection=self.connection.id, mapping=self.mapping.id,
            mapping_version=self.mapping.version, remote_id=sight.item.id, url=sight.item.url,
        )  # fmt: skip
        claim = Claim(link=pretended, fence=0, attempts=0)

        async def work(tx: Transaction) -> Rehearsal:
            stored = await store.memory(tx, claim) if link is not None else Memory(link=pretended)
            return await settler.rehearse(tx, claim, sight, stored)

        return await self._undone(work)

    def _told(self, incident: int, item: RemoteItem, link: Link | None, it: Rehearsal) -> Preview:
        outcome = it.outcome
        writes: dict[str, Value] = {}
        for call in it.settlement.calls if it.settlement is not None else ():
            if isinstance(call, WriteFields):
                writes.update(call.changes)
        move = outcome.move
        return Preview(
            incident=incident,
            remote_id=item.id,
            remote_key=item.key,
            url=item.url,
            linked=link is not None,
            fits_here=hub_fits(self.mapping, it.item),
            fits_there=remote_fits(self.mapping, item),
            by_itself=link is not None,
            fields=tuple(_line(one, it) for one in outcome.plan.decisions),
            comments=_comments(outcome.comments),
            files=tuple(FileLine(act=one.act.value, why=one.why.value, name=one.name) for one in outcome.files),
            relations=tuple(
                RelationLine(act=one.act.value, kind=one.kind.value, incident=one.incident, remote_id=one.remote_id)
                for one in outcome.ties
                if one.act not in (TieAct.AGREE, TieAct.FORGET)
            ),
            conflicts=outcome.plan.conflicts,
            writes=writes,
            step=f"{move.transition.name} ({move.transition.to})" if isinstance(move, Move) else "",
            blocked=move.reason if isinstance(move, Blocked) else "",
        )

    async def _creating(self, incident: int) -> Preview:
        """The item that would be made of an incident, and the comments that would follow it."""
        lenses = self.lenses

        async def work(tx: Transaction) -> HubItem:
            return await hub.read(tx, incident, base_url=self.base_url)

        item = await self._undone(work)
        place = place_of(self.mapping.create, item)
        link = Link(
            id=0, incident=incident, connection=self.connection.id, mapping=self.mapping.id,
            mapping_version=self.mapping.version, remote_id="", project=place.project, type=place.type,
        )  # fmt: skip
        draft = creating.draft_of(self.mapping, lenses, item, Claim(link=link, fence=0, attempts=0, create_op="..."))
        blank = RemoteItem(id="", project=place.project, type=place.type, comments_complete=True)
        said = await self._rehearsed(incident, Sight(item=blank), None)
        fits = hub_fits(self.mapping, item)
        fields = [
            FieldLine(
                field=seen.rule.hub, remote_field=seen.rule.remote, here=item.fields[seen.rule.hub].value, there=None,
                act=Act.PUSH.value, why="it is made with this value", pushes=True,
                to_there=draft.fields[seen.rule.remote],
            )
            for seen in lenses.fields
            if seen.rule.hub in item.fields and seen.rule.remote in draft.fields and not seen.status
        ]  # fmt: skip
        return Preview(
            incident=incident, remote_id="", fits_here=fits, by_itself=fits and self.mapping.trigger.send,
            fields=tuple(fields), comments=_comments(said.outcome.comments), creates=draft,
        )  # fmt: skip

    async def _opening(self, item: RemoteItem) -> Preview:
        """The incident that would be opened for an item, as this house would take it."""
        lenses = self.lenses

        async def work(tx: Transaction) -> HubItem:
            number = await creating.open_for(tx, self.connection, lenses, item)
            return await hub.read(tx, number, base_url=self.base_url)

        made = await self._undone(work, item.changed_by)
        fits = remote_fits(self.mapping, item)
        left_out = {"number", "url"}
        return Preview(
            incident=None, remote_id=item.id, remote_key=item.key, url=item.url, fits_there=fits,
            by_itself=fits and self.mapping.trigger.receive,
            opens={name: one.value for name, one in made.fields.items() if name not in left_out and one.value},
        )  # fmt: skip

    async def _undone(self, work: Callable[[Transaction], Awaitable[T]], by: Person | None = None) -> T:
        return await undone(self.db, hub.actor_of(self.connection, by), work)


class _Enough(Exception):
    """Rolls a rehearsal back."""


async def undone(db: Database, actor: Actor, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """What `work` returns. What it did is rolled back."""
    kept: list[T] = []

    async def run(tx: Transaction) -> None:
        kept.append(await work(tx))
        raise _Enough

    try:
        await db.run(actor, run)
    except _Enough:
        pass
    return kept[-1]


def _line(one: Decision, it: Rehearsal) -> FieldLine:
    applied = it.applied.get(one.field)
    comes = one.field in WITH_STATUS and one.raw and any(other.status for other in it.outcome.plan.takes)
    return FieldLine(
        field=one.field, remote_field=one.remote_field, here=one.hub.value if one.hub else None, there=one.raw,
        act=one.act.value, why=one.why.value, takes=one.takes, to_here=one.take if one.takes else None,
        pushes=one.pushes, to_there=one.push if one.pushes else None, refused=applied.refused if applied else "",
        note=one.detail or ("it arrives with the status" if comes else ""),
    )  # fmt: skip


def _comments(decisions: tuple[CommentDecision, ...]) -> tuple[CommentLine, ...]:
    """Those that change anything; comments that stay where they are, with the reason, too."""
    return tuple(
        CommentLine(
            act=one.act.value, why=one.why.value, text=one.body, visibility=one.visibility.value,
            author=(one.author.name or one.author.email) if one.author else "",
        )
        for one in decisions
        if one.act not in (CommentAct.PAIR, CommentAct.NOTHING)
    )  # fmt: skip
