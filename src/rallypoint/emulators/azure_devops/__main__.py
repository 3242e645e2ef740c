"""`python -m rallypoint.emulators.azure_devops --port 0` serves an organisation on loopback until it is told to end.

It prints one line of JSON: the address to connect to, the accounts with their tokens, the token for faults.
"""

import argparse
import asyncio
from typing import Any

from rallypoint.clock import DatabaseClock, sleep
from rallypoint.emulators.azure_devops import CLIENT, INTEGRATION, ORGANIZATION, PROJECT, AzureDevOps
from rallypoint.emulators.base import run

TICK_SECONDS = 0.5


async def serve(emulator: AzureDevOps, port: int) -> None:
    """Serves, and sends what waits for another try."""

    async def tick() -> None:
        while True:
            await sleep(TICK_SECONDS)
            emulator.tick()

    def say(url: str) -> dict[str, Any]:
        return {
            "tool": "azure_devops",
            "url": f"{url}/{ORGANIZATION}",
            "project": PROJECT,
            "user": INTEGRATION,
            "accounts": emulator.tokens,
            "token_url": f"{url}/{emulator.entra.tenant}/oauth2/v2.0/token",
            "client": {"id": CLIENT, "secret": emulator.client_secret},
            "control_token": emulator.control_token,
        }

    ticking = asyncio.create_task(tick())
    try:
        await run(emulator, port=port, say=say)
    finally:
        ticking.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rallypoint.emulators.azure_devops", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    asked = parser.parse_args()
    asyncio.run(serve(AzureDevOps(DatabaseClock()), asked.port))


if __name__ == "__main__":
    main()
