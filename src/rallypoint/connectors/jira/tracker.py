"""Jira issues as a tracker, Cloud and Data Center alike; which one answers is found out.

Writes are blind, for the interface has no conditional write: the caller reads, writes and reads back, and the history
tells what was replaced, by whom, and by which operation of ours. A status is reached by the steps of the workflow.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from rallypoint.connectors.calling import Way
from rallypoint.connectors.jira import changes as following
from rallypoint.connectors.jira import comments as said
from rallypoint.connectors.jira import files, finding, history, hook, hooks, panel, places
from rallypoint.connectors.jira import relations as ties
from rallypoint.connectors.jira.api import Api, no_interface
from rallypoint.connectors.jira.oauth import Credentials
from rallypoint.connectors.jira.shape import STATUS, Shape, discover, steps
from rallypoint.connectors.jira.values import at, inward, outward, person
from rallypoint.sync.attachments import ATTACHMENTS
from rallypoint.sync.comments import COMMENTS
from rallypoint.sync.model import (
    TAGS,
    Capabilities,
    FieldKind,
    Gone,
    GoneReason,
    Markup,
    Person,
    Project,
    Relation,
    RemoteField,
    RemoteItem,
    Schema,
    Transition,
    Value,
    Visibility,
)
from rallypoint.sync.ports import (
    Changes,
    Checked,
    CommentDraft,
    Created,
    Draft,
    Listing,
    MappingBroken,
    Panel,
    RateNote,
    Stale,
    Upload,
    ValidationFailed,
    Webhook,
    WebhookHint,
    WorkflowRefused,
    Written,
)
from rallypoint.sync.tools import Wallet

SHAPE_LASTS = timedelta(minutes=10)
HISTORY_MOST = 500
HISTORY_PAGE = 100
KEY_LONGEST = 200
TOLD_BY = {COMMENTS: "comment", ATTACHMENTS: "attachment", "relations": "issuelinks"}
KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*-\d+")
IN_ADDRESS = re.compile(r"/browse/([A-Za-z][A-Za-z0-9_]*-\d+)")
ONLY_BY_STEPS = "A status is reached by the steps of the workflow, not by writing it."


class JiraTracker:
    """One account at one site; `project` (key or id) limits it to one project.

    `role` is the project role whose members read private comments outside of service desks. `now` is our clock.
    """

    def __init__(
        self,
        way: Way,
        *,
        base_url: str,
        credentials: Credentials,
        now: Callable[[], datetime],
        project: str = "",
        role: str = "",
        wallet: Wallet | None = None,
    ) -> None:
        self._api, self._way, self._now = Api(way, base_url, credentials, now, wallet), way, now
        self._project, self._role = project, role
        self._shapes: dict[tuple[str, str], Shape] = {}
        self._places: dict[str, tuple[str, str, bool]] = {}
        self._desks: set[str] = set()
        self._learned: dict[tuple[str, str], dict[tuple[str, str], Transition]] = {}

    @property
    def capabilities(self) -> Capabilities:
        """Lengths, markups and whether comments can be private, of the types that were asked for so far."""
        fields = {one.id: one for shape in self._shapes.values() for one in shape.schema.fields}
        return Capabilities(
            push=True,
            history=True,
            private_comments=self._private_able,
            public_comments=True,
            edit_comments=True,
            delete_comments=True,
            transitions=True,
            provenance=True,
            attachments=True,
            private_files=bool(self._desks),
            relations=True,
            relation_writes=ties.WRITABLE,
            time_grain_seconds=0.001,
            max_attachment_bytes=files.BYTES_MOST,
            max_comment_length=said.LONGEST,
            max_lengths={one.id: one.max_length for one in fields.values() if one.max_length is not None},
            markups={one.id: one.markup for one in fields.values() if one.kind is FieldKind.RICH_TEXT},
            comment_markup=Markup.ADF if self._api.cloud else Markup.WIKI,
        )

    @property
    def _private_able(self) -> bool:
        return bool(self._desks or self._role)

    def rate_notes(self) -> tuple[RateNote, ...]:
        return self._api.rate_notes()

    async def close(self) -> None:
        """Nothing is kept open: the way out belongs to the house."""

    # What is there.

    async def check(self) -> Checked:
        return await places.check(self._api, self._project)

    async def projects(self) -> tuple[Project, ...]:
        return await places.projects(self._api, self._project)

    async def describe(self, project: str, type: str) -> Schema:
        """Always asked anew; with the steps of the workflow that were seen so far."""
        shape = await self._shape(project, type, fresh=True)
        learned = self._learned.setdefault((shape.schema.project, type), {})
        learned.update({(one.source, one.id): one for one in shape.schema.transitions})
        return replace(shape.schema, transitions=tuple(learned.values()))

    async def _shape(self, project: str, type: str, *, fresh: bool = False) -> Shape:
        found = self._shapes.get((project, type))
        if fresh or found is None or self._now() - found.at >= SHAPE_LASTS:
            found = await discover(self._api, await self._api.edition(), project, type, self._now())
            self._shapes[(found.schema.project, type)] = found
            if found.desk:
                self._desks.add(found.schema.project)
        return found

    # Changes.

    async def list_changes(self, cursor: str | None) -> Changes:
        return await following.begin(self._api) if cursor is None else await following.following(
            self._api, self._project, cursor
        )  # fmt: skip

    async def list_items(self, project: str, type: str, since: datetime | None, cursor: str | None) -> Listing:
        shape = await self._shape(project, type)
        return await following.listing(self._api, shape.schema.project, shape.type_id, since, cursor)

    # Reading.

    async def read(self, remote_id: str) -> RemoteItem | Gone:
        """By id; by key or address only until the id is known."""
        row = await self._row(_asked(remote_id))
        if row is None:
            return Gone(reason=GoneReason.UNREADABLE, detail="It was deleted, or our account may not see it.")
        raw, id = row["fields"], str(row["id"])
        shape = await self._shape_of(id, raw)
        # A field that the site hides from us is not told: nothing is concluded about what it holds.
        untold = frozenset(name for name, field in TOLD_BY.items() if field not in raw)
        comments, rows = await asyncio.gather(
            said.read(self._api, id, raw.get("comment") or {}, desk=shape.desk, private_able=self._private_able),
            self._log(id, row.get("changelog") or {}),
        )
        fields = {one.id: inward(one, raw[one.id]) for one in shape.schema.fields if one.id in raw and one.id != TAGS}
        labels = raw.get("labels")
        edition = await self._api.edition()
        item = RemoteItem(
            id=id,
            key=str(row.get("key", "")),
            url=f"{edition.site}/browse/{row.get('key', id)}",
            project=shape.schema.project,
            type=shape.schema.type,
            fields=fields,
            unreadable=untold | frozenset(one.id for one in shape.schema.fields if one.id not in (*fields, TAGS)),
            changed_at=at(raw.get("updated")),
            changed_by=_last(rows),
            history=history.changes(shape, rows, fields, _people(raw, rows)),
            comments=comments[0],
            comments_complete=comments[1] and COMMENTS not in untold,
            attachments=tuple(files.shown(one) for one in raw.get("attachment") or () if isinstance(one, dict)),
            tags=tuple(sorted(str(one) for one in labels)) if isinstance(labels, list) else None,
            relations=ties.read(raw),
            read_at=self._now(),
            skew=self._api.caller.skew.seconds,
        )
        return replace(item, revision=_revision(raw, item))

    async def _row(self, id: str) -> dict[str, Any] | None:
        """None when it is missing or hidden, which look alike."""
        try:
            answer = await self._api.call(
                "GET", f"issue/{id}", query={"fields": "*all", "expand": "changelog"}, item=id
            )
        except Stale:
            return None
        row = answer.data
        if not isinstance(row, dict) or not isinstance(row.get("fields"), dict) or not str(row.get("id", "")).isdigit():
            raise no_interface(answer)
        return row

    async def _shape_of(self, id: str, raw: Mapping[str, Any]) -> Shape:
        place, type = raw.get("project") or {}, raw.get("issuetype") or {}
        shape = await self._shape(str(place.get("id", "")), str(type.get("name", "")))
        self._places[id] = (shape.schema.project, shape.schema.type, shape.desk)
        return shape

    async def _log(self, id: str, embedded: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The newest changes: those the issue itself told, if these are all."""
        rows = [one for one in embedded.get("histories") or () if isinstance(one, dict)]
        total = int(embedded.get("total") or len(rows))
        if len(rows) >= min(total, HISTORY_MOST) or not (await self._api.edition()).cloud:
            return rows
        found: list[dict[str, Any]] = []
        for start in range(max(0, total - HISTORY_MOST), total, HISTORY_PAGE):
            asked = {"startAt": str(start), "maxResults": str(HISTORY_PAGE)}
            page = await self._api.get(f"issue/{id}/changelog", asked)
            found += [one for one in page.get("values") or () if isinstance(one, dict)]
        known = {str(one.get("id")) for one in found}
        return found + [one for one in rows if str(one.get("id")) not in known]

    # Writing.

    async def find(self, natural_key: str) -> str | None:
        """Among the newest issues our account made: a property of theirs has the key. The search index is behind."""
        return await finding.find(self._api, self._project, natural_key)

    async def create(self, draft: Draft, op: str) -> Created:
        """An issue begins where its workflow begins; a status is reached afterwards."""
        if not draft.natural_key or len(draft.natural_key) > KEY_LONGEST:
            raise ValidationFailed(f"The key of a new issue must have 1 to {KEY_LONGEST} characters.")
        shape = await self._shape(draft.project, draft.type)
        given = {**draft.fields, **({TAGS: draft.tags} if draft.tags else {})}
        given.pop(STATUS, None)
        fields = await self._sent(shape, given)
        fields = {name: value for name, value in fields.items() if value not in (None, [])}
        fields |= {"project": {"id": shape.schema.project}, "issuetype": {"id": shape.type_id}}
        mark = finding.mark(draft.natural_key, draft.url, op)
        answer = await self._api.call("POST", "issue", body={"fields": fields, "properties": [mark]})
        if not isinstance(answer.data, dict) or not str(answer.data.get("id", "")).isdigit():
            raise no_interface(answer)
        id, key = str(answer.data["id"]), str(answer.data.get("key", ""))
        self._places[id] = (shape.schema.project, shape.schema.type, shape.desk)
        return Created(remote_id=id, key=key, url=f"{(await self._api.edition()).site}/browse/{key or id}")

    async def write(self, remote_id: str, changes: Mapping[str, Value], base_revision: str, op: str) -> Written:
        """All or nothing, over whatever is there by now."""
        _demand_id(remote_id)
        if STATUS in changes:
            raise ValidationFailed(ONLY_BY_STEPS, fields={STATUS: ONLY_BY_STEPS})
        fields = await self._sent(await self._shape_at(remote_id), changes)
        body = {"fields": fields, "historyMetadata": _metadata(op)}
        await self._api.call("PUT", f"issue/{remote_id}", body=body, item=remote_id)
        return Written()

    async def _shape_at(self, remote_id: str) -> Shape:
        known = self._places.get(remote_id)
        if known is None:
            asked = {"fields": "project,issuetype"}
            row = (await self._api.call("GET", f"issue/{remote_id}", query=asked, item=remote_id)).data
            return await self._shape_of(remote_id, row.get("fields") or {})
        return await self._shape(known[0], known[1])

    async def _sent(self, shape: Shape, changes: Mapping[str, Value]) -> dict[str, Any]:
        """What to send. MappingBroken for a field or a choice that is no more, by a fresh look."""
        try:
            return await self._values(shape, changes)
        except MappingBroken:
            fresh = await self._shape(shape.schema.project, shape.schema.type, fresh=True)
            return await self._values(fresh, changes)

    async def _values(
        self, shape: Shape, changes: Mapping[str, Value], steps: Transition | None = None
    ) -> dict[str, Any]:
        cloud = (await self._api.edition()).cloud
        asked = {one.id: one for one in steps.required} if steps else {}
        sent: dict[str, Any] = {}
        for name, value in changes.items():
            field = asked.get(name) or shape.field(name)
            if field is None or (not field.writable and steps is None):
                help = "Choose another field in the mapping, or put this one on the edit screen."
                said = f"{shape.schema.type} in {shape.project_key} has no field {name} that can be written."
                raise MappingBroken(said, field=name, help=help)
            if isinstance(value, Person):
                value = await self._somebody(field, value, shape)
            made = outward(field, value, cloud=cloud)
            _demand_choice(field, made)
            _demand_length(field, value)
            sent["labels" if name == TAGS else name] = made
        return sent

    async def _somebody(self, field: RemoteField, who: Person, shape: Shape) -> Person:
        """Whom Jira knows under this mail or name; who has an id is believed."""
        if who.remote_id or not (who.email or who.name):
            return who
        wanted = who.email or who.name
        known = [one for one in shape.schema.people if wanted.casefold() in (one.email.casefold(), one.name.casefold())]
        if not known:
            words = "query" if (await self._api.edition()).cloud else "username"
            rows = await self._api.get("user/search", {words: wanted, "maxResults": "2"})
            known = [found for one in rows if (found := person(one)) is not None and one.get("active", True)]
        return known[0] if len(known) == 1 else who

    async def transitions(self, remote_id: str) -> tuple[Transition, ...]:
        _demand_id(remote_id)
        asked = {"fields": "status,project,issuetype"}
        row = (await self._api.call("GET", f"issue/{remote_id}", query=asked, item=remote_id)).data
        fields = row.get("fields") or {}
        found = await steps(self._api, remote_id, str((fields.get("status") or {}).get("id", "")))
        place, type = fields.get("project") or {}, fields.get("issuetype") or {}
        learned = self._learned.setdefault((str(place.get("id", "")), str(type.get("name", ""))), {})
        learned.update({(one.source, one.id): one for one in found})
        return found

    async def transition(
        self, remote_id: str, transition: Transition, fields: Mapping[str, Value], base_revision: str, op: str
    ) -> Written:
        _demand_id(remote_id)
        body: dict[str, Any] = {"transition": {"id": transition.id}, "historyMetadata": _metadata(op)}
        if fields:
            body["fields"] = await self._values(await self._shape_at(remote_id), fields, transition)
        try:
            await self._api.call("POST", f"issue/{remote_id}/transitions", body=body, item=remote_id)
        except ValidationFailed as no:
            demanded = {one.id for one in transition.required}
            missing = tuple(name for name in no.fields if name in demanded or "required" in no.fields[name].lower())
            help = (
                "Let the mapping fill these fields with this status."
                if missing
                else "The workflow does not allow it now."
            )
            raise WorkflowRefused(no.said, missing=missing, help=help, exchange=no.exchange) from no
        return Written()

    # Comments.

    async def comment(self, remote_id: str, draft: CommentDraft, op: str) -> str:
        _demand_id(remote_id)
        shape = await self._shape_at(remote_id)
        cloud = (await self._api.edition()).cloud
        body = said.written(draft, op, cloud=cloud, desk=shape.desk, role=self._role)
        answer = await self._api.call("POST", f"issue/{remote_id}/comment", body=body, item=remote_id)
        if not isinstance(answer.data, dict) or not answer.data.get("id"):
            raise no_interface(answer)
        return str(answer.data["id"])

    async def edit_comment(self, remote_id: str, comment_id: str, draft: CommentDraft, op: str) -> None:
        _demand_id(remote_id)
        _demand_id(comment_id)
        shape = await self._shape_at(remote_id)
        cloud = (await self._api.edition()).cloud
        body = said.corrected(draft, cloud=cloud, desk=shape.desk, role=self._role)
        await self._api.call("PUT", f"issue/{remote_id}/comment/{comment_id}", body=body, item=remote_id)

    async def delete_comment(self, remote_id: str, comment_id: str, op: str) -> None:
        """Well also when it is gone already."""
        _demand_id(remote_id)
        _demand_id(comment_id)
        try:
            await self._api.call("DELETE", f"issue/{remote_id}/comment/{comment_id}", item=remote_id)
        except Stale:
            pass

    # Files.

    async def attach(self, remote_id: str, upload: Upload, op: str) -> str:
        """In a service desk for agents: a customer sees a file when a comment shows it."""
        _demand_id(remote_id)
        shape = await self._shape_at(remote_id)
        if self._desks and not shape.desk and upload.visibility is not Visibility.PUBLIC:
            raise ValidationFailed(
                "Everybody who sees this issue would see the file; in a service desk, agents alone do."
            )
        return await files.send(self._api, remote_id, upload)

    async def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        _demand_id(attachment_id)
        async for chunk in files.fetch(self._api, self._way, attachment_id):
            yield chunk

    # Relations.

    async def relate(self, remote_id: str, relation: Relation, op: str) -> None:
        _demand_id(remote_id)
        _demand_id(relation.remote_id)
        await ties.relate(self._api, remote_id, relation)

    async def unrelate(self, remote_id: str, relation: Relation, op: str) -> None:
        _demand_id(remote_id)
        _demand_id(relation.remote_id)
        await ties.unrelate(self._api, remote_id, relation)

    # The panel.

    async def show_panel(self, remote_id: str, shown: Panel) -> None:
        """One remote link, rewritten in place by its global id."""
        _demand_id(remote_id)
        await panel.show(self._api, remote_id, shown)

    # Webhooks.

    async def register_webhook(self, url: str, secret: str) -> Webhook:
        """Ours are renewed: an application's for thirty days, an administrator's for good."""
        return await hooks.register(self._api, url, secret, project=self._project)

    async def webhook_state(self, webhook: Webhook) -> Webhook:
        return await hooks.state(self._api, webhook, self._now())

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
        return hook.verify(raw, headers, secret, self._api.entrance.client)


