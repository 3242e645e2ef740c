"""The emulator as the conformance kit sees it: people who use it, faults, a clock, webhooks."""

import re
from collections.abc import Mapping
from datetime import timedelta
from html import unescape
from typing import Any

import httpx2

from rallypoint.clock import ManualClock
from rallypoint.connectors.zendesk import ZendeskTracker
from rallypoint.connectors.zendesk.api import Credentials
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.zendesk import AGENT, CUSTOMER, INTEGRATION, Zendesk
from rallypoint.sync.model import Person, Value, Visibility
from rallypoint.sync.ports import Changes, Tracker
from tests.connectors.kit import Act, Bench, Heard, Mishap

ACTS = {
    Act.READ: ("GET", "/tickets/"),
    Act.CREATE: ("POST", "/tickets"),
    Act.WRITE: ("PUT", "/tickets/"),
    Act.COMMENT: ("PUT", "/tickets/"),
}
RATE = {"retry-after": "7", "x-rate-limit": "700", "x-rate-limit-remaining": "0"}
SPENT = {"error": "APIRateLimitExceeded", "description": "Number of allowed API requests per minute exceeded"}
EXPORT_LAG = 61
MARK = re.compile(r"<[^>]+>")


class Patient(ZendeskTracker):
    """Asks for changes a minute later than it is told to: the export leaves out the last minute."""

    def __init__(self, clock: ManualClock, way: Egress, **given: Any) -> None:
        super().__init__(way, now=clock.now, **given)
        self._clock = clock

    async def list_changes(self, cursor: str | None) -> Changes:
        if cursor is not None:
            self._clock.advance(timedelta(seconds=EXPORT_LAG))
        return await super().list_changes(cursor)


class ZendeskBench(Bench):
    project, type = "tickets", "ticket"
    title, status, status_to, person = "subject", "status", "solved", "assignee_id"
    choices = ("sev_1", "sev_2")

    def __init__(
        self, emulator: Zendesk, url: str, people: dict[str, httpx2.AsyncClient], clock: ManualClock, way: Egress
    ) -> None:
        self.emulator, self.url, self.people, self.clock, self.way = emulator, url, people, clock, way
        desk = emulator.desk
        self.text = str(desk.field_named("Impact on customers").id)
        self.choice = str(desk.field_named("Severity").id)
        cause = desk.field_named("Root cause")
        cause.required = True
        self.fill: Mapping[str, Value] = {str(cause.id): "Queue full"}
        self.somebody = Person(remote_id=str(emulator.person(AGENT)), email=AGENT, name="Noor Haddad")
        self.tracker: Tracker = self.connected()

    def connected(self, api_token: str = "", **given: Any) -> ZendeskTracker:
        credentials = Credentials(email=INTEGRATION, api_token=api_token or self.emulator.api_token)
        return Patient(self.clock, self.way, base_url=self.url, credentials=credentials, name="lantern", **given)

    def words(self, raw: Value) -> str:
        """Comments are HTML; the long text of a ticket is not."""
        text = str(raw or "")
        return unescape(MARK.sub("", text)) if text.startswith("<p") else text

    async def stranger(self) -> Tracker:
        return self.connected("wrong")

    async def updated(self, remote_id: str, who: str = AGENT, **ticket: Any) -> httpx2.Response:
        answer = await self.people[who].put(f"tickets/{remote_id}", json={"ticket": ticket})
        assert answer.status_code == 200, answer.text
        return answer

    async def person_sets(self, remote_id: str, field: str, value: str) -> None:
        if field.isdigit():
            await self.updated(remote_id, custom_fields=[{"id": int(field), "value": value}])
        else:
            await self.updated(remote_id, **{field: value})

    async def person_comments(self, remote_id: str, body: str, visibility: Visibility) -> None:
        await self.updated(remote_id, comment={"body": body, "public": visibility is Visibility.PUBLIC})

    async def person_attaches(self, remote_id: str, name: str, body: bytes) -> None:
        made = await self.people[AGENT].post("uploads", params={"filename": name}, content=body)
        token = made.json()["upload"]["token"]
        await self.updated(remote_id, comment={"body": "Look", "public": False, "uploads": [token]})

    async def person_deletes(self, remote_id: str) -> None:
        assert (await self.people[AGENT].delete(f"tickets/{remote_id}")).status_code == 204

    async def outsider_sees(self, remote_id: str) -> list[str]:
        self.emulator.desk.ticket(int(remote_id)).state.values["requester_id"] = self.emulator.person(CUSTOMER)
        answer = await self.people[CUSTOMER].get(f"requests/{remote_id}/comments")
        return [one["body"] for one in answer.json().get("comments", ())]

    async def item_count(self) -> int:
        return len(self.emulator.desk.tickets)

    async def hide(self, remote_id: str) -> None:
        self.emulator.desk.hidden.add(int(remote_id))

    async def hide_field(self, field: str) -> None:
        """An agent sees every field that is active; one that an administrator switched off nobody sees."""
        self.emulator.desk.fields[int(field)].active = False

    async def forbid_writing(self) -> None:
        self.emulator.desk.users[self.emulator.person(INTEGRATION)].writes = False

    async def remove_choice(self, field: str, value: str) -> None:
        one = self.emulator.desk.fields[int(field)]
        one.options = [each for each in one.options if each.value != value]

    async def plan(self, mishap: Mishap, act: Act) -> None:
        kind = {
            Mishap.RATE: FaultKind.REFUSE,
            Mishap.REFUSED: FaultKind.REFUSE,
            Mishap.BROKEN: FaultKind.RESET,
            Mishap.LOST: FaultKind.AFTER,
            Mishap.LOST_BREAK: FaultKind.RESET_AFTER,
        }[mishap]
        method, path = ACTS[act]
        fault = Fault(kind=kind, method=method, path=path)
        if mishap is Mishap.RATE:
            fault.status, fault.headers, fault.body = 429, RATE, SPENT
        self.emulator.faults.plan(fault)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    async def skew(self, seconds: float) -> None:
        self.emulator.clock.advance(timedelta(seconds=seconds))

    async def listen(self) -> None:
        self.emulator.deliveries.hold = True
        hook = await self.tracker.register_webhook("https://rp.example/told/key", "ours")
        self.secret = hook.secret

    async def heard(self) -> list[Heard]:
        held, self.emulator.deliveries.held = self.emulator.deliveries.held, []
        return [
            Heard(body=one.body, headers={name.lower(): value for name, value in one.headers.items()}) for one in held
        ]
