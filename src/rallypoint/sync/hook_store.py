"""The SQL of webhooks: the address a tool tells us at, its secret, and whether anything is told there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rallypoint.db import Transaction
from rallypoint.errors import NotFound
from rallypoint.sync.connection import Connection
from rallypoint.sync.ports import Hint
from rallypoint.sync.store import CONNECTION

OLD_WORKS_FOR = timedelta(days=1)
"""How long an address works after another has taken its place: what is on its way there is not turned away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a tool tells us: the digest of the key in the address, the key and the secret sealed.

    Connections that were made before keys were kept have no `sealed_key`, and those that wait no secret.
    """

    key_hash: bytes
    sealed_key: bytes | None
    sealed_secret: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """The connection of an address, and the sealed secret that belongs to this address."""

    connection: Connection
    sealed_secret: bytes | None


async def addressed(tx: Transaction, key_hash: bytes) -> Addressed | None:
    """Whose address this is, or was until a moment ago. None for an address that nobody has."""
    columns = ", ".join(f"c.{name.strip()}" for name in CONNECTION.split(","))
    rows = await tx.rows(
        f"""
        select {columns}, case when c.hook_key_hash = :hash then c.sealed_hook else c.last_sealed_hook end as secret
          from sync_connection c
         where c.hook_key_hash = :hash or (c.last_hook_key_hash = :hash and c.last_hook_until > :now)""",
        hash=key_hash,
    )
    if not rows:
        return None
    found = dict(rows[0])
    secret = found.pop("secret")
    return Addressed(connection=Connection(**found), sealed_secret=secret)


async def address(tx: Transaction, connection_id: int) -> Address:
    rows = await tx.rows(
        "select hook_key_hash, sealed_hook_key, sealed_hook from sync_connection where id = :id", id=connection_id
    )
    if not rows:
        raise NotFound("connection", connection_id)
    row = rows[0]
    return Address(key_hash=row["hook_key_hash"], sealed_key=row["sealed_hook_key"], sealed_secret=row["sealed_hook"])


async def keep_key(tx: Transaction, connection_id: int, sealed_key: bytes) -> None:
    """The key of the address that a new connection has, so that it can be registered again as it is."""
    await tx.execute(
        "update sync_connection set sealed_hook_key = :sealed_key where id = :id",
        id=connection_id, sealed_key=sealed_key,
    )  # fmt: skip


async def move(tx: Transaction, connection_id: int, to: Address) -> None:
    """Another address. The one before goes on working for a while."""
    await tx.execute(
        """
        update sync_connection set last_hook_key_hash = hook_key_hash, last_sealed_hook = sealed_hook,
               last_hook_until = :until, hook_key_hash = :key_hash, sealed_hook_key = :sealed_key, sealed_hook = :secret
         where id = :id and hook_key_hash <> :key_hash""",
        id=connection_id, key_hash=to.key_hash, sealed_key=to.sealed_key, secret=to.sealed_secret,
        until=tx.now + OLD_WORKS_FOR,
    )  # fmt: skip


async def move_back(tx: Transaction, connection_id: int, to: Address) -> None:
    """The address as it was: the tool did not take the other."""
    await tx.execute(
        """
        update sync_connection set hook_key_hash = :key_hash, sealed_hook_key = :sealed_key, sealed_hook = :secret,
               last_hook_key_hash = null, last_sealed_hook = null, last_hook_until = null
         where id = :id""",
        id=connection_id, key_hash=to.key_hash, sealed_key=to.sealed_key, secret=to.sealed_secret,
    )  # fmt: skip


async def new_secret(tx: Transaction, connection_id: int, sealed: bytes) -> None:
    """The tool made the secret itself."""
    await tx.execute("update sync_connection set sealed_hook = :sealed where id = :id", id=connection_id, sealed=sealed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How the webhook has been: when it is looked at again, what went wrong with it, how many rounds of asking found
    changes that it did not tell."""

    due_at: datetime | None
    checked_at: datetime | None
    failure: str
    failures: int
    unheard: int


async def care(tx: Transaction, connection_id: int) -> Care:
    return await tx.one(
        Care,
        """
        select hook_due_at as due_at, hook_checked_at as checked_at, hook_failure as failure, hook_failures as failures,
               unheard
          from sync_connection where id = :id""",
        missing=("connection", connection_id), id=connection_id,
    )  # fmt: skip


async def looked_after(
    tx: Transaction, connection_id: int, *, due_at: datetime, webhook: dict[str, Any] | None, failure: str = "",
    failures: int = 0,
) -> None:  # fmt: skip
    await tx.execute(
        """
        update sync_connection set hook_due_at = :due_at, hook_checked_at = :now, hook_failure = :failure,
               hook_failures = :failures, webhook = coalesce(:webhook::jsonb, webhook)
         where id = :id""",
        id=connection_id, due_at=due_at, webhook=webhook, failure=failure[:500], failures=failures,
    )  # fmt: skip


# Whether anything is told.


async def untold(tx: Transaction, connection_id: int, hints: Iterable[Hint]) -> int:
    """How many of these changes nobody knew of: the link was at rest, and at another revision."""
    told = {hint.remote_id: hint.revision for hint in hints if hint.revision}
    found: int = await tx.value(
        """
        select count(*) from sync_link l
          join unnest(:ids::text[], :revisions::text[]) as t (remote_id, revision) on t.remote_id = l.remote_id
         where l.connection_id = :id and l.state = 'active' and l.due_at is null and l.lease_until is null
           and l.error is null and l.revision not in ('', t.revision)""",
        id=connection_id, ids=list(told), revisions=list(told.values()),
    )  # fmt: skip
    return found


async def add_unheard(tx: Transaction, connection_id: int) -> int:
    """One more round of asking found what nobody had told; how many now, without a word between them."""
    many: int = await tx.value(
        "update sync_connection set unheard = unheard + 1 where id = :id returning unheard", id=connection_id
    )
    return many


async def heard(tx: Transaction, connection_id: int) -> None:
    """The tool told something: it is not silent."""
    await tx.execute("update sync_connection set unheard = 0 where id = :id and unheard > 0", id=connection_id)


async def heard_at(tx: Transaction, connection_id: int) -> datetime | None:
    """When the tool last told us something by itself; None where it never did."""
    at: datetime | None = await tx.value(
        "select max(received_at) from sync_inbox where connection_id = :id", id=connection_id
    )
    return at
