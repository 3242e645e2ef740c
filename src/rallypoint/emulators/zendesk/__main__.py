"""`python -m rallypoint.emulators.zendesk --port 0` serves an account on loopback until it is told to end.

It prints one line of JSON: the address to connect to, the accounts with the API token, the token for faults.
"""

import argparse
import asyncio
from typing import Any

from rallypoint.clock import DatabaseClock, sleep
from rallypoint.emulators.base import run
from rallypoint.emulators.zendesk import CLIENT, INTEGRATION, Zendesk

TICK_SECONDS = 0.5


async def serve(emulator: Zendesk, port: int) -> None:
    """Serves, and sends what waits for another try."""

    async def tick() -> None:
        while True:
            await sleep(TICK_SECONDS)
            emulator.tick()

    def say(url: str) -> dict[str, Any]:
        return {
            "tool": "zendesk",
            "url": url,
            "user": INTEGRATION,
            "api_token": emulator.api_token,
            "client_id": CLIENT,
            "client_secret": emulator.client_secret,
            "accounts": emulator.bearers,
            "control_token": emulator.control_token,
        }

    ticking = asyncio.create_task(tick())
    try:
        await run(emulator, port=port, say=say)
    finally:
        ticking.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rallypoint.emulators.zendesk", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    asked = parser.parse_args()
    asyncio.run(serve(Zendesk(DatabaseClock()), asked.port))


if __name__ == "__main__":
    main()
