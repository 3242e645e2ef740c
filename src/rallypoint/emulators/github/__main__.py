"""`python -m rallypoint.emulators.github --port 0` serves a host on loopback until it is told to end.

It prints one line of JSON: the address to connect to, the accounts with their tokens, the token for faults.
"""

import argparse
import asyncio
from typing import Any

from rallypoint.clock import DatabaseClock
from rallypoint.emulators.base import run
from rallypoint.emulators.github import INTEGRATION, PUBLIC, REPOSITORY, GitHub


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rallypoint.emulators.github", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    asked = parser.parse_args()
    emulator = GitHub(DatabaseClock())

    def say(url: str) -> dict[str, Any]:
        return {
            "tool": "github",
            "url": url,
            "repository": REPOSITORY,
            "public_repository": PUBLIC,
            "user": INTEGRATION,
            "accounts": emulator.tokens,
            "control_token": emulator.control_token,
        }

    asyncio.run(run(emulator, port=asked.port, say=say))


if __name__ == "__main__":
    main()
