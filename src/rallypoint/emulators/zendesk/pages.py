"""Tickets in a browser, so that a person can play the agent or the customer: by the addresses that links have."""

from collections.abc import Mapping
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rallypoint.emulators import pages
from rallypoint.emulators.pages import Choice, Odd, Said
from rallypoint.emulators.zendesk import definitions as d
from rallypoint.emulators.zendesk.desk import Desk
from rallypoint.emulators.zendesk.people import User
from rallypoint.emulators.zendesk.refusals import Refusal
from rallypoint.emulators.zendesk.tickets import Ticket

TOOL = "Zendesk"
LISTED_MOST = 200
PUBLIC, PRIVATE = "public", "private"


class Pages:
    """A list with a form for a new ticket, and a page for each, with a form to work on it."""

    def __init__(self, desk: Desk, people: tuple[str, ...]) -> None:
        """`people` are the mails one may act as, the first being proposed."""
        self._desk, self._people = desk, people

    def routes(self) -> list[Route]:
        return pages.routes({"/": self._list, "/agent/tickets/{number:int}": self._ticket})

    async def _list(self, request: Request) -> Response:
        typed: dict[str, str] = {}
        said = ""
        if request.method == "POST":
            try:
                typed = await pages.form(request)
                return pages.back_to(_address(self._opened(typed)))
            except (Odd, Refusal) as no:
                said = _words(no)
        found = sorted(self._desk.tickets.values(), key=lambda one: one.id, reverse=True)
        lines = [
            (_address(one), f"#{one.id}", f"{one['status']} · {one['subject'] or ''}")
            for one in found[:LISTED_MOST]
            if one.deleted_at is None
        ]
        fields = self._who(typed) + pages.line("title", "Subject", typed.get("title", ""))
        fields += pages.text("comment", "What is it about", typed.get("comment", ""))
        new = pages.post("Open a ticket", fields, "Open")
        return pages.page("Tickets", pages.refusal(said) + pages.links(lines) + new, tool=TOOL)

    async def _ticket(self, request: Request) -> Response:
        typed: dict[str, str] = {}
        said = ""
        try:
            ticket = self._desk.ticket(request.path_params["number"])
        except Refusal:
            return pages.page("Not found", "<p>There is no such ticket.</p>", tool=TOOL, status=404)
        if request.method == "POST":
            try:
                typed = await pages.form(request)
                self._save(ticket, typed)
                return pages.back_to(_address(ticket))
            except (Odd, Refusal) as no:
                said = _words(no)
        title = f"#{ticket.id}: {ticket['subject'] or ''}"
        return pages.page(title, pages.refusal(said) + self._shown(ticket) + self._form(ticket, typed), tool=TOOL)

    def _opened(self, typed: Mapping[str, str]) -> Ticket:
        by = self._acting(typed)
        said = {"subject": typed.get("title", ""), "comment": {"body": typed.get("comment") or typed.get("title", "")}}
        return self._desk.create(said, by, channel="web")[0]

    def _save(self, ticket: Ticket, typed: Mapping[str, str]) -> None:
        """What differs, and the comment, in one update, as the form of the vendor does. Customers only comment."""
        by = self._acting(typed)
        said: dict[str, Any] = {}
        if by.agent:
            given = {"subject": typed.get("title"), "status": typed.get("status"), "priority": typed.get("priority")}
            said = {name: value for name, value in given.items() if value and value != (ticket[name] or "")}
        if typed.get("comment"):
            public = typed.get("kind") == PUBLIC or not by.agent
            said["comment"] = {"body": typed["comment"], "public": public}
        if said:
            self._desk.update(ticket, said, by, channel="web")

    def _acting(self, typed: Mapping[str, str]) -> User:
        found = self._desk.by_email(typed.get("who", "")) if typed.get("who") in self._people else None
        if found is None:
            raise Odd("Choose who you are.")
        return found

    def _shown(self, ticket: Ticket) -> str:
        desk, state = self._desk, ticket.state
        group, assignee = desk.groups.get(ticket["group_id"] or 0), desk.users.get(ticket["assignee_id"] or 0)
        lines = [
            ("Status", str(ticket["status"])),
            ("Priority", ticket["priority"] or ""),
            ("Requester", desk.users[ticket["requester_id"]].name),
            ("Assignee", assignee.name if assignee else ""),
            ("Group", group.name if group else ""),
            ("Tags", " ".join(sorted(state.tags))),
            *((desk.fields[id].title, "" if value is None else str(value)) for id, value in state.custom.items()),
            ("Updated", f"{ticket.updated:%Y-%m-%d %H:%M:%S} UTC"),
        ]
        entries = [
            Said(
                author=desk.users[one.author].name, at=f"{one.at:%Y-%m-%d %H:%M:%S} UTC",
                kind="public" if one.public else "internal note",
                html=one.html + "".join(f"<p>File: {escape(file.name)}</p>" for file in one.files),
            )
            for one in reversed(ticket.comments)
        ]  # fmt: skip
        return pages.rows((name, escape(value)) for name, value in lines if value) + pages.conversation(entries)

    def _form(self, ticket: Ticket, typed: Mapping[str, str]) -> str:
        status, priority = typed.get("status", ticket["status"]), typed.get("priority", ticket["priority"] or "")
        statuses = [Choice(value=one, label=one, chosen=one == status) for one in d.STATUSES[:-1]]
        levels = [Choice(value=one, label=one or "none", chosen=one == priority) for one in ("", *d.PRIORITIES)]
        kinds = [
            Choice(value=PRIVATE, label="internal note", chosen=typed.get("kind") != PUBLIC),
            Choice(value=PUBLIC, label="public reply", chosen=typed.get("kind") == PUBLIC),
        ]
        shown = (
            self._who(typed)
            + pages.line("title", "Subject", typed.get("title", ticket["subject"] or ""))
            + '<div class="row">' + pages.select("status", "Status", statuses)
            + pages.select("priority", "Priority", levels) + pages.select("kind", "Comment as", kinds) + "</div>"
            + pages.text("comment", "Comment", typed.get("comment", ""))
        )  # fmt: skip
        return pages.post("Work on it here", shown, "Submit")

    def _who(self, typed: Mapping[str, str]) -> str:
        people = [(mail, self._desk.by_email(mail)) for mail in self._people]
        choices = [
            Choice(value=mail, label=f"{one.name} ({one.role})", chosen=mail == typed.get("who"))
            for mail, one in people
            if one is not None
        ]
        return pages.select("who", "You are", choices)


def _address(ticket: Ticket) -> str:
    return f"/agent/tickets/{ticket.id}"


def _words(no: Odd | Refusal) -> str:
    if isinstance(no, Odd):
        return str(no)
    details = no.body.get("details") if isinstance(no.body, dict) else None
    told = [str(one["description"]) for rows in (details or {}).values() for one in rows]
    return "; ".join(told) or "Zendesk does not allow this."
