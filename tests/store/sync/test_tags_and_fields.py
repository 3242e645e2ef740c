"""Tags and a domain's own fields go both ways by a mapping: what either side adds stays, what either removes goes."""

from dataclasses import replace

import pytest

from rallypoint import catalog, incidents
from rallypoint.actors import SYSTEM
from rallypoint.sync import conflict_store, store
from rallypoint.sync.mapping import Direct, Direction, FieldRule, Pair, PersonMap, Shape, TagSet, Text, ValueMap
from rallypoint.sync.model import FieldKind, Person, RemoteField
from tests.store.sync.conftest import Scene
from tests.store.sync.desk import Ticket

REGIONS = ValueMap(pairs=(Pair(hub="EU", remote="1"), Pair(hub="US", remote="2")))
FIELDS = (
    FieldRule(hub="tags", remote="labels", transform=TagSet(prefix="svc-", managed=("vip",))),
    FieldRule(hub="custom.ticket", remote="vendor", transform=Text(max_length=40)),
    FieldRule(hub="custom.cost", remote="cost", transform=Direct(shape=Shape.NUMBER)),
    FieldRule(hub="custom.region", remote="region", transform=REGIONS, direction=Direction.OUT),
    FieldRule(hub="custom.since", remote="since", transform=Direct(shape=Shape.TIME), direction=Direction.IN),
    FieldRule(hub="custom.contact", remote="contact", transform=PersonMap()),
)


@pytest.fixture
async def mapped(scene: Scene) -> Scene:
    async with scene.db.transaction(scene.them.admin) as tx:
        for domain in await catalog.domains(tx):
            for key, kind, choices in (
                ("ticket", "text", ()), ("cost", "number", ()), ("region", "choice", ("EU", "US")),
                ("since", "date", ()), ("contact", "person", ()),
            ):  # fmt: skip
                name = key.capitalize()
                await catalog.save_custom_field(tx, domain, key=key, name=name, kind=kind, choices=choices)
        old = scene.mapping
    kinds = {"labels": FieldKind.TAGS, "vendor": FieldKind.TEXT, "cost": FieldKind.NUMBER, "region": FieldKind.CHOICE,
             "since": FieldKind.TIME, "contact": FieldKind.PERSON}  # fmt: skip
    scene.desk.more = tuple(RemoteField(id=id, name=id.capitalize(), kind=kind) for id, kind in kinds.items())
    async with scene.db.transaction(scene.them.admin) as tx:
        await store.save_mapping(tx, replace(old, version=2, fields=(*old.fields, *FIELDS)), by="Mia")
    return scene


async def linked(scene: Scene) -> tuple[int, Ticket]:
    await scene.sync()
    ticket = scene.desk.add(
        subject="Slow", labels=("svc-pay", "theirs"), vendor="", cost="", region=None, since=None, contact=None
    )
    await scene.sync()
    await scene.sync()
    async with scene.db.transaction(SYSTEM) as tx:
        [row], _ = await incidents.board(tx, limit=10)
    return row.incident.number, ticket


async def rests(scene: Scene, number: int) -> None:
    """Looking again and again changes nothing on either side, and nothing was in conflict."""
    writes, epoch = len(scene.desk.writes), (await scene.incident(number)).epoch
    for _ in range(3):
        await scene.sync()
    assert (len(scene.desk.writes), (await scene.incident(number)).epoch) == (writes, epoch)
    async with scene.db.transaction(SYSTEM) as tx:
        assert await conflict_store.conflicts(tx, incident=number) == []


async def test_tags_that_are_managed_are_joined_and_the_others_are_left_alone(mapped: Scene) -> None:
    scene = mapped
    number, ticket = await linked(scene)
    assert (await scene.incident(number)).tags == ("svc-pay",), "theirs is not ours to take"
    await scene.do(scene.them.responder, "change_tags", number, add=["vip", "only here"])
    scene.desk.edit(ticket.id, labels=("theirs", "svc-pay", "svc-db"))
    await scene.sync()
    await scene.sync()
    assert (await scene.incident(number)).tags == ("only here", "svc-db", "svc-pay", "vip")
    assert set(ticket.fields["labels"]) == {"theirs", "svc-pay", "svc-db", "vip"}  # type: ignore[arg-type]
    await scene.do(scene.them.responder, "change_tags", number, remove=["svc-pay"])
    scene.desk.edit(ticket.id, labels=("theirs", "svc-pay", "svc-db", "SVC-new", "vip"))
    await scene.sync()
    await scene.sync()
    assert (await scene.incident(number)).tags == ("only here", "svc-db", "SVC-new", "vip")
    assert set(ticket.fields["labels"]) == {"theirs", "svc-db", "SVC-new", "vip"}  # type: ignore[arg-type]
    await rests(scene, number)


async def test_fields_of_a_domain_travel_each_its_way(mapped: Scene) -> None:
    scene = mapped
    number, ticket = await linked(scene)
    bea = Person(name="Bea", email="bea@example.org", remote_id="u7")
    scene.desk.edit(ticket.id, vendor="V-1", cost="4.50", since="2026-05-31T10:00:00+00:00", contact=bea, region="2")
    await scene.sync()
    await scene.sync()
    here = (await scene.incident(number)).custom
    assert here == {"ticket": "V-1", "cost": 4.5, "since": "2026-05-31", "contact": scene.them.other.person_id}
    values = {"ticket": "V-2", "cost": 5, "region": "EU", "since": "2026-05-30"}
    await scene.do(scene.them.responder, "set_fields", number, values=values)
    await scene.sync()
    await scene.sync()
    assert (ticket.fields["vendor"], ticket.fields["cost"], ticket.fields["region"]) == ("V-2", 5, "1")
    assert ticket.fields["since"] == "2026-05-31T10:00:00+00:00", "it travels the other way only"
    scene.desk.edit(ticket.id, vendor="")
    await scene.sync()
    assert "ticket" not in (await scene.incident(number)).custom


async def test_somebody_who_is_nobody_here_is_told_and_tried_no_more(mapped: Scene) -> None:
    scene = mapped
    number, ticket = await linked(scene)
    scene.desk.edit(ticket.id, contact=Person(name="Zoe", email="zoe@elsewhere.example", remote_id="u9"))
    await scene.sync()
    await scene.sync()
    assert "contact" not in (await scene.incident(number)).custom
    async with scene.db.transaction(SYSTEM) as tx:
        [conflict] = await conflict_store.conflicts(tx, incident=number)
    assert "zoe@elsewhere.example is nobody here" in conflict.body.rule


async def test_the_form_of_a_mapping_knows_them(mapped: Scene) -> None:
    from rallypoint.sync.setting_up import hub_schema

    async with mapped.db.transaction(SYSTEM) as tx:
        schema = await hub_schema(tx)
    region = schema.field("custom.region")
    assert region is not None
    assert ([one.id for one in region.choices], region.writable, region.custom) == (["EU", "US"], True, True)
    assert [one.id for one in schema.fields].count("custom.region") == 1, "two domains have it, a mapping means both"
