"""PagerDuty incidents as a tracker.

Nothing there can be written under a condition: what was written is read back, and the log tells what it replaced. Notes
are for responders only, so they are all private. Our key of an incident is its de-duplication key.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from rallypoint.connectors.calling import Way
from rallypoint.connectors.pagerduty import changes as following
from rallypoint.connectors.pagerduty import hook
from rallypoint.connectors.pagerduty.api import ID, Api, Row, at, demand_id, no_interface, unwrapped
from rallypoint.connectors.pagerduty.history import details_of, history_of
from rallypoint.connectors.pagerduty.listing import listing
from rallypoint.connectors.pagerduty.registering import Registrar
from rallypoint.connectors.pagerduty.shape import (
    DETAILS,
    PAGES_MOST,
    STATUS,
    TYPE,
    Shape,
    discover,
    fields_of,
    known,
    outward,
    page_of,
    person,
)
from rallypoint.connectors.tracking import clock_findings, refused, unfit
from rallypoint.sync.model import (
    Capabilities,
    Gone,
    GoneReason,
    Markup,
    Person,
    Project,
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

SHAPE_LASTS = timedelta(minutes=10)
KEY_LONGEST = 255
LOG_PAGES = 5
VERSION = "2"
TYPED = re.compile(r"https?://[^/\s]+(?:/\w+)?/incidents/(?P<id>[A-Z0-9]{5,30})(?:[/?#].*)?")
PANEL = re.compile(r"Rallypoint · [^\n]*\n(?:[^\n]+\n)*(?P<url>https?://\S+)")
KEY_TAKEN = ("dedup key", "incident_key", "incident key", "already exists")
ACCOUNT_ONLY = frozenset({400})


class PagerDutyTracker:
    """One key of one account; `services`, by id or name, limit it to their incidents. `now` is our clock."""

    def __init__(
        self,
        way: Way,
        *,
        base_url: str,
        key: str,
        now: Callable[[], datetime],
        mail: str = "",
        services: Sequence[str] = (),
    ) -> None:
        self._api, self._now, self._wanted = Api(way, base_url, key, mail, now), now, tuple(services)
        self._registrar = Registrar(self._api)
        self._services: tuple[datetime, dict[str, str]] | None = None
        self._shape: Shape | None = None
        self._identity: Person | None = None

    @property
    def capabilities(self) -> Capabilities:
        fields = self._shape.schema.fields if self._shape is not None else ()
        return Capabilities(
            push=True,
            history=True,
            private_comments=True,
            public_comments=False,
            edit_comments=True,
            delete_comments=True,
            idempotent_create=True,
            time_grain_seconds=1.0,
            max_lengths={one.id: one.max_length for one in fields if one.max_length is not None},
            comment_markup=Markup.PLAIN,
        )

    def rate_notes(self) -> tuple[RateNote, ...]:
        return self._api.rate_notes()

    async def close(self) -> None:
        """Nothing is kept open: the way out belongs to the house."""

    # What is there.

    async def check(self) -> Checked:
        """Who we are, whether the services are there, and whether incidents can be written."""
        try:
            identity = await self._me(fresh=True)
        except AuthFailed as no:
            return self._checked((refused("credentials", no),))
        except (PermissionDenied, ValidationFailed) as no:
            return self._checked((refused("identity", no),))
        except TrackerError as no:
            return self._checked((refused("address", no),))
        findings = [Finding(level=Level.OK, about="identity", text=f"Signed in as {identity.name}.")]
        for about, work in (("service", self._sees_services), ("permission", self._may_follow),
                            ("permission", self._may_write)):  # fmt: skip
            try:
                findings.append(Finding(level=Level.OK, about=about, text=await work()))
            except TrackerError as no:
                findings.append(refused(about, no))
                break
        findings += clock_findings("account", self._api.caller.skew.seconds)
        return replace(self._checked(tuple(findings)), identity=identity)

    def _checked(self, findings: tuple[Finding, ...]) -> Checked:
        return Checked(findings=findings, version=VERSION, skew_seconds=self._api.caller.skew.seconds)

    async def _me(self, *, fresh: bool = False) -> Person:
        """The user in whose name we write: the one the connection names, else the one whose key it is."""
        if self._identity is not None and not fresh:
            return self._identity
        if self._api.mail:
            asked = [("query", self._api.mail)]
            rows = await self._api.all("users", "/users", asked, most=1)
            same = [one for one in rows if str(one.get("email", "")).casefold() == self._api.mail.casefold()]
            found = person(same[0]) if len(same) == 1 else None
            if found is None:
                raise PermissionDenied(
                    f"No user of the account has the e-mail {self._api.mail}.", help="Set the e-mail of a user there."
                )
        else:
            answer = await self._api.send("GET", "/users/me")
            if answer.status in ACCOUNT_ONLY and answer.data is not None:
                raise PermissionDenied(
                    "This key is the account's, so it says not in whose name we write.",
                    help="Set the e-mail of a user on the connection, or use a user's key.",
                    exchange=answer.exchange,
                )
            self._api.judge(answer)
            found = person(unwrapped(answer, "user"))
            if found is None:
                raise no_interface(answer)
        self._identity = found
        self._api.mail = self._api.mail or found.email
        return found

    async def _sees_services(self) -> str:
        names = (await self._chosen(fresh=True)).values()
        if not names:
            raise PermissionDenied("No service can be seen.", help="Give the user access to a service.")
        return f"Followed: {', '.join(sorted(names)[:10])}."

    async def _may_follow(self) -> str:
        now = self._api.their_time()
        await following.changes(self._api, (), following.beginning(now))
        return "Changes can be followed."

    async def _may_write(self) -> str:
        """Asked with an incident that has no title, which is refused for its content once the right was looked at."""
        try:
            await self._api.call("POST", "/incidents", body={"incident": {"type": "incident", "title": ""}})
        except (ValidationFailed, MappingBroken):
            pass
        return "Incidents can be written."

    async def _chosen(self, *, fresh: bool = False) -> dict[str, str]:
        """Names of our services by id. MappingBroken when one that was named is not there."""
        all_services = await self._all_services(fresh=fresh)
        if not self._wanted:
            return all_services
        found: dict[str, str] = {}
        for one in self._wanted:
            same = [id for id, name in all_services.items() if one in (id, name) or name.casefold() == one.casefold()]
            if not same:
                raise MappingBroken(f"There is no service {one}, or our key does not see it.", help="Check its name.")
            found[same[0]] = all_services[same[0]]
        return found

    async def _all_services(self, *, fresh: bool = False) -> dict[str, str]:
        if fresh or self._services is None or self._now() - self._services[0] >= SHAPE_LASTS:
            rows = await self._api.all("services", "/services", most=PAGES_MOST)
            self._services = (self._now(), {str(one.get("id")): str(one.get("name") or "") for one in rows})
        return self._services[1]

    async def projects(self) -> tuple[Project, ...]:
        found = await self._chosen(fresh=True)
        ordered = sorted(found.items(), key=lambda one: one[1].casefold())
        return tuple(Project(id=id, name=name, types=(TYPE,)) for id, name in ordered)

    async def describe(self, project: str, type: str) -> Schema:
        """Always asked anew. MappingBroken for a service that is not this connection's."""
        await self._demand_place(project, type, fresh=True)
        return replace((await self._known(fresh=True)).schema, project=project)

    async def _demand_place(self, project: str, type: str, *, fresh: bool = False) -> None:
        if type != TYPE or project not in await self._chosen(fresh=fresh):
            raise MappingBroken(
                f"This connection has no service {project} with items called {type}.", help="Choose a service of it."
            )

    async def _known(self, *, fresh: bool = False) -> Shape:
        """All services have the same fields."""
        if fresh or self._shape is None or self._now() - self._shape.at >= SHAPE_LASTS:
            self._shape = await discover(self._api, "", await self._all_services(fresh=fresh), self._now())
        return self._shape

    # Changes.

    async def list_changes(self, cursor: str | None) -> Changes:
        services = await self._chosen() if self._wanted else {}
        if cursor is None:
            await self._all_services(fresh=True)  # its answer tells the time there
            return Changes(hints=(), cursor=following.beginning(self._api.their_time()))
        return await following.changes(self._api, services, cursor)

    async def list_items(self, project: str, type: str, since: datetime | None, cursor: str | None) -> Listing:
        await self._demand_place(project, type)
        return await listing(self._api, project, since, cursor)

    # Reading.

    async def read(self, remote_id: str) -> RemoteItem | Gone:
        """The incident first, then what belongs to it: what is added meanwhile comes with a later revision."""
        remote_id = _typed(remote_id)
        shape = await self._known()
        answer = await self._api.send("GET", f"/incidents/{remote_id}", query=[("include[]", "custom_fields")])
        if answer.status in (403, 404) and answer.data is not None:
            return Gone(reason=GoneReason.UNREADABLE, detail="It does not exist, or our key may not see it.")
        self._api.judge(answer)
        row = unwrapped(answer, "incident")
        if str(row.get("id")) != remote_id:
            raise no_interface(answer)
        merged = _merged_into(row)
        if merged:
            return Gone(reason=GoneReason.MOVED, moved_to=merged, detail="It was merged into another incident.")
        (comments, _), entries = await asyncio.gather(self._notes(remote_id), self._log(remote_id))
        fields, details = fields_of(row, shape.schema), details_of(entries)
        if details is not None:
            fields[DETAILS] = details.replace("\r\n", "\n")
        return RemoteItem(
            id=remote_id,
            key=f"#{row.get('incident_number')}",
            url=page_of(row),
            project=str((row.get("service") or {}).get("id") or ""),
            type=TYPE,
            revision=_revision(row, fields, comments),
            fields=fields,
            changed_at=at(row.get("updated_at")),
            changed_by=known(shape.schema, entries[-1].get("agent")) if entries else None,
            history=history_of(entries, row, shape),
            comments=comments,
            comments_complete=True,
            read_at=self._now(),
            skew=self._api.caller.skew.seconds,
        )

    async def _notes(self, remote_id: str) -> tuple[tuple[RemoteComment, ...], dict[str, str]]:
        """(notes in the order they were written, our panels among them by the incident's path: id)"""
        told = (await self._api.get(f"/incidents/{remote_id}/notes")).get("notes")
        rows = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
        me, schema = (await self._me()).remote_id, (await self._known()).schema
        comments: list[RemoteComment] = []
        panels: dict[str, str] = {}
        rows.reverse()  # newest first there, also within a second
        rows.sort(key=lambda one: str(one.get("created_at")))
        for row in rows:
            author, text = known(schema, row.get("user")), str(row.get("content") or "")
            panel = PANEL.fullmatch(text) if author is not None and author.remote_id == me else None
            if panel is not None:
                panels[urlsplit(panel["url"]).path] = str(row.get("id"))
            else:
                comments.append(_comment(row, author, text))
        return tuple(comments), panels

    async def _log(self, remote_id: str) -> list[Row]:
        """Oldest first; they come newest first."""
        rows = await self._api.all(
            "log_entries", f"/incidents/{remote_id}/log_entries", [("include[]", "channels")], most=LOG_PAGES
        )
        return rows[::-1]

    # Writing.

    async def find(self, natural_key: str) -> str | None:
        """By the de-duplication key, compared again: an empty one would fit every incident."""
        if not natural_key:
            return None
        asked = [("incident_key", natural_key), ("date_range", "all")]
        rows = await self._api.all("incidents", "/incidents", asked, most=1)
        services = await self._chosen() if self._wanted else {}
        mine = [
            one for one in rows
            if one.get("incident_key") == natural_key
            and (not services or str((one.get("service") or {}).get("id")) in services)
        ]  # fmt: skip
        newest = max(mine, key=lambda one: int(one.get("incident_number") or 0), default=None)
        return str(newest["id"]) if newest else None

    async def create(self, draft: Draft, op: str) -> Created:
        """Incidents begin triggered and without custom values: both are reached afterwards."""
        if not draft.natural_key or len(draft.natural_key) > KEY_LONGEST:
            raise ValidationFailed(f"The key of a new item must have 1 to {KEY_LONGEST} characters.")
        await self._demand_place(draft.project, draft.type)
        given = {name: value for name, value in draft.fields.items() if name != STATUS and value not in (None, "")}
        sent, _ = await self._sent(given)
        if "assignments" in sent:
            sent.pop("escalation_policy", None)  # either, not both
        sent |= {
            "type": "incident",
            "service": {"id": draft.project, "type": "service_reference"},
            "incident_key": draft.natural_key,
        }
        await self._me()
        answer = await self._api.send("POST", "/incidents", body={"incident": sent})
        if answer.status == 400 and any(words in str(answer.data).lower() for words in KEY_TAKEN):
            known = await self.find(draft.natural_key)
            if known is not None:
                row = await self._api.one("incident", f"/incidents/{known}")
                return Created(remote_id=known, key=f"#{row.get('incident_number')}", url=page_of(row))
        self._api.judge(answer)
        row = unwrapped(answer, "incident")
        if not ID.fullmatch(str(row.get("id"))):
            raise no_interface(answer)
        return Created(remote_id=str(row["id"]), key=f"#{row.get('incident_number')}", url=page_of(row))

    async def write(self, remote_id: str, changes: Mapping[str, Value], base_revision: str, op: str) -> Written:
        """Whatever the incident holds by now. Custom values go first, in a call of their own."""
        demand_id(remote_id)
        sent, custom = await self._sent(changes)
        if "body" in sent:
            field = (await self._known()).schema.field(DETAILS)
            assert field is not None
            raise unfit(field, "is kept by PagerDuty as it was when the incident was made")
        await self._me()
        if custom:
            body = {"custom_fields": custom}
            await self._api.call("PUT", f"/incidents/{remote_id}/custom_fields/values", body=body)
        if sent:
            await self._api.call("PUT", f"/incidents/{remote_id}", body={"incident": {"type": "incident", **sent}})
        return Written()

    async def _sent(self, changes: Mapping[str, Value]) -> tuple[Row, list[Row]]:
        """What to send. MappingBroken for a field or a choice that is no more, by a fresh look."""
        try:
            return outward(await self._known(), changes)
        except MappingBroken:
            return outward(await self._known(fresh=True), changes)

    async def transitions(self, remote_id: str) -> tuple[Transition, ...]:
        """None: a status is a field there, and what is not allowed is known when it is refused."""
        return ()

    async def transition(
        self, remote_id: str, transition: Transition, fields: Mapping[str, Value], base_revision: str, op: str
    ) -> Written:
        raise ValidationFailed("PagerDuty has no transitions: write the field status.")

    # Notes.

    async def comment(self, remote_id: str, draft: CommentDraft, op: str) -> str:
        """A note, which only responders read."""
        note = await self._noted(remote_id, draft)
        answer = await self._api.call("POST", f"/incidents/{remote_id}/notes", body=note)
        row = unwrapped(answer, "note")
        if not row.get("id"):
            raise no_interface(answer)
        return str(row["id"])

    async def edit_comment(self, remote_id: str, comment_id: str, draft: CommentDraft, op: str) -> None:
        demand_id(comment_id)
        note = await self._noted(remote_id, draft)
        await self._api.call("PUT", f"/incidents/{remote_id}/notes/{comment_id}", body=note)

    async def delete_comment(self, remote_id: str, comment_id: str, op: str) -> None:
        """Well also when it is gone already."""
        demand_id(remote_id)
        demand_id(comment_id)
        await self._me()
        answer = await self._api.send("DELETE", f"/incidents/{remote_id}/notes/{comment_id}")
        if answer.status != 404 or answer.data is None:
            self._api.judge(answer)

    async def _noted(self, remote_id: str, draft: CommentDraft) -> Row:
        demand_id(remote_id)
        if draft.visibility is Visibility.PUBLIC:
            raise ValidationFailed(
                "PagerDuty has no public comments: only responders read its notes.",
                help="It can be sent as a private one.",
            )
        if not draft.body.strip():
            raise ValidationFailed("A note without text cannot be added.")
        await self._me()
        return {"note": {"content": draft.body.replace("\x00", "")}}

    # Files.

    async def attach(self, remote_id: str, upload: Upload, op: str) -> str:
        raise ValidationFailed("PagerDuty takes no files: they stay here.")

    async def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        raise ValidationFailed("PagerDuty has no files.")
        yield b""

    # The panel.

    async def show_panel(self, remote_id: str, panel: Panel) -> None:
        """A note of ours with the way to the incident, rewritten in place; it is not read back as a comment."""
        demand_id(remote_id)
        lines = [f"Rallypoint · {' '.join(panel.title.split())}"]
        lines += [f"Status: {panel.status}"] if panel.status else []
        lines += [one for one in (" ".join(line.split()) for line in panel.lines) if one]
        body = {"note": {"content": "\n".join((*lines, panel.url))}}
        _, panels = await self._notes(remote_id)
        mine = panels.get(urlsplit(panel.url).path, "")
        path = f"/incidents/{remote_id}/notes"
        await self._api.call("PUT" if mine else "POST", f"{path}/{mine}" if mine else path, body=body)

    # Webhooks.

    async def register_webhook(self, url: str, secret: str) -> Webhook:
        """The secret is PagerDuty's to make."""
        return await self._registrar.register(list(await self._chosen()) if self._wanted else [""], url)

    async def webhook_state(self, webhook: Webhook) -> Webhook:
        return await self._registrar.state(webhook)

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
        return hook.verify(raw, headers, secret)


