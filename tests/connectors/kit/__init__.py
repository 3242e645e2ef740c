"""The connector conformance kit: what any `Tracker` must do, tried against its emulator or a real server.

See docs/connectors/building-a-tracker.md. A connector's test module gives a `Bench` and inherits `TrackerConformance`.
"""

import pytest

pytest.register_assert_rewrite("tests.connectors.kit.suite")

from tests.connectors.kit.bench import Act, Bench, Heard, Mishap, NotHere, upload  # noqa: E402
from tests.connectors.kit.suite import TrackerConformance  # noqa: E402

__all__ = ["Act", "Bench", "Heard", "Mishap", "NotHere", "TrackerConformance", "upload"]
