"""What is Request Tracker's own: refusals that look like success, merges, mails, time zones, lifecycles, scrips."""

from dataclasses import replace

import pytest

from rallypoint.connectors.request_tracker.shape import CONTENT, CUSTOM, Named
from rallypoint.connectors.request_tracker.tool import TOOL
from rallypoint.connectors.request_tracker.tracker import OPENING
from rallypoint.errors import Invalid
from rallypoint.sync.model import (
    TAGS,
    Gone,
    GoneReason,
    Markup,
    Person,
    Relation,
    RelationKind,
    RemoteItem,
    Visibility,
)
from rallypoint.sync.ports import (
    CommentDraft,
    Draft,
    MappingBroken,
    Panel,
    PermissionDenied,
    Stale,
    Tracker,
    ValidationFailed,
    WorkflowRefused,
)
from rallypoint.sync.tools import Access
from tests.connectors.kit import upload
from tests.connectors.request_tracker.bench import RequestTrackerBench
from tests.connectors.request_tracker.server import BETH, DAY, RAE, REPORT, ROOT, SYNC, UNTIL

DRAFT = Draft(
    project="1", type="ticket", fields={"Subject": "Payments fail"}, natural_key="INC-1/a b", url="https://rp.example/1"
)


async def item(tracker: Tracker, remote_id: str) -> RemoteItem:
    found = await tracker.read(remote_id)
    assert isinstance(found, RemoteItem), found
    return found


def said(body: str, visibility: Visibility, markup: Markup = Markup.HTML) -> CommentDraft:
    return CommentDraft(body=body, markup=markup, visibility=visibility)


async def test_what_leads_back_is_on_the_ticket_from_its_first_moment(bench: RequestTrackerBench) -> None:
    made = await bench.tracker.create(DRAFT, "op-1")
    read = await item(bench.tracker, made.remote_id)
    assert (read.key, read.project, read.type) == (f"#{made.remote_id}", "1", "ticket")
    assert read.relations == (Relation(kind=RelationKind.WEB, url="https://rp.example/1"),)
    assert OPENING in str(read.raw(CONTENT))
    before = bench.server.last(made.remote_id)
    await bench.tracker.show_panel(made.remote_id, Panel(url="https://rp.example/1", title="INC-1", status="open"))
    assert bench.server.last(made.remote_id) == before, "it is there already"
    assert await bench.tracker.find("INC-1") is None
    other = await bench.tracker.create(replace(DRAFT, natural_key="INC-1/a"), "op-2")
    assert await bench.tracker.find("INC-1/a") == other.remote_id


async def test_a_status_that_the_lifecycle_refuses_is_told_and_the_rest_is_kept(bench: RequestTrackerBench) -> None:
    """Answered 200 as everything is: one field went through, the other did not."""
    tracker = bench.connected(named=Named(statuses=("new", "open", "melted")))
    ticket = bench.server.ticket(Subject="One")
    before = await item(tracker, ticket)
    with pytest.raises(WorkflowRefused, match="melted"):
        await tracker.write(ticket, {"Status": "melted", "Subject": "Two"}, before.revision, "op")
    after = await item(tracker, ticket)
    assert (after.raw("Status"), after.raw("Subject")) == ("new", "Two")
    with pytest.raises(MappingBroken):
        await tracker.write(ticket, {"Status": "resolved"}, after.revision, "op")


async def test_an_owner_is_found_by_mail_and_one_who_may_not_own_is_refused(bench: RequestTrackerBench) -> None:
    ticket = bench.server.ticket(Subject="One")
    await bench.tracker.write(ticket, {"Owner": Person(email="BETH@example.invalid")}, "", "op")
    owner = (await item(bench.tracker, ticket)).raw("Owner")
    assert owner == Person(remote_id=BETH, name="Beth Anglin", email="beth@example.invalid")
    with pytest.raises(ValidationFailed, match="may not own"):
        await bench.tracker.write(ticket, {"Owner": Person(remote_id=RAE)}, "", "op")
    with pytest.raises(ValidationFailed, match="nobody"):
        await bench.tracker.write(ticket, {"Owner": Person(email="nobody@example.invalid")}, "", "op")
    assert (await item(bench.tracker, ticket)).raw("Owner") == owner


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Due", "2026-11-21T10:00:00+00:00"),
        (CUSTOM + UNTIL, "2026-11-21T10:00:00+00:00"),
        (CUSTOM + DAY, "2026-11-21"),
        ("Priority", "50"),
        (TAGS, ("a b", "größer, 🔥")),
        (CUSTOM + REPORT, "0"),
    ],
)
async def test_values_of_each_kind_come_back(
    bench: RequestTrackerBench, field: str, value: str | tuple[str, ...]
) -> None:
    ticket = bench.server.ticket(Subject="One")
    before = await item(bench.tracker, ticket)
    await bench.tracker.write(ticket, {field: value}, before.revision, "op")
    written = await item(bench.tracker, ticket)
    assert written.raw(field) == value
    assert [(one.field, one.by and one.by.remote_id) for one in written.history] == [(field, SYNC)] * (
        len(value) if isinstance(value, tuple) else 1
    )
    if field not in ("Priority", CUSTOM + REPORT):
        await bench.tracker.write(ticket, {field: ()} if field == TAGS else {field: None}, written.revision, "op")
        assert (await item(bench.tracker, ticket)).raw(field) in (None, "", ())


