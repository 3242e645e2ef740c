"""Relations between linked items: the whole table, and what is left alone."""

from itertools import product

import pytest

from rallypoint.sync.mapping import LinkRule
from rallypoint.sync.model import Capabilities, HubRelation, Relation, RelationKind, RemoteItem
from rallypoint.sync.relations import TieAct, TieDecision, plan_relations

KIND, OTHER, NUMBER = RelationKind.PARENT, "r2", 7
RULE = LinkRule(parents=True, related=True)
ABLE = Capabilities(relations=True, relation_writes=frozenset({KIND}))
EDGE = Relation(kind=KIND, remote_id=OTHER)
TABLE = {
    (True, True, False): TieAct.AGREE, (True, True, True): None, (True, False, False): TieAct.WRITE,
    (True, False, True): TieAct.DROP, (False, True, False): TieAct.TAKE, (False, True, True): TieAct.ERASE,
    (False, False, True): TieAct.FORGET, (False, False, False): None,
}  # fmt: skip


def planned(
    here: bool, there: bool, known: bool, *, rule: LinkRule = RULE, able: Capabilities = ABLE, linked: bool = True,
    refused: tuple[str, ...] = (), unreadable: bool = False, kind: RelationKind = KIND,
) -> tuple[TieDecision, ...]:  # fmt: skip
    edge = Relation(kind=kind, remote_id=OTHER)
    item = RemoteItem(
        id="r1", relations=(edge,) * there, unreadable=frozenset({"relations"} if unreadable else ())
    )  # fmt: skip
    ours = (HubRelation(kind=kind, incident=NUMBER, remote_id=OTHER),) * here
    others = {OTHER: NUMBER} if linked else {}
    return plan_relations(ours, item, others, (edge,) * known, rule, able, dict.fromkeys(refused, "no"))


@pytest.mark.parametrize(("sides", "act"), TABLE.items())
def test_the_table(sides: tuple[bool, bool, bool], act: TieAct | None) -> None:
    assert [one.act for one in planned(*sides)] == ([] if act is None else [act])


@pytest.mark.parametrize("sides", list(product((True, False), repeat=3)))
def test_nothing_is_concluded_without_both_ends_or_a_whole_read_or_a_rule(sides: tuple[bool, bool, bool]) -> None:
    assert planned(False, *sides[1:], linked=False) == ()
    assert planned(*sides, unreadable=True) == ()
    assert planned(*sides, rule=LinkRule()) == ()
    assert planned(*sides, able=Capabilities()) == ()
    assert planned(*sides, rule=LinkRule(related=True)) == (), "parents are another tick"


def test_what_cannot_be_written_is_left_and_what_was_refused_is_not_tried_again() -> None:
    for sides in ((True, False, False), (False, True, True)):
        assert planned(*sides, able=Capabilities(relations=True)) == ()
        [tried] = planned(*sides)
        assert planned(*sides, refused=(tried.key,)) == ()
    assert [one.act for one in planned(False, True, False, able=Capabilities(relations=True))] == [TieAct.TAKE]


def test_a_link_to_a_page_is_no_relation() -> None:
    assert planned(False, True, False, kind=RelationKind.WEB) == ()
