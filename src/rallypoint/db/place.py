"""Where the embedded database lies: in the data folder, or, when its account cannot get there, where it can."""

import hashlib
import os
import stat
from pathlib import Path

import structlog

from rallypoint.db.privileges import Account, account_for, shelter
from rallypoint.errors import OutsideFailure

LONGEST_SOCKET = 107
"""Bytes of a unix socket's path, on Linux. macOS has 103; the difference is taken off below."""
SOCKET_NAME = "/.s.PGSQL.5432"

log = structlog.get_logger(__name__)


def settle(data: Path) -> Path:
    """The database's home for this data folder, made on first use. Where it lies elsewhere, `data`/db points there."""
    link = data / "db"
    home = Path(os.path.realpath(link))
    if link.is_symlink():
        if not home.is_dir():
            raise OutsideFailure(
                f"The database of {data} lay in {home}, and that is gone.",
                retry=False,
                help=f"Bring it back, or remove {link} to begin with an empty one.",
            )
        return _ours(home)
    account = account_for(_ours(home))
    if not account.has_name:
        raise OutsideFailure(
            f"The user with the number {account.uid} has no name on this machine, and PostgreSQL insists on one.",
            retry=False,
            help="Run as a user of /etc/passwd, or name a PostgreSQL in RALLYPOINT_DATABASE_URL.",
        )
    blocked = account.blocked_at(data)
    if blocked is None and _made_private(home, account):
        return home
    if home.is_dir():
        raise OutsideFailure(
            f"{account.name}, to whom {home} belongs, cannot enter {blocked}.",
            retry=False,
            help="Run Rallypoint as that user, or move the data folder where that user can reach it.",
        )
    elsewhere = shelter(account) / hashlib.sha256(str(data).encode()).hexdigest()[:16]
    account.make_private(elsewhere)
    link.symlink_to(elsewhere)
    log.warning(
        "database.placed_elsewhere",
        where=str(elsewhere),
        because=f"{account.name} cannot enter {blocked}",
    )
    return elsewhere


def _ours(home: Path) -> Path:
    """The same folder, refused when it belongs to somebody else: root, for example, began here with `nobody`."""
    if os.geteuid() != 0 and home.is_dir() and home.stat().st_uid != os.geteuid():
        raise OutsideFailure(
            f"The database in {home} belongs to another user.",
            retry=False,
            help="Run as the user who began it (root, perhaps), or set RALLYPOINT_DATA to another folder.",
        )
    return home


def socket_folder(home: Path, account: Account) -> Path:
    """A private folder for the socket: beside the data, or under /tmp when the path would be too long for a socket."""
    beside = home / "run"
    plain = all(character.isprintable() and character not in "\"',\\ " for character in str(beside))
    if plain and len(os.fsencode(beside)) + len(SOCKET_NAME) <= LONGEST_SOCKET - 4:
        account.make_private(beside)
        return beside
    name = f"rallypoint-{account.uid}-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
    for attempt in (
        "",
        "-1",
        "-2",
        "-3",
    ):  # somebody may have taken the name to annoy us
        short = Path("/tmp") / (name + attempt)
        if not os.path.lexists(short):
            account.make_private(short)
        found = short.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid and not found.st_mode & 0o077:
            return short
    raise OutsideFailure(
        f"There is no private folder for the database's socket: {name} is taken.",
        retry=False,
    )


def _made_private(home: Path, account: Account) -> bool:
    try:
        account.make_private(home)
    except PermissionError:  # a mount where owners cannot be changed
        if home.is_dir() and not any(home.iterdir()):
            home.rmdir()
        return False
    return True
