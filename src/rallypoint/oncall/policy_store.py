"""SQL for escalation policies, which service has which, and the fallback contact."""

from collections.abc import Sequence

import msgspec

from rallypoint.db import Transaction
from rallypoint.oncall.model import EscalationPolicy, Fallback, PolicyStep

POLICY = "select p.id, p.key, p.name, p.team_id, p.repeat, p.last_wait_minutes, p.steps from escalation_policy p"


async def add(
    tx: Transaction,
    *,
    key: str,
    name: str,
    team_id: int | None,
    repeat: int,
    last_wait_minutes: int,
    steps: Sequence[PolicyStep],
) -> bool:
    """False where the key is taken."""
    done = await tx.execute(
        """
        insert into escalation_policy (key, name, team_id, repeat, last_wait_minutes, steps, created_at)
        values (:key, :name, :team_id, :repeat, :last_wait_minutes, :steps, :now) on conflict (key) do nothing""",
        key=key, name=name, team_id=team_id, repeat=repeat, last_wait_minutes=last_wait_minutes,
        steps=msgspec.to_builtins(steps),
    )  # fmt: skip
    return done == 1


async def change(
    tx: Transaction, key: str, *, name: str, repeat: int, last_wait_minutes: int, steps: Sequence[PolicyStep]
) -> None:
    """Runs under way keep the copy they were stamped with."""
    await tx.execute(
        """
        update escalation_policy set name = :name, repeat = :repeat, last_wait_minutes = :last_wait_minutes,
               steps = :steps where key = :key""",
        key=key, name=name, repeat=repeat, last_wait_minutes=last_wait_minutes, steps=msgspec.to_builtins(steps),
    )  # fmt: skip


async def policies(tx: Transaction) -> list[EscalationPolicy]:
    return await tx.fetch(EscalationPolicy, f"{POLICY} order by p.name, p.id")


async def policy(tx: Transaction, key: str) -> EscalationPolicy:
    return await tx.one(EscalationPolicy, f"{POLICY} where p.key = :key", missing=("escalation policy", key), key=key)


async def policy_of(tx: Transaction, service_id: int) -> EscalationPolicy | None:
    return await tx.maybe(
        EscalationPolicy,
        f"{POLICY} join service_policy s on s.policy_id = p.id where s.service_id = :service_id",
        service_id=service_id,
    )


async def assign(tx: Transaction, service_id: int, policy_id: int) -> None:
    await tx.execute(
        """
        insert into service_policy (service_id, policy_id) values (:service_id, :policy_id)
            on conflict (service_id) do update set policy_id = excluded.policy_id""",
        service_id=service_id, policy_id=policy_id,
    )  # fmt: skip


async def assignments(tx: Transaction) -> dict[int, str]:
    """Service id -> key of its policy."""
    rows = await tx.rows(
        "select s.service_id, p.key from service_policy s join escalation_policy p on p.id = s.policy_id"
    )
    return {row["service_id"]: row["key"] for row in rows}


async def set_fallback(tx: Transaction, person_id: int | None, address: str) -> None:
    await tx.execute(
        """
        insert into paging_fallback (only_one, person_id, address, set_by, set_at)
        values (true, :person_id, :address, :set_by, :now)
            on conflict (only_one) do update
           set person_id = excluded.person_id, address = excluded.address, set_by = excluded.set_by,
               set_at = excluded.set_at""",
        person_id=person_id, address=address, set_by=tx.actor.name,
    )  # fmt: skip


async def fallback(tx: Transaction) -> Fallback | None:
    return await tx.maybe(Fallback, "select person_id, address from paging_fallback")
