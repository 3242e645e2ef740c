"""The channel behind the sandbox phone. Delivered means: the row that the screen shows is committed."""

from rallypoint.actors import SYSTEM
from rallypoint.connectors.sandbox import store
from rallypoint.connectors.sandbox.model import SandboxMessage
from rallypoint.db import Database
from rallypoint.notify.ports import Outgoing, Receipt

__all__ = ["Sandbox", "SandboxMessage"]


class Sandbox:
    """`kind` "email" lets the phone stand in for a mail server that the demo does not have."""

    def __init__(self, db: Database, *, kind: str = "sandbox") -> None:
        self._db, self.kind = db, kind

    async def send(self, message: Outgoing) -> Receipt:
        async with self._db.transaction(SYSTEM) as tx:
            await store.receive(tx, message)
            tx.hint("sandbox")
        return Receipt(delivered=True, provider_reference=message.reference)
