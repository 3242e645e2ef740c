"""Roundup as it is shipped on PyPI: a tracker in a folder of its own, served on loopback, ended by number.

It refuses to run as root, so root runs it as `nobody`.
"""

import contextlib
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rallypoint.connectors.roundup.hook import detector
from tests.connectors.kit import Heard
from tests.live import NotInTime, until
from tests.partners.programs import free_port

ADMIN, SYNC, BETH = "admin", "rallypoint", "beth"
PASSWORDS = {ADMIN: "admin-password", SYNC: "sync-password", BETH: "beth-password"}
SECRET = "a secret of the webhook"
STARTS_WITHIN = 20.0
SERVE = """\
from socketserver import StreamRequestHandler
from roundup.scripts.roundup_server import run
StreamRequestHandler.disable_nagle_algorithm = True
run()
"""
"""Its server, which writes head and body of an answer apart: without this each answer waits 40 ms for an echo."""

MORE = "description=String(), due=Date(), cost=Number(), blocked=Boolean(),"
"""What our tracker's issues have besides those of the classic template: one property of each kind."""

WIPED = ("issue", "msg", "file", "keyword")


class Roundup:
    """One tracker and its server. `more` are properties of its issues, `settings` lines for its config.ini."""

    def __init__(self, *, more: str = MORE, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="roundup-", dir=_in_memory()))
        self.folder.chmod(0o711)
        self.port, self.home = port or free_port(), self.folder / "home"
        self.url = f"http://127.0.0.1:{self.port}/desk"
        self._process: subprocess.Popen[bytes] | None = None
        self._as: list[str] = []
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as = _as_nobody()
        self._sink = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
        self._sink.heard = []  # type: ignore[attr-defined]
        threading.Thread(target=self._sink.serve_forever, daemon=True).start()
        self._install(more, settings or {})
        self.client = httpx2.Client(timeout=10, trust_env=False)

    def _install(self, more: str, settings: Mapping[str, str]) -> None:
        told = {
            "rdbms_backend": "sqlite",
            "tracker_web": f"{self.url}/",
            "mail_domain": "example.invalid",
            "mailhost": "127.0.0.1",
            "mail_debug": f"{self.folder}/mail",
            "admin_email": "admin@example.invalid",
            "password_pbkdf2_default_rounds": "1000",
            **settings,
        }
        self._admin("install", "classic", "sqlite", ",".join(f"{name}={value}" for name, value in told.items()))
        schema = self.home / "schema.py"
        begun = 'issue = IssueClass(db, "issue",'
        assert begun in schema.read_text()
        schema.write_text(schema.read_text().replace(begun, f"{begun}\n    {more}" if more else begun))
        (self.home / "detectors" / "rallypoint.py").write_text(detector("issue"))
        told_to = f"http://127.0.0.1:{self._sink.server_address[1]}/told/key"
        with (self.home / "detectors" / "config.ini").open("a") as config:
            config.write(f"\n[rallypoint]\nurl = {told_to}\nsecret = {SECRET}\n")
        self._admin("initialise", PASSWORDS[ADMIN])

    def _admin(self, *arguments: str) -> None:
        done = subprocess.run(
            [*self._as, _program("roundup-admin"), "-i", str(self.home), *arguments],
            cwd=self.folder, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False,
            env={"PATH": os.defpath, "HOME": str(self.folder)},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> "Roundup":
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as, sys.executable, "-c", SERVE, "-n", "127.0.0.1", "-p", str(self.port),
                 f"desk={self.home}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env={"PATH": os.defpath, "HOME": str(self.folder)}, start_new_session=True,
            )  # fmt: skip
        try:
            until(self._ready, within=STARTS_WITHIN, what="Roundup answers")
        except NotInTime:
            raise NotInTime(f"it did not start:\n{(self.folder / 'log').read_text()[-3000:]}") from None
        return self

    def with_people(self) -> "Roundup":
        """Our account and a colleague, both plain users."""
        for name, real in ((SYNC, "Rallypoint"), (BETH, "Beth Anglin")):
            given = {"username": name, "realname": real, "password": PASSWORDS[name], "roles": "User"}
            self.ask(ADMIN, "POST", "user", json={**given, "address": f"{name}@example.invalid"})
        return self

    def _ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise NotInTime("it ended")
        with contextlib.suppress(httpx2.HTTPError):
            return self.client.get(f"{self.url}/rest/data/status").status_code in (200, 403)
        return False

    def kill(self) -> None:
        """At once, with no word to anybody."""
        if self._process is not None:
            # With the children it forks for connections, which would keep its port.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def close(self) -> None:
        self.kill()
        self.client.close()
        self._sink.shutdown()
        self._sink.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What people do there.

    def ask(self, who: str, method: str, path: str, **given: Any) -> dict[str, Any]:
        """What the REST interface says to somebody; changes are made against the item as it is now."""
        headers = {"x-requested-with": "rest", "origin": f"http://127.0.0.1:{self.port}"}
        if method in ("PATCH", "DELETE"):
            headers["if-match"] = str(self.ask(who, "GET", path)["@etag"])
        answer = self.client.request(
            method, f"{self.url}/rest/data/{path}", auth=(who, PASSWORDS[who]), headers=headers, **given
        )
        assert answer.is_success, (method, path, answer.text)
        data: dict[str, Any] = answer.json()["data"]
        return data

    def issue(self, who: str = BETH, **values: Any) -> str:
        return str(self.ask(who, "POST", "issue", json=values)["id"])

    def change(self, who: str, remote_id: str, **values: Any) -> None:
        self.ask(who, "PATCH", f"issue/{remote_id}", json=values)

    def say(self, who: str, remote_id: str, body: str) -> str:
        made = str(self.ask(who, "POST", "msg", json={"content": body, "author": who})["id"])
        self.ask(who, "PATCH", f"issue/{remote_id}", json={"@op": "add", "messages": [made]})
        return made

    def attributes(self, remote_id: str, of: str = "issue") -> dict[str, Any]:
        return dict(self.ask(ADMIN, "GET", f"{of}/{remote_id}?@verbose=3")["attributes"])

    def said(self, remote_id: str) -> list[str]:
        """The texts of the issue's messages, in order."""
        ids = sorted((one["id"] for one in self.attributes(remote_id)["messages"]), key=int)
        return [str(self.attributes(one, "msg")["content"]) for one in ids]

    # What only its own files can do.

    def wipe(self) -> None:
        """As on the first day; and nothing was told to anybody."""
        with self._store() as db:
            for of in WIPED:
                db.execute(f"delete from _{of}")
            for table in ("issue_messages", "issue_files", "issue_nosy", "issue_keyword", "issue_superseder"):
                db.execute(f"delete from {table}")
            db.execute("update _priority set __retired__ = 0")
            db.execute("update _user set _roles = 'User' where _username = ?", (SYNC,))
        self.heard()

    def pass_time(self, seconds: float) -> None:
        """Everything that happened is longer ago."""
        with self._store() as db:
            for id, activity in db.execute("select id, _activity from _issue").fetchall():
                db.execute("update _issue set _activity = ? where id = ?", (_earlier(activity, seconds), id))

    @contextlib.contextmanager
    def _store(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.home / "db" / "db", timeout=10)) as db:
            yield db
            db.commit()

    def heard(self) -> list[Heard]:
        heard: list[Heard] = self._sink.heard  # type: ignore[attr-defined]
        told, heard[:] = list(heard), []
        return told


