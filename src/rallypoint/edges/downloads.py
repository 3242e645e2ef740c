"""How a file leaves: as something to save, never as a page of ours, whatever its bytes or its name say."""

from urllib.parse import quote

from starlette.responses import StreamingResponse

from rallypoint import incidents
from rallypoint.db import Database
from rallypoint.incidents import IncidentFile

HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "private, no-store",
}


def download(db: Database, file: IncidentFile) -> StreamingResponse:
    """The bytes, in pieces, under the file's own name. Their type is not told: nothing is shown, only saved."""
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\%' else "_" for one in file.name)
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"
    return StreamingResponse(
        incidents.stream(db, file.sha256),
        media_type="application/octet-stream",
        headers={**HEADERS, "content-disposition": named, "content-length": str(file.size)},
    )