def _merged_into(row: Row) -> str:
    reason = row.get("resolve_reason")
    target = reason.get("incident") if isinstance(reason, dict) else None
    id = str(target.get("id") or "") if isinstance(target, dict) else ""
    return id if ID.fullmatch(id) else ""


def _revision(row: Row, fields: Mapping[str, Value], comments: Sequence[RemoteComment]) -> str:
    """Their time has whole seconds and says nothing of notes, so what was read is in it too."""
    content: dict[str, Any] = {
        "fields": {name: str(value) for name, value in fields.items()},
        "notes": [(one.id, one.body, str(one.edited_at)) for one in comments],
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{row.get('updated_at')}.{digest[:16]}"


def _comment(row: Row, author: Person | None, text: str) -> RemoteComment:
    created, updated = at(row.get("created_at")), at(row.get("updated_at"))
    return RemoteComment(
        id=str(row.get("id")),
        body=text.replace("\r\n", "\n"),
        author=author,
        markup=Markup.PLAIN,
        visibility=Visibility.PRIVATE,
        created_at=created,
        edited_at=updated if updated != created else None,
    )


def _typed(text: str) -> str:
    """The id of an incident, also out of its address."""
    found = TYPED.fullmatch(text.strip())
    return demand_id(found["id"] if found else text.strip())
