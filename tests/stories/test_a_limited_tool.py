"""A backlog is worked off at the rate a tool allows: it never has to refuse us, and what is urgent does not queue."""

from datetime import timedelta

import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.clock import ManualClock
from rallypoint.connectors.azure_devops import tool as azure_devops
from rallypoint.connectors.servicenow import tool as servicenow
from rallypoint.emulators.azure_devops import AzureDevOps
from rallypoint.sync import lane_store, store
from rallypoint.sync.lanes import sync_due
from tests.stories.test_service_desk_elsewhere import Desk
from tests.stories.test_ten_steps import both

__all__ = ["both"]

INCIDENTS = 12


@pytest.fixture(autouse=True)
def _one_time_for_all(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connectors read the process's clock, beside which the tools' would race ahead."""
    for tool in (azure_devops, servicenow):
        monkeypatch.setattr(tool, "process_time", clock.now)


async def all_linked(desk: Desk, numbers: list[int]) -> bool:
    async with desk.db.transaction(SYSTEM) as tx:
        links = [link for number in numbers for link in await store.links_of(tx, number)]
    assert not [one["error"] for one in links if one["error"]]
    return len(links) >= len(numbers) and all(one["state"] == "active" and not one["due_at"] for one in links)


async def test_a_backlog_is_drained_at_the_rate_that_azure_devops_allows(both: tuple[Desk, AzureDevOps]) -> None:
    desk, works = both
    works.limit.most = 100
    numbers = []
    for count in range(INCIDENTS):
        async with desk.db.transaction(desk.them.responder) as tx:
            made = await incidents.open_incident(tx, title=f"Trouble {count}", service="checkout")
            await incidents.note(tx, made.number, text=f"Said about {count}.")
            numbers.append(made.number)
    for _ in range(120):
        desk.clock.advance(timedelta(seconds=30))
        await desk.lanes.poll()
        await sync_due(desk.lanes)
        if await all_linked(desk, numbers):
            break
    else:
        raise AssertionError("the backlog is not drained within an hour")
    asked = [one.status for one in works.faults.seen]
    assert len(asked) > 2 * works.limit.most, "it took several times what is allowed at once"
    assert asked.count(429) <= 3, "a few that were on their way when the last was spent"
    titles = sorted(str(one.last.fields["System.Title"]) for one in works.organization.items.values())
    assert titles == sorted(f"Trouble {count}" for count in range(INCIDENTS))
    for item in works.organization.items.values():
        assert len(item.comments) == 1
    async with desk.db.transaction(SYSTEM) as tx:
        connection = await store.connection(tx, "azure")
        [quota] = await lane_store.quotas(tx, connection.id)
    assert (quota["bucket"], quota["most"], connection.failures) == ("WorkItemTracking", 100, 0)


@pytest.mark.parametrize("per_hour", [120])
async def test_servicenow_tells_only_its_limit_and_is_counted_for(
    both: tuple[Desk, AzureDevOps], per_hour: int
) -> None:
    """What is used is known there half a minute later: who counts for itself is never refused."""
    desk, _ = both
    await desk.sync(1)
    desk.there.limit.per_hour = per_hour
    for count in range(INCIDENTS):
        desk.log(short_description=f"Trouble {count}", impact="2", urgency="2")
    for _ in range(400):
        desk.clock.advance(timedelta(seconds=60))
        await desk.lanes.poll()
        await sync_due(desk.lanes)
        async with desk.db.transaction(SYSTEM) as tx:
            rows, _ = await incidents.board(tx, limit=50)
        if len(rows) == INCIDENTS and await all_linked(desk, [one.incident.number for one in rows]):
            break
    else:
        raise AssertionError("the backlog is not drained")
    asked = [one.status for one in desk.there.faults.seen]
    assert len(asked) > per_hour
    assert asked.count(429) == 0
