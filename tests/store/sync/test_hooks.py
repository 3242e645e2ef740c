"""A webhook is looked after: renewed, registered anew, and missed when it is silent though things change."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from rallypoint.actors import SYSTEM
from rallypoint.egress import Egress
from rallypoint.ids import digest
from rallypoint.settings import Settings
from rallypoint.sync import figure_store as figures
from rallypoint.sync import hook_store
from rallypoint.sync.hearing import heard
from rallypoint.sync.hook_store import Addressed
from rallypoint.sync.lenses import PlainTexts
from rallypoint.sync.ports import Hint, Outage, PermissionDenied, WebhookHint, WebhookState
from rallypoint.sync.setting_up import Health, SetUp
from tests.store.sync.conftest import Scene
from tests.store.sync.test_trouble import linked


@pytest.fixture
async def set_up(scene: Scene, tmp_path: Path) -> AsyncIterator[SetUp]:
    egress = Egress(Settings(data=tmp_path))
    tools = {"desk": scene.desk.tool}
    yield SetUp(scene.db, tools, scene.vault, egress, texts=PlainTexts(), base_url="https://rp.example")
    await egress.close()


async def health(scene: Scene, set_up: SetUp) -> Health:
    async with scene.db.transaction(scene.them.manager) as tx:
        return await set_up.health(tx, "desk")


async def addressed(scene: Scene, url: str) -> Addressed | None:
    async with scene.db.transaction(SYSTEM) as tx:
        return await hook_store.addressed(tx, digest(url.rpartition("/")[2]))


@pytest.mark.parametrize("state", [WebhookState.DISABLED, WebhookState.MISSING, WebhookState.EXPIRING])
async def test_what_the_tool_lost_is_registered_anew_at_the_same_address(
    scene: Scene, set_up: SetUp, state: WebhookState
) -> None:
    await set_up.register_webhook(scene.them.manager, "desk")
    scene.desk.hook_state = state
    await scene.sync(minutes=30)
    assert len(scene.desk.hooks) == 1, "it is not looked at with every round of asking"
    await scene.sync(minutes=31)
    first, second = scene.desk.hooks
    assert first == second, "address and secret stay, so that nothing on its way is turned away"
    now = await health(scene, set_up)
    assert (now.webhook["state"], now.hook_trouble, scene.alarms) == ("active", "", [])
    assert now.care.checked_at == scene.clock.now()


async def test_a_registration_that_ends_is_renewed_before(scene: Scene, set_up: SetUp) -> None:
    scene.desk.hook_lasts = timedelta(days=30)
    await set_up.register_webhook(scene.them.manager, "desk")
    for _ in range(28):
        await scene.sync(days=1)
    assert len(scene.desk.hooks) == 1
    for _ in range(48):
        await scene.sync(hours=1)
        assert scene.desk.hook_ends is not None
        assert scene.desk.hook_ends > scene.clock.now()
    assert len(scene.desk.hooks) == 2


async def test_one_that_ends_within_the_hour_is_looked_at_sooner(scene: Scene, set_up: SetUp) -> None:
    scene.desk.hook_lasts = timedelta(minutes=20)
    await set_up.register_webhook(scene.them.manager, "desk")
    for _ in range(40):
        await scene.sync(minutes=2)
        assert scene.desk.hook_ends is not None
        assert scene.desk.hook_ends > scene.clock.now()


async def test_what_cannot_be_put_right_is_tried_again_and_told_once(scene: Scene, set_up: SetUp) -> None:
    await set_up.register_webhook(scene.them.manager, "desk")
    scene.desk.hook_state, scene.desk.refuses_hooks = WebhookState.MISSING, PermissionDenied("You may not.")
    for _ in range(20):
        await scene.sync(minutes=10)
    assert scene.alarms == ["The webhook cannot be put right: You may not."]
    now = await health(scene, set_up)
    assert (now.webhook["state"], "You may not." in now.hook_trouble) == ("missing", True)
    scene.desk.refuses_hooks = None
    await scene.sync(hours=1)
    now = await health(scene, set_up)
    assert (now.webhook["state"], now.hook_trouble) == ("active", "")


async def test_an_outage_while_it_is_registered_is_told_by_the_connection_alone(scene: Scene, set_up: SetUp) -> None:
    await set_up.register_webhook(scene.them.manager, "desk")
    scene.desk.hook_state, scene.desk.refuses_hooks = WebhookState.DISABLED, Outage("Away.")
    await scene.sync(hours=2)
    scene.desk.refuses_hooks = None
    await scene.sync(hours=1)
    assert (len(scene.desk.hooks), scene.alarms) == (2, [])


@pytest.mark.parametrize("state", [WebhookState.BY_HAND, WebhookState.ACTIVE])
async def test_a_silent_one_is_missed_when_asking_finds_changes(
    scene: Scene, set_up: SetUp, state: WebhookState
) -> None:
    number, id = await linked(scene)
    scene.desk.hook_state = state
    await set_up.register_webhook(scene.them.manager, "desk")
    for _ in range(5):
        await scene.sync()
    assert scene.alarms == [], "nothing changes, so nothing is to be told"
    for count in range(5):
        await scene.do(scene.them.responder, "set_workaround", number, text=f"Ours {count}")
        await scene.sync()
        await scene.sync()
    assert scene.alarms == [], "what we wrote ourselves is no news"
    for count in range(5):
        scene.desk.edit(id, workaround=f"Theirs {count}")
        await scene.sync()
    assert len(scene.alarms) == 1
    assert "tells us of none of them" in scene.alarms[0]
    assert "5 rounds of asking" in (await health(scene, set_up)).hook_trouble
    async with scene.db.transaction(SYSTEM) as tx:
        [figure] = await figures.connections(tx)
        assert (figure.up, figure.webhook_up, figure.due) == (1, 0, 0)
    found = await addressed(scene, scene.desk.hooks[-1][0])
    assert found is not None
    async with scene.db.transaction(SYSTEM) as tx:
        hint = WebhookHint(delivery="d1", hints=(Hint(remote_id=id),))
        assert await heard(tx, found.connection, hint, b"raw")
    assert (await health(scene, set_up)).hook_trouble == ""


async def test_one_that_tells_is_not_missed(scene: Scene, set_up: SetUp) -> None:
    _, id = await linked(scene)
    await set_up.register_webhook(scene.them.manager, "desk")
    found = await addressed(scene, scene.desk.hooks[-1][0])
    assert found is not None
    for count in range(8):
        scene.desk.edit(id, workaround=f"Theirs {count}")
        async with scene.db.transaction(SYSTEM) as tx:
            hint = WebhookHint(delivery=f"d{count}", hints=(Hint(remote_id=id),))
            assert await heard(tx, found.connection, hint, b"raw")
        await scene.sync()
    assert (await health(scene, set_up)).care.unheard == 0


async def test_an_old_address_works_for_a_day(scene: Scene, set_up: SetUp) -> None:
    for _ in range(2):
        await set_up.register_webhook(scene.them.manager, "desk")
    old, new = (url for url, _ in scene.desk.hooks)
    assert await addressed(scene, scene.hook_key) is None, "two before"
    assert await addressed(scene, old) is not None
    await scene.sync(hours=25)
    assert await addressed(scene, old) is None
    assert await addressed(scene, new) is not None
