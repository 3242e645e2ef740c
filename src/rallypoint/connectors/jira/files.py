"""Files on their way: up as the part of a form, piece by piece; down without credentials at another host."""

import secrets
from collections.abc import AsyncIterator
from urllib.parse import quote, urlsplit

from rallypoint.connectors.calling import Caller, Way
from rallypoint.connectors.jira.api import Api
from rallypoint.connectors.jira.values import at, person
from rallypoint.connectors.tracking import Passage, seconds_for
from rallypoint.sync.model import RemoteAttachment, Visibility
from rallypoint.sync.ports import Outage, Stale, Upload, ValidationFailed

BYTES_MOST = 1024 * 1024 * 1024
NAME_LONGEST = 255
CONTENT = "/attachment/content/"


async def send(api: Api, issue: str, upload: Upload) -> str:
    """The id of the new file. One that is not what was announced is taken away again."""
    if not upload.name or len(upload.name) > NAME_LONGEST:
        raise ValidationFailed(f"A file's name must have 1 to {NAME_LONGEST} characters there.")
    boundary = f"rallypoint{secrets.token_hex(16)}"
    kind = upload.content_type if upload.content_type.isprintable() else ""
    name = upload.name.replace("\\", "_").replace('"', "%22").replace("\r", " ").replace("\n", " ")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: {kind or 'application/octet-stream'}\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    passage = Passage(upload)

    async def pieces() -> AsyncIterator[bytes]:
        yield head
        async for chunk in passage.pieces():
            yield chunk
        yield tail

    answer = await api.call(
        "POST",
        f"issue/{issue}/attachments",
        item=issue,
        content=pieces(),
        headers={
            "content-type": f"multipart/form-data; boundary={boundary}",
            "content-length": str(len(head) + upload.size + len(tail)),
            "x-atlassian-token": "no-check",
        },
        seconds=seconds_for(upload.size),
    )
    rows = answer.data if isinstance(answer.data, list) else []
    if not rows or not isinstance(rows[0], dict) or not rows[0].get("id"):
        raise Outage("Jira does not say what became of the file.", unknown=True, exchange=answer.exchange)
    id = str(rows[0]["id"])
    if not passage.is_as_announced or rows[0].get("size") not in (None, upload.size):
        await api.send("DELETE", f"{(await api.edition()).api}/attachment/{id}")
        raise ValidationFailed(f"{upload.name} arrived other than announced, and was taken away again.")
    return id


async def fetch(api: Api, way: Way, id: str) -> AsyncIterator[bytes]:
    """The bytes. Where they lie at another host, that one is not told who we are."""
    path = await _where(api, id)
    async with api.stream(path, seconds=seconds_for(BYTES_MOST)) as coming:
        status, elsewhere = coming.status, coming.headers.get("location", "")
        if status == 200:
            async for chunk in coming.chunks():
                yield chunk
            return
    if status not in (301, 302, 303, 307, 308) or not elsewhere.startswith("http"):
        api.judge(await api.send("GET", f"{(await api.edition()).api}/attachment/{id}"))
        raise Outage(f"The file is listed, but was answered with {status}.")
    parts = urlsplit(elsewhere)
    other = Caller(way, f"{parts.scheme}://{parts.netloc}", api.their_time)
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    async with other.stream(rest, seconds=seconds_for(BYTES_MOST)) as coming:
        if coming.status != 200:
            raise Outage(f"The file lies at {parts.hostname}, which answered {coming.status}.")
        async for chunk in coming.chunks():
            yield chunk


async def _where(api: Api, id: str) -> str:
    """On Cloud there is a resource for the bytes; Data Center tells an address, of which the path alone is taken."""
    edition = await api.edition()
    if edition.cloud:
        return f"{edition.api}{CONTENT}{id}?redirect=false"
    said = await api.get(f"attachment/{id}")
    address = str(said.get("content") or "") if isinstance(said, dict) else ""
    base, path = urlsplit(edition.site), urlsplit(address).path
    if not path:
        raise Stale("The file is not there any more.")
    below = path.removeprefix(base.path.rstrip("/"))
    return quote(below, safe="/%")


def shown(row: dict[str, object]) -> RemoteAttachment:
    """A file as the issue lists it. Whether customers see it depends on a comment that may show it."""
    size = row.get("size")
    return RemoteAttachment(
        id=str(row.get("id", "")),
        name=str(row.get("filename") or ""),
        size=size if isinstance(size, int) else None,
        content_type=str(row.get("mimeType") or ""),
        author=person(row.get("author")),
        created_at=at(row.get("created")),
        visibility=Visibility.UNKNOWN,
    )
