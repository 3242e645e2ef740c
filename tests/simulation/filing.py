"""The same world with files in it: attached everywhere, twice, removed, refused; answers are lost and workers die."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from rallypoint.sync.attachments import FileAct
from rallypoint.sync.calls import FetchFile, SendFile
from rallypoint.sync.mapping import AttachmentRule, Owner
from rallypoint.sync.model import AttachmentPair, HubAttachment, HubItem, RemoteAttachment, RemoteItem, Visibility
from rallypoint.sync.perform import failed
from rallypoint.sync.ports import Outage, TrackerError, Upload, ValidationFailed
from rallypoint.sync.settlement import Outcome, TakenFile, setting_of
from rallypoint.sync.steps import Did, Do, Event, Failed, ListTransitions, Read
from tests.simulation.tools import Habits, Tool
from tests.simulation.world import Lane, Leak, World, run

MOST, TOO_MANY = 400, 500
"""Bytes: what the mapping lets through, and what some files have."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class FileTool(Tool):
    """A tool with files. It tells their sizes, or not, and never their hashes."""

    tells_sizes: bool = True
    files: dict[str, tuple[str, bytes, bool]] = field(default_factory=dict)
    """By id: name, content, whether we put it there."""

    def person_attaches(self, name: str, content: bytes) -> None:
        self._put(name, content, ours=False)

    def _put(self, name: str, content: bytes, *, ours: bool) -> str:
        self.ids += 1
        self.revision += 1
        self.files[f"f{self.ids}"] = (name, content, ours)
        return f"f{self.ids}"

    async def read(self, remote_id: str) -> RemoteItem:
        found = await super().read(remote_id)
        assert isinstance(found, RemoteItem)
        listed = tuple(
            RemoteAttachment(id=id, name=name, size=len(content) if self.tells_sizes else None)
            for id, (name, content, _) in self.files.items()
        )
        return replace(found, attachments=listed)

    async def attach(self, remote_id: str, upload: Upload, op: str) -> str:
        self.faults.before()
        content = b"".join([piece async for piece in upload.chunks()])
        if b"virus" in content:
            raise ValidationFailed("Not this one.")
        id = self._put(upload.name, content, ours=True)
        self.faults.after()
        return id

    async def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        self.faults.before()
        yield self.files[attachment_id][1]
        self.faults.after()


