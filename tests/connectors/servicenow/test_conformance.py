"""The connector for ServiceNow under the conformance kit, against the emulator."""

import pytest

from rallypoint.connectors.servicenow import Credentials
from tests.connectors.kit import TrackerConformance
from tests.connectors.servicenow.bench import ServiceNowBench


class TestServiceNow(TrackerConformance):
    """With user and password."""


class TestServiceNowWithTokens(TrackerConformance):
    """With OAuth client credentials, and an instance that leaves hidden fields out instead of emptying them."""

    @pytest.fixture(autouse=True)
    def _tokens(self, bench: ServiceNowBench) -> None:
        emulator = bench.emulator
        bench.tracker = bench.connected(Credentials(grant=bench.grant()))
        emulator.instance.access.hidden_is_empty = False
