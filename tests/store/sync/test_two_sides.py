"""One incident, two tools: what is done on one side is done on the other, once, with who did it and why."""

from dataclasses import replace

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.catalog.model import StatusCategory
from rallypoint.sync import conflict_store, store
from rallypoint.sync.mapping import Direction, FieldRule, Text
from rallypoint.sync.model import Visibility
from tests.store.sync.conftest import Scene


async def test_an_incident_is_created_there_once_and_stays_in_step(scene: Scene) -> None:
    number = await scene.open()
    await scene.sync()
    [ticket] = scene.desk.tickets.values()
    assert (ticket.fields["subject"], ticket.fields["state"]) == ("Checkout is slow", "new")
    assert ticket.panel == f"INC-{number} ()", "what the mapping carries is not repeated"
    await scene.do(scene.them.responder, "acknowledge", number)
    await scene.do(scene.them.responder, "describe", number, title="Checkout takes 4 s")
    await scene.sync()
    assert (ticket.fields["subject"], ticket.fields["state"]) == ("Checkout takes 4 s", "open")
    writes = len(scene.desk.writes)
    for _ in range(3):
        await scene.sync()
    assert len(scene.desk.writes) == writes, "in step: nothing more is written"
    [link] = await scene.links(number)
    assert (link["state"], link["error"], link["due_at"]) == ("active", None, None)


async def test_what_the_tool_fills_in_by_itself_stays_there_and_does_not_come_here(scene: Scene) -> None:
    scene.desk.defaults = {"workaround": "See the handbook.", "urgency": "3"}
    number = await scene.open(urgency="critical")
    for _ in range(3):
        await scene.sync()
    [ticket] = scene.desk.tickets.values()
    assert ticket.fields["workaround"] == "See the handbook.", "we have nothing to say there"
    assert ticket.fields["urgency"] == "1", "where we have, ours counts"
    assert (await scene.incident(number)).workaround == ""
    scene.desk.edit(ticket.id, workaround="Restart it.")
    await scene.sync()
    assert (await scene.incident(number)).workaround == "Restart it.", "an edit is an edit"
    await scene.do(scene.them.responder, "set_workaround", number, text="Use the app.")
    await scene.sync()
    assert ticket.fields["workaround"] == "Use the app."


async def test_done_there_is_resolved_here_and_never_closed(scene: Scene) -> None:
    number = await scene.open()
    await scene.do(scene.them.responder, "acknowledge", number)
    await scene.sync()
    [ticket] = scene.desk.tickets.values()
    scene.desk.edit(ticket.id, state="closed")
    await scene.sync()
    now = await scene.incident(number)
    assert now.status_category is StatusCategory.RESOLVED
    assert now.confirmed_at is None
    assert "Desk" in now.resolution
    async with scene.db.transaction(SYSTEM) as tx:
        entries, _ = await incidents.timeline(tx, number)
    told = next(entry for entry in entries if entry.data.get("category") == "resolved")
    assert (told.actor_name, told.origin) == ("Noor in Desk", "sync:desk")
    scene.desk.edit(ticket.id, state="open")
    await scene.sync()
    assert (await scene.incident(number)).status_category is StatusCategory.ACTIVE


async def test_why_it_was_solved_there_is_the_resolution_here(scene: Scene) -> None:
    notes = FieldRule(hub="resolution", remote="notes", direction=Direction.OUT, transform=Text())
    async with scene.db.transaction(scene.them.manager) as tx:
        rules = replace(scene.mapping, version=2, fields=(*scene.mapping.fields, notes))
        await store.save_mapping(tx, rules, by="Mia")
    number = await scene.open()
    await scene.do(scene.them.responder, "acknowledge", number)
    await scene.sync()
    [ticket] = scene.desk.tickets.values()
    scene.desk.edit(ticket.id, state="solved", notes="The pool was too small.")
    await scene.sync()
    now = await scene.incident(number)
    assert (now.status_category, now.resolution) == (StatusCategory.RESOLVED, "The pool was too small.")
    writes = len(scene.desk.writes)
    for _ in range(3):
        await scene.sync()
    assert len(scene.desk.writes) == writes, "and it is not sent back"
    async with scene.db.transaction(SYSTEM) as tx:
        assert await conflict_store.conflicts(tx, incident=number) == []


async def test_a_ticket_there_becomes_one_incident_here(scene: Scene) -> None:
    await scene.sync()
    scene.desk.add(subject="Printer in Lyon is on fire", body="Smoke.", urgency="1", state="new")
    await scene.sync()
    await scene.sync()
    async with scene.db.transaction(SYSTEM) as tx:
        found, _ = await incidents.board(tx, limit=10)
    [row] = found
    assert row.incident.title == "Printer in Lyon is on fire"
    assert row.incident.origin == "sync:desk"
    assert len(scene.desk.tickets) == 1, "it is not sent back as a second ticket"
    [link] = await scene.links(row.incident.number)
    assert link["error"] is None


async def test_comments_travel_with_their_author_and_private_stays_private(scene: Scene) -> None:
    number = await scene.open()
    await scene.sync()
    [ticket] = scene.desk.tickets.values()
    await scene.do(scene.them.responder, "note", number, text="The pool is exhausted.")
    scene.desk.say(ticket.id, "The customer calls again.", Visibility.PUBLIC)
    scene.desk.say(ticket.id, "Between us: the vendor knows.", Visibility.PRIVATE)
    scene.desk.say(ticket.id, "Who may read this?", Visibility.UNKNOWN)
    for _ in range(3):
        await scene.sync()
    ours = [one for one in ticket.comments if one.author is not None and one.author.remote_id == "sync"]
    assert ["The pool is exhausted." in one.body and "Bob" in one.body for one in ours] == [True]
    assert ours[0].visibility is Visibility.PRIVATE
    async with scene.db.transaction(SYSTEM) as tx:
        entries, _ = await incidents.timeline(tx, number, kinds=["note"])
    said = {entry.text: (str(entry.visibility), entry.actor_name) for entry in entries if "sync" in entry.origin}
    assert said == {
        "The customer calls again.": ("public", "Noor in Desk"),
        "Between us: the vendor knows.": ("internal", "Noor in Desk"),
        "Who may read this?": ("internal", "Noor in Desk"),
    }


async def test_fewer_words_there_do_not_bounce(scene: Scene) -> None:
    number = await scene.open(urgency="critical")
    await scene.sync()
    [ticket] = scene.desk.tickets.values()
    assert ticket.fields["urgency"] == "1"
    await scene.do(scene.them.manager, "set_priority", number, urgency="high", reason="it got better")
    for _ in range(3):
        await scene.sync()
    assert (await scene.incident(number)).urgency == "high", "1 there is both high and critical here"
