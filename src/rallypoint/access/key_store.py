"""SQL of API keys and of remembered replies."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rallypoint.access.model import ApiKey, Role
from rallypoint.access.rules import REPLY_KEPT, TOUCH
from rallypoint.db import Transaction

KEY = """k.id, k.name, k.hint, k.roles, k.scopes, k.person_id, k.created_by, k.created_at, k.last_used_at,
         k.revoked_at"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInUse:
    """A valid key with what its owner, if it has one, may do right now."""

    id: int
    name: str
    roles: tuple[Role, ...]
    scopes: tuple[str, ...] | None
    person_id: int | None
    person_roles: tuple[Role, ...] | None
    teams: tuple[int, ...]
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    request_hash: bytes
    status: int | None
    body: bytes | None


async def add(tx: Transaction, **values: Any) -> ApiKey:
    return await tx.one(
        ApiKey,
        f"""
        insert into api_key as k (name, token_hash, hint, roles, scopes, person_id, created_by, created_at)
        values (:name, :token_hash, :hint, :roles, :scopes, :person_id, :created_by, :now) returning {KEY}""",
        missing=("API key", values["name"]),
        **values,
    )


async def keys(tx: Transaction) -> list[ApiKey]:
    sql = f"select {KEY} from api_key k order by revoked_at is not null, created_at desc, id desc"
    return await tx.fetch(ApiKey, sql)


async def revoke(tx: Transaction, id: int) -> ApiKey:
    return await tx.one(
        ApiKey,
        f"update api_key k set revoked_at = coalesce(revoked_at, :now) where id = :id returning {KEY}",
        id=id,
        missing=("API key", id),
    )


async def in_use(tx: Transaction, token_hash: bytes) -> KeyInUse | None:
    """The key with this hash, if it is not revoked and its owner is active. Notes the use at most once in TOUCH."""
    found = await tx.maybe(
        KeyInUse,
        """
        select k.id, k.name, k.roles, k.scopes, k.person_id, p.roles as person_roles, k.last_used_at,
               array(select team_id from team_member m where m.person_id = k.person_id) as teams
          from api_key k left join person p on p.id = k.person_id
         where k.token_hash = :hash and k.revoked_at is null and (k.person_id is null or p.active)""",
        hash=token_hash,
    )
    if found is not None and (found.last_used_at is None or found.last_used_at <= tx.now - TOUCH):
        await tx.execute("update api_key set last_used_at = :now where id = :id", id=found.id)
    return found


async def claim(tx: Transaction, actor: str, key: str, request_hash: bytes) -> bool:
    """Whether this request is the first with its key. A second one waits here until the first has ended.

    A reply older than REPLY_KEPT counts for nothing and is taken over.
    """
    return await tx.execute(
        """
        insert into remembered_reply as r (actor, key, request_hash, created_at)
        values (:actor, :key, :request_hash, :now)
            on conflict (actor, key) do update
           set request_hash = excluded.request_hash, status = null, body = null, created_at = :now
         where r.created_at < :kept_since""",
        actor=actor, key=key, request_hash=request_hash, kept_since=tx.now - REPLY_KEPT,
    ) == 1  # fmt: skip


async def reply(tx: Transaction, actor: str, key: str) -> Reply | None:
    return await tx.maybe(
        Reply,
        "select request_hash, status, body from remembered_reply where actor = :actor and key = :key",
        actor=actor, key=key,
    )  # fmt: skip


async def remember(tx: Transaction, actor: str, key: str, request_hash: bytes, status: int, body: bytes) -> int:
    return await tx.execute(
        """
        update remembered_reply set status = :status, body = :body
         where actor = :actor and key = :key and request_hash = :request_hash""",
        actor=actor, key=key, request_hash=request_hash, status=status, body=body,
    )  # fmt: skip


async def first_end(tx: Transaction) -> datetime | None:
    """When the first remembered reply has had its time."""
    sql = "select min(created_at) + :kept::interval from remembered_reply"
    at: datetime | None = await tx.value(sql, kept=REPLY_KEPT)
    return at


async def sweep(tx: Transaction) -> int:
    sql = "delete from remembered_reply where created_at < :before"
    return await tx.execute(sql, before=tx.now - REPLY_KEPT)
