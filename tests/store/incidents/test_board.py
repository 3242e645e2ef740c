"""The board in SQL against the pure rank, its filters, its pages, and its speed."""

import random

import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.clock import monotonic
from rallypoint.db import Database, Transaction
from rallypoint.errors import Invalid
from rallypoint.incidents import BoardFilter, Ranked, rank
from rallypoint.incidents.board import standing_of
from tests.store.incidents.people import Company
from tests.store.incidents.test_actions import act

# Rows for measuring and for comparing orders; every story elsewhere goes through the actions.
FILL = """
    insert into incident (kind, title, domain_id, domain_key, service_id, service_key, service_name, status,
           status_category, priority, priority_common, priority_reason, paging_urgency, logged_by, affected_people,
           created_at, warn_at, due_at, origin, description)
    select 'incident', 'Trouble ' || n || ' with ' || (array['checkout', 'mail', 'search', 'printer'])[1 + n % 4],
           d.id, d.key, s.id, s.key, s.name, 'any',
           case when n <= :open::integer then (array['triage', 'active', 'on_hold', 'restored', 'resolved'])[1 + n % 5]
                else 'closed' end,
           'P' || 1 + n * 7919 % 4, 1 + n * 7919 % 4, 'by test', 'high', 'test',
           case when n % 3 = 0 then null else n * 31 % 9 end,
           :now::timestamptz - make_interval(mins => n * 37 % 10000),
           case when n % 4 <> 0 then :now::timestamptz + make_interval(mins => n * 101 % 600 - 330) end,
           case when n % 4 <> 0 then :now::timestamptz + make_interval(mins => n * 101 % 600 - 300) end,
           'web', repeat('What is seen, who is hit, since when. ', 10)
      from generate_series(:first::integer, :last::integer) n, domain d, service s
     where d.key = 'production' and s.key = 'checkout'"""


CHUNK = 5000
COUNT = 20_000


async def fill(db: Database, count: int, *, opened: int) -> None:
    for first in range(1, count + 1, CHUNK):
        async with db.transaction(SYSTEM) as tx:
            await tx.execute(FILL, first=first, last=min(count, first + CHUNK - 1), open=opened)


async def every_page(tx: Transaction, limit: int, filter: BoardFilter) -> list[Ranked]:
    found, cursor = await incidents.board(tx, filter=filter, limit=limit)
    while cursor:
        more, cursor = await incidents.board(tx, filter=filter, limit=limit, cursor=cursor)
        found += more
    return found


@pytest.mark.parametrize("limit", [7, 50, 500])
async def test_sql_and_the_pure_rank_say_the_same(db: Database, them: Company, limit: int) -> None:
    await fill(db, 400, opened=300)
    async with db.transaction(SYSTEM) as tx:
        shown = await every_page(tx, limit, BoardFilter())
        oracle = rank.order([standing_of(one.incident) for one in shown], now=tx.now)
        assert [one.incident.number for one in shown] == [standing.number for standing in oracle]
        assert [one.rank for one in shown] == list(range(1, 301))
        for above, one in zip([None, *oracle], oracle, strict=False):
            reason = rank.reason(one, above, now=tx.now)
            assert shown[oracle.index(one)].rank_reason == reason
        for one in random.Random(1).sample(shown, 5):
            assert await incidents.rank_of(tx, one.incident.number) == (one.rank, one.rank_reason)


async def test_the_rank_under_a_filter_is_the_place_among_all(db: Database, them: Company) -> None:
    await fill(db, 200, opened=150)
    async with db.transaction(SYSTEM) as tx:
        everywhere = {one.incident.number: one for one in await every_page(tx, 100, BoardFilter())}
        for filter in (BoardFilter(priority="P2"), BoardFilter(status_category="on_hold"), BoardFilter(q="printer")):
            shown = await every_page(tx, 10, filter)
            assert shown
            assert len(shown) < 150
            for one in shown:
                same = everywhere[one.incident.number]
                assert (one.rank, one.rank_reason) == (same.rank, same.rank_reason)


async def test_filters(db: Database, them: Company, number: int) -> None:
    request = await act(db, them.desk, "open_incident", title="A second screen", kind="service request", service="mail")
    drill = await act(db, them.responder, "open_incident", title="Drill", service="checkout", drill=True)
    over = await act(db, them.responder, "open_incident", title="Duplicate of checkout", service="checkout")
    await act(db, them.responder, "cancel", over.number, reason="reported twice")

    async def shown(**words: object) -> set[int]:
        ranked, _ = await act(db, them.responder, "board", filter=BoardFilter(**words))
        return {one.incident.number for one in ranked}

    assert await shown() == {number, request.number}
    assert await shown(q="checkout slow") == {number}
    assert await shown(q=f"INC-{request.number}") == {request.number}
    assert await shown(q=str(request.number)) == {request.number}
    assert await shown(q='"; drop table incident; -- \\ %') == set()
    assert await shown(service="mail") == {request.number}
    assert await shown(domain="it-service") == {request.number}
    assert await shown(kind="service request") == {request.number}
    assert await shown(drills=True) == {drill.number}
    assert await shown(open_only=False) == {number, request.number, over.number}
    assert await shown(status_category="cancelled") == {over.number}
    assert await shown(mine=True) == set()
    with pytest.raises(Invalid):
        await shown(status_category="nonsense")
    for cursor in ("nonsense", "W10", "WzEsMiwzLDQsNSw2LDdd"):
        with pytest.raises(Invalid):
            await act(db, them.responder, "board", cursor=cursor)


async def test_what_is_over_has_no_rank(db: Database, them: Company, number: int) -> None:
    await act(db, them.responder, "cancel", number, reason="reported twice")
    ranked, _ = await act(db, them.responder, "board", filter=BoardFilter(open_only=False))
    assert [(one.rank, one.rank_reason) for one in ranked] == [(None, "")]
    assert await act(db, SYSTEM, "rank_of", number) is None


async def test_the_board_is_fast_however_much_lies_closed(db: Database, them: Company) -> None:
    """The limit leaves room for busy machines; `make bench` measures the aim, at a hundred thousand."""
    await fill(db, COUNT, opened=COUNT // 10)
    async with db.connection() as connection:
        await connection.execute("vacuum analyze incident")
    for filter in (BoardFilter(), BoardFilter(priority="P2"), BoardFilter(q="printer"), BoardFilter(open_only=False)):
        taken = []
        for _ in range(8):
            async with db.transaction(them.responder) as tx:
                begin = monotonic()
                ranked, cursor = await incidents.board(tx, filter=filter)
                taken.append(monotonic() - begin)
        assert len(ranked) == 50
        assert cursor
        assert sorted(taken)[len(taken) // 2] < 0.25, [round(seconds * 1000) for seconds in taken]
