"""Who the embedded server runs as, and where that account can reach.

PostgreSQL refuses to run as root. Started by root, the server therefore runs as an account that exists
everywhere and may do nothing (`nobody`). Whether that account can enter a folder is asked of the kernel by
trying, because modes, ACLs, mounts and security modules all have a say. No account is created and no mode of a
folder that is not ours is changed.
"""

import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rallypoint.errors import OutsideFailure

SHELTERS = (Path("/var/lib/rallypoint"), Path("/var/tmp/rallypoint-root"))
"""Where root puts what the unprivileged account must reach and cannot reach where it lies. First usable one."""

NOBODY_UID = 65534
SHELL = "/bin/sh"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine that commands can be run as."""

    uid: int
    gid: int

    @property
    def name(self) -> str:
        return pwd.getpwuid(self.uid).pw_name if self.has_name else f"user {self.uid}"

    @property
    def has_name(self) -> bool:
        """Whether this machine knows it. A container started with a bare number does not."""
        try:
            return bool(pwd.getpwuid(self.uid))
        except KeyError:
            return False

    def run(self, command: Sequence[str | Path], *, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run to the end as this account: from "/", with nothing of PostgreSQL's in the environment, umask 077."""
        ours = self.uid == os.geteuid()
        try:
            return subprocess.run(
                [str(part) for part in command],
                input=given,
                capture_output=True,
                text=True,
                errors="replace",
                cwd="/",
                env=clean_environment(),
                umask=0o077,
                start_new_session=True,
                user=None if ours else self.uid,
                group=None if ours else self.gid,
                extra_groups=None if ours else [],
                check=False,
            )
        except OSError as problem:
            if ours or command[0] != SHELL:
                raise
            raise OutsideFailure(
                f"Nothing can be run as {self.name} here: {problem.strerror}.",
                retry=False,
                help="Run Rallypoint as a plain user, or name a PostgreSQL in RALLYPOINT_DATABASE_URL.",
            ) from problem

    def can_run(self, program: Path) -> bool:
        """Whether this account can execute a file, tried for real."""
        return self.blocked_at(program) is None

    def blocked_at(self, path: Path) -> Path | None:
        """The first folder on the way to `path`, or `path` itself, that this account cannot enter or execute."""
        way = [str(step) for step in (*reversed(path.parents), path)]
        tried = self.run(
            [
                "/bin/sh",
                "-c",
                'for p; do test -x "$p" || { printf %s "$p"; exit 1; }; done',
                "sh",
                *way,
            ]
        )
        return None if tried.returncode == 0 else Path(tried.stdout or path)

    def make_private(self, folder: Path) -> None:
        """A folder that only this account (and root) can enter, made if it is not there."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.lstat().st_uid != self.uid:
            os.chown(folder, self.uid, self.gid)


def clean_environment() -> dict[str, str]:
    """Our environment without what would bend PostgreSQL's programs: PG*, the locale, the time zone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG", "TZ"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def account_for(home: Path) -> Account:
    """Us, or when we are root the owner of what is already there, or `nobody`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if home.is_dir() and (owner := home.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(NOBODY_UID, NOBODY_UID)
    return Account(nobody.pw_uid, nobody.pw_gid)


def shelter(account: Account) -> Path:
    """A folder of root's that `account` can pass through; made on first use. Never one that others could write to."""
    for place in SHELTERS:
        try:
            if not place.exists():
                place.mkdir()
                place.chmod(0o711)
        except OSError:
            continue
        found = place.lstat()
        safe = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
        if safe and account.blocked_at(place) is None:
            return place
    raise OutsideFailure(
        f"Neither of {', '.join(map(str, SHELTERS))} can be used by {account.name}.",
        retry=False,
        help="Set RALLYPOINT_DATA to a folder that this account can reach, or run Rallypoint as a plain user.",
    )
