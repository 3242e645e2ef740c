"""What the interface shows: items, updates, comments, in the vendor's shapes."""

from datetime import UTC, datetime
from typing import Any

from rallypoint.emulators.azure_devops import definitions as d
from rallypoint.emulators.azure_devops.organization import Comment, Item, Organization, Revision
from rallypoint.emulators.azure_devops.people import User

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


def stamp(at: datetime) -> str:
    """Milliseconds, without zeros at the end."""
    said = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return said.rstrip("0").rstrip(".") + "Z"


def plain(value: Any) -> Any:
    return stamp(value) if isinstance(value, datetime) else value


class Shown:
    """Views of one organisation under one base address, which ends with its name."""

    def __init__(self, organization: Organization, base: str) -> None:
        self.organization, self.base = organization, base

    def url(self, item: Item) -> str:
        return f"{self.base}/{self.organization.projects[item.project].id}/_apis/wit/workItems/{item.id}"

    def who(self, mail: str) -> dict[str, Any]:
        return self.organization.users[mail].ref(self.base)

    def value(self, ref: str, value: Any, *, text: bool = False) -> Any:
        """`text` shows identities as texts, as service hooks do."""
        if value is not None and self.organization.fields[ref].identity:
            return self.organization.users[value].text if text else self.who(value)
        return plain(value)

    def fields(self, revision: Revision, only: set[str] | None = None, *, text: bool = False) -> dict[str, Any]:
        return {
            ref: self.value(ref, value, text=text)
            for ref, value in revision.fields.items()
            if (only is None or ref.casefold() in only) and (ref != d.HISTORY or only is None)
        }

    def relations(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {**row, "attributes": {name: plain(value) for name, value in row["attributes"].items()}} for row in rows
        ]

    def item(
        self, item: Item, revision: Revision, *, expand: str = "none", only: set[str] | None = None, text: bool = False
    ) -> dict[str, Any]:
        fields = self.fields(revision, only, text=text)
        said: dict[str, Any] = {"id": item.id, "rev": revision.rev, "fields": fields}
        if item.formats:
            said["multilineFieldsFormat"] = dict(item.formats)
        if expand in ("relations", "all") and revision.relations:
            said["relations"] = self.relations(revision.relations)
        if expand in ("links", "all"):
            said["_links"] = self.links(item)
        if revision.comment is not None:
            number, version = revision.comment
            where = f"{self.url(item)}/comments/{number}/versions/{version}"
            said["commentVersionRef"] = {"commentId": number, "version": version, "url": where}
        return said | {"url": self.url(item)}

    def links(self, item: Item) -> dict[str, Any]:
        here = self.url(item)
        return {
            "self": {"href": here},
            "workItemUpdates": {"href": f"{here}/updates"},
            "workItemRevisions": {"href": f"{here}/revisions"},
            "workItemComments": {"href": f"{here}/comments"},
            "html": {"href": f"{self.base}/{item.project}/_workitems/edit/{item.id}"},
        }

    def update(self, item: Item, place: int, *, text: bool = False) -> dict[str, Any]:
        """What the save at this place changed. The newest is not yet revised, which the vendor writes as 9999."""
        new = item.revisions[place]
        old = item.revisions[place - 1] if place else None
        following = item.revisions[place + 1] if place + 1 < len(item.revisions) else None
        said: dict[str, Any] = {
            "id": new.rev,
            "workItemId": item.id,
            "rev": new.rev,
            "revisedBy": new.by.ref(self.base) | {"name": new.by.text},
            "revisedDate": stamp(following.at if following else FOREVER),
            "fields": self._changed(old.fields if old else {}, new.fields, text),
            "url": f"{self.url(item)}/updates/{new.rev}",
        }
        relations = self._related(old.relations if old else [], new.relations)
        return said | ({"relations": relations} if relations else {})

    def _changed(self, old: dict[str, Any], new: dict[str, Any], text: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for ref in dict.fromkeys((*new, *old)):
            before, after = old.get(ref), new.get(ref)
            if ref == d.HISTORY and after is None:
                continue
            if before != after:
                both = {"oldValue": before, "newValue": after}
                found[ref] = {
                    key: self.value(ref, value, text=text) for key, value in both.items() if value is not None
                }
        return found

    def _related(self, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[str, Any]:
        before = {(row["rel"], row["url"]): row for row in old}
        after = {(row["rel"], row["url"]): row for row in new}
        found = {
            "added": [row for key, row in after.items() if key not in before],
            "removed": [row for key, row in before.items() if key not in after],
            "updated": [row for key, row in after.items() if key in before and row != before[key]],
        }
        return {name: self.relations(rows) for name, rows in found.items() if rows}

    def comment(self, item: Item, comment: Comment, *, rendered: bool = False) -> dict[str, Any]:
        first, last = comment.versions[0], comment.versions[-1]
        said: dict[str, Any] = {
            "mentions": [],
            "workItemId": item.id,
            "id": comment.id,
            "version": len(comment.versions),
            "text": "" if comment.deleted else last.text,
            "createdBy": first.by.ref(self.base),
            "createdDate": stamp(first.at),
            "modifiedBy": last.by.ref(self.base),
            "modifiedDate": stamp(last.at),
            "format": comment.format,
            "url": f"{self.url(item)}/comments/{comment.id}",
        }
        if rendered:
            said["renderedText"] = said["text"]
        return said | ({"isDeleted": True} if comment.deleted else {})

    def deleted(self, item: Item) -> dict[str, Any]:
        assert item.deleted_at is not None
        assert item.deleted_by is not None
        return {
            "id": item.id,
            "type": item.type,
            "name": item.last.fields.get(d.TITLE, ""),
            "project": item.project,
            "deletedDate": stamp(item.deleted_at),
            "deletedBy": item.deleted_by.text,
            "code": 200,
            "url": f"{self.base}/{self.organization.projects[item.project].id}/_apis/wit/recyclebin/{item.id}",
            "resource": self.item(item, item.last),
        }

    def field(self, one: d.Field) -> dict[str, Any]:
        return {
            "name": one.name,
            "referenceName": one.ref,
            "description": None,
            "type": "string" if one.identity else one.type,
            "usage": "workItem",
            "readOnly": one.read_only,
            "canSortBy": one.type not in ("html", "history"),
            "isQueryable": True,
            "supportedOperations": [],
            "isIdentity": one.identity,
            "isPicklist": False,
            "isPicklistSuggested": False,
            "isDeleted": False,
            "isLocked": False,
            "url": f"{self.base}/_apis/wit/fields/{one.ref}",
        }

    def type_field(self, kind: d.Kind, one: d.Field, *, values: bool) -> dict[str, Any]:
        allowed: list[str] = [str(value) for value in one.values]
        if one.ref == d.STATE:
            allowed = [name for name, _, _ in kind.states]
        elif one.ref == d.REASON:
            allowed = sorted({reason for reasons in kind.reasons.values() for reason in reasons})
        default = kind.defaults.get(one.ref)
        return {
            "defaultValue": None if default is None else str(default),
            **({"allowedValues": allowed} if values else {}),
            "helpText": None,
            "alwaysRequired": one.ref in (*kind.required, d.STATE, "System.AreaPath", "System.IterationPath"),
            "dependentFields": [],
            "referenceName": one.ref,
            "name": one.name,
            "url": f"{self.base}/_apis/wit/fields/{one.ref}",
        }

    def states(self, kind: d.Kind) -> list[dict[str, Any]]:
        return [{"name": name, "color": color, "category": category} for name, color, category in kind.states]

    def kind(self, kind: d.Kind) -> dict[str, Any]:
        return {
            "name": kind.name,
            "referenceName": f"Microsoft.VSTS.WorkItemTypes.{kind.name}",
            "description": "",
            "color": "cc293d",
            "icon": {"id": "icon_insect", "url": f"{self.base}/_apis/wit/workItemIcons/icon_insect"},
            "isDisabled": False,
            "xmlForm": "",
            "fields": [],
            "fieldInstances": [
                self.type_field(kind, self.organization.fields[ref], values=False) for ref in kind.fields
            ],
            "transitions": {
                source: [{"to": to, "actions": None} for to in (*((source,) if source else ()), *following)]
                for source, following in kind.steps.items()
            },
            "states": self.states(kind),
            "url": f"{self.base}/_apis/wit/workItemTypes/{kind.name}",
        }

    def user(self, one: User) -> dict[str, Any]:
        return {"identity": one.ref(self.base)}
