"""API keys, and writes that are sent twice."""

import asyncio
from datetime import timedelta

import pytest

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.actors import ANONYMOUS, SYSTEM, Actor, ActorKind
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.errors import Conflict, Invalid, NotFound, Refused


async def actor_of(db: Database, token: str) -> Actor | None:
    async with db.transaction(ANONYMOUS) as tx:
        return await access.key_actor(tx, token)


async def test_a_key_acts_with_its_roles_and_scopes(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        new = await access.create_key(tx, name="ci", roles=["responder"], scopes=[Permission.READ_INCIDENT])
        listed = (await access.keys(tx))[0]
    assert new.token.startswith("rp_")
    assert len(new.token) == 43
    assert listed.hint == new.token[:7]
    actor = await actor_of(db, new.token)
    assert actor is not None
    assert (actor.kind, actor.key_id, actor.name) == (ActorKind.API_KEY, new.key.id, "ci")
    assert access.allows(actor, Permission.READ_INCIDENT)
    assert not access.allows(actor, Permission.ACKNOWLEDGE)
    for wrong in ("", "rp_", new.token + "x", new.token[3:], "rp_" + "x" * 5000):
        assert await actor_of(db, wrong) is None


async def test_a_revoked_key_stops_and_stays_listed(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        new = await access.create_key(tx, name="ci", roles=["viewer"])
    assert await actor_of(db, new.token) is not None
    async with db.transaction(SYSTEM) as tx:
        first = await access.revoke_key(tx, new.key.id)
        again = await access.revoke_key(tx, new.key.id)
        assert first.revoked_at == again.revoked_at == tx.now
        with pytest.raises(NotFound):
            await access.revoke_key(tx, 999)
    assert await actor_of(db, new.token) is None


async def test_a_persons_key_never_outgrows_the_person(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        bea = await access.create_person(tx, name="Bea", email="bea@example.com", roles=["responder", "manager"])
        team = await access.create_team(tx, key="t", name="T")
        await access.add_member(tx, team.id, bea.id)
        all_of = await access.create_key(tx, name="mine", person_id=bea.id)
        some = await access.create_key(tx, name="narrow", roles=["responder", "admin"], person_id=bea.id)
    actor = await actor_of(db, all_of.token)
    assert actor is not None
    assert (actor.roles, actor.teams) == (frozenset({"responder", "manager"}), frozenset({team.id}))
    narrow = await actor_of(db, some.token)
    assert narrow is not None
    assert narrow.roles == frozenset({"responder"})
    async with db.transaction(SYSTEM) as tx:
        await access.update_person(tx, bea.id, roles=["viewer"])
    narrow = await actor_of(db, some.token)
    assert narrow is not None
    assert narrow.roles == frozenset()
    async with db.transaction(SYSTEM) as tx:
        await access.deactivate_person(tx, bea.id)
    assert await actor_of(db, all_of.token) is None


async def test_use_is_noted_at_most_once_a_minute(db: Database, clock: ManualClock) -> None:
    async with db.transaction(SYSTEM) as tx:
        new = await access.create_key(tx, name="ci", roles=["viewer"])
    used = []
    for seconds in (0, 30, 30):
        clock.advance(timedelta(seconds=seconds))
        await actor_of(db, new.token)
        async with db.transaction(SYSTEM) as tx:
            used.append((await access.keys(tx))[0].last_used_at)
    assert used[0] == used[1] != used[2]


async def test_a_key_is_asked_for_properly(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        with pytest.raises(Invalid) as wrong:
            await access.create_key(tx, name="", roles=["king"], scopes=["everything"])
        assert {p.field for p in wrong.value.problems} == {"name", "roles", "scopes"}
        with pytest.raises(Invalid, match="needs a role"):
            await access.create_key(tx, name="x")
        with pytest.raises(NotFound):
            await access.create_key(tx, name="x", person_id=99)
    manager = Actor(kind=ActorKind.PERSON, name="M", origin="web", person_id=1, roles=frozenset({"manager"}))
    async with db.transaction(manager) as tx:
        with pytest.raises(Refused):
            await access.create_key(tx, name="x", roles=["admin"])


async def test_a_key_hands_on_no_more_than_it_has(db: Database) -> None:
    scopes = frozenset({Permission.MANAGE_KEYS, Permission.READ_INCIDENT})
    maker = Actor(kind=ActorKind.API_KEY, name="k", origin="api", key_id=9, roles=frozenset({"admin"}), scopes=scopes)
    async with db.transaction(maker) as tx:
        await access.create_key(tx, name="less", roles=["viewer"], scopes=[Permission.READ_INCIDENT])
        for more in (None, [Permission.CONFIGURE]):
            with pytest.raises(Refused, match="more scopes"):
                await access.create_key(tx, name="more", roles=["admin"], scopes=more)


A = Actor(kind=ActorKind.API_KEY, name="a", origin="api", key_id=1, roles=frozenset({"responder"}))
B = Actor(kind=ActorKind.API_KEY, name="a", origin="api", key_id=2, roles=frozenset({"responder"}))


async def test_a_repeated_write_gets_the_first_reply(db: Database, clock: ManualClock) -> None:
    async with db.transaction(A) as tx:
        assert await access.claim_idempotency(tx, "k1", b"hash") is None
        await access.remember_reply(tx, "k1", b"hash", 201, b'{"number":1}')
    async with db.transaction(A) as tx:
        assert await access.claim_idempotency(tx, "k1", b"hash") == access.Remembered(status=201, body=b'{"number":1}')
        with pytest.raises(Conflict, match="another request"):
            await access.claim_idempotency(tx, "k1", b"other")
    async with db.transaction(B) as tx:
        assert await access.claim_idempotency(tx, "k1", b"other") is None
    clock.advance(timedelta(hours=24, seconds=1))
    async with db.transaction(A) as tx:
        assert await access.claim_idempotency(tx, "k1", b"other") is None


async def test_a_write_that_failed_may_be_sent_again(db: Database) -> None:
    async def breaks() -> None:
        async with db.transaction(A) as tx:
            assert await access.claim_idempotency(tx, "k1", b"hash") is None
            raise RuntimeError("it broke")

    with pytest.raises(RuntimeError):
        await breaks()
    async with db.transaction(A) as tx:
        assert await access.claim_idempotency(tx, "k1", b"hash") is None


async def test_of_two_at_once_one_works_and_one_repeats(db: Database) -> None:
    worked = []

    async def write(name: str) -> bytes:
        async with db.transaction(A) as tx:
            if (before := await access.claim_idempotency(tx, "k1", b"hash")) is not None:
                return before.body
            worked.append(name)
            await tx.rows("select pg_sleep(0.05)")
            await access.remember_reply(tx, "k1", b"hash", 201, name.encode())
            return name.encode()

    replies = await asyncio.gather(*(write(f"w{number}") for number in range(5)))
    assert len(worked) == 1
    assert set(replies) == {worked[0].encode()}


async def test_a_claim_without_a_reply_is_said(db: Database) -> None:
    async with db.transaction(A) as tx:
        await access.claim_idempotency(tx, "k1", b"hash")
    async with db.transaction(A) as tx:
        with pytest.raises(Conflict, match="without a reply"):
            await access.claim_idempotency(tx, "k1", b"hash")
        for bad in ("", "x" * 256, "a\nb", "a\0"):
            with pytest.raises(Invalid):
                await access.claim_idempotency(tx, bad, b"hash")
