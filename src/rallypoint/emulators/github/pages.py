"""Issues in a browser, so that a person can play the engineer there: by the addresses that links have."""

from collections.abc import Mapping
from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rallypoint.emulators import pages
from rallypoint.emulators.github.forge import Forge, Issue, Repository
from rallypoint.emulators.github.people import User
from rallypoint.emulators.github.refusals import Refusal
from rallypoint.emulators.github.shown import stamp
from rallypoint.emulators.pages import Choice, Odd, Said

TOOL = "GitHub"
LISTED_MOST = 200
STATES = {
    "open": "Open",
    "completed": "Closed as completed",
    "not_planned": "Closed as not planned",
    "duplicate": "Closed as duplicate",
}


class Pages:
    """A list of issues for each repository, a page for each issue, and forms on both."""

    def __init__(self, forge: Forge, people: tuple[str, ...]) -> None:
        """`people` are the logins one may act as, the first being proposed."""
        self._forge, self._people = forge, people

    def routes(self) -> list[Route]:
        here = "/{owner}/{name}/issues"
        return pages.routes({"/": self._start, here: self._list, here + "/{number:int}": self._issue})

    async def _start(self, request: Request) -> Response:
        lines = [
            (f"/{one.full_name}/issues", one.full_name, "private" if one.private else "public")
            for one in self._forge.repositories.values()
        ]
        return pages.page("Repositories", pages.links(lines), tool=TOOL)

    async def _list(self, request: Request) -> Response:
        where = self._where(request)
        if where is None:
            return _missing()
        typed: dict[str, str] = {}
        said = ""
        if request.method == "POST":
            try:
                typed = await pages.form(request)
                issue = self._forge.open(
                    where, {name: typed.get(name, "") for name in ("title", "body")}, self._acting(typed)
                )
                return pages.back_to(_address(where, issue))
            except (Odd, Refusal) as no:
                said = _words(no)
        found = sorted(where.issues.values(), key=lambda one: one.number, reverse=True)
        lines = [
            (_address(where, one), f"#{one.number}", f"{_state(one)} · {one.title}") for one in found[:LISTED_MOST]
        ]
        fields = (
            self._who(typed.get("who", ""))
            + pages.line("title", "Title", typed.get("title", ""))
            + pages.text("body", "Description", typed.get("body", ""))
        )
        body = pages.refusal(said) + pages.links(lines) + pages.post("New issue", fields, "Open it")
        return pages.page(where.full_name, body, tool=TOOL)

    async def _issue(self, request: Request) -> Response:
        where = self._where(request)
        issue = where.issues.get(request.path_params["number"]) if where is not None else None
        if where is None or issue is None:
            return _missing()
        typed: dict[str, str] = {}
        said = ""
        if request.method == "POST":
            try:
                typed = await pages.form(request)
                self._save(where, issue, typed)
                return pages.back_to(_address(where, issue))
            except (Odd, Refusal) as no:
                said = _words(no)
        body = pages.refusal(said) + self._shown(issue) + self._form(where, issue, typed)
        return pages.page(f"#{issue.number} {issue.title}", body, tool=TOOL)

    def _save(self, where: Repository, issue: Issue, typed: Mapping[str, str]) -> None:
        """Title, state and labels in one save, then the comment, as the page of the vendor does."""
        by = self._acting(typed)
        said: dict[str, object] = {"title": typed.get("title", issue.title)}
        state = typed.get("state", "")
        if state in STATES and state != _state(issue):
            said |= {"state": "open"} if state == "open" else {"state": "closed", "state_reason": state}
        if "labels" in typed:
            said["labels"] = [one.strip() for one in typed["labels"].split(",") if one.strip()]
        self._forge.update(where, issue, said, by)
        if typed.get("comment"):
            self._forge.say(where, issue, typed["comment"], by)

    def _where(self, request: Request) -> Repository | None:
        return self._forge.named(f"{request.path_params['owner']}/{request.path_params['name']}")[0]

    def _acting(self, typed: Mapping[str, str]) -> User:
        if typed.get("who", "") not in self._people:
            raise Odd("Choose who you are.")
        return self._forge.users[typed["who"]]

    def _shown(self, issue: Issue) -> str:
        facts = {
            "State": STATES[_state(issue)],
            "Author": issue.by.login,
            "Labels": ", ".join(one.name for one in issue.labels),
            "Assignees": ", ".join(one.login for one in issue.assignees),
            "Milestone": issue.milestone.title if issue.milestone else "",
            "Updated": str(stamp(issue.updated)),
            "Description": issue.body or "",
        }
        lines = [
            (name, f'<div style="white-space:pre-wrap">{escape(value)}</div>') for name, value in facts.items() if value
        ]
        entries = [
            Said(
                author=one.by.login, at=str(stamp(one.created)), text=one.body,
                kind="edited" if one.updated != one.created else "",
            )
            for one in issue.comments
        ]  # fmt: skip
        return pages.rows(lines) + pages.conversation(reversed(entries))

    def _form(self, where: Repository, issue: Issue, typed: Mapping[str, str]) -> str:
        state = typed.get("state", _state(issue))
        states = [Choice(value=id, label=name, chosen=id == state) for id, name in STATES.items()]
        labels = typed.get("labels", ", ".join(one.name for one in issue.labels))
        fields = (
            self._who(typed.get("who", ""))
            + pages.line("title", "Title", typed.get("title", issue.title))
            + pages.select("state", "State", states)
            + pages.line("labels", "Labels, with commas between them", labels)
            + pages.text("comment", "Comment", typed.get("comment", ""))
        )
        return pages.post("Work on it here", fields, "Save")

    def _who(self, chosen: str) -> str:
        users = [self._forge.users[login] for login in self._people]
        return pages.select(
            "who", "You are", [Choice(value=one.login, label=one.name, chosen=one.login == chosen) for one in users]
        )


def _state(issue: Issue) -> str:
    return "open" if issue.state == "open" else issue.reason or "completed"


def _address(where: Repository, issue: Issue) -> str:
    return f"/{where.full_name}/issues/{issue.number}"


def _words(no: Odd | Refusal) -> str:
    if isinstance(no, Odd):
        return str(no)
    told = [str(one.get("message") or f"{one.get('field')}: {one.get('code')}") for one in no.errors or ()]
    return ": ".join((no.message, "; ".join(told))) if told else no.message


def _missing() -> Response:
    return pages.page("Not found", "<p>There is no such page here.</p>", tool=TOOL, status=404)
