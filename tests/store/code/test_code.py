"""The set-up as code on a real database: plan, apply, export, and back again."""

from pathlib import Path
from typing import Any

import pytest

from rallypoint import access, alerts, catalog, oncall, statuspage
from rallypoint.actors import SYSTEM, Actor, ActorKind
from rallypoint.db import Database
from rallypoint.edges import code
from rallypoint.edges.code import Change
from rallypoint.errors import Invalid, Refused

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.toml"))
TWO_TEAMS = next(path for path in EXAMPLES if path.stem == "two-teams")


def told(change: Change) -> tuple[str, str, str]:
    return change.kind, change.name, "; ".join(change.fields) or change.what


async def do(db: Database, document: dict[str, Any], prune: bool = False) -> list[Change]:
    async with db.transaction(SYSTEM) as tx:
        return await code.apply(tx, document, prune=prune)


async def plan(db: Database, document: dict[str, Any], prune: bool = False) -> list[tuple[str, str, str]]:
    async with db.transaction(SYSTEM) as tx:
        return [told(change) for change in await code.plan(tx, document, prune)]


async def export(db: Database) -> dict[str, Any]:
    async with db.transaction(SYSTEM) as tx:
        return await code.export_document(tx)


async def problems(db: Database, document: dict[str, Any]) -> dict[str, str]:
    before = await export(db)
    with pytest.raises(Invalid) as wrong:
        await do(db, document)
    assert await export(db) == before
    return {p.field: p.reason for p in wrong.value.problems}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_examples_apply_and_then_need_nothing(db: Database, path: Path) -> None:
    document = code.read(path)
    wanted = await plan(db, document)
    assert wanted
    done = await do(db, document)
    assert [told(change) for change in done] == wanted
    assert await plan(db, document) == []
    assert await plan(db, await export(db), prune=True) == []


async def test_a_plan_changes_nothing(db: Database) -> None:
    before = await export(db)
    async with db.transaction(SYSTEM) as tx:
        entries = (await access.verify_audit(tx)).count
        found = await code.plan(tx, code.read(TWO_TEAMS))
        assert all(change.key == "" for change in found)
        assert (await access.verify_audit(tx)).count == entries
    assert await export(db) == before


async def test_what_was_applied_works(db: Database) -> None:
    await do(db, code.read(TWO_TEAMS))
    async with db.transaction(SYSTEM) as tx:
        checkout = await catalog.service(tx, "checkout")
        assert [s.key for s in await catalog.needs(tx, checkout.id)] == ["payments", "postgres-eu"]
        policy = await oncall.policy_of(tx, checkout.id)
        assert policy is not None
        assert (policy.key, policy.repeat, len(policy.steps)) == ("commerce", 2, 2)
        board = {one.schedule.key: one.person_name for one in await oncall.now(tx)}
        assert set(board) == {"commerce", "platform"}
        assert all(board.values())
        ada = await access.person_by_email(tx, "ada@example.com")
        assert ada is not None
        team = await access.team(tx, "commerce")
        assert team.manager_id == ada.id
        assert [m.lead for m in await access.memberships(tx) if m.person_id == ada.id] == [True]
        assert {c.key for c in await statuspage.components(tx)} == {"checkout", "payments"}
        last = await oncall.fallback(tx)
        assert last is not None
        assert last.person_id is not None


async def test_a_document_moves_to_another_installation_by_toml_and_by_json(db: Database) -> None:
    await do(db, code.read(TWO_TEAMS))
    exported = await export(db)
    for kind in ("toml", "json"):
        again = code.read_text(code.write(exported, kind), kind=kind)
        assert await plan(db, again) == []
        assert await plan(db, again, prune=True) == []


async def test_the_key_of_a_new_integration_is_told_once(db: Database) -> None:
    document = {"integrations": [{"name": "Prometheus", "kind": "prometheus"}]}
    [change] = await do(db, document)
    async with db.transaction(SYSTEM) as tx:
        found = await alerts.integration_by_key(tx, change.key)
        assert found is not None
        assert found.name == "Prometheus"
    assert await do(db, document) == []
    assert change.key not in code.write(await export(db))


