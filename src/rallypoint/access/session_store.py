"""SQL of sessions, login links and failed sign-ins."""

from dataclasses import dataclass
from datetime import datetime

from rallypoint.access.model import Person, Role
from rallypoint.access.rules import ABSOLUTE, FAILURES_FADE, TOUCH
from rallypoint.access.store import PERSON
from rallypoint.db import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A session with what its owner may do right now."""

    person_id: int
    name: str
    roles: tuple[Role, ...]
    teams: tuple[int, ...]
    created_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    count: int
    last_at: datetime


async def start(tx: Transaction, token_hash: bytes, person_id: int, address: str, agent: str) -> None:
    await tx.execute(
        """
        insert into session (token_hash, person_id, created_at, last_seen_at, address, agent)
        values (:hash, :person_id, :now, :now, :address, :agent)""",
        hash=token_hash, person_id=person_id, address=address, agent=agent,
    )  # fmt: skip


async def seen(tx: Transaction, token_hash: bytes) -> Seen | None:
    """The session with this hash, if its owner is active."""
    return await tx.maybe(
        Seen,
        """
        select p.id as person_id, p.name, p.roles, s.created_at, s.last_seen_at,
               array(select team_id from team_member m where m.person_id = p.id) as teams
          from session s join person p on p.id = s.person_id
         where s.token_hash = :hash and p.active""",
        hash=token_hash,
    )


async def touch(tx: Transaction, token_hash: bytes) -> None:
    """Note that the session is alive, at most once in TOUCH."""
    await tx.execute(
        "update session set last_seen_at = :now where token_hash = :hash and last_seen_at <= :before",
        hash=token_hash, before=tx.now - TOUCH,
    )  # fmt: skip


async def end(tx: Transaction, token_hash: bytes) -> None:
    await tx.execute("delete from session where token_hash = :hash", hash=token_hash)


async def end_all(tx: Transaction, person_id: int) -> int:
    """Every session and unused login link of a person."""
    await tx.execute("delete from login_link where person_id = :id and used_at is null", id=person_id)
    return await tx.execute("delete from session where person_id = :id", id=person_id)


async def add_link(tx: Transaction, token_hash: bytes, person_id: int, expires_at: datetime) -> None:
    await tx.execute(
        """
        insert into login_link (token_hash, person_id, created_at, expires_at)
        values (:hash, :person_id, :now, :expires_at)""",
        hash=token_hash, person_id=person_id, expires_at=expires_at,
    )  # fmt: skip


async def peek_link(tx: Transaction, token_hash: bytes) -> Person | None:
    return await tx.maybe(
        Person,
        f"""
        select {PERSON} from login_link l join person p on p.id = l.person_id
         where l.token_hash = :hash and l.used_at is null and l.expires_at > :now and p.active""",
        hash=token_hash,
    )


async def use_link(tx: Transaction, token_hash: bytes) -> Person | None:
    """Mark the link used and tell whose it is: one statement, so that of two at once only one gets in."""
    return await tx.maybe(
        Person,
        f"""
        update login_link l set used_at = :now from person p
         where l.token_hash = :hash and l.used_at is null and l.expires_at > :now
           and p.id = l.person_id and p.active returning {PERSON}""",
        hash=token_hash,
    )


async def one_at_a_time(tx: Transaction, subject: str) -> None:
    """Tries of one account go one after the other, so that many at once count as many (lock until the end)."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended(:subject, 7255))", subject=subject)


async def failures(tx: Transaction, subject: str) -> Failures | None:
    """Failed tries of an account or a network address."""
    sql = "select count, last_at from sign_in_failure where subject = :subject"
    return await tx.maybe(Failures, sql, subject=subject)


async def count_failure(tx: Transaction, subject: str) -> None:
    """One more; a day without any starts the count again."""
    await tx.execute(
        """
        insert into sign_in_failure as f (subject, count, last_at) values (:subject, 1, :now)
            on conflict (subject) do update set last_at = :now,
               count = case when f.last_at < :faded then 1 else f.count + 1 end""",
        subject=subject, faded=tx.now - FAILURES_FADE,
    )  # fmt: skip


async def forget_failures(tx: Transaction, subject: str) -> None:
    await tx.execute("delete from sign_in_failure where subject = :subject", subject=subject)


async def first_end(tx: Transaction) -> datetime | None:
    """When the first of the rows below has had its time."""
    at: datetime | None = await tx.value(
        """
        select least((select min(created_at) from session) + :absolute::interval,
                     (select min(expires_at) from login_link) + :fade::interval,
                     (select min(last_at) from sign_in_failure) + :fade::interval)""",
        absolute=ABSOLUTE, fade=FAILURES_FADE,
    )  # fmt: skip
    return at


async def sweep(tx: Transaction) -> int:
    """Delete what has had its time: sessions past their absolute end, old links, faded failures."""
    return sum(
        [
            await tx.execute("delete from session where created_at < :before", before=tx.now - ABSOLUTE),
            await tx.execute("delete from login_link where expires_at < :before", before=tx.now - FAILURES_FADE),
            await tx.execute("delete from sign_in_failure where last_at < :before", before=tx.now - FAILURES_FADE),
        ]
    )
