"""SQL of what hangs on an incident: roles and hand-overs, tasks, hypotheses, links."""

from dataclasses import fields
from datetime import datetime

from rallypoint.db import Transaction
from rallypoint.incidents.model import HandOver, Hypothesis, Link, Outcome, RoleHolding, Task

ROLE = ", ".join(field.name for field in fields(RoleHolding))
HAND_OVER = ", ".join(field.name for field in fields(HandOver))
TASK = ", ".join(field.name for field in fields(Task))
HYPOTHESIS = ", ".join(field.name for field in fields(Hypothesis))
LINK = ", ".join(field.name for field in fields(Link))


async def roles(tx: Transaction, number: int) -> list[RoleHolding]:
    sql = f"select {ROLE} from incident_role where incident = :number order by id"
    return await tx.fetch(RoleHolding, sql, number=number)


async def begin_role(
    tx: Transaction, number: int, *, role: str, person_id: int, person_name: str, brief: str = ""
) -> int:
    """From now on this person holds the role; 0 where they hold it already (index incident_role_once)."""
    return await tx.execute(
        """
        insert into incident_role (incident, role, person_id, person_name, since, brief)
        values (:number, :role, :person_id, :person_name, :now, :brief)
            on conflict (incident, role, person_id) where until is null do nothing""",
        number=number, role=role, person_id=person_id, person_name=person_name, brief=brief,
    )  # fmt: skip


async def end_role(tx: Transaction, number: int, role: str, *, person_id: int | None = None) -> list[str]:
    """From now on nobody, or not this person, holds the role; returns who did."""
    rows = await tx.rows(
        """
        update incident_role set until = :now
         where incident = :number and role = :role and until is null
           and (:person_id::bigint is null or person_id = :person_id) returning person_name""",
        number=number, role=role, person_id=person_id,
    )  # fmt: skip
    return [row["person_name"] for row in rows]


async def offered(tx: Transaction, number: int) -> HandOver | None:
    """Command that waits for acceptance."""
    return await tx.maybe(
        HandOver,
        f"""select {HAND_OVER} from incident_hand_over
             where incident = :number and accepted_at is null and withdrawn_at is null""",
        number=number,
    )


async def offer(
    tx: Transaction, number: int, *, from_id: int | None, from_name: str, to_id: int, to_name: str, brief: str
) -> HandOver:
    """A new offer. One that was open is withdrawn by it."""
    await withdraw(tx, number)
    return await tx.one(
        HandOver,
        f"""
        insert into incident_hand_over (incident, from_id, from_name, to_id, to_name, brief, offered_at)
        values (:number, :from_id, :from_name, :to_id, :to_name, :brief, :now) returning {HAND_OVER}""",
        number=number, from_id=from_id, from_name=from_name, to_id=to_id, to_name=to_name, brief=brief,
        missing=("incident", number),
    )  # fmt: skip


async def withdraw(tx: Transaction, number: int) -> int:
    return await tx.execute(
        """
        update incident_hand_over set withdrawn_at = :now
         where incident = :number and accepted_at is null and withdrawn_at is null""",
        number=number,
    )


async def accept(tx: Transaction, id: int) -> None:
    await tx.execute("update incident_hand_over set accepted_at = :now where id = :id", id=id)


async def add_task(
    tx: Transaction, number: int, *, title: str, owner_id: int | None, owner_name: str, due_at: datetime | None
) -> Task:
    return await tx.one(
        Task,
        f"""
        insert into incident_task (incident, title, owner_id, owner_name, due_at, created_at, created_by)
        values (:number, :title, :owner_id, :owner_name, :due_at, :now, :by) returning {TASK}""",
        number=number, title=title, owner_id=owner_id, owner_name=owner_name, due_at=due_at, by=tx.actor.name,
        missing=("incident", number),
    )  # fmt: skip


async def task(tx: Transaction, id: int) -> Task:
    sql = f"select {TASK} from incident_task where id = :id"
    return await tx.one(Task, sql, id=id, missing=("task", id))


async def finish_task(tx: Transaction, id: int) -> int:
    """Done now, by the one who acts; 0 where it was done already."""
    sql = "update incident_task set done_at = :now, done_by = :by where id = :id and done_at is null"
    return await tx.execute(sql, id=id, by=tx.actor.name)


async def tasks(tx: Transaction, number: int) -> list[Task]:
    """Open tasks first, those with the earliest due date at the top."""
    return await tx.fetch(
        Task,
        f"""select {TASK} from incident_task where incident = :number
             order by (done_at is not null), due_at nulls last, id""",
        number=number,
    )


async def add_hypothesis(tx: Transaction, number: int, text: str) -> Hypothesis:
    return await tx.one(
        Hypothesis,
        f"""
        insert into incident_hypothesis (incident, text, outcome, proposed_at, proposed_by)
        values (:number, :text, :outcome, :now, :by) returning {HYPOTHESIS}""",
        number=number, text=text, outcome=Outcome.OPEN, by=tx.actor.name, missing=("incident", number),
    )  # fmt: skip


async def hypothesis(tx: Transaction, id: int) -> Hypothesis:
    sql = f"select {HYPOTHESIS} from incident_hypothesis where id = :id"
    return await tx.one(Hypothesis, sql, id=id, missing=("hypothesis", id))


async def settle(tx: Transaction, id: int, *, outcome: Outcome, text: str) -> Hypothesis:
    return await tx.one(
        Hypothesis,
        f"""
        update incident_hypothesis set outcome = :outcome, outcome_text = :text, settled_at = :now, settled_by = :by
         where id = :id returning {HYPOTHESIS}""",
        id=id, outcome=outcome, text=text, by=tx.actor.name, missing=("hypothesis", id),
    )  # fmt: skip


async def hypotheses(tx: Transaction, number: int) -> list[Hypothesis]:
    sql = f"select {HYPOTHESIS} from incident_hypothesis where incident = :number order by id"
    return await tx.fetch(Hypothesis, sql, number=number)


async def add_link(tx: Transaction, number: int, *, kind: str, title: str, url: str) -> Link:
    """A link; one with the same address is there only once, and takes the new title."""
    return await tx.one(
        Link,
        f"""
        insert into incident_link (incident, kind, title, url, created_at)
        values (:number, :kind, :title, :url, :now)
            on conflict (incident, url) do update set title = excluded.title, kind = excluded.kind returning {LINK}""",
        number=number, kind=kind, title=title, url=url, missing=("incident", number),
    )  # fmt: skip


async def links(tx: Transaction, number: int) -> list[Link]:
    sql = f"select {LINK} from incident_link where incident = :number order by id"
    return await tx.fetch(Link, sql, number=number)
