"""Processes beside the roles: one that is done is left alone, one that fails is tried a few times and no more."""

import sys
from pathlib import Path

import pytest

from rallypoint.serve import supervisor
from rallypoint.serve.supervisor import TRIES_OF_ONCE, Child
from tests.live import until


def child(file: Path, code: int, *, once: bool) -> Child:
    """One that adds a line to a file and ends with this code."""
    does = f"open({str(file)!r}, 'a').write('x'); raise SystemExit({code})"
    return Child("beside", {}, (), runs=[sys.executable, "-c", does], once=once)


def runs_of(one: Child, file: Path, wanted: int) -> int:
    """Looked after as the supervisor does it, until it ran so often or seems to be over."""

    def often() -> bool:
        one.look()
        return file.exists() and len(file.read_text()) >= wanted and not one.alive

    until(often, within=20, what=f"{wanted} runs", every=0.02)
    return len(file.read_text())


@pytest.mark.parametrize(("code", "runs"), [(0, 1), (3, TRIES_OF_ONCE + 1)])
def test_once_is_once_unless_it_fails(tmp_path: Path, code: int, runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF_MAX_SECONDS", 0.05)
    one = child(tmp_path / "ran", code, once=True)
    assert runs_of(one, tmp_path / "ran", runs) == runs
    for _ in range(50):
        one.look()
        assert not one.alive, "it is not begun again"


def test_one_that_serves_is_brought_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF_MAX_SECONDS", 0.05)
    assert runs_of(child(tmp_path / "ran", 0, once=False), tmp_path / "ran", 3) >= 3
