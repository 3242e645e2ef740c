"""A process dies where it was told to, and nowhere else."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

WALK = """
import sys
from rallypoint import crashpoints
crashpoints.arm(sys.argv[1])
for turn in range(3):
    for place in ("claimed", "fired.before_commit", "fired.after_commit"):
        crashpoints.crashpoint(place)
"""


def walk(role: str, **environment: str) -> int:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RALLYPOINT_")}
    return subprocess.run([sys.executable, "-c", WALK, role], env=clean | environment, check=False).returncode


def test_without_being_asked_nothing_dies() -> None:
    assert walk("engine") == 0


@pytest.mark.parametrize(("place", "dies"), [("claimed:3", True), ("claimed:4", False), ("fired.after_commit", True)])
def test_one_place_and_how_often_it_is_passed_before(place: str, dies: bool) -> None:
    assert walk("engine", RALLYPOINT_CRASHPOINT=place) == (-signal.SIGKILL if dies else 0)


def test_a_plan_gives_each_start_of_a_role_its_next_place_and_notes_what_was_hit(tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    plan.write_text("web claimed:1\nengine fired.before_commit:2\nengine never:1\n")
    asked = {"RALLYPOINT_CRASHPLAN": str(plan)}
    assert walk("engine", **asked) == -signal.SIGKILL
    assert plan.read_text() == "web claimed:1\nengine never:1\n"
    assert walk("engine", **asked) == 0
    assert walk("engine", **asked) == 0
    assert walk("web", **asked) == -signal.SIGKILL
    assert plan.read_text() == ""
    assert (tmp_path / "plan.hit").read_text() == "fired.before_commit\nclaimed\n"
