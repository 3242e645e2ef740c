"""Connections, mappings, linked items and conflicts in the pages, with a desk in memory as the tool."""

import html
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.edges.web import sync_form
from rallypoint.house import House
from rallypoint.sync import conflict_store, setting_up, store
from rallypoint.sync.mapping import OnDelete, Owner, Text, Unmapped
from rallypoint.sync.model import Conflict, Link, Person, Project, Side
from tests.api.conftest import house_on
from tests.store.sync.desk import Desk
from tests.web.conftest import Window

Opens = Callable[..., AbstractAsyncContextManager[Window]]
HERE = "/admin/connections"


@pytest.fixture
def desk(db: Database) -> Desk:
    return Desk(db.clock.now)


@pytest.fixture
async def house(db: Database, dsn: str, tmp_path: Path, desk: Desk) -> AsyncIterator[House]:
    async with house_on(db, dsn, tmp_path, desk) as found:
        yield found


async def connected(mia: Window, desk: Desk) -> None:
    made = await mia.post(
        f"{HERE}/new", tool="desk", base_url="https://desk.example", name="Desk", **{"secret.password": desk.password}
    )
    assert made.headers["location"] == f"{HERE}/desk", made.text


def fields_in(page: str) -> dict[str, str]:
    """What a browser would send of the mapping form, as it stands on the page."""
    form = page[page.index('<form id="mapping"') :]
    form = form[: form.index("</form>")]
    found: dict[str, str] = {}
    for name, body in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', body) or re.search(r'<option value="([^"]*)"', body)
        found[name] = chosen[1] if chosen else ""
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r' name="([^"]+)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or " checked" in tag):
            found[name[1]] = value[1] if value else ""
    for name, text in re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n?(.*?)</textarea>', form, re.S):
        found[name] = text
    return {html.unescape(name): html.unescape(value) for name, value in found.items()}


async def turned_on(mia: Window, **typed: str) -> int:
    page = await mia.get(f"{HERE}/desk/mappings/new?place=" + json.dumps(["desk", "ticket"]))
    assert page.status_code == 200, page.text
    saved = await mia.post(f"{HERE}/desk/mappings/new", **{**fields_in(page.text), **typed, "do": "save"})
    assert saved.status_code == 303, saved.text
    return int(saved.headers["location"].rpartition("/")[2])


async def declared(mia: Window) -> int:
    made = await mia.post("/declare", title="Checkout is slow", impact="moderate", urgency="medium")
    assert made.status_code == 303, made.text
    return int(made.headers["location"].rpartition("/")[2])


async def test_only_who_manages_integrations_sees_connections(window: Opens) -> None:
    async with window("Bea", "responder") as bea:
        assert (await bea.get(HERE)).status_code == 403
        assert (await bea.get("/conflicts")).status_code == 200
    async with window("Vic", "viewer") as vic:
        assert (await vic.get("/conflicts")).status_code == 403


async def test_a_tool_is_connected_and_its_secret_never_shown_again(window: Opens, desk: Desk) -> None:
    async with window("Mia", "manager") as mia:
        refused = await mia.post(f"{HERE}/new", tool="desk", base_url="desk", name="Our desk")
        assert refused.status_code == 422
        assert refused.text.count('aria-invalid="true"') >= 1
        assert 'value="Our desk"' in refused.text
        wrong = await mia.post(
            f"{HERE}/new", tool="desk", base_url="https://desk.example", name="Desk", **{"secret.password": "guess-me"}
        )
        page = await mia.get(wrong.headers["location"])
        assert "does not let us in yet" in page.text
        assert "refused" in page.text
        assert "guess-me" not in page.text
        again = await mia.post(
            f"{HERE}/desk/credentials", base_url="https://desk.example", **{"secret.password": desk.password}
        )
        page = await mia.get(again.headers["location"])
        assert "lets us in" in page.text
        assert desk.password not in page.text
        twice = await mia.post(
            f"{HERE}/new", tool="desk", base_url="https://desk.example", name="Desk", **{"secret.password": "x"}
        )
        assert twice.status_code == 409
        assert "exists already" in twice.text


