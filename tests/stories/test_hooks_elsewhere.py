"""Service hooks that Azure DevOps disabled or somebody deleted work again within the hour, at the same address."""

from datetime import timedelta
from pathlib import Path

from rallypoint.access.vault import Vault
from rallypoint.connectors.trackers import TOOLS
from rallypoint.egress import Egress
from rallypoint.emulators.azure_devops import AzureDevOps
from rallypoint.settings import Settings
from rallypoint.sync.setting_up import SetUp
from rallypoint.sync.texts import Texts
from tests.stories.test_service_desk_elsewhere import Desk
from tests.stories.test_ten_steps import both

__all__ = ["both"]


async def test_hooks_are_set_going_again_by_nobody(both: tuple[Desk, AzureDevOps], tmp_path: Path) -> None:
    desk, works = both
    settings = Settings(data=tmp_path, allow_private_targets=True)
    vault, egress = Vault.open(settings), Egress(settings)
    set_up = SetUp(desk.db, TOOLS, vault, egress, texts=Texts(), base_url="https://rp.example")
    made = await set_up.register_webhook(desk.them.manager, "azure")
    await egress.close()
    hooks = works.hooks.subscriptions
    assert len(hooks) == 5
    first, *_ = hooks.values()
    first.status = "disabledBySystem"
    gone = next(reversed(hooks))
    del hooks[gone]
    desk.clock.advance(timedelta(minutes=61))
    await desk.lanes.poll()
    assert [one.status for one in hooks.values()] == ["enabled"] * 5
    assert {one.consumer_inputs["url"] for one in hooks.values()} == {made.url}
