"""Answers to pages by mail: ack, resolve, or a note. The token in the address says whose answer it is."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from rallypoint import access, incidents, notify
from rallypoint.actors import SYSTEM
from rallypoint.connectors.smtp import Reply, Verb
from rallypoint.db import Database
from rallypoint.errors import Refused
from rallypoint.settings import Settings

log = structlog.get_logger()


async def answer(db: Database, reply: Reply) -> None:
    """Do what an answer asks for, as the person who was paged, under that person's own rights."""
    async with db.transaction(SYSTEM) as tx:
        page = await notify.page_by_token(tx, reply.token)
        actor = await access.actor_for(tx, page.person_id, origin="email")
    words = re.sub(r"^\W*\w+\W*", "", reply.text, count=1)
    async with db.transaction(actor) as tx:
        match reply.verb:
            case Verb.ACK:
                await incidents.acknowledge(tx, page.incident, via="mail")
                if words:
                    await incidents.note(tx, page.incident, text=words)
            case Verb.RESOLVE:
                await incidents.resolve(
                    tx, page.incident, resolution=words or "Resolved by mail, without further words."
                )
            case Verb.NOTE if reply.text:
                await incidents.note(tx, page.incident, text=reply.text)
            case _:
                raise Refused(
                    "The mail has no words of its own.", guard="empty answer", help="Write ack, resolve or a note."
                )


@asynccontextmanager
async def listening(settings: Settings, db: Database) -> AsyncIterator[None]:
    """Take answers for the length of the block, if the settings say where. A door that cannot be opened is logged:
    paging goes on without it, and the links in the mails still work."""
    if not settings.smtp_listen:
        yield
        return

    async def take(reply: Reply) -> None:
        await answer(db, reply)

    try:
        from rallypoint.connectors.smtp.receiver import Receiver

        receiver = Receiver(settings.smtp_listen, take)
        await receiver.start()
    except (ImportError, OSError, ValueError) as problem:
        log.error("answers by mail are not taken", listen=settings.smtp_listen, problem=str(problem))
        yield
        return
    log.info("answers by mail are taken", port=receiver.port)
    try:
        yield
    finally:
        await receiver.stop()
