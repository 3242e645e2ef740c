"""A ServiceNow and an Azure DevOps in processes of their own, as people and measurements use them from outside."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

AGENT, ENGINEER = "beth.anglin", "noor@fabrikam.example"
CALLER = "abel.tuter"
PROJECT = "Payments"
PREVIEW = {"api-version": "7.1-preview.4"}


@dataclass
class Tool:
    """One of them: what it said of itself at its start, and a client for a person who works there."""

    said: dict[str, Any]
    client: httpx2.Client
    root: str

    def control(self, what: str, **told: Any) -> dict[str, Any]:
        headers = {"x-control-token": self.said["control_token"]}
        answer = self.client.post(f"{self.root}/__control__/{what}", json=told, headers=headers)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def plan(self, *faults: dict[str, Any]) -> None:
        """These mishaps and no others from now on."""
        headers = {"x-control-token": self.said["control_token"]}
        self.client.post(f"{self.root}/__control__/faults", json=list(faults), headers=headers).raise_for_status()

    def asked(self) -> tuple[int, int]:
        """(requests, those that were not reads) so far."""
        found = self.control("count")
        return found["asked"], found["acts"]


@dataclass
class Desk(Tool):
    """ServiceNow."""

    def log(self, title: str) -> dict[str, str]:
        return self._record("POST", "", {"short_description": title, "caller_id": self.caller})

    def change(self, sys_id: str, **values: str) -> dict[str, str]:
        return self._record("PATCH", f"/{sys_id}", values)

    caller = ""

    def _record(self, method: str, path: str, values: dict[str, str]) -> dict[str, str]:
        answer = self.client.request(method, f"{self.root}/api/now/table/incident{path}", json=values)
        answer.raise_for_status()
        row: dict[str, str] = answer.json()["result"]
        return row

    def journal(self, text: str) -> list[dict[str, str]]:
        """Entries that contain a text."""
        asked = {"sysparm_query": f"valueLIKE{text}", "sysparm_limit": "10000"}
        admin = ("admin", self.said["accounts"]["admin"])
        answer = self.client.get(f"{self.root}/api/now/table/sys_journal_field", params=asked, auth=admin)
        answer.raise_for_status()
        rows: list[dict[str, str]] = answer.json()["result"]
        return rows


@dataclass
class Works(Tool):
    """Azure DevOps."""

    def items(self) -> list[int]:
        body = {"query": "SELECT [System.Id] FROM WorkItems ORDER BY [System.Id]"}
        answer = self.client.post(f"{self._project}/_apis/wit/wiql", params={"api-version": "7.1"}, json=body)
        answer.raise_for_status()
        return [one["id"] for one in answer.json()["workItems"]]

    def comments(self, item: int) -> list[dict[str, Any]]:
        answer = self.client.get(f"{self._project}/_apis/wit/workItems/{item}/comments", params=PREVIEW)
        answer.raise_for_status()
        rows: list[dict[str, Any]] = answer.json()["comments"]
        return rows

    def updates(self, item: int) -> list[dict[str, Any]]:
        answer = self.client.get(f"{self._project}/_apis/wit/workItems/{item}/updates", params={"api-version": "7.1"})
        answer.raise_for_status()
        rows: list[dict[str, Any]] = answer.json()["value"]
        return rows

    @property
    def _project(self) -> str:
        return f"{self.said['url']}/{PROJECT}"


@contextlib.contextmanager
def desk() -> Iterator[Desk]:
    with _process("servicenow") as said:
        login = (AGENT, said["accounts"][AGENT])
        with httpx2.Client(auth=login, trust_env=False, timeout=30) as client:
            found = Desk(said=said, client=client, root=said["url"])
            asked = {"sysparm_query": f"user_name={CALLER}", "sysparm_fields": "sys_id"}
            found.caller = client.get(f"{found.root}/api/now/table/sys_user", params=asked).json()["result"][0][
                "sys_id"
            ]
            yield found


@contextlib.contextmanager
def works() -> Iterator[Works]:
    with _process("azure_devops") as said:
        login = (ENGINEER, said["accounts"][ENGINEER])
        with httpx2.Client(auth=login, trust_env=False, timeout=30) as client:
            yield Works(said=said, client=client, root=said["url"].rpartition("/")[0])


@contextlib.contextmanager
def _process(tool: str) -> Iterator[dict[str, Any]]:
    """`python -m rallypoint.emulators.<tool>`, ended with the block."""
    command = [sys.executable, "-P", "-m", f"rallypoint.emulators.{tool}", "--port", "0"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    assert started.stdout is not None
    try:
        yield json.loads(started.stdout.readline())
    finally:
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait(5)
        started.stdout.close()


def moment(text: str) -> datetime:
    """A time as either of them writes it."""
    return datetime.fromisoformat(text).astimezone(UTC)
