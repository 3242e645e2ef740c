"""Signing in, staying signed in, and every way a session ends."""

from datetime import timedelta

import pytest

from rallypoint import access, ids
from rallypoint.access import SignedIn
from rallypoint.actors import ANONYMOUS, SYSTEM, Actor, ActorKind
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.errors import Refused

PASSWORD = "calm at three in the morning"


@pytest.fixture
async def bea(db: Database) -> access.Person:
    async with db.transaction(SYSTEM) as tx:
        person = await access.create_person(
            tx, name="Bea", email="bea@example.com", roles=["responder"], password=PASSWORD
        )
        team = await access.create_team(tx, key="commerce", name="Commerce")
        await access.add_member(tx, team.id, person.id)
        return person


async def enter(db: Database, email: str = "bea@example.com", password: str = PASSWORD, address: str = "") -> SignedIn:
    async with db.transaction(ANONYMOUS) as tx:
        return await access.sign_in(tx, email=email, password=password, address=address, agent="test\r\nagent")


async def who(db: Database, token: str) -> Actor | None:
    async with db.transaction(ANONYMOUS) as tx:
        return await access.session_actor(tx, token)


async def test_signing_in_gives_roles_and_teams(db: Database, bea: access.Person) -> None:
    session = await enter(db, " BEA@example.com ")
    assert session.person == bea
    actor = await who(db, session.token)
    assert actor is not None
    assert (actor.kind, actor.name, actor.person_id) == (ActorKind.PERSON, "Bea", bea.id)
    assert (actor.roles, len(actor.teams), actor.origin) == (frozenset({"responder"}), 1, "web")
    assert await who(db, "someone else's") is None
    assert (await enter(db)).token != session.token


async def test_the_database_holds_no_token_and_no_password(db: Database, bea: access.Person) -> None:
    session = await enter(db)
    async with db.transaction(SYSTEM) as tx:
        link = await access.make_login_link(tx, bea.id)
        key = await access.create_key(tx, name="ci", roles=["responder"])
        names = [row["table_name"] for row in await tx.rows(
            "select table_name from information_schema.tables where table_schema = 'public'")]  # fmt: skip
        dump = "".join([str(await tx.rows(f'select t::text from "{name}" t')) for name in names])
    for secret in (session.token, link, key.token, PASSWORD):
        assert secret not in dump
        assert secret.encode().hex() not in dump
    assert ids.digest(session.token).hex() in dump


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("bea@example.com", "wrong"),
        ("nobody@example.com", PASSWORD),
        ("bea@example.com", ""),
        ("", ""),
        ("bea@example.com\0", PASSWORD),
        ("bea@example.com", PASSWORD + "x" * 100_000),
    ],
)
async def test_every_failure_reads_the_same(db: Database, bea: access.Person, email: str, password: str) -> None:
    with pytest.raises(Refused) as no:
        await enter(db, email, password)
    assert str(no.value) == "The e-mail address or the password is not right."


async def test_someone_without_a_password_or_disabled_cannot_enter(db: Database, bea: access.Person) -> None:
    async with db.transaction(SYSTEM) as tx:
        await access.create_person(tx, name="Bob", email="bob@example.com", roles=[])
        await access.deactivate_person(tx, bea.id)
    for email in ("bob@example.com", "bea@example.com"):
        with pytest.raises(Refused, match="not right"):
            await enter(db, email)


async def test_failures_hold_off_further_tries_also_right_ones(
    db: Database, clock: ManualClock, bea: access.Person
) -> None:
    for _ in range(5):
        with pytest.raises(Refused, match="not right"):
            await enter(db, password="wrong")
    with pytest.raises(Refused, match="Try again in 3 seconds"):
        await enter(db)
    clock.advance(timedelta(seconds=2))
    await enter(db)
    with pytest.raises(Refused, match="not right"):
        await enter(db, password="wrong")  # the count began again


async def test_an_unknown_account_is_held_off_like_a_known_one(db: Database) -> None:
    for _ in range(5):
        with pytest.raises(Refused, match="not right"):
            await enter(db, "nobody@example.com")
    with pytest.raises(Refused, match="too many"):
        await enter(db, "nobody@example.com")


async def test_one_address_trying_many_accounts_is_held_off(db: Database, bea: access.Person) -> None:
    for number in range(21):
        with pytest.raises(Refused, match="not right"):
            await enter(db, f"guess{number}@example.com", address="192.0.2.1")
    with pytest.raises(Refused, match="too many"):
        await enter(db, address="192.0.2.1")
    await enter(db, address="192.0.2.2")


async def test_a_session_lasts_while_it_is_used_up_to_a_month(
    db: Database, clock: ManualClock, bea: access.Person
) -> None:
    idle, busy = (await enter(db)).token, (await enter(db)).token
    for _ in range(5):
        clock.advance(timedelta(days=5))
        assert await who(db, busy) is not None
    assert await who(db, idle) is None
    clock.advance(timedelta(days=5, seconds=1))
    assert await who(db, busy) is None


