"""What happened in a sandbox, kept in a file from one start to the next.

It is written whole, beside and then in place, so that a crash leaves the one before. A file of another form than this
release writes is left alone: the sandbox begins anew.
"""

import os
from pathlib import Path
from typing import Any, Protocol

import msgspec

FORM = 1


class Keepable(Protocol):
    """An emulator whose records can be taken out, and put into another one of its kind."""

    def kept(self) -> dict[str, Any]: ...

    def take_up(self, kept: dict[str, Any]) -> None: ...


def keep(one: Keepable, file: Path) -> None:
    """Readable by us alone."""
    whole = msgspec.msgpack.encode({"form": FORM, "kept": one.kept()})
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(whole)
    beside.replace(file)


def take_up(one: Keepable, file: Path) -> bool:
    """Whether there was something to go on with."""
    try:
        found = msgspec.msgpack.decode(file.read_bytes())
        if found["form"] != FORM:
            return False
        one.take_up(found["kept"])
    except (OSError, msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return False
    return True
