"""`doctor --audit`: the audit trail and every timeline, read again from the first link to the last."""

from collections.abc import Callable

from rallypoint import access, incidents
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.edges.ops import store

BATCH = 200


async def verify(db: Database, progress: Callable[[int, int | None], None]) -> list[tuple[str, bool, str]]:
    """(name, whole, what was found) for the audit trail and for the timelines."""
    async with db.transaction(SYSTEM) as tx:
        report = await access.verify_audit(tx)
    said = f"{report.count} entries, unbroken" if report.ok else f"broken at {report.broken_at}: {report.reason}"
    return [("audit trail", report.ok, said), await _timelines(db, progress)]


async def _timelines(db: Database, progress: Callable[[int, int | None], None]) -> tuple[str, bool, str]:
    async with db.transaction(SYSTEM) as tx:
        numbers = await store.numbers(tx)
    broken: list[str] = []
    for start in range(0, len(numbers), BATCH):
        async with db.transaction(SYSTEM) as tx:
            for number in numbers[start : start + BATCH]:
                report = await incidents.verify_timeline(tx, number)
                if not report.ok:
                    broken.append(f"INC-{number} ({report.reason})")
        progress(min(start + BATCH, len(numbers)), len(numbers))
    said = f"{len(numbers)} timelines, unbroken" if not broken else f"broken: {', '.join(broken[:10])}"
    return ("timelines", not broken, said)
