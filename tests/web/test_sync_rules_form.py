"""The rest of a mapping as a form: every rule that a file can say comes back from the form as it was, and typed ones
are taken or refused beside their input."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.edges.web import sync_form, sync_rules_form
from rallypoint.edges.web.forms import Form
from rallypoint.edges.web.pages.sync_mappings import read
from rallypoint.errors import Invalid
from rallypoint.sync.mapping import (
    AttachmentRule,
    Check,
    Condition,
    CreateRule,
    DeletionRule,
    Direct,
    Direction,
    FieldRule,
    LinkRule,
    Mapping,
    OnDelete,
    PeopleMap,
    PersonPair,
    Place,
    Shape,
    StatusMap,
    StatusRead,
    StatusWrite,
    TagSet,
    Text,
    Unmapped,
    ValueMap,
)
from rallypoint.sync.model import TAGS, Capabilities, FieldKind, Markup, Person, RemoteField, Schema, Side
from tests.web.test_sync_form import HERE, THERE

NOOR = Person(remote_id="nhaddad", name="Noor Haddad", email="noor@desk.example")
OURS = replace(
    HERE,
    fields=(
        *HERE.fields, RemoteField(id=TAGS, name="Tags", kind=FieldKind.TAGS),
        RemoteField(id="affected_people", name="Affected people", kind=FieldKind.NUMBER),
    ),
)  # fmt: skip
THEIRS = Schema(
    project="desk", type="ticket", people=(NOOR,),
    fields=(
        *THERE.fields, RemoteField(id=TAGS, name="Labels", kind=FieldKind.TAGS),
        RemoteField(id="affected", name="Affected", kind=FieldKind.NUMBER),
    ),
)  # fmt: skip

words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12).filter(
    lambda text: "," not in text and "=" not in text
)
mails = words.map(lambda text: f"{text}@x.example")
kinds = st.sampled_from(("image/", "application/pdf", "text/plain", "audio/"))
conditions = st.builds(
    Condition, field=st.sampled_from(("title", "urgency")), check=st.just(Check.IS), values=st.tuples(words)
)
places = st.builds(
    Place, when=st.lists(conditions, min_size=1, max_size=3).map(tuple), project=words, type=words
)  # fmt: skip
mappings = st.builds(
    Mapping,
    id=st.just(1),
    version=st.just(1),
    connection=st.just(1),
    name=st.just("Tickets"),
    create=st.builds(CreateRule, project=st.just("desk"), type=st.just("ticket"),
                     places=st.lists(places, max_size=sync_rules_form.MOST_PLACES).map(tuple)),
    fields=st.tuples(
        st.builds(
            FieldRule, hub=st.just("title"), remote=st.just("subject"), ties=st.sampled_from(Side),
            transform=st.builds(Text, markup=st.sampled_from(Markup), single_line=st.booleans(),
                                max_length=st.none() | st.integers(1, 10_000)),
        ),
        st.builds(FieldRule, hub=st.just("urgency"), remote=st.just("urgency"),
                  transform=st.builds(ValueMap, pairs=st.just(()), default_out=st.none() | words,
                                      default_in=st.none() | words)),
        st.builds(
            FieldRule, hub=st.just(TAGS), remote=st.just(TAGS),
            transform=st.builds(TagSet, prefix=st.just("") | words, managed=st.lists(words, max_size=3).map(tuple),
                                fold_case=st.booleans()),
        ),
        st.builds(FieldRule, hub=st.just("affected_people"), remote=st.just("affected"),
                  transform=st.builds(Direct, shape=st.sampled_from(Shape))),
    ),
    status=st.builds(
        StatusMap, field=st.just("state"), ties=st.sampled_from(Side), longest_path=st.integers(1, 20),
        out=st.just((StatusWrite(hub="active", remote="open"),)),
        into=st.just((StatusRead(remote="open", hub="active"),)),
    ),
    attachments=st.builds(
        AttachmentRule, direction=st.sampled_from(Direction), max_bytes=st.integers(1, 10_000_000_000),
        types=st.lists(kinds, max_size=3).map(tuple), refused_types=st.lists(kinds, max_size=3).map(tuple),
        send_private=st.booleans(), private_to_open_tool=st.booleans(), link_when_refused=st.booleans(),
    ),
    people=st.builds(
        PeopleMap, by_mail=st.booleans(),
        pairs=st.lists(st.builds(PersonPair, hub_email=mails, remote_id=words), max_size=3).map(tuple),
        unmapped=st.sampled_from([one for one in Unmapped if one is not Unmapped.FALLBACK]),
        fallback=st.just("") | words,
    ),
    deletion=st.builds(DeletionRule, remote_deleted=st.sampled_from(OnDelete), confirmations=st.integers(1, 100)),
    links=st.builds(LinkRule, parents=st.booleans(), related=st.booleans(), panel=st.booleans()),
)  # fmt: skip
"""Mappings in which every rule that the form shows has any value."""


def at(rules: Mapping) -> sync_form.Base:
    return sync_form.Base(rules=rules, here=OURS, there=THEIRS, able=Capabilities())


def form(rules: Mapping, **typed: str) -> Form:
    shown = {**sync_form.values_of(rules), **sync_rules_form.values_of(rules)}
    return Form(name="mapping", values={**shown, **typed})


def said(**typed: str) -> Mapping:
    rules = PLAIN
    return read(form(rules, **{name.replace("__", "."): value for name, value in typed.items()}), at(rules))


PLAIN = Mapping(
    id=1, version=1, connection=1, name="Tickets", create=CreateRule(project="desk", type="ticket"),
    fields=(FieldRule(hub="title", remote="subject", transform=Text()),),
)  # fmt: skip


@given(mappings)
def test_every_rule_comes_back_from_the_form_as_it_was(rules: Mapping) -> None:
    assert read(form(rules), at(rules)) == rules


def test_every_rule_that_a_file_can_say_has_an_input_or_a_reason() -> None:
    """What is not drawn by chance above would not be noticed when it is lost: so every name is accounted for."""
    here: set[str] = set()

    def look(kind: Any, path: str) -> None:
        for one in fields(kind):
            here.add(f"{path}{one.name}")

    for kind in (
        AttachmentRule,
        PeopleMap,
        DeletionRule,
        LinkRule,
        CreateRule,
        StatusMap,
        Text,
        TagSet,
        ValueMap,
        Direct,
    ):
        assert is_dataclass(kind)
        look(kind, f"{kind.__name__}.")
    elsewhere = {
        "CreateRule.project": "chosen before the form", "CreateRule.type": "chosen before the form",
        "CreateRule.defaults": "sync_form", "StatusMap.field": "sync_form", "StatusMap.direction": "sync_form",
        "StatusMap.owner": "sync_form", "StatusMap.out": "sync_form", "StatusMap.into": "sync_form",
        "StatusMap.hub_field": "there is one status", "ValueMap.pairs": "sync_form",
        "DeletionRule.hub_deleted": "nothing is deleted here; a merged incident says so by its status",
    }  # fmt: skip
    drawn = {
        "AttachmentRule.direction", "AttachmentRule.max_bytes", "AttachmentRule.types", "AttachmentRule.refused_types",
        "AttachmentRule.send_private", "AttachmentRule.private_to_open_tool", "AttachmentRule.link_when_refused",
        "PeopleMap.by_mail", "PeopleMap.pairs", "PeopleMap.unmapped", "PeopleMap.fallback",
        "DeletionRule.remote_deleted", "DeletionRule.confirmations",
        "LinkRule.parents", "LinkRule.related", "LinkRule.panel", "CreateRule.places", "StatusMap.ties",
        "StatusMap.longest_path", "Text.markup", "Text.max_length", "Text.single_line",
        "TagSet.prefix", "TagSet.managed", "TagSet.fold_case", "ValueMap.default_out", "ValueMap.default_in",
        "Direct.shape",
    }  # fmt: skip
    assert here == drawn | elsewhere.keys()


def test_a_size_is_typed_in_megabytes_and_kinds_as_a_list() -> None:
    made = said(a__megabytes="2,5", a__types="image/ , application/pdf", a__refused="", a__told="")
    assert made.attachments == replace(
        AttachmentRule(), max_bytes=2_500_000, types=("image/", "application/pdf"), link_when_refused=False
    )


def test_people_may_be_named_by_mail_or_name() -> None:
    made = said(p__pairs="me@x.example = Noor Haddad\n you@x.example=NOOR@desk.example\n", p__unmapped="fallback",
                p__fallback="noor haddad")  # fmt: skip
    assert [one.remote_id for one in made.people.pairs] == ["nhaddad", "nhaddad"]
    assert (made.people.unmapped, made.people.fallback) == (Unmapped.FALLBACK, "nhaddad")


def test_a_place_takes_what_fits_its_rule() -> None:
    place = sync_rules_form.place_key("pay", "Bug")
    made = said(**{"w0.place": place, "w0.field:0": "urgency", "w0.check:0": "is", "w0.values:0": "critical, high"})
    when = (Condition(field="urgency", check=Check.IS, values=("critical", "high")),)
    assert made.create.places == (Place(when=when, project="pay", type="Bug"),)
    gone = read(form(made, **{"w0.place": "", "w0.field:0": "", "w0.values:0": ""}), at(made))
    assert gone.create.places == ()


@pytest.mark.parametrize(
    ("typed", "where"),
    [
        ({"a.megabytes": "much"}, "a.megabytes"),
        ({"a.megabytes": "0"}, "a.megabytes"),
        ({"a.types": "pictures"}, "a.types"),
        ({"p.pairs": "Noor"}, "p.pairs"),
        ({"p.pairs": "noor = nhaddad"}, "p.pairs"),
        ({"p.unmapped": "fallback"}, "p.fallback"),
        ({"p.unmapped": "somebody"}, "p.unmapped"),
        ({"d.looks": "0"}, "d.looks"),
        ({"d.looks": "soon"}, "d.looks"),
        ({"d.there": "delete"}, "d.there"),
        ({"w0.place": '["pay", "Bug"]'}, "w0.field:0"),
        ({"w0.field:0": "urgency", "w0.values:0": "high"}, "w0.place"),
        ({"most:title": "-3"}, "most:title"),
        ({"markup:title": "runes"}, "markup:title"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_input(typed: dict[str, str], where: str) -> None:
    with pytest.raises(Invalid) as no:
        said(**typed)
    assert [one.field for one in no.value.problems] == [where]


def test_both_parts_of_the_form_say_what_is_wrong_at_once() -> None:
    with pytest.raises(Invalid) as no:
        said(name="", d__looks="soon")
    assert {one.field for one in no.value.problems} == {"name", "d.looks"}


def test_so_many_places_stay_as_they_are() -> None:
    when = (Condition(field="title", check=Check.SET),)
    many = tuple(Place(when=when, project=f"p{n}", type="Bug") for n in range(sync_rules_form.MOST_PLACES + 1))
    rules = replace(PLAIN, create=replace(PLAIN.create, places=many))
    assert read(form(rules), at(rules)) == rules
