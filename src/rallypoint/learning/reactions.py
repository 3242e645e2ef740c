"""What learning does when an incident is resolved or closed."""

from rallypoint.actors import SYSTEM
from rallypoint.db import Database, Transaction
from rallypoint.incidents.events import Lifecycle
from rallypoint.learning import actions


async def draft(db: Database, fact: Lifecycle) -> None:
    """AFTERWARDS of IncidentResolved, and of what is added to the record after it (confirmed, closed).

    The facts are drawn up from the record as it is now, so hearing a fact twice, or late, gives the same draft.
    """

    async def work(tx: Transaction) -> None:
        await actions.draw_up(tx, fact.number)

    await db.run(SYSTEM, work)
