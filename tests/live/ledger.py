"""The ledger seen from the test: a process of its own that notes every page that really arrived."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVER = Path(__file__).with_name("ledger_server.py")


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One call that arrived."""

    at: float
    to: str
    id: str
    body: dict[str, Any]

    @property
    def incident(self) -> int:
        return int(self.body["data"]["incident"])

    @property
    def title(self) -> str:
        return str(self.body["data"]["title"])

    @property
    def step(self) -> int:
        return int(self.body["data"]["step"])


class LedgerAtHand:
    """Start it, hand out addresses, read what came."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(SERVER), str(file)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def receipts(self, to: str = "") -> list[Receipt]:
        """Pages that arrived, in order; only whole lines count."""
        text = self.file.read_text() if self.file.exists() else ""
        lines = text[: text.rfind("\n") + 1].splitlines()
        found = [Receipt(**json.loads(line)) for line in lines]
        return [r for r in found if r.body["type"] == "rallypoint.page" and r.to.startswith(f"/{to}")]

    def of(self, key: str) -> list[Receipt]:
        """Pages about the incident of one case."""
        return [receipt for receipt in self.receipts() if receipt.title.endswith(f"Case {key}")]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(5)
        if self._process.stdout is not None:
            self._process.stdout.close()
