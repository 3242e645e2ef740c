"""The emulator as the conformance kit wants it: people who use it, an administrator who closes things, troubles."""

from collections.abc import Sequence
from datetime import timedelta

import httpx2

from rallypoint.clock import ManualClock
from rallypoint.connectors.pagerduty import PagerDutyTracker
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.pagerduty import ENGINEER, INTEGRATION, PagerDuty
from rallypoint.sync.model import Person, Visibility
from rallypoint.sync.ports import Tracker
from tests.connectors.kit import Act, Bench, Heard, Mishap, NotHere

ACTS = {
    Act.READ: ("GET", "/incidents/"),
    Act.CREATE: ("POST", "/incidents"),
    Act.WRITE: ("PUT", "/incidents/"),
    Act.COMMENT: ("POST", "/notes"),
}
RATE = {"ratelimit-limit": "960", "ratelimit-remaining": "0", "ratelimit-reset": "7"}
SPENT = {"error": {"message": "Rate Limit Exceeded", "code": 2020}}
TEXT = "customer_impact"


class PagerDutyBench(Bench):
    """Its long text is a custom field: the only one there that can be changed and emptied."""

    type = "incident"
    title, text, choice = "title", f"custom.{TEXT}", "priority"
    status, status_to = "status", "resolved"

    def __init__(
        self, emulator: PagerDuty, url: str, people: dict[str, httpx2.AsyncClient], clock: ManualClock, way: Egress
    ) -> None:
        self.emulator, self.url, self.people, self.clock, self.way = emulator, url, people, clock, way
        self.project = emulator.service("Payments").id
        self.choices = (emulator.priority("P1").id, emulator.priority("P2").id)
        self.somebody = Person(remote_id=emulator.user(ENGINEER).id, name="Noor Haddad", email=ENGINEER)
        self.tracker: Tracker = self.connected()
        self.listening = False

    def connected(self, key: str = "", mail: str = "", services: Sequence[str] = ()) -> PagerDutyTracker:
        return PagerDutyTracker(
            self.way,
            base_url=self.url,
            key=key or self.emulator.keys[INTEGRATION].secret,
            mail=mail,
            services=services,
            now=self.clock.now,
        )

    async def stranger(self) -> Tracker:
        return self.connected("wrong")

    async def engineer(self, remote_id: str, **said: object) -> None:
        answer = await self.people[ENGINEER].put(
            f"incidents/{remote_id}", json={"incident": {"type": "incident", **said}}
        )
        assert answer.status_code == 200, answer.text

    async def person_sets(self, remote_id: str, field: str, value: str) -> None:
        """No webhook tells of a changed title, so whoever listens for one sees the priority change as well."""
        await self.engineer(remote_id, **{field: value})
        if self.listening:
            now = self.emulator.account.incidents[remote_id].priority
            other = self.emulator.priority("P4" if now is None or now.name != "P4" else "P5")
            await self.engineer(remote_id, priority={"id": other.id, "type": "priority_reference"})

    async def person_comments(self, remote_id: str, body: str, visibility: Visibility) -> None:
        answer = await self.people[ENGINEER].post(f"incidents/{remote_id}/notes", json={"note": {"content": body}})
        assert answer.status_code == 200, answer.text

    async def person_attaches(self, remote_id: str, name: str, body: bytes) -> None:
        raise NotHere("There are no files.")

    async def person_deletes(self, remote_id: str) -> None:
        """Nobody can; but a service may go, and its incidents with it."""
        del self.emulator.account.incidents[remote_id]

    async def outsider_sees(self, remote_id: str) -> list[str]:
        """Notes are for responders; stakeholders are told by status updates, which we never make."""
        return []

    async def item_count(self) -> int:
        return len(self.emulator.account.incidents)

    async def hide(self, remote_id: str) -> None:
        self.emulator.account.hidden.add(remote_id)

    async def forbid_writing(self) -> None:
        self.emulator.keys[INTEGRATION].read_only = True

    async def remove_choice(self, field: str, value: str) -> None:
        self.emulator.account.priorities = [one for one in self.emulator.account.priorities if one.id != value]

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
        """The secret is theirs to make."""
        self.emulator.deliveries.hold = self.listening = True
        self.secret = (await self.tracker.register_webhook("https://rp.example/in/key", self.secret)).secret

    async def heard(self) -> list[Heard]:
        held, self.emulator.deliveries.held = self.emulator.deliveries.held, []
        return [
            Heard(body=one.body, headers={name.lower(): value for name, value in one.headers.items()}) for one in held
        ]
