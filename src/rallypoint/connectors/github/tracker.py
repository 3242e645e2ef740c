"""GitHub Issues as a tracker.

Nothing there can be written under a condition: what was written is read back, and the history tells what it replaced.
Our key of an issue, the operation of a comment and our panel are marks that GitHub keeps and does not show.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from rallypoint.connectors.calling import Answer, Way
from rallypoint.connectors.github import changes as following
from rallypoint.connectors.github import hook, marks
from rallypoint.connectors.github.api import VERSION, Api, Row, at, no_interface, row_of
from rallypoint.connectors.github.history import history_of, last_actor
from rallypoint.connectors.github.places import Places
from rallypoint.connectors.github.registering import Registrar
from rallypoint.connectors.github.shape import (
    BODY,
    ROOM_FOR_MARKS,
    STATE,
    TEXT_LONGEST,
    TYPE,
    Place,
    fields_of,
    labels_of,
    left_out,
    outward,
    page_of,
    person,
)
from rallypoint.connectors.tracking import clock_findings, refused
from rallypoint.sync.model import (
    TAGS,
    Capabilities,
    Gone,
    GoneReason,
    Markup,
    Person,
    Project,
    Relation,
    RelationKind,
    RemoteComment,
    RemoteItem,
    Schema,
    Transition,
    Value,
    Visibility,
)
from rallypoint.sync.ports import (
    AuthFailed,
    Changes,
    Checked,
    CommentDraft,
    Created,
    Draft,
    Finding,
    Level,
    Listing,
    MappingBroken,
    Panel,
    PermissionDenied,
    RateNote,
    TrackerError,
    Upload,
    ValidationFailed,
    Webhook,
    WebhookHint,
    Written,
)

REPOSITORIES_MOST = 20
EXPIRES_SOON = timedelta(days=14)
PAGES_MOST = 30
"""Of comments, events and sub-issues that one read takes."""

FIND_PAGES = 5
KEY_LONGEST = 100
COMMENT_LONGEST = TEXT_LONGEST - ROOM_FOR_MARKS
REPOSITORY = re.compile(r"[A-Za-z0-9-]{1,100}/[A-Za-z0-9._-]{1,100}")
ID = re.compile(r"([1-9]\d{0,17})/([1-9]\d{0,8})")
COMMENT = re.compile(r"[1-9]\d{0,17}")
TYPED = re.compile(r"(?:https?://[^/\s]+/)?(?P<place>[\w.-]+/[\w.-]+)?(?:/issues/|#)?(?P<number>[1-9]\d{0,8})(?:#.*)?")


def repository_names(text: str) -> tuple[str, ...] | None:
    """Repositories that somebody wrote, with commas or blanks between them; None when one of them is none."""
    names = [one.removesuffix(".git").strip("/") for one in re.split(r"[,\s]+", text) if one]
    names = [re.sub(r"^https?://[^/]+/", "", one) for one in names]
    return tuple(dict.fromkeys(names)) if all(REPOSITORY.fullmatch(one) for one in names) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """The comments of an issue, our panels among them set apart."""

    comments: tuple[RemoteComment, ...]
    complete: bool
    panels: tuple[tuple[str, str, str], ...]
    """(id, path of the incident, text)"""


class GitHubTracker:
    """One account at one host, and some of its repositories, by owner/name. `now` is our clock."""

    def __init__(
        self, way: Way, *, base_url: str, token: str, repositories: Sequence[str], now: Callable[[], datetime]
    ) -> None:
        self._api, self._now = Api(way, base_url, token, now), now
        self._places, self._registrar = Places(self._api, repositories, now), Registrar(self._api)
        self._identity: Person | None = None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            push=True,
            history=True,
            private_comments=False,
            public_comments=True,
            edit_comments=True,
            delete_comments=True,
            provenance=True,
            relations=True,
            relation_writes=frozenset({RelationKind.PARENT, RelationKind.CHILD}),
            time_grain_seconds=1.0,
            max_comment_length=COMMENT_LONGEST,
            max_lengths={
                one.id: one.max_length
                for shape in self._places.shapes.values()
                for one in shape.schema.fields
                if one.max_length is not None
            },
            markups={BODY: Markup.MARKDOWN},
            comment_markup=Markup.MARKDOWN,
        )

    def rate_notes(self) -> tuple[RateNote, ...]:
        return self._api.rate_notes()

    async def close(self) -> None:
        """Nothing is kept open: the way out belongs to the house."""

    # What is there.

    async def check(self) -> Checked:
        """Who we are, whether the repositories are there, and whether their issues can be written."""
        try:
            identity = await self._me(fresh=True)
        except AuthFailed as no:
            return self._checked((refused("credentials", no),))
        except TrackerError as no:
            return self._checked((refused("address", no),))
        findings = [Finding(level=Level.OK, about="identity", text=f"Signed in as {identity.name}.")]
        for name in self._places.names:
            try:
                place = await self._places.named(name, fresh=True)
                findings += _about(place)
                if not any(one.level is Level.ERROR for one in findings):
                    findings.append(Finding(level=Level.OK, about="permission", text=await self._may_write(place)))
            except TrackerError as no:
                findings.append(refused("permission" if isinstance(no, PermissionDenied) else "repository", no))
        findings += self._expiry() + clock_findings("host", self._api.caller.skew.seconds)
        return replace(self._checked(tuple(findings)), identity=identity)

    def _checked(self, findings: tuple[Finding, ...]) -> Checked:
        server = self._api.version
        version = f"{VERSION}, server {server}" if server else VERSION
        return Checked(findings=findings, version=version, skew_seconds=self._api.caller.skew.seconds)

    async def _me(self, *, fresh: bool = False) -> Person:
        """Our own account. Public repositories answer strangers too, so it is asked for by name."""
        if fresh or self._identity is None:
            answer = await self._api.call("GET", "/user")
            found = person(answer.data)
            if found is None:
                raise no_interface(answer)
            self._identity = found
        return self._identity

    async def _may_write(self, place: Place) -> str:
        """Asked with an issue without a title, which is refused for that only after the right to make one is looked at:
        what a repository says of an account's rights says nothing of its token's."""
        try:
            await self._api.call("POST", f"{place.path}/issues", body={"title": ""})
        except ValidationFailed:
            pass
        return f"Issues of {place.name} can be written."

    def _expiry(self) -> list[Finding]:
        ends = self._api.expires
        if ends is None or ends - self._api.their_time() > EXPIRES_SOON:
            return []
        text = f"The token runs out on {ends:%d %B %Y}."
        return [Finding(level=Level.WARNING, about="credentials", text=text, help="Make a new one before that.")]

    async def projects(self) -> tuple[Project, ...]:
        places = await self._places.all()
        return tuple(
            Project(id=one.name, name=str(one.row.get("full_name") or one.name), types=(TYPE,)) for one in places
        )

    async def describe(self, project: str, type: str) -> Schema:
        """Always asked anew. MappingBroken for a repository that is not this connection's."""
        return (await self._places.shape(await self._places.chosen(project, type, fresh=True), fresh=True)).schema

    # Changes.

    async def list_changes(self, cursor: str | None) -> Changes:
        places = await self._places.readable()
        if cursor is None:
            return Changes(hints=(), cursor=following.beginning(places, self._api.their_time()))
        return await following.changes(self._api, places, cursor)

    async def list_items(self, project: str, type: str, since: datetime | None, cursor: str | None) -> Listing:
        return await following.listing(self._api, await self._places.chosen(project, type), since, cursor)

    # Reading.

    async def read(self, remote_id: str) -> RemoteItem | Gone:
        """The issue first, then what belongs to it: what is added meanwhile comes with a later revision. What people
        write for an issue, like owner/name#12, is read as well; the item has its lasting id."""
        if not ID.fullmatch(remote_id):
            remote_id = await self._typed(remote_id)
        answer = await self._api.send("GET", _path(remote_id))
        gone = await self._gone(answer)
        if gone is not None:
            return gone
        self._api.judge(answer)
        row = row_of(answer)
        if str(row.get("number")) != remote_id.partition("/")[2]:
            raise no_interface(answer)
        if "pull_request" in row:
            return Gone(reason=GoneReason.UNREADABLE, detail="It is a pull request, not an issue.")
        place = await self._places.of(int(_demand_id(remote_id)[0]))
        shape, said, (rows, _), relations = await asyncio.gather(
            self._places.shape(place),
            self._said(remote_id),
            self._api.all(f"{_path(remote_id)}/events", most=PAGES_MOST),
            self._relations(place, remote_id, row),
        )
        name = urlsplit(str(row.get("repository_url", ""))).path.partition("/repos/")[2] or place.name
        updated = at(row.get("updated_at"))
        fields, labels = fields_of(row), labels_of(row)
        return RemoteItem(
            id=remote_id,
            key=f"{name}#{row['number']}",
            url=page_of(row),
            project=place.name,
            type=TYPE,
            revision=_revision(row, said.comments, relations),
            fields=fields,
            changed_at=updated,
            changed_by=last_actor(rows, (), updated),
            history=history_of(rows, row, shape),
            comments=said.comments,
            comments_complete=said.complete,
            tags=labels,
            relations=relations,
            read_at=self._now(),
            skew=self._api.caller.skew.seconds,
        )

    async def _typed(self, text: str) -> str:
        found = TYPED.fullmatch(text.strip())
        name = (found["place"] or "") if found else ""
        if found is None or (not name and len(self._places.names) != 1):
            raise ValidationFailed(
                f"{text[:60]!r} is no issue of GitHub.",
                help=f"Write it like {self._places.names[0]}#12, or paste its address.",
            )
        place = await self._places.named(name or self._places.names[0])
        return f"{place.id}/{found['number']}"

    async def _gone(self, answer: Answer) -> Gone | None:
        """What a read that found nothing means. Only their own word makes it a deletion: hidden looks like missing."""
        if answer.data is None:
            return None
        said = str(answer.data.get("message", "")) if isinstance(answer.data, dict) else ""
        match answer.status:
            case 404:
                return Gone(reason=GoneReason.UNREADABLE, detail="It does not exist, or our token may not see it.")
            case 410 if "deleted" in said.lower():
                return Gone(reason=GoneReason.DELETED, detail=said)
            case 410:
                return Gone(reason=GoneReason.UNREADABLE, detail=said)
            case 301 | 302 | 307 | 308:
                to = await self._places.canonical(answer.headers.get("location", ""))
                reason = GoneReason.MOVED if to else GoneReason.UNREADABLE
                return Gone(reason=reason, moved_to=to, detail="It was moved to another repository.")
        return None

    async def _said(self, remote_id: str) -> _Said:
        rows, complete = await self._api.all(f"{_path(remote_id)}/comments", most=PAGES_MOST)
        me = (await self._me()).remote_id
        comments: list[RemoteComment] = []
        panels: list[tuple[str, str, str]] = []
        for row in rows:
            author, body = person(row.get("user")), str(row.get("body") or "")
            ours = author is not None and author.remote_id == me
            path = marks.panel_of(body) if ours else ""
            if path:
                panels.append((str(row["id"]), path, body))
            else:
                comments.append(_comment(row, author, *(marks.op_of(body) if ours else (body, ""))))
        return _Said(comments=tuple(comments), complete=complete, panels=tuple(panels))

    async def _relations(self, place: Place, remote_id: str, row: Row) -> tuple[Relation, ...]:
        found: list[Relation] = []
        if row.get("parent_issue_url"):
            found.append(
                Relation(kind=RelationKind.PARENT, remote_id=await self._places.near(place, row["parent_issue_url"]))
            )
        if (row.get("sub_issues_summary") or {}).get("total"):
            children, _ = await self._api.all(f"{_path(remote_id)}/sub_issues", most=PAGES_MOST)
            for one in children:
                to = await self._places.near(place, one.get("url"))
                found.append(Relation(kind=RelationKind.CHILD, remote_id=to, title=str(one.get("title") or "")))
        return tuple(one for one in found if one.remote_id)

    # Writing.

    async def find(self, natural_key: str) -> str | None:
        """Among the newest issues our account made: the mark in their text carries the key."""
        if not natural_key:
            return None
        asked = {"creator": (await self._me()).name, "state": "all", "sort": "created", "direction": "desc"}
        for place in await self._places.readable():
            async for rows, _ in self._api.pages(f"{place.path}/issues", asked, most=FIND_PAGES):
                for one in rows:
                    if "pull_request" not in one and marks.key_of(str(one.get("body") or "")) == natural_key:
                        return f"{place.id}/{one['number']}"
        return None

    async def create(self, draft: Draft, op: str) -> Created:
        """Issues begin open: another state is reached afterwards."""
        if not draft.natural_key or len(draft.natural_key) > KEY_LONGEST:
            raise ValidationFailed(f"The key of a new item must have 1 to {KEY_LONGEST} characters.")
        place = await self._places.chosen(draft.project, draft.type)
        given = {**draft.fields, **({TAGS: draft.tags} if draft.tags else {})}
        given.pop(STATE, None)
        sent = {name: value for name, value in (await self._sent(place, given)).items() if value not in (None, [])}
        sent[BODY] = marks.joined(str(sent.get(BODY) or ""), marks.item(draft.natural_key))
        answer = await self._api.call("POST", f"{place.path}/issues", body=sent)
        row = row_of(answer)
        if not isinstance(row.get("number"), int):
            raise no_interface(answer)
        remote_id = f"{place.id}/{row['number']}"
        key = f"{place.row.get('full_name', place.name)}#{row['number']}"
        return Created(remote_id=remote_id, key=key, url=page_of(row), revision=_revision(row, (), ()))

    async def write(self, remote_id: str, changes: Mapping[str, Value], base_revision: str, op: str) -> Written:
        """Whatever the issue holds by now. What GitHub leaves out without a word is a missing permission."""
        _demand_id(remote_id)
        sent = await self._sent(await self._places.of(int(_demand_id(remote_id)[0])), changes)
        if BODY in sent:
            before = await self._api.get(_path(remote_id))
            sent[BODY] = marks.with_item_of(str(sent[BODY]), str(before.get("body") or ""))
        answer = await self._api.call("PATCH", _path(remote_id), body=sent)
        row = row_of(answer)
        missing = left_out(sent, row)
        if missing:
            raise PermissionDenied(
                f"GitHub left out {' and '.join(missing)} without a word.",
                help="Give the account the role Triage or Write in the repository; new labels need Write.",
                exchange=answer.exchange,
            )
        return Written()

    async def _sent(self, place: Place, changes: Mapping[str, Value]) -> dict[str, Any]:
        """What to send. MappingBroken for a field or a choice that is no more, by a fresh look."""
        try:
            return outward(await self._places.shape(place), changes)
        except (MappingBroken, ValidationFailed):
            return outward(await self._places.shape(place, fresh=True), changes)

    async def transitions(self, remote_id: str) -> tuple[Transition, ...]:
        """None: every state can be written from every other."""
        return ()

    async def transition(
        self, remote_id: str, transition: Transition, fields: Mapping[str, Value], base_revision: str, op: str
    ) -> Written:
        raise ValidationFailed("GitHub has no transitions: write the field state.")

    async def relate(self, remote_id: str, relation: Relation, op: str) -> None:
        """A sub-issue has one parent: where it has another by now, that one stays."""
        parent, child = _family(remote_id, relation)
        row = await self._api.get(_path(child))
        above = await self._places.near(await self._places.of(int(_demand_id(child)[0])), row.get("parent_issue_url"))
        if above == parent:
            return
        if above:
            raise ValidationFailed("The issue has another parent already.", help="Take it from that one first.")
        await self._api.call("POST", f"{_path(parent)}/sub_issues", body={"sub_issue_id": row.get("id")})

    async def unrelate(self, remote_id: str, relation: Relation, op: str) -> None:
        parent, child = _family(remote_id, relation)
        row = await self._api.get(_path(child))
        above = await self._places.near(await self._places.of(int(_demand_id(child)[0])), row.get("parent_issue_url"))
        if above == parent:
            await self._api.call("DELETE", f"{_path(parent)}/sub_issue", body={"sub_issue_id": row.get("id")})

    # Comments.

    async def comment(self, remote_id: str, draft: CommentDraft, op: str) -> str:
        """Everybody who sees the issue sees its comments, so only a public one is written."""
        body = _demand_comment(remote_id, draft)
        answer = await self._api.call("POST", f"{_path(remote_id)}/comments", body={"body": marks.with_op(body, op)})
        row = row_of(answer)
        if not isinstance(row.get("id"), int):
            raise no_interface(answer)
        return str(row["id"])

    async def edit_comment(self, remote_id: str, comment_id: str, draft: CommentDraft, op: str) -> None:
        body = _demand_comment(remote_id, draft)
        where = _comment_path(remote_id, comment_id)
        await self._api.call("PATCH", where, body={"body": marks.with_op(body, op)})

    async def delete_comment(self, remote_id: str, comment_id: str, op: str) -> None:
        """Well also when it is gone already."""
        answer = await self._api.send("DELETE", _comment_path(remote_id, comment_id))
        if answer.status not in (404, 410) or answer.data is None:
            self._api.judge(answer)

    # Files.

    async def attach(self, remote_id: str, upload: Upload, op: str) -> str:
        raise ValidationFailed("GitHub takes no files over its interface: they stay here.")

    async def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        raise ValidationFailed("GitHub gives no files over its interface.")
        yield b""

    # The panel.

    async def show_panel(self, remote_id: str, panel: Panel) -> None:
        """A comment of ours with the way to the incident, rewritten in place; it is not read back as a comment. The
        issue's own text is not touched for it, for somebody may be at it."""
        _demand_id(remote_id)
        wanted, path = marks.panel(panel), urlsplit(panel.url).path
        mine = [one for one in (await self._said(remote_id)).panels if one[1] == path]
        if not mine:
            await self._api.call("POST", f"{_path(remote_id)}/comments", body={"body": wanted})
        elif mine[0][2].replace("\r\n", "\n") != wanted:
            await self._api.call("PATCH", _comment_path(remote_id, mine[0][0]), body={"body": wanted})
        for spare in mine[1:]:
            await self.delete_comment(remote_id, spare[0], "")

    # Webhooks.

    async def register_webhook(self, url: str, secret: str) -> Webhook:
        return await self._registrar.register(await self._places.all(), url, secret)

    async def webhook_state(self, webhook: Webhook) -> Webhook:
        return await self._registrar.state(webhook)

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
        return hook.verify(raw, headers, secret)


