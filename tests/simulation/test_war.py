"""Two tools whose own rules want different values: sync must stop the field, tell, and leave all else alone."""

from rallypoint.sync.fuse import MOST_TURNS
from rallypoint.sync.model import HubField, Value
from tests.simulation.tools import Tool
from tests.simulation.world import World

WANTED = (("high", "low"), ("low", "high"))


class Stubborn(Tool):
    """A tool that stores another rank than the one it was given."""

    never: str = ""
    instead: str = ""

    def normalised(self, name: str, value: Value) -> Value:
        return self.instead if name == "rank" and value == self.never else super().normalised(name, value)


def two_tools() -> World:
    made = next(found for found in (World(seed=seed) for seed in range(200)) if found.has("careful"))
    made.lanes = made.lanes[:2]
    made.settle_down()
    return made


def set_hub(made: World, name: str, value: str) -> None:
    made.fields[name] = HubField(value=value, version=made.fields[name].version + 1, at=made.now)


def test_tools_that_store_something_else_come_to_rest_by_themselves() -> None:
    made = two_tools()
    for lane, (never, instead) in zip(made.lanes, WANTED, strict=True):
        lane.tool.__class__ = Stubborn
        assert isinstance(lane.tool, Stubborn)
        lane.tool.never, lane.tool.instead = never, instead
    writes = made.writes
    set_hub(made, "priority", "P1")
    made.settle_down()
    assert made.writes - writes <= 6
    assert [lane.memory.shadows["priority"].reason for lane in made.lanes if lane.memory.shadows["priority"].reason]


def test_a_war_of_rules_is_stopped_by_the_fuse() -> None:
    made = two_tools()
    writes = made.writes
    set_hub(made, "priority", "P1")
    for _ in range(40):
        for lane, (never, instead) in zip(made.lanes, WANTED, strict=True):
            if lane.tool.fields["rank"] == never:  # a rule of the tool that runs a while later
                lane.tool.person_sets("rank", instead)
            made.settle_down()
    assert "priority" in {one for lane in made.lanes for one in lane.memory.link.frozen}
    assert made.writes - writes <= MOST_TURNS + 2
    set_hub(made, "title", "e1x goes on")
    made.settle_down()
    assert {str(lane.tool.fields["title"]).lower() for lane in made.lanes} == {"e1x goes on"}
