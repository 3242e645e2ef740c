"""Incidents of an instance in a browser, so that a person can play the desk there: by the addresses that links have."""

from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rallypoint.emulators import pages
from rallypoint.emulators.pages import Choice, Odd, Said
from rallypoint.emulators.servicenow.instance import Instance, Row
from rallypoint.emulators.servicenow.people import User
from rallypoint.emulators.servicenow.refusals import Refusal

TOOL = "ServiceNow"
SHOWN = (
    "state", "hold_reason", "priority", "impact", "urgency", "caller_id", "assigned_to", "category", "description",
    "close_code", "close_notes", "opened_at", "sys_updated_on", "sys_updated_by", "correlation_display",
)  # fmt: skip
KINDS = {"comments": "seen by the caller", "work_notes": "work note, among agents"}
LISTED_MOST = 200


class Pages:
    """A list, a page for each incident, and forms on both."""

    def __init__(self, instance: Instance, people: tuple[str, ...]) -> None:
        """`people` are the user names one may act as, the first being proposed."""
        self._instance, self._people = instance, people

    def routes(self) -> list[Route]:
        return pages.routes({"/": self._list, "/incident.do": self._incident, "/nav_to.do": self._nav})

    async def _nav(self, request: Request) -> Response:
        """Addresses as people copy them: the page inside the frame."""
        inner = urlsplit(request.query_params.get("uri", ""))
        sys_id = parse_qs(inner.query).get("sys_id", [""])[0]
        if inner.path.lstrip("/") != "incident.do" or not sys_id.isalnum():
            return _missing()
        return pages.back_to(f"/incident.do?sys_id={sys_id}")

    async def _list(self, request: Request) -> Response:
        typed: dict[str, str] = {}
        said = ""
        if request.method == "POST":
            try:
                typed = await pages.form(request)
                row = self._log(typed)
                return pages.back_to(_address(row))
            except (Odd, Refusal) as no:
                said = _words(no)
        found = sorted(self._instance.tables["incident"].values(), key=lambda one: one["number"], reverse=True)
        lines = [(_address(row), row["number"], self._line(row)) for row in found[:LISTED_MOST]]
        fields = (
            self._who(typed.get("who", ""))
            + pages.line("short_description", "Short description", typed.get("short_description", ""))
            + pages.text("description", "Description", typed.get("description", ""))
        )
        body = pages.refusal(said) + pages.links(lines) + pages.post("Log an incident", fields, "Log it")
        return pages.page("Incidents", body, tool=TOOL)

    def _log(self, typed: Mapping[str, str]) -> Row:
        if not typed.get("short_description"):
            raise Odd("A short description is needed.")
        user = self._acting(typed)
        caller = next((one for one in self._instance.users.values() if not one.agent), user)
        values = {name: typed.get(name, "") for name in ("short_description", "description")}
        return self._instance.insert("incident", {"caller_id": caller.sys_id, **values}, user)

    async def _incident(self, request: Request) -> Response:
        row = self._instance.tables["incident"].get(request.query_params.get("sys_id", ""))
        if row is None:
            return _missing()
        typed: dict[str, str] = {}
        said = ""
        if request.method == "POST":
            try:
                typed = await pages.form(request)
                self._save(row, typed)
                return pages.back_to(_address(row))
            except (Odd, Refusal) as no:
                said = _words(no)
        title = f"{row['number']} {row['short_description']}"
        return pages.page(title, pages.refusal(said) + self._shown(row) + self._form(row, typed), tool=TOOL)

    def _save(self, row: Row, typed: Mapping[str, str]) -> None:
        changes = {
            name: typed[name]
            for name in ("short_description", "state", "impact", "urgency", "hold_reason", "close_code", "close_notes")
            if name in typed
        }
        if typed.get("comment"):
            changes["work_notes" if typed.get("kind") == "work_notes" else "comments"] = typed["comment"]
        self._instance.update("incident", row, changes, self._acting(typed))

    def _acting(self, typed: Mapping[str, str]) -> User:
        who = typed.get("who", "")
        if who not in self._people:
            raise Odd("Choose who you are.")
        return self._instance.users[who]

    def _line(self, row: Row) -> str:
        return f"{self._instance.label('incident', 'state', row['state'])} · {row['short_description']}"

    def _shown(self, row: Row) -> str:
        columns = self._instance.columns["incident"]
        fields = [(columns[name].label, self._instance.display("incident", row, name, "UTC")) for name in SHOWN]
        entries = [
            Said(
                author=self._instance.title(one["sys_created_by"]), at=one["sys_created_on"] + " UTC",
                kind=KINDS[one["element"]], text=one["value"],
            )
            for one in self._instance.tables["sys_journal_field"].values()
            if one["element_id"] == row["sys_id"]
        ]  # fmt: skip
        lines = [
            (label, f'<div style="white-space:pre-wrap">{escape(value)}</div>') for label, value in fields if value
        ]
        return pages.rows(lines) + pages.conversation(reversed(entries))

    def _form(self, row: Row, typed: Mapping[str, str]) -> str:
        def now(name: str) -> str:
            return typed.get(name, row.get(name, ""))

        def choice(name: str) -> str:
            choices = [Choice(value=one["value"], label=one["label"], chosen=one["value"] == now(name))
                       for one in self._instance.choices("incident", name)]  # fmt: skip
            empty = [] if name in ("state", "impact", "urgency") else [Choice(value="", label="-")]
            return pages.select(name, self._instance.columns["incident"][name].label, [*empty, *choices])

        private = typed.get("kind") == "work_notes"
        kinds = [
            Choice(value=one, label=words, chosen=private is (one == "work_notes")) for one, words in KINDS.items()
        ]
        fields = (
            self._who(typed.get("who", ""))
            + pages.line("short_description", "Short description", now("short_description"))
            + '<div class="row">' + choice("state") + choice("impact") + choice("urgency") + choice("hold_reason")
            + choice("close_code") + "</div>"
            + pages.line("close_notes", "Resolution notes", now("close_notes"))
            + pages.text("comment", "Comment", typed.get("comment", ""))
            + pages.select("kind", "Who reads the comment", kinds)
        )  # fmt: skip
        return pages.post("Work on it here", fields, "Save")

    def _who(self, chosen: str) -> str:
        users = [self._instance.users[name] for name in self._people]
        choices = [
            Choice(value=one.name, label=f"{self._instance.title(one.name)}, {'agent' if one.agent else 'caller'}",
                   chosen=one.name == chosen)
            for one in users
        ]  # fmt: skip
        return pages.select("who", "You are", choices)


def _address(row: Row) -> str:
    return f"/incident.do?sys_id={row['sys_id']}"


def _words(no: Odd | Refusal) -> str:
    return " ".join(part for part in (no.message, no.detail) if part) if isinstance(no, Refusal) else str(no)


def _missing() -> Response:
    return pages.page("Record not found", "<p>There is no such record here.</p>", tool=TOOL, status=404)