def _metadata(op: str) -> dict[str, Any]:
    """Kept with the change in the history, and shown there."""
    return {
        "type": "rallypoint:sync",
        "description": "by Rallypoint",
        "generator": {"id": op[:255], "type": "rallypoint"},
    }


def _demand_choice(field: RemoteField, made: Any) -> None:
    """A choice that is no more: by a fresh look the mapping is broken."""
    if field.kind is not FieldKind.CHOICE or made is None or not field.choices:
        return
    if all(one.id != made["id"] for one in field.choices):
        said = f"{field.name} has no value {made['id']!r} any more."
        raise MappingBroken(said, field=field.id, help="Choose another value in the mapping.")


def _demand_length(field: RemoteField, value: Value) -> None:
    if field.kind is FieldKind.RICH_TEXT and isinstance(value, str) and len(value) > (field.max_length or len(value)):
        why = f"has {len(value)} characters; Jira keeps {field.max_length}"
        raise ValidationFailed(f"{field.name} {why}.", fields={field.id: why})


def _last(rows: list[dict[str, Any]]) -> Person | None:
    """Who made the newest change."""
    newest = max(rows, key=lambda one: str(one.get("created")), default=None)
    return person(newest.get("author")) if newest else None


def _people(raw: Mapping[str, Any], rows: list[dict[str, Any]]) -> dict[str, Person]:
    """Everybody the issue names, by each of their ids: the history of Data Center knows people by a key."""
    named = [value for value in raw.values() if isinstance(value, dict)] + [one.get("author") or {} for one in rows]
    found: dict[str, Person] = {}
    for one in named:
        who = person(one)
        if who is not None and ("accountId" in one or "displayName" in one):
            found |= {str(one[name]): who for name in ("key", "name", "accountId") if one.get(name)}
    return found


def _revision(raw: Mapping[str, Any], item: RemoteItem) -> str:
    """When it was last saved, and a digest of what was read: two saves may fall into one instant."""
    seen = json.dumps(
        [raw.get("updated"), len(item.history), {name: repr(value) for name, value in item.fields.items()}, item.tags,
         [(one.id, one.body, one.visibility) for one in item.comments], [one.id for one in item.attachments],
         [repr(one) for one in item.relations]],
        sort_keys=True,
    )  # fmt: skip
    moment = at(raw.get("updated"))
    stamp = str(int(moment.timestamp() * 1000)) if moment else "0"
    return f"{stamp}-{hashlib.sha256(seen.encode()).hexdigest()[:12]}"


def _asked(said: str) -> str:
    """The id or key in what a person gave: an address will do, too."""
    found = IN_ADDRESS.search(said)
    key = (found[1] if found else said).strip()
    if KEY.fullmatch(key):
        return key.upper()
    _demand_id(key)
    return key


def _demand_id(text: str) -> None:
    """Ids become part of addresses, so they are nothing else than ids."""
    if not hook.ID.fullmatch(text):
        raise ValidationFailed(f"{text[:40]!r} is no id of Jira.")
