"""API keys, and the memory that makes a repeated write harmless."""

from collections.abc import Iterable
from dataclasses import dataclass

from rallypoint import ids
from rallypoint.access import key_store, store
from rallypoint.access.audit import record
from rallypoint.access.check import Checks
from rallypoint.access.model import ApiKey, NewKey, Remembered, Role
from rallypoint.access.permissions import Permission, require
from rallypoint.actors import Actor, ActorKind
from rallypoint.db import Transaction
from rallypoint.errors import Conflict, Invalid, Refused

PREFIX = "rp_"
"""Lets secret scanners know one of ours when they see it."""


async def create_key(
    tx: Transaction,
    *,
    name: str,
    roles: Iterable[str] = (),
    scopes: Iterable[str] | None = None,
    person_id: int | None = None,
) -> NewKey:
    """A key with roles of its own, or of a person (then at most what that person may). Its token is shown this once."""
    require(tx.actor, Permission.MANAGE_KEYS)
    checks, wanted, held = Checks(), None if scopes is None else sorted(set(scopes)), list(roles)
    name = checks.name("name", name)
    if bad := [role for role in held if role not in set(Role)]:
        checks.fault("roles", f"{str(bad[0])[:50]!r} is not a role", ", ".join(Role))
    if bad := [scope for scope in wanted or () if scope not in set(Permission)]:
        checks.fault("scopes", f"{str(bad[0])[:50]!r} is not a permission", Permission.READ_INCIDENT)
    if person_id is None and not held:
        checks.fault("roles", "a key needs a role, or a person whose roles it has", "responder")
    checks.done()
    if tx.actor.scopes is not None and (wanted is None or not set(wanted) <= tx.actor.scopes):
        raise Refused("A key cannot make one with more scopes than its own.", guard="key-scopes", permission=True)
    if person_id is not None:
        await store.person(tx, person_id)
    token = PREFIX + ids.token(40)
    key = await key_store.add(
        tx, name=name, token_hash=ids.digest(token), hint=token[: len(PREFIX) + 4], roles=held, scopes=wanted,
        person_id=person_id, created_by=tx.actor.name,
    )  # fmt: skip
    await record(
        tx, "key created", f"key:{key.id}", {"name": name, "roles": held, "scopes": wanted, "person": person_id}
    )
    return NewKey(token=token, key=key)


async def key_actor(tx: Transaction, token: str) -> Actor | None:
    """Who acts with this key; None for one that is unknown, revoked, or of a disabled person."""
    if not token.startswith(PREFIX) or len(token) > 100:
        return None
    key = await key_store.in_use(tx, ids.digest(token))
    if key is None:
        return None
    roles = frozenset(key.roles)
    if key.person_roles is not None:
        roles = roles & frozenset(key.person_roles) if roles else frozenset(key.person_roles)
    return Actor(
        kind=ActorKind.API_KEY,
        name=key.name,
        origin="api",
        person_id=key.person_id,
        key_id=key.id,
        roles=frozenset(roles),
        teams=frozenset(key.teams),
        scopes=None if key.scopes is None else frozenset(key.scopes),
    )


async def keys(tx: Transaction) -> list[ApiKey]:
    return await key_store.keys(tx)


async def revoke_key(tx: Transaction, id: int) -> ApiKey:
    """The key stops working at once. It stays in the list, because history names it."""
    require(tx.actor, Permission.MANAGE_KEYS)
    key = await key_store.revoke(tx, id)
    await record(tx, "key revoked", f"key:{id}", {"name": key.name})
    return key


@dataclass(frozen=True, slots=True)
class _Asker:
    """Idempotency keys are private to whoever sends them: nobody reads another's reply by guessing one."""

    actor: Actor

    def __str__(self) -> str:
        if self.actor.key_id is not None:
            return f"key:{self.actor.key_id}"
        return f"person:{self.actor.person_id}" if self.actor.person_id is not None else f"name:{self.actor.name}"


async def claim_idempotency(tx: Transaction, key: str, request_hash: bytes) -> Remembered | None:
    """None: go ahead, then call remember_reply in this same transaction. Otherwise the reply to give again.

    A second request with the key waits here until the first has ended: primary key of remembered_reply.
    """
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise Invalid("Idempotency-Key", "must have 1 to 255 printable characters")
    asker = str(_Asker(tx.actor))
    if await key_store.claim(tx, asker, key, request_hash):
        return None
    reply = await key_store.reply(tx, asker, key)
    if reply is None or reply.request_hash != request_hash:
        raise Conflict("This Idempotency-Key was used for another request. Send a new key with a new request.")
    if reply.status is None or reply.body is None:
        raise Conflict("The request with this Idempotency-Key ended without a reply. Send it again with a new key.")
    return Remembered(status=reply.status, body=reply.body)


async def remember_reply(tx: Transaction, key: str, request_hash: bytes, status: int, body: bytes) -> None:
    """Keep the reply for a day. It commits or vanishes together with what the request did."""
    await key_store.remember(tx, str(_Asker(tx.actor)), key, request_hash, status, body)