@dataclass
class Filing(World):
    """One schedule in which people attach and remove files beside all they do."""

    here: dict[str, HubAttachment] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)
    """What the house holds, by SHA-256."""

    deaths: int = 0

    def _lane(self, place: int, habit: Habits, owner: Owner) -> Lane:
        made = super()._lane(place, habit, owner)
        old = made.tool
        able = replace(habit.able, attachments=True, private_files=self.dice.random() < 0.5)
        tool = FileTool(
            habits=replace(habit, able=able), clock=old.clock, skew=old.skew, faults=old.faults, fields=old.fields,
            tells_sizes=self.dice.random() < 0.7,
        )  # fmt: skip
        mapping = replace(made.rules.mapping, attachments=AttachmentRule(max_bytes=MOST))
        rules = setting_of(mapping, able, made.rules.lenses, account=made.rules.account, known=made.rules.known)
        return replace(made, tool=tool, rules=rules)

    @property
    def tools(self) -> list[FileTool]:
        return [lane.tool for lane in self.lanes if isinstance(lane.tool, FileTool)]

    # People.

    def _something(self) -> None:
        if self.dice.random() < 0.25:
            self._file()
        else:
            super()._something()

    def _file(self) -> None:
        roll = self.dice.random()
        self.count += 1
        name = self.dice.choice(("a.log", "b.png", f"n{self.count}.txt"))
        tail = self.dice.choice(("", "", "", "virus", "x" * TOO_MANY))
        content = f"content {self.count} {tail}".encode()
        tool = self.dice.choice(self.tools)
        if roll < 0.35:
            tool.person_attaches(name, b"" if self.dice.random() < 0.1 else content)
        elif roll < 0.45:  # the same file at several places, and twice at one
            for other in (tool, tool, self.dice.choice(self.tools)):
                other.person_attaches(name, content)
        elif roll < 0.85 and len(content) < MOST:
            shown = self.dice.choice((Visibility.PRIVATE, Visibility.PUBLIC))
            self._attach(name, content, shown)
        elif self.here:
            gone = self.dice.choice(sorted(self.here))
            self.here[gone] = replace(self.here[gone], deleted=True)

    def _attach(self, name: str, content: bytes, shown: Visibility) -> str:
        """As the house does: one content under one name is one file."""
        digest = sha256(content)
        same = (one for one in self.here.values() if (one.sha256, one.name, one.deleted) == (digest, name, False))
        known = next(same, None)
        if known is not None:
            return known.id
        id = self._op()
        self.kept[digest] = content
        self.here[id] = HubAttachment(id=id, name=name, size=len(content), sha256=digest, visibility=shown)
        return id

    # Work.

    def _hub(self) -> HubItem:
        return replace(super()._hub(), attachments=tuple(self.here.values()))

    def _take_files(self, lane: Lane, outcome: Outcome) -> dict[str, TakenFile]:
        took = {}
        for one in outcome.files:
            if one.act is FileAct.TAKE:
                content = self.kept.get(one.sha256)
                lost = content is None or self.dice.random() < 0.05  # forgotten meanwhile: fetched anew
                took[one.remote_id] = (
                    TakenFile(lost=True)
                    if lost or content is None
                    else TakenFile(hub_id=self._attach(one.name, content, one.visibility))
                )
        return took

    def _perform(self, lane: Lane, effect: Read | ListTransitions | Do) -> Event:
        if isinstance(effect, Do) and isinstance(effect.call, FetchFile | SendFile):
            return self._carry(lane, effect.call)
        return super()._perform(lane, effect)

    def _carry(self, lane: Lane, call: FetchFile | SendFile) -> Event:
        """What carrying.py does, with a death between the tool's doing and our writing it down, now and then."""
        key = f"there:{call.remote_id}" if isinstance(call, FetchFile) else f"here:{call.hub_id}"
        event = run(self._fetch(lane, call) if isinstance(call, FetchFile) else self._send(lane, call))
        if isinstance(event, Failed):
            if event.cause is ValidationFailed.cause:
                lane.memory = replace(lane.memory, refused={**lane.memory.refused, key: f"{call.name}: {event.said}"})
            return event
        assert isinstance(event, Did)
        if self.dice.random() < 0.4 and lane.tool.faults.lost_answer:
            self.deaths += 1
            return failed(Outage("The worker died here."), call)
        if isinstance(call, FetchFile):
            lane.memory = replace(lane.memory, hashes={**lane.memory.hashes, call.remote_id: event.revision})
        elif event.revision:
            file = self.here[call.hub_id]
            pair = AttachmentPair(hub_id=file.id, remote_id=event.revision, sha256=file.sha256, name=file.name)
            lane.memory = replace(lane.memory, attachment_pairs=(*lane.memory.attachment_pairs, pair))
        return event

    async def _fetch(self, lane: Lane, call: FetchFile) -> Event:
        try:
            content = b"".join([piece async for piece in lane.tool.download("1", call.remote_id)])
        except TrackerError as problem:
            return failed(problem, call)
        if not content or len(content) > MOST:
            return failed(ValidationFailed("It is empty or too large, as was seen while it was fetched."), call)
        self.kept[sha256(content)] = content
        return Did(call=call, revision=sha256(content))

    async def _send(self, lane: Lane, call: SendFile) -> Event:
        file = self.here[call.hub_id]
        if file.deleted:
            return Did(call=call)

        async def chunks() -> AsyncIterator[bytes]:
            yield self.kept[file.sha256]

        upload = Upload(name=file.name, content_type="", size=file.size, sha256=file.sha256, chunks=chunks)
        try:
            return Did(call=call, revision=await lane.tool.attach("1", upload, call.op))
        except TrackerError as problem:
            return failed(problem, call)

    def _watch(self, lane: Lane) -> None:
        super()._watch(lane)
        private = {one.sha256 for one in self.here.values() if one.visibility is not Visibility.PUBLIC}
        assert isinstance(lane.tool, FileTool)
        if not lane.tool.habits.able.private_files:
            for name, content, ours in lane.tool.files.values():
                if ours and sha256(content) in private:
                    raise Leak(f"{name} is shown in {lane.tool.habits.name}")

    def _print(self) -> tuple[object, ...]:
        files = tuple(len(tool.files) for tool in self.tools)
        return (*super()._print(), files, len(self.here))

    # What must hold at rest.

    def check(self) -> None:
        super().check()
        alive = [one for one in self.here.values() if not one.deleted]
        assert len({(one.name, one.sha256) for one in alive}) == len(alive), "twice here"
        for tool in self.tools:
            ours = Counter((name, content) for name, content, by_us in tool.files.values() if by_us)
            assert all(times == 1 for times in ours.values()), (tool.habits.name, "sent twice")
            there = {(name, sha256(content)) for name, content, _ in tool.files.values()}
            for one in alive:
                stays = one.visibility is not Visibility.PUBLIC and not tool.habits.able.private_files
                stays = stays or b"virus" in self.kept[one.sha256]
                assert stays or (one.name, one.sha256) in there, (tool.habits.name, one.name, "is not there")
            known = {(one.name, one.sha256) for one in self.here.values()}
            for name, content, _ in tool.files.values():
                fits = 0 < len(content) <= MOST
                assert ((name, sha256(content)) in known) == fits, (tool.habits.name, name, len(content))
