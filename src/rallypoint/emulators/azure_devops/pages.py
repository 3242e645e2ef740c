"""Work items in a browser, so that a person can play the engineer there: by the addresses that links have."""

from collections.abc import Mapping
from html import escape
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rallypoint.emulators import pages
from rallypoint.emulators.azure_devops import definitions as d
from rallypoint.emulators.azure_devops.organization import Item, Organization, clean
from rallypoint.emulators.azure_devops.people import User
from rallypoint.emulators.azure_devops.refusals import Refusal
from rallypoint.emulators.azure_devops.shown import plain
from rallypoint.emulators.pages import Choice, Odd, Said

TOOL = "Azure DevOps"
LISTED_MOST = 200
RICH = frozenset({"System.Description", d.REPRO})
SHOWN = (
    "System.WorkItemType", d.STATE, d.REASON, "System.AssignedTo", d.COMMON + "Priority", d.COMMON + "Severity", d.TAGS,
    "System.Description", d.REPRO, "System.CreatedDate", "System.CreatedBy", "System.ChangedDate", "System.ChangedBy",
)  # fmt: skip


class Pages:
    """A list, a page for each item, and a form on it."""

    def __init__(self, organization: Organization, people: tuple[str, ...]) -> None:
        """`people` are the mails one may act as, the first being proposed."""
        self._organization, self._people = organization, people

    def routes(self) -> list[Route]:
        home = f"/{self._organization.name}"
        return pages.routes(
            {"/": self._list, home: self._list, home + "/{project}/_workitems/edit/{number:int}": self._item}
        )

    async def _list(self, request: Request) -> Response:
        found = sorted(self._organization.items.values(), key=lambda one: one.id, reverse=True)
        lines = [
            (self._address(one), f"#{one.id}", f"{one.last.fields.get(d.STATE)} · {one.last.fields.get(d.TITLE, '')}")
            for one in found[:LISTED_MOST]
            if one.deleted_at is None
        ]
        return pages.page("Work items", pages.links(lines), tool=TOOL)

    async def _item(self, request: Request) -> Response:
        typed: dict[str, str] = {}
        said = ""
        try:
            project = self._organization.project(request.path_params["project"])
            item = self._organization.item(request.path_params["number"], project=project.name)
        except Refusal as no:
            return pages.page("Not found", f"<p>{escape(no.message)}</p>", tool=TOOL, status=404)
        if request.method == "POST":
            try:
                typed = await pages.form(request)
                self._save(item, typed)
                return pages.back_to(self._address(item))
            except (Odd, Refusal) as no:
                said = no.message if isinstance(no, Refusal) else str(no)
        title = f"{item.type} {item.id}: {item.last.fields.get(d.TITLE, '')}"
        return pages.page(title, pages.refusal(said) + self._shown(item) + self._form(item, typed), tool=TOOL)

    def _save(self, item: Item, typed: Mapping[str, str]) -> None:
        """The fields that differ in one save, then the comment, as the form of the vendor does."""
        by = self._acting(typed)
        given = {d.TITLE: typed.get("title"), d.STATE: typed.get("state"), d.COMMON + "Priority": typed.get("priority")}
        changes = [
            {"op": "add", "path": f"/fields/{ref}", "value": value}
            for ref, value in given.items()
            if value and value != str(item.last.fields.get(ref, ""))
        ]
        if changes:
            self._organization.update(item, changes, by)
        if typed.get("comment"):
            text = "<br>".join(escape(typed["comment"]).split("\n"))
            self._organization.comment(item, f"<div>{text}</div>", by)

    def _acting(self, typed: Mapping[str, str]) -> User:
        who = typed.get("who", "")
        if who not in self._people:
            raise Odd("Choose who you are.")
        return self._organization.users[who]

    def _address(self, item: Item) -> str:
        return f"/{self._organization.name}/{quote(item.project)}/_workitems/edit/{item.id}"

    def _shown(self, item: Item) -> str:
        fields = item.last.fields
        lines = [
            (self._organization.fields[ref].name, self._value(ref, fields[ref]))
            for ref in SHOWN
            if fields.get(ref) not in (None, "")
        ]
        entries = [
            Said(
                author=one.versions[0].by.name, at=f"{one.versions[-1].at:%Y-%m-%d %H:%M:%S} UTC",
                kind="edited" if len(one.versions) > 1 else "", html=clean(one.versions[-1].text),
            )
            for one in item.comments
            if not one.deleted
        ]  # fmt: skip
        return pages.rows(lines) + pages.conversation(reversed(entries))

    def _value(self, ref: str, value: object) -> str:
        """Rich text is cleaned again: the organisation keeps as it came what is told to be Markdown."""
        if ref in RICH:
            return clean(str(value))
        if self._organization.fields[ref].identity and value in self._organization.users:
            return escape(self._organization.users[str(value)].name)
        return escape(str(plain(value)))

    def _form(self, item: Item, typed: Mapping[str, str]) -> str:
        fields, kind = item.last.fields, self._organization.kinds[item.type]
        state = typed.get("state", str(fields.get(d.STATE, "")))
        priority = typed.get("priority", str(fields.get(d.COMMON + "Priority", "")))
        states = [Choice(value=name, label=name, chosen=name == state) for name, _, _ in kind.states]
        levels = [Choice(value=one, label=one, chosen=one == priority) for one in ("1", "2", "3", "4")]
        people = [
            Choice(value=mail, label=self._organization.users[mail].name, chosen=mail == typed.get("who"))
            for mail in self._people
        ]
        shown = (
            pages.select("who", "You are", people)
            + pages.line("title", "Title", typed.get("title", str(fields.get(d.TITLE, ""))))
            + '<div class="row">' + pages.select("state", "State", states)
            + pages.select("priority", "Priority", levels) + "</div>"
            + pages.text("comment", "Comment", typed.get("comment", ""))
        )  # fmt: skip
        return pages.post("Work on it here", shown, "Save")