async def test_no_secret_is_exported(db: Database) -> None:
    await do(db, code.read(TWO_TEAMS))
    async with db.transaction(SYSTEM) as tx:
        bea = await access.person_by_email(tx, "bea@example.com")
        assert bea is not None
        await access.set_password(tx, bea.id, "very secret words")
        key = await access.create_key(tx, name="ci", roles=["viewer"])
        stored = await tx.value("select password_hash from person where id = :id", id=bea.id)
    text = code.write(await export(db))
    assert not any(secret in text for secret in ("very secret", key.token, stored, "argon2"))


async def test_left_out_fields_stay_and_given_ones_change(db: Database) -> None:
    await do(db, code.read(TWO_TEAMS))
    small = {"services": [{"key": "checkout", "tier": 2, "needs": ["laptops"]}], "teams": [{"key": "platform"}]}
    assert await plan(db, small) == [("service", "checkout", "tier: '1' -> '2'; needs: + laptops")]
    await do(db, small)
    async with db.transaction(SYSTEM) as tx:
        checkout = await catalog.service(tx, "checkout")
        assert (checkout.tier, checkout.name, checkout.public) == (2, "Checkout", True)
        assert len(await catalog.needs(tx, checkout.id)) == 3


async def test_pruning_takes_away_what_the_sections_leave_out(db: Database) -> None:
    document = code.read(TWO_TEAMS)
    await do(db, document)
    document["people"] = [one for one in document["people"] if one["name"] != "Dana Dorn"]
    document["services"] = [one for one in document["services"] if one["key"] != "laptops"]
    document["services"][0] |= {"needs": ["payments"], "runbooks": document["services"][0]["runbooks"][:1]}
    document["integrations"] = []
    document["components"] = [{"key": "checkout"}]
    del document["fallback"], document["domains" if "domains" in document else "status_page"]
    assert await plan(db, document) == []
    wanted = [
        ("person", "dana@example.com", "disable"),
        ("service", "checkout", "needs: - postgres-eu; runbooks: - Roll back a release"),
        ("service", "laptops", "retire"),
        ("integration", "Alertmanager Berlin", "disable"),
        ("component", "payments", "hide"),
    ]
    assert await plan(db, document, prune=True) == wanted
    await do(db, document, prune=True)
    assert await plan(db, document, prune=True) == []
    async with db.transaction(SYSTEM) as tx:
        assert (await catalog.service(tx, "laptops")).retired
        assert {d.key for d in await catalog.domains(tx)} == {"it-service", "production"}


async def test_hidden_components_come_back(db: Database) -> None:
    await do(db, code.read(TWO_TEAMS))
    await do(db, {"components": [{"key": "checkout"}]}, prune=True)
    await do(db, {"components": [{"key": "payments", "name": "Paying", "position": 7}]})
    async with db.transaction(SYSTEM) as tx:
        assert {c.key: c.name for c in await statuspage.components(tx)} == {
            "checkout": "Checkout",
            "payments": "Paying",
        }


async def test_teams_in_use_stay(db: Database) -> None:
    await do(db, code.read(TWO_TEAMS))
    await do(db, {"teams": [{"key": "spare", "name": "Spare"}]})
    async with db.transaction(SYSTEM) as tx:
        with pytest.raises(Invalid, match="still has schedules"):
            await code.apply(tx, {"teams": [{"key": "platform"}]}, prune=True)
    everyone = {"teams": [{"key": "platform"}, {"key": "commerce"}]}
    assert await plan(db, everyone, prune=True) == [("team", "spare", "remove")]
    await do(db, everyone, prune=True)


