"""Webhooks of Jira: registered by whoever may, renewed in place, believed when they carry what only Jira can know."""

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest

from rallypoint.clock import ManualClock
from rallypoint.connectors.jira import Credentials, JiraTracker
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.jira import CLIENT, DESK, INTEGRATION
from rallypoint.sync.model import Gone, RemoteItem
from rallypoint.sync.ports import AuthFailed, Draft, Outage, Unverified, WebhookState
from tests.connectors.jira.bench import HOOK, JiraBench
from tests.connectors.jira.conftest import Served


@pytest.fixture
def bench(jira: Served, clock: ManualClock, way: Egress) -> JiraBench:
    return JiraBench(jira, clock, way, desk=False)


@pytest.fixture
def application(cloud: Served, clock: ManualClock, way: Egress) -> JiraTracker:
    """Connected with OAuth 2, in its own right."""
    given = Credentials(client_id=CLIENT, client_secret=cloud.emulator.client_secret)
    return JiraTracker(way, base_url=cloud.url, credentials=given, now=clock.now, project="PAY")


async def made(bench: JiraBench, tracker: JiraTracker | None = None) -> str:
    draft = Draft(project=bench.project, type=bench.type, natural_key="inc-1", fields={"summary": "Payments fail"})
    return (await (tracker or bench.tracker).create(draft, "op")).remote_id


# An administrator's.


async def test_ours_is_renewed_at_its_new_address_and_others_stay(bench: JiraBench) -> None:
    hooks = bench.emulator.hooks
    first = await bench.tracker.register_webhook("https://rp.example/told/one", "s1")
    beside = await bench.connected(INTEGRATION, project=DESK).register_webhook("https://rp.example/told/two", "s2")
    foreign = await bench.tracker.register_webhook("https://other.example/told/one", "s3")
    again = await bench.tracker.register_webhook("https://rp.example/told/three", "s4")
    assert again.id == first.id
    assert len({first.id, beside.id, foreign.id}) == len(hooks.admin) == 3
    assert hooks.admin[int(first.id)].url.endswith("rp.example/told/three")
    assert hooks.admin[int(first.id)].filter == 'project = "PAY"'
    assert hooks.admin[int(first.id)].secret == ("s4" if bench.served.cloud else "")


async def test_what_became_of_it(bench: JiraBench) -> None:
    made = await bench.tracker.register_webhook(HOOK, bench.secret)
    assert (await bench.tracker.webhook_state(made)).state is WebhookState.ACTIVE
    bench.emulator.hooks.admin[int(made.id)].enabled = False
    assert (await bench.tracker.webhook_state(made)).state is WebhookState.DISABLED
    assert (await bench.tracker.register_webhook(HOOK, bench.secret)).id == made.id
    assert (await bench.tracker.webhook_state(made)).state is WebhookState.ACTIVE
    bench.emulator.hooks.admin.clear()
    assert (await bench.tracker.webhook_state(made)).state is WebhookState.MISSING


async def test_who_may_not_register_is_told_what_an_administrator_does(bench: JiraBench) -> None:
    bench.emulator.site.users[INTEGRATION].admin = False
    told = await bench.tracker.register_webhook(HOOK, bench.secret)
    assert told.state is WebhookState.BY_HAND
    assert HOOK in told.instructions
    assert 'project = "PAY"' in told.instructions
    assert bench.secret not in told.instructions
    assert (await bench.tracker.webhook_state(told)).state is WebhookState.BY_HAND


async def test_what_happens_becomes_a_hint(bench: JiraBench) -> None:
    id = await made(bench)
    await bench.listen()
    await bench.person_does("POST", f"issue/{id}/comment", json={"body": bench.said("Hello")})
    comment, updated = await bench.heard()
    for one in (comment, updated):
        [hint] = bench.tracker.verify_webhook(one.body, one.headers, bench.secret).hints
        assert (hint.remote_id, hint.deleted, hint.at) == (id, False, bench.clock.now())
    assert hint.project == bench.project
    await bench.person_deletes(id)
    [gone] = await bench.heard()
    [hint] = bench.tracker.verify_webhook(gone.body, gone.headers, bench.secret).hints
    assert (hint.remote_id, hint.deleted) == (id, True)


async def test_what_is_no_hint_is_no_error(bench: JiraBench) -> None:
    await made(bench)
    await bench.listen()
    await bench.person_sets("10006", "summary", "x")
    [heard] = await bench.heard()
    if bench.served.cloud:
        return  # its signature covers the body, so no other can be made
    for event in (
        {},
        {"webhookEvent": "sprint_started"},
        {"webhookEvent": "jira:issue_updated", "issue": {"id": "1/2"}},
        {"webhookEvent": "comment_created", "comment": {"self": "https://x/issue/../"}},
    ):
        told = bench.tracker.verify_webhook(json.dumps(event).encode(), heard.headers, bench.secret)
        assert told.hints == ()
        assert told.delivery


async def test_a_repeated_delivery_keeps_its_name(cloud: Served, clock: ManualClock, way: Egress) -> None:
    bench = JiraBench(cloud, clock, way, desk=False)
    id = await made(bench)
    await bench.listen()
    await bench.person_sets(id, "summary", "x")
    [first] = await bench.heard()
    cloud.emulator.hooks.answered(max(cloud.emulator.hooks.sendings), 503)
    clock.advance(timedelta(minutes=5))
    cloud.emulator.tick()
    [again] = await bench.heard()
    assert again.headers["x-atlassian-webhook-retry"] == "1"
    names = {bench.tracker.verify_webhook(one.body, one.headers, bench.secret).delivery for one in (first, again)}
    assert names == {first.headers["x-atlassian-webhook-identifier"]}


