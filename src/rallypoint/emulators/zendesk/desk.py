"""The tickets of an account: making, changing, merging, deleting; and everything they refer to."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from rallypoint.emulators.base import Now
from rallypoint.emulators.zendesk import definitions as d
from rallypoint.emulators.zendesk import texts
from rallypoint.emulators.zendesk.changing import Change
from rallypoint.emulators.zendesk.people import Group, Organization, Token, User
from rallypoint.emulators.zendesk.refusals import Refusal, conflict, forbidden, invalid, not_found
from rallypoint.emulators.zendesk.tickets import PROPERTIES, Audit, Comment, File, State, Ticket, Upload, via

UPLOAD_LASTS = timedelta(hours=1)
COMMENTS_MOST = 5000
FIRST_ID = 360_000_000_000
Listener = Callable[[Ticket, Audit, str], None]


class Desk:
    """One account. `hidden` tickets are kept from everybody who is no administrator of the test."""

    def __init__(self, clock: Now, *, seed: int = 1) -> None:
        self.clock = clock
        self.tickets: dict[int, Ticket] = {}
        self.users: dict[int, User] = {}
        self.tokens: dict[str, Token] = {}
        self.groups: dict[int, Group] = {}
        self.organizations: dict[int, Organization] = {}
        self.fields: dict[int, d.Field] = {}
        self.forms: dict[int, d.Form] = {}
        self.statuses: dict[int, d.Status] = {}
        self.uploads: dict[str, Upload] = {}
        self.files: dict[int, File] = {}
        self.hidden: set[int] = set()
        self.listeners: list[Listener] = []
        self.brand = 0
        self._random = random.Random(seed)
        self._last, self._last_ticket = FIRST_ID, 0

    # From one life to the next.

    def kept(self) -> dict[str, Any]:
        """Tickets with all that belongs to them, people and fields; what waits for a comment is forgotten."""
        return {
            "tickets": self.tickets, "users": self.users, "fields": self.fields,
            "last": [self._last, self._last_ticket], "ids": self._random.getrandbits(64),
        }  # fmt: skip

    def take_up(self, kept: dict[str, Any]) -> None:
        """Take the place of what was kept."""
        self.tickets = msgspec.convert(kept["tickets"], dict[int, Ticket])
        self.users = msgspec.convert(kept["users"], dict[int, User])
        self.fields = msgspec.convert(kept["fields"], dict[int, d.Field])
        self.files = {file.id: file for one in self.tickets.values() for said in one.comments for file in said.files}
        self._last, self._last_ticket = kept["last"]
        self._random = random.Random(kept["ids"])

    # Small things.

    def now(self) -> datetime:
        """Whole seconds: nothing here is kept finer."""
        return self.clock.now().replace(microsecond=0)

    def new_id(self) -> int:
        self._last += self._random.randrange(1, 40)
        return self._last

    def new_key(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def user(self, id: int) -> User:
        if id not in self.users:
            raise not_found()
        return self.users[id]

    def by_email(self, email: str) -> User | None:
        return next((one for one in self.users.values() if one.email.casefold() == email.casefold()), None)

    def add_user(self, name: str, email: str, role: str = "end-user", **more: Any) -> User:
        made = User(self.new_id(), name, email, role, self.now(), **more)
        self.users[made.id] = made
        return made

    def field_named(self, title: str) -> d.Field:
        return next(one for one in self.fields.values() if one.title == title)

    def default_status(self, category: str) -> int | None:
        found = (one.id for one in self.statuses.values() if one.category == category and one.default)
        return next(found, None)

    def ticket(self, id: int, *, deleted: bool = False) -> Ticket:
        found = self.tickets.get(id)
        if found is None or id in self.hidden or (found.deleted_at is not None) != deleted:
            raise not_found()
        return found

    # Making and changing.

    def create(self, said: dict[str, Any], user: User, *, channel: str = "api") -> tuple[Ticket, Audit]:
        """A new ticket and its first audit. Its first comment is its description, for ever."""
        if not user.writes:
            raise forbidden()
        comment = said.get("comment") or said.get("description")
        comment = {"body": comment} if isinstance(comment, str) else comment
        if not isinstance(comment, dict) or not (
            comment.get("body") or comment.get("html_body") or comment.get("uploads")
        ):
            raise invalid("base", "Description: cannot be blank", "BlankValue")
        blank = State(dict.fromkeys(PROPERTIES), dict.fromkeys(self.custom_ids()))
        blank.values |= {
            "status": "new",
            "custom_status_id": self.default_status("new"),
            "requester_id": user.id,
            "submitter_id": user.id,
            "brand_id": self.brand,
            "ticket_form_id": next((one.id for one in self.forms.values() if one.default), None),
        }
        source = said.get("via_followup_source_id")
        if source is not None and not (int(source) in self.tickets and self.tickets[int(source)].closed):
            raise invalid("via_followup_source_id", "Followup source must be a closed ticket")
        change = Change(self, user, blank, new=True)
        change.take({**said, "comment": comment})
        now = self.now()
        self._last_ticket += 1
        ticket = Ticket(
            self._last_ticket, change.state, now, now, int(now.timestamp()), via(channel),
            public=change.comment_public(True), followup_source=int(source) if source is not None else None,
        )  # fmt: skip
        ticket.via = via(
            "web" if source else channel, "follow_up" if source else None, {"ticket_id": source} if source else {}
        )
        self.tickets[ticket.id] = ticket
        audit = self._audit(ticket, user, said, ticket.via)
        self._say(ticket, audit, comment, user, ticket.public)
        for name in PROPERTIES:
            if ticket[name] is not None and name not in ("brand_id", "submitter_id"):
                audit.events.append(self._event("Create", name, ticket[name]))
        if ticket.state.tags:
            audit.events.append(self._event("Create", "tags", sorted(ticket.state.tags)))
        for id, value in ticket.state.custom.items():
            if value is not None:
                audit.events.append(self._event("Create", str(id), value))
        self._done(ticket, audit, "Create")
        return ticket, audit

    def custom_ids(self) -> list[int]:
        return [one.id for one in self.fields.values() if not one.system and one.active]

    def update(self, ticket: Ticket, said: dict[str, Any], user: User, *, channel: str = "api") -> Audit | None:
        """One update, whole or not at all. None when nothing changed: there is no audit then."""
        if not user.writes:
            raise forbidden()
        if ticket.closed:
            raise invalid("status", "Status: closed prevents ticket update", "ClosedTicket")
        self.check_stamp(ticket, said)
        change = Change(self, user, ticket.state, new=False)
        change.take(said)
        comment = change.comment
        if comment is not None and len(ticket.comments) >= COMMENTS_MOST:
            raise invalid("base", "Comment: a ticket can have 5000 comments at most")
        audit = self._audit(ticket, user, said, via(channel))
        if comment is not None:
            self._say(ticket, audit, comment, user, change.comment_public(ticket.public))
        before = ticket["status"]
        self._changed(ticket, audit, change.state)
        if not audit.events:
            ticket.audits.remove(audit)
            return None
        self._done(ticket, audit, "Change")
        if ticket["type"] == "problem" and ticket["status"] == "solved" != before:
            self._solve_incidents(ticket, user)
        return audit

    def _solve_incidents(self, problem: Ticket, user: User) -> None:
        """Who solves a problem solves its incidents."""
        for one in self.tickets.values():
            if one["problem_id"] != problem.id or one["status"] in ("solved", "closed") or one.deleted_at is not None:
                continue
            new = one.state.copy()
            new.values |= {"status": "solved", "custom_status_id": self.default_status("solved")}
            new.values["assignee_id"] = new.values["assignee_id"] or user.id
            audit = self._audit(one, user, {}, via("system", "problem", {"ticket_id": problem.id}))
            self._changed(one, audit, new)
            self._done(one, audit, "Change")

    def check_stamp(self, ticket: Ticket, said: dict[str, Any]) -> None:
        """A safe update is refused when the ticket has another time by now. Times have whole seconds."""
        if str(said.get("safe_update", "")).lower() != "true":
            return
        try:
            stamp = datetime.fromisoformat(str(said.get("updated_stamp")))
        except ValueError:
            raise invalid("updated_stamp", "Updated stamp: is required for a safe update") from None
        if stamp != ticket.updated:
            raise conflict()

    def _changed(self, ticket: Ticket, audit: Audit, new: State) -> None:
        old = ticket.state
        for name in PROPERTIES:
            if old.values.get(name) != new.values.get(name):
                audit.events.append(self._event("Change", name, new.values.get(name), old.values.get(name)))
        for id in dict.fromkeys((*old.custom, *new.custom)):
            if old.custom.get(id) != new.custom.get(id):
                audit.events.append(self._event("Change", str(id), new.custom.get(id), old.custom.get(id)))
        if old.tags != new.tags:
            audit.events.append(self._event("Change", "tags", sorted(new.tags), sorted(old.tags)))
        ticket.state = new

    def _event(self, type: str, name: str, value: Any, previous: Any = None) -> dict[str, Any]:
        said = {"id": self.new_id(), "type": type, "field_name": name, "value": _said(value)}
        return said | ({"previous_value": _said(previous)} if type == "Change" else {})

    def _audit(self, ticket: Ticket, user: User, said: dict[str, Any], how: dict[str, Any]) -> Audit:
        custom = said.get("metadata")
        kept = custom if isinstance(custom, dict) else {}
        made = Audit(self.new_id(), ticket.id, user.id, self.now(), [], kept, how)
        ticket.audits.append(made)
        return made

    def _done(self, ticket: Ticket, audit: Audit, kind: str) -> None:
        ticket.updated = audit.at
        ticket.generated = int(audit.at.timestamp())
        for listener in self.listeners:
            listener(ticket, audit, kind)

    def touch(self, ticket: Ticket) -> None:
        """The system changed something about it that is no update: exports tell of it, `updated_at` does not."""
        ticket.generated = int(self.now().timestamp())

    # Comments.

    def _say(self, ticket: Ticket, audit: Audit, said: dict[str, Any], user: User, public: bool) -> Comment:
        author = int(
            said.get("author_id") or (ticket["requester_id"] if not ticket.comments and not user.agent else user.id)
        )
        html = texts.cleaned(said["html_body"]) if said.get("html_body") else texts.as_html(str(said.get("body") or ""))
        body = texts.as_plain(html) if said.get("html_body") else texts.lines(str(said.get("body") or "")).strip()
        files = [file for token in said.get("uploads") or () for file in self.uploads.pop(token).files]
        made = Comment(self.new_id(), audit.id, author, audit.at, html, body, public, files, audit.via)
        ticket.comments.append(made)
        audit.events.insert(0, {"id": made.id, "type": "Comment"})
        return made

    def comment(self, ticket: Ticket, id: int) -> Comment:
        found = next((one for one in ticket.comments if one.id == id), None)
        if found is None:
            raise not_found()
        return found

    def make_private(self, ticket: Ticket, comment: Comment, user: User) -> None:
        """There is no way back."""
        self._may_change_comments(ticket, user)
        comment.public = False
        event = {"id": self.new_id(), "type": "CommentPrivacyChange", "comment_id": comment.id, "public": False}
        self._tell_of(ticket, user, event)

    def redact(self, ticket: Ticket, comment: Comment, words: str, user: User) -> None:
        self._may_change_comments(ticket, user)
        if not words or words not in comment.body:
            raise invalid("text", "Text: was not found in the comment")
        comment.body, comment.html = texts.redacted(comment.body, words), texts.redacted(comment.html, words)
        self._tell_of(ticket, user, {"id": self.new_id(), "type": "CommentRedactionEvent", "comment_id": comment.id})

    def redact_file(self, ticket: Ticket, comment: Comment, id: int, user: User) -> File:
        self._may_change_comments(ticket, user)
        found = next((one for one in comment.files if one.id == id), None)
        if found is None:
            raise not_found()
        found.name, found.type, found.body, found.redacted = "redacted.txt", "text/plain", b"", True
        event = {"id": self.new_id(), "type": "AttachmentRedactionEvent", "comment_id": comment.id, "attachment_id": id}
        self._tell_of(ticket, user, event)
        return found

    def _may_change_comments(self, ticket: Ticket, user: User) -> None:
        if not user.writes or not user.agent:
            raise forbidden()
        if ticket.closed:
            raise Refusal(
                403, {"error": "Forbidden", "description": "Access to comments of closed tickets is forbidden"}
            )

    def _tell_of(self, ticket: Ticket, user: User, event: dict[str, Any]) -> None:
        audit = self._audit(ticket, user, {}, via("api"))
        audit.events.append(event)
        self._done(ticket, audit, "Change")

    # Files.

    def upload(self, name: str, type: str, body: bytes, token: str = "") -> tuple[Upload, File]:
        """Under a token of its own, or added to one that waits."""
        found = self.uploads.get(token)
        if found is None or found.expires <= self.now():
            if token:
                raise invalid("token", "Token: is invalid or has expired")
            found = Upload(self.new_key(), self.now() + UPLOAD_LASTS)
            self.uploads[found.token] = found
        file = File(self.new_id(), name, type, body, self.new_key())
        found.files.append(file)
        self.files[file.id] = file
        return found, file

    # Merging, deleting.

    def merge(self, target: Ticket, sources: list[Ticket], said: dict[str, Any], user: User) -> None:
        """The sources are closed for good; the target is told what they said last."""
        if not user.writes or not user.agent:
            raise forbidden()
        if target.closed or any(one.closed for one in sources):
            raise invalid("base", "Ticket: a closed ticket cannot be merged")
        for one in sources:
            text = said.get("source_comment") or (
                f'This request was closed and merged into request #{target.id} "{target["subject"]}".'
            )
            audit = self._audit(one, user, {}, via("api"))
            self._say(one, audit, {"body": text}, user, bool(said.get("source_comment_is_public", False)))
            new = one.state.copy()
            new.values |= {"status": "closed"}
            new.tags.add("closed_by_merge")
            self._changed(one, audit, new)
            self._done(one, audit, "Change")
            told = said.get("target_comment") or (
                f'Request #{one.id} "{one["subject"]}" was closed and merged into this request. '
                f"Last comment in request #{one.id}:\n\n{one.comments[0].body}"
            )
            how = via("api", "merge", {"ticket_ids": [one.id], "subject": one["subject"]})
            audit = self._audit(target, user, {}, how)
            self._say(target, audit, {"body": told}, user, bool(said.get("target_comment_is_public", False)))
            self._done(target, audit, "Change")

    def delete(self, ticket: Ticket, user: User) -> None:
        """Out of sight, for thirty days. Triggers do not tell of it; the export does."""
        if not user.writes or not user.agent:
            raise forbidden()
        ticket.deleted_at, ticket.deleted_by = self.now(), user.id
        self.touch(ticket)

    def restore(self, ticket: Ticket, user: User) -> None:
        if not user.writes or not user.agent:
            raise forbidden()
        ticket.deleted_at = ticket.deleted_by = None
        ticket.updated = self.now()
        self.touch(ticket)

    def close_solved(self, after: timedelta) -> None:
        """What the automation of the night does."""
        for ticket in self.tickets.values():
            if ticket["status"] == "solved" and self.now() - ticket.updated >= after:
                new = ticket.state.copy()
                new.values["status"] = "closed"
                robot = next(one for one in self.users.values() if one.role == "admin")
                audit = self._audit(ticket, robot, {}, via("rule", "automation"))
                self._changed(ticket, audit, new)
                self._done(ticket, audit, "Change")


def _said(value: Any) -> Any:
    """As an audit writes it: numbers as texts, lists and truth values as they are."""
    if isinstance(value, bool) or value is None or isinstance(value, list):
        return value
    return str(value)
