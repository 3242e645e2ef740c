"""Keys that people write, turned into ids; an unknown one is a problem of its field, not a missing page."""

from rallypoint import access
from rallypoint.access.check import Checks
from rallypoint.catalog import domain_store
from rallypoint.db import Transaction
from rallypoint.errors import NotFound


async def domain_id(tx: Transaction, checks: Checks, key: str) -> int:
    try:
        return (await domain_store.domain(tx, key)).id
    except NotFound:
        known = ", ".join(domain.key for domain in await domain_store.domains(tx))
        checks.fault("domain", f"must be one of {known}" if known else "does not exist yet")
        return 0


async def team_id(tx: Transaction, checks: Checks, key: str | None) -> int | None:
    if not key:
        return None
    try:
        return (await access.team(tx, key)).id
    except NotFound:
        checks.fault("team", "is not a team we know")
        return None
