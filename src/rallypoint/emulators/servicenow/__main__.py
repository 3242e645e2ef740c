"""`python -m rallypoint.emulators.servicenow --port 0` serves an instance on loopback until it is told to end.

It prints one line of JSON: the address, the accounts with their passwords, the OAuth client, the token for faults.
"""

import argparse
import asyncio
from typing import Any

from rallypoint.clock import DatabaseClock
from rallypoint.emulators.base import run
from rallypoint.emulators.servicenow import CLIENT, INTEGRATION_USER, Hook, ServiceNow


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rallypoint.emulators.servicenow", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--webhook-url", default="", help="where the business rule posts changes to")
    parser.add_argument("--webhook-secret", default="", help="the secret it signs with")
    asked = parser.parse_args()
    emulator = ServiceNow(DatabaseClock())
    if asked.webhook_url:
        emulator.rule.hook = Hook(asked.webhook_url, asked.webhook_secret)

    def say(url: str) -> dict[str, Any]:
        return {
            "tool": "servicenow",
            "url": url,
            "user": INTEGRATION_USER,
            "accounts": emulator.passwords,
            "client_id": CLIENT,
            "client_secret": emulator.client_secret,
            "control_token": emulator.control_token,
        }

    asyncio.run(run(emulator, port=asked.port, say=say))


if __name__ == "__main__":
    main()
