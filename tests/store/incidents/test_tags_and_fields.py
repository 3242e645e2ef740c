"""Tags and the fields of a domain on a real database: set, refused in words, told in the history, found again."""

from typing import Any

import pytest

from rallypoint import catalog, incidents
from rallypoint.actors import SYSTEM, Actor
from rallypoint.db import Database
from rallypoint.errors import Invalid, Refused
from rallypoint.incidents import BoardFilter, Incident
from tests.store.incidents.people import Company


async def do(db: Database, actor: Actor, name: str, *arguments: Any, **more: Any) -> Incident:
    async with db.transaction(actor) as tx:
        found: Incident = await getattr(incidents, name)(tx, *arguments, **more)
        return found


async def last_line(db: Database, number: int) -> incidents.TimelineEntry:
    async with db.transaction(SYSTEM) as tx:
        return max((await incidents.timeline(tx, number))[0], key=lambda entry: entry.position)


# Tags.


async def test_tags_are_put_on_and_taken_off_whatever_their_case(db: Database, them: Company, number: int) -> None:
    after = await do(db, them.responder, "change_tags", number, add=["payments", "Black Friday, DB"])
    assert after.tags == ("Black Friday", "DB", "payments")
    assert (await last_line(db, number)).text == "Tagged Black Friday, DB, payments"
    again = await do(db, them.responder, "change_tags", number, add=["PAYMENTS"], remove=["nothing"])
    assert (again.tags, again.epoch) == (after.tags, after.epoch), "nothing changed, so nothing is written"
    await do(db, them.other, "change_tags", number, add=["region"], remove=["db"])
    line = await last_line(db, number)
    assert (line.text, line.data["was"]) == ("Tagged region; no longer DB", ["Black Friday", "DB", "payments"])
    assert (await do(db, them.other, "set_tags", number, tags=[])).tags == ()


async def test_tags_that_cannot_be(db: Database, them: Company, number: int) -> None:
    for bad in (["x" * 61], [f"t{n}" for n in range(51)], ["line\nbreak"]):
        with pytest.raises(Invalid):
            await do(db, them.responder, "set_tags", number, tags=bad)
    with pytest.raises(Refused):
        await do(db, them.viewer, "set_tags", number, tags=["mine"])


async def test_the_board_finds_by_tag_what_is_open_and_what_is_over(db: Database, them: Company, number: int) -> None:
    async with db.transaction(them.responder) as tx:
        other = await incidents.open_incident(tx, title="Mail", service="mail", tags=["payments", "mail"])
        await incidents.change_tags(tx, number, add=["payments"])
        assert await incidents.known_tags(tx) == ["payments", "mail"]
        found, _ = await incidents.board(tx, filter=BoardFilter(tag="payments"))
        assert {one.incident.number for one in found} == {number, other.number}
        assert found[0].incident.tags == ("payments",)
        found, _ = await incidents.board(tx, filter=BoardFilter(tag="mail"))
        assert [one.incident.number for one in found] == [other.number]
        await incidents.cancel(tx, other.number, reason="none")
        found, _ = await incidents.board(tx, filter=BoardFilter(tag="mail", open_only=False))
        assert [one.incident.number for one in found] == [other.number]


# Fields.


@pytest.fixture
async def fields(db: Database, them: Company) -> None:
    async with db.transaction(them.admin) as tx:
        production = await catalog.domain(tx, "production")
        for key, name, kind, choices in (
            ("ticket", "Vendor ticket", "text", ()), ("cost", "Cost", "number", ()),
            ("region", "Region", "choice", ("EU", "US")), ("since", "Known since", "date", ()),
            ("contact", "Contact", "person", ()),
        ):  # fmt: skip
            await catalog.save_custom_field(tx, production, key=key, name=name, kind=kind, choices=choices)


