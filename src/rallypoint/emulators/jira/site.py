"""The state of a site and what can be done to it: projects, issues with their history, comments, files, links."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from rallypoint.emulators.base import Now
from rallypoint.emulators.jira import definitions as d
from rallypoint.emulators.jira import values
from rallypoint.emulators.jira.definitions import Edition
from rallypoint.emulators.jira.model import Comment, Entry, Event, File, Issue, IssueType, Link, Project
from rallypoint.emulators.jira.people import User
from rallypoint.emulators.jira.refusals import Refusal, forbidden, no_issue, wrong

FIRST_ID = 10_000
COMMENTS_MOST = 5000
PROPERTY_LONGEST = 32_768
FILE_MOST = 60 * 1024 * 1024


class Site:
    """One Jira. `lag` is how far the search index is behind, in seconds."""

    def __init__(self, clock: Now, edition: Edition, *, title: str = "Jira") -> None:
        self.clock, self.edition, self.title = clock, edition, title
        self.users: dict[str, User] = {}
        self.projects: dict[str, Project] = {}
        self.fields = d.fields()
        self.issues: dict[int, Issue] = {}
        self.links: dict[int, Link] = {}
        self.lag = 0.0
        self.cloud_id = str(uuid.uuid5(uuid.NAMESPACE_URL, title))
        self.listeners: list[Callable[[Event], None]] = []
        self._last = FIRST_ID - 1

    @property
    def cloud(self) -> bool:
        return self.edition is Edition.CLOUD

    def new_id(self) -> int:
        self._last += 1
        return self._last

    def now(self) -> datetime:
        """The site's time: a thousandth is its grain."""
        now = self.clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    # Places.

    def add_project(self, key: str, name: str, kind: str, types: Iterable[tuple[str, bool]]) -> Project:
        make = d.service_workflow if kind == d.SERVICE_DESK else d.software_workflow
        workflow = make()
        made = Project(str(self.new_id()), key, name, kind, [])
        for title, subtask in types:
            screen = (*d.CREATE_SCREEN, "parent") if subtask else d.CREATE_SCREEN
            made.types.append(IssueType(str(self.new_id()), title, workflow, subtask, screen))
        self.projects[made.id] = made
        return made

    def project(self, said: str) -> Project:
        for one in self.projects.values():
            if said in (one.id, one.key, *one.old_keys):
                return one
        raise Refusal(404, f"No project could be found with key '{said}'.")

    def user(self, said: str) -> User | None:
        """By the id that the edition knows people by."""
        return next((one for one in self.users.values() if one.id(self.edition) == said), None)

    def issue(self, said: str, viewer: User | None) -> Issue:
        """By id or key, old ones too, as far as the viewer may see it."""
        found = self.issues.get(int(said)) if said.isdigit() else None
        if found is None:
            known = (one for one in self.issues.values() if said.upper() in (one.key, *one.old_keys))
            found = next(known, None)
        if found is None or viewer is None or viewer.customer or viewer.name in found.hidden_from:
            raise no_issue()
        return found

    def sees(self, one: Comment, viewer: User) -> bool:
        if one.visibility is None:
            return True
        wanted = one.visibility.get("value") or one.visibility.get("identifier")
        return viewer.admin or wanted in viewer.roles or one.author is viewer

    # Acts.

    def create(self, said: Mapping[str, Any], by: User, version: int) -> Issue:
        given = dict(said.get("fields") or {})
        place, kind = given.pop("project", None), given.pop("issuetype", None)
        if not isinstance(place, dict):
            raise wrong("project", "Specify a valid project ID or key")
        try:
            project = self.project(str(place.get("id") or place.get("key")))
        except Refusal:
            raise wrong("project", "Specify a valid project ID or key") from None
        type = project.type(str((kind or {}).get("id") or (kind or {}).get("name")))
        if type is None:
            raise wrong("issuetype", "Specify a valid issue type")
        if not by.writes or by.customer:
            raise Refusal(400, errors={"project": "You do not have permission to create issues in this project."})
        now = self.now()
        made = Issue(self.new_id(), project, project.last + 1, type, by, now, now)
        made.fields = {"status": type.workflow.initial, "priority": d.DEFAULT_PRIORITY, "reporter": by.name}
        changes = values.parsed(self, made, given, said.get("update"), version, screen=type.create)
        made.fields |= changes.fields
        self._demand(made, type.required)
        if type.subtask and not made.fields.get("parent"):
            raise wrong("parent", "Issue type is a sub-task but parent issue key or id not specified.")
        properties = _properties(said.get("properties"))
        project.last += 1
        made.properties |= properties
        self.issues[made.id] = made
        self._touch(made, now)
        self._tell(Event(name="jira:issue_created", kind="issue_created", issue=made, user=by, at=now))
        return made

    def edit(self, issue: Issue, said: Mapping[str, Any], by: User, version: int) -> None:
        """Fields and comments; a transition in it is ignored, as documented."""
        self._demand_writer(by)
        changes = values.parsed(self, issue, said.get("fields"), said.get("update"), version, screen=issue.type.edit)
        properties = _properties(said.get("properties"))
        self._demand(issue, ("summary",), changes.fields)
        issue.properties |= properties
        self._change(issue, changes.fields, by, said.get("historyMetadata"))
        for comment in changes.comments:
            self.comment(issue, comment, by, version)

    def steps(self, issue: Issue, by: User) -> list[d.Step]:
        """What is allowed from here, for this account."""
        if not by.writes:
            return []
        return [
            one
            for one in issue.type.workflow.steps
            if (not one.sources or issue.fields["status"] in one.sources)
            and (not one.condition or by.admin or one.condition in by.roles)
        ]

    def transition(self, issue: Issue, said: Mapping[str, Any], by: User, version: int) -> None:
        asked = said.get("transition")
        wanted = str(asked.get("id") or asked.get("name")) if isinstance(asked, dict) else ""
        if not wanted:
            raise Refusal(400, "Missing 'transition' identifier")
        step = next((one for one in self.steps(issue, by) if wanted in (one.id, one.name)), None)
        if step is None:
            words = "It is not a valid transition for this issue" if self.cloud else "Action is invalid"
            raise Refusal(400, f"Transition id '{wanted}' is not valid for this issue. {words}.")
        changes = values.parsed(self, issue, said.get("fields"), said.get("update"), version, screen=step.screen)
        self._demand(issue, step.required, changes.fields)
        fields = dict(changes.fields)
        fields["status"] = step.to
        category = d.STATUSES[step.to].category
        if category == "done" and not fields.get("resolution") and not issue.fields.get("resolution"):
            fields["resolution"] = "10000"
        if category != "done":
            fields["resolution"] = None
        self._change(issue, fields, by, said.get("historyMetadata"), kind="issue_generic")
        for comment in changes.comments:
            self.comment(issue, comment, by, version)

    def comment(self, issue: Issue, said: Mapping[str, Any], by: User, version: int) -> Comment:
        if not by.writes:
            raise Refusal(403, "You do not have permission to comment on this issue.")
        body = values.comment_body(self, said.get("body"), version)
        visibility = self._visibility(said.get("visibility"), by)
        if len(issue.comments) >= COMMENTS_MOST:
            raise Refusal(413, f"The issue has reached its limit of {COMMENTS_MOST} comments.")
        now = self.now()
        made = Comment(self.new_id(), by, body, now, now, by, visibility, _properties(said.get("properties")))
        issue.comments.append(made)
        self._touch(issue, now)
        self._tell(Event(name="comment_created", issue=issue, user=by, at=now, comment=made))
        self._tell(Event(name="jira:issue_updated", kind="issue_commented", issue=issue, user=by, at=now, comment=made))
        return made

    def edit_comment(self, issue: Issue, one: Comment, said: Mapping[str, Any], by: User, version: int) -> None:
        """Without properties a comment stays as visible as it is."""
        self._demand_own(one, by, "edit")
        if "body" in said:
            one.body = values.comment_body(self, said["body"], version)
        if "visibility" in said:
            one.visibility = self._visibility(said["visibility"], by)
        one.properties |= _properties(said.get("properties"))
        one.updated, one.update_author = self.now(), by
        self._touch(issue, one.updated)
        for name, kind in (("comment_updated", ""), ("jira:issue_updated", "issue_comment_edited")):
            self._tell(Event(name=name, kind=kind, issue=issue, user=by, at=one.updated, comment=one))

    def delete_comment(self, issue: Issue, one: Comment, by: User) -> None:
        self._demand_own(one, by, "delete")
        issue.comments.remove(one)
        now = self.now()
        self._touch(issue, now)
        for name, kind in (("comment_deleted", ""), ("jira:issue_updated", "issue_comment_deleted")):
            self._tell(Event(name=name, kind=kind, issue=issue, user=by, at=now, comment=one))

    def attach(self, issue: Issue, name: str, type: str, body: bytes, by: User) -> File:
        if not by.writes:
            raise Refusal(403, "You do not have permission to create attachments for this issue.")
        if len(body) > FILE_MOST:
            raise Refusal(413, f"The attachment is larger than {FILE_MOST} bytes.")
        now = self.now()
        made = File(self.new_id(), name, type, body, by, now)
        issue.files.append(made)
        item = _item("Attachment", None, None, str(made.id), name, field_id="attachment")
        self._tell(Event(name="attachment_created", issue=issue, user=by, at=now, file=made))
        self._log(issue, [item], by, now, None)
        return made

    def detach(self, issue: Issue, one: File, by: User) -> None:
        self._demand_writer(by)
        issue.files.remove(one)
        now = self.now()
        self._tell(Event(name="attachment_deleted", issue=issue, user=by, at=now, file=one))
        self._log(issue, [_item("Attachment", str(one.id), one.name, None, None, field_id="attachment")], by, now, None)

    def show_link(self, issue: Issue, said: Mapping[str, Any], by: User) -> tuple[dict[str, Any], bool]:
        """(remote link, whether it is new): one with the same global id is replaced."""
        if not by.writes:
            raise Refusal(403, "You do not have permission to link issues.")
        shown = said.get("object")
        if not isinstance(shown, dict) or not shown.get("url") or not shown.get("title"):
            missing = [name for name in ("title", "url") if not (shown or {}).get(name)]
            raise Refusal(400, errors={name: f"'{name}' is required." for name in missing})
        if len(str(said.get("globalId") or "")) > d.LINE_LONGEST:
            raise wrong("globalId", "'globalId' is too long. It must be no more than 255 characters.")
        now, known = self.now(), None
        if said.get("globalId"):
            known = next((one for one in issue.remote if one.get("globalId") == said["globalId"]), None)
        row = {name: said[name] for name in ("globalId", "application", "relationship", "object") if name in said}
        if known is not None:
            number = known["id"]
            known.clear()
            known.update({"id": number, **row})
            return known, False
        made = {"id": self.new_id(), **row}
        issue.remote.append(made)
        item = _item("RemoteWorkItemLink" if self.cloud else "RemoteIssueLink", None, None, str(made["id"]),
                     f'This work item links to "{shown["title"]}"')  # fmt: skip
        self._log(issue, [item], by, now, None)
        return made, True

    def join(self, type: str, source: Issue, destination: Issue, by: User) -> Link:
        self._demand_writer(by)
        if source is destination:
            raise Refusal(400, "You cannot link an issue to itself.")
        known = next((one for one in self.links.values() if (one.type, one.source, one.destination) ==
                      (type, source.id, destination.id)), None)  # fmt: skip
        if known is not None:
            return known
        made = Link(self.new_id(), type, source.id, destination.id)
        self.links[made.id] = made
        now, (_, inward, outward) = self.now(), d.LINK_TYPES[type]
        words = f"This issue {outward} {destination.key}"
        self._log(source, [_item("Link", None, None, destination.key, words)], by, now, None)
        self._log(
            destination, [_item("Link", None, None, source.key, f"This issue {inward} {source.key}")], by, now, None
        )
        self._tell(Event(name="issuelink_created", user=by, at=now, link=made))
        return made

    def part(self, link: Link, by: User) -> None:
        self._demand_writer(by)
        del self.links[link.id]
        self._tell(Event(name="issuelink_deleted", user=by, at=self.now(), link=link))

    def set_property(self, issue: Issue, key: str, value: Any, by: User) -> bool:
        """True when it is new. Nobody's clock moves: a property is no field."""
        self._demand_writer(by)
        new = key not in issue.properties
        issue.properties[key] = value
        self._tell(Event(name="issue_property_set", issue=issue, user=by, at=self.now()))
        return new

    def move(self, issue: Issue, to: Project, by: User) -> None:
        """Another project and key; the id stays, the old key leads here."""
        before, now = (issue.project, issue.key), self.now()
        type = to.type(issue.type.name) or to.types[0]
        to.last += 1
        issue.old_keys.append(issue.key)
        items = [
            _item("project", before[0].id, before[0].name, to.id, to.name, field_id="project"),
            _item("Key", None, before[1], None, f"{to.key}-{to.last}"),
        ]
        issue.project, issue.number, issue.type = to, to.last, type
        if issue.fields["status"] not in type.workflow.statuses:
            items.append(self._named("status", issue.fields["status"], type.workflow.initial))
            issue.fields["status"] = type.workflow.initial
        self._log(issue, items, by, now, None, kind="issue_moved")

    def rename(self, project: Project, key: str) -> None:
        """Every key in it changes at once; nothing is told."""
        project.old_keys.append(project.key)
        for one in self.issues.values():
            if one.project is project:
                one.old_keys.append(one.key)
        project.key = key
        for one in self.issues.values():
            if one.project is project:
                self._index(one)

    def delete(self, issue: Issue, by: User, *, subtasks: bool = False, secondary: bool = False) -> None:
        """For good: Jira has no bin."""
        self._demand_writer(by)
        below = [one for one in self.issues.values() if one.fields.get("parent") == issue.id]
        if below and not subtasks:
            raise Refusal(
                400, f"The issue '{issue.key}' has subtasks. You must specify the 'deleteSubtasks' parameter."
            )
        del self.issues[issue.id]
        now = self.now()
        self._tell(Event(name="jira:issue_deleted", kind="issue_deleted", issue=issue, user=by, at=now,
                         secondary=secondary))  # fmt: skip
        for link in [one for one in self.links.values() if issue.id in (one.source, one.destination)]:
            del self.links[link.id]
            self._tell(Event(name="issuelink_deleted", user=by, at=now, link=link, secondary=True))
        for one in below:
            self.delete(one, by, subtasks=True, secondary=True)

    # What every save does.

    def _change(
        self, issue: Issue, fields: Mapping[str, Any], by: User, metadata: Any, *, kind: str = "issue_updated"
    ) -> None:
        now = self.now()
        items: list[dict[str, Any]] = []
        for name, new in fields.items():
            old = issue.fields.get(name)
            if old == new or (old in (None, [], "") and new in (None, [], "")):
                continue
            items += values.history(self, issue, self.fields[name], old, new)
            issue.fields[name] = new
            if name == "resolution":
                issue.fields["resolutiondate"] = now if new else None
            if name == "status" and d.STATUSES[str(new)].category != d.STATUSES[str(old)].category:
                issue.fields["statuscategorychangedate"] = now
        kind = "issue_assigned" if [one["field"] for one in items] == ["assignee"] else kind
        self._log(issue, items, by, now, metadata if isinstance(metadata, dict) else None, kind=kind)

    def _log(
        self, issue: Issue, items: list[dict[str, Any]], by: User, now: datetime, metadata: dict[str, Any] | None, *,
        kind: str = "issue_updated",
    ) -> None:  # fmt: skip
        entry = Entry(self.new_id(), by, now, items, metadata) if items else None
        if entry is not None:
            issue.log.append(entry)
        self._touch(issue, now)
        self._tell(Event(name="jira:issue_updated", kind=kind, issue=issue, user=by, at=now, entry=entry))

    def _named(self, name: str, old: str, new: str) -> dict[str, Any]:
        return _item(name, old, d.STATUSES[old].name, new, d.STATUSES[new].name, field_id=name)

    def _touch(self, issue: Issue, now: datetime) -> None:
        issue.updated = now
        self._index(issue)

    def _index(self, issue: Issue) -> None:
        due = self.now() + timedelta(seconds=self.lag)
        issue.waiting.append((due, self.seen_by_search(issue)))

    def seen_by_search(self, issue: Issue) -> dict[str, Any]:
        """What the index keeps of an issue."""
        return {
            **issue.fields,
            "id": issue.id,
            "key": issue.key,
            "keys": {issue.key, *issue.old_keys},
            "project": {issue.project.id, issue.project.key, issue.project.name, *issue.project.old_keys},
            "issuetype": {issue.type.id, issue.type.name},
            "creator": issue.creator.name,
            "created": issue.created,
            "updated": issue.updated,
        }

    def _tell(self, event: Event) -> None:
        for one in self.listeners:
            one(event)

    # What is demanded.

    def _demand(self, issue: Issue, names: Iterable[str], changes: Mapping[str, Any] | None = None) -> None:
        after = {**issue.fields, **(changes or {})}
        empty = [name for name in names if name not in ("project", "issuetype") and after.get(name) in (None, "", [])]
        if empty:
            said = {name: f"{self.fields[name].name} is required." for name in empty}
            if "summary" in empty:
                said["summary"] = "You must specify a summary of the issue."
            raise Refusal(400, errors=said)

    def _demand_writer(self, by: User) -> None:
        if not by.writes or by.customer:
            raise forbidden()

    def _demand_own(self, one: Comment, by: User, verb: str) -> None:
        if not by.writes or (one.author is not by and not by.admin):
            raise Refusal(400, f"You do not have the permission to {verb} this comment.")

    def _visibility(self, said: Any, by: User) -> dict[str, str] | None:
        if said in (None, {}):
            return None
        if not isinstance(said, dict) or said.get("type") not in ("role", "group"):
            raise wrong("visibility", "Comment visibility type must be role or group.")
        value = str(said.get("value") or said.get("identifier") or "")
        known = {role for one in self.users.values() for role in one.roles}
        if value not in known:
            raise wrong("commentLevel", f"Role: {value} does not exist.")
        if value not in by.roles:
            raise wrong("commentLevel", f"You are currently not a member of the project role: {value}.")
        return {"type": str(said["type"]), "value": value}


def _properties(said: Any) -> dict[str, Any]:
    if said is None:
        return {}
    if not isinstance(said, list) or not all(isinstance(one, dict) and one.get("key") for one in said):
        raise Refusal(400, "The properties must be a list of keys and values.")
    return {str(one["key"]): one.get("value") for one in said}


def _item(
    name: str, old: str | None, old_words: str | None, new: str | None, new_words: str | None, *, field_id: str = ""
) -> dict[str, Any]:
    said: dict[str, Any] = {"field": name, "fieldtype": "jira"}
    if field_id:
        said["fieldId"] = field_id
    return said | {"from": old, "fromString": old_words, "to": new, "toString": new_words}
