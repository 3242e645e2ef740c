"""A sandbox in a browser: what is there can be read, and a person can act there; and it goes on where it was."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.emulators.azure_devops import ENGINEER, PROJECT, AzureDevOps
from rallypoint.emulators.base import Emulator, serving
from rallypoint.emulators.keeping import keep, take_up
from rallypoint.emulators.servicenow import AGENT, CALLER, ServiceNow


@dataclass
class Visitor:
    """A browser without scripts."""

    client: httpx2.AsyncClient
    url: str

    async def see(self, path: str, **headers: str) -> tuple[int, str]:
        answer = await self.client.get(self.url + path, headers=headers)
        return answer.status_code, answer.text

    async def send(self, path: str, said: dict[str, str], **headers: str) -> tuple[int, str]:
        answer = await self.client.post(self.url + path, data=said, headers=headers)
        return answer.status_code, answer.text


async def visiting(emulator: Emulator) -> AsyncIterator[Visitor]:
    async with serving(emulator) as url, httpx2.AsyncClient(trust_env=False, follow_redirects=True) as client:
        yield Visitor(client, url)


@pytest.fixture
def desk(clock: ManualClock) -> ServiceNow:
    return ServiceNow(clock)


@pytest.fixture
def works(clock: ManualClock) -> AzureDevOps:
    return AzureDevOps(clock)


@pytest.fixture
async def at_desk(desk: ServiceNow) -> AsyncIterator[Visitor]:
    async for one in visiting(desk):
        yield one


@pytest.fixture
async def at_works(works: AzureDevOps) -> AsyncIterator[Visitor]:
    async for one in visiting(works):
        yield one


def logged(desk: ServiceNow, title: str = "Cards <b>fail</b>") -> str:
    values = {"short_description": title, "caller_id": desk.sys_id(CALLER)}
    return desk.instance.insert("incident", values, desk.instance.users[AGENT])["sys_id"]


def bug(works: AzureDevOps) -> int:
    patch = [{"op": "add", "path": "/fields/System.Title", "value": "Pool <too> small"}]
    project, kind = works.organization.projects[PROJECT], works.organization.kinds["Bug"]
    return works.organization.create(project, kind, patch, works.organization.users[ENGINEER]).id


async def test_an_incident_is_read_by_the_addresses_that_links_have(desk: ServiceNow, at_desk: Visitor) -> None:
    sys_id = logged(desk)
    for path in (f"/incident.do?sys_id={sys_id}", f"/nav_to.do?uri=incident.do?sys_id={sys_id}"):
        status, text = await at_desk.see(path)
        assert status == 200
        assert "Cards &lt;b&gt;fail" in text, "what people typed is text"
        assert "Abel Tuter" in text
    assert (await at_desk.see("/incident.do?sys_id=" + "0" * 32))[0] == 404
    assert "INC0010001" in (await at_desk.see("/"))[1]


async def test_the_agent_comments_and_resolves_by_the_rules_of_the_instance(desk: ServiceNow, at_desk: Visitor) -> None:
    page = f"/incident.do?sys_id={logged(desk)}"
    said = {"who": AGENT, "comment": "We are on it.", "kind": "comments", "state": "2"}
    status, text = await at_desk.send(page, said)
    assert (status, "We are on it." in text) == (200, True)
    [entry] = desk.instance.tables["sys_journal_field"].values()
    assert (entry["element"], entry["sys_created_by"]) == ("comments", AGENT)

    refused = await at_desk.send(page, {"who": AGENT, "state": "6", "close_notes": "It was the pool."})
    assert "Resolution code is mandatory" in refused[1]
    assert "It was the pool." in refused[1], "nothing typed is lost"
    await at_desk.send(page, {"who": AGENT, "state": "6", "close_code": "Solution provided", "close_notes": "Pool."})
    assert next(iter(desk.instance.tables["incident"].values()))["state"] == "6"


async def test_a_new_incident_is_logged_there(desk: ServiceNow, at_desk: Visitor) -> None:
    assert "is needed" in (await at_desk.send("/", {"who": AGENT, "short_description": " "}))[1]
    status, text = await at_desk.send("/", {"who": CALLER, "short_description": "The till is frozen"})
    assert (status, "The till is frozen" in text) == (200, True)
    [row] = desk.instance.tables["incident"].values()
    assert (row["opened_by"], row["caller_id"]) == (desk.sys_id(CALLER), desk.sys_id(CALLER))


async def test_an_engineer_moves_and_comments_an_item(works: AzureDevOps, at_works: Visitor) -> None:
    page = f"/fabrikam/{PROJECT}/_workitems/edit/{bug(works)}"
    assert "Pool &lt;too&gt; small" in (await at_works.see(page))[1]
    said = {"who": ENGINEER, "title": "Pool <too> small", "state": "Active", "comment": "Look:\n<script>1</script>"}
    status, text = await at_works.send(page, said)
    assert status == 200
    assert "<script>" not in text
    item = works.organization.items[1]
    assert item.last.fields["System.State"] == "Active"
    assert item.comments[0].versions[0].text == "<div>Look:<br>&lt;script&gt;1&lt;/script&gt;</div>"
    assert item.comments[0].versions[0].by.mail == ENGINEER
    before = len(item.revisions)
    await at_works.send(page, {"who": ENGINEER, "title": "Pool <too> small", "state": "Active"})
    assert len(item.revisions) == before, "a form that changes nothing saves nothing"
    assert "#1" in (await at_works.see("/fabrikam"))[1]
    assert (await at_works.see(f"/fabrikam/{PROJECT}/_workitems/edit/99"))[0] == 404


async def test_what_another_site_sends_is_not_taken(desk: ServiceNow, at_desk: Visitor) -> None:
    page, said = f"/incident.do?sys_id={logged(desk)}", {"who": AGENT, "comment": "Not me."}
    assert (await at_desk.send(page, said, origin="http://evil.example"))[0] == 403
    assert (await at_desk.send(page, said, origin="null"))[0] == 403
    assert (await at_desk.send(page, said, **{"sec-fetch-site": "cross-site"}))[0] == 403
    assert (await at_desk.see(page, host="rebound.example"))[0] == 421
    assert "Choose who you are" in (await at_desk.send(page, {"who": "admin", "comment": "Not me."}))[1]
    assert not desk.instance.tables["sys_journal_field"]
    assert (await at_desk.send(page, said, origin=at_desk.url))[0] == 200


async def test_a_sandbox_goes_on_where_it_was(
    desk: ServiceNow, works: AzureDevOps, clock: ManualClock, tmp_path: Path
) -> None:
    sys_id, number = logged(desk), bug(works)
    desk.instance.update("incident", desk.instance.tables["incident"][sys_id], {"work_notes": "Two calls."},
                         desk.instance.users[AGENT])  # fmt: skip
    works.organization.comment(
        works.organization.items[number], "<div>Looking.</div>", works.organization.users[ENGINEER]
    )
    keep(desk, tmp_path / "desk")
    keep(works, tmp_path / "works")

    other, next_works = ServiceNow(clock, seed=2), AzureDevOps(clock, seed=2)
    assert take_up(other, tmp_path / "desk")
    assert take_up(next_works, tmp_path / "works")
    assert other.instance.tables["incident"] == desk.instance.tables["incident"]
    assert other.sys_id(AGENT) == desk.sys_id(AGENT), "people are who they were"
    assert next_works.organization.items == works.organization.items
    assert logged(other) not in desk.instance.tables["incident"], "ids are not given twice"
    assert other.instance.tables["incident"][logged(other)]["number"] == "INC0010003"
    assert bug(next_works) == number + 1


@pytest.mark.parametrize("content", [b"", b"\x81\xa4form\x00", b"not this"])
def test_what_cannot_be_read_is_begun_anew(clock: ManualClock, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kept").write_bytes(content)
    assert not take_up(ServiceNow(clock), tmp_path / "kept")
    assert not take_up(AzureDevOps(clock), tmp_path / "missing")
