"""The repositories of a host with their issues: what people may do with them, and what is written down of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rallypoint.emulators.base import Now
from rallypoint.emulators.github.people import Right, User
from rallypoint.emulators.github.refusals import Refusal, deleted, invalid, no_issues, not_found, wrong_type

TITLE_LONGEST, BODY_LONGEST, LABEL_LONGEST, ASSIGNEES_MOST = 256, 65_536, 50, 10
REASONS = ("completed", "not_planned", "duplicate")
Told = dict[str, Any]


@dataclass(slots=True)
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(slots=True)
class Milestone:
    id: int
    number: int
    title: str
    state: str = "open"


@dataclass(slots=True)
class Comment:
    id: int
    body: str
    by: User
    created: datetime
    updated: datetime


@dataclass(slots=True)
class Event:
    """One line of an issue's history. `more` has what this kind says besides."""

    id: int
    event: str
    by: User
    at: datetime
    more: Told = field(default_factory=dict)


@dataclass(slots=True)
class Issue:
    id: int
    number: int
    title: str
    body: str | None
    by: User
    created: datetime
    updated: datetime
    state: str = "open"
    reason: str | None = None
    closed: datetime | None = None
    closed_by: User | None = None
    labels: list[Label] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    milestone: Milestone | None = None
    locked: bool = False
    pull_request: bool = False
    parent: "tuple[Repository, Issue] | None" = None
    children: "list[tuple[Repository, Issue]]" = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Repository:
    """`rights` by login; for everybody else a public one can be read and a private one is not there."""

    id: int
    owner: str
    name: str
    private: bool = True
    has_issues: bool = True
    archived: bool = False
    rights: dict[str, Right] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    milestones: dict[int, Milestone] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    moved: "dict[int, tuple[Repository, int]]" = field(default_factory=dict)
    last_number: int = 0

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def right(self, who: User | None) -> Right:
        least = Right.NONE if self.private else Right.READ
        return least if who is None else max(least, self.rights.get(who.login, Right.NONE))


Listener = Callable[[str, str, Repository, Issue, User, Told], None]
"""(event like issues, action like edited, where, which, who, what the payload says besides), after it was done."""


class Moved(Exception):
    """The issue has another home by now."""

    def __init__(self, repository: Repository, number: int) -> None:
        self.repository, self.number = repository, number
        super().__init__(f"{repository.full_name}#{number}")


