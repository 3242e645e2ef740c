"""Tags, a domain's own fields and what hangs together, on the pages: plain forms that forget nothing."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from tests.web.conftest import Window

Opens = Callable[..., AbstractAsyncContextManager[Window]]


async def test_an_administrator_adds_a_field_and_it_is_filled_in(window: Opens, db: Database) -> None:
    async with window("Ada", "admin") as ada, window("Bea", "responder") as bea:
        assert "Add a field" not in (await bea.get("/admin/domains")).text
        region = {"name": "Region", "kind": "choice", "choices": "EU\r\nUS", "hint": "Where it hurts"}
        assert (await bea.post("/admin/domains/it-service/fields", **region)).status_code == 403
        wrong = await ada.post("/admin/domains/it-service/fields", **{**region, "choices": ""})
        assert wrong.status_code == 422
        assert "nothing to choose from" in wrong.text
        assert 'value="Where it hurts"' in wrong.text
        assert (await ada.post("/admin/domains/it-service/fields", **region)).status_code == 303
        cost = {"name": "Cost in €", "kind": "number"}
        assert (await ada.post("/admin/domains/it-service/fields", **cost)).status_code == 303
        assert '<span class="mono meta">cost-in</span>' in (await ada.get("/admin/domains")).text

        page = (await bea.get("/declare")).text
        assert "Only for incidents of IT service" in page
        asked = {"title": "Label printer", "custom.it-service.region": "EU", "custom.it-service.cost-in": "lots"}
        again = await bea.post("/declare", tags="warehouse, print", **asked)
        assert again.status_code == 422
        assert 'id="declare-custom.it-service.cost-in-wrong"' in again.text
        assert 'value="warehouse, print"' in again.text
        asked["custom.it-service.cost-in"] = "120"
        done = await bea.post("/declare", tags="warehouse, print", **asked)
        assert done.status_code == 303
        page = (await bea.get("/i/1")).text
        assert "Region</dt>" in page
        assert "120" in page
        assert 'href="/board?tag=warehouse"' in page
        assert (await bea.post("/i/1/fields", **{"custom.region": "US", "custom.cost-in": ""})).status_code == 303
        off = await bea.post("/i/1/fields", **{"custom.region": "Mars"})
        assert off.status_code == 422
        assert "EU, US" in off.text
        retired = {"key": "cost-in", "name": "Cost", "kind": "number", "retired": "1"}
        assert (await ada.post("/admin/domains/it-service/fields", **retired)).status_code == 303
        assert "Cost</dt>" not in (await bea.get("/i/1")).text, "retired and empty: not shown"
        assert "- Region: US" in (await bea.get("/i/1.md")).text
    async with db.transaction(SYSTEM) as tx:
        record = await incidents.incident(tx, 1)
    assert (record.tags, record.custom) == (("print", "warehouse"), {"region": "US"})


async def test_tags_on_the_page_and_the_board(window: Opens, db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        for title in ("Checkout is slow", "Mail is down"):
            await incidents.open_incident(tx, title=title)
    async with window("Bea", "responder") as bea, window("Vic", "viewer") as vic:
        assert (await bea.post("/i/1/tags", tags="Black Friday; <b>")).status_code == 303
        board = (await vic.get("/board?tag=Black+Friday")).text
        assert "Checkout is slow" in board
        assert "Mail is down" not in board
        assert "&lt;b&gt;" in board
        assert 'href="/board?tag=Black%20Friday"' in (await vic.get("/board")).text
        assert '"<b>, Black Friday"' in (await vic.get("/board.csv")).text
        assert (await vic.post("/i/1/tags", tags="mine")).status_code == 403
        wrong = await bea.post("/i/1/tags", tags="x" * 61)
        assert wrong.status_code == 422
        assert "x" * 61 in wrong.text
        assert (await bea.post("/i/1/tags", tags="")).status_code == 303
        assert "No longer" in (await vic.get("/i/1?show=all")).text


async def test_what_hangs_together(window: Opens, db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        for title in ("Checkout is slow", "The pool is empty"):
            await incidents.open_incident(tx, title=title)
    async with window("Bea", "responder") as bea, window("Vic", "viewer") as vic:
        assert (await bea.post("/i/1/relate", tie="child", to="inc-2")).status_code == 303
        page = (await vic.get("/i/2")).text
        assert "Parent</span>" in page
        assert "Checkout is slow" in page
        for typed, said in (("99", "There is no INC-99"), ("soon", "no number of an incident"), ("1", "itself")):
            wrong = await bea.post("/i/1/relate", tie="related", to=typed)
            assert wrong.status_code == 422
            assert said in wrong.text
        assert (await bea.post("/i/1/relate", tie="parent", to="2")).status_code == 409
        assert (await vic.post("/i/1/relations/1")).status_code == 403
        assert (await bea.post("/i/1/relations/1")).status_code == 303
        assert "Parent</span>" not in (await vic.get("/i/2")).text
