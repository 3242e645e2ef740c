"""How a connection is, where people look: its budget, its webhook, its credentials, and one item that is limited."""

from datetime import timedelta

from rallypoint.actors import SYSTEM
from rallypoint.db import Database, Transaction
from rallypoint.sync import hook_store, lane_store, store
from tests.store.sync.desk import Desk
from tests.web.test_sync import HERE, Opens, connected, declared, desk, house, turned_on

__all__ = ["desk", "house"]


async def its_id(tx: Transaction) -> int:
    return (await store.connection(tx, "desk")).id


async def test_a_budget_is_shown_and_in_the_list_only_when_it_is_spent(window: Opens, desk: Desk, db: Database) -> None:
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        async with db.transaction(SYSTEM) as tx:
            later, none = tx.now + timedelta(minutes=20), None
            given = {"most": 1000, "remaining": 412, "resets_at": later, "rests_until": none}
            await lane_store.note_quota(tx, await its_id(tx), "core", **given)
        assert "412 of 1,000 left" in (await mia.get(f"{HERE}/desk")).text
        assert "412" not in (await mia.get(HERE)).text
        async with db.transaction(SYSTEM) as tx:
            await lane_store.note_quota(tx, await its_id(tx), "core", **{**given, "rests_until": later})
        assert "rests until" in (await mia.get(HERE)).text


async def test_trouble_with_a_webhook_and_refused_credentials_are_said(window: Opens, desk: Desk, db: Database) -> None:
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        await mia.post(f"{HERE}/desk/webhook")
        assert "It tells us of changes." in (await mia.get(f"{HERE}/desk")).text
        async with db.transaction(SYSTEM) as tx:
            for _ in range(4):
                await hook_store.add_unheard(tx, await its_id(tx))
        for page in (HERE, f"{HERE}/desk"):
            assert "4 rounds of asking found changes" in (await mia.get(page)).text
        assert "<dd>accepted</dd>" in (await mia.get(f"{HERE}/desk")).text
        desk.password = "another"
        await mia.post(f"{HERE}/desk/check")
        assert '<span class="bad">refused</span>' in (await mia.get(f"{HERE}/desk")).text


async def test_an_item_that_the_tool_limits_and_a_field_that_was_stopped_say_so(
    window: Opens, desk: Desk, db: Database
) -> None:
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        number, mapping = await declared(mia), await turned_on(mia)
        async with db.transaction(SYSTEM) as tx:
            link = await store.add_link(tx, incident=number, mapping=await store.mapping(tx, mapping), remote_id="T1")
            assert link is not None
            await lane_store.rest_item(tx, link.id, tx.now + timedelta(minutes=5))
        assert "limits how often this item may be changed" in (await mia.get(f"/i/{number}")).text
        async with db.transaction(SYSTEM) as tx:
            changes = {"frozen": ["workaround"], "due_at": None}
            await store.change_link(tx, link.id, **changes)
            await tx.execute("update sync_link set rests_until = null, agreed_at = :now where id = :id", id=link.id)
        page = (await mia.get(f"/i/{number}")).text
        assert "Workaround: it went back and forth, and was stopped" in page
        assert "Try again" in page


async def test_what_a_form_shows_without_leaving_its_page_leaves_the_address_alone(window: Opens, desk: Desk) -> None:
    """Where the form was sent to there is nothing to read: a live page would ask there again."""
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        headers = {"sec-fetch-site": "same-origin", "hx-request": "true"}
        boosted = await mia.http.post(f"{HERE}/desk/check", headers=headers)
        assert (boosted.status_code, boosted.headers["hx-push-url"]) == (200, "false")
        left = await mia.http.post(f"{HERE}/desk/pause", headers=headers)
        assert left.is_redirect
        assert "hx-push-url" not in left.headers
        assert "hx-push-url" not in (await mia.get(f"{HERE}/desk")).headers
