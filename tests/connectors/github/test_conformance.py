"""The connector for GitHub Issues under the conformance kit, against the emulator."""

import pytest

from rallypoint.emulators.github import PUBLIC
from tests.connectors.github.bench import GitHubBench
from tests.connectors.kit import TrackerConformance


class TestGitHub(TrackerConformance):
    """With a fine-grained token, on a server of one's own, in a private repository."""


class TestGitHubInPublic(TrackerConformance):
    """In a repository whose issues the whole world reads."""

    @pytest.fixture(autouse=True)
    def _public(self, bench: GitHubBench) -> None:
        bench.place, bench.project = bench.emulator.public, PUBLIC
        for title in ("Now", "Next"):
            bench.emulator.forge.add_milestone(bench.place, title)
        bench.tracker = bench.connected(repositories=(PUBLIC,))
