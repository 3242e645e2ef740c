"""The connector for Azure DevOps under the conformance kit, against the emulator."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.connectors.azure_devops import AzureDevOpsTracker
from rallypoint.egress import Egress
from rallypoint.emulators.azure_devops import ENGINEER, INTEGRATION, PROJECT, AzureDevOps
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.sync.model import Person, Value, Visibility
from rallypoint.sync.ports import Tracker, Unverified
from tests.connectors.kit import Act, Bench, Heard, Mishap, TrackerConformance

PATCH = {"content-type": "application/json-patch+json"}
COMMENTS = {"api-version": "7.1-preview.4"}
ACTS = {
    Act.READ: ("GET", "/workitems/"),
    Act.CREATE: ("POST", "/workitems/$"),
    Act.WRITE: ("PATCH", "/workitems/"),
    Act.COMMENT: ("POST", "/comments"),
}
RATE = {"retry-after": "7", "x-ratelimit-resource": "WorkItemTracking", "x-ratelimit-limit": "200"}
SPENT = {
    "$id": "1",
    "message": "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource.",
    "typeKey": "RequestBlockedException",
}


class AzureDevOpsBench(Bench):
    project, type = PROJECT, "Bug"
    title, text = "System.Title", "Microsoft.VSTS.TCM.ReproSteps"
    choice, choices = "Microsoft.VSTS.Common.Severity", ("1 - Critical", "2 - High")
    status, status_to, fill = "System.State", "Resolved", {"Custom.RootCause": "Queue full"}
    person, somebody = "System.AssignedTo", Person(remote_id=ENGINEER, email=ENGINEER, name="Noor Haddad")

    def __init__(
        self, emulator: AzureDevOps, url: str, people: dict[str, httpx2.AsyncClient], clock: ManualClock, way: Egress
    ) -> None:
        self.emulator, self.url, self.people, self.clock, self.way = emulator, url, people, clock, way
        self.tracker: Tracker = self.connected(emulator.tokens[INTEGRATION])
        emulator.organization.kinds["Bug"].required_in["Resolved"] = ("Custom.RootCause",)

    def connected(self, token: str, project: str = PROJECT) -> AzureDevOpsTracker:
        return AzureDevOpsTracker(self.way, base_url=self.url, token=token, now=self.clock.now, project=project)

    def fields(self, title: str) -> Mapping[str, Value]:
        return {self.title: title, "System.State": "New"}

    async def stranger(self) -> Tracker:
        return self.connected("wrong")

    async def _engineer(self, remote_id: str, *operations: dict[str, Any]) -> None:
        answer = await self.people[ENGINEER].patch(
            f"_apis/wit/workitems/{remote_id}", json=list(operations), headers=PATCH
        )
        assert answer.status_code == 200, answer.text

    async def person_sets(self, remote_id: str, field: str, value: str) -> None:
        await self._engineer(remote_id, {"op": "add", "path": f"/fields/{field}", "value": value})

    async def person_comments(self, remote_id: str, body: str, visibility: Visibility) -> None:
        answer = await self.people[ENGINEER].post(
            f"{PROJECT}/_apis/wit/workItems/{remote_id}/comments", json={"text": body}, params=COMMENTS
        )
        assert answer.status_code == 200, answer.text

    async def person_attaches(self, remote_id: str, name: str, body: bytes) -> None:
        answer = await self.people[ENGINEER].post(
            f"{PROJECT}/_apis/wit/attachments", params={"fileName": name}, content=body
        )
        assert answer.status_code == 201, answer.text
        value = {"rel": "AttachedFile", "url": answer.json()["url"]}
        await self._engineer(remote_id, {"op": "add", "path": "/relations/-", "value": value})

    async def person_deletes(self, remote_id: str) -> None:
        assert (await self.people[ENGINEER].delete(f"_apis/wit/workitems/{remote_id}")).status_code == 200

    async def item_count(self) -> int:
        return len(self.emulator.organization.items)

    async def hide(self, remote_id: str) -> None:
        self.emulator.organization.hidden.add(int(remote_id))

    async def forbid_writing(self) -> None:
        self.emulator.organization.users[INTEGRATION].writes = False

    async def remove_choice(self, field: str, value: str) -> None:
        known = self.emulator.organization.fields
        one = known[field]
        known[field] = type(one)(
            one.ref, one.name, one.type, one.read_only, tuple(each for each in one.values if each != value)
        )

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
        await self.tracker.register_webhook("https://rp.example/in/key", self.secret)

    async def heard(self) -> list[Heard]:
        held, self.emulator.deliveries.held = self.emulator.deliveries.held, []
        return [
            Heard(body=one.body, headers={name.lower(): value for name, value in one.headers.items()}) for one in held
        ]


class TestAzureDevOps(TrackerConformance):
    @pytest.fixture
    def bench(
        self,
        emulator: AzureDevOps,
        url: str,
        people: dict[str, httpx2.AsyncClient],
        clock: ManualClock,
        way: Egress,
    ) -> Bench:
        return AzureDevOpsBench(emulator, url, people, clock, way)

    async def test_a_webhook_that_is_tampered_with_or_not_signed_is_not_believed(self, bench: Bench) -> None:
        """Deliveries are not signed, so a changed body cannot be told; one without the secret can."""
        made = await self.made(bench)
        await bench.listen()
        await bench.person_sets(made.remote_id, bench.title, "Changed")
        hook = (await bench.heard())[0]
        verify = bench.tracker.verify_webhook
        verify(hook.body, hook.headers, bench.secret)
        for headers, secret in (
            ({"content-type": "application/json"}, bench.secret),
            ({"authorization": "Basic %%"}, bench.secret),
            ({"authorization": "Bearer " + bench.secret}, bench.secret),
            (hook.headers, "another secret"),
            (hook.headers, ""),
        ):
            with pytest.raises(Unverified):
                verify(hook.body, headers, secret)
        for body in (b"", b"{", b"[]", b"null"):
            with pytest.raises(Unverified):
                verify(body, hook.headers, bench.secret)
