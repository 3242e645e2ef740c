"""The role x permission table, written out a second time by hand, so that a slip in either shows."""

import pytest

from rallypoint.access.model import Role
from rallypoint.access.permissions import MAY, Permission, allows, granted, require, who_may
from rallypoint.actors import ANONYMOUS, SYSTEM, Actor, ActorKind, monitor
from rallypoint.errors import Refused

TABLE = """
                      admin manager desk1 desk2 desk3 responder stakeholder reporter viewer
read_incident           x      x      x     x     x       x         x          .       x
declare_incident        x      x      x     x     x       x         .          .       .
report                  x      x      x     x     x       x         x          x       x
acknowledge             x      x      x     x     x       x         .          .       .
work_incident           x      x      x     x     x       x         .          .       .
lower_priority          x      x      .     x     x       .         .          .       .
escalate                x      x      x     x     x       x         .          .       .
publish_update          x      x      x     x     x       x         .          .       .
close_as_desk           x      x      x     x     x       .         .          .       .
confirm_for_reporter    x      x      x     x     x       .         .          .       .
read_alerts             x      x      x     x     x       x         .          .       x
read_oncall             x      x      x     x     x       x         x          .       x
edit_oncall             x      x      .     .     .       .         .          .       .
edit_override           x      x      .     .     .       x         .          .       .
read_catalog            x      x      x     x     x       x         x          .       x
edit_catalog            x      x      .     .     .       .         .          .       .
read_metrics            x      x      x     x     x       x         x          .       x
edit_review             x      x      x     x     x       x         .          .       .
manage_people           x      .      .     .     .       .         .          .       .
manage_keys             x      .      .     .     .       .         .          .       .
manage_integrations     x      x      .     .     .       .         .          .       .
read_audit              x      x      .     .     .       .         .          .       .
configure               x      .      .     .     .       .         .          .       .
sign_in                 x      x      x     x     x       x         x          x       x
public                  x      x      x     x     x       x         x          x       x
own_account             x      x      x     x     x       x         x          x       x
"""
HEAD, *ROWS = (line.split() for line in TABLE.strip().splitlines())
CASES = [(role, row[0], mark == "x") for row in ROWS for role, mark in zip(HEAD, row[1:], strict=True)]
OPEN = {Permission.REPORT, Permission.SIGN_IN, Permission.PUBLIC}


def person(*roles: str) -> Actor:
    return Actor(kind=ActorKind.PERSON, name="Bea", origin="web", person_id=1, roles=frozenset(roles))


def key(*roles: str, scopes: frozenset[str] | None = None) -> Actor:
    return Actor(kind=ActorKind.API_KEY, name="ci", origin="api", key_id=1, roles=frozenset(roles), scopes=scopes)


@pytest.mark.parametrize(("role", "permission", "may"), CASES)
def test_who_may_what(role: str, permission: str, may: bool) -> None:
    assert allows(person(role), Permission(permission)) is may


def test_the_table_names_every_role_and_permission() -> None:
    assert [role.value for role in Role] == HEAD
    assert [row[0] for row in ROWS] == [permission.value for permission in Permission]
    assert set(MAY) == set(Permission)


def test_without_roles_only_the_open_doors() -> None:
    for actor in (ANONYMOUS, key(), key("no such role")):
        assert {p for p in Permission if allows(actor, p)} == OPEN
    for actor in (person(), person("no such role")):
        assert {p for p in Permission if allows(actor, p)} == OPEN | {Permission.OWN_ACCOUNT}


def test_rallypoint_itself_and_monitors_pass() -> None:
    for actor in (SYSTEM, monitor("prometheus")):
        assert all(allows(actor, p) for p in Permission)


def test_two_roles_add_up() -> None:
    both = {p for p in Permission if allows(person("viewer", "reporter"), p)}
    assert both == granted({"viewer", "reporter"}) == granted({"viewer"}) | granted({"reporter"})


def test_scopes_narrow_a_key_and_never_widen_it() -> None:
    scopes = frozenset({Permission.READ_INCIDENT, Permission.CONFIGURE})
    may = {p for p in Permission if allows(key("responder", scopes=scopes), p)}
    assert may == OPEN | {Permission.READ_INCIDENT}
    assert {p for p in Permission if allows(key("admin", scopes=frozenset()), p)} == OPEN


def test_a_key_never_holds_its_owners_account() -> None:
    assert allows(person("admin"), Permission.OWN_ACCOUNT)
    assert not allows(key("admin"), Permission.OWN_ACCOUNT)


def test_a_refusal_says_who_may_and_why() -> None:
    with pytest.raises(Refused) as no:
        require(person("responder"), Permission.LOWER_PRIORITY)
    assert no.value.permission
    assert no.value.guard == "permission:lower_priority"
    assert no.value.who_may == "admin, manager, service desk tier 2, service desk tier 3"
    with pytest.raises(Refused, match="scopes leave it out"):
        require(key("admin", scopes=frozenset()), Permission.CONFIGURE)
    assert who_may(Permission.MANAGE_PEOPLE) == "admin"
