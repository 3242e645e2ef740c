"""Comments with their visibility: internal or public in a service desk, limited to a role elsewhere.

What is not known to be public is private, and an edit never shows a comment to more people than before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rallypoint.connectors.jira.api import Api, no_interface
from rallypoint.connectors.jira.values import as_document, at, document, person, said_in
from rallypoint.sync.model import Markup, RemoteComment, Visibility
from rallypoint.sync.ports import CommentDraft, PermissionDenied, Stale, ValidationFailed

INTERNAL = "sd.public.comment"
OURS = "rallypoint"
LONGEST = 32_767
MOST = 5000
PAGE = 1000


async def read(
    api: Api, issue: str, embedded: Mapping[str, Any], *, desk: bool, private_able: bool
) -> tuple[tuple[RemoteComment, ...], bool]:
    """(comments, whether these are all). `embedded` is what the issue itself told of them."""
    edition = await api.edition()
    rows, total = _rows(embedded), embedded.get("total")
    if not rows and not total:
        return (), True
    if not edition.cloud or len(rows) != total:
        rows, total = await _listed(api, issue, "" if edition.cloud else "properties")
    if edition.cloud:
        await _mark(api, rows)
    elif desk and any(_internal(one) is None for one in rows):
        await _ask_desk(api, issue, rows)
    return tuple(_comment(one, desk=desk, private_able=private_able) for one in rows), len(rows) == total


async def _listed(api: Api, issue: str, expand: str) -> tuple[list[dict[str, Any]], int]:
    rows: list[dict[str, Any]] = []
    total = 0
    while len(rows) < MOST:
        asked = {"startAt": str(len(rows)), "maxResults": str(PAGE), **({"expand": expand} if expand else {})}
        answer = await api.call("GET", f"issue/{issue}/comment", query=asked)
        if not isinstance(answer.data, dict) or not isinstance(answer.data.get("comments"), list):
            raise no_interface(answer)
        page = _rows(answer.data)
        rows, total = rows + page, int(answer.data.get("total") or 0)
        if not page or len(rows) >= total:
            break
    return rows, total


async def _mark(api: Api, rows: Sequence[dict[str, Any]]) -> None:
    """On Cloud the properties of comments are told by another resource."""
    for start in range(0, len(rows), PAGE):
        ids = [int(one["id"]) for one in rows[start : start + PAGE]]
        answer = await api.call("POST", "comment/list", query={"expand": "properties"}, body={"ids": ids}, asking=True)
        told = answer.data.get("values") if isinstance(answer.data, dict) else None
        known = {str(one.get("id")): one.get("properties") for one in told or () if isinstance(one, dict)}
        for one in rows[start : start + PAGE]:
            one["properties"] = known.get(str(one["id"])) or []


async def _ask_desk(api: Api, issue: str, rows: Sequence[dict[str, Any]]) -> None:
    """Data Center: what no property tells, the service desk knows. Where it does not say, it stays unknown."""
    found: dict[str, bool] = {}
    start = 0
    while start < MOST:
        asked = {"start": str(start), "limit": "100", "public": "true", "internal": "true"}
        try:
            answer = await api.call("GET", f"/rest/servicedeskapi/request/{issue}/comment", query=asked)
        except (Stale, PermissionDenied, ValidationFailed):
            return
        values = answer.data.get("values") if isinstance(answer.data, dict) else None
        found |= {str(one.get("id")): one.get("public") is True for one in values or () if isinstance(one, dict)}
        start += len(values or ())
        if not values or answer.data.get("isLastPage", True):
            break
    for one in rows:
        if str(one["id"]) in found:
            one["jsdPublic"] = found[str(one["id"])]


def _rows(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(one) for one in data.get("comments") or () if isinstance(one, Mapping) and one.get("id")]


def _properties(row: Mapping[str, Any]) -> dict[str, Any]:
    told = row.get("properties")
    return (
        {str(one.get("key")): one.get("value") for one in told if isinstance(one, Mapping)}
        if isinstance(told, list)
        else {}
    )


def _internal(row: Mapping[str, Any]) -> bool | None:
    """Whether it is internal; None when nothing says so."""
    value = _properties(row).get(INTERNAL)
    if isinstance(value, Mapping) and isinstance(value.get("internal"), bool | str):
        return str(value["internal"]).lower() == "true"
    public = row.get("jsdPublic")
    return not public if isinstance(public, bool) else None


def _visibility(row: Mapping[str, Any], *, desk: bool, private_able: bool) -> Visibility:
    if row.get("visibility"):
        return Visibility.PRIVATE
    if desk:
        internal = _internal(row)
        return Visibility.UNKNOWN if internal is None else Visibility.PRIVATE if internal else Visibility.PUBLIC
    if not private_able:
        return Visibility.PUBLIC
    # Beside a service desk, what is said in a project of engineers is not meant for the reporter because nobody hid it.
    ours = _properties(row).get(OURS)
    meant = isinstance(ours, Mapping) and ours.get("public") is True
    return Visibility.PUBLIC if meant else Visibility.UNKNOWN


def _comment(row: Mapping[str, Any], *, desk: bool, private_able: bool) -> RemoteComment:
    body, ours = row.get("body"), _properties(row).get(OURS)
    made, edited = at(row.get("created")), at(row.get("updated"))
    return RemoteComment(
        id=str(row["id"]),
        body=(document(body) or "") if isinstance(body, Mapping) else str(body or ""),
        author=person(row.get("author")),
        markup=Markup.ADF if isinstance(body, Mapping) else Markup.WIKI,
        visibility=_visibility(row, desk=desk, private_able=private_able),
        created_at=made,
        edited_at=edited if edited != made else None,
        op=str(ours.get("op") or "") if isinstance(ours, Mapping) else "",
    )


# Writing.


def written(draft: CommentDraft, op: str, *, cloud: bool, desk: bool, role: str) -> dict[str, Any]:
    """What is sent for a new comment. Raises ValidationFailed where it would be seen by more than are meant."""
    public = draft.visibility is Visibility.PUBLIC
    said: dict[str, Any] = {"body": _body(draft, cloud=cloud)}
    said["properties"] = [{"key": OURS, "value": {"op": op, "public": public}}]
    if desk:
        said["properties"].append({"key": INTERNAL, "value": {"internal": not public}})
    if not public and not desk:
        said["visibility"] = _limited(role)
    return said


def corrected(draft: CommentDraft, *, cloud: bool, desk: bool, role: str) -> dict[str, Any]:
    """What is sent for an edit: without a word about it a comment in a service desk stays as visible as it is."""
    public = draft.visibility is Visibility.PUBLIC
    said: dict[str, Any] = {"body": _body(draft, cloud=cloud)}
    if desk and not public:
        said["properties"] = [{"key": INTERNAL, "value": {"internal": True}}]
    if not desk and not public:
        said["visibility"] = _limited(role)
    return said


def _limited(role: str) -> dict[str, str]:
    if not role:
        raise ValidationFailed(
            "This Jira project has no internal comments: everybody who sees the issue would read this one.",
            help="Name a project role in the connection whose members alone shall read such comments.",
        )
    return {"type": "role", "value": role}


def _body(draft: CommentDraft, *, cloud: bool) -> Any:
    if len(draft.body) > LONGEST:
        raise ValidationFailed(f"The comment has {len(draft.body)} characters; Jira keeps {LONGEST}.")
    body: Any = as_document(draft.body) if cloud else draft.body
    if not said_in(body).strip():
        raise ValidationFailed("A comment without text cannot be added.")
    return body
