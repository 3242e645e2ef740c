"""SQL of the sandbox phone."""

from rallypoint.connectors.sandbox.model import SandboxMessage
from rallypoint.db import Transaction
from rallypoint.notify.ports import Outgoing


async def receive(tx: Transaction, message: Outgoing) -> None:
    """Keep a message. A second copy of the same delivery is recognised by its reference and counted."""
    await tx.execute(
        """
        insert into sandbox_message (reference, person_id, person_name, incident, purpose, title, text, url, ack_url,
                                     received_at)
        values (:reference, :person_id, :person_name, :incident, :purpose, :title, :text, :url, :ack_url, :now)
            on conflict (reference) do update set times = sandbox_message.times + 1""",
        reference=message.reference, person_id=message.person_id, person_name=message.person_name or message.address,
        incident=message.incident, purpose=message.purpose, title=message.title, text=message.text, url=message.url,
        ack_url=message.ack_url or "",
    )  # fmt: skip


async def inbox(tx: Transaction, person_id: int | None = None, *, limit: int = 50) -> list[SandboxMessage]:
    """What arrived on the phone of a person, or on all of them; newest first."""
    return await tx.fetch(
        SandboxMessage,
        """
        select id, reference, person_id, person_name, incident, purpose, title, text, url, ack_url, times, received_at
          from sandbox_message where :person_id::bigint is null or person_id = :person_id
         order by id desc limit :limit""",
        person_id=person_id, limit=limit,
    )  # fmt: skip
