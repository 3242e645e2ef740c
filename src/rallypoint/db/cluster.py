"""A new PostgreSQL data folder, and the settings it runs with.

One application role owns one database. The superuser has no password and may not log in at all, so a hole in the
product is not a hole in the machine. The role's password is random and lies beside the data, readable by its owner.
"""

import os
import shutil
from pathlib import Path

from rallypoint.db.carrier import major_version
from rallypoint.db.privileges import Account
from rallypoint.errors import OutsideFailure
from rallypoint.ids import token

ROLE = DATABASE = "rallypoint"

ACCESS = f"""\
# Written by Rallypoint. Only the application's role may connect, over the socket, with its password.
local  all  {ROLE}  scram-sha-256
"""

SETTINGS = """\
# Written by Rallypoint at every start; put your own settings into local.conf, one folder up.
listen_addresses = ''                  # this machine only, through a socket in a private folder
port = 5432
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
cluster_name = '{cluster}'             # so that a server process can be told from anybody else's
password_encryption = 'scram-sha-256'

fsync = on                             # a 2xx means committed
synchronous_commit = on
full_page_writes = on

max_connections = 60                   # sized for one small machine: memory when idle matters
shared_buffers = 64MB
effective_cache_size = 512MB
work_mem = 8MB
maintenance_work_mem = 64MB
wal_buffers = 8MB                      # a storm of alerts is one burst of WAL
max_wal_size = 1GB
min_wal_size = 64MB
random_page_cost = 1.1
max_parallel_workers_per_gather = 0    # both cores are busy with requests
max_worker_processes = 4
autovacuum_max_workers = 2
jit = off

wal_level = minimal                    # backups are pg_dump's; nothing replicates from here
max_wal_senders = 0
max_logical_replication_workers = 0

timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_checkpoints = off
{optional}
"""


def create(home: Path, programs: Path, account: Account) -> None:
    """Make `home/data` with its role and database. It appears under that name only when it is whole."""
    unfinished, password = home / "data.unfinished", token()
    shutil.rmtree(unfinished, ignore_errors=True)
    modern = major_version(programs / "postgres") >= 17
    # C.UTF-8 built in (from 17) sorts the same on every machine, whatever its C library
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"] if modern else ["--locale=C.UTF-8"]
    _must(account, [programs / "initdb", "-D", unfinished, "-U", "postgres", "-E", "UTF8", *locale,
                    "--auth=reject", "--text-search-config=english"])  # fmt: skip
    _write(home / "password", password, account)
    _write(unfinished / "pg_hba.conf", ACCESS, account)
    commands = (
        f"create role {ROLE} login createdb password '{password}'",
        f"grant pg_monitor to {ROLE}",
        f"create database {DATABASE} owner {ROLE}",
    )
    # the password has more bits than its hash: many rounds of hashing would only slow each new connection down
    rounds = ["-c", "scram_iterations=64"] if modern else []
    _must(account, [programs / "postgres", "--single", "-D", unfinished, "-c", "exit_on_error=on", *rounds, "postgres"],
          given="\n".join(commands) + "\n")  # fmt: skip
    unfinished.rename(home / "data")


def configure(home: Path, programs: Path, account: Account, sockets: Path, cluster: str) -> None:
    """Write the settings of this start."""
    major = major_version(programs / "postgres")
    optional = ["io_method = sync                       # no idle reader processes"] if major >= 18 else []
    asked = programs / "pg_config"
    if asked.is_file() and "--with-lz4" in account.run([asked, "--configure"]).stdout:
        optional.append("default_toast_compression = lz4")
    if (home / "local.conf").exists():
        optional.append("include '../local.conf'")
    text = SETTINGS.format(sockets=sockets, cluster=cluster, optional="\n".join(optional))
    _write(home / "data" / "postgresql.conf", text, account)


def _must(account: Account, command: list[str | Path], *, given: str = "") -> None:
    done = account.run(command, given=given)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise OutsideFailure(f"The embedded database could not be set up: {said}", retry=False)


def _write(path: Path, text: str, account: Account) -> None:
    """A whole file or none, private to the account."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        if account.uid != os.geteuid():
            os.fchown(descriptor, account.uid, account.gid)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    unfinished.rename(path)
