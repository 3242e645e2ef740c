"""The incident's page for who reported it: their answer is theirs to give, whatever their role."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from tests.web.conftest import Window

Opens = Callable[..., AbstractAsyncContextManager[Window]]


async def resolved(db: Database, number: int, text: str) -> None:
    async with db.transaction(SYSTEM) as tx:
        await incidents.resolve(tx, number, resolution=text)


async def test_the_own_reporter_confirms_and_rejects_and_no_other_viewer(window: Opens, db: Database) -> None:
    async with window("Vic", "viewer") as vic, window("Eve", "viewer") as eve, window("Dana", "desk1") as dana:
        wish = {
            "kind": "incident",
            "title": "My printer",
            "reporter_name": "Vic",
            "reporter_contact": "vic@example.com",
        }
        assert (await vic.post("/report", **wish)).status_code == 303
        await resolved(db, 1, "New toner.")
        offered = {who.person.name: (await who.get("/i/1")).text for who in (vic, eve, dana)}
        for act in ("confirm", "reject"):
            assert f'action="/i/1/{act}"' in offered["Vic"]
            assert f'action="/i/1/{act}"' in offered["Dana"]
            assert f'action="/i/1/{act}"' not in offered["Eve"]
        assert "It works again" in offered["Vic"]
        assert "Confirm for the reporter" not in offered["Vic"]
        assert "Confirm for the reporter" in offered["Dana"]
        refused = await eve.post("/i/1/confirm", note="")
        assert refused.status_code == 403
        assert "Only the reporter says" in refused.text
        wordless = await vic.post("/i/1/reject", reason="")
        assert wordless.status_code == 422
        assert (await vic.post("/i/1/reject", reason="Still empty.")).status_code == 303
        await resolved(db, 1, "Really new toner.")
        assert (await vic.post("/i/1/confirm", note="Thanks.")).status_code == 303
        assert 'action="/i/1/confirm"' not in (await vic.get("/i/1")).text
    async with db.transaction(SYSTEM) as tx:
        after = await incidents.incident(tx, 1)
    assert (after.confirmation, after.reopened) == (incidents.Confirmation.BY_REPORTER, 1)