async def test_a_connection_is_paused_and_resumed_with_its_reason(window: Opens, desk: Desk) -> None:
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        await mia.post(f"{HERE}/desk/pause", reason="the desk moves house")
        assert "the desk moves house" in (await mia.get(HERE)).text
        await mia.post(f"{HERE}/desk/resume")
        assert "the desk moves house" not in (await mia.get(HERE)).text


async def test_the_address_of_a_webhook_is_on_one_answer_only(window: Opens, desk: Desk) -> None:
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        shown = await mia.post(f"{HERE}/desk/webhook")
        key = re.search(r"/told/([\w-]+)", shown.text)
        assert key is not None
        assert key[1] not in (await mia.get(f"{HERE}/desk")).text


async def test_a_mapping_is_suggested_changed_and_turned_on_in_versions(
    window: Opens, desk: Desk, db: Database
) -> None:
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        typed = {"owner:title": "ask", "h.field:0": "urgency", "h.values:0": "high"}
        id = await turned_on(mia, name="Tickets", **typed)
        async with db.transaction(SYSTEM) as tx:
            rules = await store.mapping(tx, id)
        title = rules.rule_for("title")
        assert title is not None
        assert (title.remote, title.owner) == ("subject", Owner.ASK)
        assert rules.scope.hub[0].values == ("high",)
        page = await mia.get(f"/admin/mappings/{id}")
        second = await mia.post(f"/admin/mappings/{id}", **{**fields_in(page.text), "name": "All", "do": "save"})
        assert second.is_redirect
        late = await mia.post(f"/admin/mappings/{id}", **{**fields_in(page.text), "name": "Mine", "do": "save"})
        assert late.status_code == 409
        assert 'value="Mine"' in late.text
        await mia.post(f"/admin/mappings/{id}/roll-back", version="1")
        async with db.transaction(SYSTEM) as tx:
            now = await store.mapping(tx, id)
        assert (now.version, now.name) == (3, "Tickets")
        assert (await mia.get(f"/admin/mappings/{id}?version=2")).status_code == 200


async def test_nothing_typed_is_lost_when_a_mapping_is_refused(window: Opens, desk: Desk) -> None:
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        new = f"{HERE}/desk/mappings/new"
        sent = fields_in((await mia.get(new + "?place=" + json.dumps(["desk", "ticket"]))).text)
        sent |= {"name": "", "owner:title": "ask", "h.field:0": "urgency", "do": "save"}
        refused = await mia.post(new, **sent)
        assert refused.status_code == 422
        kept = fields_in(refused.text)
        assert {name: kept.get(name, "") for name in sent if name != "do"} == {
            name: value for name, value in sent.items() if name != "do"
        }
        assert refused.text.count('aria-invalid="true"') == 2
        broken = {**sent, "name": "Tickets", "h.field:0": "", "sout:resolved": "gone"}
        lossy = await mia.post(new, **broken)
        assert lossy.status_code == 422
        assert "gone is no value of state there" in lossy.text
        desk.password = "changed meanwhile"
        away = await mia.post(new, **sent)
        assert away.status_code == 502
        assert fields_in(away.text)["owner:title"] == "ask"


