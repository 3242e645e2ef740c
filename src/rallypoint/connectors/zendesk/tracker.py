"""Zendesk tickets as a tracker.

Writes are safe updates: refused when the ticket has another time by now. Those times have whole seconds, so a revision
has more in it, which is compared first. Comments are public or private for good; they and files come with an update.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import quote, urlsplit

from rallypoint.connectors.calling import Answer, Caller, Way
from rallypoint.connectors.tracking import Passage, clock_findings, cut, refused, seconds_for
from rallypoint.connectors.zendesk import following, hook, registering, shape
from rallypoint.connectors.zendesk import reading as r
from rallypoint.connectors.zendesk.api import Api, Credentials, no_interface
from rallypoint.connectors.zendesk.people import People
from rallypoint.connectors.zendesk.shape import (
    COMMENT_LONGEST,
    CUSTOM_STATUS,
    DESCRIPTION,
    PROJECT,
    STATUS,
    TYPE,
    Shape,
    discover,
)
from rallypoint.connectors.zendesk.values import at, outward, person, sent_tags, tags
from rallypoint.sync.model import (
    TAGS,
    Capabilities,
    FieldKind,
    Gone,
    GoneReason,
    Markup,
    Project,
    RemoteField,
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
    Listed,
    Listing,
    MappingBroken,
    Outage,
    Panel,
    PermissionDenied,
    RateNote,
    Stale,
    TrackerError,
    Upload,
    ValidationFailed,
    Webhook,
    WebhookHint,
    WorkflowRefused,
    Written,
)
from rallypoint.sync.tools import Wallet

SHAPE_LASTS = timedelta(minutes=10)
AUDITS_MOST = 10_000
COMMENTS_MOST = 5000
DELETED_MOST = 300
FILE_BYTES_MOST = 50 * 1024 * 1024
FILE_NAME_LONGEST = 255
COMMENT_BYTES_MOST = 65_535
KEY_LONGEST = 100
OP_LONGEST = 255
PANEL_LONGEST = 250
HOPS_MOST = 3
TAKEN = "The update was taken, but its answer does not say what was made of it."
ADDRESS = re.compile(r"/tickets/(\d{1,18})(?:\D|$)")
ID = re.compile(r"[1-9]\d{0,17}")
BARE = re.compile(r"<(?!img)[^>]*>|&nbsp;|\s")
PANEL_NOTE = "This ticket is also worked on in Rallypoint: "


class ZendeskTracker:
    """One user at one account. `name` is how our webhook is called there; `now` is our clock.

    `description` says who may read the first comment of a ticket that we make.
    """

    def __init__(
        self,
        way: Way,
        *,
        base_url: str,
        credentials: Credentials,
        now: Callable[[], datetime],
        wallet: Wallet | None = None,
        name: str = "",
        description: Visibility = Visibility.PRIVATE,
    ) -> None:
        self._api, self._way, self._now = Api(way, base_url, credentials, now, wallet), way, now
        self._base_url = base_url.rstrip("/")
        self._name = f"Rallypoint {name}".strip()
        self._public_description = description is Visibility.PUBLIC
        self._shapes: dict[str, Shape] = {}
        self._forms: dict[str, str] = {}
        self._people = People(self._api, now)

    @property
    def capabilities(self) -> Capabilities:
        """Lengths of the forms that were asked for so far."""
        fields = {one.id: one for each in self._shapes.values() for one in each.schema.fields}
        return Capabilities(
            conditional_write=True,
            push=True,
            history=True,
            private_comments=True,
            public_comments=True,
            provenance=True,
            idempotent_create=True,
            attachments=True,
            private_files=True,
            relations=True,
            delete_events=True,
            time_grain_seconds=1.0,
            search_lag_seconds=10.0,  # tickets are listed by their external id, which is no search
            max_attachment_bytes=FILE_BYTES_MOST,
            max_comment_length=COMMENT_LONGEST,
            max_lengths={one.id: one.max_length for one in fields.values() if one.max_length is not None},
            markups={one.id: one.markup for one in fields.values()},
            comment_markup=Markup.HTML,
        )

    def rate_notes(self) -> tuple[RateNote, ...]:
        return self._api.rate_notes()

    async def close(self) -> None:
        """Nothing is kept open: the way out belongs to the house."""

    # What is there.

    async def check(self) -> Checked:
        """Who we are, and whether tickets can be followed and read. Writing is known with the first write."""
        try:
            me = await self._me()
        except AuthFailed as no:
            return self._checked((refused("credentials", no),))
        except TrackerError as no:
            return self._checked((refused("address", no),))
        identity = person(me)
        findings = [Finding(level=Level.OK, about="identity", text=f"Signed in as {identity.name}.")]
        if me.get("role") not in ("agent", "admin"):
            said = f"{identity.name} is no agent, so tickets cannot be worked on."
            findings.append(Finding(level=Level.ERROR, about="permission", text=said, help="Make it an administrator."))
            return replace(self._checked(tuple(findings)), identity=identity)
        for level, work, lost in (
            (Level.ERROR, self._may_follow, "Changes cannot be followed."),
            (Level.ERROR, self._may_read, "Tickets cannot be read."),
            (Level.WARNING, self._sees_deleted, "Deleted tickets count as unreadable."),
            (Level.WARNING, self._may_hook, "The webhook must be made by hand."),
        ):
            try:
                findings.append(Finding(level=Level.OK, about="permission", text=await work()))
            except PermissionDenied as no:
                findings.append(Finding(level=level, about="permission", text=f"{lost} {no.said}", help=no.help))
            except TrackerError as no:
                findings.append(refused("permission", no))
                break
        findings += clock_findings("account", self._api.caller.skew.seconds)
        return replace(self._checked(tuple(findings)), identity=identity)

    def _checked(self, findings: tuple[Finding, ...]) -> Checked:
        return Checked(findings=findings, version="2", skew_seconds=self._api.caller.skew.seconds)

    async def _me(self) -> dict[str, Any]:
        """Our own user. Who is not signed in is answered too, as somebody anonymous without an id."""
        me = await self._api.get("/users/me", "user")
        if not isinstance(me, dict) or not me.get("id"):
            raise AuthFailed("Zendesk takes us for nobody in particular.", help="Give a token that is valid.")
        return me

    async def _may_follow(self) -> str:
        await following.changes(self._api, following.beginning(self._api))
        return "Changes can be followed."

    async def _may_read(self) -> str:
        await self._api.listed("/tickets", "tickets", {"page[size]": "1"}, most=1)
        return "Tickets can be read."

    async def _sees_deleted(self) -> str:
        await self._api.call("GET", "/deleted_tickets", query={"per_page": "1"})
        return "Deleted tickets can be told from hidden ones."

    async def _may_hook(self) -> str:
        await self._api.call("GET", "/webhooks", query={"page[size]": "1"})
        return "A webhook can be made."

    async def projects(self) -> tuple[Project, ...]:
        """One place, with the account's ticket forms as its types where it has several."""
        names = tuple(await shape.forms(self._api)) or (TYPE,)
        return (Project(id=PROJECT, name="Tickets", types=names),)

    async def describe(self, project: str, type: str) -> Schema:
        """Always asked anew."""
        return (await self._shape(project, type, fresh=True)).schema

    async def _shape(self, project: str, type: str, *, fresh: bool = False) -> Shape:
        found = self._shapes.get(type) if project == PROJECT else None
        if fresh or found is None or self._now() - found.at >= SHAPE_LASTS:
            found = await discover(self._api, project, type, self._now())
            self._shapes[type] = found
            if found.form is not None:
                self._forms[str(found.form)] = type
        return found

    async def _type_of(self, row: r.Row) -> str:
        """The form of a ticket by its name; tickets of a form that is not active any more are just tickets."""
        form = str(row.get("ticket_form_id") or "")
        if form and form not in self._forms:
            known = {str(one["id"]): name for name, one in (await shape.forms(self._api)).items()}
            self._forms |= {form: TYPE} | known
        return self._forms.get(form, TYPE)

    # Changes, and what was there before.

    async def list_changes(self, cursor: str | None) -> Changes:
        return await following.changes(self._api, cursor)

    async def list_items(self, project: str, type: str, since: datetime | None, cursor: str | None) -> Listing:
        await self._shape(project, type)
        page = await following.tickets(self._api, since, cursor)
        rows = [one for one in page.rows if await self._type_of(one) == type]
        items = tuple(
            Listed(
                remote_id=str(one["id"]),
                key=f"#{one['id']}",
                title=str(one.get("subject") or ""),
                url=self._url(str(one["id"])),
                changed_at=at(one.get("updated_at")),
            )
            for one in rows
        )
        return Listing(items=items, cursor=page.cursor, more=page.more)

    # Reading.

    async def read(self, remote_id: str) -> RemoteItem | Gone:
        """The audits first: what is changed after them comes with a later revision."""
        remote_id = _id_of(remote_id)
        found = await self._api.perhaps(f"/tickets/{remote_id}/audits", "audits", most=AUDITS_MOST)
        if found is None:
            return await self._gone(remote_id)
        audits = found[0]
        row, said = await asyncio.gather(
            self._row(remote_id),
            self._api.perhaps(f"/tickets/{remote_id}/comments", "comments", most=COMMENTS_MOST),
        )
        if row is None or said is None:
            return await self._gone(remote_id)
        if r.merged(row) and (target := await self._merged_into(remote_id, said[0])):
            return Gone(reason=GoneReason.MOVED, moved_to=target, detail=f"It was merged into #{target}.")
        type = await self._type_of(row)
        known = await self._shape(PROJECT, type)
        await self._people.meet(known, row, audits, said[0])
        conversation = r.conversation_of(said[0], audits, self._people.named)
        last = audits[-1] if audits else {}
        return RemoteItem(
            id=remote_id,
            key=f"#{remote_id}",
            url=self._url(remote_id),
            project=PROJECT,
            type=type,
            revision=r.revision_of(row, last.get("id")),
            fields=r.fields_of(known, row, conversation.description, self._people.named),
            changed_at=at(row.get("updated_at")),
            changed_by=self._people.named(last["author_id"]) if last.get("author_id") else None,
            history=r.history_of(known, audits, self._people.named),
            comments=conversation.comments,
            comments_complete=found[1] and said[1],
            attachments=conversation.files,
            tags=tags(row.get("tags"), known.owned),
            relations=r.relations_of(row),
            closed_for_writing=row.get("status") == "closed",
            read_at=self._now(),
            skew=self._api.caller.skew.seconds,
        )

    def _url(self, remote_id: str) -> str:
        return f"{self._base_url}/agent/tickets/{remote_id}"

    async def _row(self, remote_id: str) -> r.Row | None:
        """None when it is missing, deleted or hidden, which look alike."""
        answer = await self._api.send("GET", f"/tickets/{remote_id}")
        if answer.status in (403, 404) and answer.data is not None:
            return None
        self._api.judge(answer)
        row = answer.data.get("ticket") if isinstance(answer.data, dict) else None
        if not isinstance(row, dict) or str(row.get("id")) != remote_id or not row.get("updated_at"):
            raise no_interface(answer)
        return row

    async def _gone(self, remote_id: str) -> Gone:
        """Deleted only if it is on the list of deleted tickets, of which the newest are looked at."""
        for page in range(1, DELETED_MOST // 100 + 1):
            query = {"sort_by": "deleted_at", "sort_order": "desc", "page": str(page)}
            answer = await self._api.send("GET", "/deleted_tickets", query=query)
            if answer.status in (403, 404):
                break
            self._api.judge(answer)
            rows = answer.data.get("deleted_tickets") if isinstance(answer.data, dict) else None
            if any(str(one.get("id")) == remote_id for one in rows or () if isinstance(one, dict)):
                return Gone(reason=GoneReason.DELETED, detail="It is on the list of deleted tickets.")
            if not rows or not answer.data.get("next_page"):
                break
        return Gone(reason=GoneReason.UNREADABLE, detail="It does not exist, or our account may not see it.")

    async def _merged_into(self, remote_id: str, comments: list[r.Row]) -> str:
        """The ticket that goes on for this one, if it says so itself; empty else."""
        for target in r.perhaps_merged_into(remote_id, comments):
            theirs = await self._api.perhaps(f"/tickets/{target}/comments", "comments", most=COMMENTS_MOST)
            if theirs is not None and r.took_over(remote_id, theirs[0]):
                return target
        return ""

    # Writing.

    async def find(self, natural_key: str) -> str | None:
        """By the external id, which this list knows at once; searching would lag behind. Several may bear it."""
        if not natural_key:
            return None
        rows, _ = await self._api.listed("/tickets", "tickets", {"external_id": natural_key}, most=200)
        ids = [
            int(one["id"]) for one in rows if one.get("external_id") == natural_key and one.get("status") != "deleted"
        ]
        return str(min(ids)) if ids else None

    async def create(self, draft: Draft, op: str) -> Created:
        """The description is the first comment, for good. The same operation makes one ticket only, for two hours."""
        if not draft.natural_key or len(draft.natural_key) > KEY_LONGEST:
            raise ValidationFailed(f"The key of a new ticket must have 1 to {KEY_LONGEST} characters.")
        known = await self._shape(draft.project, draft.type)
        given = {**draft.fields, **({TAGS: draft.tags} if draft.tags else {})}
        text = str(given.pop(DESCRIPTION, "") or "").strip() or f"<p>{escape(str(given.get('subject') or ''))}</p>"
        _demand_said(text)
        sent = await self._sent(draft.project, draft.type, given, {})
        ticket = {
            **sent,
            "external_id": draft.natural_key,
            "comment": {"html_body": text, "public": self._public_description},
            "metadata": {r.OP: op},
            **({"ticket_form_id": known.form} if known.form is not None else {}),
        }
        headers = {"idempotency-key": op[:OP_LONGEST]} if op else {}
        answer = await self._api.send("POST", "/tickets", body={"ticket": ticket}, headers=headers)
        if answer.status == 409 or (answer.status == 400 and "IdempotentRequestError" in answer.exchange.response):
            # An earlier try with this operation got there, or is still on its way: it will be found by its key.
            raise Outage("An earlier try to make this ticket was taken.", unknown=True, exchange=answer.exchange)
        self._api.judge(answer)
        row, audit = self._taken(answer)
        remote_id = str(row["id"])
        return Created(
            remote_id=remote_id,
            key=f"#{remote_id}",
            url=self._url(remote_id),
            revision=r.revision_of(row, audit.get("id")),
        )

    async def write(self, remote_id: str, changes: Mapping[str, Value], base_revision: str, op: str) -> Written:
        """All or nothing. Stale when the ticket has other values, or another time, than when it was read."""
        _demand_id(remote_id)
        base = r.REVISION.fullmatch(base_revision)
        if base is None:
            raise ValidationFailed(f"{base_revision[:20]!r} is no revision of a ticket.")
        row = await self._row(remote_id)
        if row is None:
            raise Stale("The ticket is not there any more, or hidden from us.")
        if (row["updated_at"], r.print_of(row)) != (base["stamp"], base["print"]):
            raise Stale
        if row.get("status") == "closed":
            raise WorkflowRefused("The ticket is closed, which is final there.", help="Begin a follow-up ticket.")
        if DESCRIPTION in changes:
            why = "is the first comment of the ticket, and cannot be changed"
            raise ValidationFailed(f"The description {why}.", fields={DESCRIPTION: why})
        sent = await self._sent(PROJECT, await self._type_of(row), changes, row)
        moves = not {STATUS, CUSTOM_STATUS}.isdisjoint(changes)
        condition = {"safe_update": True, "updated_stamp": row["updated_at"]}
        answer = await self._update(remote_id, {**sent, **condition}, op, moves=moves)
        after, audit = self._taken(answer)
        return Written(revision=r.revision_of(after, audit["id"]) if audit.get("id") else "")

    async def _update(
        self, remote_id: str, ticket: Mapping[str, Any], op: str, *, kind: str = "", moves: bool = False
    ) -> Answer:
        metadata = {r.OP: op, **({r.KIND: kind} if kind else {})}
        body = {"ticket": {**ticket, "metadata": metadata}}
        answer = await self._api.send("PUT", f"/tickets/{remote_id}", body=body)
        self._api.judge(answer, moves=moves)
        return answer

    def _taken(self, answer: Answer) -> tuple[r.Row, r.Row]:
        """(the ticket, the audit of this update; empty when nothing was changed by it)"""
        data = answer.data if isinstance(answer.data, dict) else {}
        row, audit = data.get("ticket"), data.get("audit")
        if not isinstance(row, dict) or not ID.fullmatch(str(row.get("id", ""))):
            raise Outage(TAKEN, unknown=True, exchange=answer.exchange)
        return row, audit if isinstance(audit, dict) else {}

    async def _sent(self, project: str, type: str, changes: Mapping[str, Value], row: r.Row) -> dict[str, Any]:
        """What to send. MappingBroken for a field or a choice that is no more, by a fresh look."""
        known = await self._shape(project, type)
        try:
            return await self._ticket(known, changes, row)
        except MappingBroken:
            return await self._ticket(await self._shape(project, type, fresh=True), changes, row)

    async def _ticket(self, known: Shape, changes: Mapping[str, Value], row: r.Row) -> dict[str, Any]:
        sent: dict[str, Any] = {}
        own: list[dict[str, Any]] = []
        for name, value in changes.items():
            field = known.field(name)
            if field is None or not field.writable:
                raise MappingBroken(
                    f"Tickets have no field {name} that can be written.", field=name,
                    help="Choose another field in the mapping.",
                )  # fmt: skip
            if name == TAGS:
                sent["tags"] = sent_tags(value, _kept_tags(known, changes, row), known.owned)
            elif field.kind is FieldKind.PERSON:
                sent[name] = await self._people.id_of(field, value)
            else:
                raw = outward(field, known.types.get(name, ""), value)
                _demand_choice(field, raw)
                _demand_length(field, raw)
                if field.custom:
                    own.append({"id": int(field.id), "value": raw})
                else:
                    sent[name] = int(raw) if name in ("group_id", CUSTOM_STATUS) and raw is not None else raw
        return {**sent, **({"custom_fields": own} if own else {})}

    async def transitions(self, remote_id: str) -> tuple[Transition, ...]:
        """None: a status is a field here, and what it demands is known when it is refused."""
        return ()

    async def transition(
        self, remote_id: str, transition: Transition, fields: Mapping[str, Value], base_revision: str, op: str
    ) -> Written:
        raise ValidationFailed("Zendesk has no transitions: write the field status.")

    # Comments.

    async def comment(self, remote_id: str, draft: CommentDraft, op: str) -> str:
        """Public only when said so; anything else is an internal note, which the requester does not see."""
        _demand_id(remote_id)
        _demand_said(draft.body)
        public = draft.visibility is Visibility.PUBLIC
        answer = await self._update(remote_id, {"comment": {"html_body": draft.body, "public": public}}, op)
        return str(self._comment_event(answer)["id"])

    def _comment_event(self, answer: Answer) -> r.Row:
        for event in r.events_of(self._taken(answer)[1]):
            if event.get("type") == "Comment" and event.get("id"):
                return event
        raise Outage(TAKEN, unknown=True, exchange=answer.exchange)

    async def edit_comment(self, remote_id: str, comment_id: str, draft: CommentDraft, op: str) -> None:
        raise ValidationFailed("Zendesk does not let comments be changed: add another.")

    async def delete_comment(self, remote_id: str, comment_id: str, op: str) -> None:
        raise ValidationFailed("Zendesk does not let comments be deleted.")

    # Files.

    async def attach(self, remote_id: str, upload: Upload, op: str) -> str:
        """The bytes first, then an update with their token. A file belongs to a comment: here to one of its own."""
        _demand_id(remote_id)
        if not upload.name or len(upload.name) > FILE_NAME_LONGEST:
            raise ValidationFailed(f"A file's name must have 1 to {FILE_NAME_LONGEST} characters there.")
        if upload.size > FILE_BYTES_MOST:
            raise ValidationFailed(f"{upload.name} is larger than the {FILE_BYTES_MOST // 2**20} MB Zendesk takes.")
        passage = Passage(upload)
        answer = await self._api.call(
            "POST",
            "/uploads",
            query={"filename": upload.name},
            content=passage.pieces(),
            headers={
                "content-type": upload.content_type or "application/octet-stream",
                "content-length": str(upload.size),
            },
            seconds=seconds_for(upload.size),
        )
        waiting = answer.data.get("upload") if isinstance(answer.data, dict) else None
        if not isinstance(waiting, dict) or not waiting.get("token"):
            raise no_interface(answer)
        token = str(waiting["token"])
        if not passage.is_as_announced or (waiting.get("attachment") or {}).get("size") != upload.size:
            await self._api.send("DELETE", f"/uploads/{quote(token, safe='')}")
            raise ValidationFailed(f"{upload.name} arrived other than announced, and was not attached.")
        public = upload.visibility is Visibility.PUBLIC
        comment = {"body": f"File from Rallypoint: {upload.name}", "public": public, "uploads": [token]}
        event = self._comment_event(await self._update(remote_id, {"comment": comment}, op, kind=r.FILE))
        files = [one for one in event.get("attachments") or () if isinstance(one, dict) and one.get("id")]
        return str(files[0]["id"] if files else waiting["attachment"]["id"])

    async def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        """The bytes lie elsewhere. We show who we are to the account only, and to nobody it leads to."""
        _demand_id(attachment_id)
        found = await self._api.get(f"/attachments/{attachment_id}", "attachment")
        url, ours = str(found.get("content_url") or ""), urlsplit(self._base_url)
        headers = {"accept": "*/*"}
        if urlsplit(url)[:2] == ours[:2]:
            headers["authorization"] = await self._api.authorization()
        for _ in range(HOPS_MOST):
            parts = urlsplit(url)
            elsewhere = Caller(self._way, f"{parts.scheme}://{parts.netloc}", self._now)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            async with elsewhere.stream(path, headers=headers, seconds=seconds_for(FILE_BYTES_MOST)) as coming:
                if coming.status == 200:
                    async for chunk in coming.chunks():
                        yield chunk
                    return
                where = coming.headers.get("location", "") if coming.status in (301, 302, 303, 307) else ""
            if not where.startswith(("https://", "http://")) or "/access/" in urlsplit(where).path:
                raise Outage(f"The file is listed, but was answered with {coming.status}.")
            url, headers = where, {"accept": "*/*"}
        raise Outage("The file is listed, but every place leads to another one.")

    # The panel.

    async def show_panel(self, remote_id: str, panel: Panel) -> None:
        """The address in one private note; title and state in the text field "Rallypoint", where there is one."""
        _demand_id(remote_id)
        row = await self._row(remote_id)
        if row is None:
            raise Stale("The ticket is not there any more, or hidden from us.")
        if row.get("status") == "closed":
            return
        known = await self._shape(PROJECT, await self._type_of(row))
        update: dict[str, Any] = {}
        shown = cut(" · ".join(part for part in (" ".join(panel.title.split()), panel.status) if part), PANEL_LONGEST)
        if known.panel and r.custom(row).get(known.panel) != shown:
            update["custom_fields"] = [{"id": int(known.panel), "value": shown}]
        note = f"{PANEL_NOTE}{panel.url}"
        said = await self._api.perhaps(f"/tickets/{remote_id}/comments", "comments", most=COMMENTS_MOST)
        if said is not None and not any(_is_note(one, note) for one in said[0]):
            update["comment"] = {"body": note, "public": False}
        if update:
            await self._update(remote_id, update, "", kind=r.PANEL)

    # Webhooks.

    async def register_webhook(self, url: str, secret: str) -> Webhook:
        """One webhook and one trigger of our name, renewed where they are there. Zendesk makes the secret."""
        us = str((await self._me())["id"])
        return await registering.register(self._api, self._name, url, secret, us)

    async def webhook_state(self, webhook: Webhook) -> Webhook:
        return await registering.state_of(self._api, webhook)

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
        return hook.verify(raw, headers, secret)


def _kept_tags(known: Shape, changes: Mapping[str, Value], row: r.Row) -> set[str]:
    """Tags that stand for choices: as they are on the ticket, but for fields that are changed at the same time."""
    kept = set(row.get("tags") or ()) & known.owned
    for name in known.tags_of.keys() & changes.keys():
        value = changes[name]
        chosen = set(value) if isinstance(value, tuple) else {str(value)}
        kept = (kept - known.tags_of[name]) | (known.tags_of[name] if value is True else chosen & known.tags_of[name])
    return kept


def _is_note(row: Mapping[str, Any], note: str) -> bool:
    return row.get("public") is False and str(row.get("body") or "").strip() == note


def _demand_choice(field: RemoteField, raw: Any) -> None:
    """Raises MappingBroken for a choice that is no more."""
    if not field.choices or raw is None or field.kind not in (FieldKind.CHOICE, FieldKind.STATUS):
        return
    known = {one.id for one in field.choices}
    for one in raw if isinstance(raw, list) else [raw]:
        if str(one) not in known:
            raise MappingBroken(
                f"{field.name} has no value {str(one)[:80]!r} any more.", field=field.id,
                help="Choose another value in the mapping.",
            )  # fmt: skip


def _demand_length(field: RemoteField, raw: Any) -> None:
    if field.max_length is not None and isinstance(raw, str) and len(raw) > field.max_length:
        why = f"has {len(raw)} characters; Zendesk keeps {field.max_length}"
        raise ValidationFailed(f"{field.name} {why}.", fields={field.id: why})


def _demand_said(html: str) -> None:
    """Raises ValidationFailed for what can be no comment there, nor a description, which is one."""
    if not BARE.sub("", html):
        raise ValidationFailed("A comment without text cannot be added.")
    if len(html) > COMMENT_LONGEST or len(html.encode()) > COMMENT_BYTES_MOST:
        raise ValidationFailed(f"The comment has {len(html)} characters; Zendesk keeps {COMMENT_LONGEST}.")


def _id_of(said: str) -> str:
    """People link a ticket by its number, or by the address of its page; both are taken beside the id."""
    found = ADDRESS.search(said)
    number = found[1] if found is not None else said.strip().removeprefix("#")
    _demand_id(number)
    return number


def _demand_id(text: str) -> None:
    """Ids become part of addresses, so they are nothing else than ids."""
    if not ID.fullmatch(text):
        raise ValidationFailed(f"{text[:40]!r} is no id of Zendesk.")
