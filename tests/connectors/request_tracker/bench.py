"""A real Request Tracker as the conformance kit wants it. Its mishaps happen on the way to it."""

from datetime import timedelta

from rallypoint.clock import process_time
from rallypoint.connectors.request_tracker import Credentials, RequestTracker
from rallypoint.connectors.request_tracker.shape import CUSTOM, Named
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.sync.model import Person, Visibility
from rallypoint.sync.ports import Tracker
from tests.connectors.kit import Act, Bench, Heard, Mishap
from tests.connectors.passage import Way
from tests.connectors.request_tracker.server import (
    BETH,
    DESK,
    RAE,
    REPORT,
    SECRET,
    SEVERITY,
    SYNC,
    RequestTrackerServer,
)

CALLS = {
    Act.READ: ("GET", "/REST/2.0/ticket/"),
    Act.CREATE: ("POST", "/REST/2.0/ticket"),
    Act.WRITE: ("PUT", "/REST/2.0/ticket/"),
    Act.COMMENT: ("POST", "/REST/2.0/ticket/"),
}


class RequestTrackerBench(Bench):
    project, type = DESK, "ticket"
    title, text, choice, choices = "Subject", CUSTOM + REPORT, CUSTOM + SEVERITY, ("low", "high")
    secret = SECRET
    status, status_to = "Status", "stalled"
    person, somebody = "Owner", Person(remote_id=BETH)

    def __init__(self, server: RequestTrackerServer, way: Way, url: str, egress: Egress) -> None:
        self.server, self.way, self.url, self.egress = server, way, url, egress
        self.tracker: Tracker = self.connected()
        self.ahead = 0.0

    def connected(self, token: str | None = None, named: Named | None = None) -> RequestTracker:
        return RequestTracker(
            self.egress,
            base_url=self.url,
            credentials=Credentials(user=SYNC, token=self.server.token if token is None else token),
            now=process_time,
            named=named,
        )

    async def stranger(self) -> Tracker:
        return self.connected(token="1-34-0123456789abcdef0123456789abcdef")

    async def person_sets(self, remote_id: str, field: str, value: str) -> None:
        if field.startswith(CUSTOM):
            self.server.change(BETH, remote_id, CustomFields={field.removeprefix(CUSTOM): value})
        else:
            self.server.change(BETH, remote_id, **{field: value})

    async def person_comments(self, remote_id: str, body: str, visibility: Visibility) -> None:
        self.server.say(BETH, remote_id, body, public=visibility is Visibility.PUBLIC)

    async def person_attaches(self, remote_id: str, name: str, body: bytes) -> None:
        self.server.attach(BETH, remote_id, name, body)

    async def person_deletes(self, remote_id: str) -> None:
        self.server.ask(BETH, "DELETE", f"ticket/{remote_id}")

    async def outsider_sees(self, remote_id: str) -> list[str]:
        self.server.change(BETH, remote_id, Requestor=[f"{RAE}@example.invalid"])
        return self.server.said(remote_id, RAE)

    async def item_count(self) -> int:
        return len(self.server.tickets())

    async def hide(self, remote_id: str) -> None:
        with self.server.store() as db:
            db.execute("update Tickets set Queue = (select id from Queues where Name = 'Elsewhere')")

    async def hide_field(self, field: str) -> None:
        self.server.take_right("SeeCustomField")

    async def forbid_writing(self) -> None:
        self.server.take_right("ModifyTicket")

    async def remove_choice(self, field: str, value: str) -> None:
        with self.server.store() as db:
            db.execute("delete from CustomFieldValues where Name = ?", (value,))

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
            # It has no limits of its own: this is what proxies before it say.
            fault.status, fault.headers, fault.body = 429, {"retry-after": "7"}, {"message": "Too Many Requests"}
        self.way.faults.plan(fault)

    async def advance(self, seconds: float) -> None:
        self.server.pass_time(seconds)

    async def skew(self, seconds: float) -> None:
        self.ahead += seconds
        self.way.clock.advance(timedelta(seconds=seconds))

    async def listen(self) -> None:
        self.server.heard()

    async def heard(self) -> list[Heard]:
        return self.server.heard()