async def test_what_else_follows_is_set_in_the_form(window: Opens, desk: Desk, db: Database) -> None:
    desk.places = (*desk.places, Project(id="shop", name="Shop", types=("ticket", "bug")))
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        id = await turned_on(mia, name="Tickets")
        async with db.transaction(SYSTEM) as tx:
            before = await store.mapping(tx, id)
        here = f"/admin/mappings/{id}"
        shown = (await mia.get(here)).text
        assert "Send some elsewhere" in shown
        assert "No rule: all of them are made there." in shown
        untouched = await mia.post(here, **{**fields_in(shown), "do": "look"})
        whole = html.unescape(fields_in(untouched.text)["rules"])
        assert json.loads(whole) == setting_up.bare_rules(before), "what nobody touched is as it was"
        asked = (await mia.post(here, **{**fields_in(shown), "do": "place"})).text
        assert "Shop: bug" in asked
        assert "Desk: ticket" not in asked, "that is where they are made anyway"
        typed = {
            "a.megabytes": "5", "a.refused": "video/", "p.pairs": "bea@example.com = noor", "p.unmapped": "as text",
            "d.there": "cancel", "d.looks": "5", "l.panel": "", "most:title": "60",
            "w0.place": json.dumps(["shop", "bug"]), "w0.field:0": "urgency", "w0.check:0": "is",
            "w0.values:0": "critical",
        }  # fmt: skip
        wrong = await mia.post(
            here, **{**fields_in(asked), **typed, "d.looks": "many", "w0.values:0": "", "do": "save"}
        )
        assert wrong.status_code == 422
        assert wrong.text.count('aria-invalid="true"') == 2
        assert fields_in(wrong.text)["p.pairs"] == "bea@example.com = noor", "nothing typed is lost"
        saved = await mia.post(here, **{**fields_in(wrong.text), **typed, "do": "save"})
        assert saved.is_redirect, saved.text
        async with db.transaction(SYSTEM) as tx:
            now = await store.mapping(tx, id)
        assert (now.attachments.max_bytes, now.attachments.refused_types) == (5_000_000, ("video/",))
        assert [(one.hub_email, one.remote_id) for one in now.people.pairs] == [("bea@example.com", "noor")]
        assert now.people.unmapped is Unmapped.AS_TEXT
        assert (now.deletion.remote_deleted, now.deletion.confirmations) == (OnDelete.CANCEL, 5)
        assert not now.links.panel
        assert [(one.project, one.type, one.when[0].values) for one in now.create.places] == [
            ("shop", "bug", ("critical",))
        ]
        title = now.rule_for("title")
        assert title is not None
        assert title.transform == Text(max_length=60, single_line=True)
        assert "Shop: bug" in (await mia.get(here)).text


async def test_a_preview_says_what_would_be_written_and_writes_nothing(window: Opens, desk: Desk) -> None:
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        number = await declared(mia)
        new = f"{HERE}/desk/mappings/new"
        sent = fields_in((await mia.get(new + "?place=" + json.dumps(["desk", "ticket"]))).text)
        shown = await mia.post(new, **{**sent, "incident": f"INC-{number}", "do": "preview"})
        assert "An item would be made" in shown.text
        assert '<span class="will">Checkout is slow</span>' in shown.text
        assert '<span class="will">Medium</span>' in shown.text
        assert not desk.tickets
        desk.add(subject="Printer on fire")
        opened = await mia.post(new, **{**sent, "item": "T1", "do": "preview"})
        assert "An incident would be opened" in opened.text
        nobody = await mia.post(new, **{**sent, "incident": "seven", "do": "preview"})
        assert nobody.status_code == 422
        assert "no number of an incident" in nobody.text
        none = await mia.post(new, **{**sent, "item": "T9", "do": "preview"})
        assert none.status_code == 422
        assert "Cannot be read there" in none.text


