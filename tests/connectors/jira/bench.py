"""Jira for the conformance kit: either edition, a software project or a service desk."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2

from rallypoint.clock import ManualClock
from rallypoint.connectors.jira import Credentials, JiraTracker
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.jira import CUSTOMER, DESK, ENGINEER, INTEGRATION, PROJECT
from rallypoint.emulators.jira.definitions import SEVERITY, STATUSES
from rallypoint.sync.model import Person, Value, Visibility
from rallypoint.sync.ports import Tracker
from tests.connectors.jira.conftest import Served
from tests.connectors.kit import Act, Bench, Heard, Mishap

ACTS = {
    Act.READ: ("GET", "/issue/"),
    Act.CREATE: ("POST", "/issue"),
    Act.WRITE: ("PUT", "/issue/"),
    Act.COMMENT: ("POST", "/comment"),
}
RATE = {"retry-after": "7", "ratelimit-reason": "jira-burst-based", "x-ratelimit-limit": "100"}
HOOK = "https://rp.example/told/key"


def document(words: str) -> dict[str, Any]:
    """Words as people type them: a new line for each line."""
    content: list[dict[str, Any]] = []
    for row in words.replace("\r\n", "\n").split("\n"):
        inner = [{"type": "text", "text": row}] if row else []
        content.append({"type": "paragraph", "content": inner})
    return {"type": "doc", "version": 1, "content": content}


def words(node: Any) -> str:
    """All that is to be read in a document."""
    if isinstance(node, list):
        return "".join(words(one) for one in node)
    return str(node.get("text", "")) + words(node.get("content", [])) if isinstance(node, dict) else ""


class JiraBench(Bench):
    title, text = "summary", "description"
    choice, choices = SEVERITY, ("10100", "10101")
    status = "status"
    person = "assignee"

    def __init__(self, served: Served, clock: ManualClock, way: Egress, *, desk: bool) -> None:
        self.served, self.emulator, self.clock, self.way, self.desk = served, served.emulator, clock, way, desk
        place = self.emulator.desk if desk else self.emulator.project
        self.project, self.type = place.id, "Incident" if desk else "Bug"
        self.status_to, self.fill = ("5", {"resolution": "10001"}) if desk else ("3", {})
        noor = self.emulator.site.users[ENGINEER]
        self.somebody = Person(remote_id=noor.id(self.emulator.site.edition), name=noor.title)
        self.tracker: Tracker = self.connected(INTEGRATION)

    @property
    def api(self) -> str:
        return f"/rest/api/{self.served.version}"

    @property
    def engineer(self) -> httpx2.AsyncClient:
        return self.served.people[ENGINEER]

    def connected(self, name: str, *, token: str = "", project: str | None = None, role: str = "") -> JiraTracker:
        given = self.served.credentials(name) | ({"token": token} if token else {})
        place = (DESK if self.desk else PROJECT) if project is None else project
        return JiraTracker(
            self.way, base_url=self.served.url, credentials=Credentials(**given), now=self.clock.now, project=place,
            role=role,
        )  # fmt: skip

    def raw(self, words: str) -> str:
        return json.dumps(document(words)) if self.served.cloud else words

    def words(self, raw: Value) -> str:
        return words(json.loads(str(raw))) if self.served.cloud and raw else str(raw or "")

    def said(self, text: str) -> Any:
        return document(text) if self.served.cloud else text

    async def stranger(self) -> Tracker:
        return self.connected(INTEGRATION, token="wrong")

    async def person_does(self, method: str, path: str, **given: Any) -> Any:
        """A call by the engineer that must go well."""
        answer = await self.engineer.request(method, f"{self.api}/{path}", **given)
        assert 200 <= answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def person_sets(self, remote_id: str, field: str, value: str) -> None:
        sent: Any = {"id": value} if field == self.choice else value
        await self.person_does("PUT", f"issue/{remote_id}", json={"fields": {field: sent}})

    async def person_comments(self, remote_id: str, body: str, visibility: Visibility) -> None:
        said: dict[str, Any] = {"body": self.said(body)}
        if visibility is not Visibility.PUBLIC and self.desk:
            said["properties"] = [{"key": "sd.public.comment", "value": {"internal": True}}]
        await self.person_does("POST", f"issue/{remote_id}/comment", json=said)

    async def person_attaches(self, remote_id: str, name: str, body: bytes) -> None:
        files = {"file": (name, body)}
        await self.person_does(
            "POST", f"issue/{remote_id}/attachments", files=files, headers={"x-atlassian-token": "no-check"}
        )

    async def person_deletes(self, remote_id: str) -> None:
        await self.person_does("DELETE", f"issue/{remote_id}")

    async def outsider_sees(self, remote_id: str) -> list[str]:
        """What the customer reads in the portal."""
        if not self.desk:
            return await super().outsider_sees(remote_id)
        self.emulator.site.issues[int(remote_id)].fields["reporter"] = CUSTOMER
        answer = await self.served.people[CUSTOMER].get(f"/rest/servicedeskapi/request/{remote_id}/comment")
        assert answer.status_code == 200, answer.text
        return [one["body"] for one in answer.json()["values"]]

    async def item_count(self) -> int:
        return len(self.emulator.site.issues)

    async def hide(self, remote_id: str) -> None:
        self.emulator.site.issues[int(remote_id)].hidden_from.add(INTEGRATION)

    async def hide_field(self, field: str) -> None:
        self.emulator.site.fields[field].hidden = True

    async def forbid_writing(self) -> None:
        self.emulator.site.users[INTEGRATION].writes = False

    async def remove_choice(self, field: str, value: str) -> None:
        known = self.emulator.site.fields[field]
        known.options = [one for one in known.options if one[0] != value]

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
            fault.status, fault.headers, fault.body = 429, RATE, {"errorMessages": ["Rate limit exceeded."]}
        self.emulator.faults.plan(fault)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    async def skew(self, seconds: float) -> None:
        self.emulator.clock.advance(timedelta(seconds=seconds))

    async def listen(self) -> None:
        self.emulator.deliveries.hold = True
        await self.tracker.register_webhook(HOOK, self.secret)

    async def heard(self) -> list[Heard]:
        held, self.emulator.deliveries.held = self.emulator.deliveries.held, []
        return [
            Heard(body=one.body, headers={name.lower(): value for name, value in one.headers.items()}) for one in held
        ]

    def status_of(self, remote_id: str) -> str:
        return STATUSES[self.emulator.site.issues[int(remote_id)].fields["status"]].name

    def fields(self, title: str) -> Mapping[str, Value]:
        return {self.title: title, "status": "3"}
