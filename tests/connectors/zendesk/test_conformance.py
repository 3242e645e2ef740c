"""The connector for Zendesk under the conformance kit, against the emulator."""

from tests.connectors.kit import TrackerConformance


class TestZendesk(TrackerConformance):
    """The bench is the fixture of that name beside this file."""
