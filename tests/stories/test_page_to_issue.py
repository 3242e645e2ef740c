"""A page in PagerDuty, an issue in GitHub, one incident between them: by the mappings that the set-up suggests."""

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
from rallypoint.connectors.github import GitHubTracker
from rallypoint.connectors.pagerduty import PagerDutyTracker
from rallypoint.connectors.trackers import TOOLS
from rallypoint.db import Database, Transaction
from rallypoint.egress import Egress
from rallypoint.emulators import github, pagerduty
from rallypoint.emulators.base import Fault, FaultKind, serving
from rallypoint.emulators.github import GitHub
from rallypoint.emulators.github.forge import Issue
from rallypoint.emulators.pagerduty import PagerDuty
from rallypoint.emulators.pagerduty.account import Incident
from rallypoint.settings import Settings
from rallypoint.sync import connecting
from rallypoint.sync.lanes import Lanes, sync_due
from rallypoint.sync.setting_up import SetUp, bare_rules
from rallypoint.sync.texts import Texts
from rallypoint.sync.tools import Access, Tool
from tests.store.incidents.people import Company, company


@dataclass
class Night:
    """Who is paged, who fixes, and the house between them."""

    db: Database
    them: Company
    pages: PagerDuty
    code: GitHub
    lanes: Lanes
    clock: ManualClock

    def page(self, title: str, **said: Any) -> Incident:
        service = {"id": self.pages.service("Payments").id}
        return self.pages.account.trigger(
            {"title": title, "service": service, **said}, self.pages.user(pagerduty.ENGINEER)
        )

    @property
    def issues(self) -> list[Issue]:
        return list(self.code.repository.issues.values())

    async def sync(self, rounds: int = 3) -> None:
        for _ in range(rounds):
            self.clock.advance(timedelta(seconds=61))
            await self.lanes.poll()
            await sync_due(self.lanes)

    async def do(self, actor: object, name: str, *arguments: object, **more: object) -> None:
        async with self.db.transaction(actor) as tx:  # type: ignore[arg-type]
            await getattr(incidents, name)(tx, *arguments, **more)

    async def record(self) -> Any:
        async with self.db.transaction(SYSTEM) as tx:
            [ranked], _ = await incidents.board(tx, limit=5)
        return ranked.incident


def by_the_clock(clock: ManualClock) -> dict[str, Tool]:
    """The two tools with trackers whose clock is the story's: theirs goes as fast as ours then."""

    def pages(given: Access, egress: Egress) -> PagerDutyTracker:
        return PagerDutyTracker(
            egress, base_url=given.base_url, key=given.secrets["key"], services=("Payments",), now=clock.now
        )

    def code(given: Access, egress: Egress) -> GitHubTracker:
        return GitHubTracker(
            egress, base_url=given.base_url, token=given.secrets["token"], repositories=(github.REPOSITORY,),
            now=clock.now,
        )  # fmt: skip

    return {"pagerduty": replace(TOOLS["pagerduty"], make=pages), "github": replace(TOOLS["github"], make=code)}


@pytest.fixture
async def night(db: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Night]:
    them, pages, code = await company(db), PagerDuty(clock), GitHub(clock)
    settings = Settings(data=tmp_path, allow_private_targets=True)
    vault, egress = Vault.open(settings), Egress(settings)
    tools = by_the_clock(clock)
    set_up = SetUp(db, tools, vault, egress, texts=Texts(), base_url="https://rp.example")

    async def alarm(tx: Transaction, subject: str, what: str) -> None:
        raise AssertionError(f"nobody should have to be told: {subject}: {what}")

    async with serving(pages) as pages_url, serving(code) as code_url:
        async with db.transaction(them.manager) as tx:
            await connecting.connect(
                tx, tools, vault, key="pages", tool="pagerduty", base_url=pages_url, name="PagerDuty",
                settings={"service": "Payments"}, secrets_={"key": pages.keys[pagerduty.INTEGRATION].secret},
            )  # fmt: skip
            await connecting.connect(
                tx, tools, vault, key="code", tool="github", base_url=code_url, name="GitHub",
                settings={"repository": github.REPOSITORY}, secrets_={"token": code.tokens[github.INTEGRATION]},
            )  # fmt: skip
        for key, project, type, trigger in (
            ("pages", pages.service("Payments").id, "incident", "receive"),
            ("code", github.REPOSITORY, "issue", "send"),
        ):
            suggested = bare_rules((await set_up.suggest(them.manager, key, project=project, type=type)).mapping)
            suggested["trigger"][trigger] = True
            await set_up.save(them.manager, key, suggested)
        lanes = Lanes(db, tools, vault, egress, base_url="https://rp.example", texts=Texts(), alarm=alarm)
        try:
            yield Night(db, them, pages, code, lanes, clock)
        finally:
            await lanes.drain()
            await egress.close()


