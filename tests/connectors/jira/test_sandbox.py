"""`rallypoint sandbox jira`, as a user starts it: what its first line says is enough to connect."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from rallypoint.clock import process_time
from rallypoint.connectors.jira import Credentials, JiraTracker
from rallypoint.egress import Egress
from rallypoint.sync.model import RemoteItem
from rallypoint.sync.ports import Draft

COMMAND = (sys.executable, "-P", "-m", "rallypoint.edges.cli.main", "sandbox", "jira", "--port", "0")


@pytest.fixture(params=[(), ("--data-center",)], ids=["cloud", "data-center"])
def said(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """The first line of a sandbox that runs beside us."""
    with subprocess.Popen([*COMMAND, *request.param], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(10)


async def test_its_first_line_is_enough_to_connect(said: dict[str, Any], way: Egress) -> None:
    user = said["user"]
    given = Credentials(user=user if said["edition"] == "cloud" else "", token=said["accounts"][user])
    tracker = JiraTracker(way, base_url=said["url"], credentials=given, now=process_time, project=said["projects"][0])
    checked = await tracker.check()
    assert checked.ok, checked.findings
    [place] = await tracker.projects()
    draft = Draft(project=place.id, type="Bug", natural_key="inc-1", fields={"summary": "Payments fail"})
    made = await tracker.create(draft, "op")
    item = await tracker.read(made.remote_id)
    assert isinstance(item, RemoteItem)
    assert item.url == f"{said['url']}/browse/PAY-1"
