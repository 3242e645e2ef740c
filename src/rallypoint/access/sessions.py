"""Signing in and staying signed in. A session is an opaque token; the database knows its hash only.

Every way in makes a new session id, so that an id planted in a browser beforehand opens nothing. A session dies when
its owner is disabled, changes the password, or changes roles.
"""

from datetime import timedelta

from rallypoint import ids
from rallypoint.access import passwords, rules, session_store, store
from rallypoint.access.actions import check_password, set_password
from rallypoint.access.audit import record
from rallypoint.access.check import Checks
from rallypoint.access.model import Person, SignedIn
from rallypoint.access.permissions import Permission, require
from rallypoint.actors import Actor, ActorKind
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, NotFound, Refused

WRONG = "The e-mail address or the password is not right."
OVER = "This link has been used, or its time is over."


async def sign_in(tx: Transaction, *, email: str, password: str, address: str, agent: str) -> SignedIn:
    """Open a session by password. Raises Refused, the same for an unknown address and for a wrong password.

    A failure is counted even though the refusal undoes this transaction.
    """
    account = f"account:{ids.digest(email.strip().lower()).hex()}"
    await session_store.one_at_a_time(tx, account)
    await _hold_off(tx, account, free=rules.FREE_FAILURES)
    if address:
        await _hold_off(tx, f"address:{address}", free=rules.FREE_FAILURES_OF_ADDRESS)
    person = await store.person_by_email(tx, email.strip()) if "\0" not in email else None
    known = person is not None and person.active
    stored = await store.password_hash(tx, person.id) if person is not None and known else None
    if not await passwords.matches(stored, password[: rules.PASSWORD_MOST + 1]) or person is None:
        tx.even_if_undone(lambda later: _count(later, account, address))
        raise Refused(WRONG, guard="sign-in")
    await session_store.forget_failures(tx, account)
    signed_in = await start_session(tx, person, address=address, agent=agent)
    await record(tx, "signed in", f"person:{person.id}", {"by": "password", "address": address[:100]})
    return signed_in


async def start_session(tx: Transaction, person: Person, *, address: str, agent: str) -> SignedIn:
    """A new session for somebody whose identity the caller has made sure of."""
    token = ids.token()
    await session_store.start(tx, ids.digest(token), person.id, _line(address, 100), _line(agent, 300))
    return SignedIn(token=token, person=person)


async def has_password(tx: Transaction, person_id: int) -> bool:
    """Whether this person can sign in by password at all; others come in by a link."""
    return await store.password_hash(tx, person_id) is not None


async def change_password(tx: Transaction, *, current: str, new: str, again: str, address: str, agent: str) -> SignedIn:
    """Set one's own password: whoever has one types it, so that an open screen is not enough to take an account over.

    Every session of the person ends; the one that is returned takes the place of the caller's. A wrong current
    password is counted, and waited for, like one at the door.
    """
    require(tx.actor, Permission.OWN_ACCOUNT)
    assert tx.actor.person_id is not None  # what OWN_ACCOUNT means
    person = await store.person(tx, tx.actor.person_id)
    subject = f"password:{person.id}"
    await session_store.one_at_a_time(tx, subject)
    await _hold_off(tx, subject, free=rules.FREE_FAILURES)
    checks = Checks()
    check_password(checks, new, field="new")
    if new != again:
        checks.fault("again", "is not the same as the new one")
    stored = await store.password_hash(tx, person.id)
    if stored is not None and not await passwords.matches(stored, current[: rules.PASSWORD_MOST + 1]):
        tx.even_if_undone(lambda later: session_store.count_failure(later, subject))
        checks.fault("current", "is not your password")
    checks.done()
    await session_store.forget_failures(tx, subject)
    await set_password(tx, person.id, new)
    return await start_session(tx, person, address=address, agent=agent)


async def sign_out(tx: Transaction, token: str) -> None:
    await session_store.end(tx, ids.digest(token))


async def session_actor(tx: Transaction, token: str) -> Actor | None:
    """Who this session belongs to, with the roles and teams of this moment; None if it is over."""
    hashed = ids.digest(token)
    seen = await session_store.seen(tx, hashed)
    if seen is None:
        return None
    if rules.session_is_over(seen.created_at, seen.last_seen_at, now=tx.now):
        await session_store.end(tx, hashed)
        return None
    if tx.now - seen.last_seen_at >= rules.TOUCH:
        await session_store.touch(tx, hashed)
    return Actor(
        kind=ActorKind.PERSON,
        name=seen.name,
        origin="web",
        person_id=seen.person_id,
        roles=frozenset(seen.roles),
        teams=frozenset(seen.teams),
    )


async def make_login_link(tx: Transaction, person_id: int, *, minutes: int = 15) -> str:
    """A token that signs this person in once. The caller puts it into a link."""
    require(tx.actor, Permission.MANAGE_PEOPLE)
    if not 1 <= minutes <= 7 * 24 * 60:
        raise Invalid("minutes", "must be between 1 and 10080, a week")
    person = await store.person(tx, person_id)
    if not person.active:
        raise Refused(f"{person.name} is disabled.", guard="disabled", help="Enable the account first.")
    token = ids.token()
    await session_store.add_link(tx, ids.digest(token), person_id, tx.now + timedelta(minutes=minutes))
    await record(tx, "login link made", f"person:{person_id}", {"minutes": minutes})
    return token


async def peek_login_link(tx: Transaction, token: str) -> Person | None:
    """Whom a link would sign in, without using it: scanners of mail open links, people press buttons."""
    return await session_store.peek_link(tx, ids.digest(token))


async def use_login_link(tx: Transaction, token: str, *, address: str, agent: str) -> SignedIn:
    person = await session_store.use_link(tx, ids.digest(token))
    if person is None:
        raise Refused(OVER, guard="login-link", help="Ask for a new one.")
    signed_in = await start_session(tx, person, address=address, agent=agent)
    await record(tx, "signed in", f"person:{person.id}", {"by": "login link", "address": address[:100]})
    return signed_in


async def actor_for(tx: Transaction, person_id: int, *, origin: str) -> Actor:
    """A person as an actor, for the demo's history and for links in mails that name their person."""
    person = await store.person(tx, person_id)
    if not person.active:
        raise NotFound("active person", person_id)
    teams = [m.team_id for m in await store.memberships(tx) if m.person_id == person_id]
    return Actor(
        kind=ActorKind.PERSON,
        name=person.name,
        origin=origin,
        person_id=person_id,
        roles=frozenset(person.roles),
        teams=frozenset(teams),
    )


async def _hold_off(tx: Transaction, subject: str, *, free: int) -> None:
    failed = await session_store.failures(tx, subject)
    if failed is None:
        return
    from_then = rules.may_try_at(failed.count, failed.last_at, now=tx.now, free=free)
    if from_then > tx.now:
        seconds = int((from_then - tx.now).total_seconds()) + 1
        raise Refused(
            "There were too many failed tries.", guard="sign-in-wait", help=f"Try again in {seconds} seconds."
        )


async def _count(tx: Transaction, account: str, address: str) -> None:
    await session_store.count_failure(tx, account)
    if address:
        await session_store.count_failure(tx, f"address:{address}")


def _line(text: str, longest: int) -> str:
    """One printable line of something a stranger sent."""
    return "".join(c if c.isprintable() else " " for c in text)[:longest]
