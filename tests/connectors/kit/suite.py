"""What every tracker must do. Inherit it, give the fixture `bench`, and it runs against your tool.

A capability that is not declared is not asked for; but then the tracker must say no, and not half do it.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from rallypoint.sync.model import TAGS, FieldKind, Gone, GoneReason, Person, Relation, RemoteItem, Value, Visibility
from rallypoint.sync.ports import (
    AuthFailed,
    Changes,
    CommentDraft,
    Created,
    Draft,
    Historical,
    Level,
    Listed,
    MappingBroken,
    Outage,
    Panel,
    PermissionDenied,
    RateLimited,
    Relates,
    Stale,
    Tracker,
    TrackerError,
    Unverified,
    ValidationFailed,
    WorkflowRefused,
)
from tests.connectors.kit.bench import Act, Bench, Mishap, NotHere, upload

PAGES_MOST = 50
ODD_TEXTS = {
    "emoji": "Zahlung 🔥👩‍🚒 fails",
    "crlf": "one\r\ntwo\r\n\r\nthree",
    "right to left": "שגיאה \u202eabc\u202c end",
    "combining": "e\u0301 and é",
    "markup": "a < b && c > d <script>x</script> *bold* [code]<b>y</b>[/code]",
    "quotes": "\"double\" 'single' `back` \\ slash ^ caret % percent",
    "blank around": "  spaced  ",
}


def here(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Skips, visibly, what this server cannot be made to do."""

    @functools.wraps(test)
    async def run(*args: Any, **kwargs: Any) -> None:
        try:
            await test(*args, **kwargs)
        except NotHere as reason:
            pytest.skip(str(reason))

    return run


