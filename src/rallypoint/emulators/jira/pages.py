"""Issues in a browser, so that a person can play the engineer or the agent there: by the addresses that links have."""

from collections.abc import Mapping
from datetime import datetime
from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rallypoint.emulators import pages
from rallypoint.emulators.jira import definitions as d
from rallypoint.emulators.jira import rich
from rallypoint.emulators.jira.definitions import Kind
from rallypoint.emulators.jira.model import INTERNAL, Issue
from rallypoint.emulators.jira.people import User
from rallypoint.emulators.jira.refusals import Refusal
from rallypoint.emulators.jira.site import Site
from rallypoint.emulators.pages import Choice, Odd, Said

TOOL = "Jira"
LISTED_MOST = 200
SHOWN = (
    "status", "resolution", "priority", "assignee", "reporter", "labels", "components", "description", d.SEVERITY,
    d.ROOT_CAUSE, d.IMPACT, d.MINUTES,
)  # fmt: skip
TO_CUSTOMER, TO_TEAM = "customer", "team"


class Pages:
    """A list, a page for each issue, and a form on it."""

    def __init__(self, site: Site, people: tuple[str, ...]) -> None:
        """`people` are the names one may act as, the first being proposed."""
        self._site, self._people = site, people

    def routes(self) -> list[Route]:
        return pages.routes({"/": self._list, "/browse/{key}": self._issue})

    async def _list(self, request: Request) -> Response:
        found = sorted(self._site.issues.values(), key=lambda one: one.id, reverse=True)
        lines = [
            (
                f"/browse/{one.key}",
                one.key,
                f"{d.STATUSES[one.fields['status']].name} · {one.fields.get('summary', '')}",
            )
            for one in found[:LISTED_MOST]
        ]
        return pages.page("Issues", pages.links(lines), tool=TOOL)

    async def _issue(self, request: Request) -> Response:
        typed: dict[str, str] = {}
        said = ""
        try:
            issue = self._site.issue(request.path_params["key"], self._site.users[self._people[0]])
        except Refusal as no:
            return pages.page("Not found", f"<p>{escape(' '.join(no.messages))}</p>", tool=TOOL, status=404)
        if request.method == "POST":
            try:
                typed = await pages.form(request)
                self._save(issue, typed)
                return pages.back_to(f"/browse/{issue.key}")
            except Refusal as no:
                said = " ".join((*no.messages, *no.errors.values()))
            except Odd as no:
                said = str(no)
        title = f"{issue.key}: {issue.fields.get('summary', '')}"
        return pages.page(title, pages.refusal(said) + self._shown(issue) + self._form(issue, typed), tool=TOOL)

    def _save(self, issue: Issue, typed: Mapping[str, str]) -> None:
        """What differs in one save, then the step, then the comment: as somebody would click."""
        by = self._acting(typed)
        changes: dict[str, object] = {}
        if typed.get("title") and typed["title"] != issue.fields.get("summary"):
            changes["summary"] = typed["title"]
        if typed.get("priority") and typed["priority"] != issue.fields.get("priority"):
            changes["priority"] = {"id": typed["priority"]}
        if changes:
            self._site.edit(issue, {"fields": changes}, by, 2)
        step = next((one for one in self._site.steps(issue, by) if one.id == typed.get("step")), None)
        if step is not None:
            fields = {"resolution": {"id": typed.get("resolution", "")}} if "resolution" in step.screen else {}
            self._site.transition(issue, {"transition": {"id": step.id}, "fields": fields}, by, 2)
        if typed.get("comment"):
            internal = issue.project.kind == d.SERVICE_DESK and typed.get("seen") != TO_CUSTOMER
            properties = [{"key": INTERNAL, "value": {"internal": internal}}]
            self._site.comment(issue, {"body": typed["comment"], "properties": properties}, by, 2)

    def _acting(self, typed: Mapping[str, str]) -> User:
        who = typed.get("who", "")
        if who not in self._people:
            raise Odd("Choose who you are.")
        return self._site.users[who]

    def _shown(self, issue: Issue) -> str:
        lines = [("Project", escape(issue.project.name)), ("Type", escape(issue.type.name))]
        lines += [
            (self._site.fields[name].name, self._value(issue, name))
            for name in SHOWN
            if issue.fields.get(name) not in (None, "", [])
        ]
        for link in issue.remote:
            shown = link["object"]
            words = " · ".join(str(part) for part in (shown.get("title"), shown.get("summary")) if part)
            lines.append(("Linked", escape(words)))
        entries = [
            Said(
                author=one.author.title, at=f"{one.updated:%Y-%m-%d %H:%M:%S} UTC", kind=_kind(issue, one.internal),
                html=f'<div class="kept">{escape(rich.as_wiki(one.body))}</div>',
            )
            for one in issue.comments
        ]  # fmt: skip
        return pages.rows(lines) + pages.conversation(reversed(entries))

    def _value(self, issue: Issue, name: str) -> str:
        value, known = issue.fields[name], self._site.fields[name]
        match known.kind:
            case Kind.TEXT:
                return f'<div class="kept">{escape(rich.as_wiki(value))}</div>'
            case Kind.USER:
                return escape(self._site.users[value].title)
            case Kind.STATUS:
                return escape(d.STATUSES[value].name)
            case Kind.PRIORITY:
                return escape(d.PRIORITIES[value])
            case Kind.RESOLUTION:
                return escape(d.RESOLUTIONS[value])
            case Kind.OPTION:
                return escape(dict(known.options).get(value, value))
            case Kind.COMPONENTS:
                return escape(", ".join(issue.project.components.get(one, one) for one in value))
            case Kind.LABELS:
                return escape(", ".join(value))
        return escape(value.isoformat() if isinstance(value, datetime) else str(value))

    def _form(self, issue: Issue, typed: Mapping[str, str]) -> str:
        who = typed.get("who", self._people[0])
        by = self._site.users[who if who in self._people else self._people[0]]
        steps = [Choice(value="", label="(stays as it is)")] + [
            Choice(value=one.id, label=f"{one.name} → {d.STATUSES[one.to].name}", chosen=one.id == typed.get("step"))
            for one in self._site.steps(issue, by)
        ]
        priority = typed.get("priority", str(issue.fields.get("priority") or ""))
        levels = [Choice(value=id, label=name, chosen=id == priority) for id, name in d.PRIORITIES.items()]
        ends = [Choice(value=id, label=name) for id, name in d.RESOLUTIONS.items()]
        people = [Choice(value=name, label=self._site.users[name].title, chosen=name == who) for name in self._people]
        seen = [Choice(value=TO_TEAM, label="the team alone"), Choice(value=TO_CUSTOMER, label="the customer, too")]
        shown = (
            pages.select("who", "You are", people)
            + pages.line("title", "Summary", typed.get("title", str(issue.fields.get("summary") or "")))
            + '<div class="row">' + pages.select("step", "Step", steps)
            + pages.select("resolution", "Resolution, if a step asks for one", ends)
            + pages.select("priority", "Priority", levels) + "</div>"
            + pages.text("comment", "Comment", typed.get("comment", ""))
        )  # fmt: skip
        if issue.project.kind == d.SERVICE_DESK:
            shown += pages.select("seen", "Seen by", seen)
        return pages.post("Work on it here", shown, "Save")


def _kind(issue: Issue, internal: bool) -> str:
    if issue.project.kind != d.SERVICE_DESK:
        return ""
    return "internal" if internal else "to the customer"
