"""The emulator as the conformance kit wants it: people who use it, an administrator who closes things, troubles."""

import json
from datetime import timedelta

import httpx2

from rallypoint.clock import ManualClock
from rallypoint.connectors.oauth import Grant
from rallypoint.connectors.servicenow import Credentials, ServiceNowTracker
from rallypoint.connectors.servicenow.tool import TOKENS
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.servicenow import ADMIN, AGENT, CALLER, CLIENT, INTEGRATION_USER, Hook, ServiceNow
from rallypoint.sync.model import Person, Value, Visibility
from rallypoint.sync.ports import Tracker
from tests.connectors.kit import Act, Bench, Heard, Mishap

METHODS = {Act.READ: "GET", Act.CREATE: "POST", Act.WRITE: "PATCH", Act.COMMENT: "PATCH"}
RATE = {"retry-after": "7", "x-ratelimit-limit": "100", "x-ratelimit-rule": "r1"}
SPENT = {
    "error": {"message": "Rate limit exceeded", "detail": "Rate limit of 100 requests per hour for Table API exceeded"},
    "status": "failure",
}


class ServiceNowBench(Bench):
    project = type = "incident"
    title, text, choice, choices = "short_description", "description", "urgency", ("1", "2")
    status, status_to = "state", "6"
    fill = {"close_code": "Solution provided", "close_notes": "Restarted."}
    person = "assigned_to"

    def __init__(
        self, emulator: ServiceNow, url: str, people: dict[str, httpx2.AsyncClient], clock: ManualClock, way: Egress
    ) -> None:
        self.emulator, self.url, self.people, self.clock, self.way = emulator, url, people, clock, way
        given = Credentials(user=INTEGRATION_USER, password=emulator.passwords[INTEGRATION_USER])
        self.tracker: Tracker = self.connected(given)
        self.somebody = Person(remote_id=emulator.sys_id(AGENT))

    def grant(self, refresh_token: str = "") -> Grant:
        """The emulator's application, by its own right or by a refresh token."""
        return Grant(
            client_id=CLIENT,
            client_secret=self.emulator.client_secret,
            token_url=f"{self.url}{TOKENS}",
            refresh_token=refresh_token,
        )

    def connected(self, given: Credentials) -> ServiceNowTracker:
        return ServiceNowTracker(self.way, base_url=self.url, credentials=given, now=self.clock.now)

    def fields(self, title: str) -> dict[str, Value]:
        return {self.title: title, "caller_id": self.emulator.sys_id(CALLER)}

    async def stranger(self) -> Tracker:
        return self.connected(Credentials(user=INTEGRATION_USER, password="wrong"))

    async def _agent(self, remote_id: str, **fields: str) -> None:
        answer = await self.people[AGENT].patch(f"/table/incident/{remote_id}", json=fields)
        assert answer.status_code == 200, answer.text

    async def person_sets(self, remote_id: str, field: str, value: str) -> None:
        await self._agent(remote_id, **{field: value})

    async def person_comments(self, remote_id: str, body: str, visibility: Visibility) -> None:
        await self._agent(remote_id, **{"comments" if visibility is Visibility.PUBLIC else "work_notes": body})

    async def person_attaches(self, remote_id: str, name: str, body: bytes) -> None:
        asked = {"table_name": "incident", "table_sys_id": remote_id, "file_name": name}
        answer = await self.people[AGENT].post(
            "/attachment/file", params=asked, content=body, headers={"content-type": "image/png"}
        )
        assert answer.status_code == 201, answer.text

    async def person_deletes(self, remote_id: str) -> None:
        assert (await self.people[ADMIN].delete(f"/table/incident/{remote_id}")).status_code == 204

    async def outsider_sees(self, remote_id: str) -> list[str]:
        query = {"sysparm_query": f"element_id={remote_id}"}
        rows = (await self.people[CALLER].get("/table/sys_journal_field", params=query)).json()["result"]
        return [row["value"] for row in rows]

    async def item_count(self) -> int:
        return len(self.emulator.instance.tables["incident"])

    async def hide(self, remote_id: str) -> None:
        self.emulator.instance.access.hidden_records.add(remote_id)

    async def hide_field(self, field: str) -> None:
        self.emulator.instance.access.hidden_fields.add(f"task.{field}")

    async def forbid_writing(self) -> None:
        user = self.emulator.instance.users[INTEGRATION_USER]
        user.roles = user.roles - {"itil"}
        for row in self.emulator.instance.tables["incident"].values():
            row |= {"opened_by": user.sys_id, "state": "8"}

    async def remove_choice(self, field: str, value: str) -> None:
        for row in self.emulator.instance.tables["sys_choice"].values():
            if (row["element"], row["value"]) == (field, value):
                row["inactive"] = "true"

    async def plan(self, mishap: Mishap, act: Act) -> None:
        kind = {
            Mishap.RATE: FaultKind.REFUSE,
            Mishap.REFUSED: FaultKind.REFUSE,
            Mishap.BROKEN: FaultKind.RESET,
            Mishap.LOST: FaultKind.AFTER,
            Mishap.LOST_BREAK: FaultKind.RESET_AFTER,
        }[mishap]
        fault = Fault(kind=kind, method=METHODS[act], path="/table/incident")
        if mishap is Mishap.RATE:
            fault.status, fault.headers, fault.body = 429, RATE, SPENT
        self.emulator.faults.plan(fault)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    async def skew(self, seconds: float) -> None:
        self.emulator.clock.advance(timedelta(seconds=seconds))

    async def listen(self) -> None:
        self.emulator.deliveries.hold = True
        self.emulator.rule.hook = Hook("http://127.0.0.1:9/in", self.secret)

    async def heard(self) -> list[Heard]:
        held, self.emulator.deliveries.held = self.emulator.deliveries.held, []
        assert all(json.loads(one.body)["table"] == "incident" for one in held)
        return [
            Heard(body=one.body, headers={name.lower(): value for name, value in one.headers.items()}) for one in held
        ]
