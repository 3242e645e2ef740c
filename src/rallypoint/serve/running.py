"""Where the server of a data folder answers, for commands beside it: a note that says so while it runs."""

import json
import os
from pathlib import Path
from typing import Any

from rallypoint.settings import Settings

NAME = "serve.json"


def announce(data: Path, url: str) -> None:
    """Leave the note. It is ours as long as our process lives."""
    unfinished = data / f".{NAME}.{os.getpid()}"
    data.mkdir(parents=True, exist_ok=True)
    unfinished.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    unfinished.rename(data / NAME)


def withdraw(data: Path) -> None:
    """Take the note away, if it is ours."""
    if _note(data).get("pid") == os.getpid():
        (data / NAME).unlink(missing_ok=True)


def base_url(settings: Settings) -> str:
    """The root of links: the public address, else where the running server answers, else where it would."""
    if settings.public_url:
        return settings.base_url
    note = _note(settings.data)
    return str(note["url"]) if note and _lives(int(note["pid"])) else settings.base_url


def _note(data: Path) -> dict[str, Any]:
    try:
        note = json.loads((data / NAME).read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) and {"url", "pid"} <= note.keys() else {}


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
