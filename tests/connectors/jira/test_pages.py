"""The plain pages of the sandbox: a person can play the other side without a program."""

import httpx2
import pytest

from rallypoint.emulators.jira import DESK, ENGINEER, LEAD
from tests.connectors.jira.asking import opened, read
from tests.connectors.jira.conftest import Served

SAME = {"sec-fetch-site": "same-origin"}


async def test_an_issue_is_worked_on_in_the_browser(jira: Served) -> None:
    id = await opened(jira, "Payments <fail>")
    async with httpx2.AsyncClient(base_url=jira.url) as browser:
        assert "PAY-1" in (await browser.get("/")).text
        page = (await browser.get("/browse/PAY-1")).text
        assert "Payments &lt;fail&gt;" in page
        assert "Start work → In Progress" in page
        form = {"who": ENGINEER, "title": "Cards fail", "step": "11", "priority": "1", "comment": "On it\n<b>"}
        done = await browser.post("/browse/PAY-1", data=form, headers=SAME)
        assert (done.status_code, done.headers["location"]) == (303, "/browse/PAY-1")
        page = (await browser.get("/browse/PAY-1")).text
        assert "On it\n&lt;b&gt;" in page
    fields = (await read(jira, id))["fields"]
    assert (fields["summary"], fields["status"]["name"], fields["priority"]["name"]) == (
        "Cards fail", "In Progress", "Highest",
    )  # fmt: skip
    assert fields["comment"]["comments"][0]["author"]["displayName"] == "Noor Haddad"


async def test_what_jira_refuses_is_shown_and_what_was_typed_stays(jira: Served) -> None:
    await opened(jira)
    async with httpx2.AsyncClient(base_url=jira.url) as browser:
        said = {"who": LEAD, "title": "x" * 300, "comment": "kept"}
        page = (await browser.post("/browse/PAY-1", data=said, headers=SAME)).text
        assert "255 characters" in page
        assert "kept</textarea>" in page
        assert "Choose who you are" in (await browser.post("/browse/PAY-1", data={"who": "x"}, headers=SAME)).text
        assert (await browser.get("/browse/PAY-9")).status_code == 404
        foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
        assert (await browser.post("/browse/PAY-1", data=said, headers=foreign)).status_code == 403


@pytest.mark.parametrize(("seen", "internal"), [("team", True), ("customer", False)])
async def test_in_a_service_desk_one_says_who_shall_see_it(jira: Served, seen: str, internal: bool) -> None:
    await opened(jira, place=DESK)
    async with httpx2.AsyncClient(base_url=jira.url) as browser:
        form = {"who": ENGINEER, "step": "761", "resolution": "10001", "comment": "Fixed", "seen": seen}
        assert (await browser.post("/browse/HELP-1", data=form, headers=SAME)).status_code == 303
        assert ("internal" in (await browser.get("/browse/HELP-1")).text) is internal
    [issue] = jira.emulator.site.issues.values()
    assert [one.internal for one in issue.comments] == [internal]
    assert (issue.fields["status"], issue.fields["resolution"]) == ("5", "10001")
