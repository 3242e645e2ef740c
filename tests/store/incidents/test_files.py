"""Files of an incident on a real database: kept once, seen by who may, removed with a trace."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.errors import Invalid, NotFound, Refused
from rallypoint.incidents.contents import PIECE, size_words
from rallypoint.incidents.files import file_name, type_of
from rallypoint.incidents.model import IncidentFile
from tests.store.incidents.people import Company

PICTURE = b"\x89PNG" + bytes(range(256)) * 9000
"""Two pieces and a bit."""


async def bytes_of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def kept(db: Database, content: bytes, *, largest: int = 10 * PIECE) -> str:
    async with incidents.held(bytes_of(content), largest=largest) as whole:
        return await incidents.keep(db, whole)


async def attached(db: Database, actor: object, number: int, content: bytes, **more: str) -> IncidentFile:
    sha256 = await kept(db, content)
    async with db.transaction(actor) as tx:  # type: ignore[arg-type]
        return await incidents.attach(tx, number, sha256=sha256, **{"name": "shot.png", **more})


async def content_of(db: Database, sha256: str) -> bytes:
    return b"".join([piece async for piece in incidents.stream(db, sha256)])


async def contents(db: Database) -> int:
    async with db.transaction(SYSTEM) as tx:
        return int(await tx.value("select count(*) from file_content"))


async def test_a_file_is_attached_told_of_and_read_back(db: Database, them: Company, number: int) -> None:
    file = await attached(db, them.responder, number, PICTURE, about="The error as Tom saw it")
    assert (file.name, file.content_type, file.size, file.visibility) == ("shot.png", "image/png", 2304004, "internal")
    assert await content_of(db, file.sha256) == PICTURE
    async with db.transaction(SYSTEM) as tx:
        [line] = [one for one in (await incidents.timeline(tx, number))[0] if one.kind == "file"]
        assert await incidents.files(tx, number) == [file]
        assert await incidents.files(tx, number, public_only=True) == []
        with pytest.raises(NotFound):
            await incidents.file(tx, number, file.id, public_only=True)
    assert (line.text, line.reason, line.visibility) == (
        "File: shot.png (2.3 MB)", "The error as Tom saw it", "internal",
    )  # fmt: skip
    assert line.data == {"file": file.id, "name": "shot.png", "size": 2304004, "sha256": file.sha256}


async def test_the_same_file_is_one_file_and_the_same_bytes_are_kept_once(
    db: Database, them: Company, number: int
) -> None:
    one = await attached(db, them.responder, number, PICTURE)
    assert await attached(db, them.other, number, PICTURE) == one
    two = await attached(db, them.responder, number, PICTURE, name="again.png")
    assert (two.id != one.id, two.sha256 == one.sha256, await contents(db)) == (True, True, 1)


async def test_a_removed_file_leaves_a_trace_and_its_bytes_go_when_nobody_shows_them(
    db: Database, them: Company, number: int
) -> None:
    one = await attached(db, them.responder, number, PICTURE)
    two = await attached(db, them.responder, number, PICTURE, name="again.png")
    async with db.transaction(them.responder) as tx:
        with pytest.raises(Invalid):
            await incidents.remove_file(tx, number, one.id, reason=" ")
    for file, left in ((one, 1), (two, 0)):
        async with db.transaction(them.other) as tx:
            gone = await incidents.remove_file(tx, number, file.id, reason="It showed a password.")
            assert await incidents.remove_file(tx, number, file.id, reason="Again.") == gone
        assert (gone.removed_by, gone.removed_why, await contents(db)) == ("Bea", "It showed a password.", left)
    assert await content_of(db, one.sha256) == b""
    async with db.transaction(SYSTEM) as tx:
        assert await incidents.files(tx, number) == []
        assert [file.id for file in await incidents.files(tx, number, removed=True)] == [one.id, two.id]
        last = (await incidents.timeline(tx, number))[0][-1]
        assert (await incidents.verify_timeline(tx, number)).ok
        with pytest.raises(NotFound):
            await incidents.file(tx, number, one.id)
    assert (last.text, last.reason) == ("Removed the file again.png", "It showed a password.")


async def test_who_may_what(db: Database, them: Company, number: int) -> None:
    for actor in (them.viewer, them.reporter):
        with pytest.raises(Refused):
            await attached(db, actor, number, PICTURE)
    file = await attached(db, them.responder, number, PICTURE, visibility="public")
    async with db.transaction(them.viewer) as tx:
        assert await incidents.files(tx, number, public_only=True) == [file]
        with pytest.raises(Refused):
            await incidents.remove_file(tx, number, file.id, reason="mine")
    async with db.transaction(them.responder) as tx:
        other = await incidents.open_incident(tx, title="Another", service="mail")
        with pytest.raises(NotFound):
            await incidents.file(tx, other.number, file.id)
        with pytest.raises(Invalid):
            await incidents.attach(tx, number, sha256=file.sha256, name="x", visibility="secret")
        with pytest.raises(NotFound):
            await incidents.attach(tx, number, sha256="00" * 32, name="x")


async def test_too_large_and_empty_are_refused_before_anything_is_kept(db: Database) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1000)

    with pytest.raises(Invalid, match=r"larger than 10 kB"):
        async with incidents.held(endless(), largest=10_000):
            raise AssertionError("it ended")
    with pytest.raises(Invalid, match="empty"):
        await kept(db, b"")
    assert await contents(db) == 0


async def test_an_upload_that_broke_off_is_forgotten_after_a_day(
    db: Database, clock: ManualClock, them: Company, number: int
) -> None:
    await attached(db, them.responder, number, b"shown")
    await kept(db, b"lost")
    clock.advance(timedelta(hours=23))
    await kept(db, b"fresh")
    assert await contents(db) == 3
    clock.advance(timedelta(hours=2))
    await kept(db, b"fresh")
    assert await contents(db) == 2, "what was kept again, and what is shown, stay"


@pytest.mark.parametrize(
    ("typed", "is_called"),
    [
        ("shot.png", "shot.png"), ("C:\\Users\\tom\\shot.png", "shot.png"), ("../../etc/passwd", "passwd"),
        ("a\r\nb\x00.txt", "ab\ufffd.txt"), ("..", "file"), ("", "file"), ("\u202egnp.exe", "gnp.exe"),
        ("x" * 300 + ".tar", "x" * 196 + ".tar"), ("Fehler \U0001f41b.log", "Fehler \U0001f41b.log"),
    ],
)  # fmt: skip
def test_names(typed: str, is_called: str) -> None:
    assert file_name(typed) == is_called


def test_types() -> None:
    assert type_of("text/plain; charset=utf-8", "x") == "text/plain"
    assert type_of("text/html\r\nx: y", "x.png") == "image/png"
    assert type_of("", "x") == "application/octet-stream"


@pytest.mark.parametrize(
    ("size", "said"),
    [(1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (4200, "4.2 kB"), (25_000_000, "25 MB"), (999_999, "1 MB"),
     (1_200_000_000, "1.2 GB")],
)  # fmt: skip
def test_sizes_in_words(size: int, said: str) -> None:
    assert size_words(size) == said
