"""What an update may do to a ticket, and what follows: the rules between status, assignee, group, fields and tags."""

from datetime import date
from typing import TYPE_CHECKING, Any

from rallypoint.emulators.zendesk import definitions as d
from rallypoint.emulators.zendesk.people import User
from rallypoint.emulators.zendesk.refusals import Wrong
from rallypoint.emulators.zendesk.texts import lines
from rallypoint.emulators.zendesk.tickets import State

if TYPE_CHECKING:
    from rallypoint.emulators.zendesk.desk import Desk

TEXT_MOST = 65_536
COMMENT_MOST = 65_535
PLAIN = ("external_id", "due_at", "submitter_id", "organization_id", "problem_id", "brand_id", "ticket_form_id")


class Change:
    """One update being worked out on a copy. Properties that are not known are ignored, as the vendor does."""

    def __init__(self, desk: "Desk", user: User, before: State, *, new: bool) -> None:
        self._desk, self._user, self._new = desk, user, new
        self._before, self.state, self._wrong = before, before.copy(), Wrong()
        self.comment: dict[str, Any] | None = None

    def take(self, said: dict[str, Any]) -> None:
        """Raises Refusal with everything that is wrong."""
        values = self.state.values
        if "subject" in said or "raw_subject" in said:
            values["subject"] = lines(str(said.get("subject", said.get("raw_subject")) or "")).strip()
        self._choice(said, "priority", d.PRIORITIES)
        self._choice(said, "type", d.TYPES)
        for name in PLAIN:
            if name in said:
                values[name] = said[name]
        if values.get("problem_id") is not None and values.get("type") != "incident":
            self._wrong.add("problem_id", "Problem: only a ticket of type incident has one")
        if values.get("ticket_form_id") not in (None, *self._desk.forms):
            self._wrong.add("ticket_form_id", "Ticket form: is invalid")
        self._requester(said)
        self._status(said)
        self._tags(said)
        self._custom(said.get("custom_fields", said.get("fields")))
        self._assign(said)
        self._solve()
        self._comment(said.get("comment"))
        self._wake()
        self._wrong.stop()

    def comment_public(self, usual: bool) -> bool:
        """Who says nothing about it has it as the ticket has been: public, unless it began as private."""
        said = (self.comment or {}).get("public")
        return usual if said is None else said is True or str(said).lower() == "true"

    # Properties.

    def _choice(self, said: dict[str, Any], name: str, allowed: tuple[str, ...]) -> None:
        if name not in said:
            return
        value = said[name] or None
        if value is not None and value not in allowed:
            self._wrong.add(name, f"{name.capitalize()}: {value} is not included in the list")
        self.state.values[name] = value

    def _requester(self, said: dict[str, Any]) -> None:
        asked = said.get("requester")
        if isinstance(asked, dict) and asked.get("email"):
            known = self._desk.by_email(str(asked["email"]))
            if known is None and not asked.get("name"):
                self._wrong.add("requester", "Requester: Name: is too short (minimum is 1 characters)", "ValueTooShort")
                return
            known = known or self._desk.add_user(str(asked["name"]), str(asked["email"]))
            self.state.values["requester_id"] = known.id
        elif said.get("requester_id") is not None:
            if _number(said["requester_id"]) not in self._desk.users:
                self._wrong.add("requester", "Requester: is invalid")
                return
            self.state.values["requester_id"] = int(said["requester_id"])
        if not self._new and said.get("requester_id", 0) is None:
            self._wrong.add("requester", "Requester: cannot be blank", "BlankValue")
        self.state.values["organization_id"] = said.get(
            "organization_id", self._desk.users[self.state.values["requester_id"]].organization
        )

    def _status(self, said: dict[str, Any]) -> None:
        if said.get("custom_status_id") is not None:
            found = self._desk.statuses.get(_number(said["custom_status_id"]))
            if found is None or not found.active:
                self._wrong.add("custom_status_id", "Custom status: is invalid")
                return
            self._step(found.category, found.id)
        elif "status" in said:
            status = said["status"]
            if status not in d.STATUSES:
                self._wrong.add("status", f"Status: {status} is not included in the list")
            elif status != self._before.values["status"]:
                self._step(status, self._desk.default_status("solved" if status == "closed" else status))

    def _step(self, category: str, custom: int | None) -> None:
        before = self._before.values["status"]
        if category == "new" and before != "new":
            self._wrong.add("status", "Status: a ticket that was worked on cannot be new again")
        self.state.values |= {"status": category, "custom_status_id": custom}

    def _assign(self, said: dict[str, Any]) -> None:
        values, desk = self.state.values, self._desk
        if "group_id" in said:
            group = said["group_id"]
            if group is not None and _number(group) not in desk.groups:
                self._wrong.add("group", "Group: is invalid")
                return
            values["group_id"] = None if group is None else int(group)
        asked: Any = said.get("assignee_id", ...)
        if said.get("assignee_email"):
            found = desk.by_email(str(said["assignee_email"]))
            asked = found.id if found else -1
        if asked is None:
            values["assignee_id"] = None
        elif asked is not ...:
            self._to(_number(asked), group_given=said.get("group_id") is not None)
        elif (
            values.get("assignee_id") is not None
            and "group_id" in said
            and values["group_id"] not in desk.users[values["assignee_id"]].groups
        ):
            values["assignee_id"] = None

    def _to(self, id: int, *, group_given: bool) -> None:
        values, agent = self.state.values, self._desk.users.get(id)
        if agent is None or not agent.agent:
            self._wrong.add("assignee", "Assignee: is invalid")
            return
        if values.get("group_id") not in agent.groups:
            if group_given:
                self._wrong.add("assignee", "Assignee: is not a member of the group")
            values["group_id"] = agent.groups[0] if agent.groups else None
        values["assignee_id"] = id
        if values["status"] == "new":
            values |= {"status": "open", "custom_status_id": self._desk.default_status("open")}

    def _solve(self) -> None:
        """What is demanded before a ticket may be solved; and who solves what nobody had, has it."""
        values = self.state.values
        if values["status"] not in ("solved", "closed") or self._before.values["status"] in ("solved", "closed"):
            return
        form = self._desk.forms.get(values.get("ticket_form_id") or 0)
        for one in self._desk.fields.values():
            if one.system or not one.required or not one.active or (form and one.id not in form.fields):
                continue
            if self.state.custom.get(one.id) in (None, "", [], False):
                self._wrong.add(
                    "base", f"{one.title}: is required when solving a ticket", "BlankValue",
                    ticket_field_id=one.id, ticket_field_type=one.kind_name,
                )  # fmt: skip
        if values.get("assignee_id") is None and self._user.agent:
            self._to(self._user.id, group_given=False)

    # Fields and tags.

    def _tags(self, said: dict[str, Any]) -> None:
        """The tags as they are named, in place of all there were; a list field follows its tags."""
        if "tags" not in said:
            return
        named = said["tags"] or []
        parts = named.replace(",", " ").split() if isinstance(named, str) else [
            part for one in named for part in str(one).replace(",", " ").split()
        ]  # fmt: skip
        self.set_tags({part.lower() for part in parts})

    def set_tags(self, tags: set[str]) -> None:
        self.state.tags = tags
        for one in self._desk.fields.values():
            if one.system or not one.tags:
                continue
            have = sorted(tags & one.tags)
            if one.type == "checkbox":
                before = self.state.custom.get(one.id)
                self.state.custom[one.id] = True if have else None if before is None else False
            elif one.type == "multiselect":
                self.state.custom[one.id] = have or None
            else:
                self.state.custom[one.id] = have[0] if have else None

    def _custom(self, said: Any) -> None:
        rows = [{"id": id, "value": value} for id, value in said.items()] if isinstance(said, dict) else said or []
        for row in rows:
            field = self._desk.fields.get(_number(row.get("id")))
            if field is None or field.system or not field.active:
                continue
            value = self._value(field, row.get("value"))
            self.state.tags -= field.tags
            self.state.tags |= field.tags_of(value)
            self.state.custom[field.id] = value

    def _value(self, field: d.Field, value: Any) -> Any:
        if value in (None, "", []):
            return False if field.type == "checkbox" else None
        try:
            return self._valid(field, value)
        except ValueError:
            self._wrong.add(
                "base", f"{field.title}: {value} is not valid", "InvalidValue",
                ticket_field_id=field.id, ticket_field_type=field.kind_name,
            )  # fmt: skip
            return None

    def _valid(self, field: d.Field, value: Any) -> Any:
        """Raises ValueError for what this field cannot hold."""
        match field.type:
            case "checkbox":
                return value is True or str(value).lower() in ("true", "1", "yes")
            case "integer":
                return str(int(str(value)))
            case "decimal":
                return str(float(str(value)))
            case "date":
                return date.fromisoformat(str(value)[:10]).isoformat()
            case "tagger":
                return self._known(field, str(value))
            case "multiselect":
                return sorted(self._known(field, str(one)) for one in (value if isinstance(value, list) else [value]))
            case "regexp":
                if field.regexp == d.SIX_DIGITS.pattern and not d.SIX_DIGITS.fullmatch(str(value)):
                    raise ValueError(value)
        text = lines(str(value))
        if len(text) > TEXT_MOST:
            raise ValueError(value)
        return text.rstrip() if field.type == "textarea" else text.strip()

    def _known(self, field: d.Field, value: str) -> str:
        if value not in field.tags:
            raise ValueError(value)
        return value

    # Comments.

    def _wake(self) -> None:
        """A ticket that waits for its customer, or was solved, is open again when the customer says something."""
        values = self.state.values
        if self.comment is not None and not self._user.agent and values["status"] in ("pending", "solved"):
            values |= {"status": "open", "custom_status_id": self._desk.default_status("open")}

    def _comment(self, said: Any) -> None:
        if said is None:
            return
        comment = {"body": said} if isinstance(said, str) else dict(said)
        uploads = comment.get("uploads") or []
        comment["uploads"] = uploads = [uploads] if isinstance(uploads, str) else uploads
        text = str(comment.get("html_body") or comment.get("body") or "")
        if not text.strip() and not uploads:
            return
        if len(text.encode()) > COMMENT_MOST:
            self._wrong.add("base", "Comment: is too long (maximum is 65535 characters)", "ValueTooLong")
        for token in uploads:
            found = self._desk.uploads.get(str(token))
            if found is None or found.expires <= self._desk.now():
                self._wrong.add("base", "Upload: the token is invalid or has expired")
        if comment.get("author_id") is not None and _number(comment["author_id"]) not in self._desk.users:
            self._wrong.add("comment", "Author: is invalid")
        self.comment = comment


def _number(value: Any) -> int:
    return int(value) if str(value).lstrip("-").isdigit() else -1
