"""Incidents in a browser, so that a person can play the responder there: by the addresses that links have."""

from collections.abc import Mapping
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rallypoint.emulators import pages
from rallypoint.emulators.pagerduty.account import Account, Incident
from rallypoint.emulators.pagerduty.people import User
from rallypoint.emulators.pagerduty.refusals import Refusal
from rallypoint.emulators.pagerduty.shown import stamp
from rallypoint.emulators.pages import Choice, Odd, Said

TOOL = "PagerDuty"
WEB = "/web"
"""Where the pages are: at other addresses than the interface, which is on a host of its own there."""

LISTED_MOST = 200
STATUSES = ("triggered", "acknowledged", "resolved")


class Pages:
    """A list, a page for each incident, and forms on both."""

    def __init__(self, account: Account, people: tuple[str, ...]) -> None:
        """`people` are the mails one may act as, the first being proposed."""
        self._account, self._people = account, people

    def routes(self) -> list[Route]:
        return pages.routes({"/": self._list, f"{WEB}/incidents/{{id}}": self._incident})

    async def _list(self, request: Request) -> Response:
        typed: dict[str, str] = {}
        said = ""
        if request.method == "POST":
            try:
                typed = await pages.form(request)
                wanted = {"title": typed.get("title", ""), "service": {"id": typed.get("service", "")}}
                return pages.back_to(_address(self._account.trigger(wanted, self._acting(typed))))
            except (Odd, Refusal) as no:
                said = _words(no)
        found = sorted(self._account.incidents.values(), key=lambda one: one.number, reverse=True)
        lines = [(_address(one), f"#{one.number}", f"{one.status} · {one.title}") for one in found[:LISTED_MOST]]
        services = [
            Choice(value=one.id, label=one.name, chosen=one.id == typed.get("service"))
            for one in self._account.services.values()
        ]
        fields = (
            self._who(typed.get("who", ""))
            + pages.line("title", "Title", typed.get("title", ""))
            + pages.select("service", "Service", services)
        )
        body = pages.refusal(said) + pages.links(lines) + pages.post("New incident", fields, "Trigger it")
        return pages.page("Incidents", body, tool=TOOL)

    async def _incident(self, request: Request) -> Response:
        one = self._account.incidents.get(request.path_params["id"])
        if one is None:
            return pages.page("Not found", "<p>There is no such incident here.</p>", tool=TOOL, status=404)
        typed: dict[str, str] = {}
        said = ""
        if request.method == "POST":
            try:
                typed = await pages.form(request)
                self._save(one, typed)
                return pages.back_to(_address(one))
            except (Odd, Refusal) as no:
                said = _words(no)
        body = pages.refusal(said) + self._shown(one) + self._form(one, typed)
        return pages.page(f"#{one.number} {one.title}", body, tool=TOOL)

    def _save(self, one: Incident, typed: Mapping[str, str]) -> None:
        """What differs in one save, then the note."""
        by = self._acting(typed)
        said: dict[str, Any] = {"title": typed.get("title", one.title), "urgency": typed.get("urgency", one.urgency)}
        if typed.get("status", one.status) != one.status:
            said["status"] = typed["status"]
        if typed.get("priority"):
            said["priority"] = {"id": typed["priority"]}
        self._account.update(one, said, by)
        if typed.get("note"):
            self._account.note(one, typed["note"], by)

    def _acting(self, typed: Mapping[str, str]) -> User:
        found = next((one for one in self._account.users.values() if one.email == typed.get("who")), None)
        if found is None or found.email not in self._people:
            raise Odd("Choose who you are.")
        return found

    def _shown(self, one: Incident) -> str:
        facts = {
            "Status": one.status,
            "Service": one.service.name,
            "Urgency": one.urgency,
            "Priority": one.priority.name if one.priority else "",
            "Assigned to": ", ".join(user.name for _, user in one.assigned),
            "Updated": str(stamp(one.updated)),
            "Details": one.details,
        } | {
            each.display: str(one.custom.get(each.name) or "") for each in self._account.fields.values()
        }  # fmt: skip
        lines = [
            (name, f'<div style="white-space:pre-wrap">{escape(value)}</div>') for name, value in facts.items() if value
        ]
        notes = [
            Said(
                author=note.by.name, at=str(stamp(note.created)), text=note.content,
                kind="edited" if note.updated != note.created else "",
            )
            for note in one.notes
        ]  # fmt: skip
        return pages.rows(lines) + pages.conversation(reversed(notes))

    def _form(self, one: Incident, typed: Mapping[str, str]) -> str:
        status, urgency = typed.get("status", one.status), typed.get("urgency", one.urgency)
        priority = typed.get("priority", one.priority.id if one.priority else "")
        levels = [
            Choice(value=each.id, label=each.name, chosen=each.id == priority) for each in self._account.priorities
        ]
        fields = (
            self._who(typed.get("who", ""))
            + pages.line("title", "Title", typed.get("title", one.title))
            + '<div class="row">'
            + pages.select("status", "Status", _plain(STATUSES, status))
            + pages.select("urgency", "Urgency", _plain(("high", "low"), urgency))
            + pages.select("priority", "Priority", [Choice(value="", label="-"), *levels])
            + "</div>"
            + pages.text("note", "Note", typed.get("note", ""))
        )
        return pages.post("Work on it here", fields, "Save")

    def _who(self, chosen: str) -> str:
        users = [one for mail in self._people for one in self._account.users.values() if one.email == mail]
        return pages.select(
            "who", "You are", [Choice(value=one.email, label=one.name, chosen=one.email == chosen) for one in users]
        )


def _plain(values: tuple[str, ...], chosen: str) -> list[Choice]:
    return [Choice(value=one, label=one.capitalize(), chosen=one == chosen) for one in values]


def _address(one: Incident) -> str:
    return f"{WEB}/incidents/{one.id}"


def _words(no: Odd | Refusal) -> str:
    if isinstance(no, Odd):
        return str(no)
    return ": ".join((no.message, "; ".join(no.errors))) if no.errors else no.message
