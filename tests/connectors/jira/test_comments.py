"""Who sees what is said in Jira: service desks, roles, and projects of engineers beside a service desk."""

from dataclasses import replace
from typing import Any

import pytest

from rallypoint.clock import ManualClock
from rallypoint.connectors.jira import JiraTracker
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.jira import INTEGRATION, LEAD
from rallypoint.sync.model import RemoteItem, Visibility
from rallypoint.sync.ports import CommentDraft, Draft, ValidationFailed
from tests.connectors.jira.bench import JiraBench
from tests.connectors.jira.conftest import Served
from tests.connectors.kit import upload


@pytest.fixture
def desk(jira: Served, clock: ManualClock, way: Egress) -> JiraBench:
    return JiraBench(jira, clock, way, desk=True)


@pytest.fixture
def plain(jira: Served, clock: ManualClock, way: Egress) -> JiraBench:
    return JiraBench(jira, clock, way, desk=False)


async def made(bench: JiraBench, tracker: JiraTracker | None = None) -> str:
    draft = Draft(project=bench.project, type=bench.type, natural_key="inc-1", fields={"summary": "Payments fail"})
    return (await (tracker or bench.tracker).create(draft, "op")).remote_id


async def said(bench: JiraBench, id: str, tracker: Any = None) -> dict[str, Visibility]:
    item = await (tracker or bench.tracker).read(id)
    assert isinstance(item, RemoteItem)
    return {bench.words(one.body): one.visibility for one in item.comments}


def draft(bench: JiraBench, words: str, visibility: Visibility) -> CommentDraft:
    return CommentDraft(body=bench.raw(words), markup=bench.tracker.capabilities.comment_markup, visibility=visibility)


async def test_an_edit_never_shows_a_comment_to_more_people(desk: JiraBench) -> None:
    id = await made(desk)
    inside = await desk.tracker.comment(id, draft(desk, "Inside", Visibility.PRIVATE), "op-1")
    outside = await desk.tracker.comment(id, draft(desk, "Outside", Visibility.PUBLIC), "op-2")
    await desk.tracker.edit_comment(id, inside, draft(desk, "Inside, edited", Visibility.PUBLIC), "op-3")
    await desk.tracker.edit_comment(id, outside, draft(desk, "Taken back", Visibility.PRIVATE), "op-4")
    assert await said(desk, id) == {"Inside, edited": Visibility.PRIVATE, "Taken back": Visibility.PRIVATE}
    assert await desk.outsider_sees(id) == []


async def test_an_edit_takes_nothing_from_whom_it_was_meant_for(desk: JiraBench) -> None:
    id = await made(desk)
    number = await desk.tracker.comment(id, draft(desk, "We lok at it", Visibility.PUBLIC), "op-1")
    await desk.tracker.edit_comment(id, number, draft(desk, "We look at it", Visibility.PUBLIC), "op-2")
    assert await said(desk, id) == {"We look at it": Visibility.PUBLIC}
    assert len(await desk.outsider_sees(id)) == 1


async def test_a_comment_limited_to_a_role_is_private_in_a_service_desk_too(desk: JiraBench) -> None:
    id = await made(desk)
    limited = {"body": desk.said("For developers"), "visibility": {"type": "role", "value": "Developers"}}
    await desk.person_does("POST", f"issue/{id}/comment", json=limited)
    assert await said(desk, id) == {"For developers": Visibility.PRIVATE}


async def test_what_no_property_tells_the_desk_is_asked_and_else_it_is_unknown(
    data_center: Served, clock: ManualClock, way: Egress
) -> None:
    bench = JiraBench(data_center, clock, way, desk=True)
    id = await made(bench)
    await bench.person_does("POST", f"issue/{id}/comment", json={"body": "By mail"})
    assert await said(bench, id) == {"By mail": Visibility.PUBLIC}
    data_center.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/servicedeskapi/", status=403, times=2))
    assert await said(bench, id) == {"By mail": Visibility.UNKNOWN}, "unknown is private"
    data_center.emulator.faults.clear()
    await bench.person_comments(id, "Between us", Visibility.PRIVATE)
    assert (await said(bench, id))["Between us"] is Visibility.PRIVATE