async def test_a_reply_of_ours_opens_nothing_and_a_persons_does(bench: RequestTrackerBench) -> None:
    ticket = bench.server.ticket(Subject="One", Status="resolved", Requestor=[f"{RAE}@example.invalid"])
    id = await bench.tracker.comment(ticket, said("<p>Rae <b>confirmed</b>.</p>", Visibility.PUBLIC), "op-7")
    read = await item(bench.tracker, ticket)
    assert read.raw("Status") == "resolved"
    [comment] = read.comments
    assert (comment.id, comment.op, comment.markup) == (id, "op-7", Markup.HTML)
    assert comment.author is not None
    assert comment.author.remote_id == SYNC
    await bench.tracker.attach(ticket, replace(upload("a.txt", b"a"), visibility=Visibility.PUBLIC), "op-8")
    read = await item(bench.tracker, ticket)
    assert (read.raw("Status"), read.attachments[0].visibility) == ("resolved", Visibility.PUBLIC)
    bench.server.say(BETH, ticket, "It is back.", public=True)
    assert (await item(bench.tracker, ticket)).raw("Status") == "open"


async def test_mails_that_it_sends_are_neither_comments_nor_files(bench: RequestTrackerBench) -> None:
    ticket = bench.server.ticket(Subject="One", Content="It broke.", Requestor=[f"{RAE}@example.invalid"])
    bench.server.say(BETH, ticket, "We look at it.", public=True)
    read = await item(bench.tracker, ticket)
    assert [(one.body, one.visibility) for one in read.comments] == [("We look at it.", Visibility.PUBLIC)]
    assert (read.attachments, read.raw(CONTENT)) == ((), "It broke.")
    assert len(bench.server.ask(ROOT, "GET", f"ticket/{ticket}/attachments?per_page=100")["items"]) > 2


async def test_comments_that_we_may_not_see_are_not_missing(bench: RequestTrackerBench) -> None:
    """More of them than a page has: hidden ones leave pages empty, and what comes behind is still found."""
    ticket = bench.server.ticket(Subject="One")
    with bench.server.store() as db:
        columns = "ObjectType, ObjectId, TimeTaken, Type, Creator, Created"
        db.executemany(
            f"insert into Transactions ({columns}) values ('RT::Ticket', ?, 0, 'Comment', 1, '2026-01-01 00:00:00')",
            [(ticket,)] * 120,
        )
    bench.server.take_right("ShowTicketComments")
    bench.server.change(BETH, ticket, Subject="Two")
    bench.server.say(BETH, ticket, "Last", public=True)
    read = await item(bench.tracker, ticket)
    assert [one.body for one in read.comments] == ["Last"]
    assert [one.new for one in read.history if one.field == "Subject"] == ["Two"]
    assert not read.comments_complete


async def test_a_merged_ticket_has_moved_and_cannot_be_written(bench: RequestTrackerBench) -> None:
    one, two = bench.server.ticket(Subject="One"), bench.server.ticket(Subject="Two")
    bench.server.change(ROOT, one, MergeInto=two)
    gone = await bench.tracker.read(one)
    assert gone == Gone(reason=GoneReason.MOVED, moved_to=two, detail="The ticket was merged.")
    with pytest.raises(Stale):
        await bench.tracker.write(one, {"Subject": "x"}, "", "op")
    gone = await bench.tracker.read("999999")
    assert isinstance(gone, Gone)
    assert gone.reason is GoneReason.UNREADABLE


