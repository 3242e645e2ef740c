"""The desk works in Jira Service Management on Cloud, the engineers in a Data Center: one incident, two workflows."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rallypoint import incidents
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.catalog.model import StatusCategory
from rallypoint.clock import ManualClock
from rallypoint.connectors.trackers import TOOLS
from rallypoint.db import Database, Transaction
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind, serving
from rallypoint.emulators.jira import CUSTOMER, DESK, ENGINEER, INTEGRATION, LEAD, PROJECT, Edition, Jira
from rallypoint.emulators.jira import definitions as d
from rallypoint.emulators.jira.model import INTERNAL, Issue
from rallypoint.settings import Settings
from rallypoint.sync import connecting, store
from rallypoint.sync.lanes import Lanes, sync_due
from rallypoint.sync.mapping import CommentRule, Trigger
from rallypoint.sync.setting_up import hub_schema
from rallypoint.sync.suggest import suggest
from rallypoint.sync.texts import Texts
from tests.store.incidents.people import Company, company

DONE, FIXED = "10002", "10000"


@dataclass
class Both:
    """The house between the two, and the people of each."""

    db: Database
    them: Company
    desk: Jira
    works: Jira
    lanes: Lanes
    clock: ManualClock

    async def sync(self, rounds: int = 3) -> None:
        for _ in range(rounds):
            self.clock.advance(timedelta(seconds=61))
            await self.lanes.poll()
            await sync_due(self.lanes)

    async def do(self, actor: object, name: str, *arguments: object, **more: object) -> None:
        async with self.db.transaction(actor) as tx:  # type: ignore[arg-type]
            await getattr(incidents, name)(tx, *arguments, **more)

    def reported(self, summary: str) -> Issue:
        """By the customer, with what only the desk knows beside it."""
        site = self.desk.site
        fields = {"project": {"key": DESK}, "issuetype": {"name": "Incident"}, "summary": summary}
        made = site.create({"fields": {**fields, "description": "Since *noon*."}}, site.users[LEAD], 2)
        made.fields["reporter"] = CUSTOMER
        return made

    def bug(self) -> Issue:
        [found] = self.works.site.issues.values()
        return found

    def step(self, jira: Jira, issue: Issue, step: str, **fields: Any) -> None:
        jira.site.transition(issue, {"transition": {"id": step}, "fields": fields}, jira.site.users[ENGINEER], 2)

    def says(self, jira: Jira, issue: Issue, words: str, *, internal: bool = False) -> None:
        said: dict[str, Any] = {"body": words}
        if internal:
            said["properties"] = [{"key": INTERNAL, "value": {"internal": True}}]
        jira.site.comment(issue, said, jira.site.users[ENGINEER], 2)

    def seen_by_customer(self, issue: Issue) -> str:
        return " ".join(str(one.body) for one in issue.comments if not one.internal)


@pytest.fixture
async def both(db: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Both]:
    them, desk, works = await company(db), Jira(clock), Jira(clock, Edition.DATA_CENTER)
    settings = Settings(data=tmp_path, allow_private_targets=True)
    vault, egress = Vault.open(settings), Egress(settings)

    async def alarm(tx: Transaction, subject: str, what: str) -> None:
        raise AssertionError(f"nobody should have to be told: {subject}: {what}")

    async with serving(desk) as desk_url, serving(works) as works_url:
        for key, url, place, type, given, secret in (
            ("desk", desk_url, DESK, "Incident", {"user": desk.mail(INTEGRATION), "project": DESK}, desk),
            ("works", works_url, PROJECT, "Bug", {"project": PROJECT}, works),
        ):
            async with db.transaction(them.manager) as tx:
                made = await connecting.connect(
                    tx, TOOLS, vault, key=key, tool="jira", base_url=url, name=key.title(), settings=given,
                    secrets_={"token": secret.tokens[INTEGRATION]},
                )  # fmt: skip
                access = await connecting.opened(tx, vault, made.connection)
                here = await hub_schema(tx)
            tracker = TOOLS["jira"].make(access, egress)
            there = await tracker.describe(place, type)
            rules = suggest(here, there, tracker.capabilities, connection=made.connection.id, name=key).mapping
            assert rules.status is not None
            out = tuple(
                replace(one, fill={"resolution": FIXED}) if one.hub in ("resolved", "closed", "review") else one
                for one in rules.status.out
            )
            begins = Trigger(receive=key == "desk", send=key == "works")
            talk = CommentRule(private_to_open_tool=True) if key == "works" else rules.comments
            rules = replace(rules, status=replace(rules.status, out=out), trigger=begins, comments=talk)
            async with db.transaction(them.manager) as tx:
                await store.save_mapping(tx, replace(rules, id=await store.new_mapping_id(tx)), by="Mia")
        lanes = Lanes(db, TOOLS, vault, egress, base_url="https://rp.example", texts=Texts(), alarm=alarm)
        try:
            yield Both(db, them, desk, works, lanes, clock)
        finally:
            await lanes.drain()
            await egress.close()


async def number_of(both: Both) -> int:
    async with both.db.transaction(SYSTEM) as tx:
        [ranked], _ = await incidents.board(tx, limit=5)
    return ranked.incident.number


async def status_of(both: Both, number: int) -> StatusCategory:
    async with both.db.transaction(SYSTEM) as tx:
        return (await incidents.incident(tx, number)).status_category


async def test_two_workflows_and_two_markups_say_the_same(both: Both) -> None:
    await both.sync(1)
    ticket = both.reported("Card payments fail")
    await both.sync()
    number = await number_of(both)
    bug = both.bug()
    assert (bug.fields["summary"], bug.fields["description"]) == ("Card payments fail", "Since *noon*.")
    assert [link["object"]["url"] for link in (*ticket.remote, *bug.remote)] == [f"https://rp.example/i/{number}"] * 2

    both.step(both.works, bug, "11")
    both.says(both.works, bug, "It is the pool. *Nobody* outside must read this.")
    both.says(both.desk, ticket, "We look at it, sorry!")
    both.says(both.desk, ticket, "The customer is important.", internal=True)
    await both.sync()
    assert await status_of(both, number) is StatusCategory.ACTIVE
    assert d.STATUSES[ticket.fields["status"]].name == "Work in progress"
    assert "pool" not in both.seen_by_customer(ticket)
    assert any(one.internal and "pool" in str(one.body) for one in ticket.comments), "the desk knows, among itself"
    assert any("important" in str(one.body) for one in bug.comments), "the rule lets notes go to the engineers"

    await both.do(both.them.responder, "resolve", number, resolution="More places in the pool.")
    await both.sync(4)
    assert (bug.fields["status"], bug.fields["resolution"]) == (DONE, FIXED), (
        "in two steps where one does not lead there"
    )
    assert d.STATUSES[ticket.fields["status"]].name == "Resolved"
    ops = [entry.metadata["generator"]["type"] for entry in (*bug.log, *ticket.log) if entry.metadata]
    assert ops
    assert set(ops) == {"rallypoint"}

    before = bug.updated, ticket.updated, len(bug.comments), len(ticket.comments)
    await both.sync(4)
    assert (bug.updated, ticket.updated, len(bug.comments), len(ticket.comments)) == before, "in step and at rest"


async def test_lost_answers_and_a_slow_index_make_nothing_twice(both: Both) -> None:
    both.works.site.lag = both.desk.site.lag = 45.0
    await both.sync(1)
    both.works.faults.plan(
        Fault(kind=FaultKind.RESET_AFTER, method="POST", path="/issue"),
        Fault(kind=FaultKind.AFTER, method="POST", path="/comment", skip=1),
        Fault(kind=FaultKind.AFTER, method="PUT", path="/issue/"),
    )
    ticket = both.reported("Card payments fail")
    await both.sync(8)
    number = await number_of(both)
    bug = both.bug()
    for words in ("First", "Second"):
        await both.do(both.them.responder, "note", number, text=words)
    both.desk.site.edit(ticket, {"fields": {"summary": "Cards fail"}}, both.desk.site.users[LEAD], 2)
    await both.sync(8)
    assert len(both.works.site.issues) == 1
    assert bug.fields["summary"] == "Cards fail"
    for words in ("First", "Second"):
        assert sum(words in str(one.body) for one in bug.comments) == 1


async def test_a_ticket_moved_to_another_project_stays_linked(both: Both) -> None:
    await both.sync(1)
    both.reported("Card payments fail")
    await both.sync()
    bug, works = both.bug(), both.works.site
    works.rename(both.works.project, "CARDS")
    works.edit(bug, {"fields": {"summary": "After the rename"}}, works.users[ENGINEER], 2)
    await both.sync()
    number = await number_of(both)
    async with both.db.transaction(SYSTEM) as tx:
        assert (await incidents.incident(tx, number)).title == "After the rename"
        links = await store.links_of(tx, number)
    assert {link["state"] for link in links} == {"active"}
