"""The sandboxes beside the demo: where they are and how one signs in stays from one start to the next."""

import json
import stat
from pathlib import Path

import pytest

from rallypoint.clock import ManualClock
from rallypoint.emulators import addresses, azure_devops, servicenow
from rallypoint.serve import sandboxes


def test_addresses_and_passwords_stay(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with sandboxes.open_doors(data) as first:
        shown = {kind: one.shown() for kind, one in first.sandboxes.items()}
        assert len(first.descriptors) == len(shown) == 2
    with sandboxes.open_doors(data) as again:
        assert {kind: one.shown() for kind, one in again.sandboxes.items()} == shown
    file = data / "sandboxes" / "sandboxes.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not any(one["login"]["password"] in file.read_text() for one in shown.values())


def test_a_port_that_is_taken_is_given_up(tmp_path: Path) -> None:
    with sandboxes.open_doors(tmp_path) as first, sandboxes.open_doors(tmp_path) as second:
        ports = {one.port for run in (first, second) for one in run.sandboxes.values()}
        assert len(ports) == 4


def test_the_processes_of_a_run_find_them_by_the_file_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(addresses.FILE_VARIABLE, raising=False)
    assert addresses.named() == {}
    with sandboxes.open_doors(tmp_path) as opened:
        monkeypatch.setenv(addresses.FILE_VARIABLE, opened.environment[addresses.FILE_VARIABLE])
        assert addresses.named() == dict(opened.sandboxes)
        assert json.loads(opened.environment[sandboxes.DOORS_VARIABLE]).keys() == opened.sandboxes.keys()


def test_who_signs_in_works_there(clock: ManualClock) -> None:
    found = addresses.of("root", {"servicenow": 1, "azure_devops": 2})
    desk = servicenow.ServiceNow(clock, secret_of=found["servicenow"].secret_of)
    works = azure_devops.AzureDevOps(clock, secret_of=found["azure_devops"].secret_of)
    login = found["servicenow"].shown()["login"]
    assert desk.passwords[login["user"]] == login["password"] == desk.instance.users[login["user"]].password
    login = found["azure_devops"].shown()["login"]
    assert works.tokens[login["user"]] == login["password"]
    assert found["azure_devops"].url.endswith(f"/{azure_devops.ORGANIZATION}")
    assert len({one.secret_of(who) for one in found.values() for who in ("admin", "control")}) == 4
