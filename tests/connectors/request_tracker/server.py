"""Request Tracker as Debian ships it: database and settings in a folder of its own, on loopback, ended by number.

Root runs it as `nobody`. No web server, no mail and nothing under /etc or /var is touched.
"""

import contextlib
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rallypoint.connectors.request_tracker import hook
from tests.connectors.kit import Heard
from tests.live import NotInTime, until
from tests.partners.programs import free_port

ROOT, SYNC, BETH, RAE = "root", "rallypoint", "beth", "rae"
PASSWORDS = {ROOT: "password", SYNC: "sync-password", BETH: "beth-password", RAE: "rae-password"}
SECRET = "a secret of the webhook"
DESK, ELSEWHERE = "1", "Elsewhere"
REPORT, SEVERITY, TAGS, UNTIL, DAY = "2", "3", "4", "5", "6"
"""Numbers of the custom fields, in the order in which they are made; 1 is one of its articles' own."""

SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
SET_UP = Path("/usr/sbin/rt-setup-database-5")
PACKAGES = "request-tracker5 rt5-db-sqlite rt5-standalone dbconfig-no-thanks esmtp-run"
STARTS_WITHIN = 30.0

SETTINGS = """\
Set($rtname, 'desk');
Set($Organization, 'example.invalid');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{folder}/rt.db');
Set($WebDomain, '127.0.0.1');
Set($WebPort, {port});
Set($WebBaseURL, 'http://127.0.0.1:{port}');
Set($MailCommand, 'sendmailpipe');
Set($SendmailPath, '{folder}/mail');
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'warning');
Set($Timezone, 'UTC');
Set($BcryptCost, 4);
Set($RallypointURL, '{told_to}');
Set($RallypointSecret, '{secret}');
$RT::VarPath = '{folder}';
$RT::MasonDataDir = '{folder}/mason';
$RT::MasonSessionDir = '{folder}/sessions';
1;
"""

BEGUN_WITH = """\
my @rights = qw(SeeQueue ShowTicket ShowTicketComments CreateTicket ModifyTicket ReplyToTicket CommentOnTicket OwnTicket
    ReassignTicket DeleteTicket ShowOutgoingEmail);
our @Users = map {{ {{ Name => $_->[0], RealName => $_->[1], EmailAddress => "$_->[0]\\@example.invalid",
    Password => "$_->[0]-password", Privileged => $_->[2] }} }}
    (['rallypoint', 'Rallypoint', 1], ['beth', 'Beth Anglin', 1], ['rae', 'Rae', 0]);
$Users[0]->{{Password}} = 'sync-password';
our @Queues = ({{ Name => 'Elsewhere' }});
our @CustomFields = map {{ {{ Queue => 0, LookupType => 'RT::Queue-RT::Ticket', MaxValues => 1, %$_ }} }} (
    {{ Name => 'Report', Type => 'Text' }},
    {{ Name => 'Severity', Type => 'Select', Values => [{{ Name => 'low' }}, {{ Name => 'high' }}] }},
    {{ Name => 'Tags', Type => 'Freeform', MaxValues => 0 }},
    {{ Name => 'Until', Type => 'DateTime' }},
    {{ Name => 'Day', Type => 'Date' }});
my %team = (GroupDomain => 'SystemInternal', GroupType => 'Privileged');
our @ACL = ((map {{ {{ %team, Queue => 'General', Right => $_ }} }} @rights),
    (map {{ {{ %team, Right => $_ }} }} qw(SeeCustomField ModifyCustomField)),
    (map {{ {{ GroupDomain => 'RT::Queue-Role', GroupType => 'Requestor', Queue => 'General', Right => $_ }} }}
        qw(ShowTicket ReplyToTicket)));
sub whole {{ open my $file, '<', shift or die $!; local $/; return <$file> }}
our @Scrips = ({{ Description => 'Tell Rallypoint', ScripCondition => 'On Transaction', ScripAction => 'User Defined',
    Template => 'Blank', Stage => 'TransactionBatch', Queue => 0,
    CustomPrepareCode => whole('{folder}/prepare'), CustomCommitCode => whole('{folder}/commit') }});
our @Final = (sub {{
    my $user = RT::User->new(RT->SystemUser);
    $user->Load('rallypoint');
    my (undef, undef, $token) = RT::AuthToken->new(RT->SystemUser)->Create(Owner => $user->id, Description => 'sync');
    open my $file, '>', '{folder}/token' or die $!;
    print $file $token;
    close $file;
}});
1;
"""
"""People, queues, custom fields, rights, our scrip and a token, as an administrator would set them up."""


