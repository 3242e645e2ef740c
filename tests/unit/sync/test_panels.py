"""What a remote item shows of its incident: nothing that the mapping carries there anyway."""

import pytest
from tests.unit.incidents.make import incident

from rallypoint.catalog.model import StatusCategory
from rallypoint.sync.mapping import CreateRule, Direction, FieldRule, Mapping, StatusMap
from rallypoint.sync.panels import panel_of

INCIDENT = incident(number=7, title="Checkout is slow", status="Fixed", status_category=StatusCategory.RESOLVED)


def rules(title: Direction | None, status: Direction | None) -> Mapping:
    return Mapping(
        id=1, version=1, connection=1, name="Bugs", create=CreateRule(project="p", type="t"),
        fields=() if title is None else (FieldRule(hub="title", remote="subject", direction=title),),
        status=None if status is None else StatusMap(field="state", direction=status),
    )  # fmt: skip


@pytest.mark.parametrize("carried", [Direction.BOTH, Direction.OUT])
def test_what_the_mapping_carries_is_not_repeated(carried: Direction) -> None:
    panel = panel_of(INCIDENT, rules(carried, carried), base_url="https://rp.example")
    assert (panel.url, panel.title, panel.status, panel.resolved) == ("https://rp.example/i/7", "INC-7", "", False)


@pytest.mark.parametrize("carried", [None, Direction.IN])
def test_what_it_does_not_carry_is_shown(carried: Direction | None) -> None:
    panel = panel_of(INCIDENT, rules(carried, carried), base_url="https://rp.example")
    assert (panel.title, panel.status, panel.resolved) == ("INC-7 Checkout is slow", "Fixed", True)
