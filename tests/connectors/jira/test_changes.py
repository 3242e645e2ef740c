"""Following Jira by a search that is behind and moves, and keeping to what it says of its budgets."""

from datetime import timedelta
from typing import Any

import pytest

from rallypoint.clock import ManualClock
from rallypoint.connectors.jira import JiraTracker, changes
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.jira import INTEGRATION
from rallypoint.sync.model import RemoteItem
from rallypoint.sync.ports import (
    Created,
    Draft,
    Outage,
    RateLimited,
)
from tests.connectors.jira.bench import JiraBench, document
from tests.connectors.jira.conftest import Served

URL = "https://rp.example/i/1"


@pytest.fixture
def bench(jira: Served, clock: ManualClock, way: Egress) -> JiraBench:
    """The software project of either edition."""
    return JiraBench(jira, clock, way, desk=False)


async def made(bench: JiraBench, key: str = "inc-1", **fields: Any) -> Created:
    draft = Draft(
        project=bench.project, type=bench.type, natural_key=key, url=URL, fields={"summary": "Payments fail", **fields}
    )
    return await bench.tracker.create(draft, f"op-{key}")


async def read(bench: JiraBench, id: str) -> RemoteItem:
    item = await bench.tracker.read(id)
    assert isinstance(item, RemoteItem)
    return item


# Changes.


async def every_change(tracker: JiraTracker, cursor: str) -> tuple[list[str], str]:
    found: list[str] = []
    for _ in range(50):
        page = await tracker.list_changes(cursor)
        found += [one.remote_id for one in page.hints]
        cursor = page.cursor
        if not page.more:
            return found, cursor
    raise AssertionError("there is no end to the changes")


async def test_nothing_is_left_out_although_the_index_is_behind(bench: JiraBench) -> None:
    bench.emulator.site.lag = 60.0
    tracker = bench.connected(INTEGRATION)
    cursor = (await tracker.list_changes(None)).cursor
    item = await made(bench)
    seen: set[str] = set()
    for _ in range(4):
        bench.clock.advance(timedelta(seconds=25))
        found, cursor = await every_change(tracker, cursor)
        seen |= set(found)
    assert item.remote_id in seen


async def test_more_changes_in_a_minute_than_a_page_holds(bench: JiraBench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PAGE", 7), ("LONG_PAGE", 7), ("BACK", 3)):
        monkeypatch.setattr(changes, name, value)
    tracker = bench.connected(INTEGRATION)
    cursor = (await tracker.list_changes(None)).cursor
    bench.clock.advance(timedelta(minutes=10))
    items = [(await made(bench, f"inc-{number}")).remote_id for number in range(20)]
    bench.clock.advance(timedelta(minutes=5))
    items += [(await made(bench, f"late-{number}")).remote_id for number in range(10)]
    found: list[str] = []
    for turn in range(30):
        page = await tracker.list_changes(cursor)
        found += [one.remote_id for one in page.hints]
        cursor = page.cursor
        if not page.more:
            break
        if turn < 5:
            bench.clock.advance(timedelta(seconds=3))
            await bench.person_sets(items[turn], "summary", "Touched meanwhile")
    assert not page.more
    found += (await every_change(tracker, cursor))[0]
    assert set(items) <= set(found)
    assert cursor.isprintable()


async def test_without_a_project_every_project_is_followed(bench: JiraBench, way: Egress) -> None:
    tracker = bench.connected(INTEGRATION, project="")
    cursor = (await tracker.list_changes(None)).cursor
    one = await made(bench)
    other = await made(JiraBench(bench.served, bench.clock, way, desk=True), "inc-2")
    found, _ = await every_change(tracker, cursor)
    assert set(found) == {one.remote_id, other.remote_id}
    hints = {hint.remote_id: hint for hint in (await tracker.list_changes(cursor)).hints}
    assert (hints[other.remote_id].project, hints[other.remote_id].type) == (bench.emulator.desk.id, "Incident")
    gone = bench.connected(INTEGRATION, project="NONE")
    assert (await gone.list_changes((await gone.list_changes(None)).cursor)).hints == ()


# Budgets.


async def test_a_limit_on_one_issue_is_that_issues(cloud: Served, clock: ManualClock, way: Egress) -> None:
    bench = JiraBench(cloud, clock, way, desk=False)
    item, other = await made(bench), await made(bench, "inc-2")
    cloud.emulator.limits.per_issue = 1
    await bench.tracker.write(item.remote_id, {"summary": "x"}, "", "op")
    with pytest.raises(RateLimited) as no:
        await bench.tracker.write(item.remote_id, {"summary": "y"}, "", "op")
    assert (no.value.bucket, no.value.retry_after) == (item.remote_id, 2.0)
    assert [note.bucket for note in bench.tracker.rate_notes()] == [item.remote_id], "and nobody else's"
    await bench.tracker.write(other.remote_id, {"summary": "y"}, "", "op")
    cloud.emulator.limits.per_issue, cloud.emulator.limits.burst = None, 1
    bench.tracker.rate_notes()
    await bench.tracker.transitions(item.remote_id)
    with pytest.raises(RateLimited) as no:
        await bench.tracker.transitions(item.remote_id)
    assert no.value.bucket == "jira-burst-based"
    told = [note for note in bench.tracker.rate_notes() if note.limit == 1]
    assert told[0].reset_seconds is not None


async def test_data_center_says_how_fast_its_bucket_fills(data_center: Served, clock: ManualClock, way: Egress) -> None:
    bench = JiraBench(data_center, clock, way, desk=False)
    data_center.emulator.limits.hourly = 10
    await bench.tracker.check()
    notes = bench.tracker.rate_notes()
    assert [note.remaining for note in notes] == list(range(9, 9 - len(notes), -1))
    assert notes[-1].reset_seconds == 360.0 * len(notes)


async def test_asking_by_post_changes_nothing(cloud: Served, clock: ManualClock, way: Egress) -> None:
    bench = JiraBench(cloud, clock, way, desk=False)
    item = await made(bench)
    await bench.person_does("POST", f"issue/{item.remote_id}/comment", json={"body": document("x")})
    cloud.emulator.faults.plan(Fault(kind=FaultKind.RESET, method="POST", path="/comment/list"))
    with pytest.raises(Outage) as no:
        await bench.tracker.read(item.remote_id)
    assert not no.value.unknown
