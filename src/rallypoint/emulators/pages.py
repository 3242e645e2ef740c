"""Plain pages of a sandbox: an item to look at, and a form to act on it as somebody who works there.

Whoever reaches the sandbox may look and act, without a password: it listens on this machine only, and what is in it is
invented. What another site would send in a visitor's name is refused by Host, Origin and Sec-Fetch-Site.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
FORM_MOST = 256 * 1024
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1c2430;background:#f5f6f8}
header{background:#243447;color:#fff;padding:.6rem 1rem}header a{color:#fff}
main{max-width:60rem;margin:1rem auto;padding:0 1rem}
section,form,table{background:#fff;border:1px solid #d5dae1;border-radius:6px;margin:0 0 1rem}
section,form{padding:.8rem 1rem}h1{font-size:1.3rem;margin:.2rem 0 1rem}h2{font-size:1.05rem;margin:.2rem 0 .5rem}
table{width:100%;border-collapse:collapse}th,td{text-align:left;vertical-align:top;padding:.4rem .8rem;
border-top:1px solid #e6e9ee;overflow-wrap:anywhere}th{width:12rem;font-weight:600}
label{display:block;margin:.5rem 0 .1rem;font-weight:600}input,select,textarea{font:inherit;padding:.35rem;
width:100%;box-sizing:border-box;border:1px solid #8a94a3;border-radius:4px}textarea{min-height:5rem}
button{font:inherit;margin-top:.8rem;padding:.45rem 1.1rem;border:0;border-radius:4px;background:#1f5fbf;color:#fff}
.said{border-top:1px solid #e6e9ee;padding:.5rem 0}.said b{margin-right:.5rem}.said small{color:#5a6572}
.said div{white-space:pre-wrap;overflow-wrap:anywhere}.refused{border-color:#b3261e;color:#8c1d18}
.kept{white-space:pre-wrap}.row{display:grid;grid-template-columns:repeat(auto-fit,minmax(12rem,1fr));gap:0 1rem}
"""

Handler = Callable[[Request], Awaitable[Response]]


class Odd(Exception):
    """The tool refuses what was asked, in its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    value: str
    label: str
    chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A comment, as the page shows it. `html` is clean already; else `text` is shown as it is."""

    author: str
    at: str
    kind: str = ""
    text: str = ""
    html: str = ""


def routes(pages: Mapping[str, Handler]) -> list[Route]:
    """Routes by path for GET and POST, each guarded against what other sites send."""
    return [Route(path, _guarded(handler), methods=["GET", "POST"]) for path, handler in pages.items()]


def _guarded(handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        host = request.headers.get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name not in HOSTS:
            return page("Not here", "<p>Open this page by the address 127.0.0.1 of this machine.</p>", status=421)
        if request.method == "POST" and not _from_here(request, host):
            return page("Not from there", "<p>This form was not sent from a page of this sandbox.</p>", status=403)
        return await handler(request)

    return answer


def _from_here(request: Request, host: str) -> bool:
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return False
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


async def form(request: Request) -> dict[str, str]:
    """The members of a form, trimmed. Raises Odd for more than anybody types."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_MOST:
            raise Odd("That is more than this form takes.")
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: value.replace("\r\n", "\n").strip() for name, value in pairs}


def page(title: str, body: str, *, tool: str = "Sandbox", home: str = "/", status: int = 200) -> Response:
    """A whole page. `title` and `tool` are text, `body` is HTML."""
    where = f'<a href="{escape(home)}">{escape(tool)}</a>'
    head = f"<header>{where} · a sandbox on this machine, nothing in it is real</header>"
    whole = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{head}<main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    return HTMLResponse(whole, status, HEADERS)


def back_to(address: str) -> Response:
    """After a form was taken: to the page that shows it."""
    return RedirectResponse(address, 303)


def refusal(words: str) -> str:
    return f'<section class="refused" role="alert">{escape(words)}</section>' if words else ""


def rows(pairs: Iterable[tuple[str, str]]) -> str:
    """Fields with what they hold: (label, HTML)."""
    return (
        "<table>" + "".join(f"<tr><th>{escape(name)}</th><td>{value}</td></tr>" for name, value in pairs) + "</table>"
    )


def links(found: Iterable[tuple[str, str, str]]) -> str:
    """A list of items: (address, name, text beside it)."""
    lines = [
        f'<tr><th><a href="{escape(href)}">{escape(name)}</a></th><td>{escape(beside)}</td></tr>'
        for href, name, beside in found
    ]
    return f"<table>{''.join(lines)}</table>" if lines else "<section>Nothing yet.</section>"


def conversation(entries: Iterable[Said]) -> str:
    shown = [
        f'<div class="said"><b>{escape(one.author)}</b><small>{escape(" · ".join(x for x in (one.at, one.kind) if x))}'
        f"</small><div>{one.html or escape(one.text)}</div></div>"
        for one in entries
    ]
    return f"<section><h2>Comments</h2>{''.join(shown) or 'Nobody has said anything yet.'}</section>"


def select(name: str, label: str, choices: Iterable[Choice]) -> str:
    options = "".join(
        f'<option value="{escape(one.value)}"{" selected" if one.chosen else ""}>{escape(one.label)}</option>'
        for one in choices
    )
    return f'<div><label for="{name}">{escape(label)}</label><select id="{name}" name="{name}">{options}</select></div>'


def line(name: str, label: str, value: str = "") -> str:
    given = f'id="{name}" name="{name}" value="{escape(value)}"'
    return f'<div><label for="{name}">{escape(label)}</label><input {given}></div>'


def text(name: str, label: str, value: str = "") -> str:
    given = f'id="{name}" name="{name}"'
    return f'<label for="{name}">{escape(label)}</label><textarea {given}>{escape(value)}</textarea>'


def post(heading: str, fields: str, button: str) -> str:
    return f'<form method="post"><h2>{escape(heading)}</h2>{fields}<button>{escape(button)}</button></form>'