def _in_memory() -> str | None:
    """Where files are memory, if there is such a place: SQLite waits for the disk with each change."""
    place = Path("/dev/shm")
    return str(place) if place.is_dir() and os.access(place, os.W_OK) else None


class _Sink(BaseHTTPRequestHandler):
    """Takes what the detector posts, before the change is answered."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.heard.append(Heard(body=body, headers=headers))  # type: ignore[attr-defined]
        self.send_response(202)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what arrived is kept."""


def _earlier(stamp: str, seconds: float) -> str:
    """A time as the tracker's store writes it, moved back."""
    from roundup.date import Date, Interval

    return str(
        (
            Date(stamp) - Interval(f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}")
        ).serialise()
    )


def _program(name: str) -> str:
    """Where it is. Without it the test skips and names what to install; with CI=true that is a failure."""
    found = Path(sys.executable).parent / name
    if found.is_file():
        return str(found)
    missing = f"{name} is missing: pip install -r requirements/dev.txt"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def _as_nobody() -> list[str]:
    """How root runs a program as `nobody`: with the one right to read, where Python lies in a folder of root's."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        missing = "setpriv is missing: apt-get install -y util-linux"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    group = pwd.getpwnam("nobody").pw_gid
    begun = [setpriv, "--reuid=nobody", f"--regid={group}", "--clear-groups"]
    python = Path(sys.executable)
    places = {*python.parents, *python.resolve().parents}
    if all(place.stat().st_mode & 0o001 for place in places):
        return begun
    return [*begun, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