async def test_items_are_linked_created_and_parted_on_the_incident(window: Opens, desk: Desk, db: Database) -> None:
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        number = await declared(mia)
        assert "Elsewhere" not in (await mia.get(f"/i/{number}")).text
        mapping = str(await turned_on(mia))
        desk.add(subject="Slow checkout")
        wrong = await mia.post(f"/i/{number}/elsewhere/join", mapping=mapping, remote_id="T7")
        assert wrong.status_code == 422
        assert 'value="T7"' in wrong.text
        await mia.post(f"/i/{number}/elsewhere/join", mapping=mapping, remote_id="T1")
        page = (await mia.get(f"/i/{number}")).text
        assert "DESK-1" in page
        async with db.transaction(SYSTEM) as tx:
            link = (await store.links_of(tx, number))[0]["id"]
            error = {"cause": "validation", "said": "Subject is closed for us."}
            await store.change_link(tx, link, error=error, due_at=None)
        assert "Subject is closed for us." in (await mia.get(f"/i/{number}")).text
        other = await declared(mia)
        assert (await mia.post(f"/i/{other}/elsewhere/{link}/part")).status_code == 404
        assert (await mia.post(f"/i/{number}/elsewhere/{link}/again")).is_redirect
        assert "Subject is closed for us." not in (await mia.get(f"/i/{number}")).text
        assert (await mia.post(f"/i/{number}/elsewhere/{link}/part", reason="wrong one")).is_redirect
        assert "wrong one" in (await mia.get(f"/i/{number}")).text
        assert (await mia.post(f"/i/{other}/elsewhere/create", mapping=mapping)).is_redirect
        assert "is being created" in (await mia.get(f"/i/{other}")).text
        async with window("Vic", "viewer") as vic:
            assert "is being created" in (await vic.get(f"/i/{other}")).text
            assert (await vic.post(f"/i/{other}/elsewhere/create", mapping=mapping)).status_code == 403


async def disputed(db: Database, number: int, mapping_id: int, winner: Side | None) -> int:
    """A conflict over the title, as the lanes put one down."""
    async with db.transaction(SYSTEM) as tx:
        mapping = await store.mapping(tx, mapping_id)
        link: Link | None = await store.add_link(tx, incident=number, mapping=mapping, remote_id=f"T{number}{winner}")
        assert link is not None
        return await conflict_store.add_conflict(
            tx, number,
            Conflict(
                link=link.id, field="title", hub_value="Checkout is slow", hub_version=2, hub_at=tx.now, hub_by="Mia",
                remote_raw="Checkout is <dead>", remote_value="Checkout is <dead>", remote_at=tx.now,
                remote_by=Person(name="Noor"), winner=winner, rule="both changed; a person decides",
            ),
        )  # fmt: skip


async def test_a_conflict_is_decided_and_a_rule_turned_round(window: Opens, desk: Desk, db: Database) -> None:
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        number, mapping = await declared(mia), await turned_on(mia)
        assert "Conflicts" not in (await mia.get("/oncall")).text
        waits = await disputed(db, number, mapping, None)
        ruled = await disputed(db, number, mapping, Side.HUB)
        assert '/conflicts">Conflicts <span class="n">1</span>' in (await mia.get("/oncall")).text
        page = (await mia.get("/conflicts")).text
        assert "Checkout is <ins>slow</ins>" in page
        assert "Checkout is <ins>&lt;dead&gt;</ins>" in page
        assert "Noor" in page
        assert (await mia.post(f"/conflicts/{waits}", side="nobody")).status_code == 422
        await mia.post(f"/conflicts/{waits}", side="remote")
        assert "Checkout is &lt;dead&gt;" in (await mia.get(f"/i/{number}")).text
        assert "No conflict waits" in (await mia.get("/conflicts")).text
        assert (await mia.post(f"/conflicts/{waits}", side="hub")).status_code == 409
        settled = (await mia.get("/conflicts?show=settled")).text
        assert "Decided by Mia" in settled
        assert "Turn it round" in settled
        edited = await mia.post(f"/conflicts/{ruled}/round", back="settled")
        assert edited.status_code == 409
        assert "which would be lost" in edited.text
        assert "Turn it round all the same" in edited.text
        assert (await mia.post(f"/conflicts/{ruled}/round", back="settled", over="yes")).is_redirect
        assert (await mia.post(f"/conflicts/{ruled}/round", back="settled")).is_redirect, "and back again"
        assert "Checkout is slow" in (await mia.get(f"/i/{number}")).text
        assert (await mia.post("/conflicts/99999", side="hub")).status_code == 404


def test_every_tick_of_the_form_is_a_rule_of_comments() -> None:
    names = {name for name, *_ in (*sync_form.COMMENTS, *sync_form.RISKY)}
    assert names == {"send_public", "send_private", "send_work_notes", "work_notes_public", "private_to_open_tool",
                     "open_tool_to_reporter",
                     "edits", "deletes", "name_author"}  # fmt: skip