class RequestTrackerServer:
    """One Request Tracker and its server."""

    def __init__(self) -> None:
        demand()
        self.folder = Path(tempfile.mkdtemp(prefix="request-tracker-", dir=_in_memory()))
        self.folder.chmod(0o711)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._as: list[str] = []
        places = [self.folder, self.folder / "mason", self.folder / "sessions"]
        for place in places[1:]:
            place.mkdir()
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            for place in places:
                os.chown(place, nobody.pw_uid, nobody.pw_gid)
            self._as = ["setpriv", "--reuid=nobody", f"--regid={nobody.pw_gid}", "--clear-groups"]
        self._sink = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
        self._sink.heard = []  # type: ignore[attr-defined]
        threading.Thread(target=self._sink.serve_forever, daemon=True).start()
        self._env = {
            "RT_SITE_CONFIG": f"{self.folder}/RT_SiteConfig.pm",
            "RT_SITE_CONFIG_DIR": f"{self.folder}/none",
            "HOME": str(self.folder),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }
        self.client = httpx2.Client(timeout=20, trust_env=False)
        self._install()

    def _install(self) -> None:
        told_to = f"http://127.0.0.1:{self._sink.server_address[1]}/told/key"
        given = {"folder": self.folder, "port": self.port, "told_to": told_to, "secret": SECRET}
        texts = {
            "RT_SiteConfig.pm": SETTINGS.format(**given),
            "begun_with": BEGUN_WITH.format(**given),
            "prepare": hook.PREPARE,
            "commit": hook.COMMIT,
            "mail": "#!/bin/sh\ncat >/dev/null\n",
        }
        for name, text in texts.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        self._set_up("init")
        self._set_up("insert", "--datafile", f"{self.folder}/begun_with")
        self.token = (self.folder / "token").read_text()
        shutil.copy(self.folder / "rt.db", self.folder / "first.db")

    def _set_up(self, action: str, *more: str) -> None:
        done = subprocess.run(
            [*self._as, str(SET_UP), "--action", action, "--skip-create", *more],
            cwd=self.folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False,
            env=self._env,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "[error]" not in done.stderr, done.stderr

    def start(self) -> "RequestTrackerServer":
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as, str(SERVER), "--server", "Starlet", "--host", "127.0.0.1", "--port", str(self.port),
                 "--max-workers", "2"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=self._env,
                start_new_session=True,
            )  # fmt: skip
        try:
            until(self._ready, within=STARTS_WITHIN, what="Request Tracker answers")
        except NotInTime:
            raise NotInTime(f"it did not start:\n{(self.folder / 'log').read_text()[-3000:]}") from None
        return self

    def _ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise NotInTime("it ended")
        with contextlib.suppress(httpx2.HTTPError):
            return self.client.get(f"{self.url}/REST/2.0/rt").status_code == 401
        return False

    def kill(self) -> None:
        """At once, with no word to anybody."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # with its workers, which would keep the port
            self._process.wait(10)
            self._process = None

    def close(self) -> None:
        self.kill()
        self.client.close()
        self._sink.shutdown()
        self._sink.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What people do there.

    def ask(self, who: str, method: str, path: str, **given: Any) -> Any:
        """What the interface says to somebody."""
        answer = self.client.request(method, f"{self.url}/REST/2.0/{path}", auth=(who, PASSWORDS[who]), **given)
        assert answer.is_success, (method, path, answer.text)
        return answer.json() if answer.content else None

    def ticket(self, who: str = BETH, **values: Any) -> str:
        return str(self.ask(who, "POST", "ticket", json={"Queue": "General", **values})["id"])

    def change(self, who: str, remote_id: str, **values: Any) -> None:
        self.ask(who, "PUT", f"ticket/{remote_id}", json=values)

    def say(self, who: str, remote_id: str, body: str, *, public: bool = False, **more: Any) -> None:
        said = {"Content": body, "ContentType": "text/plain", **more}
        self.ask(who, "POST", f"ticket/{remote_id}/{'correspond' if public else 'comment'}", json=said)

    def attach(self, who: str, remote_id: str, name: str, body: bytes) -> None:
        files = [("Attachments", (name, body, "image/png"))]
        self.ask(who, "POST", f"ticket/{remote_id}/comment", data={"JSON": "{}"}, files=files)

    def shows(self, remote_id: str) -> dict[str, Any]:
        """The ticket as an administrator sees it, with custom fields by name."""
        row: dict[str, Any] = self.ask(ROOT, "GET", f"ticket/{remote_id}")
        return {**row, **{one["name"]: one["values"] for one in row["CustomFields"]}}

    def last(self, remote_id: str) -> str:
        """The number of the last thing that happened to a ticket."""
        answer = self.client.get(f"{self.url}/REST/2.0/ticket/{remote_id}", auth=(ROOT, PASSWORDS[ROOT]))
        return str(answer.headers["etag"])

    def tickets(self) -> list[str]:
        return [str(one["id"]) for one in self.ask(ROOT, "GET", "tickets?query=id > 0&per_page=100")["items"]]

    def said(self, remote_id: str, who: str = ROOT) -> list[str]:
        """What somebody can read of a ticket's replies and comments, in order."""
        asked = f"ticket/{remote_id}/history?fields=Type&per_page=100"
        spoken = [one for one in self.ask(who, "GET", asked)["items"] if one["Type"] in ("Correspond", "Comment")]
        parts = [self.ask(who, "GET", f"transaction/{one['id']}/attachments?fields=Content") for one in spoken]
        return [str(part["Content"]) for page in parts for part in page["items"] if part.get("Content")]

    # What only its own files can do.

    def wipe(self) -> None:
        """As on the first day; and nothing was told to anybody."""
        with self.store() as db:
            db.execute("attach ? as first", (f"{self.folder}/first.db",))
            names = "select name from first.sqlite_master where type = 'table' and name not like 'sqlite_%'"
            for (table,) in db.execute(names).fetchall():
                db.execute(f"delete from main.{table}")
                db.execute(f"insert into main.{table} select * from first.{table}")
        self.heard()

    def pass_time(self, seconds: float) -> None:
        """Everything that happened to tickets is longer ago."""
        back = f"-{int(seconds)} seconds"
        with self.store() as db:
            for column in ("LastUpdated", "Created"):
                db.execute(f"update Tickets set {column} = datetime({column}, ?)", (back,))
            db.execute("update Transactions set Created = datetime(Created, ?)", (back,))

    def take_right(self, right: str) -> None:
        with self.store() as db:
            db.execute("delete from ACL where RightName = ?", (right,))

    @contextlib.contextmanager
    def store(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.folder / "rt.db", timeout=10)) as db:
            yield db
            db.commit()

    def heard(self) -> list[Heard]:
        heard: list[Heard] = self._sink.heard  # type: ignore[attr-defined]
        told, heard[:] = list(heard), []
        return told


def demand() -> None:
    """Without the program the test skips and names what to install; with CI=true that is a failure."""
    if SERVER.is_file() and SET_UP.is_file():
        return
    missing = f"Request Tracker is missing: apt-get install -y --no-install-recommends {PACKAGES}"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def _in_memory() -> str | None:
    """Where files are memory, if there is such a place: SQLite waits for the disk with each change."""
    place = Path("/dev/shm")
    return str(place) if place.is_dir() and os.access(place, os.W_OK) else None


class _Sink(BaseHTTPRequestHandler):
    """Takes what the scrip posts, before the change is answered."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.heard.append(Heard(body=body, headers=headers))  # type: ignore[attr-defined]
        self.send_response(202)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what arrived is kept."""
