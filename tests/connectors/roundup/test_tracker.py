"""What is Roundup's own: values of each kind, who reads messages, what its detectors do, half creations."""

from dataclasses import replace

import pytest

from rallypoint.connectors.roundup import Audience
from rallypoint.connectors.roundup.tool import TOOL
from rallypoint.errors import Invalid
from rallypoint.sync.model import Markup, Person, RemoteItem, Value, Visibility
from rallypoint.sync.ports import CommentDraft, Draft, MappingBroken, Outage, Stale, Tracker, ValidationFailed
from rallypoint.sync.tools import Access
from tests.connectors.kit import Act, Mishap
from tests.connectors.roundup.bench import RoundupBench
from tests.connectors.roundup.server import BETH, SYNC

IN_PROGRESS, RESOLVED = "5", "8"
DRAFT = Draft(
    project="issue", type="issue", fields={"title": "Payments fail"}, natural_key="INC-1/a b", url="https://x"
)


async def item(tracker: Tracker, remote_id: str) -> RemoteItem:
    found = await tracker.read(remote_id)
    assert isinstance(found, RemoteItem), found
    return found


def said(body: str, visibility: Visibility) -> CommentDraft:
    return CommentDraft(body=body, markup=Markup.PLAIN, visibility=visibility)


@pytest.mark.parametrize(
    ("field", "value"),
    [("blocked", True), ("blocked", False), ("cost", 0), ("cost", 2.5), ("due", "2026-11-21T10:00:00+00:00")],
)
async def test_values_of_each_kind_come_back(bench: RoundupBench, field: str, value: Value) -> None:
    """A bare 0 or false would be taken for nothing, and answered as if all were well."""
    issue = bench.roundup.issue(title="One")
    before = await item(bench.tracker, issue)
    await bench.tracker.write(issue, {field: value}, before.revision, "op")
    assert (await item(bench.tracker, issue)).raw(field) == value
    stored = bench.roundup.attributes(issue)[field]
    assert stored is not None, "written, and not cleared"


async def test_a_person_is_found_by_mail_only_where_mails_can_be_seen(bench: RoundupBench) -> None:
    issue = bench.roundup.issue(title="One")
    ours = next(one for one in (await bench.tracker.describe("issue", "issue")).people if one.email)
    await bench.tracker.write(issue, {"assignedto": Person(email=ours.email.upper())}, "", "op")
    assert (await item(bench.tracker, issue)).raw("assignedto") == ours
    with pytest.raises(ValidationFailed, match="nobody"):
        await bench.tracker.write(issue, {"assignedto": Person(email="nobody@example.invalid")}, "", "op")


@pytest.mark.parametrize(
    ("audience", "taken", "refused", "read"),
    [
        (Audience.EVERYONE, Visibility.PUBLIC, Visibility.PRIVATE, Visibility.PUBLIC),
        (Audience.UNKNOWN, Visibility.PUBLIC, Visibility.PRIVATE, Visibility.UNKNOWN),
        (Audience.TEAM, Visibility.PRIVATE, Visibility.PUBLIC, Visibility.PRIVATE),
    ],
)
async def test_who_reads_messages_decides_what_goes_there(
    bench: RoundupBench, audience: Audience, taken: Visibility, refused: Visibility, read: Visibility
) -> None:
    tracker, issue = bench.connected(audience=audience), bench.roundup.issue(title="One")
    with pytest.raises(ValidationFailed):
        await tracker.comment(issue, said("Not for them", refused), "op-1")
    await tracker.comment(issue, said("For them", taken), "op-2")
    assert [(one.body, one.visibility, one.op) for one in (await item(tracker, issue)).comments] == [
        ("For them", read, "op-2")
    ]


async def test_our_message_opens_nothing_again_and_a_persons_does(bench: RoundupBench) -> None:
    issue = bench.roundup.issue(title="One", status=RESOLVED)
    await bench.tracker.comment(issue, said("Rae confirmed.", Visibility.PUBLIC), "op")
    assert (await item(bench.tracker, issue)).raw("status") == RESOLVED
    bench.roundup.say(BETH, issue, "It is back.")
    assert (await item(bench.tracker, issue)).raw("status") != RESOLVED


async def test_half_a_creation_is_taken_up_and_a_whole_one_not_repeated(bench: RoundupBench) -> None:
    await bench.plan(Mishap.REFUSED, Act.CREATE)
    with pytest.raises(Outage):
        await bench.tracker.create(DRAFT, "op")
    assert await bench.tracker.find(DRAFT.natural_key) is None
    made = await bench.tracker.create(DRAFT, "op")
    assert (await bench.tracker.create(DRAFT, "op")).remote_id == made.remote_id
    assert await bench.tracker.find(DRAFT.natural_key) == made.remote_id
    assert len(bench.roundup.said(made.remote_id)) == 1
    other = await bench.tracker.create(replace(DRAFT, natural_key="INC-1/a"), "op-2")
    assert other.remote_id != made.remote_id


async def test_an_edited_message_is_another_revision_and_a_retired_one_deleted(bench: RoundupBench) -> None:
    issue = bench.roundup.issue(title="One")
    message = bench.roundup.say(BETH, issue, "frist")
    before = await item(bench.tracker, issue)
    bench.roundup.ask(BETH, "PATCH", f"msg/{message}", json={"content": "first"})
    after = await item(bench.tracker, issue)
    assert (after.comments[0].body, after.revision == before.revision) == ("first", False)
    bench.roundup.ask("admin", "DELETE", f"msg/{message}")
    gone = await item(bench.tracker, issue)
    assert (gone.comments, gone.comments_complete) == ((), True)


async def test_the_detector_tells_of_a_retired_issue_and_of_an_edited_message(bench: RoundupBench) -> None:
    issue, other = bench.roundup.issue(title="One"), bench.roundup.issue(title="Two")
    message = bench.roundup.say(BETH, other, "frist")
    await bench.listen()
    bench.roundup.ask("admin", "DELETE", f"issue/{issue}")
    bench.roundup.ask(BETH, "PATCH", f"msg/{message}", json={"content": "first"})
    told = [bench.tracker.verify_webhook(one.body, one.headers, bench.secret) for one in await bench.heard()]
    assert [(hint.remote_id, hint.deleted) for one in told for hint in one.hints] == [(issue, True), (other, False)]


async def test_a_stale_revision_of_a_message_list_writes_nothing(bench: RoundupBench) -> None:
    issue = bench.roundup.issue(title="One")
    before = await item(bench.tracker, issue)
    bench.roundup.say(BETH, issue, "Wait.")
    with pytest.raises(Stale):
        await bench.tracker.write(issue, {"status": IN_PROGRESS}, before.revision, "op")


async def test_another_class_and_a_wrong_audience_are_refused(bench: RoundupBench) -> None:
    with pytest.raises(MappingBroken):
        await bench.tracker.describe("msg", "msg")
    for wrong in ({"class": "../user"}, {"audience": "world"}):
        given = Access(key="r", base_url=bench.url, settings={"user": SYNC, **wrong}, secrets={"password": "x"})
        with pytest.raises(Invalid):
            TOOL.make(given, bench.egress)
    with pytest.raises(ValidationFailed):
        await bench.tracker.read("1/../user")
