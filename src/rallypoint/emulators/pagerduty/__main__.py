"""`python -m rallypoint.emulators.pagerduty --port 0` serves an account on loopback until it is told to end.

It prints one line of JSON: the address to connect to, the accounts with their keys, the token for faults.
"""

import argparse
import asyncio
from typing import Any

from rallypoint.clock import DatabaseClock, sleep
from rallypoint.emulators.base import run
from rallypoint.emulators.pagerduty import INTEGRATION, PagerDuty

TICK_SECONDS = 0.5


async def serve(emulator: PagerDuty, port: int) -> None:
    """Serves, and does what goes by itself: timeouts of services, deliveries that are tried again."""

    async def tick() -> None:
        while True:
            await sleep(TICK_SECONDS)
            emulator.tick()

    def say(url: str) -> dict[str, Any]:
        return {
            "tool": "pagerduty",
            "url": url,
            "user": INTEGRATION,
            "services": {one.name: one.id for one in emulator.account.services.values()},
            "accounts": {mail: key.secret for mail, key in emulator.keys.items()},
            "account_key": emulator.account_key.secret,
            "control_token": emulator.control_token,
        }

    ticking = asyncio.create_task(tick())
    try:
        await run(emulator, port=port, say=say)
    finally:
        ticking.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rallypoint.emulators.pagerduty", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    asked = parser.parse_args()
    asyncio.run(serve(PagerDuty(DatabaseClock()), asked.port))


if __name__ == "__main__":
    main()
