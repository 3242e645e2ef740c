"""PostgreSQL's own client programs, pointed at a database by its DSN."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

from rallypoint.db.carrier import client_programs
from rallypoint.db.privileges import clean_environment
from rallypoint.errors import OutsideFailure


@dataclass(frozen=True, slots=True)
class Target:
    """A database as those programs want it named: the password goes by the environment, where ps does not look."""

    url: str
    password: str
    programs: Path

    @classmethod
    def of(cls, dsn: str, programs: Path | None = None) -> "Target":
        parts = urlsplit(dsn)
        query = parse_qs(parts.query)
        encrypted = query.get("sslmode", ["prefer"])[-1] in ("require", "verify-ca", "verify-full")
        host = parts.netloc.rpartition("@")[2]
        user = quote(unquote(parts.username or ""), safe="")
        query_text = "&".join(part for part in parts.query.split("&") if not part.startswith("password="))
        url = urlunsplit(("postgresql", f"{user}@{host}" if user else host, parts.path, query_text, ""))
        password = unquote(parts.password or "") or query.get("password", [""])[-1]
        return cls(url, password, programs or client_programs(encrypted=encrypted))

    def command(self, program: str, *arguments: str | Path) -> list[str]:
        return [str(self.programs / program), *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        passed = {"PGPASSWORD": self.password} if self.password else {}
        return clean_environment() | passed | {"PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "rallypoint backup"}

    def ask(self, statement: str) -> str:
        return self.run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-c", statement).strip()

    def run(self, program: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            self.command(program, *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=self.environment,
            umask=0o077,
            check=False,
        )
        check(program, done.returncode, done.stderr)
        return done.stdout


def check(program: str, code: int, complaint: str) -> None:
    """Turn a failed program's last words into an error of ours."""
    if code == 0:
        return
    said = re.sub(r"\s*\n\s*", "; ", complaint.strip())[-2000:] or f"exit code {code}"
    raise OutsideFailure(f"{program} could not do it: {said}", retry=False)
