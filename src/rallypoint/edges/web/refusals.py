"""What a person sees when something was refused, is wrong, is not there, or broke. HTTP words live here only."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from rallypoint.edges.web import rendering, visit
from rallypoint.edges.web.screen import nav
from rallypoint.errors import Conflict, Invalid, NotFound, OutsideFailure, RallypointError, Refused


def status_of(problem: RallypointError) -> int:
    match problem:
        case Refused():
            return 403 if problem.permission else 409
        case Invalid():
            return 422
        case NotFound():
            return 404
        case Conflict():
            return 409
        case OutsideFailure():
            return 502
        case _:
            return 500


TITLES = {
    403: "You may not do this",
    404: "There is nothing here",
    405: "This address only answers to a button",
    409: "This was not done",
    413: "This is too long to send",
    422: "Something has to change first",
    500: "This page could not be made",
    502: "Another tool did not answer",
}


def sentences(problem: RallypointError) -> tuple[str, ...]:
    """The reason first, then who may, then the way out."""
    match problem:
        case Refused():
            who = f"Who may: {problem.who_may}." if problem.who_may else ""
            return tuple(part for part in (problem.reason, who, problem.help) if part)
        case Invalid():
            return tuple(
                f"{p.field}: {p.reason}" + (f", for example {p.example}" if p.example else "") for p in problem.problems
            )
        case OutsideFailure():
            return tuple(part for part in (problem.said, problem.help) if part)
        case _:
            return (str(problem),)


def in_words(problem: RallypointError) -> str:
    return " ".join(sentences(problem))


async def page(request: Request, problem: RallypointError) -> Response:
    """The error as a page; somebody who is not signed in is asked to, and comes back here afterwards."""
    screen = visit.of(request)
    status = status_of(problem)
    if status == 403 and screen.viewer and request.url.path == "/":
        return RedirectResponse("/report", status_code=303)  # a reporter's home
    if status == 403 and screen.viewer is None and request.method in ("GET", "HEAD"):
        return RedirectResponse(f"/signin?next={quote(screen.path)}", status_code=303)
    return shown(request, status, sentences(problem))


async def broken(request: Request) -> Response:
    return shown(
        request, 500, ("The fault is ours and is in the log. Nothing you did was half done.", "Try again in a moment.")
    )


def too_long(request: Request) -> Response:
    return shown(
        request,
        413,
        (
            "A form may hold 1 MB, and this was more. Nothing was saved.",
            "Nothing is lost: the form still has what you typed. Shorten it, or put the long part where it can be"
            " linked to.",
        ),
    )


def shown(request: Request, status: int, words: tuple[str, ...]) -> Response:
    if request.method == "HEAD":
        return PlainTextResponse("", status_code=status)
    visit.update(request, nav=nav(request.url.path, {}, visit.of(request).actor))
    return HTMLResponse(
        rendering.page("refusal.html", heading=TITLES.get(status, TITLES[500]), words=words, status=status),
        status_code=status,
    )
