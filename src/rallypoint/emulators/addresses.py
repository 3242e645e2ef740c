"""Where the sandboxes beside the demo are, and the secrets of their accounts; told by a file that only we can read."""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE_VARIABLE = "RALLYPOINT_SANDBOXES"
"""Names the file, for the processes of one run."""

HOST = "127.0.0.1"

LOGINS = {"servicenow": "beth.anglin", "azure_devops": "noor@fabrikam.example"}
"""Somebody who works in each, to sign in as."""

PATHS = {"servicenow": "", "azure_devops": "/fabrikam"}
"""Where under its door the address to connect to is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """One sandbox as others see it. `root` is the secret from which all its passwords follow."""

    kind: str
    port: int
    root: str

    @property
    def door(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """The address to connect to."""
        return self.door + PATHS[self.kind]

    def secret_of(self, whose: str) -> str:
        """The password or token of an account there: the same at every start."""
        return hmac.new(self.root.encode(), f"{self.kind}/{whose}".encode(), hashlib.sha256).hexdigest()[:32]

    def shown(self) -> dict[str, Any]:
        """What the demo says of it."""
        who = LOGINS[self.kind]
        return {"url": self.url, "login": {"user": who, "password": self.secret_of(who)}}


def named() -> dict[str, Sandbox]:
    """Those of the run that this process belongs to, by kind; none outside the demo."""
    file = os.environ.get(FILE_VARIABLE, "")
    found = read(Path(file)) if file else {}
    return of(str(found["root"]), found["ports"]) if found else {}


def of(root: str, ports: Mapping[str, int]) -> dict[str, Sandbox]:
    return {kind: Sandbox(kind=kind, port=port, root=root) for kind, port in ports.items()}


def read(file: Path) -> dict[str, Any]:
    """What the file says; nothing where there is none, or another one."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and {"root", "ports"} <= found.keys() else {}


def write(file: Path, root: str, ports: Mapping[str, int]) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(json.dumps({"root": root, "ports": dict(ports)}))
