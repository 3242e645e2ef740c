"""The process that links the demo's incidents to the sandboxes beside it, and is done."""

import asyncio

from rallypoint import logs
from rallypoint.serve import lifeline
from rallypoint.settings import Settings


def main() -> None:
    lifeline.hold()
    mine = Settings()
    logs.configure(mine.log_level)
    from rallypoint.demo.elsewhere import link  # the house is heavy: not before the supervisor can end us

    asyncio.run(link(mine))


if __name__ == "__main__":
    main()
