"""One incident, worked on at both ends, with the worker killed or an answer lost after every single effect in turn."""

import pytest

from rallypoint.sync.model import TAGS, HubComment, HubField, Visibility
from tests.simulation.world import Spoken, World

EFFECTS = 45


def world(tool: str) -> World:
    """A hub and one tool that agreed before, both with news since."""
    made = next(found for found in (World(seed=seed) for seed in range(200)) if found.has(tool))
    made.lanes = [lane for lane in made.lanes if lane.tool.habits.name == tool]
    lane = made.lanes[0]
    lane.tool.faults.outage = lane.tool.faults.limited = lane.tool.faults.lost_answer = 0.0
    made.settle_down()
    lane.tool.person_sets("text", "e1x there")
    lane.tool.person_sets(TAGS, ("T1x",))
    private = lane.tool.habits.able.private_comments
    lane.tool.person_says("c1x there", Visibility.PUBLIC)
    for number, (name, value) in enumerate((("title", "e2x here"), ("status", "resolved"), ("tags", ("T2x",)))):
        made.fields[name] = HubField(value=value, version=2, at=made.now)
        made.status_edits += number + 1
    for id, shown in (("2", Visibility.PUBLIC), ("3", Visibility.PRIVATE)):
        made.comments[id] = HubComment(id=id, body=f"c{id}x here", visibility=shown, created_at=made.now)
        made.spoken[f"c{id}x"] = Spoken(private=shown is Visibility.PRIVATE, place="hub")
    made.spoken["c1x"] = Spoken(private=not private, place=tool)
    return made


def finish(made: World) -> None:
    made.settle_down()
    made.check()
    lane = made.lanes[0]
    assert made.fields["description"].value == "e1x there"
    assert lane.tool.fields["title"] == "e2x here"
    assert lane.tool.fields["status"] == "done"
    tags = made.fields["tags"].value
    assert isinstance(tags, tuple)
    assert {one.lower() for one in tags} == {"t1x", "t2x"}


@pytest.mark.parametrize("tool", ["careful", "journal", "lower", "workflow", "blind"])
def test_killed_after_every_effect(tool: str) -> None:
    for effects in range(EFFECTS):
        made = world(tool)
        for _ in range(effects):
            made.work(made.lanes[0])
        made.crash()
        finish(made)


@pytest.mark.parametrize("tool", ["careful", "journal", "lower", "workflow", "blind"])
def test_every_answer_lost_once(tool: str) -> None:
    for effects in range(EFFECTS):
        made = world(tool)
        lane = made.lanes[0]
        for _ in range(effects):
            made.work(lane)
        lane.tool.faults.lost_answer = 1.0
        made.work(lane)
        lane.tool.faults.lost_answer = 0.0
        finish(made)


@pytest.mark.parametrize("tool", ["careful", "journal", "lower", "workflow", "blind"])
def test_a_quiet_change_is_one_write(tool: str) -> None:
    made = world(tool)
    made.settle_down()
    lane = made.lanes[0]
    before = lane.tool.writes
    made.fields["title"] = HubField(value="e9x again", version=made.fields["title"].version + 1, at=made.now)
    made.fields["description"] = HubField(value="e8x too", version=made.fields["description"].version + 1, at=made.now)
    made.settle_down()
    assert lane.tool.writes == before + 1
    assert (lane.tool.fields["title"], lane.tool.fields["text"]) == ("e9x again", "e8x too")
