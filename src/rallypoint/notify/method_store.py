"""SQL for contact methods and personal rules."""

from datetime import datetime

from rallypoint.db import Transaction
from rallypoint.notify.model import ContactMethod, ContactRule

COLUMNS = "id, person_id, kind, label, address, verified_at, disabled_at"


async def add(
    tx: Transaction,
    *,
    person_id: int,
    kind: str,
    address: str,
    label: str,
    sealed_secret: bytes | None,
    verified_at: datetime | None,
) -> ContactMethod | None:
    """A new method; None where the person has the same one already (index contact_method_once)."""
    return await tx.maybe(
        ContactMethod,
        f"""
        insert into contact_method (person_id, kind, address, label, sealed_secret, verified_at, created_at)
        values (:person_id, :kind, :address, :label, :sealed_secret, :verified_at, :now)
            on conflict (person_id, kind, lower(address)) where disabled_at is null do nothing
     returning {COLUMNS}""",
        person_id=person_id, kind=kind, address=address, label=label, sealed_secret=sealed_secret,
        verified_at=verified_at,
    )  # fmt: skip


async def of_person(tx: Transaction, person_id: int) -> list[ContactMethod]:
    """Methods that are not switched off, oldest first."""
    return await tx.fetch(
        ContactMethod,
        f"select {COLUMNS} from contact_method where person_id = :person_id and disabled_at is null order by id",
        person_id=person_id,
    )


async def method(tx: Transaction, method_id: int) -> ContactMethod:
    return await tx.one(
        ContactMethod,
        f"select {COLUMNS} from contact_method where id = :id",
        missing=("contact method", method_id),
        id=method_id,
    )


async def disable(tx: Transaction, method_id: int) -> None:
    """Switched off, not deleted: deliveries made by it keep saying how they went."""
    await tx.execute("delete from contact_rule where contact_method_id = :id", id=method_id)
    await tx.execute(
        "update contact_method set disabled_at = :now, sealed_secret = null where id = :id and disabled_at is null",
        id=method_id,
    )


async def set_code(tx: Transaction, method_id: int, code_hash: bytes, until: datetime) -> None:
    await tx.execute(
        "update contact_method set code_hash = :code_hash, code_until = :until where id = :id",
        id=method_id, code_hash=code_hash, until=until,
    )  # fmt: skip


async def verify(tx: Transaction, method_id: int, code_hash: bytes | None) -> bool:
    """Mark a method as verified, if this is the code that was sent (None: an administrator vouches for it).

    One wrong code voids the one that was sent, so a code cannot be guessed by trying.
    """
    done = await tx.execute(
        """
        update contact_method set verified_at = coalesce(verified_at, :now), code_hash = null, code_until = null
         where id = :id and disabled_at is null
           and (:code_hash::bytea is null or (code_hash = :code_hash and code_until > :now))""",
        id=method_id, code_hash=code_hash,
    )  # fmt: skip
    return done == 1


async def forget_code(tx: Transaction, method_id: int) -> None:
    await tx.execute("update contact_method set code_hash = null, code_until = null where id = :id", id=method_id)


async def rules_of(tx: Transaction, person_id: int) -> list[ContactRule]:
    return await tx.fetch(
        ContactRule,
        """
        select person_id, urgency, position, after_minutes, contact_method_id from contact_rule
         where person_id = :person_id order by urgency, after_minutes, position""",
        person_id=person_id,
    )


async def replace_rules(tx: Transaction, person_id: int, urgency: str, steps: list[tuple[int, int]]) -> None:
    await tx.execute(
        "delete from contact_rule where person_id = :person_id and urgency = :urgency",
        person_id=person_id, urgency=urgency,
    )  # fmt: skip
    await tx.execute(
        """
        insert into contact_rule (person_id, urgency, position, after_minutes, contact_method_id)
        select :person_id, :urgency, step.position, step.minutes, step.method
          from unnest(:minutes::int[], :methods::bigint[]) with ordinality as step(minutes, method, position)""",
        person_id=person_id, urgency=urgency,
        minutes=[minutes for minutes, _ in steps], methods=[method for _, method in steps],
    )  # fmt: skip
