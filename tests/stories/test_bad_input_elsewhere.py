"""What tools and people send that should not be: said where somebody can act, nothing lost, and the others go on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.emulators.azure_devops import ENGINEER, INTEGRATION, PROJECT, AzureDevOps
from rallypoint.emulators.azure_devops.organization import Item
from rallypoint.emulators.servicenow import AGENT
from rallypoint.sync import linking, store
from tests.stories.test_service_desk_elsewhere import Desk
from tests.stories.test_ten_steps import both  # noqa: F401  (a fixture)


@dataclass
class Shared:
    """One incident that is in both tools."""

    desk: Desk
    works: AzureDevOps
    number: int
    sys_id: str
    item: Item

    async def incident(self) -> incidents.Incident:
        async with self.desk.db.transaction(SYSTEM) as tx:
            return await incidents.incident(tx, self.number)

    async def said(self) -> list[str]:
        """What people wrote, as our timeline has it."""
        async with self.desk.db.transaction(SYSTEM) as tx:
            entries, _ = await incidents.timeline(tx, self.number)
        return [entry.text for entry in entries if entry.text]

    async def trouble(self, connection: str) -> str:
        """What the incident's page says about the link."""
        async with self.desk.db.transaction(SYSTEM) as tx:
            [link] = [one for one in await store.links_of(tx, self.number) if one["connection"] == connection]
        unseen = ["It cannot be read."] if link["missed_reads"] else []
        held_back = [f"{one['field']}: {one['reason']}" for one in link["held_back"]]
        return " ".join(
            [str((link["error"] or {}).get("said", "")), str(link["state_reason"]), *unseen, *held_back]
        ).strip()

    def note(self, text: str) -> None:
        """An agent's work note in ServiceNow."""
        instance = self.desk.there.instance
        instance.update(
            "incident", instance.tables["incident"][self.sys_id], {"work_notes": text}, instance.users[AGENT]
        )

    def rests(self) -> tuple[str, int]:
        return self.desk.row(self.sys_id)["sys_mod_count"], self.item.last.rev

    async def stays_at_rest(self) -> None:
        await self.desk.sync()
        before = self.rests()
        await self.desk.sync(4)
        assert self.rests() == before


Log = Callable[..., Awaitable[Shared]]


@pytest.fixture
def log(both: tuple[Desk, AzureDevOps]) -> Log:  # noqa: F811
    desk, works = both

    async def logged(**values: str) -> Shared:
        await desk.sync(1)
        row = desk.log(**{"short_description": "Card payments fail", "impact": "1", "urgency": "1", **values})
        await desk.sync()
        async with desk.db.transaction(SYSTEM) as tx:
            [ranked], _ = await incidents.board(tx, limit=5)
        [item] = works.organization.items.values()
        return Shared(desk, works, ranked.incident.number, row["sys_id"], item)

    return logged


ODD = "Kasse 🧾 \u202eمتوقفة\u202c naïve e\u0301 👩‍👩‍👧 <b>&amp;</b> \\n %s {{x}}"
TIDY = "Kasse 🧾 متوقفة naïve \u00e9 👩‍👩‍👧 <b>&amp;</b> \\n %s {{x}}"
"""What turns the direction of a title could make it read as another one; the letters stay."""


async def test_emoji_right_to_left_and_windows_line_ends_arrive_and_come_to_rest(log: Log) -> None:
    one = await log(short_description=ODD, description="first\r\nsecond\r\n\r\n\tthird 🧯\r\n")
    record = await one.incident()
    assert record.title == TIDY
    assert one.desk.row(one.sys_id)["short_description"] == ODD, "theirs is theirs"
    assert record.description.splitlines()[:2] == ["first", "second"]
    assert one.item.last.fields["System.Title"] == TIDY
    one.note(f"{ODD}\r\nsecond line")
    await one.desk.do(one.desk.them.responder, "note", one.number, text=f"Ours: {ODD}\r\n\r\n- a\r\n- b")
    await one.stays_at_rest()
    assert sum("second line" in text for text in await one.said()) == 1
    journal = one.desk.there.instance.tables["sys_journal_field"].values()
    assert sum("Ours: Kasse 🧾" in entry["value"] for entry in journal) == 1
    assert sum("Ours: Kasse 🧾" in comment.versions[0].text for comment in one.item.comments) == 1