def _about(place: Place) -> list[Finding]:
    """What a repository says of itself that stands in the way, or that somebody should know."""
    row, found = place.row, list[Finding]()
    if row.get("archived"):
        text = f"{place.name} is archived: it can only be read."
        found.append(Finding(level=Level.ERROR, about="repository", text=text, help="Choose another repository."))
    if not row.get("has_issues", True):
        text = f"Issues are switched off in {place.name}."
        found.append(Finding(level=Level.ERROR, about="repository", text=text, help="Switch them on in its settings."))
    rights = row.get("permissions") or {}
    if not rights.get("push") and not rights.get("triage"):
        text = f"The account has no role in {place.name} with which it may change issues."
        found.append(Finding(level=Level.ERROR, about="permission", text=text, help="Give it the role Write."))
    elif not rights.get("push"):
        text = f"The account cannot make new labels in {place.name}."
        found.append(Finding(level=Level.WARNING, about="permission", text=text, help="Give it the role Write."))
    if not row.get("private", True):
        text = f"{place.name} is public: everybody can read what is written there."
        found.append(Finding(level=Level.WARNING, about="visibility", text=text, help="Map only what may be public."))
    return found or [Finding(level=Level.OK, about="repository", text=f"{place.name} can be seen.")]


def _revision(row: Row, comments: Sequence[RemoteComment], relations: Sequence[Relation]) -> str:
    """Their time has whole seconds, so what was read is in it too."""
    content = {
        "fields": {name: str(value) for name, value in fields_of(row).items()},
        "labels": labels_of(row),
        "comments": [(one.id, one.body, str(one.edited_at)) for one in comments],
        "relations": sorted((one.kind.value, one.remote_id) for one in relations),
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{row.get('updated_at')}.{digest[:16]}"


def _family(remote_id: str, relation: Relation) -> tuple[str, str]:
    """(parent, child)"""
    if relation.kind not in (RelationKind.PARENT, RelationKind.CHILD):
        raise ValidationFailed(f"GitHub knows parents and sub-issues, not {relation.kind.value!r}.")
    is_child = relation.kind is RelationKind.CHILD
    return (remote_id, relation.remote_id) if is_child else (relation.remote_id, remote_id)


def _comment(row: Row, author: Person | None, body: str, op: str) -> RemoteComment:
    created, updated = at(row.get("created_at")), at(row.get("updated_at"))
    return RemoteComment(
        id=str(row["id"]),
        body=body.replace("\r\n", "\n"),
        author=author,
        markup=Markup.MARKDOWN,
        visibility=Visibility.PUBLIC,
        created_at=created,
        edited_at=updated if updated != created else None,
        op=op,
    )


def _demand_comment(remote_id: str, draft: CommentDraft) -> str:
    _demand_id(remote_id)
    if draft.visibility is not Visibility.PUBLIC:
        raise ValidationFailed(
            "GitHub has no private comments: everybody who sees the issue would read this one.",
            help="Only a rule that makes work notes public there can send it.",
        )
    if not draft.body.strip():
        raise ValidationFailed("A comment without text cannot be added.")
    if len(draft.body) > COMMENT_LONGEST:
        raise ValidationFailed(f"The comment has {len(draft.body)} characters; GitHub keeps {COMMENT_LONGEST}.")
    return draft.body.replace("\x00", "")


def _path(remote_id: str) -> str:
    place, number = _demand_id(remote_id)
    return f"/repositories/{place}/issues/{number}"


def _comment_path(remote_id: str, comment_id: str) -> str:
    if not COMMENT.fullmatch(comment_id):
        raise ValidationFailed(f"{comment_id[:40]!r} is no id of a comment there.")
    return f"/repositories/{_demand_id(remote_id)[0]}/issues/comments/{comment_id}"


def _demand_id(text: str) -> tuple[str, str]:
    """(repository, number). Ids become part of addresses, so they are nothing else than ids."""
    found = ID.fullmatch(text)
    if found is None:
        raise ValidationFailed(f"{text[:40]!r} is no id of an issue there.")
    return found[1], found[2]