async def test_seen_is_written_at_most_once_a_minute(db: Database, clock: ManualClock, bea: access.Person) -> None:
    token = (await enter(db)).token
    seen = []
    for seconds in (0, 59, 1, 30):
        clock.advance(timedelta(seconds=seconds))
        await who(db, token)
        async with db.transaction(SYSTEM) as tx:
            seen.append(await tx.value("select last_seen_at from session"))
    assert seen[0] == seen[1] < seen[2] == seen[3]


@pytest.mark.parametrize("change", ["password", "roles", "disabled", "sign out"])
async def test_sessions_die_at_once(db: Database, bea: access.Person, change: str) -> None:
    token, other = (await enter(db)).token, (await enter(db)).token
    async with db.transaction(SYSTEM) as tx:
        link = await access.make_login_link(tx, bea.id)
        if change == "password":
            await access.set_password(tx, bea.id, "another good password")
        elif change == "roles":
            await access.update_person(tx, bea.id, roles=["viewer"])
        elif change == "disabled":
            await access.deactivate_person(tx, bea.id)
        else:
            await access.sign_out(tx, token)
    assert await who(db, token) is None
    alone = change == "sign out"
    assert (await who(db, other) is not None) is alone
    async with db.transaction(ANONYMOUS) as tx:
        assert (await access.peek_login_link(tx, link) is not None) is alone


async def test_a_new_name_ends_no_session(db: Database, bea: access.Person) -> None:
    token = (await enter(db)).token
    async with db.transaction(SYSTEM) as tx:
        await access.update_person(tx, bea.id, name="Beatrice", roles=("responder",))
    actor = await who(db, token)
    assert actor is not None
    assert actor.name == "Beatrice"


async def test_ones_own_password(db: Database, bea: access.Person) -> None:
    me = await who(db, (await enter(db)).token)
    assert me is not None
    async with db.transaction(me) as tx:
        await access.set_password(tx, bea.id, "another good password")
        fresh = await access.start_session(tx, bea, address="", agent="")
    assert await who(db, fresh.token) is not None
    with pytest.raises(Refused):
        await enter(db)
    await enter(db, password="another good password")


async def test_nobody_else_sets_my_password(db: Database, bea: access.Person) -> None:
    bob = Actor(kind=ActorKind.PERSON, name="Bob", origin="web", person_id=bea.id + 1, roles=frozenset({"manager"}))
    key = Actor(kind=ActorKind.API_KEY, name="k", origin="api", person_id=bea.id, roles=frozenset({"responder"}))
    for actor in (bob, key, ANONYMOUS):
        async with db.transaction(actor) as tx:
            with pytest.raises(Refused) as no:
                await access.set_password(tx, bea.id, "taken over by me")
            assert no.value.permission


async def test_a_login_link_works_once_and_for_a_while(db: Database, clock: ManualClock, bea: access.Person) -> None:
    async with db.transaction(SYSTEM) as tx:
        first, late = [await access.make_login_link(tx, bea.id, minutes=15) for _ in range(2)]
    async with db.transaction(ANONYMOUS) as tx:
        assert await access.peek_login_link(tx, first) == await access.peek_login_link(tx, first) == bea
        session = await access.use_login_link(tx, first, address="", agent="")
    assert await who(db, session.token) is not None
    clock.advance(timedelta(minutes=15))
    for token in (first, late, "made up"):
        async with db.transaction(ANONYMOUS) as tx:
            assert await access.peek_login_link(tx, token) is None
            with pytest.raises(Refused, match="has been used"):
                await access.use_login_link(tx, token, address="", agent="")


async def test_sweeping_takes_what_is_over(db: Database, clock: ManualClock, bea: access.Person) -> None:
    token = (await enter(db)).token
    with pytest.raises(Refused):
        await enter(db, password="wrong")
    async with db.transaction(SYSTEM) as tx:
        await access.make_login_link(tx, bea.id)
        await access.claim_idempotency(tx, "k", b"h")
        assert await access.sweep(tx) == 0
    clock.advance(timedelta(days=31))
    assert (await enter(db)).token != token
    async with db.transaction(SYSTEM) as tx:
        assert await access.sweep(tx) == 3
        assert await tx.value("select count(*) from session") == 1


async def test_the_engine_forgets_an_hour_later_and_all_at_once(
    db: Database, clock: ManualClock, bea: access.Person
) -> None:
    [work] = access.works(db)
    async with db.transaction(SYSTEM) as tx:
        assert await work.next_due(tx) is None
        await access.claim_idempotency(tx, "k1", b"h")
        due = await work.next_due(tx)
        assert due == tx.now + timedelta(hours=25)
    clock.advance(timedelta(minutes=30))
    async with db.transaction(SYSTEM) as tx:
        await access.claim_idempotency(tx, "k2", b"h")
    clock.set(due - timedelta(seconds=1))
    assert await work.do() == 0
    clock.set(due)
    assert await work.do() == 2
    assert await work.do() == 0
