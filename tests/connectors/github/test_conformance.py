"""The connector for GitHub Issues under the conformance kit, against the emulator."""

from tests.connectors.kit import TrackerConformance


class TestGitHub(TrackerConformance):
    """With a fine-grained token, on a server of one's own."""
