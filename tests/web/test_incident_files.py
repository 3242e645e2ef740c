"""Files on the incident's page and on the reporter's, without JavaScript: plain forms, plain links."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from tests.web.conftest import Window

Opens = Callable[..., AbstractAsyncContextManager[Window]]
SAME = {"sec-fetch-site": "same-origin"}


async def opened(db: Database) -> int:
    async with db.transaction(SYSTEM) as tx:
        return (await incidents.open_incident(tx, title="Checkout is slow")).number


async def send(window: Window, number: int, *files: tuple[str, bytes], **fields: Any) -> httpx2.Response:
    parts: list[tuple[str, Any]] = [("file", (name, content, "application/octet-stream")) for name, content in files]
    parts = parts or [("nothing", (None, "chosen"))]
    return await window.http.post(f"/i/{number}/files", data=fields, files=parts, headers=SAME)


async def test_files_are_attached_shown_saved_and_removed(window: Opens, db: Database) -> None:
    number = await opened(db)
    async with window("Bea", "responder") as bea, window("Vic", "viewer") as vic:
        page = (await bea.get(f"/i/{number}")).text
        assert 'enctype="multipart/form-data"' in page
        assert "At most 50 MB." in page
        assert 'enctype="multipart/form-data"' not in (await vic.get(f"/i/{number}")).text
        sent = await send(bea, number, ("a.log", b"one"), ("<b>.html", b"<script>"), about="What she saw", private="1")
        assert (sent.status_code, sent.headers["location"]) == (303, f"/i/{number}#f-files")
        page = (await vic.get(f"/i/{number}")).text
        assert "a.log" in page
        assert "&lt;b&gt;.html" in page
        assert "What she saw" in page
        assert ">public<" not in page
        saved = await vic.get(f"/i/{number}/files/2")
        assert saved.content == b"<script>"
        assert saved.headers["content-disposition"].startswith("attachment; ")
        assert saved.headers["content-type"] == "application/octet-stream"
        assert saved.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert saved.headers["x-content-type-options"] == "nosniff"
        assert (await vic.post(f"/i/{number}/files/2/remove", reason="no")).status_code == 403
        wordless = await bea.post(f"/i/{number}/files/2/remove", reason=" ")
        assert wordless.status_code == 422
        assert "Say why" in wordless.text
        assert (await bea.post(f"/i/{number}/files/2/remove", reason="A password in it")).status_code == 303
        assert (await vic.get(f"/i/{number}/files/2")).status_code == 404
        story = (await vic.get(f"/i/{number}?show=all")).text
        assert "Removed the file &lt;b&gt;.html" in story
        assert "A password in it" in story


async def test_what_was_typed_comes_back_with_the_reason(window: Opens, db: Database) -> None:
    number = await opened(db)
    async with window("Bea", "responder") as bea:
        for files, said in (
            ([], "Choose a file first"),
            ([("empty.txt", b"")], "empty"),
            ([("a.bin", bytes(50_000_001))], "larger than 50 MB"),
            ([("a.bin", bytes(60_000_000)), ("b.bin", bytes(60_000_000))], "more than 100 MB at once"),
        ):
            wrong = await send(bea, number, *files, about="The graph of the pool", private="1")
            assert wrong.status_code == 422, said
            assert said in wrong.text
            assert 'value="The graph of the pool"' in wrong.text
        foreign = await bea.http.post(
            f"/i/{number}/files", files={"file": ("a", b"x")}, headers={"sec-fetch-site": "cross-site"}
        )
        assert foreign.status_code == 409
        assert (await bea.post(f"/i/{number}/files", about="no file at all")).status_code == 422
    async with db.transaction(SYSTEM) as tx:
        assert await incidents.files(tx, number) == []


async def test_the_reporter_gets_what_is_public_and_nothing_else(window: Opens, db: Database) -> None:
    number = await opened(db)
    async with window("Bea", "responder") as bea:
        await send(bea, number, ("guide.pdf", b"how to go on"), about="How to go on")
        await send(bea, number, ("dump.sql", b"secrets"), private="1")
        async with db.transaction(SYSTEM) as tx:
            token = await incidents.reporter_token(tx, number)
        bea.http.cookies.clear()
        page = (await bea.get(f"/r/{token}")).text
        assert "guide.pdf" in page
        assert "How to go on" in page
        assert "dump.sql" not in page
        assert (await bea.get(f"/r/{token}/files/1")).content == b"how to go on"
        assert (await bea.get(f"/r/{token}/files/2")).status_code == 404
        assert (await bea.get("/r/wrong/files/1")).status_code == 404
        assert (await bea.get(f"/i/{number}/files/1")).status_code in (303, 403)