async def test_a_comment_of_ten_megabytes_is_kept_in_part_and_never_comes_back_shorter(log: Log) -> None:
    one = await log()
    one.note("Trace:\n" + "all work and no play\n" * 500_000)
    await one.stays_at_rest()
    [kept] = [text for text in await one.said() if "all work" in text]
    assert 1000 < len(kept) < 1_000_000
    journal = [entry for entry in one.desk.there.instance.tables["sys_journal_field"].values()
               if "all work" in entry["value"]]  # fmt: skip
    assert len(journal) == 1, "what we shortened is not written back"
    assert sum("all work" in comment.versions[0].text for comment in one.item.comments) == 1


async def test_what_a_tool_cuts_is_not_cut_here(log: Log) -> None:
    one = await log()
    whole = "\n\n".join(f"Paragraph {n}: the queue of card payments grows." for n in range(400))
    await one.desk.do(one.desk.them.responder, "describe", one.number, description=whole)
    await one.desk.sync()
    there = one.desk.row(one.sys_id)["description"]
    assert len(there) <= 4000 < len(whole)
    instance = one.desk.there.instance
    instance.update("incident", instance.tables["incident"][one.sys_id],
                    {"short_description": "Card payments fail in Bern"}, instance.users[AGENT])  # fmt: skip
    await one.stays_at_rest()
    record = await one.incident()
    assert (record.title, record.description) == ("Card payments fail in Bern", whole)


async def test_a_field_that_is_gone_is_told_and_the_rest_goes_across(log: Log) -> None:
    one = await log(description="Since noon.")
    one.works.organization.remove_field("System.Description")
    await one.desk.do(one.desk.them.responder, "describe", one.number, title="Cards", description="Since eleven.")
    await one.desk.sync(6)
    assert one.desk.row(one.sys_id)["description"] == "Since eleven.", "the other tool is not held up"
    assert one.item.last.fields["System.Title"] == "Cards"
    assert "System.Description" in await one.trouble("azure")


async def test_a_state_that_is_gone_is_told_and_the_rest_goes_across(log: Log) -> None:
    one = await log()
    kind = one.works.organization.kind(PROJECT, "Bug")
    kind.steps = {state: tuple(to for to in then if to != "Resolved") for state, then in kind.steps.items()}
    await one.desk.do(one.desk.them.responder, "resolve", one.number, resolution="A larger pool.")
    await one.desk.do(one.desk.them.responder, "note", one.number, text="Watch the pool.")
    await one.desk.sync(6)
    assert one.desk.row(one.sys_id)["state"] == "6"
    assert any("Watch the pool" in comment.versions[0].text for comment in one.item.comments)
    assert "State" in await one.trouble("azure")


async def test_a_project_that_is_deleted_holds_up_nobody_else(log: Log) -> None:
    one = await log()
    one.works.organization.remove_project(PROJECT)
    await one.desk.do(one.desk.them.responder, "describe", one.number, title="Cards")
    await one.desk.sync(8)
    assert one.desk.row(one.sys_id)["short_description"] == "Cards"
    assert await one.trouble("azure")


async def test_rights_that_were_taken_away_are_told_and_nothing_is_lost_until_they_are_back(log: Log) -> None:
    one = await log()
    account = one.works.organization.users[INTEGRATION]
    account.writes = False
    await one.desk.do(one.desk.them.responder, "describe", one.number, title="Cards")
    engineer = one.works.organization.users[ENGINEER]
    await one.desk.sync(6)
    assert one.desk.row(one.sys_id)["short_description"] == "Cards"
    assert one.item.last.fields["System.Title"] == "Card payments fail"
    assert await one.trouble("azure")
    account.writes = True
    one.works.organization.comment(one.item, "<div>Meanwhile we found it.</div>", engineer)
    async with one.desk.db.transaction(one.desk.them.manager) as tx:
        [link] = [found for found in await store.links_of(tx, one.number) if found["connection"] == "azure"]
        await linking.try_again(tx, link["id"])
    one.desk.clock.advance(timedelta(hours=1))
    await one.desk.sync()
    assert one.item.last.fields["System.Title"] == "Cards"
    assert any("Meanwhile we found it" in text for text in await one.said())
    assert not await one.trouble("azure")
