"""What a tool tells us: kept raw, once, and taken as a hint to read again. Nothing in a delivery is believed."""

from collections.abc import Iterable

from rallypoint.db import Transaction
from rallypoint.sync import follower_store, hook_store, store
from rallypoint.sync.connection import Connection
from rallypoint.sync.model import Link
from rallypoint.sync.ports import Hint, WebhookHint


async def heard(tx: Transaction, connection: Connection, told: WebhookHint, raw: bytes) -> bool:
    """Take a verified delivery in; False where it was told before. Its links are due when this returns."""
    await hook_store.heard(tx, connection.id)
    if told.delivery and not await store.take_in(tx, connection.id, told.delivery, raw):
        return False
    await look_at(tx, connection, told.hints)
    return True


async def look_at(tx: Transaction, connection: Connection, hints: Iterable[Hint]) -> int:
    """Mark what is linked; offer the rest to the mappings that make incidents of items. Returns how many links."""
    news = {hint.remote_id: hint for hint in hints}
    if not news:
        return 0
    links = await store.links_to(tx, connection.id, news)
    stale = [link.id for link in links if _is_news(news[link.remote_id], link)]
    await store.mark_links(tx, stale)
    told = {id: "" if hint.deleted else hint.revision for id, hint in news.items()}
    followed = await follower_store.mark_told(tx, connection.id, told)
    strangers = news.keys() - {link.remote_id for link in links} - followed
    if strangers and await store.receives(tx, connection.id):
        await store.offer(tx, connection.id, sorted(id for id in strangers if not news[id].deleted))
    return len(stale)


def _is_news(hint: Hint, link: Link) -> bool:
    return hint.deleted or not hint.revision or hint.revision != link.revision
