"""A field that is empty all of a sudden: cleared there, or gone."""

import pytest

from rallypoint.sync.model import FieldKind, RemoteField, RemoteItem, Schema
from rallypoint.sync.ports import MappingBroken, Tracker
from rallypoint.sync.vetting import vetted

ITEM = RemoteItem(id="7", project="shop", type="bug", fields={"title": "Cards fail", "body": "", "cause": None})


class Described(Tracker):
    """A tool that is only asked what fields there are."""

    def __init__(self, *fields: str, broken: bool = False) -> None:
        self.fields, self.broken, self.asked = fields, broken, 0

    async def describe(self, project: str, type: str) -> Schema:
        self.asked += 1
        if self.broken:
            raise MappingBroken(f"There is no {type} in {project}.")
        fields = tuple(RemoteField(id=one, name=one, kind=FieldKind.TEXT) for one in self.fields)
        return Schema(project=project, type=type, fields=fields)


@pytest.mark.parametrize(
    ("tool", "filled", "unreadable"),
    [
        (Described("title", "body", "cause"), {"title", "body"}, set()),
        (Described("title", "cause"), {"title", "body"}, {"body"}),
        (Described("title"), {"title", "body", "cause"}, {"body", "cause"}),
        (Described(broken=True), {"body"}, {"body"}),
    ],
    ids=["cleared there", "gone there", "two are gone", "the type is gone"],
)
async def test_only_what_still_is_a_field_can_have_been_cleared(
    tool: Described, filled: set[str], unreadable: set[str]
) -> None:
    found = await vetted(tool, ITEM, filled)
    assert found.unreadable == unreadable
    assert {one for one in ITEM.fields if not found.knows(one)} == unreadable


async def test_the_schema_is_asked_only_when_something_became_empty() -> None:
    tool = Described()
    assert await vetted(tool, ITEM, {"title"}) is ITEM
    assert await vetted(tool, ITEM, ()) is ITEM
    assert tool.asked == 0
