"""Files on their way to and from a ticket. None can be taken back there, so they are looked at before they are sent."""

import base64
import binascii
import json
import re
from collections.abc import AsyncIterator, Mapping
from secrets import token_hex

from rallypoint.connectors.request_tracker.api import Api, made_id
from rallypoint.connectors.request_tracker.history import typed
from rallypoint.connectors.tracking import Passage, seconds_for
from rallypoint.sync.ports import Outage, Upload, ValidationFailed

BYTES_MOST = 10_000_000
"""Its own limit as shipped (MaxAttachmentSize)."""

KEPT_TYPES = re.compile(r"(?:image|audio|video|application)/[\w.+-]+", re.ASCII)
"""Files of other types it recodes, cuts or takes for mails, so they go as bytes."""

BYTES = "application/octet-stream"


def demand(upload: Upload) -> None:
    """Raises ValidationFailed for what it would refuse, or keep as something else."""
    if not upload.name or '"' in upload.name or not upload.name.isprintable():
        raise ValidationFailed("The file needs a name without quotation marks and control characters.")
    if not upload.size:
        raise ValidationFailed("Request Tracker does not take a file without content.")
    if upload.size > BYTES_MOST:
        raise ValidationFailed(f"{upload.name} has {upload.size} bytes; at most {BYTES_MOST} are sent.")


async def attach(api: Api, path: str, upload: Upload, said: Mapping[str, str], op: str) -> str:
    """The id of the file, posted with what is `said` besides. Raises ValidationFailed when it is not kept whole."""
    passage = Passage(upload)
    whole = b"".join([piece async for piece in passage.pieces()])
    if not passage.is_as_announced:
        raise ValidationFailed(f"{upload.name} is other than announced, and was left out.")
    kind = upload.content_type if KEPT_TYPES.fullmatch(upload.content_type) else BYTES
    mark = token_hex(16)
    head = f'--{mark}\r\nContent-Disposition: form-data; name="JSON"\r\n\r\n{json.dumps(dict(said))}\r\n'
    head += f'--{mark}\r\nContent-Disposition: form-data; name="Attachments"; filename="{upload.name}"\r\n'
    head += f"Content-Type: {typed(kind, op)}\r\n\r\n"
    parts = (head.encode(), whole, f"\r\n--{mark}--\r\n".encode())

    async def pieces() -> AsyncIterator[bytes]:
        for one in parts:
            yield one

    answer = await api.call(
        "POST",
        path,
        content=pieces(),
        headers={
            "content-type": f"multipart/form-data; boundary={mark}",
            "content-length": str(sum(map(len, parts))),
        },
        seconds=seconds_for(upload.size),
    )
    listed = await api.every(
        f"/transaction/{made_id(answer, 'transaction')}/attachments", ("Filename", "ContentLength")
    )
    for one in listed:
        if one.get("Filename") == upload.name:
            if str(one.get("ContentLength")) != str(upload.size):
                raise ValidationFailed(
                    f"Request Tracker kept {one.get('ContentLength')} of {upload.size} bytes of {upload.name}.",
                    help="Compare its settings MaxAttachmentSize and TruncateLongAttachments.",
                )
            return str(one["id"])
    raise ValidationFailed(
        f"Request Tracker dropped {upload.name}.",
        help="Compare its settings MaxAttachmentSize and DropLongAttachments.",
    )


async def content(api: Api, id: str) -> bytes:
    row, _ = await api.one(f"/attachment/{id}")
    try:
        return base64.b64decode(str(row.get("Content") or ""))
    except binascii.Error as problem:
        raise Outage("The file is listed, but its content cannot be read.") from problem
