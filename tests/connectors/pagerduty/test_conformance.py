"""The tracker for PagerDuty under the conformance kit, against the emulator."""

import pytest

from rallypoint.emulators.pagerduty import INTEGRATION
from rallypoint.sync.model import Person
from rallypoint.sync.ports import ValidationFailed
from tests.connectors.kit import Bench, TrackerConformance
from tests.connectors.pagerduty.bench import PagerDutyBench


class TestPagerDuty(TrackerConformance):
    """With a user's key."""

    async def test_a_person_is_somebody_there(self, bench: Bench) -> None:
        """Somebody is always on it: the field can be changed, and not emptied."""
        made = await self.made(bench)
        await bench.tracker.write(made.remote_id, {"assignee": bench.somebody}, made.revision, "op-2")
        found = (await self.read(bench, made.remote_id)).raw("assignee")
        assert isinstance(found, Person)
        assert found.remote_id == bench.somebody.remote_id
        with pytest.raises(ValidationFailed) as no:
            await bench.tracker.write(made.remote_id, {"assignee": None}, made.revision, "op-3")
        assert "assignee" in no.value.fields


class TestPagerDutyWithTheAccountsKey(TestPagerDuty):
    """With the account's key, in the name of a user, and limited to one service by its name."""

    @pytest.fixture(autouse=True)
    def _key(self, bench: PagerDutyBench) -> None:
        bench.tracker = bench.connected(bench.emulator.account_key.secret, INTEGRATION, ("payments",))
        bench.emulator.keys[INTEGRATION] = bench.emulator.account_key  # the one that may be forbidden to write
