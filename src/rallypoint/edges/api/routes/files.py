"""Files of an incident: send one, list them, get the bytes, take one away."""

from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from rallypoint import incidents
from rallypoint.access import Permission
from rallypoint.edges.api.door import house_of
from rallypoint.edges.api.route import Asker, Routes, Tx
from rallypoint.edges.api.views.incidents import FileView
from rallypoint.edges.api.words import Input, Line, Listed, Number, OptionalLine, OptionalText, Page, PathId, paged
from rallypoint.edges.downloads import download

routes = Routes("files")


class NewFile(Input):
    name: Line = Field(description="What the file is called.")
    visibility: incidents.Visibility = Field(
        incidents.Visibility.INTERNAL, description="public: the reporter sees it, too."
    )
    about: OptionalText = Field("", description="What it shows.")
    content_type: OptionalLine = Field("", description="Of the file; left out, its name tells.")


class Removal(Input):
    reason: Annotated[str, Field(min_length=1, max_length=2000, description="Why; the timeline keeps it.")]


class FileResponse(StreamingResponse):
    media_type = "application/octet-stream"


@routes.get("/incidents/{number}/files", permission=Permission.READ_INCIDENT)
async def list_files(tx: Tx, number: Number, query: Listed) -> Page[FileView]:
    """The files that are there."""
    await incidents.incident(tx, number)
    part, next_cursor = paged(await incidents.files(tx, number), query, lambda file: file.id)
    return Page(items=[FileView.model_validate(file) for file in part], next_cursor=next_cursor)


@routes.post("/incidents/{number}/files", permission=Permission.WORK_INCIDENT, status=201, file=True)
async def attach_file(tx: Tx, number: Number, request: Request, query: Annotated[NewFile, Query()]) -> FileView:
    """Attach a file: its bytes are the body. The same one under the same name is attached once."""
    attached = await incidents.attach(
        tx, number, sha256=request.state.body, name=query.name, visibility=query.visibility, about=query.about,
        content_type=query.content_type,
    )  # fmt: skip
    return FileView.model_validate(attached)


@routes.get("/incidents/{number}/files/{id}", permission=Permission.READ_INCIDENT)
async def show_file(tx: Tx, number: Number, id: PathId) -> FileView:
    return FileView.model_validate(await incidents.file(tx, number, id))


@routes.get(
    "/incidents/{number}/files/{id}/content", permission=Permission.READ_INCIDENT, outside=True, answers=FileResponse
)
async def file_content(request: Request, asker: Asker, number: Number, id: PathId) -> Response:
    """The bytes, as something to save."""
    db = house_of(request).db
    async with db.transaction(asker) as tx:
        file = await incidents.file(tx, number, id)
    return download(db, file)


@routes.post("/incidents/{number}/files/{id}/remove", permission=Permission.WORK_INCIDENT)
async def remove_file(tx: Tx, number: Number, id: PathId, body: Removal) -> FileView:
    """Take it away for good; the timeline keeps that it was there, and why it went. Copies in other tools stay."""
    return FileView.model_validate(await incidents.remove_file(tx, number, id, reason=body.reason))
