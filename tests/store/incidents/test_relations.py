"""How incidents hang together, on a real database: two names for one edge, no circles, told at both ends."""

import asyncio
from typing import Any

import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.errors import Invalid, NotFound, Refused
from rallypoint.incidents import Tie, tie_of
from tests.store.incidents.people import Company


@pytest.fixture
async def three(db: Database, them: Company) -> tuple[int, int, int]:
    async with db.transaction(them.responder) as tx:
        made = [(await incidents.open_incident(tx, title=f"Trouble {n}", service="mail")).number for n in "ABC"]
    return (made[0], made[1], made[2])


async def relate(db: Database, actor: Any, number: int, tie: str, to: int) -> None:
    await db.run(actor, lambda tx: incidents.relate(tx, number, to=to, tie=tie))


async def seen(db: Database, number: int) -> list[tuple[Tie, int]]:
    async with db.transaction(SYSTEM) as tx:
        return [(tie_of(one), one.number) for one in await incidents.relations(tx, number)]


async def said(db: Database, number: int) -> str:
    async with db.transaction(SYSTEM) as tx:
        entries, _ = await incidents.timeline(tx, number)
    return max(entries, key=lambda entry: entry.position).text


@pytest.mark.parametrize(
    ("tie", "back", "line", "line_back"),
    [
        ("parent", "child", "Child of", "Parent of"), ("child", "parent", "Parent of", "Child of"),
        ("related", "related", "Related to", "Related to"), ("blocks", "blocked by", "Blocks", "Blocked by"),
        ("duplicate of", "duplicated by", "Duplicate of", "Duplicated by"),
    ],
)  # fmt: skip
async def test_one_edge_has_two_names(
    db: Database, them: Company, three: tuple[int, int, int], tie: str, back: str, line: str, line_back: str
) -> None:
    a, b, _ = three
    await relate(db, them.responder, b, tie, a)
    assert (await seen(db, b), await seen(db, a)) == ([(Tie(tie), a)], [(Tie(back), b)])
    assert (await said(db, b), await said(db, a)) == (f"{line} INC-{a} Trouble A", f"{line_back} INC-{b} Trouble B")
    await relate(db, them.responder, a, back, b)
    assert await seen(db, b) == [(Tie(tie), a)], "said from the other end, it is the same"
    async with db.transaction(them.responder) as tx:
        [one] = await incidents.relations(tx, a)
        assert await incidents.unrelate(tx, a, one.id) == []
    assert await seen(db, b) == []
    assert (await said(db, b)).startswith("No longer ")


async def test_no_circles_one_parent_and_not_oneself(db: Database, them: Company, three: tuple[int, int, int]) -> None:
    a, b, c = three
    await relate(db, them.responder, b, "parent", a)
    await relate(db, them.responder, c, "parent", b)
    with pytest.raises(Refused, match="circle"):
        await relate(db, them.responder, a, "parent", c)
    with pytest.raises(Refused, match=f"INC-{b} has the parent INC-{a}"):
        await relate(db, them.responder, b, "parent", c)
    with pytest.raises(Invalid):
        await relate(db, them.responder, a, "related", a)
    with pytest.raises(Invalid):
        await relate(db, them.responder, a, "cousin", b)
    with pytest.raises(NotFound):
        await relate(db, them.responder, a, "related", 999)
    with pytest.raises(Refused):
        await relate(db, them.viewer, a, "related", c)
    await relate(db, them.responder, a, "blocks", c)
    assert await seen(db, c) == [(Tie.BLOCKED_BY, a), (Tie.PARENT, b)], "kinds do not mind each other"


async def test_three_at_once_close_no_circle(db: Database, them: Company, three: tuple[int, int, int]) -> None:
    a, b, c = three
    ways = [relate(db, them.responder, x, "blocks", y) for x, y in ((a, b), (b, c), (c, a))]
    ended = await asyncio.gather(*ways, return_exceptions=True)
    assert sum(isinstance(one, Refused) for one in ended) == 1
    assert sum(one is None for one in ended) == 2
