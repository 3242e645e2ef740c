"""The sandbox in a browser: what is there can be read, and a person can act there."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from rallypoint.emulators.pagerduty import ENGINEER, INTEGRATION, PagerDuty
from rallypoint.sync.model import RemoteItem
from tests.connectors.pagerduty.bench import PagerDutyBench


@pytest.fixture
async def visitor(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=url, trust_env=False, follow_redirects=True) as client:
        yield client


async def test_an_incident_is_triggered_taken_and_resolved(
    visitor: httpx2.AsyncClient, emulator: PagerDuty, bench: PagerDutyBench
) -> None:
    said = {"who": ENGINEER, "title": "Cards <b>fail</b>", "service": bench.project}
    made = await visitor.post("/", data=said)
    assert (made.status_code, "Cards &lt;b&gt;fail&lt;/b&gt;" in made.text, "<b>fail" in made.text) == (
        200,
        True,
        False,
    )
    [incident] = emulator.account.incidents.values()
    item = await bench.tracker.read(incident.id)
    assert isinstance(item, RemoteItem)
    assert (await bench.tracker.read(item.url)).id == incident.id  # type: ignore[union-attr]
    work = {"who": ENGINEER, "title": "Cards fail", "status": "acknowledged", "urgency": "low", "note": "Seen"}
    after = (await visitor.post(item.url, data=work | {"priority": bench.choices[0]})).text
    assert all(words in after for words in ("acknowledged", "Seen", "Noor Haddad", "P1"))
    assert (incident.status, incident.urgency, incident.notes[0].content) == ("acknowledged", "low", "Seen")
    back = (await visitor.post(item.url, data=work | {"status": "triggered", "note": "typed"})).text
    assert "Invalid Status Provided" in back
    assert ">typed</textarea>" in back
    assert "#1001" in (await visitor.get("/")).text


async def test_who_one_is_must_be_chosen_and_nothing_else_is_there(
    visitor: httpx2.AsyncClient, bench: PagerDutyBench
) -> None:
    for said in ({"who": INTEGRATION, "title": "x"}, {"who": ENGINEER, "title": "", "service": bench.project}):
        assert 'role="alert"' in (await visitor.post("/", data=said)).text
    assert (await visitor.get("/web/incidents/QNONE")).status_code == 404
