"""The client that everybody uses, `jira`, works against both editions: else nothing the emulator says would count."""

import asyncio
import io
from collections.abc import Callable
from typing import Any

import jira as client_of
import pytest

from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.jira import CUSTOMER, DESK, ENGINEER, INTEGRATION, PROJECT
from rallypoint.emulators.jira.definitions import MINUTES, ROOT_CAUSE, SEVERITY
from tests.connectors.jira.conftest import Served

# The client leaves its connections and its log file to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::DeprecationWarning:jira")

Work = Callable[[client_of.JIRA], Any]


async def with_client(served: Served, work: Work, name: str = INTEGRATION, *, token: str | None = None) -> Any:
    """Runs blocking work with a client in a thread, the server staying on this loop."""
    secret = served.emulator.tokens[name] if token is None else token

    def act() -> Any:
        auth: dict[str, Any] = {"basic_auth": (served.emulator.mail(name), secret)} if served.cloud else {
            "token_auth": secret
        }  # fmt: skip
        client = client_of.JIRA(served.url, max_retries=0, get_server_info=True, **auth)
        try:
            return work(client)
        finally:
            client.close()

    return await asyncio.to_thread(act)


def opened(client: client_of.JIRA, summary: str = "Payments fail", **fields: Any) -> client_of.Issue:
    return client.create_issue(
        fields={"project": {"key": PROJECT}, "issuetype": {"name": "Bug"}, "summary": summary, **fields}
    )


async def test_create_read_and_update(jira: Served) -> None:
    def work(client: client_of.JIRA) -> None:
        assert client._is_cloud is jira.cloud
        made = opened(client, description="It *hurts*", priority={"name": "High"}, labels=["p1", "a"])
        assert made.key == "PAY-1"
        assert (made.fields.priority.name, made.fields.labels) == ("High", ["a", "p1"])
        assert made.fields.description == "It *hurts*"
        assert made.fields.status.statusCategory.key == "new"
        made.update(summary="Payments are slow", fields={MINUTES: 3.5, SEVERITY: {"value": "Major"}})
        again = client.issue(made.id, expand="changelog")
        assert again.fields.summary == "Payments are slow"
        assert getattr(again.fields, SEVERITY).value == "Major"
        [history] = again.changelog.histories
        assert {(one.field, one.toString) for one in history.items} == {
            ("summary", "Payments are slow"), ("Minutes of impact", "3.5"), ("Severity", "Major"),
        }  # fmt: skip
        made.update(update={"labels": [{"add": "late"}, {"remove": "p1"}]})
        assert client.issue(made.key).fields.labels == ["a", "late"]
        with pytest.raises(client_of.JIRAError, match="newline"):
            made.update(summary="two\nlines")
        with pytest.raises(client_of.JIRAError, match="contains spaces"):
            made.update(fields={"labels": ["a b"]})
        made.delete()
        with pytest.raises(client_of.JIRAError, match="does not exist"):
            client.issue(made.key)

    await with_client(jira, work)


async def test_transitions_with_a_screen(jira: Served) -> None:
    def work(client: client_of.JIRA) -> None:
        made = opened(client)
        assert [one["name"] for one in client.transitions(made)] == ["Start work"]
        client.transition_issue(made, "Start work")
        steps = client.transitions(made, expand="transitions.fields")
        done = next(one for one in steps if one["name"] == "Done")
        assert done["fields"]["resolution"]["required"]
        with pytest.raises(client_of.JIRAError, match="Resolution is required"):
            client.transition_issue(made, done["id"])
        client.transition_issue(made, done["id"], fields={"resolution": {"name": "Won't Do"}, ROOT_CAUSE: "Disk full"})
        after = client.issue(made.id)
        assert (after.fields.status.name, after.fields.resolution.name) == ("Done", "Won't Do")
        assert after.fields.resolutiondate
        with pytest.raises(client_of.JIRAError):
            client.transition_issue(made, "31")
        client.transition_issue(made, "Reopen")
        assert client.issue(made.id).fields.resolution is None

    await with_client(jira, work)


async def test_comments_with_their_visibility(jira: Served) -> None:
    def work(client: client_of.JIRA) -> list[str]:
        made = client.create_issue(
            fields={"project": {"key": DESK}, "issuetype": {"name": "Incident"}, "summary": "Help"}
        )
        seen = client.add_comment(made, "For everybody")
        client.add_comment(made, "Between us", is_internal=True)
        client.add_comment(made, "For developers", visibility={"type": "role", "value": "Developers"})
        assert [one.body for one in client.comments(made)] == ["For everybody", "Between us", "For developers"]
        seen.update(body="For all of you")
        assert client.comment(made.id, seen.id).body == "For all of you"
        seen.delete()
        with pytest.raises(client_of.JIRAError, match="can not be empty"):
            client.add_comment(made, "  ")
        with pytest.raises(client_of.JIRAError, match="does not exist"):
            client.add_comment(made, "x", visibility={"type": "role", "value": "Nobody"})
        return [one.body for one in client.comments(made)]

    assert await with_client(jira, work) == ["Between us", "For developers"]