async def test_a_schedule_and_its_rotations_change(db: Database) -> None:
    await do(db, code.read(TWO_TEAMS))
    changed = {
        "schedules": [
            {
                "key": "platform",
                "time_zone": "America/New_York",
                "rotations": [{"name": "Daily", "starts_on": "2026-01-05", "hands_over_at": "07:00"}],
            }
        ]
    }
    assert await plan(db, changed) == [
        ("schedule", "platform", "time_zone: 'America/Chicago' -> 'America/New_York'; rotations: ~ Daily")
    ]
    await do(db, changed)
    assert await plan(db, changed) == []
    changed["schedules"][0]["rotations"] = [
        {"name": "Weekly", "kind": "weekly", "starts_on": "2026-07-06", "people": ["Bob@Example.com"]}
    ]
    assert await plan(db, changed, prune=True) == [("schedule", "platform", "rotations: + Weekly, - Daily")]
    await do(db, changed)
    async with db.transaction(SYSTEM) as tx:
        view = await oncall.schedule(tx, "platform")
        assert [(r.name, len(r.people)) for r in view.rotations] == [("Daily", 2), ("Weekly", 1)]
        assert view.schedule.time_zone == "America/New_York"


async def test_every_problem_is_told_by_its_place_and_nothing_is_done(db: Database) -> None:
    document = {
        "version": 1,
        "planets": [],
        "people": [
            {"email": "ok@example.com", "name": "Fine"},
            {"email": "no address", "name": "", "roles": ["king"]},
            {"email": "OK@example.com", "name": "Twice"},
            {"email": "x@example.com", "name": "X", "password": "hidden"},
            {"email": "y@example.com"},
            "not a table",
        ],
        "teams": [
            {"key": "t", "name": "T", "members": ["ghost@example.com"]},
            {"key": "u", "name": "U", "leads": ["a"]},
        ],
        "policies": [{"key": "p", "name": "P", "steps": [{"targets": ["commerce"]}]}],
        "services": [
            {"key": "a", "name": "A", "domain": "production", "needs": ["b"]},
            {"key": "b", "name": "B", "domain": "production", "needs": ["a"]},
            {"key": "c", "name": "C", "domain": "mars", "tier": "one"},
            {"key": "d", "name": "D", "domain": "mars", "runbooks": [{"title": "x", "url": "y", "colour": 1}]},
            {"key": "e", "name": "E", "domain": "mars"},
        ],
        "integrations": {"name": "not a list"},
    }
    found = await problems(db, document)
    assert set(found) == {
        "planets", "people[1].name", "people[1].email", "people[1].roles", "people[2].email", "people[3]",
        "people[4]", "people[5]", "teams[0].members", "teams[1].leads", "policies[0].steps[0].targets", "services[1]",
        "services[2].tier", "services[3].runbooks[0]", "services[4].domain", "integrations",
    }  # fmt: skip
    assert found["people[2].email"] == "is there twice"
    assert "unknown field `password`" in found["people[3]"]
    assert "already needs" in found["services[1]"]


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"version": 2}, "version"),
        ({"people": 3}, "people"),
        ({"status_page": {"time_zone": "Mars/Olympus"}}, "status_page.time_zone"),
        ({"fallback": {"tells": "nobody at all"}}, "fallback.address"),
        ({"domains": [{"key": "production", "matrix": {"huge": {"low": "P1"}}}]}, "domains[0].matrix.huge.low"),
        ({"domains": [{"key": "production", "statuses": [{"key": "x", "name": "X", "category": "y"}]}]},
         "domains[0].statuses[0].category"),
        ({"domains": [{"key": "production", "categories": [{"key": "data", "parent": "data-database"}]}]},
         "domains[0].categories[0].parent"),
        ({"schedules": [{"key": "s", "name": "S", "rotations": [
            {"name": "r", "kind": "daily", "starts_on": "soon", "people": []}]}]},
         "schedules[0].rotations[0].starts_on"),
        ({"schedules": [{"key": "s", "name": "S", "rotations": [
            {"name": "r", "kind": "daily", "starts_on": "2026-01-05", "people": [], "hands_over_at": "nine"}]}]},
         "schedules[0].rotations[0].hands_over_at"),
        ({"components": [{"key": "c", "name": "C", "service": "nothing"}]}, "components[0]"),
    ],
)  # fmt: skip
async def test_places_of_problems(db: Database, document: dict[str, Any], place: str) -> None:
    assert list(await problems(db, document)) == [place]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("close_after_busines_days", 3, "is no setting of a domain; there are healthy_minutes, "),
        ("healthy_minutes", "15", "must be a number of minutes from 0 to "),
        ("healthy_minutes", -1, "must be a number of minutes from 0 to "),
        ("healthy_minutes", True, "must be a number of minutes from 0 to "),
        ("confirmation_days", float("inf"), "must be a number of days from 0 to "),
        ("close_after_business_days", 2.5, "must be a whole number of days from 0 to "),
        ("confirmation_reminder_hours", 24, "must be a list of hours, each from 0 to "),
        ("confirmation_reminder_hours", [24, "x"], "must be a list of hours, each from 0 to "),
        ("confirmation_reminder_hours", list(range(11)), "has more than 10 entries"),
    ],
)
async def test_a_setting_that_nobody_reads_is_refused(db: Database, name: str, value: Any, told: str) -> None:
    found = await problems(db, {"domains": [{"key": "production", "settings": {name: value}}]})
    assert list(found) == [f"domains[0].settings.{name}"]
    assert found[f"domains[0].settings.{name}"].startswith(told)