# An application's.


async def test_an_application_works_and_its_token_is_renewed(
    application: JiraTracker, cloud: Served, clock: ManualClock, way: Egress
) -> None:
    bench = JiraBench(cloud, clock, way, desk=False)
    assert (await application.check()).ok
    id = await made(bench, application)
    item = await application.read(id)
    assert isinstance(item, RemoteItem)
    assert item.url == f"{cloud.url}/browse/PAY-1", "where people look, not where programs ask"
    clock.advance(timedelta(hours=2))
    assert isinstance(await application.read(id), RemoteItem)
    cloud.emulator.oauth.revoke()
    assert isinstance(await application.read(id), RemoteItem), "a token that is refused is fetched anew"


async def test_a_gateway_that_is_away_is_no_matter_of_credentials(
    application: JiraTracker, cloud: Served, clock: ManualClock
) -> None:
    cloud.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/accessible-resources", status=503))
    with pytest.raises(Outage):
        await application.read("10001")
    cloud.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/accessible-resources", status=401))
    assert isinstance(await application.read("10001"), Gone), "a token that is refused here is fetched anew, too"


async def test_a_refresh_token_is_used_up_and_the_new_one_taken(cloud: Served, clock: ManualClock, way: Egress) -> None:
    given = Credentials(
        client_id=CLIENT, client_secret=cloud.emulator.client_secret, refresh_token=cloud.emulator.oauth.consent(CLIENT)
    )
    tracker = JiraTracker(way, base_url=cloud.url, credentials=given, now=clock.now, project="PAY")
    for _ in range(3):
        assert (await tracker.check()).ok
        clock.advance(timedelta(hours=2))
    cloud.emulator.oauth.revoke()
    checked = await tracker.check()
    assert [one.about for one in checked.findings] == ["credentials"]


async def test_an_application_elsewhere_or_with_a_wrong_secret_is_refused(
    cloud: Served, clock: ManualClock, way: Egress
) -> None:
    wrong = Credentials(client_id=CLIENT, client_secret="wrong")
    tracker = JiraTracker(way, base_url=cloud.url, credentials=wrong, now=clock.now)
    with pytest.raises(AuthFailed):
        await tracker.read("10001")
    given = Credentials(client_id=CLIENT, client_secret=cloud.emulator.client_secret)
    elsewhere = JiraTracker(way, base_url=cloud.url + "/other", credentials=given, now=clock.now)
    assert not (await elsewhere.check()).ok


async def test_an_applications_webhook_is_renewed_before_it_ends(
    application: JiraTracker, cloud: Served, clock: ManualClock
) -> None:
    made = await application.register_webhook("https://rp.example/told/one", "s1")
    assert (made.state, made.expires_at) == (WebhookState.ACTIVE, clock.now() + timedelta(days=30))
    clock.advance(timedelta(days=15))
    state = await application.webhook_state(made)
    assert state.expires_at == made.expires_at, "it is early"
    clock.advance(timedelta(days=10))
    state = await application.webhook_state(made)
    assert (state.state, state.expires_at) == (WebhookState.ACTIVE, clock.now() + timedelta(days=30))
    again = await application.register_webhook("https://rp.example/told/two", "s2")
    assert again.id != made.id
    assert [one.url for one in cloud.emulator.hooks.app.values()] == ["https://rp.example/told/two"]
    clock.advance(timedelta(days=31))
    assert (await application.webhook_state(again)).state is WebhookState.MISSING


async def test_an_applications_webhook_without_a_project_is_for_all_it_sees(
    cloud: Served, clock: ManualClock, way: Egress
) -> None:
    given = Credentials(client_id=CLIENT, client_secret=cloud.emulator.client_secret)
    tracker = JiraTracker(way, base_url=cloud.url, credentials=given, now=clock.now)
    await tracker.register_webhook(HOOK, "s1")
    [hook] = cloud.emulator.hooks.app.values()
    assert hook.filter == f"project in ({cloud.emulator.project.id}, {cloud.emulator.desk.id})"


async def test_an_applications_delivery_is_believed_by_its_token(
    application: JiraTracker, cloud: Served, clock: ManualClock, way: Egress
) -> None:
    bench = JiraBench(cloud, clock, way, desk=False)
    cloud.emulator.deliveries.hold = True
    await application.register_webhook(HOOK, "s1")
    id = await made(bench)
    one = (await bench.heard())[0]
    [hint] = application.verify_webhook(one.body, one.headers, "s1").hints
    assert hint.remote_id == id
    head, said, sign = one.headers["authorization"].removeprefix("Bearer ").split(".")
    for token in (f"{head}.{said}.{sign[:-2]}AA", f"{head}.{head}.{sign}", "x", "a.b.c", f"{head}.{said}."):
        headers: Mapping[str, str] = {**one.headers, "authorization": f"Bearer {token}"}
        with pytest.raises(Unverified):
            application.verify_webhook(one.body, headers, "s1")
    with pytest.raises(Unverified):
        bench.tracker.verify_webhook(one.body, one.headers, "s1")
    another = Credentials(client_id="another", client_secret=cloud.emulator.client_secret)
    with pytest.raises(Unverified):
        JiraTracker(way, base_url=cloud.url, credentials=another, now=clock.now).verify_webhook(
            one.body, one.headers, "s1"
        )
