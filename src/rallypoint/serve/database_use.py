"""The database for as long as somebody needs it: the one in the settings, or the embedded one, started and stopped.

Every user of the embedded server holds a shared lock on one file in the data folder. Who lets go last stops the server,
so a command beside a running `rallypoint serve` never takes the database away from it, and the kernel forgets users
that were killed.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from rallypoint.db.embedded import EmbeddedPostgres
from rallypoint.settings import Settings

LOCK = "db.users"


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The DSN to use inside the block."""
    if settings.database_url:
        yield settings.database_url
        return
    embedded = EmbeddedPostgres(settings.data)
    with _counted(settings) as held:
        try:
            yield embedded.start()
        finally:
            if _alone(held):
                embedded.stop()


@contextmanager
def _counted(settings: Settings) -> Iterator[int]:
    # root's server runs as somebody else, who must pass through this folder to its data
    settings.data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    held = os.open(settings.data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_SH)  # waits while the last user is still stopping the server
        yield held
    finally:
        os.close(held)


def _alone(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