async def test_every_setting_of_a_domain_can_be_given(db: Database) -> None:
    settings = {"healthy_minutes": 7.5, "confirmation_reminder_hours": [1, 2.5], "confirmation_days": 1,
                "reopen_window_minutes": 0, "close_after_business_days": 2}  # fmt: skip
    await do(db, {"domains": [{"key": "production", "settings": settings}]})
    assert next(d for d in (await export(db))["domains"] if d["key"] == "production")["settings"] == settings


async def test_statuses_are_reordered_and_none_is_lost(db: Database) -> None:
    statuses = [{"key": "mitigating", "name": "Mitigating", "category": "active"}, {"key": "detected", "name": "Seen"}]
    last_first = {"domains": [{"key": "production", "statuses": statuses}]}
    await do(db, last_first, prune=True)
    async with db.transaction(SYSTEM) as tx:
        found = await catalog.statuses(tx, (await catalog.domain(tx, "production")).id)
    assert [s.name for s in found[:3]] == ["Mitigating", "Seen", "Investigating"]
    assert len(found) == 11
    assert await plan(db, last_first, prune=True) == []


async def test_only_admins_handle_the_whole_set_up(db: Database) -> None:
    manager = Actor(kind=ActorKind.PERSON, name="M", origin="web", person_id=1, roles=frozenset({"manager"}))
    async with db.transaction(manager) as tx:
        for act in (code.export_document(tx), code.plan(tx, {}), code.apply(tx, {})):
            with pytest.raises(Refused) as no:
                await act
            assert no.value.permission


async def test_fields_of_a_domain_are_added_changed_and_kept(db: Database) -> None:
    region = {"key": "region", "name": "Region", "kind": "choice", "choices": ["EU", "US"]}
    cost = {"key": "cost", "name": "Cost", "kind": "number", "hint": "In euros"}
    await do(db, {"domains": [{"key": "production", "fields": [region, cost]}]})

    async def fields() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = next(d for d in (await export(db))["domains"] if d["key"] == "production")[
            "fields"
        ]
        return found

    assert [one["key"] for one in await fields()] == ["region", "cost"]
    await do(db, {"domains": [{"key": "production", "fields": [{"key": "cost", "name": "Costs"}]}]})
    assert [(one["key"], one["name"]) for one in await fields()] == [("cost", "Costs"), ("region", "Region")]
    wrong = {"domains": [{"key": "production", "fields": [{"key": "x", "name": "X", "kind": "colour"}]}]}
    assert list(await problems(db, wrong)) == ["domains[0].fields[0].kind"]