async def test_links_between_tickets_are_relations(bench: RequestTrackerBench) -> None:
    one, two = bench.server.ticket(Subject="One"), bench.server.ticket(Subject="Two")
    bench.server.change(BETH, one, AddDependsOn=two)
    assert (await item(bench.tracker, one)).relations == (Relation(kind=RelationKind.BLOCKED_BY, remote_id=two),)
    assert (await item(bench.tracker, two)).relations == (Relation(kind=RelationKind.BLOCKS, remote_id=one),)
    bench.server.change(BETH, two, AddRefersTo=one)
    related, tracker = Relation(kind=RelationKind.RELATED, remote_id=two), bench.connected()
    assert related in (await item(tracker, one)).relations
    await tracker.unrelate(one, related, "op")
    assert related not in (await item(tracker, one)).relations, "whichever end had said it"
    with pytest.raises(ValidationFailed, match="itself"):
        await tracker.relate(one, Relation(kind=RelationKind.PARENT, remote_id=one), "op")
    bench.server.take_right("ModifyTicket")
    with pytest.raises(PermissionDenied):
        await tracker.relate(one, Relation(kind=RelationKind.PARENT, remote_id=two), "op")


async def test_a_lifecycle_of_its_own_is_named_or_seen(bench: RequestTrackerBench) -> None:
    bench.server.ticket(Subject="One")
    with bench.server.store() as db:
        db.execute("update Queues set Lifecycle = 'approvals' where Name = 'Elsewhere'")
        db.execute("update ACL set ObjectId = (select id from Queues where Name = 'Elsewhere') where ObjectId = 1"
                   " and ObjectType = 'RT::Queue'")  # fmt: skip
    place = next(one.id for one in await bench.tracker.projects() if one.name == "Elsewhere")
    status = (await bench.tracker.describe(place, "ticket")).field("Status")
    assert status is not None
    assert status.choices == (), "no ticket shows any"
    tracker = bench.connected(named=Named(statuses=("waiting", "approved")))
    status = (await tracker.describe(place, "ticket")).field("Status")
    assert status is not None
    assert [one.id for one in status.choices] == ["waiting", "approved"]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
async def test_an_account_with_another_time_zone_is_told(bench: RequestTrackerBench, zone: str) -> None:
    bench.server.ticket(Subject="One")
    bench.server.ask(ROOT, "PUT", f"user/{SYNC}", json={"Timezone": zone})
    checked = await bench.tracker.check()
    assert [one.about for one in checked.findings if one.level == "error"] == ["time zone"]
    with pytest.raises(ValidationFailed, match="UTC"):
        await bench.tracker.list_changes(None)
    bench.server.ask(ROOT, "PUT", f"user/{SYNC}", json={"Timezone": "UTC"})
    assert (await bench.tracker.check()).ok
    assert (await bench.tracker.list_changes(None)).hints == ()


async def test_a_token_of_somebody_else_is_noticed(bench: RequestTrackerBench) -> None:
    given = Access(key="rt", base_url=bench.url, settings={"user": BETH}, secrets={"token": bench.server.token})
    checked = await TOOL.make(given, bench.egress).check()
    assert [one.about for one in checked.findings] == ["identity"]
    assert not checked.ok
    password = Access(key="rt", base_url=bench.url, settings={"user": BETH}, secrets={"password": "beth-password"})
    assert (await TOOL.make(password, bench.egress).check()).ok


async def test_the_scrip_tells_of_a_deletion_and_once_of_a_change_of_many_fields(bench: RequestTrackerBench) -> None:
    ticket = bench.server.ticket(Subject="One")
    await bench.listen()
    bench.server.change(BETH, ticket, Subject="Two", Priority="50", Due="2026-12-24 10:00:00")
    bench.server.ask(BETH, "DELETE", f"ticket/{ticket}")
    told = [bench.tracker.verify_webhook(one.body, one.headers, bench.secret) for one in await bench.heard()]
    assert [(hint.remote_id, hint.project, hint.deleted) for one in told for hint in one.hints] == [
        (ticket, "1", False),
        (ticket, "1", True),
    ]


async def test_what_cannot_be_set_up_is_refused(bench: RequestTrackerBench) -> None:
    for settings, secrets in (
        ({"user": SYNC}, {}),
        ({"user": SYNC, "priorities": "High"}, {"token": "x"}),
        ({"user": SYNC, "priorities": "High=x"}, {"token": "x"}),
    ):
        with pytest.raises(Invalid):
            TOOL.make(Access(key="rt", base_url=bench.url, settings=settings, secrets=secrets), bench.egress)
    for place, type in (("../1", "ticket"), ("99", "ticket"), ("1", "article")):
        with pytest.raises(MappingBroken):
            await bench.tracker.describe(place, type)
    with pytest.raises(ValidationFailed):
        await bench.tracker.read("1/../user")
    with pytest.raises(ValidationFailed):
        await bench.tracker.attach("1", upload('a"b.txt', b"a"), "op")
    with pytest.raises(ValidationFailed, match="characters"):
        await bench.tracker.write(bench.server.ticket(Subject="One"), {"Subject": "x" * 201}, "", "op")
