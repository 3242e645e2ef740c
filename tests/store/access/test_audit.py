"""The audit chain on a real database: it cannot be changed by us, and a change by somebody else is found."""

import asyncio

import asyncpg
import pytest

from rallypoint import access
from rallypoint.actors import SYSTEM, Actor, ActorKind
from rallypoint.db import Database
from rallypoint.errors import Invalid

ADA = Actor(kind=ActorKind.PERSON, name="Ada \ud83d\0", origin="cli", person_id=None, roles=frozenset({"admin"}))


async def fill(db: Database, number: int) -> int:
    """So many more entries; returns how many there are."""
    async with db.transaction(SYSTEM) as tx:
        for at in range(number):
            await access.record(tx, "tested", f"thing:{at}", {"b": [1, 2.50, None], "a": "ü \ud800 \0", "n": 10**40})
        return (await access.verify_audit(tx)).count


async def tamper(db: Database, sql: str) -> access.AuditReport:
    """What verifying says after somebody with all rights changed the table."""
    async with db.transaction(SYSTEM) as tx:
        await tx.execute("alter table audit_entry disable trigger audit_append_only")
        assert await tx.execute(sql) > 0
        return await access.verify_audit(tx)


async def test_an_untouched_trail_is_whole(db: Database) -> None:
    count = await fill(db, 3)
    async with db.transaction(SYSTEM) as tx:
        report = await access.verify_audit(tx)
    assert (report.ok, report.broken_at) == (True, None)
    assert count >= 3
    assert len(report.head) == 64


@pytest.mark.parametrize(
    "column", ["at = at + interval '1 microsecond'", "actor_kind = 'system '", "actor_name = 'Eve'", "person_id = 7",
               "origin = 'web'", "action = 'nothing'", "subject = 'thing:9'", "detail = '{}'", "hash = '\\x00'",
               "previous_hash = '\\x00'"]
)  # fmt: skip
async def test_any_altered_column_is_found(db: Database, column: str) -> None:
    last = await fill(db, 3)
    report = await tamper(db, f"update audit_entry set {column} where number = {last - 1}")
    assert (report.ok, report.broken_at) == (False, last - 1)
    assert str(last - 1) in report.reason


async def test_missing_entries_are_found(db: Database) -> None:
    last = await fill(db, 4)
    report = await tamper(db, f"delete from audit_entry where number = {last - 1}")
    assert (report.ok, report.broken_at, report.reason) == (False, last - 1, f"entry {last - 1} is missing")


async def test_a_cut_off_end_is_found(db: Database) -> None:
    last = await fill(db, 4)
    report = await tamper(db, f"delete from audit_entry where number > {last - 2}")
    assert (report.ok, report.broken_at) == (False, last - 1)
    assert f"{last} were written" in report.reason


async def test_swapped_entries_are_found(db: Database) -> None:
    last = await fill(db, 3)
    async with db.transaction(SYSTEM) as tx:
        await tx.execute("alter table audit_entry disable trigger audit_append_only")
        for was, becomes in ((last, 0), (last - 1, last), (0, last - 1)):
            await tx.execute("update audit_entry set number = :n where number = :was", n=becomes, was=was)
        report = await access.verify_audit(tx)
    assert (report.ok, report.broken_at) == (False, last - 1)


@pytest.mark.parametrize(
    "sql", ["update audit_entry set action = 'x'", "delete from audit_entry", "truncate audit_entry"]
)
async def test_the_database_refuses_changes(db: Database, sql: str) -> None:
    await fill(db, 1)
    async with db.transaction(SYSTEM) as tx:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            async with tx.savepoint():
                await tx.execute(sql)


async def test_writers_at_once_make_one_chain(db: Database) -> None:
    before = await fill(db, 1)

    async def write(name: str) -> None:
        async with db.transaction(SYSTEM) as tx:
            await access.record(tx, "tested", name, {})
            await access.record(tx, "tested", name, {})

    await asyncio.gather(*(write(f"w{number}") for number in range(6)))
    async with db.transaction(SYSTEM) as tx:
        report = await access.verify_audit(tx)
        assert (report.ok, report.count) == (True, before + 12)
        entries, _ = await access.audit_entries(tx, limit=12)
    assert [one.subject for one in entries[::2]] == [one.subject for one in entries[1::2]]


async def test_what_a_rolled_back_change_recorded_is_gone_without_a_gap(db: Database) -> None:
    before = await fill(db, 1)

    async def fails() -> None:
        async with db.transaction(SYSTEM) as tx:
            await access.record(tx, "tested", "x", {})
            raise RuntimeError("undone")

    with pytest.raises(RuntimeError):
        await fails()
    assert await fill(db, 1) == before + 1


async def test_a_strange_name_is_kept_readable(db: Database) -> None:
    async with db.transaction(ADA) as tx:
        await access.record(tx, "tested\0", "x\ud800", {"who": "Ada\0"})
        assert (await access.verify_audit(tx)).ok
        entries, _ = await access.audit_entries(tx, limit=1)
    assert (entries[0].actor_name, entries[0].action) == ("Ada \ufffd\ufffd", "tested\ufffd")


async def test_pages_and_subjects(db: Database) -> None:
    await fill(db, 5)
    async with db.transaction(SYSTEM) as tx:
        seen, cursor = [], None
        while True:
            page, cursor = await access.audit_entries(tx, cursor, 2)
            seen += [entry.number for entry in page]
            if cursor is None:
                break
        assert seen == list(range(seen[0], 0, -1))
        found, _ = await access.audit_entries(tx, subject="thing:3")
        assert [entry.subject for entry in found] == ["thing:3"]
        with pytest.raises(Invalid):
            await access.audit_entries(tx, "nonsense")


async def test_managing_people_leaves_entries_without_secrets(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        bea = await access.create_person(tx, name="Bea", email="b@example.com", roles=["admin"], password="very secret")
        await access.set_password(tx, bea.id, "very secret too")
        await access.update_person(tx, bea.id, phone="1")
        key = await access.create_key(tx, name="ci", roles=["viewer"])
        link = await access.make_login_link(tx, bea.id)
        entries, _ = await access.audit_entries(tx, limit=100)
    actions = [e.action for e in entries]
    assert actions[:5] == ["login link made", "key created", "person changed", "password set", "person created"]
    everything = " ".join(e.detail for e in entries)
    assert not any(secret in everything for secret in ("very secret", key.token, link))
    assert '"phone":["","1"]' in everything
