"""The sandbox in a browser: what is there can be read, and a person can act there."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from rallypoint.emulators.github import ENGINEER, INTEGRATION, REPOSITORY, GitHub
from tests.connectors.github.bench import GitHubBench

HERE = f"/{REPOSITORY}/issues"


@pytest.fixture
async def visitor(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=url, trust_env=False, follow_redirects=True) as client:
        yield client


async def test_an_issue_is_opened_worked_on_and_closed(visitor: httpx2.AsyncClient, emulator: GitHub) -> None:
    assert REPOSITORY in (await visitor.get("/")).text
    said = {"who": ENGINEER, "title": "Cards <b>fail</b>", "body": "since ten"}
    made = await visitor.post(HERE, data=said)
    assert (made.status_code, "Cards &lt;b&gt;fail&lt;/b&gt;" in made.text, "<b>fail" in made.text) == (
        200,
        True,
        False,
    )
    work = {"who": ENGINEER, "title": "Cards fail", "state": "not_planned", "labels": "p1, new", "comment": "Seen"}
    after = (await visitor.post(f"{HERE}/1", data=work)).text
    assert all(words in after for words in ("Closed as not planned", "p1, new", "Seen", ENGINEER))
    issue = emulator.repository.issues[1]
    assert (issue.title, issue.reason, issue.comments[0].by.login) == ("Cards fail", "not_planned", ENGINEER)
    assert "Cards fail" in (await visitor.get(HERE)).text


async def test_what_is_refused_is_said_and_what_was_typed_stays(visitor: httpx2.AsyncClient) -> None:
    for said in (
        {"who": ENGINEER, "title": "  ", "body": "typed"},
        {"who": INTEGRATION, "title": "x", "body": "typed"},
    ):
        answer = (await visitor.post(HERE, data=said)).text
        assert 'role="alert"' in answer
        assert ">typed</textarea>" in answer
    assert (await visitor.get(f"{HERE}/99")).status_code == 404
    assert (await visitor.get("/no/where/issues")).status_code == 404


async def test_a_link_leads_to_the_page(visitor: httpx2.AsyncClient, bench: GitHubBench) -> None:
    await visitor.post(HERE, data={"who": ENGINEER, "title": "Cards fail", "body": ""})
    item = await bench.tracker.read("#1")
    assert "Cards fail" in (await visitor.get(item.url)).text  # type: ignore[union-attr]
