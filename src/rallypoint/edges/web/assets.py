"""Static files: our own stylesheet parts as one file, script modules, the icon sprite, and htmx from its wheel.

Everything is read once and served under /static/<version>/, so a browser may keep it for ever.
"""

import hashlib
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

HERE = Path(__file__).parent / "static"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"


def _read() -> dict[str, tuple[bytes, str]]:
    """Every static file by the name it is asked for, with its content type."""
    css = b"\n".join(part.read_bytes() for part in sorted((HERE / "css").glob("*.css")))
    found = {"rallypoint.css": (css, KINDS[".css"])}
    for path in sorted([*HERE.glob("*.svg"), *(HERE / "js").glob("*.js")]):
        found[path.name] = (path.read_bytes(), KINDS[path.suffix])
    htmx = files("js_lib_htmx") / "static" / "htmx" / "htmx.min.js"
    found["htmx.js"] = (htmx.read_bytes(), KINDS[".js"])
    return found


FILES = _read()
VERSION = hashlib.sha256(b"".join(name.encode() + body for name, (body, _) in FILES.items())).hexdigest()[:12]


def href(name: str) -> str:
    """Where a page finds a static file."""
    return f"/static/{VERSION}/{name}"


async def serve(request: Request) -> Response:
    """A static file. An old version's address still answers, with what there is now, but is not kept."""
    found = FILES.get(request.path_params["name"])
    if found is None:
        return Response("There is no such file.", 404, media_type="text/plain")
    body, kind = found
    keep = FOR_EVER if request.path_params.get("version") == VERSION else "no-cache"
    return Response(body, media_type=kind, headers={"cache-control": keep})


async def favicon(request: Request) -> Response:
    """Browsers that ask without reading the page's own link."""
    body, kind = FILES["mark.svg"]
    return Response(body, media_type=kind, headers={"cache-control": "public, max-age=86400"})
