"""*My page*: how one is reached, one's password."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from rallypoint import notify
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from tests.web.conftest import Window

Opens = Callable[..., AbstractAsyncContextManager[Window]]


async def test_outside_the_demo_a_form_made_by_hand_adds_no_sandbox_phone(window: Opens, db: Database) -> None:
    async with window("Bea", "responder") as bea:
        refused = await bea.post("/me/methods", kind="sandbox", address="phone", label="mine")
        assert refused.status_code == 422
        assert "belongs to the demo" in refused.text
        async with db.transaction(SYSTEM) as tx:
            assert await notify.contact_methods(tx, bea.person.id) == []
        added = await bea.post("/me/methods", kind="email", address="bea@home.example", label="")
        assert added.status_code == 303, added.text
