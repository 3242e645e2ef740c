"""The emulator as the conformance kit wants it: people who use it, an administrator who closes things, troubles."""

from collections.abc import Sequence
from datetime import timedelta

import httpx2

from rallypoint.clock import ManualClock
from rallypoint.connectors.github import GitHubTracker
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.github import ENGINEER, INTEGRATION, LEAD, REPOSITORY, STRANGER, GitHub
from rallypoint.emulators.github.people import Right
from rallypoint.sync.model import Person, Visibility
from rallypoint.sync.ports import Tracker
from tests.connectors.kit import Act, Bench, Heard, Mishap, NotHere

ISSUES = f"repos/{REPOSITORY}/issues"
ACTS = {
    Act.READ: ("GET", "/issues/"),
    Act.CREATE: ("POST", "/issues"),
    Act.WRITE: ("PATCH", "/issues/"),
    Act.COMMENT: ("POST", "/comments"),
}
RATE = {
    "retry-after": "7",
    "x-ratelimit-resource": "core",
    "x-ratelimit-limit": "5000",
    "x-ratelimit-remaining": "4000",
}
SLOWER = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}


class GitHubBench(Bench):
    project, type = REPOSITORY, "issue"
    title, text = "title", "body"
    choice, choices = "milestone", ("1", "2")
    status, status_to = "state", "not_planned"
    person = "assignee"

    def __init__(
        self, emulator: GitHub, url: str, people: dict[str, httpx2.AsyncClient], clock: ManualClock, way: Egress
    ) -> None:
        self.emulator, self.url, self.people, self.clock, self.way = emulator, url, people, clock, way
        self.place = emulator.repository
        self.tracker: Tracker = self.connected()
        self.somebody = Person(remote_id=str(emulator.forge.users[ENGINEER].id), name=ENGINEER)

    def connected(self, token: str = "", repositories: Sequence[str] = (REPOSITORY,)) -> GitHubTracker:
        return GitHubTracker(
            self.way,
            base_url=self.url,
            token=token or self.emulator.tokens[INTEGRATION],
            repositories=repositories,
            now=self.clock.now,
        )

    async def stranger(self) -> Tracker:
        return self.connected("wrong")

    def number(self, remote_id: str) -> int:
        return int(remote_id.partition("/")[2])

    def where(self, remote_id: str) -> str:
        return f"repos/{self.place.full_name}/issues/{self.number(remote_id)}"

    async def person_sets(self, remote_id: str, field: str, value: str) -> None:
        answer = await self.people[ENGINEER].patch(self.where(remote_id), json={field: value})
        assert answer.status_code == 200, answer.text

    async def person_comments(self, remote_id: str, body: str, visibility: Visibility) -> None:
        answer = await self.people[ENGINEER].post(f"{self.where(remote_id)}/comments", json={"body": body})
        assert answer.status_code == 201, answer.text

    async def person_attaches(self, remote_id: str, name: str, body: bytes) -> None:
        raise NotHere("Files are put into texts by hand there.")

    async def person_deletes(self, remote_id: str) -> None:
        self.emulator.forge.delete(self.place, self.number(remote_id), self.emulator.forge.users[LEAD])

    async def outsider_sees(self, remote_id: str) -> list[str]:
        answer = await self.people[STRANGER].get(f"{self.where(remote_id)}/comments")
        return [one["body"] for one in answer.json()] if answer.status_code == 200 else []

    async def item_count(self) -> int:
        return len(self.place.issues)

    async def hide(self, remote_id: str) -> None:
        """Only whole repositories can be hidden there."""
        self.place.private, self.place.rights[INTEGRATION] = True, Right.NONE

    async def forbid_writing(self) -> None:
        self.emulator.forge.users[INTEGRATION].scopes.discard("issues:write")

    async def remove_choice(self, field: str, value: str) -> None:
        self.emulator.forge.drop_milestone(self.place, int(value))

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
            fault.status, fault.headers, fault.body = 403, RATE, SLOWER
        self.emulator.faults.plan(fault)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    async def skew(self, seconds: float) -> None:
        self.emulator.clock.advance(timedelta(seconds=seconds))

    async def listen(self) -> None:
        """The ping with which a webhook begins is not kept."""
        self.emulator.deliveries.hold = True
        await self.tracker.register_webhook("https://rp.example/in/key", self.secret)
        self.emulator.deliveries.held = []

    async def heard(self) -> list[Heard]:
        held, self.emulator.deliveries.held = self.emulator.deliveries.held, []
        return [
            Heard(body=one.body, headers={name.lower(): value for name, value in one.headers.items()}) for one in held
        ]
