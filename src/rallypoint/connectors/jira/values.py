"""Values of fields between a site's notation and ours. Rich text is a document on Cloud, wiki text on Data Center."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rallypoint.connectors.tracking import as_number, unfit
from rallypoint.sync.model import FieldKind, Markup, Person, RemoteField, Value

NAMED = frozenset({"components", "versions", "fixVersions"})
STAMP = "%Y-%m-%dT%H:%M:%S.000+0000"


def at(value: Any) -> datetime | None:
    """A time as they write it; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def person(value: Any) -> Person | None:
    """Who is meant: by account id on Cloud, by name on Data Center. Mail addresses are often not shown."""
    if not isinstance(value, Mapping):
        return None
    id = str(value.get("accountId") or value.get("name") or value.get("key") or "")
    name, mail = str(value.get("displayName") or ""), str(value.get("emailAddress") or "")
    return Person(remote_id=id, name=name, email=mail) if id or name else None


def document(value: Any) -> str | None:
    """A document as text, always the same for the same; None for an empty one."""
    if not isinstance(value, Mapping) or not value.get("content"):
        return None
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def as_document(text: str) -> dict[str, Any]:
    """The document in a text that is one; plain words become paragraphs."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and found.get("type") == "doc":
        return found
    paragraphs: list[dict[str, Any]] = []
    for part in text.replace("\r\n", "\n").strip("\n").split("\n\n"):
        content: list[dict[str, Any]] = []
        for row in part.split("\n"):
            if content:
                content.append({"type": "hardBreak"})
            if row:
                content.append({"type": "text", "text": row})
        paragraphs.append({"type": "paragraph", "content": content})
    return {"type": "doc", "version": 1, "content": paragraphs}


def said_in(document: Any) -> str:
    """What is to be read in a document."""
    if isinstance(document, str):
        return document
    if isinstance(document, list):
        return "".join(said_in(one) for one in document)
    if not isinstance(document, Mapping):
        return ""
    attrs = document.get("attrs")
    own = document.get("text") or (attrs.get("text") or attrs.get("url") or "" if isinstance(attrs, Mapping) else "")
    shown = "\ufffc" if document.get("type") in ("media", "extension", "date", "emoji") else ""
    return str(own) + shown + said_in(document.get("content"))


def inward(field: RemoteField, value: Any) -> Value:
    """The same content always gives the same value; None for what is empty."""
    if value is None or value == "":
        return () if field.kind is FieldKind.TAGS else None
    match field.kind:
        case FieldKind.RICH_TEXT:
            return document(value) if field.markup is Markup.ADF else str(value)
        case FieldKind.PERSON:
            return person(value)
        case FieldKind.CHOICE | FieldKind.STATUS:
            return str(value.get("id", "")) if isinstance(value, Mapping) else str(value)
        case FieldKind.TAGS:
            return tuple(sorted(_word(one) for one in value)) if isinstance(value, list) else ()
        case FieldKind.NUMBER:
            return value if isinstance(value, int | float) else as_number(str(value))
        case FieldKind.TIME:
            moment = at(value)
            return moment.isoformat() if moment else None
    return _word(value)


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("name") or value.get("value") or value.get("id") or "")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def outward(field: RemoteField, value: Value, *, cloud: bool) -> Any:
    """What is sent; None clears. Raises ValidationFailed for what the field cannot hold."""
    if value is None or value == "" or value == ():
        return [] if field.kind is FieldKind.TAGS else None
    match field.kind:
        case FieldKind.RICH_TEXT:
            text = _text(field, value)
            if field.markup is Markup.ADF:
                made = as_document(text)
                return made if made.get("content") else None
            return text
        case FieldKind.PERSON:
            if not isinstance(value, Person) or not value.remote_id:
                raise unfit(field, "has nobody who is known there under this name or mail")
            return {"accountId" if cloud else "name": value.remote_id}
        case FieldKind.CHOICE:
            return {"id": choice(field, str(value))}
        case FieldKind.TAGS:
            return _several(field, value)
        case FieldKind.NUMBER:
            number = value if isinstance(value, int | float) else as_number(_text(field, value))
            if number is None or isinstance(number, bool):
                raise unfit(field, f"must be a number, not {str(value)[:40]!r}")
            return number
        case FieldKind.TIME:
            moment = at(value)
            if moment is None:
                raise unfit(field, f"must be a time, not {str(value)[:40]!r}")
            return moment.strftime(STAMP)
    text = _text(field, value)
    if field.max_length is not None and len(text) > field.max_length:
        raise unfit(field, f"has {len(text)} characters; Jira keeps {field.max_length}")
    return text


def choice(field: RemoteField, said: str) -> str:
    """The id of a choice, which may be said by its name. What is not known is left for Jira to refuse."""
    if any(one.id == said for one in field.choices):
        return said
    return next((one.id for one in field.choices if one.name.casefold() == said.casefold()), said)


def _several(field: RemoteField, value: Value) -> list[Any]:
    words = value if isinstance(value, tuple) else (_text(field, value),)
    if field.choices or field.id in NAMED:
        known = {one.name.casefold(): one for one in field.choices}
        return [{"id": known[one.casefold()].id} if one.casefold() in known else {"name": one} for one in words]
    for one in words:
        if not one or any(sign.isspace() for sign in one):
            raise unfit(field, f"cannot have a space in them: {one[:40]!r}")
        if field.max_length is not None and len(one) > field.max_length:
            raise unfit(field, f"are at most {field.max_length} characters long")
    return list(words)


def _text(field: RemoteField, value: Value) -> str:
    if isinstance(value, tuple | Person):
        raise unfit(field, "must be a text")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
