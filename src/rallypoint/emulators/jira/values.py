"""Values of fields between what is sent, what is kept, and what the history says of a change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from rallypoint.emulators.jira import definitions as d
from rallypoint.emulators.jira import rich
from rallypoint.emulators.jira.definitions import Kind
from rallypoint.emulators.jira.refusals import Refusal, off_screen, wrong

if TYPE_CHECKING:
    from rallypoint.emulators.jira.model import Issue
    from rallypoint.emulators.jira.site import Site

TOO_LONG = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."


@dataclass(slots=True)
class Changes:
    """What a request asks for: kept values by field, and comments to add."""

    fields: dict[str, Any] = field(default_factory=dict)
    comments: list[Mapping[str, Any]] = field(default_factory=list)


def parsed(site: "Site", issue: "Issue", fields: Any, update: Any, version: int, *, screen: tuple[str, ...]) -> Changes:
    """Everything at once: raises Refusal with words for each field that is wrong."""
    made, errors = Changes(), dict[str, str]()
    for name, value in (fields or {}).items():
        _try(made, errors, name, partial(_one, site, issue, name, value, version, screen))
    for name, operations in (update or {}).items():
        if name == "comment":
            made.comments += [one["add"] for one in operations if "add" in one]
            continue
        _try(made, errors, name, partial(_updated, site, issue, name, operations, version, screen))
    if errors:
        raise Refusal(400, errors=errors)
    return made


def _try(made: Changes, errors: dict[str, str], name: str, work: Callable[[], Any]) -> None:
    try:
        made.fields[name] = work()
    except Refusal as no:
        errors.update(no.errors or {name: " ".join(no.messages)})


def _one(site: "Site", issue: "Issue", name: str, value: Any, version: int, screen: tuple[str, ...]) -> Any:
    known = site.fields.get(name)
    if known is None or known.hidden or name not in screen:
        raise off_screen(name)
    return inward(site, issue, known, value, version)


def _updated(site: "Site", issue: "Issue", name: str, operations: Any, version: int, screen: tuple[str, ...]) -> Any:
    known = site.fields.get(name)
    if known is None or known.hidden or name not in screen:
        raise off_screen(name)
    value = issue.fields.get(name)
    for one in operations:
        for verb, said in one.items():
            if verb == "set":
                value = inward(site, issue, known, said, version)
            elif verb == "add" and known.kind in (Kind.LABELS, Kind.COMPONENTS, Kind.OPTIONS):
                value = list(dict.fromkeys([*(value or []), *inward(site, issue, known, [said], version)]))
            elif verb == "remove" and known.kind in (Kind.LABELS, Kind.COMPONENTS, Kind.OPTIONS):
                gone = inward(site, issue, known, [said], version)
                value = [each for each in value or [] if each not in gone]
            else:
                raise wrong(name, f"Field does not support update '{verb}'")
    return value


def comment_body(site: "Site", said: Any, version: int) -> Any:
    """The body as it is kept."""
    body = _text(site, "comment", said, version)
    if not rich.words(body).strip() and not _has_more(body):
        raise wrong("comment", "Comment body can not be empty!")
    return body


def _has_more(body: Any) -> bool:
    """Something to see without words: a picture, a card."""
    if not isinstance(body, dict):
        return False
    return body.get("type") in ("media", "inlineCard", "emoji", "mention", "extension", "date", "status") or any(
        _has_more(one) for one in body.get("content", ())
    )


def _text(site: "Site", name: str, said: Any, version: int) -> Any:
    if version == 3:
        kept: Any = rich.checked(name, said)
    else:
        if said is not None and not isinstance(said, str):
            raise wrong(name, "Operation value must be a string")
        kept = rich.as_document(said or "") if site.cloud else said
    if len(rich.as_wiki(kept)) > d.TEXT_LONGEST:
        raise wrong(name, TOO_LONG)
    return kept


def inward(site: "Site", issue: "Issue", known: d.Field, value: Any, version: int) -> Any:
    """The kept value of one that was sent."""
    name = known.id
    match known.kind:
        case Kind.LINE:
            return _line(known, value)
        case Kind.TEXT:
            return _text(site, name, value, version)
        case Kind.NUMBER:
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise wrong(name, "Operation value must be a number")
            return value
        case Kind.DATE:
            return _date(name, value)
        case Kind.MOMENT:
            return _moment(name, value)
        case Kind.USER:
            return _user(site, known, value)
        case Kind.OPTION:
            return None if value is None else _option(known, value)
        case Kind.OPTIONS:
            return [_option(known, one) for one in _list(name, value)]
        case Kind.LABELS:
            return _labels(name, value)
        case Kind.COMPONENTS:
            return [_component(issue, one) for one in _list(name, value)]
        case Kind.PRIORITY:
            return _listed(name, value, d.PRIORITIES, "The priority selected is invalid.")
        case Kind.RESOLUTION:
            return None if value is None else _listed(name, value, d.RESOLUTIONS, "The resolution is invalid.")
        case Kind.PARENT:
            return site.issue(
                str((value or {}).get("id") or (value or {}).get("key")), next(iter(site.users.values()))
            ).id
        case Kind.TYPE if str((value or {}).get("id") or (value or {}).get("name")) in (issue.type.id, issue.type.name):
            return None
    raise off_screen(name)


def _line(known: d.Field, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise wrong(known.id, "Operation value must be a string")
    text = (value or "").strip() if known.id == "summary" else value or ""
    if known.id == "summary" and ("\n" in text or "\r" in text):
        raise wrong(known.id, "The summary is invalid because it contains newline characters.")
    if len(text) > d.SUMMARY_LONGEST:
        said = "Summary can't exceed 255 characters." if known.id == "summary" else "The entered text is too long."
        raise wrong(known.id, said)
    return text or None


def _date(name: str, value: Any) -> str | None:
    try:
        return date.fromisoformat(value).isoformat() if value else None
    except (TypeError, ValueError):
        raise wrong(name, f"Error parsing date string: {value}") from None


def _moment(name: str, value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if value else None
    except (TypeError, ValueError):
        found = None
    if value and (found is None or found.tzinfo is None):
        raise wrong(name, f"Operation value must be a datetime, not {value}")
    return found.astimezone(UTC) if found else None


def _user(site: "Site", known: d.Field, value: Any) -> str | None:
    if value is None:
        return None
    said = value if isinstance(value, dict) else {}
    if site.cloud:
        who = said.get("accountId") or said.get("id")
        if who is None and said.get("name"):
            raise wrong(known.id, "'accountId' must be the only user identifying query parameter in GDPR strict mode.")
    else:
        who = said.get("name")
    if not who:
        return None
    found = site.user(str(who))
    if found is None:
        raise wrong(known.id, f"User '{who}' does not exist.")
    if not found.active or (known.id == "assignee" and found.customer):
        raise wrong(known.id, f"User '{who}' cannot be assigned issues.")
    return found.name


def _option(known: d.Field, value: Any) -> str:
    said = value if isinstance(value, dict) else {}
    for id, word in known.options:
        if str(said.get("id", "")) == id or said.get("value") == word:
            return id
    if "id" in said:
        raise wrong(known.id, f"Option id '{said['id']}' is not valid")
    raise wrong(known.id, f"Option value '{said.get('value')}' is not valid")


def _labels(name: str, value: Any) -> list[str]:
    found: list[str] = []
    for one in _list(name, value):
        if not isinstance(one, str):
            raise wrong(name, "Operation value must be a string")
        if any(sign.isspace() for sign in one) or not one:
            raise wrong(name, f"The label '{one}' contains spaces which is invalid.")
        if len(one) > d.LABEL_LONGEST:
            raise wrong(name, f"The label '{one}' exceeds the maximum length for labels of 255 characters.")
        found.append(one)
    return sorted(dict.fromkeys(found))


def _component(issue: "Issue", value: Any) -> str:
    said = value if isinstance(value, dict) else {}
    for id, name in issue.project.components.items():
        if str(said.get("id", "")) == id or said.get("name") == name:
            return id
    if "id" in said:
        raise wrong("components", f"Component id '{said['id']}' is not valid")
    raise wrong("components", f"Component name '{said.get('name')}' is not valid")


def _listed(name: str, value: Any, known: Mapping[str, str], no: str) -> str:
    said = value if isinstance(value, dict) else {}
    for id, word in known.items():
        if str(said.get("id", "")) == id or said.get("name") == word:
            return id
    raise wrong(name, no)


def _list(name: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(name, "data was not an array")
    return value


# What the history says.


def history(site: "Site", issue: "Issue", known: d.Field, old: Any, new: Any) -> list[dict[str, Any]]:
    """The items of a change: one, but for components, where each that comes or goes has its own."""
    if known.kind is Kind.COMPONENTS:
        gone, come = (
            [one for one in old or [] if one not in (new or [])],
            [one for one in new or [] if one not in (old or [])],
        )
        named = issue.project.components
        return [_said(known, "Component", (one, named.get(one)), (None, None)) for one in gone] + [
            _said(known, "Component", (None, None), (one, named.get(one))) for one in come
        ]
    return [_said(known, known.name if known.custom else known.id, _words(site, known, old), _words(site, known, new))]


def _said(
    known: d.Field, name: str, old: tuple[str | None, str | None], new: tuple[str | None, str | None]
) -> dict[str, Any]:
    return {
        "field": name,
        "fieldtype": "custom" if known.custom else "jira",
        "fieldId": known.id,
        "from": old[0],
        "fromString": old[1],
        "to": new[0],
        "toString": new[1],
    }


def _words(site: "Site", known: d.Field, value: Any) -> tuple[str | None, str | None]:
    """(id, words) of one side of a change."""
    if known.kind is Kind.LABELS:
        return None, " ".join(value or [])
    if value is None or value == "" or value == []:
        return None, None
    match known.kind:
        case Kind.TEXT:
            return None, rich.as_wiki(value)
        case Kind.USER:
            who = site.users[value]
            return who.inner(site.edition), who.title
        case Kind.OPTION:
            return value, dict(known.options).get(value)
        case Kind.OPTIONS:
            named = dict(known.options)
            return f"[{', '.join(value)}]", ",".join(str(named.get(one)) for one in value)
        case Kind.PRIORITY:
            return value, d.PRIORITIES[value]
        case Kind.RESOLUTION:
            return value, d.RESOLUTIONS[value]
        case Kind.STATUS:
            return value, d.STATUSES[value].name
        case Kind.DATE:
            return value, f"{value} 00:00:00.0"
        case Kind.MOMENT:
            return value.strftime("%Y-%m-%dT%H:%M:%S.000+0000"), value.strftime("%d/%b/%y %I:%M %p")
        case Kind.PARENT:
            return str(value), site.issues[value].key if value in site.issues else None
    return None, str(value)