async def test_paged_there_fixed_elsewhere_and_opened_again_everywhere(night: Night) -> None:
    await night.sync(1)
    details = {"type": "incident_body", "details": "97 % on db1"}
    page = night.page("DB disk full", priority="P1", body=details)
    await night.sync()
    opened = await night.record()
    assert (opened.title, opened.priority, opened.origin) == ("DB disk full", "P1", "sync:pages")
    [issue] = night.issues
    assert (issue.title, (issue.body or "").partition("\n")[0]) == ("DB disk full", "97 % on db1")

    engineer = night.code.forge.users[github.ENGINEER]
    night.code.forge.update(night.code.repository, issue, {"title": "Disk of db1 is full", "labels": ["p1"]}, engineer)
    night.code.forge.say(night.code.repository, issue, "Old logs. @everyone must not read this.", engineer)
    await night.do(night.them.responder, "note", opened.number, text="Between us: the vacuum was off.")
    await night.sync()
    assert page.title == "Disk of db1 is full"
    notes = [one.content for one in page.notes]
    assert any("Old logs" in one for one in notes), "responders may read what engineers say"
    assert any("vacuum" in one for one in notes)
    assert not any("vacuum" in one.body for one in issue.comments), "GitHub has no private comments"

    lead = night.pages.user(pagerduty.LEAD)
    night.pages.account.update(page, {"status": "acknowledged"}, lead)
    await night.sync()
    assert (await night.record()).status_category is StatusCategory.ACTIVE
    night.code.forge.update(night.code.repository, issue, {"state": "closed"}, engineer)
    await night.sync()
    assert page.status == "resolved"
    record = await night.record()
    assert (record.status_category, record.confirmed_at) == (StatusCategory.RESOLVED, None)

    await night.do(night.them.desk, "reject", opened.number, reason="It is full again.")
    await night.sync()
    assert (page.status, issue.state, issue.reason) == ("acknowledged", "open", "reopened")
    before = [(one.id, one.body) for one in issue.comments], len(page.log), issue.updated
    await night.sync(4)
    after = [(one.id, one.body) for one in issue.comments], len(page.log), issue.updated
    assert after == before, "everything is in step and at rest"


async def test_lost_answers_make_nothing_twice(night: Night) -> None:
    await night.sync(1)
    night.code.faults.plan(Fault(kind=FaultKind.RESET_AFTER, method="POST", path="/issues"))
    page = night.page("DB disk full")
    await night.sync()
    night.code.faults.plan(Fault(kind=FaultKind.AFTER, method="PATCH", path="/issues/", status=502))
    night.pages.faults.plan(Fault(kind=FaultKind.RESET_AFTER, method="POST", path="/notes"))
    night.pages.account.update(page, {"title": "DB disk is full"}, night.pages.user(pagerduty.LEAD))
    number = (await night.record()).number
    await night.do(night.them.responder, "note", number, text="Only once.")
    await night.sync(8)
    posted = [one.status for one in night.code.faults.seen if one.method == "POST" and one.path.endswith("/issues")]
    assert (posted[0], 201 in posted) == (None, False), "it was made, and we were not told"
    [issue] = night.issues
    assert issue.title == "DB disk is full"
    assert len([one for one in page.notes if "Only once." in one.content]) == 1
    assert [one.event for one in issue.events].count("renamed") == 1
