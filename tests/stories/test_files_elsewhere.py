"""A screenshot for the desk is a screenshot for the engineers: files travel, once each, and nothing bounces."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.emulators.azure_devops import ENGINEER, AzureDevOps
from rallypoint.emulators.azure_devops.organization import Item
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.servicenow import AGENT
from rallypoint.incidents import IncidentFile, TimelineEntry
from rallypoint.sync import linking, store, work
from rallypoint.sync.mapping import AttachmentRule
from tests.stories.test_service_desk_elsewhere import Desk
from tests.stories.test_ten_steps import both

__all__ = ["both"]

SHOT, LOG, TRACE = b"\x89PNG" + bytes(3_000_000), b"line\n" * 1000, b"stack"


class Case:
    """One incident in three places."""

    def __init__(self, desk: Desk, works: AzureDevOps, sys_id: str, number: int) -> None:
        self.desk, self.works, self.sys_id, self.number = desk, works, sys_id, number

    @property
    def item(self) -> Item:
        [item] = self.works.organization.items.values()
        return item

    def at_the_desk(self) -> dict[str, bytes]:
        """Names are told twice where a file is there twice."""
        instance = self.desk.there.instance
        found: dict[str, bytes] = {}
        for row in instance.tables["sys_attachment"].values():
            if row["table_sys_id"] == self.sys_id:
                found[row["file_name"] + "'" * (row["file_name"] in found)] = instance.files[row["sys_id"]]
        return found

    def at_work(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for one in self.item.last.relations:
            if one["rel"] == "AttachedFile":
                file = self.works.organization.files[one["url"].split("/attachments/")[1].split("?")[0]]
                name = one["attributes"]["name"]
                found[name + "'" * (name in found)] = file.body
        return found

    def desk_attaches(self, name: str, body: bytes) -> dict[str, str]:
        instance = self.desk.there.instance
        row = instance.tables["incident"][self.sys_id]
        return instance.attach("incident", row, name, "application/octet-stream", body, instance.users[AGENT])

    def engineer_attaches(self, name: str, body: bytes) -> None:
        organization = self.works.organization
        file = organization.upload(name, body)
        value = {"rel": "AttachedFile", "url": f"x/_apis/wit/attachments/{file.id}", "attributes": {"name": name}}
        operations = [{"op": "add", "path": "/relations/-", "value": value}]
        organization.update(self.item, operations, organization.users[ENGINEER])

    async def responder_attaches(self, name: str, body: bytes, **more: str) -> IncidentFile:
        async def chunks() -> object:
            yield body

        async with incidents.held(chunks(), largest=10**8) as whole:  # type: ignore[arg-type]
            sha256 = await incidents.keep(self.desk.db, whole)
        async with self.desk.db.transaction(self.desk.them.responder) as tx:
            return await incidents.attach(tx, self.number, sha256=sha256, name=name, **more)

    async def here(self) -> dict[str, IncidentFile]:
        async with self.desk.db.transaction(SYSTEM) as tx:
            found = await incidents.files(tx, self.number)
        assert len({file.name for file in found}) == len(found)
        return {file.name: file for file in found}

    async def bytes_here(self) -> dict[str, bytes]:
        return {
            name: b"".join([piece async for piece in incidents.stream(self.desk.db, file.sha256)])
            for name, file in (await self.here()).items()
        }

    async def told(self) -> list[TimelineEntry]:
        async with self.desk.db.transaction(SYSTEM) as tx:
            entries, _ = await incidents.timeline(tx, self.number, limit=1000)
        return [entry for entry in entries if entry.data.get("notice") == "file"]

    def acts(self) -> int:
        return self.desk.there.faults.acts + self.works.faults.acts

    async def expect_rest(self) -> None:
        """Everything is in step: looking again and again writes nothing anywhere."""
        await self.desk.sync()
        before, files = self.acts(), await self.here()
        await self.desk.sync(3)
        assert (self.acts(), await self.here()) == (before, files)


@pytest.fixture
async def case(both: tuple[Desk, AzureDevOps]) -> Case:
    desk, works = both
    async with desk.db.transaction(desk.them.manager) as tx:
        for one in await store.mappings(tx):
            rule = AttachmentRule(private_to_open_tool=True)
            await store.save_mapping(tx, replace(one, version=2, attachments=rule), by="Mia")
    await desk.sync(1)
    logged = desk.log(short_description="Card payments fail", impact="1", urgency="1")
    await desk.sync()
    async with desk.db.transaction(SYSTEM) as tx:
        [ranked], _ = await incidents.board(tx, limit=5)
    return Case(desk, works, logged["sys_id"], ranked.incident.number)


async def test_a_file_from_anywhere_is_everywhere_once(case: Case) -> None:
    case.desk_attaches("screen shot.png", SHOT)
    await case.desk.sync()
    assert await case.bytes_here() == case.at_work() == {"screen shot.png": SHOT}
    [shot] = (await case.here()).values()
    assert (shot.visibility, shot.origin) == ("internal", "sync:servicenow")
    assert "in ServiceNow" in shot.added_by

    case.engineer_attaches("trace.txt", TRACE)
    await case.responder_attaches("app.log", LOG)
    await case.desk.sync()
    everything = {"screen shot.png": SHOT, "trace.txt": TRACE, "app.log": LOG}
    assert await case.bytes_here() == case.at_the_desk() == case.at_work() == everything
    assert await case.told() == []
    await case.expect_rest()


async def test_a_private_file_stays_out_of_a_tool_where_all_would_see_it_unless_the_mapping_says_so(case: Case) -> None:
    async with case.desk.db.transaction(case.desk.them.manager) as tx:
        for one in await store.mappings(tx):
            await store.save_mapping(tx, replace(one, version=3, attachments=AttachmentRule()), by="Mia")
    await case.responder_attaches("dump.sql", LOG)
    await case.responder_attaches("guide.pdf", TRACE, visibility="public")
    await case.desk.sync()
    assert case.at_the_desk() == case.at_work() == {"guide.pdf": TRACE}
    told = await case.told()
    assert {entry.text for entry in told} == {
        "The file dump.sql was not sent to ServiceNow", "The file dump.sql was not sent to Azure DevOps",
    }  # fmt: skip
    assert {entry.reason for entry in told} == {"it is private, and everybody there could read it"}
    await case.expect_rest()


async def test_the_same_file_in_two_places_meets_and_another_of_that_name_stays_another(case: Case) -> None:
    case.desk_attaches("app.log", LOG)
    case.engineer_attaches("app.log", LOG)
    await case.responder_attaches("app.log", LOG)
    await case.desk.sync()
    assert await case.bytes_here() == case.at_the_desk() == case.at_work() == {"app.log": LOG}
    case.engineer_attaches("app.log", TRACE)
    await case.desk.sync()
    assert case.at_work() == case.at_the_desk() == {"app.log": LOG, "app.log'": TRACE}


async def test_lost_answers_make_no_second_copy(case: Case) -> None:
    case.desk.there.faults.plan(Fault(kind=FaultKind.RESET_AFTER, method="POST", path="/attachment/file"))
    case.works.faults.plan(Fault(kind=FaultKind.RESET_AFTER, method="PATCH", path="/workitems/"))
    case.works.faults.plan(Fault(kind=FaultKind.RESET, method="POST", path="/wit/attachments"))
    await case.responder_attaches("app.log", LOG)
    await case.desk.sync(8)
    assert await case.bytes_here() == case.at_the_desk() == case.at_work() == {"app.log": LOG}
    case.desk.there.faults.plan(Fault(kind=FaultKind.RESET_AFTER, method="GET", path="/file", times=2))
    case.desk_attaches("shot.png", SHOT)
    await case.desk.sync(8)
    assert await case.bytes_here() == case.at_the_desk() == case.at_work() == {"app.log": LOG, "shot.png": SHOT}
    await case.expect_rest()


@pytest.mark.parametrize("place", range(1, 21, 2))
async def test_a_pass_that_dies_after_any_effect_makes_no_second_copy(
    case: Case, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = place

    def die_here(name: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise asyncio.CancelledError(name)  # nobody catches it, nothing is tidied up: the lease has to run out

    monkeypatch.setattr(work, "crashpoint", die_here)
    case.desk_attaches("shot.png", TRACE)
    await case.responder_attaches("app.log", LOG)
    await case.desk.sync(6)
    assert left <= 0, "it did die"
    assert await case.bytes_here() == case.at_the_desk() == case.at_work() == {"app.log": LOG, "shot.png": TRACE}
    assert await case.told() == []
    await case.expect_rest()


async def test_what_is_too_large_or_empty_stays_there_and_is_told_of_once(case: Case) -> None:
    huge = case.desk_attaches("dump.bin", b"a gigabyte")
    case.desk.there.instance.tables["sys_attachment"][huge["sys_id"]]["size_bytes"] = str(2**30)
    case.desk_attaches("nothing.txt", b"")
    case.desk_attaches("shot.png", SHOT)
    await case.desk.sync(6)
    assert await case.bytes_here() == case.at_work() == {"shot.png": SHOT}
    [large, empty] = sorted(await case.told(), key=lambda entry: entry.text)
    assert large.text.startswith("The file dump.bin stays in ServiceNow: http")
    assert (large.reason, empty.reason) == ("it is larger than the rule or the tool allows", "it is empty")
    asked = [one.path for one in case.desk.there.faults.seen if one.path.endswith("/file") and one.method == "GET"]
    assert len(asked) == 1, "only what may come is fetched, and once"
    await case.expect_rest()


async def test_a_file_that_lies_about_its_size_is_stopped_on_its_way(case: Case) -> None:
    case.desk.lanes._largest_file = 1_000_000
    big = case.desk_attaches("dump.bin", SHOT)
    case.desk.there.instance.tables["sys_attachment"][big["sys_id"]]["size_bytes"] = "10"
    await case.desk.sync(6)
    assert (await case.here(), case.at_work()) == ({}, {})
    [said] = await case.told()
    assert "larger" in said.reason
    await case.expect_rest()


async def test_what_a_tool_refuses_waits_for_a_person_and_nothing_else_does(case: Case) -> None:
    case.desk.there.instance.properties.attachment_max_bytes = 100
    await case.responder_attaches("app.log", LOG)
    await case.responder_attaches("trace.txt", TRACE)
    await case.desk.sync(6)
    assert case.at_the_desk() == {"trace.txt": TRACE}
    assert case.at_work() == {"app.log": LOG, "trace.txt": TRACE}
    [said] = await case.told()
    assert said.text == "The file app.log was not sent to ServiceNow"
    await case.expect_rest()
    case.desk.there.instance.properties.attachment_max_bytes = 10**9
    async with case.desk.db.transaction(case.desk.them.responder) as tx:
        for link in await store.links_of(tx, case.number):
            await linking.try_again(tx, link["id"])
    await case.desk.sync()
    assert case.at_the_desk() == {"app.log": LOG, "trace.txt": TRACE}


async def test_what_was_removed_here_stays_there_and_does_not_come_back(case: Case, tmp_path: Path) -> None:
    case.desk_attaches("secret.txt", b"hunter2")
    await case.desk.sync()
    [file] = (await case.here()).values()
    await case.desk.do(case.desk.them.responder, "remove_file", case.number, file.id, reason="A password.")
    await case.desk.sync(6)
    assert await case.here() == {}
    assert case.at_the_desk() == case.at_work() == {"secret.txt": b"hunter2"}
    await case.expect_rest()