class _Visible(type):
    def __new__(cls, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> type:
        for key, value in list(members.items()):
            if key.startswith("test_") and inspect.iscoroutinefunction(value):
                members[key] = here(value)
        return super().__new__(cls, name, bases, members)


class TrackerConformance(metaclass=_Visible):
    """Tests of one tracker; each begins with a fresh bench."""

    # Helpers.

    async def made(self, bench: Bench, title: str = "Payments fail", key: str = "inc-1") -> Created:
        fields = bench.fields(title)
        draft = Draft(
            project=bench.project, type=bench.type, fields=fields, natural_key=key, url="https://rp.example/1"
        )
        return await bench.tracker.create(draft, f"op-{key}")

    async def read(self, bench: Bench, remote_id: str) -> RemoteItem:
        item = await bench.tracker.read(remote_id)
        assert isinstance(item, RemoteItem), item
        return item

    async def changed(self, tracker: Tracker, cursor: str) -> tuple[set[str], str]:
        """Ids of everything until there is no more, and the cursor after it."""
        seen: set[str] = set()
        for _ in range(PAGES_MOST):
            page = await tracker.list_changes(cursor)
            seen |= {hint.remote_id for hint in page.hints}
            cursor = page.cursor
            if not page.more:
                return seen, cursor
        raise AssertionError("There is no end to the changes.")

    def draft(self, bench: Bench, body: str, visibility: Visibility) -> CommentDraft:
        markup = bench.tracker.capabilities.comment_markup
        return CommentDraft(body=bench.raw(body), markup=markup, visibility=visibility)

    # Connecting.

    async def test_check_says_who_we_are(self, bench: Bench) -> None:
        checked = await bench.tracker.check()
        assert checked.ok, checked.findings
        assert checked.identity is not None
        assert checked.identity.remote_id or checked.identity.email or checked.identity.name

    async def test_wrong_credentials_are_told_and_not_taken_for_anything_else(self, bench: Bench) -> None:
        stranger = await bench.stranger()
        checked = await stranger.check()
        assert not checked.ok
        assert [one.about for one in checked.findings if one.level is Level.ERROR] == ["credentials"]
        item = await self.made(bench)
        with pytest.raises(AuthFailed) as no:
            await stranger.read(item.remote_id)
        assert not no.value.retry
        with pytest.raises(AuthFailed):
            await stranger.write(item.remote_id, {bench.title: "x"}, item.revision, "op")
        await stranger.close()

    # What is there.

    async def test_describe_knows_the_fields(self, bench: Bench) -> None:
        projects = await bench.tracker.projects()
        assert bench.type in next(one.types for one in projects if one.id == bench.project)
        schema = await bench.tracker.describe(bench.project, bench.type)
        title, choice = schema.field(bench.title), schema.field(bench.choice)
        assert title is not None
        assert title.writable
        assert title.kind in (FieldKind.TEXT, FieldKind.RICH_TEXT)
        assert choice is not None
        assert set(bench.choices) <= {one.id for one in choice.choices}
        status = next(one for one in schema.fields if one.kind is FieldKind.STATUS)
        assert len(status.choices) >= 2
        assert len({one.id for one in schema.fields}) == len(schema.fields)

    async def test_a_place_that_is_not_there_is_a_broken_mapping(self, bench: Bench) -> None:
        with pytest.raises(MappingBroken):
            await bench.tracker.describe("no-such-place", "no-such-type")

    # Creating.

    async def test_what_is_created_is_read_and_found(self, bench: Bench) -> None:
        made = await self.made(bench)
        item = await self.read(bench, made.remote_id)
        assert item.id == made.remote_id
        assert item.raw(bench.title) == "Payments fail"
        assert item.revision
        assert item.url.startswith("http")
        assert await bench.tracker.find("inc-1") == made.remote_id
        assert await bench.tracker.find("inc-2") is None
        assert await bench.tracker.find("inc-") is None

    @pytest.mark.parametrize("mishap", [Mishap.LOST, Mishap.LOST_BREAK])
    async def test_an_item_whose_answer_was_lost_is_found_by_its_key(self, bench: Bench, mishap: Mishap) -> None:
        before = await bench.item_count()
        await bench.plan(mishap, Act.CREATE)
        with pytest.raises(Outage) as lost:
            await self.made(bench)
        assert lost.value.unknown
        found = await bench.tracker.find("inc-1")
        assert found is not None
        assert (await self.read(bench, found)).raw(bench.title) == "Payments fail"
        assert await bench.item_count() == before + 1

    @pytest.mark.parametrize("mishap", [Mishap.REFUSED, Mishap.BROKEN])
    async def test_an_item_that_was_not_created_is_not_found(self, bench: Bench, mishap: Mishap) -> None:
        await bench.plan(mishap, Act.CREATE)
        with pytest.raises(Outage) as no:
            await self.made(bench)
        assert no.value.retry
        assert await bench.tracker.find("inc-1") is None
        await self.made(bench)

    # Reading and writing.

    async def test_two_reads_of_the_same_state_are_equal(self, bench: Bench) -> None:
        made = await self.made(bench)
        one, two = await self.read(bench, made.remote_id), await self.read(bench, made.remote_id)
        assert (one.fields, one.revision, one.comments) == (two.fields, two.revision, two.comments)

    async def test_a_write_changes_what_was_named_and_nothing_else(self, bench: Bench) -> None:
        made = await self.made(bench)
        before = await self.read(bench, made.remote_id)
        written = await bench.tracker.write(made.remote_id, {bench.title: "Cards fail"}, before.revision, "op-2")
        after = await self.read(bench, made.remote_id)
        assert after.raw(bench.title) == "Cards fail"
        assert after.revision != before.revision
        assert written.revision in ("", after.revision)
        assert after.raw(bench.text) == before.raw(bench.text)
        assert after.raw(bench.choice) == before.raw(bench.choice)

    async def test_each_choice_can_be_written(self, bench: Bench) -> None:
        made = await self.made(bench)
        for value in bench.choices:
            before = await self.read(bench, made.remote_id)
            await bench.tracker.write(made.remote_id, {bench.choice: value}, before.revision, f"op-{value}")
            assert (await self.read(bench, made.remote_id)).raw(bench.choice) == value

    async def test_a_cleared_text_reads_as_cleared(self, bench: Bench) -> None:
        made = await self.made(bench)
        await bench.tracker.write(made.remote_id, {bench.text: bench.raw("something")}, made.revision, "op-2")
        before = await self.read(bench, made.remote_id)
        await bench.tracker.write(made.remote_id, {bench.text: None}, before.revision, "op-3")
        after = await self.read(bench, made.remote_id)
        assert after.knows(bench.text)
        assert after.raw(bench.text) in (None, "")

    async def test_a_change_between_read_and_write(self, bench: Bench) -> None:
        """A conditional write is refused whole. A blind one wins, and the history tells what it replaced."""
        made = await self.made(bench)
        before = await self.read(bench, made.remote_id)
        await bench.person_sets(made.remote_id, bench.title, "A person's title")
        if bench.tracker.capabilities.conditional_write:
            with pytest.raises(Stale):
                await bench.tracker.write(made.remote_id, {bench.title: "Ours"}, before.revision, "op-2")
            assert (await self.read(bench, made.remote_id)).raw(bench.title) == "A person's title"
            return
        await bench.tracker.write(made.remote_id, {bench.title: "Ours"}, before.revision, "op-2")
        after = await self.read(bench, made.remote_id)
        assert after.raw(bench.title) == "Ours"
        if bench.tracker.capabilities.history:
            titles = [(one.old, one.new) for one in after.history if one.field == bench.title]
            assert titles[-2:] == [("Payments fail", "A person's title"), ("A person's title", "Ours")]

    async def test_what_people_do_changes_the_revision_and_is_told_with_who_and_when(self, bench: Bench) -> None:
        made = await self.made(bench)
        before = await self.read(bench, made.remote_id)
        await bench.person_sets(made.remote_id, bench.title, "Checkout fails")
        after = await self.read(bench, made.remote_id)
        assert after.revision != before.revision
        if bench.tracker.capabilities.history:
            last = [one for one in after.history if one.field == bench.title][-1]
            assert (last.old, last.new) == ("Payments fail", "Checkout fails")
            assert last.at.tzinfo is not None
            us = (await bench.tracker.check()).identity
            assert last.by is not None
            assert us is None or last.by != us
        await bench.person_comments(made.remote_id, "Something new", Visibility.PRIVATE)
        assert (await self.read(bench, made.remote_id)).revision != after.revision

    async def test_a_field_that_is_not_there_and_a_choice_that_is_gone(self, bench: Bench) -> None:
        made = await self.made(bench)
        with pytest.raises((MappingBroken, ValidationFailed)):
            await bench.tracker.write(made.remote_id, {"no_such_field_here": "x"}, made.revision, "op-2")
        assert (await self.read(bench, made.remote_id)).raw(bench.title) == "Payments fail"
        await bench.remove_choice(bench.choice, bench.choices[0])
        await bench.tracker.describe(bench.project, bench.type)
        with pytest.raises((MappingBroken, ValidationFailed)):
            await bench.tracker.write(made.remote_id, {bench.choice: bench.choices[0]}, made.revision, "op-3")

    # Status, people, tags, and what is carried along.

    async def test_a_status_is_reached_with_what_it_demands(self, bench: Bench) -> None:
        if not bench.status:
            raise NotHere("The bench names no status to reach.")
        made = await self.made(bench)
        before = await self.read(bench, made.remote_id)
        assert before.raw(bench.status) != bench.status_to
        if bench.fill:
            with pytest.raises((WorkflowRefused, ValidationFailed)) as no:
                await self.bring(bench, made.remote_id, {})
            if isinstance(no.value, WorkflowRefused):
                assert set(no.value.missing) <= set(bench.fill)
            assert (await self.read(bench, made.remote_id)).raw(bench.status) == before.raw(bench.status)
        await self.bring(bench, made.remote_id, bench.fill)
        after = await self.read(bench, made.remote_id)
        assert after.raw(bench.status) == bench.status_to
        assert all(after.raw(name) == value for name, value in bench.fill.items() if after.knows(name))

    async def bring(self, bench: Bench, remote_id: str, fill: Mapping[str, Value]) -> None:
        """Into the status the bench names, by the way this tool has for it."""
        tracker = bench.tracker
        now = await self.read(bench, remote_id)
        if not tracker.capabilities.transitions:
            await tracker.write(remote_id, {bench.status: bench.status_to, **fill}, now.revision, "op-status")
            return
        steps = {one.to: one for one in await tracker.transitions(remote_id)}
        step = steps[bench.status_to]
        assert {one.id for one in step.required} <= set(bench.fill)
        await tracker.transition(remote_id, step, fill, now.revision, "op-status")

    async def test_a_person_is_somebody_there(self, bench: Bench) -> None:
        if not bench.person:
            raise NotHere("The bench names no field for a person.")
        made = await self.made(bench)
        await bench.tracker.write(made.remote_id, {bench.person: bench.somebody}, made.revision, "op-2")
        read = await self.read(bench, made.remote_id)
        found = read.raw(bench.person)
        assert isinstance(found, Person)
        assert found.remote_id == bench.somebody.remote_id
        await bench.tracker.write(made.remote_id, {bench.person: None}, read.revision, "op-3")
        assert (await self.read(bench, made.remote_id)).raw(bench.person) is None

    async def test_tags_are_a_set(self, bench: Bench) -> None:
        if (await bench.tracker.describe(bench.project, bench.type)).field(TAGS) is None:
            pytest.skip("This tool has no tags.")
        made = await self.made(bench)
        for tags in (("payments", "p1"), ("p1",), ()):
            before = await self.read(bench, made.remote_id)
            await bench.tracker.write(made.remote_id, {TAGS: tags}, before.revision, f"op-{len(tags)}")
            assert sorted((await self.read(bench, made.remote_id)).tags or ()) == sorted(tags)

    async def test_our_operation_comes_back_where_it_can_be_kept(self, bench: Bench) -> None:
        if not bench.tracker.capabilities.provenance:
            pytest.skip("This tool keeps no word of ours.")
        made = await self.made(bench)
        before = await self.read(bench, made.remote_id)
        await bench.tracker.write(made.remote_id, {bench.title: "Cards fail"}, before.revision, "op-77")
        visibility = Visibility.PRIVATE if bench.tracker.capabilities.private_comments else Visibility.PUBLIC
        await bench.tracker.comment(made.remote_id, self.draft(bench, "Seen", visibility), "op-78")
        item = await self.read(bench, made.remote_id)
        assert {one.op for one in (*item.history, *item.comments)} & {"op-77", "op-78"}

    async def test_creating_twice_makes_one_where_the_tool_says_so(self, bench: Bench) -> None:
        if not bench.tracker.capabilities.idempotent_create:
            pytest.skip("This tool creates as often as it is told: the caller looks for the key first.")
        assert (await self.made(bench)).remote_id == (await self.made(bench)).remote_id

    # Texts.

    @pytest.mark.parametrize("kind", sorted(ODD_TEXTS))
    async def test_odd_texts_settle_at_once(self, bench: Bench, kind: str) -> None:
        """What a tool makes of a text may differ from it; what it makes of that may not."""
        made = await self.made(bench)
        await bench.tracker.write(made.remote_id, {bench.text: bench.raw(ODD_TEXTS[kind])}, made.revision, "op-2")
        once = await self.read(bench, made.remote_id)
        await bench.tracker.write(made.remote_id, {bench.text: once.raw(bench.text)}, once.revision, "op-3")
        twice = await self.read(bench, made.remote_id)
        assert twice.raw(bench.text) == once.raw(bench.text)
        letters = [one for one in bench.words(once.raw(bench.text)) if one.isalnum()]
        assert [one for one in ODD_TEXTS[kind] if one.isalnum()] == letters or kind == "markup"

    async def test_a_title_that_is_too_long_is_refused_or_cut_and_the_limit_is_known(self, bench: Bench) -> None:
        made = await self.made(bench)
        schema = await bench.tracker.describe(bench.project, bench.type)
        field = schema.field(bench.title)
        assert field is not None
        if field.max_length is None:
            pytest.skip("This tool has no limit for titles.")
        assert bench.tracker.capabilities.max_lengths.get(bench.title, field.max_length) == field.max_length
        exact = "x" * field.max_length
        await bench.tracker.write(made.remote_id, {bench.title: exact}, made.revision, "op-2")
        before = await self.read(bench, made.remote_id)
        assert before.raw(bench.title) == exact
        try:
            await bench.tracker.write(made.remote_id, {bench.title: "y" * 5000}, before.revision, "op-3")
        except ValidationFailed:
            assert (await self.read(bench, made.remote_id)).raw(bench.title) == exact
        else:
            kept = str((await self.read(bench, made.remote_id)).raw(bench.title))
            assert kept == "y" * len(kept)
            assert len(kept) <= field.max_length

    # Comments.

    async def test_comments_have_the_visibility_they_were_given(self, bench: Bench) -> None:
        made = await self.made(bench)
        able = bench.tracker.capabilities
        given = {
            Visibility.PUBLIC: able.public_comments,
            Visibility.PRIVATE: able.private_comments,
        }
        ids: dict[str, Visibility] = {}
        for visibility, can in given.items():
            draft = self.draft(bench, f"This is {visibility.value}", visibility)
            if can:
                ids[await bench.tracker.comment(made.remote_id, draft, f"op-{visibility}")] = visibility
            else:
                with pytest.raises(ValidationFailed):
                    await bench.tracker.comment(made.remote_id, draft, f"op-{visibility}")
        item = await self.read(bench, made.remote_id)
        assert {one.id: one.visibility for one in item.comments} == ids
        for one in item.comments:
            assert f"This is {one.visibility.value}" in bench.words(one.body)
            assert one.author is not None
            assert one.created_at is not None

    async def test_what_is_not_said_to_be_public_is_not_shown_outside(self, bench: Bench) -> None:
        made = await self.made(bench)
        for visibility in (Visibility.PRIVATE, Visibility.UNKNOWN):
            try:
                await bench.tracker.comment(made.remote_id, self.draft(bench, f"Inside {visibility}", visibility), "op")
            except ValidationFailed:
                continue
        item = await self.read(bench, made.remote_id)
        assert all(one.visibility is not Visibility.PUBLIC for one in item.comments)
        assert not [one for one in await bench.outsider_sees(made.remote_id) if "Inside" in one]

    async def test_comments_of_people_come_with_their_visibility(self, bench: Bench) -> None:
        made = await self.made(bench)
        able = bench.tracker.capabilities
        if able.public_comments:
            await bench.person_comments(made.remote_id, "For everybody", Visibility.PUBLIC)
        if able.private_comments:
            await bench.person_comments(made.remote_id, "Between us", Visibility.PRIVATE)
        item = await self.read(bench, made.remote_id)
        said = {bench.words(one.body).strip(): one.visibility for one in item.comments}
        assert said.get("For everybody", Visibility.PUBLIC) is Visibility.PUBLIC
        assert said.get("Between us", Visibility.PRIVATE) is not Visibility.PUBLIC
        assert len(said) == able.public_comments + able.private_comments

    async def test_equal_comments_are_two(self, bench: Bench) -> None:
        made = await self.made(bench)
        visibility = Visibility.PRIVATE if bench.tracker.capabilities.private_comments else Visibility.PUBLIC
        draft = self.draft(bench, "ok", visibility)
        first = await bench.tracker.comment(made.remote_id, draft, "op-2")
        second = await bench.tracker.comment(made.remote_id, draft, "op-3")
        assert first != second
        assert {one.id for one in (await self.read(bench, made.remote_id)).comments} == {first, second}

    async def test_a_comment_whose_answer_was_lost_is_there_once(self, bench: Bench) -> None:
        made = await self.made(bench)
        visibility = Visibility.PRIVATE if bench.tracker.capabilities.private_comments else Visibility.PUBLIC
        await bench.plan(Mishap.LOST, Act.COMMENT)
        with pytest.raises(Outage) as lost:
            await bench.tracker.comment(made.remote_id, self.draft(bench, "Only once", visibility), "op-2")
        assert lost.value.unknown
        comments = (await self.read(bench, made.remote_id)).comments
        assert ["Only once" in bench.words(one.body) for one in comments] == [True]
        if bench.tracker.capabilities.provenance:
            assert comments[0].op == "op-2"

    async def test_comments_are_changed_and_taken_back_as_declared(self, bench: Bench) -> None:
        made = await self.made(bench)
        able = bench.tracker.capabilities
        visibility = Visibility.PRIVATE if able.private_comments else Visibility.PUBLIC
        id = await bench.tracker.comment(made.remote_id, self.draft(bench, "frist", visibility), "op-2")
        corrected = self.draft(bench, "first", visibility)
        if able.edit_comments:
            await bench.tracker.edit_comment(made.remote_id, id, corrected, "op-3")
            [comment] = (await self.read(bench, made.remote_id)).comments
            assert "first" in bench.words(comment.body)
            assert comment.visibility is visibility
        else:
            with pytest.raises(ValidationFailed):
                await bench.tracker.edit_comment(made.remote_id, id, corrected, "op-3")
        if able.delete_comments:
            await bench.tracker.delete_comment(made.remote_id, id, "op-4")
            assert all(one.deleted for one in (await self.read(bench, made.remote_id)).comments)
        else:
            with pytest.raises(ValidationFailed):
                await bench.tracker.delete_comment(made.remote_id, id, "op-4")
            assert len((await self.read(bench, made.remote_id)).comments) == 1

    async def test_comments_that_cannot_be_are_refused_before_they_are_sent(self, bench: Bench) -> None:
        made = await self.made(bench)
        able = bench.tracker.capabilities
        visibility = Visibility.PRIVATE if able.private_comments else Visibility.PUBLIC
        with pytest.raises(ValidationFailed):
            await bench.tracker.comment(made.remote_id, self.draft(bench, "  \n", visibility), "op-2")
        if able.max_comment_length is not None:
            long = self.draft(bench, "x" * (able.max_comment_length + 1), visibility)
            with pytest.raises(ValidationFailed):
                await bench.tracker.comment(made.remote_id, long, "op-3")
        assert (await self.read(bench, made.remote_id)).comments == ()

    # Files.

    async def test_files_arrive_byte_by_byte(self, bench: Bench) -> None:
        if not bench.tracker.capabilities.attachments:
            pytest.skip("This tool takes no files.")
        made = await self.made(bench)
        bodies = [bytes(range(256)) * 40, b"", bytes(range(256)) * 10_000, b"another of the same name"]
        names = ["log.bin", "empty.txt", "größer 🔥.bin", "log.bin"]
        ids = [
            await bench.tracker.attach(made.remote_id, upload(name, body), f"op-{place}")
            for place, (name, body) in enumerate(zip(names, bodies, strict=True))
        ]
        assert len(set(ids)) == len(ids)
        item = await self.read(bench, made.remote_id)
        listed = {one.id: one for one in item.attachments}
        assert [listed[id].name for id in ids] == names
        for id, body in zip(ids, bodies, strict=True):
            assert listed[id].size in (None, len(body))
            assert listed[id].visibility is not Visibility.PUBLIC or bench.tracker.capabilities.public_comments
            got = [chunk async for chunk in bench.tracker.download(made.remote_id, id)]
            assert b"".join(got) == body

    async def test_a_persons_file_is_seen(self, bench: Bench) -> None:
        if not bench.tracker.capabilities.attachments:
            pytest.skip("This tool takes no files.")
        made = await self.made(bench)
        await bench.person_attaches(made.remote_id, "screenshot.png", b"\x89PNG")
        [file] = (await self.read(bench, made.remote_id)).attachments
        assert file.name == "screenshot.png"
        assert [chunk async for chunk in bench.tracker.download(made.remote_id, file.id)] == [b"\x89PNG"]

    # Relations.

    async def test_relations_are_written_seen_and_taken_away(self, bench: Bench) -> None:
        able = bench.tracker.capabilities
        if not able.relation_writes:
            pytest.skip("This tool's relations cannot be written.")
        assert isinstance(bench.tracker, Relates)
        for place, kind in enumerate(sorted(able.relation_writes)):
            here, there = [(await self.made(bench, f"Fault {n}", f"inc-{place}{n}")).remote_id for n in "ab"]
            for _ in range(2):  # the second time it is there already, and that is no error
                await bench.tracker.relate(here, Relation(kind=kind, remote_id=there), "op-1")
            found = [(one.kind, one.remote_id) for one in (await self.read(bench, here)).relations]
            assert found.count((kind, there)) == 1
            for _ in range(2):
                await bench.tracker.unrelate(here, Relation(kind=kind, remote_id=there), "op-2")
            found = [(one.kind, one.remote_id) for one in (await self.read(bench, here)).relations]
            assert (kind, there) not in found

    # Changes.

    async def test_changes_begin_now_and_leave_none_out(self, bench: Bench) -> None:
        old = await self.made(bench, "Old", "inc-0")
        await bench.advance(3600)
        begun = await bench.tracker.list_changes(None)
        assert begun.hints == ()
        assert (await self.changed(bench.tracker, begun.cursor))[0] <= {old.remote_id}
        await bench.advance(5)
        items = [(await self.made(bench, f"Fault {n}", f"inc-{n}")).remote_id for n in range(1, 8)]
        seen, cursor = await self.changed(bench.tracker, begun.cursor)
        assert set(items) <= seen <= {*items, old.remote_id}
        await bench.advance(5)
        await bench.person_sets(items[2], bench.title, "Changed")
        await bench.person_comments(old.remote_id, "Is this over?", Visibility.PRIVATE)
        if bench.tracker.capabilities.attachments:
            await bench.person_attaches(items[4], "a.txt", b"a")
            items_seen = {items[2], old.remote_id, items[4]}
        else:
            items_seen = {items[2], old.remote_id}
        seen, cursor = await self.changed(bench.tracker, cursor)
        assert items_seen <= seen

    async def test_changes_while_pages_are_read_are_not_lost(self, bench: Bench) -> None:
        begun = await bench.tracker.list_changes(None)
        await bench.advance(1)
        items = [(await self.made(bench, f"Fault {n}", f"inc-{n}")).remote_id for n in range(30)]
        cursor, seen, latest = begun.cursor, set[str](), dict[str, str]()
        for turn in range(PAGES_MOST):
            page: Changes = await bench.tracker.list_changes(cursor)
            cursor = page.cursor
            for hint in page.hints:
                seen.add(hint.remote_id)
                latest[hint.remote_id] = hint.revision
            if turn < 10:
                await bench.advance(1)
                await bench.person_sets(items[turn * 3], bench.title, f"Touched {turn}")
            elif not page.more:
                break
        assert seen >= set(items)
        for place in range(10):
            told = latest[items[place * 3]]
            assert told in ("", (await self.read(bench, items[place * 3])).revision)

    # What was there before.

    async def listed(self, bench: Bench, since: datetime | None = None) -> list[Listed]:
        tracker = bench.tracker
        if not isinstance(tracker, Historical):
            pytest.skip("This tracker lists no items: what was there before comes over one by one.")
        found, cursor = [], None
        for _ in range(PAGES_MOST):
            page = await tracker.list_items(bench.project, bench.type, since, cursor)
            found += page.items
            cursor = page.cursor
            if not page.more:
                return found
        pytest.fail("the list does not end")

    async def test_what_is_there_is_listed_also_while_others_write(self, bench: Bench) -> None:
        old = await self.made(bench, "Old", "inc-0")
        await bench.advance(7200)
        items = [await self.made(bench, f"Fault {n}", f"inc-{n}") for n in range(1, 6)]
        found = {one.remote_id: one for one in await self.listed(bench)}
        assert found.keys() >= {old.remote_id, *(one.remote_id for one in items)}
        assert found[items[2].remote_id].title == "Fault 3"
        assert (await self.read(bench, items[2].remote_id)).key == found[items[2].remote_id].key
        at = found[items[0].remote_id].changed_at
        assert at is not None
        since = at - timedelta(seconds=3600)
        await bench.person_sets(old.remote_id, bench.title, "Touched")
        later = {one.remote_id: one for one in await self.listed(bench, since)}
        assert later.keys() >= {old.remote_id, *(one.remote_id for one in items)}
        assert later[old.remote_id].title == "Touched"
        await bench.advance(7200)
        recent = (later[old.remote_id].changed_at or at) + timedelta(seconds=3600)
        assert await self.listed(bench, recent) == [], "nothing changed since"

    async def test_a_list_of_what_is_not_there_is_refused(self, bench: Bench) -> None:
        if not isinstance(bench.tracker, Historical):
            pytest.skip("This tracker lists no items: what was there before comes over one by one.")
        with pytest.raises(MappingBroken):
            await bench.tracker.list_items("no such project", bench.type, None, None)

    async def test_a_cursor_survives_being_stored_and_used_twice(self, bench: Bench) -> None:
        begun = await bench.tracker.list_changes(None)
        await bench.advance(1)
        made = await self.made(bench)
        for _ in range(2):
            assert made.remote_id in (await self.changed(bench.tracker, begun.cursor))[0]
        assert begun.cursor.isprintable()

    async def test_a_cursor_of_somebody_else_is_refused(self, bench: Bench) -> None:
        with pytest.raises(TrackerError) as no:
            await bench.tracker.list_changes("not a cursor of ours")
        assert not isinstance(no.value, Outage)

    # Gone.

    async def test_deleted_is_gone(self, bench: Bench) -> None:
        begun = await bench.tracker.list_changes(None)
        made, other = await self.made(bench), await self.made(bench, "Other", "inc-2")
        await bench.advance(5)
        await bench.person_deletes(made.remote_id)
        gone = await bench.tracker.read(made.remote_id)
        if isinstance(gone, RemoteItem):
            assert gone.deleted
        else:
            assert gone.reason in (GoneReason.DELETED, GoneReason.UNREADABLE)
        assert isinstance(await bench.tracker.read(other.remote_id), RemoteItem)
        if bench.tracker.capabilities.delete_events:
            page = await bench.tracker.list_changes(begun.cursor)
            assert [one.remote_id for one in page.hints if one.deleted] == [made.remote_id]

    async def test_hidden_is_not_deleted(self, bench: Bench) -> None:
        made = await self.made(bench)
        await bench.hide(made.remote_id)
        gone = await bench.tracker.read(made.remote_id)
        assert isinstance(gone, Gone)
        assert gone.reason is GoneReason.UNREADABLE
        with pytest.raises(TrackerError):
            await bench.tracker.write(made.remote_id, {bench.title: "x"}, made.revision, "op-2")

    async def test_a_hidden_field_is_not_cleared(self, bench: Bench) -> None:
        made = await self.made(bench)
        await bench.tracker.write(made.remote_id, {bench.text: bench.raw("Secret plan")}, made.revision, "op-2")
        await bench.hide_field(bench.text)
        item = await self.read(bench, made.remote_id)
        assert not item.knows(bench.text)
        assert item.knows(bench.title)

    # Refusals.

    async def test_too_many_calls(self, bench: Bench) -> None:
        made = await self.made(bench)
        await self.read(bench, made.remote_id)
        bench.tracker.rate_notes()
        await bench.plan(Mishap.RATE, Act.WRITE)
        with pytest.raises(RateLimited) as no:
            await bench.tracker.write(made.remote_id, {bench.title: "x"}, made.revision, "op-2")
        assert no.value.retry
        assert no.value.retry_after is not None
        assert no.value.retry_after > 0
        assert any(note.retry_after == no.value.retry_after for note in bench.tracker.rate_notes())
        assert bench.tracker.rate_notes() == ()
        assert (await self.read(bench, made.remote_id)).raw(bench.title) == "Payments fail"

    @pytest.mark.parametrize("mishap", [Mishap.REFUSED, Mishap.BROKEN])
    async def test_an_outage_while_reading_is_certain(self, bench: Bench, mishap: Mishap) -> None:
        made = await self.made(bench)
        await self.read(bench, made.remote_id)
        await bench.plan(mishap, Act.READ)
        with pytest.raises(Outage) as no:
            await bench.tracker.read(made.remote_id)
        assert (no.value.retry, no.value.unknown) == (True, False)
        await self.read(bench, made.remote_id)

    @pytest.mark.parametrize("mishap", [Mishap.LOST, Mishap.LOST_BREAK])
    async def test_a_write_whose_answer_was_lost_is_unknown(self, bench: Bench, mishap: Mishap) -> None:
        made = await self.made(bench)
        before = await self.read(bench, made.remote_id)
        await bench.plan(mishap, Act.WRITE)
        with pytest.raises(Outage) as no:
            await bench.tracker.write(made.remote_id, {bench.title: "Cards fail"}, before.revision, "op-2")
        assert (no.value.retry, no.value.unknown) == (True, True)
        assert (await self.read(bench, made.remote_id)).raw(bench.title) == "Cards fail"

    async def test_what_we_may_not_is_a_matter_of_permission(self, bench: Bench) -> None:
        made = await self.made(bench)
        before = await self.read(bench, made.remote_id)
        await bench.forbid_writing()
        with pytest.raises(PermissionDenied) as no:
            await bench.tracker.write(made.remote_id, {bench.title: "x"}, before.revision, "op-2")
        assert not no.value.retry
        assert no.value.help
        assert no.value.exchange is not None
        assert no.value.exchange.status == 403

    async def test_an_error_shows_what_was_asked_and_no_secret(self, bench: Bench) -> None:
        made = await self.made(bench)
        await bench.plan(Mishap.REFUSED, Act.WRITE)
        with pytest.raises(Outage) as no:
            await bench.tracker.write(made.remote_id, {bench.title: "Visible"}, made.revision, "op-2")
        exchange = no.value.exchange
        assert exchange is not None
        assert "Visible" in exchange.request
        assert "uthorization" not in repr(exchange)

    # The clock.

    async def test_a_clock_that_is_ahead_is_measured(self, bench: Bench) -> None:
        made = await self.made(bench)
        assert abs((await self.read(bench, made.remote_id)).skew) <= 1.0
        await bench.skew(90)
        assert abs((await self.read(bench, made.remote_id)).skew - 90) <= 1.0

    # The panel.

    async def test_the_panel_is_renewed_in_place(self, bench: Bench) -> None:
        made = await self.made(bench)
        before = await self.read(bench, made.remote_id)
        for status in ("investigating", "resolved", "resolved"):
            panel = Panel(url="https://rp.example/i/1", title="RP-1 Payments fail", status=status)
            await bench.tracker.show_panel(made.remote_id, panel)
        after = await self.read(bench, made.remote_id)
        assert after.comments == before.comments
        assert after.attachments == before.attachments
        assert after.fields == before.fields

    # Webhooks.

    async def test_a_webhook_of_the_tool_is_believed_and_names_the_item(self, bench: Bench) -> None:
        made = await self.made(bench)
        await bench.listen()
        await bench.person_sets(made.remote_id, bench.title, "Changed")
        hooks = await bench.heard()
        assert hooks
        hints = [bench.tracker.verify_webhook(one.body, one.headers, bench.secret) for one in hooks]
        assert {hint.remote_id for told in hints for hint in told.hints} == {made.remote_id}
        revision = (await self.read(bench, made.remote_id)).revision
        assert all(hint.revision in ("", revision) for told in hints for hint in told.hints)

    async def test_a_webhook_that_is_tampered_with_or_not_signed_is_not_believed(self, bench: Bench) -> None:
        made = await self.made(bench)
        await bench.listen()
        await bench.person_sets(made.remote_id, bench.title, "Changed")
        hook = (await bench.heard())[0]
        verify = bench.tracker.verify_webhook
        verify(hook.body, hook.headers, bench.secret)
        for body, headers, secret in (
            (hook.body[:-1] + b" }", hook.headers, bench.secret),
            (hook.body + b" ", hook.headers, bench.secret),
            (hook.body, {"content-type": "application/json"}, bench.secret),
            (hook.body, hook.headers, "another secret"),
            (hook.body, hook.headers, ""),
            (b"", {}, bench.secret),
        ):
            with pytest.raises(Unverified):
                verify(body, headers, secret)

    async def test_a_replayed_webhook_has_the_same_name_and_the_next_another(self, bench: Bench) -> None:
        made = await self.made(bench)
        await bench.listen()
        await bench.person_sets(made.remote_id, bench.title, "Changed")
        await bench.person_sets(made.remote_id, bench.title, "Changed again")
        hooks = await bench.heard()
        names = [bench.tracker.verify_webhook(one.body, one.headers, bench.secret).delivery for one in hooks * 2]
        assert names[: len(hooks)] == names[len(hooks) :]
        assert len(set(names)) == len(hooks)
        assert all(names)

    async def test_registering_a_webhook_leads_somewhere(self, bench: Bench) -> None:
        if not bench.tracker.capabilities.push:
            pytest.skip("This tool has no webhooks.")
        registered = await bench.tracker.register_webhook("https://rp.example/in/key", bench.secret)
        assert registered.id or "https://rp.example/in/key" in registered.instructions
        assert bench.secret not in registered.instructions
        assert bench.secret not in repr(registered)
        assert (await bench.tracker.webhook_state(registered)).state is registered.state
