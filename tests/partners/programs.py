"""Programs that are not ours: found or named as missing, started in a folder of their own, ended by number."""

import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest

from tests.live import NotInTime, until

STARTS_WITHIN = 20.0


def program(name: str, package: str) -> str:
    """Where it is. Without it the test skips and names what to install; with CI=true that is a failure."""
    if found := shutil.which(name):
        return found
    missing = f"{name} is missing: apt-get install -y {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Partner:
    """A running program with an HTTP address of its own, and its log beside its data."""

    def __init__(self, folder: Path, port: int, command: Sequence[str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "log"
        with self.log.open("ab") as file:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd=folder, env={"PATH": os.defpath}
            )
        self.client = httpx2.Client(base_url=self.url, timeout=5, trust_env=False)

    def ready(self) -> "Partner":
        """Wait until it says so itself."""
        try:
            until(self._is_ready, within=STARTS_WITHIN, what=f"{self._process.args!r} is ready")
        except NotInTime:
            raise NotInTime(f"it did not start:\n{self.log.read_text()[-3000:]}") from None
        return self

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise NotInTime("it ended")
        try:
            return self.client.get("/-/ready").status_code == 200
        except httpx2.HTTPError:
            return False

    def figure(self, name: str, **labels: str) -> float:
        """A figure on its own /metrics; 0 where it has not been counted yet."""
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith((f"{name} ", f"{name}{{")) and all(one in line for one in wanted):
                return float(line.rpartition(" ")[2])
        return 0.0

    def kill(self) -> None:
        """At once, with no word to anybody."""
        self._process.kill()
        self._process.wait(10)

    def close(self) -> None:
        self.client.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
