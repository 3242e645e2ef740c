"""The work items of an organisation: revisions, comments, relations, the recycle bin, and the rules between them."""

import random
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import nh3

from rallypoint.emulators.azure_devops import definitions as d
from rallypoint.emulators.azure_devops.people import User
from rallypoint.emulators.azure_devops.refusals import (
    Broken,
    Refusal,
    bad_patch,
    forbidden,
    moved_on,
    no_comment,
    no_field,
    no_item,
    no_project,
    no_type,
    rules,
)
from rallypoint.emulators.base import Now

TICK = timedelta(milliseconds=3)
"""The least between two revisions of an item: their dates must rise."""

TAG_LONGEST = 400
RELATIONS = {
    "System.LinkTypes.Hierarchy-Forward": "System.LinkTypes.Hierarchy-Reverse",
    "System.LinkTypes.Hierarchy-Reverse": "System.LinkTypes.Hierarchy-Forward",
    "System.LinkTypes.Dependency-Forward": "System.LinkTypes.Dependency-Reverse",
    "System.LinkTypes.Dependency-Reverse": "System.LinkTypes.Dependency-Forward",
    "System.LinkTypes.Duplicate-Forward": "System.LinkTypes.Duplicate-Reverse",
    "System.LinkTypes.Duplicate-Reverse": "System.LinkTypes.Duplicate-Forward",
    "System.LinkTypes.Related": "System.LinkTypes.Related",
}
ATTRIBUTES = {
    "a": {"href", "title", "name"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "*": {"style"},
}
NAMED = re.compile(r"^(?P<name>.*?)\s*<(?P<mail>[^<>]+)>$")

Fields = dict[str, Any]
RelationRow = dict[str, Any]


@dataclass(slots=True)
class Revision:
    """An item as it was from one save to the next. Identities are kept by mail, times as times."""

    rev: int
    at: datetime
    by: User
    watermark: int
    fields: Fields
    relations: list[RelationRow]
    comment: tuple[int, int] | None = None
    """(comment, version) if this save wrote one."""

    deleted: bool = False


@dataclass(slots=True)
class CommentVersion:
    text: str
    at: datetime
    by: User


@dataclass(slots=True)
class Comment:
    id: int
    versions: list[CommentVersion]
    deleted: bool = False
    format: str = "html"


@dataclass(slots=True)
class Item:
    id: int
    project: str
    type: str
    revisions: list[Revision] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    formats: dict[str, str] = field(default_factory=dict)
    deleted_at: datetime | None = None
    deleted_by: User | None = None

    @property
    def last(self) -> Revision:
        return self.revisions[-1]


@dataclass(slots=True)
class File:
    id: str
    name: str
    body: bytes
    at: datetime


@dataclass(slots=True)
class Project:
    id: str
    name: str
    areas: set[str]


Listener = Callable[[str, Item], None]
"""(event like workitem.updated, item), after the save."""


class Organization:
    """One organisation. `seed` makes its ids; two with the same seed make the same."""

    def __init__(self, name: str, clock: Now, *, seed: int) -> None:
        self.name, self.clock = name, clock
        self._random = random.Random(seed)
        self.users: dict[str, User] = {}
        self.projects: dict[str, Project] = {}
        self.fields, self.kinds = d.fields(), d.kinds()
        self.items: dict[int, Item] = {}
        self.files: dict[str, File] = {}
        self.hidden: set[int] = set()
        self.query_lag = 0.0
        """For so many seconds a query does not show a new item."""
        self.watermark = 100
        self.listeners: list[Listener] = []
        self._last_item = self._last_comment = 0

    # From one life to the next.

    def kept(self) -> dict[str, Any]:
        """Items, files and counters; people and projects are as the organisation was made."""
        return {
            "items": self.items, "files": self.files, "watermark": self.watermark,
            "last": [self._last_item, self._last_comment],
            "projects": {one.name: one.id for one in self.projects.values()},
            "users": {one.mail: one.id for one in self.users.values()}, "ids": self._random.getrandbits(64),
        }  # fmt: skip

    def take_up(self, kept: dict[str, Any]) -> None:
        """Take the place of what was kept. People and projects keep the ids they had."""
        self.items = msgspec.convert(kept["items"], dict[int, Item])
        self.files = msgspec.convert(kept["files"], dict[str, File])
        self.watermark, (self._last_item, self._last_comment) = kept["watermark"], kept["last"]
        for name, id in kept["projects"].items():
            self.projects[name].id = id
        for mail, id in kept["users"].items():
            self.users[mail].id = id
        self._random = random.Random(kept["ids"])

    def new_id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def add_project(self, name: str) -> Project:
        project = Project(self.new_id(), name, {name})
        self.projects[name] = project
        return project

    def remove_project(self, name: str) -> None:
        """An administrator deletes it; its items can no longer be reached."""
        gone = self.projects.pop(name)
        self.hidden |= {item.id for item in self.items.values() if item.project == gone.name}

    def remove_field(self, ref: str) -> None:
        """An administrator takes a field off the process: no type has it any more, and no item shows it."""
        del self.fields[ref]
        for kind in self.kinds.values():
            kind.fields = tuple(one for one in kind.fields if one != ref)
        for item in self.items.values():
            for revision in item.revisions:
                revision.fields.pop(ref, None)

    def project(self, said: str) -> Project:
        for one in self.projects.values():
            if said.casefold() in (one.name.casefold(), one.id):
                return one
        raise no_project(said)

    def kind(self, project: str, name: str) -> d.Kind:
        for one in self.kinds.values():
            if one.name.casefold() == name.casefold():
                return one
        raise no_type(name, project)

    def item(self, number: int, *, project: str | None = None, deleted: bool = False) -> Item:
        found = self.items.get(number)
        gone = found is None or number in self.hidden or (found.deleted_at is not None) != deleted
        if found is None or gone or (project is not None and found.project != project):
            raise no_item(number)
        return found

    # Saving.

    def create(self, project: Project, kind: d.Kind, patch: Any, by: User, *, only_check: bool = False) -> Item:
        _demand_writer(by, 0)
        item = Item(0 if only_check else self._last_item + 1, project.name, kind.name)
        now = self.clock.now()
        before = Revision(0, now, by, self.watermark, {}, [])
        start: Fields = {
            "System.TeamProject": project.name,
            "System.AreaPath": project.name,
            "System.IterationPath": project.name,
            "System.WorkItemType": kind.name,
            "System.CreatedDate": now,
            "System.CreatedBy": by.mail,
            d.STATE: kind.steps[""][0],
            d.REASON: kind.reasons.get(("", kind.steps[""][0]), ("New",))[0],
            **kind.defaults,
        }
        change = self._apply(item, before, start, patch, by)
        if only_check:
            item.revisions.append(self._revision(item, change, by))
            return item
        self._last_item += 1
        self.items[item.id] = item
        self._save(item, change, by, "workitem.created")
        return item

    def update(self, item: Item, patch: Any, by: User, *, only_check: bool = False) -> Item:
        _demand_writer(by, item.id)
        change = self._apply(item, item.last, dict(item.last.fields), patch, by)
        if only_check:
            return replace(item, revisions=[*item.revisions, self._revision(item, change, by)])
        if change.nothing(item.last):
            return item  # a save that changes nothing makes no revision
        self._save(item, change, by, "workitem.updated")
        return item

    def comment(self, item: Item, text: str, by: User) -> Comment:
        _demand_writer(by, item.id)
        change = Change(dict(item.last.fields), deepcopy(item.last.relations), history=clean(text))
        self._save(item, change, by, "workitem.updated")
        return item.comments[-1]

    def edit_comment(self, item: Item, number: int, text: str, by: User) -> Comment:
        _demand_writer(by, item.id)
        found = self.find_comment(item, number)
        revision = self._revision(item, Change(dict(item.last.fields), deepcopy(item.last.relations)), by)
        found.versions.append(CommentVersion(clean(text), revision.at, by))
        revision.comment = (found.id, len(found.versions))
        item.revisions.append(revision)
        self._tell("workitem.updated", item)
        return found

    def delete_comment(self, item: Item, number: int, by: User) -> None:
        _demand_writer(by, item.id)
        found = self.find_comment(item, number)
        found.deleted = True
        item.revisions.append(self._revision(item, Change(dict(item.last.fields), deepcopy(item.last.relations)), by))
        self._tell("workitem.updated", item)

    def find_comment(self, item: Item, number: int, *, deleted: bool = False) -> Comment:
        found = next((one for one in item.comments if one.id == number), None)
        if found is None or (found.deleted and not deleted):
            raise no_comment(number)
        return found

    def delete(self, item: Item, by: User, *, destroy: bool) -> None:
        """Into the recycle bin, or for good."""
        _demand_writer(by, item.id)
        if destroy:
            del self.items[item.id]
            return
        revision = self._revision(item, Change(dict(item.last.fields), deepcopy(item.last.relations)), by)
        revision.deleted = True
        revision.fields["System.IsDeleted"] = True
        item.revisions.append(revision)
        item.deleted_at, item.deleted_by = revision.at, by
        self._tell("workitem.deleted", item)

    def restore(self, item: Item, by: User) -> None:
        _demand_writer(by, item.id)
        revision = self._revision(item, Change(dict(item.last.fields), deepcopy(item.last.relations)), by)
        revision.fields.pop("System.IsDeleted", None)
        item.revisions.append(revision)
        item.deleted_at = item.deleted_by = None
        self._tell("workitem.restored", item)

    def upload(self, name: str, body: bytes) -> File:
        found = File(self.new_id(), name, body, self.clock.now())
        self.files[found.id] = found
        return found

    def _save(self, item: Item, change: "Change", by: User, event: str) -> None:
        revision = self._revision(item, change, by)
        if change.history:
            self._last_comment += 1
            item.comments.append(
                Comment(self._last_comment, [CommentVersion(change.history, revision.at, by)], format="html")
            )
            revision.comment = (self._last_comment, 1)
            revision.fields[d.HISTORY] = change.history
            revision.fields["System.CommentCount"] = sum(not one.deleted for one in item.comments)
        item.formats |= change.formats
        item.revisions.append(revision)
        self._tell(event, item)
        if change.history:
            self._tell("workitem.commented", item)
        for target, row in change.mirrored:
            self._mirror(target, row, by)

    def _mirror(self, target: Item, row: RelationRow, by: User) -> None:
        """A link between items is kept at both: the other one gets a revision too."""
        change = Change(dict(target.last.fields), [*deepcopy(target.last.relations), row])
        target.revisions.append(self._revision(target, change, by))
        self._tell("workitem.updated", target)

    def _tell(self, event: str, item: Item) -> None:
        for one in self.listeners:
            one(event, item)

    def _revision(self, item: Item, change: "Change", by: User) -> Revision:
        self.watermark += 1
        at = self.clock.now()
        if item.revisions:
            at = max(at, item.last.at + TICK)
        rev = len(item.revisions) + 1
        fields = {name: value for name, value in change.fields.items() if value not in (None, "") and name != d.HISTORY}
        fields |= {
            "System.Id": item.id,
            "System.Rev": rev,
            "System.ChangedDate": at,
            "System.ChangedBy": by.mail,
            "System.Watermark": self.watermark,
            "System.CommentCount": sum(not one.deleted for one in item.comments),
        }
        for name, rel in (("System.HyperLinkCount", "Hyperlink"), ("System.AttachedFileCount", "AttachedFile")):
            number = sum(row["rel"] == rel for row in change.relations)
            if number:
                fields[name] = number
            else:
                fields.pop(name, None)
        return Revision(rev, at, by, self.watermark, fields, change.relations)

    # Patches.

    def _apply(self, item: Item, before: Revision, fields: Fields, patch: Any, by: User) -> "Change":
        """What a JSON patch makes of an item. Nothing is kept if anything of it is refused."""
        if not isinstance(patch, list):
            raise bad_patch("You must pass a valid patch document in the body of the request.")
        kind = self.kinds[item.type]
        change = Change(fields, deepcopy(before.relations))
        for one in patch:
            if not isinstance(one, dict) or not isinstance(one.get("path"), str):
                raise bad_patch("Each operation needs op and path.")
            op, path, value = str(one.get("op", "")).lower(), one["path"], one.get("value")
            if op == "test":
                self._test(path, value, before)
            elif path.startswith("/fields/"):
                self._set(change, kind, item, op, path.removeprefix("/fields/"), value)
            elif path.startswith("/relations/"):
                self._relate(change, item, op, path.removeprefix("/relations/"), value)
            elif path.startswith("/multilineFieldsFormat/"):
                change.formats[path.removeprefix("/multilineFieldsFormat/")] = str(value).lower()
            else:
                raise bad_patch(f"The path {path} is not one that can be changed.")
        change.formats = {name: said for name, said in change.formats.items() if name in self.fields}
        self._judge(change, kind, before, by)
        return change

    def _test(self, path: str, value: Any, before: Revision) -> None:
        if path == "/rev":
            if value != before.rev:
                raise moved_on(value)
        elif path.startswith("/fields/"):
            if before.fields.get(path.removeprefix("/fields/")) != value:
                raise Refusal(412, f"The current value for path {path} does not equal '{value}'.",
                              "TestPatchOperationFailedException")  # fmt: skip
        else:
            raise bad_patch(f"The path {path} cannot be tested.")

    def _set(self, change: "Change", kind: d.Kind, item: Item, op: str, ref: str, value: Any) -> None:
        wanted = ref.casefold()
        known = next((one for one in self.fields.values() if wanted in (one.ref.casefold(), one.name.casefold())), None)
        if known is None or known.ref not in kind.fields:
            raise no_field(ref)
        if op not in ("add", "replace", "remove"):
            raise bad_patch(f"The operation {op} is not supported on fields.")
        if known.read_only:
            raise Refusal(400, f"TF401326: Invalid field status 'ReadOnly' for field '{known.ref}'.",
                          "InvalidFieldStatusException")  # fmt: skip
        change.named.add(known.ref)
        if op == "remove" or value is None or value == "":
            change.fields[known.ref] = None
        elif known.ref == d.HISTORY:
            change.history = clean(str(value))
        elif known.ref == d.TAGS:
            change.fields[d.TAGS] = _tags(str(value), str(change.fields.get(d.TAGS) or "") if op == "add" else "")
        else:
            change.fields[known.ref] = self._value(change, known, item, value)

    def _value(self, change: "Change", known: d.Field, item: Item, value: Any) -> Any:
        match known.type:
            case "html":
                markdown = {**item.formats, **change.formats}.get(known.ref) == "markdown"
                return str(value).replace("\r\n", "\n") if markdown else clean(str(value))
            case "identity":
                return self._identity(known, value)
            case "integer" | "double" | "boolean" | "dateTime":
                try:
                    return _typed(known.type, value)
                except (ValueError, TypeError):
                    change.broken.append(Broken(known.ref, known.name, "invalidType"))
                    return None
            case "treePath":
                paths = self.projects[item.project].areas
                found = next((one for one in paths if one.casefold() == str(value).casefold()), None)
                if found is None:
                    raise Refusal(
                        400, f"TF401347: Invalid tree name given for work item {item.id}, field '{known.ref}'.",
                        "WorkItemInvalidTreeNameException",
                    )  # fmt: skip
                return found
        text = " ".join(str(value).replace("\r\n", "\n").split("\n")).strip()
        if len(text) > d.LONGEST:
            change.broken.append(Broken(known.ref, known.name, "invalidTooLong"))
        return text

    def _identity(self, known: d.Field, value: Any) -> str:
        said = str(value.get("uniqueName") or value.get("displayName") or "") if isinstance(value, dict) else str(value)
        named = NAMED.match(said)
        wanted = (named["mail"] if named else said).casefold()
        for one in self.users.values():
            if wanted in (one.mail.casefold(), one.name.casefold(), one.id):
                return one.mail
        said = f"The identity value '{said}' for field '{known.name}' is an unknown identity."
        raise Refusal(400, said, "RuleValidationException")

    def _relate(self, change: "Change", item: Item, op: str, path: str, value: Any) -> None:
        where, _, rest = path.partition("/")
        if op == "add" and where == "-":
            change.relations.append(self._relation(change, item, value))
            return
        if not where.isdigit() or int(where) >= len(change.relations):
            raise bad_patch(f"There is no relation at index {where}.")
        row = change.relations[int(where)]
        if op == "remove" and not rest:
            del change.relations[int(where)]
        elif op in ("add", "replace") and rest == "attributes/comment":
            row["attributes"]["comment"] = _remark(value)
        else:
            raise bad_patch(f"The operation {op} is not supported on /relations/{path}.")

    def _relation(self, change: "Change", item: Item, value: Any) -> RelationRow:
        if not isinstance(value, dict) or not value.get("rel") or not value.get("url"):
            raise bad_patch("A relation needs rel and url.")
        rel, url, now = str(value["rel"]), str(value["url"]), self.clock.now()
        said = value.get("attributes") or {}
        attributes: dict[str, Any] = {"comment": _remark(said["comment"])} if said.get("comment") else {}
        if any(row["rel"] == rel and row["url"] == url for row in change.relations):
            raise Refusal(400, "VS403660: Relation already exists.", "WorkItemLinkAlreadyExistsException")
        if rel in RELATIONS:
            self._mirrored(change, item, rel, url)
            return {"rel": rel, "url": url, "attributes": {"isLocked": False, **attributes}}
        if rel not in ("Hyperlink", "AttachedFile"):
            raise Refusal(400, f"TF401335: The link type {rel} does not exist.", "WorkItemLinkTypeNotFoundException")
        attributes |= {
            "authorizedDate": now,
            "id": len(change.relations) + item.id * 1000 + len(item.revisions),
            "resourceCreatedDate": now,
            "resourceModifiedDate": now,
            "revisedDate": datetime(9999, 1, 1, tzinfo=UTC),
        }
        if rel == "AttachedFile":
            file = self.files.get(url.rstrip("/").split("/")[-1].split("?")[0])
            if file is None:
                said_no = f"TF401243: Attachment {url} does not exist."
                raise Refusal(400, said_no, "WorkItemAttachmentNotFoundException")
            attributes |= {"resourceSize": len(file.body), "name": str(said.get("name") or file.name)}
        return {"rel": rel, "url": url, "attributes": attributes}

    def _mirrored(self, change: "Change", item: Item, rel: str, url: str) -> None:
        number = url.rstrip("/").split("/")[-1]
        target = self.item(int(number)) if number.isdigit() else None
        if target is None or target is item:
            raise bad_patch("A link must lead to another work item.")
        if self._reaches(target, rel, item.id):
            raise Refusal(400, "TF201036: You cannot add a link because it would result in a circular relationship.",
                          "WorkItemLinkCircularException")  # fmt: skip
        change.mirrored.append((target, {"rel": RELATIONS[rel], "url": url[: -len(number)] + str(item.id),
                                         "attributes": {"isLocked": False}}))  # fmt: skip

    def _reaches(self, start: Item, rel: str, wanted: int) -> bool:
        if rel == "System.LinkTypes.Related":
            return False
        waiting, seen = [start], set[int]()
        while waiting:
            one = waiting.pop()
            if one.id == wanted:
                return True
            seen.add(one.id)
            rows = (row for row in one.last.relations if row["rel"] == rel)
            ids = {int(row["url"].rstrip("/").split("/")[-1]) for row in rows}
            waiting.extend(self.items[id] for id in ids - seen if id in self.items)
        return False

    def _judge(self, change: "Change", kind: d.Kind, before: Revision, by: User) -> None:
        """Rules of the process; what they set by themselves."""
        broken, fields = change.broken, change.fields
        old, new = str(before.fields.get(d.STATE, "")), str(fields.get(d.STATE) or "")
        moved = before.rev == 0 or old != new
        if moved:
            canonical = next((one for one in kind.steps.get(old, ()) if one.casefold() == new.casefold()), None)
            if canonical is None:
                broken.append(
                    Broken(d.STATE, "State", "required, hasValues, limitedToValues, allowsOldValue, invalidListValue")
                )
            else:
                fields[d.STATE] = new = canonical
                self._reason(change, kind, old, new)
                self._dates(change, kind, old, new, by)
        elif d.REASON in change.named and fields.get(d.REASON) != before.fields.get(d.REASON):
            broken.append(Broken(d.REASON, "Reason", "hasValues, limitedToValues, invalidListValue"))
        for ref in (*kind.required, *kind.required_in.get(new, ())):
            if fields.get(ref) in (None, ""):
                broken.append(Broken(ref, self.fields[ref].name, "required, invalidEmpty"))
        for ref in sorted(change.named & set(self.fields)):
            known = self.fields[ref]
            if known.values and fields.get(ref) not in (None, "", before.fields.get(ref), *known.values):
                flags = "hasValues, limitedToValues, allowsOldValue, invalidListValue"
                broken.append(Broken(ref, known.name, flags))
        if broken:
            raise rules(broken)

    def _reason(self, change: "Change", kind: d.Kind, old: str, new: str) -> None:
        allowed = kind.reasons.get((old, new), (f"Moved to state {new}",))
        if d.REASON not in change.named or not change.fields.get(d.REASON):
            change.fields[d.REASON] = allowed[0]
        elif change.fields[d.REASON] not in allowed:
            change.broken.append(Broken(d.REASON, "Reason", "hasValues, limitedToValues, invalidListValue"))

    def _dates(self, change: "Change", kind: d.Kind, old: str, new: str, by: User) -> None:
        fields, now = change.fields, self.clock.now()
        was, becomes = kind.category(old), kind.category(new)
        fields[d.COMMON + "StateChangeDate"] = now
        if becomes == "InProgress":
            fields[d.COMMON + "ActivatedDate"] = now
        if becomes in ("Proposed", "InProgress"):
            for name in ("ResolvedDate", "ResolvedBy", "ResolvedReason", "ClosedDate", "ClosedBy"):
                fields.pop(d.COMMON + name, None)
        if becomes in ("Resolved", "Completed") and was in ("", "Proposed", "InProgress"):
            fields |= {d.COMMON + "ResolvedDate": now, d.COMMON + "ResolvedBy": by.mail}
            if d.COMMON + "ResolvedReason" in kind.fields:
                fields[d.COMMON + "ResolvedReason"] = fields.get(d.REASON)
        if becomes == "Completed":
            fields |= {d.COMMON + "ClosedDate": now, d.COMMON + "ClosedBy": by.mail}


@dataclass(slots=True)
class Change:
    """A save in the making."""

    fields: Fields
    relations: list[RelationRow]
    history: str = ""
    named: set[str] = field(default_factory=set)
    broken: list[Broken] = field(default_factory=list)
    formats: dict[str, str] = field(default_factory=dict)
    mirrored: list[tuple[Item, RelationRow]] = field(default_factory=list)

    def nothing(self, before: Revision) -> bool:
        told = {name: value for name, value in self.fields.items() if value not in (None, "") and name != d.HISTORY}
        had = {name: value for name, value in before.fields.items() if name != d.HISTORY}
        return told == had and self.relations == before.relations and not self.history and not self.formats


def clean(text: str) -> str:
    """HTML as the organisation keeps it: nothing that acts, one way to write each thing."""
    return nh3.clean(text.replace("\r\n", "\n"), attributes=ATTRIBUTES, link_rel=None)


def tag_list(text: str) -> list[str]:
    return [one.strip() for one in re.split("[;,]", text) if one.strip()]


def _tags(text: str, before: str) -> str:
    """A set, in an order of its own; the first spelling stays."""
    found: dict[str, str] = {}
    for one in (*tag_list(before), *tag_list(text)):
        if len(one) > TAG_LONGEST:
            raise Refusal(400, f"TF401407: The tag '{one[:20]}...' is longer than {TAG_LONGEST} characters.",
                          "WorkItemTagLengthException")  # fmt: skip
        found.setdefault(one.casefold(), one)
    return "; ".join(found[key] for key in sorted(found))


def _typed(kind: str, value: Any) -> Any:
    match kind:
        case "integer":
            if isinstance(value, float) and not value.is_integer():
                raise ValueError(value)
            return int(value)
        case "double":
            return float(value)
        case "boolean":
            if str(value).lower() not in ("true", "false", "1", "0"):
                raise ValueError(value)
            return str(value).lower() in ("true", "1")
    moment = datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _remark(value: Any) -> str:
    if len(str(value)) > d.LONGEST:
        raise bad_patch("The comment of a link is too long.")
    return str(value)


def _demand_writer(by: User, number: int) -> None:
    if not by.writes:
        raise forbidden(number)
