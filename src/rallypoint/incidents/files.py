"""Files of an incident: attached, handed out by who may see them, removed with a trace.

A file is private to responders unless somebody says that it is public; the reporter sees public ones only.
"""

import mimetypes
import re
import unicodedata
from datetime import datetime
from pathlib import PurePosixPath

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.access.check import storable
from rallypoint.db import Transaction
from rallypoint.errors import NotFound, Refused
from rallypoint.incidents import change, file_store, store
from rallypoint.incidents.contents import size_words
from rallypoint.incidents.events import IncidentChanged
from rallypoint.incidents.history import Line
from rallypoint.incidents.model import IncidentFile, Visibility

MOST_FILES = 500
LONGEST_NAME = 200
UNKNOWN_TYPE = "application/octet-stream"
TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")


async def attach(
    tx: Transaction,
    number: int,
    *,
    sha256: str,
    name: str,
    content_type: str = "",
    visibility: str = Visibility.INTERNAL,
    about: str = "",
    occurred_at: datetime | None = None,
) -> IncidentFile:
    """Attach a content that was kept (contents.keep). The same one under the same name is attached once.

    Raises NotFound where the content is not here.
    """
    access.require(tx.actor, Permission.WORK_INCIDENT)
    shown = change.choice("visibility", visibility, Visibility) or Visibility.INTERNAL
    if shown is Visibility.PUBLIC:
        access.require(tx.actor, Permission.PUBLISH_UPDATE)
    name, about = file_name(name), change.words("about", about, longest=2000, needed=False)
    happened = change.past("occurred_at", occurred_at, now=tx.now)
    before, _ = await change.load(tx, number)
    if (known := await file_store.same(tx, number, name=name, sha256=sha256)) is not None:
        return known
    if len(await files(tx, number)) >= MOST_FILES:
        raise Refused(
            f"{before.name} has {MOST_FILES} files already.", guard="files", who_may="nobody",
            help="Remove what nobody needs any more, or put them into one archive.",
        )  # fmt: skip
    size = await file_store.use(tx, sha256)
    if size is None:
        raise NotFound("content", sha256)
    added = await file_store.add(
        tx, number, name=name, content_type=type_of(content_type, name), size=size, sha256=sha256, visibility=shown,
        about=about,
    )  # fmt: skip
    assert added is not None, "the incident is locked, and it was not there"
    line = Line(
        kind="file", text=f"File: {name} ({size_words(size)})", reason=about, visibility=shown, occurred_at=happened,
        data={"file": added.id, "name": name, "size": size, "sha256": sha256},
    )  # fmt: skip
    after, _ = await change.write(tx, before, line)
    await tx.announce(IncidentChanged(number=number, epoch=after.epoch))
    return added


async def remove_file(tx: Transaction, number: int, id: int, *, reason: str) -> IncidentFile:
    """Take a file away for good, with a reason. That it was there stays in the history; doing it twice is no error.

    Copies that went to other tools stay there.
    """
    access.require(tx.actor, Permission.WORK_INCIDENT)
    reason = change.words("reason", reason, longest=2000)
    before, _ = await change.load(tx, number)
    file = await file_store.file(tx, number, id)
    if file.removed_at is not None:
        return file
    await file_store.remove(tx, id, why=reason)
    await file_store.let_go(tx, file.sha256)
    line = Line(
        kind="file", text=f"Removed the file {file.name}", reason=reason, visibility=file.visibility,
        data={"file": id, "name": file.name, "sha256": file.sha256, "removed": True},
    )  # fmt: skip
    after, _ = await change.write(tx, before, line)
    await tx.announce(IncidentChanged(number=number, epoch=after.epoch))
    return await file_store.file(tx, number, id)


async def files(
    tx: Transaction, number: int, *, public_only: bool = False, removed: bool = False
) -> list[IncidentFile]:
    """An incident's files, the first first; with `removed`, also what is left of those that were taken away."""
    found = await file_store.of_incident(tx, number)
    return [
        one
        for one in found
        if (removed or one.removed_at is None) and (not public_only or one.visibility is Visibility.PUBLIC)
    ]


async def file(tx: Transaction, number: int, id: int, *, public_only: bool = False) -> IncidentFile:
    """One file that is still there. Raises NotFound, in the same words for one that may not be seen."""
    await store.incident(tx, number)
    found = await file_store.file(tx, number, id)
    if found.removed_at is not None or (public_only and found.visibility is not Visibility.PUBLIC):
        raise NotFound("file", id)
    return found


def file_name(typed: str) -> str:
    """The last part of a path in either notation, as one line that a file system can hold. Never empty."""
    last = PurePosixPath(storable(typed).replace("\\", "/")).name
    plain = "".join(one for one in last if unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Zl", "Zp")).strip()
    if len(plain) > LONGEST_NAME:
        stem, dot, ending = plain.rpartition(".")
        ending = dot + ending if stem and len(ending) <= 20 else ""
        plain = plain[: LONGEST_NAME - len(ending)] + ending
    return plain if plain.strip(".") else "file"


def type_of(said: str, name: str) -> str:
    """A content type that can stand in a header: what was said, else by the name, else nobody knows."""
    kind = said.partition(";")[0].strip().lower()
    if kind and kind != UNKNOWN_TYPE and TYPE.fullmatch(kind):
        return kind
    return mimetypes.guess_type(name)[0] or UNKNOWN_TYPE