async def test_search_in_pages(jira: Served) -> None:
    def work(client: client_of.JIRA) -> None:
        for number in range(7):
            opened(client, f"Fault {number}", priority={"name": "Highest" if number % 2 else "Low"})
        found = client.search_issues(f"project = {PROJECT} AND priority = Highest ORDER BY created DESC", maxResults=2)
        assert len(found) == 2
        everything = client.search_issues(f"project = {PROJECT} ORDER BY id", maxResults=False)
        assert [one.fields.summary for one in everything] == [f"Fault {number}" for number in range(7)]
        mine = client.search_issues("creator = currentUser() AND summary ~ 'fault 3' AND updated >= -5m")
        assert [one.key for one in mine] == ["PAY-4"]
        with pytest.raises(client_of.JIRAError, match="does not exist"):
            client.search_issues("nonsense = 1")

    await with_client(jira, work)


async def test_files_go_up_and_come_down(jira: Served) -> None:
    def work(client: client_of.JIRA) -> None:
        made = opened(client)
        up = client.add_attachment(made, io.BytesIO(bytes(range(256))), filename="log.bin")
        assert (up.filename, up.size) == ("log.bin", 256)
        [listed] = client.issue(made.id).fields.attachment
        assert client.attachment(listed.id).get() == bytes(range(256))
        client.delete_attachment(listed.id)
        assert client.issue(made.id).fields.attachment == []

    await with_client(jira, work)


async def test_links_subtasks_and_remote_links(jira: Served) -> None:
    def work(client: client_of.JIRA) -> None:
        one, other = opened(client), opened(client, "Ledger is behind")
        client.create_issue_link("Blocks", one.key, other.key)
        [link] = client.issue(one.id).fields.issuelinks
        assert (link.type.outward, link.outwardIssue.key) == ("blocks", other.key)
        [back] = client.issue(other.id).fields.issuelinks
        assert back.inwardIssue.key == one.key
        below = client.create_issue(
            fields={
                "project": {"key": PROJECT},
                "issuetype": {"name": "Sub-task"},
                "summary": "Look at the disk",
                "parent": {"key": one.key},
            }
        )
        assert client.issue(one.id).fields.subtasks[0].key == below.key
        shown = {"url": "https://rp.example/i/1", "title": "RP-1"}
        client.add_remote_link(one.id, shown, globalId="rp=1", relationship="incident")
        client.add_remote_link(one.id, shown | {"title": "RP-1 resolved"}, globalId="rp=1", relationship="incident")
        [remote] = client.remote_links(one.id)
        assert remote.object.title == "RP-1 resolved"
        with pytest.raises(client_of.JIRAError, match="has subtasks"):
            one.delete()
        one.delete(deleteSubtasks=True)
        assert client.issue(other.id).fields.issuelinks == []

    await with_client(jira, work)


async def test_properties_people_and_fields(jira: Served) -> None:
    def work(client: client_of.JIRA) -> None:
        made = opened(client)
        client.add_issue_property(made.id, "rallypoint", {"key": "inc-1"})
        assert client.issue_property(made.id, "rallypoint").value.key == "inc-1"
        who = client.myself()
        assert who["displayName"] == "Rallypoint Sync"
        found = {"query": "noor"} if jira.cloud else {"username": "noor"}
        [noor] = client.search_assignable_users_for_issues(project=PROJECT, **found)
        client.assign_issue(made, noor.accountId if jira.cloud else noor.name)
        assert client.issue(made.id).fields.assignee.displayName == "Noor Haddad"
        assert {one["id"] for one in client.fields()} >= {"summary", SEVERITY}
        assert [one.key for one in client.projects()] == [PROJECT, DESK]
        assert {one.name for one in client.priorities()} >= {"Highest", "Lowest"}
        types = client.project_issue_types(PROJECT) if not jira.cloud else client.project(PROJECT).issueTypes
        assert [one.name for one in types] == ["Bug", "Task", "Sub-task"]

    await with_client(jira, work)


async def test_wrong_credentials_and_missing_rights(jira: Served) -> None:
    def refused(client: client_of.JIRA) -> None:
        client.myself()

    with pytest.raises(client_of.JIRAError) as no:
        await with_client(jira, refused, token="wrong")
    assert no.value.status_code == 401
    jira.emulator.site.users[ENGINEER].writes = False

    def forbidden(client: client_of.JIRA) -> None:
        opened(client)

    with pytest.raises(client_of.JIRAError, match="do not have permission to create"):
        await with_client(jira, forbidden, ENGINEER)

    def outside(client: client_of.JIRA) -> None:
        assert client.projects() == []

    await with_client(jira, outside, CUSTOMER)


async def test_a_limit_is_told(jira: Served) -> None:
    told = {"retry-after": "7", "ratelimit-reason": "jira-burst-based"}
    jira.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/field", status=429, headers=told))

    def work(client: client_of.JIRA) -> None:
        with pytest.raises(client_of.JIRAError) as no:
            client.fields()
        assert no.value.status_code == 429

    await with_client(jira, work)