@pytest.mark.usefixtures("fields")
async def test_fields_are_filled_in_changed_and_cleared(db: Database, them: Company, number: int) -> None:
    typed = {"ticket": " V-1 ", "cost": "4.50", "region": "eu", "since": "2026-05-31", "contact": "bea@example.org"}
    after = await do(db, them.responder, "set_fields", number, values=typed)
    bea = them.other.person_id
    assert after.custom == {"ticket": "V-1", "cost": 4.5, "region": "EU", "since": "2026-05-31", "contact": bea}
    assert (await last_line(db, number)).text == (
        "Vendor ticket: V-1; Cost: 4.5; Region: EU; Known since: 2026-05-31; Contact: Bea"
    )
    same = await do(db, them.responder, "set_fields", number, values={"cost": 4.5, "contact": bea})
    assert same.epoch == after.epoch
    gone = await do(db, them.responder, "set_fields", number, values={"cost": None, "ticket": ""})
    assert set(gone.custom) == {"region", "since", "contact"}
    assert (await last_line(db, number)).text == "Vendor ticket: cleared; Cost: cleared"


@pytest.mark.usefixtures("fields")
async def test_every_wrong_value_is_named(db: Database, them: Company, number: int) -> None:
    wrong = {"cost": "much", "region": "Mars", "since": "yesterday", "contact": "nobody", "planet": "x"}
    with pytest.raises(Invalid) as refused:
        await do(db, them.responder, "set_fields", number, values=wrong)
    assert {one.field for one in refused.value.problems} == {f"custom.{key}" for key in wrong}
    assert any("EU, US" in one.reason for one in refused.value.problems)
    for bad in ("nan", "inf", True, "1e300"):
        with pytest.raises(Invalid):
            await do(db, them.responder, "set_fields", number, values={"cost": bad})
    with pytest.raises(Refused):
        await do(db, them.viewer, "set_fields", number, values={"cost": 1})


@pytest.mark.usefixtures("fields")
async def test_an_incident_opens_with_the_fields_of_its_domain(db: Database, them: Company) -> None:
    opened = await do(
        db, them.responder, "open_incident", title="Slow", service="checkout", custom={"region": "US", "ticket": ""}
    )
    assert opened.custom == {"region": "US"}
    with pytest.raises(Invalid, match="is no field of IT service"):
        await do(db, them.responder, "open_incident", title="Mail", service="mail", custom={"region": "US"})


async def test_a_field_keeps_its_kind_and_is_retired_not_deleted(
    db: Database, them: Company, fields: None, number: int
) -> None:
    await do(db, them.responder, "set_fields", number, values={"region": "EU", "ticket": "V-1"})
    async with db.transaction(them.admin) as tx:
        domain = await catalog.domain(tx, "production")
        with pytest.raises(Refused, match="values of it are on record"):
            await catalog.save_custom_field(tx, domain, key="ticket", name="Ticket", kind="number")
        for bad in ({"kind": "choice"}, {"kind": "text", "choices": ["a"]}, {"kind": "colour"}):
            with pytest.raises(Invalid):
                await catalog.save_custom_field(tx, domain, **{"key": "new", "name": "New", "kind": "text", **bad})  # type: ignore[arg-type]
        with pytest.raises(Invalid):
            await catalog.save_custom_field(tx, domain, key="new", name="New", kind="choice", choices=["a", "A"])
        renamed = await catalog.save_custom_field(
            tx, domain, key="ticket", name="Ticket there", kind="text", retired=True
        )
        assert (renamed.name, renamed.position, renamed.retired) == ("Ticket there", 0, True)
        assert [one.key for one in await catalog.custom_fields(tx, domain.id)] == ["cost", "region", "since", "contact"]
    with pytest.raises(Invalid):
        await do(db, them.responder, "set_fields", number, values={"ticket": "V-2"})
    kept = await do(db, them.responder, "set_fields", number, values={"region": "US"})
    assert kept.custom == {"region": "US", "ticket": "V-1"}, "what was filled in stays on record"
    async with db.transaction(them.manager) as tx:
        with pytest.raises(Refused):
            await catalog.save_custom_field(tx, domain, key="x", name="X", kind="text")
