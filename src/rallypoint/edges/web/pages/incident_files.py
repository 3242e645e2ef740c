"""Files on an incident's page: sent by a plain form, saved by a link, removed with a reason."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import incidents
from rallypoint.access import Permission
from rallypoint.actors import SYSTEM
from rallypoint.db import Transaction
from rallypoint.edges.downloads import download
from rallypoint.edges.web import refusals, uploads, visit
from rallypoint.edges.web.forms import Form
from rallypoint.edges.web.pages.incident import number_of, shown
from rallypoint.edges.web.pages.incident_acts import act
from rallypoint.edges.web.routing import page
from rallypoint.errors import Conflict, Invalid, RallypointError, Refused

ATTACH = "attach"


@page("/i/{number:int}/files", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def attach(request: Request) -> Response:
    """All files of the form, or none of them: what is wrong is told beside what was typed."""
    number, largest = number_of(request), visit.house(request).settings.largest_file
    async with uploads.read(request, ATTACH, largest=largest) as sent:
        try:
            if sent.wrong is not None:
                raise sent.wrong
            if not sent.files:
                raise Invalid("file", "choose a file first")
            kept = []
            for one in sent.files:
                whole = await asyncio.to_thread(incidents.held_file, one.file, largest=largest)
                sha256 = await incidents.keep(visit.house(request).db, whole)
                kept.append((one.filename or "", one.content_type or "", sha256))

            async def work(tx: Transaction) -> None:
                for name, content_type, sha256 in kept:
                    await incidents.attach(
                        tx, number, sha256=sha256, name=name, content_type=content_type,
                        about=sent.form.text("about"),
                        visibility="internal" if sent.form.ticked("private") else "public",
                    )  # fmt: skip

            await visit.run(request, work)
        except (Invalid, Refused, Conflict) as problem:
            return await _again(request, number, sent.form, problem)
    return visit.go(request, f"/i/{number}#f-files")


async def _again(request: Request, number: int, form: Form, problem: RallypointError) -> Response:
    failed = form.wrong(problem) if isinstance(problem, Invalid) else form.refused(refusals.in_words(problem))
    return await shown(request, number, failed=failed, status=refusals.status_of(problem))


@page("/i/{number:int}/files/{file:int}", permission=Permission.READ_INCIDENT)
async def save(request: Request) -> Response:
    async with visit.transaction(request) as tx:
        file = await incidents.file(tx, number_of(request), int(request.path_params["file"]))
    return download(visit.house(request).db, file)


@page("/i/{number:int}/files/{file:int}/remove", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def remove(request: Request) -> Response:
    id = int(request.path_params["file"])

    async def work(tx: Transaction, number: int, form: Form) -> object:
        reason = form.required("reason", "say why; the history keeps it", "It showed a password")
        return await incidents.remove_file(tx, number, id, reason=reason)

    return await act(request, number_of(request), f"remove-{id}", work, "Removed. That it was there stays on record.")


@page("/r/{token}/files/{file:int}", permission=Permission.PUBLIC)
async def save_as_reporter(request: Request) -> Response:
    """Who reported it gets what is public, by the link that is theirs."""
    async with visit.house(request).db.transaction(SYSTEM) as tx:
        incident = await incidents.incident_by_reporter_token(tx, request.path_params["token"])
        file = await incidents.file(tx, incident.number, int(request.path_params["file"]), public_only=True)
    return download(visit.house(request).db, file)
