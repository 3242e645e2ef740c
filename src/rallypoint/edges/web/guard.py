"""What protects a page: the headers of every answer, and the check that a form was sent from our own page."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

POLICY = "; ".join(
    (
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def from_our_own_page(request: Request) -> bool:
    """Whether an unsafe request comes from a page of ours.

    Browsers say so in Sec-Fetch-Site, older ones in Origin. Without either, only a request without cookies passes:
    it carries no one's authority.
    """
    if request.method in SAFE_METHODS:
        return True
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc == request.headers.get("host", "")
    return not request.cookies


def dress(response: Response, *, private: bool) -> Response:
    """Put the headers on an answer. What a signed-in person sees is kept by nobody."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if private:
        response.headers.setdefault("cache-control", "no-store")
    return response


def inside(target: str | None, otherwise: str = "/") -> str:
    """An address to go back to, if it is one of ours; a form cannot send anybody elsewhere."""
    if (
        not target
        or not target.startswith("/")
        or target.startswith(("//", "/\\"))
        or any(c in target for c in "\r\n\t\\")
    ):
        return otherwise
    return target
