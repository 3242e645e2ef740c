"""PyGithub, the client that most Python programs use, works against the emulator: else nothing it says would count."""

import asyncio
import gc
import importlib
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from rallypoint.emulators.github import ENGINEER, INTEGRATION, LEAD, PUBLIC, REPOSITORY, GitHub

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
Work = Callable[[Any, Any], Any]


async def with_client(
    emulator: GitHub, url: str, work: Work, login: str = INTEGRATION, *, token: str | None = None, per_page: int = 30
) -> Any:
    """Runs blocking work with (client, repository) in a thread, the server staying on this loop."""

    def act() -> Any:
        github = importlib.import_module("github")
        client = github.Github(
            base_url=f"{url}/api/v3",
            auth=github.Auth.Token(emulator.tokens[login] if token is None else token),
            retry=None,
            per_page=per_page,
            lazy=token is not None,  # a refused token is refused by the work itself
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        try:
            return work(client, client.get_repo(REPOSITORY))
        finally:
            client.close()

    try:
        return await asyncio.to_thread(act)
    finally:
        with warnings.catch_warnings():
            # What it left is collected here, and not in some later test.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


async def test_create_edit_and_close(emulator: GitHub, url: str) -> None:
    def work(client: Any, repository: Any) -> None:
        issue = repository.create_issue("Payments fail", body="All of them", labels=["bug"], assignees=[ENGINEER])
        assert (issue.number, issue.state, issue.user.login) == (1, "open", INTEGRATION)
        assert [one.name for one in issue.labels] == ["bug"]
        milestone = repository.get_milestone(1)
        issue.edit(title="Cards fail", milestone=milestone, state="closed", state_reason="not_planned")
        again = repository.get_issue(1)
        assert (again.title, again.milestone.title, again.state_reason) == ("Cards fail", "Now", "not_planned")
        assert again.closed_by.login == INTEGRATION
        assert again.assignees[0].login == ENGINEER
        assert again.updated_at.tzinfo is not None
        again.edit(state="open")
        assert repository.get_issue(1).state_reason == "reopened"

    await with_client(emulator, url, work)


async def test_comments_labels_and_assignees(emulator: GitHub, url: str) -> None:
    def work(client: Any, repository: Any) -> None:
        issue = repository.create_issue("Payments fail")
        comment = issue.create_comment("Seen <!-- mark -->")
        comment.edit("Seen again")
        assert [one.body for one in issue.get_comments()] == ["Seen again"]
        assert issue.get_comment(comment.id).user.login == INTEGRATION
        comment.delete()
        assert list(issue.get_comments()) == []
        issue.add_to_labels("p1", "new one")
        issue.remove_from_labels("p1")
        assert [one.name for one in issue.get_labels()] == ["new one"]
        issue.set_labels("bug")
        issue.add_to_assignees(ENGINEER, LEAD)
        issue.remove_from_assignees(LEAD)
        assert [one.login for one in repository.get_issue(1).assignees] == [ENGINEER]
        assert ENGINEER in [one.login for one in repository.get_assignees()]
        assert repository.has_in_assignees(LEAD)
        issue.lock("resolved")
        assert repository.get_issue(1).locked

    await with_client(emulator, url, work)


async def test_lists_are_followed_to_their_end(emulator: GitHub, url: str) -> None:
    def work(client: Any, repository: Any) -> None:
        for number in range(7):
            repository.create_issue(f"Fault {number}")
        found = list(repository.get_issues(state="all", sort="created", direction="asc"))
        assert [one.number for one in found] == list(range(1, 8))
        since = datetime(2030, 1, 1, tzinfo=UTC)
        assert list(repository.get_issues(state="all", since=since)) == []
        assert repository.get_issues(creator=INTEGRATION).totalCount == 7

    await with_client(emulator, url, work, per_page=2)


async def test_history_is_read_as_events_and_timeline(emulator: GitHub, url: str) -> None:
    def work(client: Any, repository: Any) -> None:
        issue = repository.create_issue("Payments fail", labels=["bug"])
        issue.edit(title="Cards fail")
        issue.create_comment("Seen")
        issue.edit(state="closed")
        events = list(issue.get_events())
        assert [one.event for one in events] == ["labeled", "renamed", "closed"]
        assert events[1].rename == {"from": "Payments fail", "to": "Cards fail"}
        timeline = list(issue.get_timeline())
        assert [one.event for one in timeline] == ["labeled", "renamed", "commented", "closed"]
        assert timeline[2].body == "Seen"

    await with_client(emulator, url, work)


async def test_webhooks_are_made_changed_and_their_deliveries_seen(emulator: GitHub, url: str) -> None:
    emulator.deliveries.hold = True

    def work(client: Any, repository: Any) -> None:
        config = {"url": "https://rp.example/in", "content_type": "json", "secret": "s"}
        hook = repository.create_hook("web", config, ["issues"], active=True)
        hook.edit("web", config, events=["issues", "issue_comment"], active=True)
        assert [one.events for one in repository.get_hooks()] == [["issues", "issue_comment"]]
        hook.ping()
        sent = list(repository.get_hook_deliveries(hook.id))
        assert [one.event for one in sent] == ["ping", "ping"]
        assert repository.get_hook_delivery(hook.id, sent[0].id).request.payload["hook_id"] == hook.id
        hook.delete()
        assert list(repository.get_hooks()) == []

    await with_client(emulator, url, work)


async def test_refusals_are_the_clients_own_errors(emulator: GitHub, url: str) -> None:
    errors = importlib.import_module("github.GithubException")

    def refused(client: Any, repository: Any) -> None:
        with pytest.raises(errors.BadCredentialsException):
            client.get_user().login  # noqa: B018  # reading it asks

    await with_client(emulator, url, refused, token="wrong")

    def work(client: Any, repository: Any) -> None:
        with pytest.raises(errors.UnknownObjectException):
            repository.get_issue(99)
        with pytest.raises(errors.GithubException) as no:
            repository.create_issue("x" * 300)
        assert (no.value.status, no.value.data["errors"][0]["field"]) == (422, "title")
        emulator.limit.content_per_minute = 0
        with pytest.raises(errors.RateLimitExceededException):
            repository.create_issue("Too many")
        emulator.limit.content_per_minute = None
        emulator.limit.per_hour = 1
        with pytest.raises(errors.RateLimitExceededException):
            repository.get_issue(1)

    emulator.limit.content_per_minute = None
    await with_client(emulator, url, work)


async def test_a_moved_issue_and_a_renamed_repository_are_followed(emulator: GitHub, url: str) -> None:
    def work(client: Any, repository: Any) -> None:
        repository.create_issue("Stays")
        repository.create_issue("Leaves")
        emulator.forge.transfer(emulator.repository, 2, emulator.public, emulator.forge.users[LEAD])
        assert repository.get_issue(2).repository.full_name == PUBLIC
        emulator.forge.rename(emulator.repository, "lantern/billing")
        assert repository.get_issue(1).title == "Stays"
        assert client.get_repo(REPOSITORY).full_name == "lantern/billing"
        assert client.get_user().login == INTEGRATION
        assert client.get_rate_limit().resources.core.limit == 5000

    await with_client(emulator, url, work)
