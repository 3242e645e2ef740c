"""Services, what they need, and the seeded domains, on a real database."""

from itertools import pairwise

import pytest

from rallypoint import access, catalog
from rallypoint.actors import SYSTEM, Actor, ActorKind
from rallypoint.catalog import Impact, StatusCategory, Urgency
from rallypoint.db import Database, Transaction
from rallypoint.errors import Invalid, NotFound, Refused


async def chain(tx: Transaction, *keys: str) -> None:
    """Services in a row, each needing the next."""
    for key in keys:
        await catalog.create_service(tx, key=key, name=key.title(), domain="production")
    for one, next_one in pairwise(keys):
        await catalog.add_dependency(tx, one, next_one)


async def test_a_service_with_its_team_and_runbooks(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        team = await access.create_team(tx, key="commerce", name="Commerce")
        checkout = await catalog.create_service(
            tx, key="checkout", name="Checkout", domain="production", team="commerce", tier=1, public=True
        )
        assert await catalog.service(tx, "checkout") == await catalog.service_by_id(tx, checkout.id) == checkout
        assert checkout.team_id == team.id
        general = await catalog.add_runbook(tx, "checkout", "Start here", "https://wiki.example.com/checkout")
        special = await catalog.add_runbook(tx, "checkout", "Slow", "https://wiki.example.com/slow", "data-database")
        again = await catalog.add_runbook(tx, "checkout", "Read me first", "https://wiki.example.com/checkout")
        assert again.id == general.id
        database = await catalog.category_by_key(tx, checkout.domain_id, "data-database")
        other = await catalog.category_by_key(tx, checkout.domain_id, "change")
        assert [r.id for r in await catalog.runbooks(tx, checkout.id, database.id)] == [special.id, general.id]
        assert [r.id for r in await catalog.runbooks(tx, checkout.id, other.id)] == [general.id]
        retired = await catalog.update_service(
            tx, "checkout", retired=True, team=None, layer="data", domain="it-service"
        )
        assert (retired.retired, retired.team_id, retired.layer) == (True, None, "data")


async def test_wrong_input_is_named_by_field(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        with pytest.raises(Invalid) as wrong:
            await catalog.create_service(
                tx, key="No Key", name="", domain="mars", team="none", tier=9, hosting="garage", layer="cake"
            )
        fields = {p.field for p in wrong.value.problems}
        assert fields == {"key", "name", "domain", "team", "tier", "hosting", "layer"}
        await catalog.create_service(tx, key="checkout", name="Checkout", domain="production")
        with pytest.raises(Invalid, match="taken"):
            await catalog.create_service(tx, key="checkout", name="Checkout", domain="production")
        with pytest.raises(Invalid, match="http"):
            await catalog.add_runbook(tx, "checkout", "Evil", "javascript:alert(1)")
        with pytest.raises(Invalid, match="not a category"):
            await catalog.add_runbook(tx, "checkout", "X", "https://x.example.com", "hardware-server")
        with pytest.raises(Invalid, match="cannot be changed"):
            await catalog.update_service(tx, "checkout", id=3)
        with pytest.raises(NotFound):
            await catalog.service(tx, "nothing")


async def test_a_circle_of_needs_is_refused(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        await chain(tx, "a", "b", "c", "d")
        for one, other in (("d", "a"), ("b", "a"), ("c", "c")):
            with pytest.raises(Refused) as no:
                await catalog.add_dependency(tx, one, other)
            assert no.value.guard == "no-cycles"
        await catalog.add_dependency(tx, "a", "d")
        await catalog.add_dependency(tx, "a", "d")
        a, d = await catalog.service(tx, "a"), await catalog.service(tx, "d")
        assert [s.key for s in await catalog.needs(tx, a.id)] == ["b", "d"]
        assert [s.key for s in await catalog.needed_by(tx, d.id)] == ["a", "c"]
        await catalog.remove_dependency(tx, "a", "d")
        assert len(await catalog.dependencies(tx)) == 3


async def test_the_seeded_domains_are_whole(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        await catalog.seed(tx)
        domains = {d.key: d for d in await catalog.domains(tx)}
        assert {k: (d.workflow, d.closure_policy) for k, d in domains.items()} == {
            "it-service": ("itsm", "service_desk"),
            "production": ("sre", "owner_after_confirmation"),
        }
        for domain in domains.values():
            model = await catalog.priority_model(tx, domain.id)
            assert set(model.matrix) == {(i, u) for i in Impact for u in Urgency}
            assert [level.key for level in model.levels] == ["P1", "P2", "P3", "P4"]
            assert {s.category for s in await catalog.statuses(tx, domain.id)} == set(StatusCategory)
            tree = await catalog.categories(tx, domain.id)
            assert {c.parent_id for c in tree} - {None} <= {c.id for c in tree}
        response = [
            (await catalog.priority_model(tx, domains[key].id)).level("P1").response_minutes
            for key in ("it-service", "production")
        ]
        assert response == [15, 5]


async def test_seeding_again_leaves_changes_alone(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        domain = await catalog.domain(tx, "production")
        await catalog.save_status(tx, domain, key="detected", name="Spotted", category="triage", position=0)
        await catalog.seed(tx)
        assert (await catalog.statuses(tx, domain.id))[0].name == "Spotted"


async def test_what_a_domain_cannot_be(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        domain = await catalog.domain(tx, "production")
        with pytest.raises(Invalid) as wrong:
            await catalog.save_matrix(tx, domain, {(Impact.MINOR, Urgency.LOW): "P9"})
        assert len(wrong.value.problems) == 16
        with pytest.raises(Invalid, match="below the category itself"):
            await catalog.save_category(tx, domain, key="data", name="Data", type_class="data", parent="data-database")
        with pytest.raises(Invalid, match="before anything happens"):
            await catalog.save_level(
                tx, domain, key="P5", name="Planning", rank=5, definition=" ", response_minutes=1,
                resolution_minutes=1, update_minutes=1, urgency="low", common=5,
            )  # fmt: skip


async def test_who_may_edit(db: Database) -> None:
    bob = Actor(kind=ActorKind.PERSON, name="Bob", origin="web", person_id=1, roles=frozenset({"responder"}))
    manager = Actor(kind=ActorKind.PERSON, name="Mia", origin="web", person_id=2, roles=frozenset({"manager"}))
    async with db.transaction(bob) as tx:
        with pytest.raises(Refused, match="Who may: admin, manager"):
            await catalog.create_service(tx, key="x", name="X", domain="production")
    async with db.transaction(manager) as tx:
        await catalog.create_service(tx, key="x", name="X", domain="production")
        with pytest.raises(Refused):
            await catalog.save_matrix(tx, await catalog.domain(tx, "production"), {})
