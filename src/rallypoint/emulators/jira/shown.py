"""What reads show: issues, comments, people, in version 2 or 3 of the interface, as one viewer sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from rallypoint.emulators.jira import definitions as d
from rallypoint.emulators.jira import rich
from rallypoint.emulators.jira.definitions import Kind
from rallypoint.emulators.jira.model import Comment, Entry, File, Issue, IssueType, Link, Project
from rallypoint.emulators.jira.people import User
from rallypoint.emulators.jira.site import Site

EMBEDDED_COMMENTS = 20
EMBEDDED_CHANGES = 100
CLOUD_VERSION, SERVER_VERSION = "1001.0.0-SNAPSHOT", "9.12.5"


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything as `viewer` sees it at this address; `version` is that of the interface."""

    site: Site
    base: str
    viewer: User
    version: int

    @property
    def api(self) -> str:
        return f"{self.base}/rest/api/{self.version}"

    def at(self, moment: datetime) -> str:
        """A time in the viewer's zone."""
        local = moment.astimezone(self.viewer.tz)
        return local.strftime("%Y-%m-%dT%H:%M:%S.") + f"{local.microsecond // 1000:03d}" + local.strftime("%z")

    def user(self, name: str | None) -> dict[str, Any] | None:
        if not name:
            return None
        return self.site.users[name].ref(self.base, self.site.edition, self.viewer)

    def text(self, kept: Any) -> Any:
        return kept if self.version == 3 else (rich.as_wiki(kept) or None)

    # Definitions.

    def status(self, id: str) -> dict[str, Any]:
        one = d.STATUSES[id]
        number, name, colour = d.CATEGORIES[one.category]
        return {
            "self": f"{self.api}/status/{id}",
            "description": "",
            "iconUrl": f"{self.base}/images/icons/statuses/generic.png",
            "name": one.name,
            "id": id,
            "statusCategory": {
                "self": f"{self.api}/statuscategory/{number}",
                "id": number,
                "key": one.category,
                "colorName": colour,
                "name": name,
            },
        }

    def priority(self, id: str) -> dict[str, Any]:
        return {
            "self": f"{self.api}/priority/{id}",
            "iconUrl": f"{self.base}/images/icons/priorities/{id}.svg",
            "name": d.PRIORITIES[id],
            "id": id,
        }

    def resolution(self, id: str) -> dict[str, Any]:
        return {"self": f"{self.api}/resolution/{id}", "id": id, "description": "", "name": d.RESOLUTIONS[id]}

    def type(self, one: IssueType) -> dict[str, Any]:
        return {
            "self": f"{self.api}/issuetype/{one.id}",
            "id": one.id,
            "description": "",
            "iconUrl": f"{self.base}/images/icons/issuetypes/bug.svg",
            "name": one.name,
            "subtask": one.subtask,
            "hierarchyLevel": -1 if one.subtask else 0,
        }

    def project(self, one: Project, *, types: bool = False) -> dict[str, Any]:
        said: dict[str, Any] = {
            "self": f"{self.api}/project/{one.id}",
            "id": one.id,
            "key": one.key,
            "name": one.name,
            "projectTypeKey": one.kind,
            "simplified": False,
            "avatarUrls": {"48x48": f"{self.base}/avatar/project?size=48"},
        }
        if not self.site.cloud:
            del said["simplified"]
        if types:
            said["issueTypes"] = [self.type(each) for each in one.types]
            said["components"] = [self.component(id, name) for id, name in one.components.items()]
        return said

    def component(self, id: str, name: str) -> dict[str, Any]:
        return {"self": f"{self.api}/component/{id}", "id": id, "name": name}

    def option(self, known: d.Field, id: str) -> dict[str, Any]:
        return {"self": f"{self.api}/customFieldOption/{id}", "value": dict(known.options).get(id), "id": id}

    def field(self, one: d.Field) -> dict[str, Any]:
        said: dict[str, Any] = {
            "id": one.id,
            "name": one.name,
            "custom": one.custom,
            "orderable": one.kind is not Kind.COUNTED,
            "navigable": True,
            "searchable": True,
            "clauseNames": [f"cf[{one.id.split('_')[1]}]", one.name] if one.custom else [one.id],
            "schema": one.schema(),
        }
        return said | ({"key": one.id} if self.site.cloud else {})

    def meta(self, one: d.Field, project: Project, type: IssueType, *, required: bool) -> dict[str, Any]:
        """A field as the descriptions of screens have it."""
        verbs = ["add", "set", "remove"] if one.kind in (Kind.LABELS, Kind.COMPONENTS, Kind.OPTIONS) else ["set"]
        said: dict[str, Any] = {
            "required": required,
            "schema": one.schema(),
            "name": one.name,
            "key": one.id,
            "fieldId": one.id,
            "hasDefaultValue": one.id == "priority",
            "operations": verbs,
        }
        if one.kind is Kind.USER:
            said["autoCompleteUrl"] = f"{self.api}/user/assignable/search?project={project.key}&query="
        values = self._allowed(one, project, type)
        return said | ({"allowedValues": values} if values is not None else {})

    def _allowed(self, one: d.Field, project: Project, type: IssueType) -> list[dict[str, Any]] | None:
        match one.kind:
            case Kind.PRIORITY:
                return [self.priority(id) for id in d.PRIORITIES]
            case Kind.RESOLUTION:
                return [self.resolution(id) for id in d.RESOLUTIONS]
            case Kind.OPTION | Kind.OPTIONS:
                return [self.option(one, id) for id, _ in one.options]
            case Kind.COMPONENTS:
                return [self.component(id, name) for id, name in project.components.items()]
            case Kind.TYPE:
                return [self.type(type)]
            case Kind.PROJECT:
                return [self.project(project)]
        return None

    # Issues.

    def issue(
        self, one: Issue, *, fields: list[str] | None = None, expand: str = "", properties: list[str] | None = None
    ) -> dict[str, Any]:
        said: dict[str, Any] = {
            "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
            "id": str(one.id),
            "self": f"{self.api}/issue/{one.id}",
            "key": one.key,
            "fields": self.fields(one, fields),
        }
        if "changelog" in expand:
            said["changelog"] = self._changelog(one)
        if "names" in expand:
            said["names"] = {id: self.site.fields[id].name for id in said["fields"] if id in self.site.fields}
        if properties:
            wanted = one.properties if "*all" in properties else {key: one.properties[key] for key in properties
                                                                  if key in one.properties}  # fmt: skip
            said["properties"] = dict(wanted)
        return said

    def _changelog(self, one: Issue) -> dict[str, Any]:
        """Cloud shows the newest hundred, newest first; Data Center everything, oldest first."""
        log = one.log[::-1][:EMBEDDED_CHANGES] if self.site.cloud else one.log
        rows = [self.entry(each) for each in log]
        return {"startAt": 0, "maxResults": len(rows), "total": len(one.log), "histories": rows}

    def entry(self, one: Entry) -> dict[str, Any]:
        said: dict[str, Any] = {
            "id": str(one.id),
            "author": self.user(one.author.name),
            "created": self.at(one.created),
            "items": [
                item if self.site.cloud else {k: v for k, v in item.items() if k != "fieldId"} for item in one.items
            ],
        }
        return said | ({"historyMetadata": one.metadata} if one.metadata else {})

    def fields(self, one: Issue, wanted: list[str] | None) -> dict[str, Any]:
        """Those asked for; a field that the configuration hides is in no answer. Empty ones are null."""
        asked = [name.strip() for name in wanted or ["*all"] if name.strip()]
        everything = any(name in ("*all", "*navigable") for name in asked)
        hidden = {name[1:] for name in asked if name.startswith("-")}
        names = [name for name in self.site.fields if everything or name in asked or asked == [f"-{h}" for h in hidden]]
        return {
            name: self._value(one, self.site.fields[name])
            for name in names
            if not self.site.fields[name].hidden and name not in hidden
        }

    def _value(self, one: Issue, known: d.Field) -> Any:
        value = one.fields.get(known.id)
        match known.kind:
            case Kind.COUNTED:
                return self._counted(one, known.id)
            case Kind.TYPE:
                return self.type(one.type)
            case Kind.PROJECT:
                return self.project(one.project)
            case Kind.LABELS:
                return value or []
            case Kind.COMPONENTS:
                return [self.component(id, one.project.components.get(id, "")) for id in value or []]
        if value is None:
            return None
        match known.kind:
            case Kind.TEXT:
                return self.text(value)
            case Kind.USER:
                return self.user(value)
            case Kind.OPTION:
                return self.option(known, value)
            case Kind.OPTIONS:
                return [self.option(known, id) for id in value]
            case Kind.PRIORITY:
                return self.priority(value)
            case Kind.RESOLUTION:
                return self.resolution(value)
            case Kind.STATUS:
                return self.status(value)
            case Kind.MOMENT:
                return self.at(value)
            case Kind.PARENT:
                parent = self.site.issues.get(value)
                return self.brief(parent) if parent else None
        return value

    def _counted(self, one: Issue, name: str) -> Any:
        match name:
            case "created" | "updated":
                return self.at(one.created if name == "created" else one.updated)
            case "creator":
                return self.user(one.creator.name)
            case "comment":
                seen = [each for each in one.comments if self.site.sees(each, self.viewer)]
                rows = seen[-EMBEDDED_COMMENTS:] if self.site.cloud else seen
                page = {"comments": [self.comment(one, each) for each in rows], "maxResults": len(rows)}
                return page | {"total": len(seen), "startAt": len(seen) - len(rows)}
            case "attachment":
                return [self.file(each) for each in one.files]
            case "issuelinks":
                mine = [each for each in self.site.links.values() if one.id in (each.source, each.destination)]
                return [self.link(each, one) for each in mine]
            case "subtasks":
                return [self.brief(each) for each in self.site.issues.values() if each.fields.get("parent") == one.id]
        value = one.fields.get(name)
        return self.at(value) if isinstance(value, datetime) else value

    def brief(self, one: Issue) -> dict[str, Any]:
        """As other issues mention it."""
        return {
            "id": str(one.id),
            "key": one.key,
            "self": f"{self.api}/issue/{one.id}",
            "fields": {
                "summary": one.fields.get("summary"),
                "status": self.status(one.fields["status"]),
                "priority": self.priority(one.fields["priority"]) if one.fields.get("priority") else None,
                "issuetype": self.type(one.type),
            },
        }

    def link(self, one: Link, seen_from: Issue) -> dict[str, Any]:
        """Only the other end is named."""
        name, inward, outward = d.LINK_TYPES[one.type]
        said: dict[str, Any] = {
            "id": str(one.id),
            "self": f"{self.api}/issueLink/{one.id}",
            "type": {"id": one.type, "name": name, "inward": inward, "outward": outward,
                     "self": f"{self.api}/issueLinkType/{one.type}"},
        }  # fmt: skip
        if seen_from.id == one.source:
            return said | {"outwardIssue": self.brief(self.site.issues[one.destination])}
        return said | {"inwardIssue": self.brief(self.site.issues[one.source])}

    def comment(self, issue: Issue, one: Comment, *, properties: bool = False) -> dict[str, Any]:
        said: dict[str, Any] = {
            "self": f"{self.api}/issue/{issue.id}/comment/{one.id}",
            "id": str(one.id),
            "author": self.user(one.author.name),
            "body": self.text(one.body) or "",
            "updateAuthor": self.user(one.update_author.name),
            "created": self.at(one.created),
            "updated": self.at(one.updated),
        }
        if one.visibility:
            said["visibility"] = one.visibility | ({"identifier": one.visibility["value"]} if self.site.cloud else {})
        if self.site.cloud:
            said["jsdPublic"] = not one.internal
        if properties:
            said["properties"] = [{"key": key, "value": value} for key, value in one.properties.items()]
        return said

    def file(self, one: File) -> dict[str, Any]:
        where = f"{self.api}/attachment/content/{one.id}" if self.site.cloud else (
            f"{self.base}/secure/attachment/{one.id}/{quote(one.name)}"
        )  # fmt: skip
        return {
            "self": f"{self.api}/attachment/{one.id}",
            "id": str(one.id),
            "filename": one.name,
            "author": self.user(one.author.name),
            "created": self.at(one.created),
            "size": len(one.body),
            "mimeType": one.type,
            "content": where,
        }

    def remote(self, issue: Issue, row: Mapping[str, Any]) -> dict[str, Any]:
        return {**row, "self": f"{self.api}/issue/{issue.key}/remotelink/{row['id']}"}

    def server(self) -> dict[str, Any]:
        """Anybody may see this; it says which edition it is."""
        cloud = self.site.cloud
        version = CLOUD_VERSION if cloud else SERVER_VERSION
        return {
            "baseUrl": self.base,
            "version": version,
            "versionNumbers": [1001, 0, 0] if cloud else [9, 12, 5],
            "deploymentType": "Cloud" if cloud else "Server",
            "buildNumber": 100290 if cloud else 9120005,
            "buildDate": "2026-11-01T00:00:00.000+0000",
            "serverTime": self.at(self.site.now()),
            "scmInfo": "0" * 40,
            "serverTitle": self.site.title,
        }