async def test_without_a_role_nothing_private_is_said_among_engineers(plain: JiraBench) -> None:
    id = await made(plain)
    for visibility in (Visibility.PRIVATE, Visibility.UNKNOWN):
        with pytest.raises(ValidationFailed, match="no internal comments"):
            await plain.tracker.comment(id, draft(plain, "Secret", visibility), "op")
    ours = await plain.tracker.comment(id, draft(plain, "Open", Visibility.PUBLIC), "op-2")
    with pytest.raises(ValidationFailed):
        await plain.tracker.edit_comment(id, ours, draft(plain, "Closed", Visibility.PRIVATE), "op-3")
    assert await said(plain, id) == {"Open": Visibility.PUBLIC}


async def test_with_a_role_only_its_members_read_what_is_private(plain: JiraBench) -> None:
    tracker = plain.connected(INTEGRATION, role="Developers")
    assert tracker.capabilities.private_comments
    id = await made(plain, tracker)
    await tracker.comment(id, draft(plain, "Between us", Visibility.PRIVATE), "op-1")
    ours = await tracker.comment(id, draft(plain, "For everybody", Visibility.PUBLIC), "op-2")
    await plain.person_comments(id, "By an engineer", Visibility.PUBLIC)
    assert await said(plain, id, tracker) == {
        "Between us": Visibility.PRIVATE, "For everybody": Visibility.PUBLIC, "By an engineer": Visibility.UNKNOWN,
    }  # fmt: skip
    plain.emulator.site.users[LEAD].roles = frozenset()
    rows = (await plain.served.people[LEAD].get(f"{plain.api}/issue/{id}/comment")).json()["comments"]
    assert len(rows) == 2, "Sam is no developer"
    await tracker.edit_comment(id, ours, draft(plain, "Not for everybody", Visibility.PRIVATE), "op-3")
    assert (await said(plain, id, tracker))["Not for everybody"] is Visibility.PRIVATE


async def test_beside_a_service_desk_engineers_talk_among_themselves(plain: JiraBench) -> None:
    """One connection for both: what nobody hid in a project of engineers is not meant for the reporter."""
    tracker = plain.connected(INTEGRATION, project="")
    await tracker.describe("HELP", "Incident")
    id = await made(plain, tracker)
    await plain.person_comments(id, "It was me", Visibility.PUBLIC)
    await tracker.comment(id, draft(plain, "From the desk", Visibility.PUBLIC), "op-1")
    assert await said(plain, id, tracker) == {"It was me": Visibility.UNKNOWN, "From the desk": Visibility.PUBLIC}


async def test_private_files_are_for_agents_and_for_nobody_else(plain: JiraBench) -> None:
    assert not plain.tracker.capabilities.private_files
    tracker = plain.connected(INTEGRATION, project="")
    await tracker.describe("HELP", "Incident")
    assert tracker.capabilities.private_files
    id = await made(plain, tracker)
    log = upload("log.txt", b"secret")
    with pytest.raises(ValidationFailed, match="Everybody who sees"):
        await tracker.attach(id, log, "op")
    await tracker.attach(id, replace(log, visibility=Visibility.PUBLIC), "op")
    await plain.tracker.attach(id, log, "op")  # where a mapping says so, and nobody is led to think otherwise
    draft = Draft(project="HELP", type="Incident", natural_key="inc-2", fields={"summary": "x"})
    ticket = await tracker.create(draft, "op")
    await tracker.attach(ticket.remote_id, log, "op")


async def test_comments_carry_their_operation_and_say_when_they_were_edited(desk: JiraBench) -> None:
    id = await made(desk)
    number = await desk.tracker.comment(id, draft(desk, "frist", Visibility.PUBLIC), "op-1")
    await desk.advance(60)
    await desk.tracker.edit_comment(id, number, draft(desk, "first", Visibility.PUBLIC), "op-2")
    item = await desk.tracker.read(id)
    assert isinstance(item, RemoteItem)
    [one] = item.comments
    assert one.op == "op-1"
    assert one.created_at is not None
    assert one.edited_at is not None
    assert (one.edited_at - one.created_at).total_seconds() == 60
    await desk.tracker.delete_comment(id, number, "op-3")
    await desk.tracker.delete_comment(id, number, "op-4")
    assert await said(desk, id) == {}
