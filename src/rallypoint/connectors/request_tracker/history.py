"""What happened to a ticket, read from its transactions: who changed which field, replies and comments, files."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from rallypoint.connectors.request_tracker.api import PAGES_MOST, Api, Row, about, at
from rallypoint.connectors.request_tracker.shape import (
    OWNER,
    STATUS,
    Shape,
    as_html,
    chunks,
    person,
    user_id,
    value_of,
)
from rallypoint.sync.model import (
    TAGS,
    FieldChange,
    Markup,
    Person,
    RemoteAttachment,
    RemoteComment,
    Value,
    Visibility,
)

SAID = {"Create": Visibility.PUBLIC, "Correspond": Visibility.PUBLIC, "Comment": Visibility.PRIVATE}
"""Who reads what hangs on a transaction of this type. The requestor sees what a ticket began with."""

TOLD = ("Type", "Field", "OldValue", "NewValue", "Creator", "Created")
PARTS = ("Filename", "ContentType", "TransactionId", "Headers", "ContentLength")
"""Never asked with them: Parent, on which lists break in 5.0.3."""

OP = "rallypoint-op"
_OP = re.compile(rf'{OP}="?([^";\s]+)')
WORDS = ("text/plain", "text/html")
AT_ONCE = 20
BYTES_AT_ONCE = 4 * 1024 * 1024


def typed(content_type: str, op: str) -> str:
    """A content type with our operation as a parameter, which is kept and shown to nobody."""
    return f'{content_type}; {OP}="{quote(op, safe="")}"'


async def transactions(api: Api, id: str, last: str) -> list[Row]:
    """All that we may see up to this one, in order. Hidden ones leave gaps in pages, so it is the last that ends it."""
    found: list[Row] = []
    if not last.isdecimal():
        return found  # an account that may see no transaction gets a time in place of a number
    for number in range(1, PAGES_MOST + 1):
        rows, _ = await api.page(f"/ticket/{id}/history", TOLD, (("orderby", "id"),), number=number)
        found += [one for one in rows if int(one["id"]) <= int(last)]
        if any(int(one["id"]) >= int(last) for one in rows):
            break
    return found


class People:
    """Names and mail of users that a ticket speaks of, by name or number, asked for once."""

    def __init__(self, api: Api, known: dict[str, Person]) -> None:
        self._api, self.known = api, known

    async def learn(self, names: Iterable[str]) -> None:
        for name in sorted(set(names) - self.known.keys() - {""}):
            row = await self._api.user_named(name)
            self.known[name] = person(row) if row.get("Name") else Person(remote_id=name)

    def get(self, name: str) -> Person | None:
        return self.known.get(name, Person(remote_id=name)) if name else None


async def field_changes(shape: Shape, rows: list[Row], people: People) -> tuple[FieldChange, ...]:
    """The steps of those fields that are mapped here."""
    numbers = {str(one.get(end) or "") for one in rows if one.get("Field") == OWNER for end in ("OldValue", "NewValue")}
    await people.learn(numbers)
    found: list[FieldChange] = []
    for one in rows:
        moment, known = at(one.get("Created")), None
        match one.get("Type"):
            case "Set":
                known = shape.schema.field(str(one.get("Field")))
            case "Status":
                known = shape.schema.field(STATUS)
            case "CustomField":
                known = shape.customs.get(str(one.get("Field")))
        if known is None or moment is None:
            continue

        def value(said: Any, name: str = known.id) -> Value:
            if name == TAGS:
                return None  # one step adds or takes one of them: what the whole was is not said
            if name == OWNER:
                return _owner(people, str(said or ""))
            field = shape.schema.field(name)
            return value_of(shape, field, said) if field is not None else None

        found.append(
            FieldChange(
                field=known.id,
                old=value(one.get("OldValue")),
                new=value(one.get("NewValue")),
                at=moment,
                by=people.get(user_id(one.get("Creator"))),
            )
        )
    return tuple(found)


def _owner(people: People, number: str) -> Person | None:
    found = people.get(number)
    return None if found is None or found.remote_id == "Nobody" else found


async def parts_of(api: Api, id: str, rows: list[Row]) -> list[Row]:
    """Bodies and files of what was said, in order. Only such transactions are asked for, so none of them is hidden."""
    found: list[Row] = []
    spoken = [str(one["id"]) for one in rows if one.get("Type") in SAID]
    for some in chunks(spoken, AT_ONCE):
        asked = (*about(("TransactionId", one) for one in some), ("orderby", "id"))
        found += await api.every(f"/ticket/{id}/attachments", PARTS, asked)
    return [one for one in found if str(one.get("TransactionId")) in spoken]


async def texts_of(api: Api, id: str, parts: Iterable[Row]) -> dict[str, str]:
    """The contents of these bodies, by their ids, some of them at once."""
    found: dict[str, str] = {}
    waiting: list[Row] = []
    for one in parts:
        if waiting and (len(waiting) >= AT_ONCE or sum(map(_length, (*waiting, one))) > BYTES_AT_ONCE):
            found |= await _texts(api, id, waiting)
            waiting = []
        waiting.append(one)
    return found | (await _texts(api, id, waiting) if waiting else {})


async def _texts(api: Api, id: str, parts: list[Row]) -> dict[str, str]:
    asked = about(("id", str(one["id"])) for one in parts)
    rows = await api.every(f"/ticket/{id}/attachments", ("Content",), asked)
    return {str(one["id"]): str(one.get("Content") or "") for one in rows}


def bodies(parts: list[Row]) -> dict[str, Row]:
    """The part that holds what was said, by transaction: plain text where a mail has both."""
    found: dict[str, Row] = {}
    for one in parts:
        if one.get("Filename") or one.get("ContentType") not in WORDS or not _length(one):
            continue
        before = found.get(str(one["TransactionId"]))
        if before is None or (before["ContentType"], one["ContentType"]) == ("text/html", "text/plain"):
            found[str(one["TransactionId"])] = one
    return found


def first_message(rows: list[Row], said: dict[str, Row], texts: dict[str, str]) -> str | None:
    """What the ticket began with, as HTML; empty when it began with nothing, None when we may not see its creation."""
    begun = next((str(one["id"]) for one in rows if one.get("Type") == "Create"), None)
    if begun is None:
        return None
    part = said.get(begun)
    return as_html(texts.get(str(part["id"]), ""), str(part["ContentType"])) if part else ""


def comments(rows: list[Row], said: dict[str, Row], texts: dict[str, str], people: People) -> list[RemoteComment]:
    """Replies, which the requestor gets, and comments, which they do not. What has only files is none."""
    found: list[RemoteComment] = []
    for one in rows:
        part = said.get(str(one["id"]))
        if one.get("Type") not in ("Correspond", "Comment") or part is None:
            continue
        body = texts.get(str(part["id"]), "")
        if not body.strip():
            continue
        found.append(
            RemoteComment(
                id=str(one["id"]),
                body=body,
                author=people.get(user_id(one.get("Creator"))),
                markup=Markup.HTML if part["ContentType"] == "text/html" else Markup.PLAIN,
                visibility=SAID[str(one["Type"])],
                created_at=at(one.get("Created")),
                op=_op_of(part),
            )
        )
    return found


def files(rows: list[Row], parts: list[Row], people: People) -> list[RemoteAttachment]:
    by_id = {str(one["id"]): one for one in rows}
    found: list[RemoteAttachment] = []
    for part in parts:
        hangs_on = by_id.get(str(part.get("TransactionId")))
        if not part.get("Filename") or hangs_on is None:
            continue
        file = RemoteAttachment(
            id=str(part["id"]),
            name=str(part["Filename"]),
            size=_length(part),
            content_type=str(part.get("ContentType") or ""),
            author=people.get(user_id(hangs_on.get("Creator"))),
            created_at=at(hangs_on.get("Created")),
            visibility=SAID[str(hangs_on["Type"])],
        )
        found.append(replace(file, op=_op_of(part)))
    return found


def creators(rows: list[Row]) -> set[str]:
    return {user_id(one.get("Creator")) for one in rows}


def _length(part: Row) -> int:
    text = str(part.get("ContentLength") or "0")
    return int(text) if text.isdigit() else 0


def _op_of(part: Row) -> str:
    """Our operation, from the content type among the headers of a part."""
    for line in re.sub(r"\n[ \t]+", " ", str(part.get("Headers") or "")).splitlines():
        if line.casefold().startswith("content-type:"):
            found = _OP.search(line)
            return unquote(found.group(1)) if found else ""
    return ""
