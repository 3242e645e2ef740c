"""The bytes of files: kept once per content, under their SHA-256, in pieces.

They lie in the database: a backup holds them, and every node of several can hand them out. What comes in is first laid
into a temporary file, so that it is known to be whole, not too large and not empty before anything is written.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from tempfile import SpooledTemporaryFile
from typing import IO

from rallypoint.actors import SYSTEM
from rallypoint.db import Database, Transaction
from rallypoint.errors import Invalid
from rallypoint.incidents import file_store

PIECE = 1 << 20
"""Bytes of one piece, and so what a file takes of memory on its way."""

IN_MEMORY = 1 << 20
FORGOTTEN_AFTER = timedelta(days=1)
"""How long a content waits for an incident to show it. An upload that broke off never gets one."""

FORGOTTEN_AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Bytes that are here as a whole, and what they are known by."""

    file: IO[bytes]
    size: int
    sha256: str

    def pieces(self) -> Iterator[bytes]:
        """The bytes from the beginning, each time it is called."""
        self.file.seek(0)
        while piece := self.file.read(PIECE):
            yield piece


@asynccontextmanager
async def held(chunks: AsyncIterator[bytes], *, largest: int) -> AsyncIterator[Held]:
    """What comes in, as a whole, for the length of the block. Raises Invalid where it is too large or nothing.

    It stops reading at the first byte beyond `largest`.
    """
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        digest, size = hashlib.sha256(), 0
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > largest:
                    raise too_large(largest)
                digest.update(chunk)
                file.write(chunk)
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
        if not size:
            raise Invalid("file", "it is empty: there are no bytes in it")
        yield Held(file=file, size=size, sha256=digest.hexdigest())


def held_file(file: IO[bytes], *, largest: int) -> Held:
    """A file that is open already: an upload, or one of the command line. Raises Invalid as `held` does."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while piece := file.read(PIECE):
        size += len(piece)
        if size > largest:
            raise too_large(largest)
        digest.update(piece)
    if not size:
        raise Invalid("file", "it is empty: there are no bytes in it")
    return Held(file=file, size=size, sha256=digest.hexdigest())


def too_large(largest: int) -> Invalid:
    return Invalid(
        "file", f"it is larger than {size_words(largest)}, which is what a file may have here; put it where it can be"
        " linked to, and add the link",
    )  # fmt: skip


async def keep(db: Database, content: Held) -> str:
    """Keep the bytes, once, in a transaction of their own; returns their SHA-256. What nobody wanted is forgotten."""

    async def work(tx: Transaction) -> None:
        await file_store.forget(tx, before=tx.now - FORGOTTEN_AFTER, limit=FORGOTTEN_AT_ONCE)
        if await file_store.begin(tx, content.sha256, content.size):
            for position, piece in enumerate(content.pieces()):
                await file_store.add_piece(tx, content.sha256, position, piece)

    await db.run(SYSTEM, work)
    return content.sha256


async def is_kept(tx: Transaction, sha256: str) -> bool:
    """Whether the bytes are here, now and for the rest of the transaction."""
    return await file_store.hold(tx, sha256)


async def stream(db: Database, sha256: str) -> AsyncIterator[bytes]:
    """The bytes, piece by piece; no transaction is open in between."""
    position = 0
    while True:
        async with db.transaction(SYSTEM) as tx:
            piece = await file_store.piece(tx, sha256, position)
        if piece is None:
            return
        yield piece
        position += 1


def size_words(size: int) -> str:
    """A number of bytes as people say it: 312 bytes, 4.2 kB, 25 MB."""
    if size < 1000:
        return f"{size} bytes" if size != 1 else "1 byte"
    value, unit = size / 1000, "kB"
    for larger in ("MB", "GB"):
        if value >= 999.5:
            value, unit = value / 1000, larger
    return f"{value:.1f}".removesuffix(".0") + f" {unit}" if value < 9.95 else f"{value:.0f} {unit}"
