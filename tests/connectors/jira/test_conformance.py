"""The connector for Jira under the conformance kit: both editions, software projects and service desks."""

import pytest

from rallypoint.clock import ManualClock
from rallypoint.egress import Egress
from rallypoint.sync.ports import Unverified
from tests.connectors.jira.bench import JiraBench
from tests.connectors.jira.conftest import Served
from tests.connectors.kit import Bench, TrackerConformance


class TestJiraCloud(TrackerConformance):
    @pytest.fixture
    def bench(self, cloud: Served, clock: ManualClock, way: Egress) -> Bench:
        return JiraBench(cloud, clock, way, desk=False)


class TestJiraCloudServiceDesk(TrackerConformance):
    @pytest.fixture
    def bench(self, cloud: Served, clock: ManualClock, way: Egress) -> Bench:
        return JiraBench(cloud, clock, way, desk=True)


class OnDataCenter(TrackerConformance):
    __test__ = False

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
            ({**hook.headers, "x-hub-signature": "sha256=00"}, bench.secret),
            (hook.headers, "another secret"),
            (hook.headers, ""),
        ):
            with pytest.raises(Unverified):
                verify(hook.body, headers, secret)
        for body in (b"", b"{", b"[]", b"null"):
            with pytest.raises(Unverified):
                verify(body, hook.headers, bench.secret)


class TestJiraDataCenter(OnDataCenter):
    __test__ = True

    @pytest.fixture
    def bench(self, data_center: Served, clock: ManualClock, way: Egress) -> Bench:
        return JiraBench(data_center, clock, way, desk=False)


class TestJiraDataCenterServiceDesk(OnDataCenter):
    __test__ = True

    @pytest.fixture
    def bench(self, data_center: Served, clock: ManualClock, way: Egress) -> Bench:
        return JiraBench(data_center, clock, way, desk=True)
