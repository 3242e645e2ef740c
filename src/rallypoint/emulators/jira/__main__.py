"""`python -m rallypoint.emulators.jira --port 0` serves a site on loopback until it is told to end.

It prints one line of JSON: the address to connect to, the accounts with their tokens, the token for faults.
"""

import argparse
import asyncio
from typing import Any

from rallypoint.clock import DatabaseClock, sleep
from rallypoint.emulators.base import run
from rallypoint.emulators.jira import CLIENT, DESK, INTEGRATION, PROJECT, Edition, Jira

TICK_SECONDS = 0.5
LAG_SECONDS = 1.0
"""How far the search index is behind: a real one is, too."""


async def serve(emulator: Jira, port: int) -> None:
    """Serves, and sends what waits for another try."""

    async def tick() -> None:
        while True:
            await sleep(TICK_SECONDS)
            emulator.tick()

    def say(url: str) -> dict[str, Any]:
        cloud = emulator.site.cloud
        more = {"client_id": CLIENT, "client_secret": emulator.client_secret} if cloud else {
            "passwords": emulator.passwords
        }  # fmt: skip
        return {
            "tool": "jira",
            "url": url,
            "edition": emulator.site.edition.value,
            "projects": [PROJECT, DESK],
            "user": emulator.mail(INTEGRATION) if cloud else INTEGRATION,
            "accounts": {emulator.mail(name) if cloud else name: token for name, token in emulator.tokens.items()},
            **more,
            "control_token": emulator.control_token,
        }

    emulator.site.lag = LAG_SECONDS
    ticking = asyncio.create_task(tick())
    try:
        await run(emulator, port=port, say=say)
    finally:
        ticking.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rallypoint.emulators.jira", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--data-center", action="store_true", help="Data Center instead of Cloud")
    asked = parser.parse_args()
    edition = Edition.DATA_CENTER if asked.data_center else Edition.CLOUD
    asyncio.run(serve(Jira(DatabaseClock(), edition), asked.port))


if __name__ == "__main__":
    main()