class Forge:
    """A host. Times have whole seconds, as everything there."""

    def __init__(self, clock: Now) -> None:
        self.clock = clock
        self.users: dict[str, User] = {}
        self.repositories: dict[int, Repository] = {}
        self.old_names: dict[str, int] = {}
        self.listeners: list[Listener] = []
        self._last_id = 1000

    def now(self) -> datetime:
        return self.clock.now().replace(microsecond=0)

    def new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    # Places.

    def add_repository(self, full_name: str, *, private: bool = True) -> Repository:
        owner, _, name = full_name.partition("/")
        made = Repository(self.new_id(), owner, name, private)
        self.repositories[made.id] = made
        return made

    def rename(self, repository: Repository, full_name: str) -> None:
        self.old_names[repository.full_name.casefold()] = repository.id
        repository.owner, _, repository.name = full_name.partition("/")

    def named(self, full_name: str) -> tuple[Repository | None, bool]:
        """(repository, whether this is a name that it had before)"""
        wanted = full_name.casefold()
        for one in self.repositories.values():
            if one.full_name.casefold() == wanted:
                return one, False
        before = self.repositories.get(self.old_names.get(wanted, 0))
        return before, before is not None

    def issue(self, where: Repository, number: int) -> Issue:
        if not where.has_issues:
            raise no_issues()
        if number in where.deleted:
            raise deleted()
        if number in where.moved:
            raise Moved(*where.moved[number])
        if number not in where.issues:
            raise not_found()
        return where.issues[number]

    def comment(self, where: Repository, id: int) -> tuple[Issue, Comment]:
        for issue in where.issues.values():
            for one in issue.comments:
                if one.id == id:
                    return issue, one
        raise not_found()

    # Issues.

    def open(self, where: Repository, said: Told, by: User) -> Issue:
        """What the account may not set is left out without a word."""
        if not where.has_issues:
            raise Refusal(410, "Issues has been disabled in this repository.")
        title, body = _title(said.get("title")), _body(said.get("body"))
        may = where.right(by) >= Right.TRIAGE
        labels = self._labels(where, said.get("labels") or (), by) if may else []
        assignees = self._assignees(where, said) if may else []
        milestone = self._milestone(where, said.get("milestone")) if may else None
        where.last_number += 1
        now = self.now()
        issue = Issue(self.new_id(), where.last_number, title, body, by, now, now)
        where.issues[issue.number] = issue
        self._tell("issues", "opened", where, issue, by)
        self._relabel(where, issue, labels, by)
        self._assign(where, issue, assignees or [], by)
        self._plan(where, issue, milestone, by)
        return issue

    def update(self, where: Repository, issue: Issue, said: Told, by: User) -> None:
        """All of it or nothing, but for what the account may not set: that is left out without a word."""
        may = where.right(by) >= Right.TRIAGE
        if not may and issue.by is not by:
            raise Refusal(403, "Must have admin rights to Repository.")
        title = _title(said["title"]) if "title" in said else issue.title
        body = _body(said["body"]) if "body" in said else issue.body
        state, reason = said.get("state") or issue.state, said.get("state_reason")
        if state not in ("open", "closed"):
            raise wrong_type("properties/state", f'{state!r} is not a member of ["open", "closed"]')
        if reason not in (None, "reopened", *REASONS):
            raise wrong_type("properties/state_reason", f"{reason!r} is not a possible value")
        labels = self._labels(where, said["labels"] or (), by) if may and "labels" in said else None
        assigned = "assignees" in said or "assignee" in said
        assignees = self._assignees(where, said) if may and assigned else None
        planned = may and "milestone" in said
        milestone = self._milestone(where, said["milestone"]) if planned else None
        self._edit(where, issue, title, body, by)
        if labels is not None:
            self._relabel(where, issue, labels, by)
        if assignees is not None:
            self._assign(where, issue, assignees, by)
        if planned:
            self._plan(where, issue, milestone, by)
        self._move(where, issue, state, reason, by)

    def _edit(self, where: Repository, issue: Issue, title: str, body: str | None, by: User) -> None:
        changes: Told = {}
        if title != issue.title:
            changes["title"] = {"from": issue.title}
            self._event(issue, "renamed", by, {"rename": {"from": issue.title, "to": title}})
        if body != issue.body:
            changes["body"] = {"from": issue.body or ""}
        issue.title, issue.body = title, body
        if changes:
            self._touch(issue)
            self._tell("issues", "edited", where, issue, by, {"changes": changes})

    def _move(self, where: Repository, issue: Issue, state: str, reason: str | None, by: User) -> None:
        if state == "closed" and (issue.state == "open" or (reason in REASONS and reason != issue.reason)):
            issue.state, issue.reason = "closed", reason if reason in REASONS else "completed"
            issue.closed, issue.closed_by = self.now(), by
            self._event(issue, "closed", by, {"state_reason": issue.reason})
            self._tell("issues", "closed", where, issue, by)
        elif state == "open" and issue.state == "closed":
            issue.state, issue.reason, issue.closed, issue.closed_by = "open", "reopened", None, None
            self._event(issue, "reopened", by, {"state_reason": "reopened"})
            self._tell("issues", "reopened", where, issue, by)

    def relabel(self, where: Repository, issue: Issue, names: Iterable[Any], by: User) -> None:
        self._relabel(where, issue, self._labels(where, names, by), by)

    def _relabel(self, where: Repository, issue: Issue, labels: list[Label], by: User) -> None:
        before = list(issue.labels)
        issue.labels = labels
        for event, some in (
            ("unlabeled", [one for one in before if one not in labels]),
            ("labeled", [one for one in labels if one not in before]),
        ):
            for one in some:
                self._event(issue, event, by, {"label": {"name": one.name, "color": one.color}})
                self._tell("issues", event, where, issue, by, {"label": one})

    def assign(self, where: Repository, issue: Issue, users: list[User], by: User) -> None:
        self._assign(where, issue, users, by)

    def _assign(self, where: Repository, issue: Issue, users: list[User], by: User) -> None:
        before = list(issue.assignees)
        issue.assignees = users
        for event, some in (
            ("unassigned", [one for one in before if one not in users]),
            ("assigned", [one for one in users if one not in before]),
        ):
            for one in some:
                self._event(issue, event, by, {"assignee": one})
                self._tell("issues", event, where, issue, by, {"assignee": one})

    def _plan(self, where: Repository, issue: Issue, milestone: Milestone | None, by: User) -> None:
        before, issue.milestone = issue.milestone, milestone
        if before is milestone:
            return
        if before is not None:
            self._event(issue, "demilestoned", by, {"milestone": {"title": before.title}})
            self._tell("issues", "demilestoned", where, issue, by)
        if milestone is not None:
            self._event(issue, "milestoned", by, {"milestone": {"title": milestone.title}})
            self._tell("issues", "milestoned", where, issue, by)

    def lock(self, where: Repository, issue: Issue, locked: bool, by: User) -> None:
        issue.locked = locked
        event = "locked" if locked else "unlocked"
        self._event(issue, event, by)
        self._tell("issues", event, where, issue, by)

    def delete(self, where: Repository, number: int, by: User) -> None:
        """Which only an administrator can, on the web."""
        issue = where.issues.pop(number)
        where.deleted.add(number)
        self._tell("issues", "deleted", where, issue, by)

    def transfer(self, where: Repository, number: int, to: Repository, by: User) -> Issue:
        """To another repository, on the web: it gets a new number there, and the old one leads to it."""
        issue = where.issues.pop(number)
        to.last_number += 1
        where.moved[number] = (to, to.last_number)
        self._tell("issues", "transferred", where, issue, by)
        issue.number = to.last_number
        issue.labels = [one for one in issue.labels if one.name.casefold() in to.labels]
        issue.milestone = None
        to.issues[issue.number] = issue
        self._event(issue, "transferred", by)
        self._tell("issues", "opened", to, issue, by)
        return issue

    def adopt(
        self, parent: tuple[Repository, Issue], child: tuple[Repository, Issue], by: User, *, replace: bool = False
    ) -> None:
        """A child has one parent, and nobody is above oneself."""
        above: tuple[Repository, Issue] | None = parent
        while above is not None:
            if above[1] is child[1]:
                raise invalid("Issue", "sub_issue", "custom", "Sub issue may not create a circular dependency")
            above = above[1].parent
        if child[1].parent is not None:
            if not replace:
                said = "Issue may not contain duplicate sub-issues and Sub issue may only have one parent"
                raise invalid("Issue", "sub_issue", "custom", said)
            self.disown(child, by)
        child[1].parent = parent
        parent[1].children.append(child)
        self._event(parent[1], "sub_issue_added", by)
        self._event(child[1], "parent_issue_added", by)

    def disown(self, child: tuple[Repository, Issue], by: User) -> None:
        parent, child[1].parent = child[1].parent, None
        if parent is not None:
            parent[1].children = [one for one in parent[1].children if one[1] is not child[1]]
            self._event(parent[1], "sub_issue_removed", by)
            self._event(child[1], "parent_issue_removed", by)

    # Comments.

    def say(self, where: Repository, issue: Issue, body: Any, by: User) -> Comment:
        if issue.locked and where.right(by) < Right.WRITE:
            raise Refusal(403, "Unable to create comment because issue is locked.")
        made = Comment(self.new_id(), _comment_body(body), by, self.now(), self.now())
        issue.comments.append(made)
        self._touch(issue)
        self._tell("issue_comment", "created", where, issue, by, {"comment": made})
        return made

    def edit_comment(self, where: Repository, issue: Issue, one: Comment, body: Any, by: User) -> None:
        """The issue itself does not notice."""
        self._demand_own(where, one, by)
        before, one.body = one.body, _comment_body(body)
        one.updated = self.now()
        told = {"comment": one, "changes": {"body": {"from": before}}}
        self._tell("issue_comment", "edited", where, issue, by, told)

    def delete_comment(self, where: Repository, issue: Issue, one: Comment, by: User) -> None:
        self._demand_own(where, one, by)
        issue.comments.remove(one)
        self._event(issue, "comment_deleted", by)
        self._tell("issue_comment", "deleted", where, issue, by, {"comment": one})

    def _demand_own(self, where: Repository, one: Comment, by: User) -> None:
        if one.by is not by and where.right(by) < Right.WRITE:
            raise Refusal(403, "Must have admin rights to Repository.")

    # What belongs to a repository.

    def add_label(self, where: Repository, name: Any, color: str = "ededed", description: str | None = None) -> Label:
        text = str(name or "").strip()
        if not text:
            raise invalid("Label", "name", "missing_field")
        if len(text) > LABEL_LONGEST:
            raise invalid("Label", "name", "custom", f"name is too long (maximum is {LABEL_LONGEST} characters)")
        if text.casefold() in where.labels:
            raise invalid("Label", "name", "already_exists")
        made = where.labels[text.casefold()] = Label(self.new_id(), text, color, description)
        return made

    def add_milestone(self, where: Repository, title: str) -> Milestone:
        number = max(where.milestones, default=0) + 1
        made = where.milestones[number] = Milestone(self.new_id(), number, title)
        return made

    def drop_milestone(self, where: Repository, number: int) -> None:
        gone = where.milestones.pop(number)
        for issue in where.issues.values():
            if issue.milestone is gone:
                issue.milestone = None

    def assignable(self, where: Repository) -> list[User]:
        return [one for one in self.users.values() if where.rights.get(one.login, Right.NONE) >= Right.TRIAGE]

    # Help.

    def _labels(self, where: Repository, names: Iterable[Any], by: User) -> list[Label]:
        """Labels by name whatever their case. New ones are made for who may; else they are left out."""
        found: dict[str, Label] = {}
        for one in names:
            name = str(one.get("name", "") if isinstance(one, dict) else one).strip()
            label = where.labels.get(name.casefold())
            if label is None and where.right(by) >= Right.WRITE:
                label = self.add_label(where, name)
            if label is not None:
                found[label.name] = label
        return list(found.values())

    def _assignees(self, where: Repository, said: Told) -> list[User]:
        single = [said["assignee"]] if said.get("assignee") else []
        wanted = said.get("assignees")
        found: dict[str, User] = {}
        for login in single if wanted is None else wanted:
            user = next((one for one in self.assignable(where) if one.login.casefold() == str(login).casefold()), None)
            if user is None:
                raise invalid("Issue", "assignees", "invalid", value=login)
            found[user.login] = user
        return list(found.values())[:ASSIGNEES_MOST]

    def _milestone(self, where: Repository, number: Any) -> Milestone | None:
        if number is None or number == "":
            return None
        if not str(number).isdigit() or int(number) not in where.milestones:
            raise invalid("Issue", "milestone", "invalid", value=number)
        return where.milestones[int(number)]

    def _touch(self, issue: Issue) -> None:
        issue.updated = self.now()

    def _event(self, issue: Issue, event: str, by: User, more: Told | None = None) -> None:
        issue.events.append(Event(self.new_id(), event, by, self.now(), more or {}))
        self._touch(issue)

    def _tell(
        self, event: str, action: str, where: Repository, issue: Issue, by: User, more: Told | None = None
    ) -> None:
        for one in self.listeners:
            one(event, action, where, issue, by, more or {})


def _title(said: Any) -> str:
    title = str(said if said is not None else "").strip()
    if not title:
        raise invalid("Issue", "title", "missing_field")
    if len(title) > TITLE_LONGEST:
        raise invalid("Issue", "title", "custom", f"title is too long (maximum is {TITLE_LONGEST} characters)")
    return title


def _body(said: Any) -> str | None:
    if said is None:
        return None
    if len(str(said)) > BODY_LONGEST:
        raise invalid("Issue", "body", "custom", f"body is too long (maximum is {BODY_LONGEST} characters)")
    return str(said)


def _comment_body(said: Any) -> str:
    if not str(said if said is not None else "").strip():
        raise invalid("IssueComment", "body", "missing_field")
    if len(str(said)) > BODY_LONGEST:
        raise invalid(
            "IssueComment", "body", "unprocessable", f"Body is too long (maximum is {BODY_LONGEST} characters)"
        )
    return str(said)
