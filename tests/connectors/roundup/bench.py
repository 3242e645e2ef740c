"""A real Roundup as the conformance kit wants it. Its mishaps happen on the way to it, for it has none on demand."""

from datetime import timedelta

from rallypoint.clock import process_time
from rallypoint.connectors.roundup import Audience, Credentials, RoundupTracker
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.sync.model import Person, Visibility
from rallypoint.sync.ports import Tracker
from tests.connectors.kit import Act, Bench, Heard, Mishap
from tests.connectors.passage import Way
from tests.connectors.roundup.server import ADMIN, BETH, PASSWORDS, SECRET, SYNC, Roundup

CALLS = {
    Act.READ: ("GET", "/rest/data/issue/"),
    Act.CREATE: ("POST", "/rest/data/issue/@poe/"),
    Act.WRITE: ("PATCH", "/rest/data/issue/"),
    Act.COMMENT: ("PATCH", "/rest/data/issue/"),
}
RATE = {"retry-after": "7", "x-ratelimit-limit": "100", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "70.5"}
SPENT = {
    "error": {"status": 429, "msg": "Api rate limits exceeded. Please wait: 7 seconds.", "source": "ApiRateLimiter"}
}


class RoundupBench(Bench):
    project = type = "issue"
    title, text, choice, choices = "title", "description", "priority", ("1", "2")
    secret = SECRET
    status, status_to = "status", "5"
    person = "assignedto"

    def __init__(self, roundup: Roundup, way: Way, url: str, egress: Egress) -> None:
        self.roundup, self.way, self.url, self.egress = roundup, way, url, egress
        self.tracker: Tracker = self.connected()
        self.ahead = 0.0
        [beth] = roundup.ask(ADMIN, "GET", f"user?username:={BETH}")["collection"]
        self.somebody = Person(remote_id=beth["id"])

    def connected(
        self, user: str = SYNC, password: str = PASSWORDS[SYNC], audience: Audience = Audience.EVERYONE
    ) -> RoundupTracker:
        return RoundupTracker(
            self.egress,
            base_url=f"{self.url}/desk",
            credentials=Credentials(user=user, password=password),
            now=process_time,
            audience=audience,
        )

    async def stranger(self) -> Tracker:
        return self.connected(password="wrong")

    async def person_sets(self, remote_id: str, field: str, value: str) -> None:
        self.roundup.change(BETH, remote_id, **{field: value})

    async def person_comments(self, remote_id: str, body: str, visibility: Visibility) -> None:
        self.roundup.say(BETH, remote_id, body)

    async def person_attaches(self, remote_id: str, name: str, body: bytes) -> None:
        made = self.roundup.ask(BETH, "POST", "file", data={"name": name, "type": "image/png"}, files={"content": body})
        self.roundup.ask(BETH, "PATCH", f"issue/{remote_id}", json={"@op": "add", "files": [made["id"]]})

    async def person_deletes(self, remote_id: str) -> None:
        self.roundup.ask(ADMIN, "DELETE", f"issue/{remote_id}")

    async def outsider_sees(self, remote_id: str) -> list[str]:
        return self.roundup.said(remote_id)

    async def item_count(self) -> int:
        return len(self.roundup.ask(ADMIN, "GET", "issue")["collection"])

    async def forbid_writing(self) -> None:
        [me] = self.roundup.ask(ADMIN, "GET", f"user?username:={SYNC}")["collection"]
        self.roundup.ask(ADMIN, "PATCH", f"user/{me['id']}", json={"roles": "Anonymous"})

    async def remove_choice(self, field: str, value: str) -> None:
        self.roundup.ask(ADMIN, "DELETE", f"{field}/{value}")

    async def plan(self, mishap: Mishap, act: Act) -> None:
        kind = {
            Mishap.RATE: FaultKind.REFUSE,
            Mishap.REFUSED: FaultKind.REFUSE,
            Mishap.BROKEN: FaultKind.RESET,
            Mishap.LOST: FaultKind.AFTER,
            Mishap.LOST_BREAK: FaultKind.RESET_AFTER,
        }[mishap]
        method, path = CALLS[act]
        fault = Fault(kind=kind, method=method, path=path)
        if mishap is Mishap.RATE:
            fault.status, fault.headers, fault.body = 429, RATE, SPENT
        self.way.faults.plan(fault)

    async def advance(self, seconds: float) -> None:
        self.roundup.pass_time(seconds)

    async def skew(self, seconds: float) -> None:
        self.ahead += seconds
        self.way.clock.advance(timedelta(seconds=seconds))

    async def listen(self) -> None:
        self.roundup.heard()

    async def heard(self) -> list[Heard]:
        return self.roundup.heard()
