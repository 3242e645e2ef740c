"""Related incidents: the statement that reads little against the plain definition, on incidents of every kind."""

from datetime import timedelta

from rallypoint import catalog, incidents
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.incidents import BoardFilter, Incident
from tests.store.incidents.people import Company
from tests.store.incidents.test_board import fill

COUNT, OPEN = 400, 6
SCATTER = """
    update incident i set
           service_id = (select id from service where key = (array['checkout', 'mail', null])[1 + number * 13 % 3]),
           category_id = (select id from category c where c.domain_id = i.domain_id
                           order by id offset number % 4 limit 1),
           grouping_key = case when number % 3 = 0 then 'key ' || number % 7 end,
           created_at = :now::timestamptz - make_interval(hours => (400 - number)::integer * 7)"""


async def test_they_are_those_that_the_definition_names(db: Database, them: Company) -> None:
    await fill(db, COUNT, opened=OPEN)
    async with db.transaction(SYSTEM) as tx:
        assert await tx.execute(SCATTER) == COUNT
        found, _ = await incidents.board(tx, filter=BoardFilter(open_only=False), limit=500)
        everyone = [ranked.incident for ranked in found]
        assert len({one.service_id for one in everyone}) == 3
        for this in everyone[::7]:
            services = [this.service_id] if this.service_id else []
            if this.service_id:
                services += [service.id for service in await catalog.needs(tx, this.service_id)]
            alike = [
                one
                for one in everyone
                if one.number != this.number
                and one.created_at >= tx.now - timedelta(days=90)
                and _alike(this, one, services)
            ]
            alike.sort(key=lambda one: (_over(one), not _same_key(this, one), -one.number))
            assert [one.number for one in await incidents.related(tx, this.number)] == [
                one.number for one in alike[:10]
            ], this.number


def _alike(this: Incident, other: Incident, services: list[int]) -> bool:
    same_kind = this.category_id is not None and (this.category_id, this.service_id) == (
        other.category_id,
        other.service_id,
    )
    return _same_key(this, other) or other.service_id in services or same_kind


def _same_key(this: Incident, other: Incident) -> bool:
    return this.grouping_key is not None and this.grouping_key == other.grouping_key


def _over(one: Incident) -> bool:
    return one.status_category in ("closed", "cancelled", "merged")
