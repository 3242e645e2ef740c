"""Action items from the command line, sent to a ServiceNow that is served beside."""

import io
from pathlib import Path
from typing import Any

import pytest

from rallypoint import access, learning, wiring
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.clock import DatabaseClock
from rallypoint.db import Database
from rallypoint.egress import Egress
from rallypoint.emulators.base import serving
from rallypoint.emulators.servicenow import INTEGRATION_USER, ServiceNow
from rallypoint.learning.following import Following, follow_due
from rallypoint.settings import Settings
from rallypoint.sync.texts import Texts
from tests.store.test_commands import at as at  # the same commands, run the same way


async def engine(dsn: str, data: Path) -> None:
    """What a running server would do now."""
    settings = Settings(data=data, allow_private_targets=True)
    db = await Database.connect(dsn, clock=DatabaseClock(), bus=wiring.bus(), size=4)
    egress = Egress(settings)
    lanes = wiring.lanes(db, settings=settings, vault=Vault.open(settings), egress=egress)
    await follow_due(Following(db, lanes, texts=Texts(), base_url="https://rp.example"))
    await lanes.drain()
    await egress.close()
    await db.close()


async def promised(dsn: str, number: int) -> int:
    db = await Database.connect(dsn, clock=DatabaseClock(), bus=wiring.bus(), size=1)
    async with db.transaction(SYSTEM) as tx:
        await learning.draw_up(tx, number)
        bea = await access.person_by_email(tx, "bea@example.com")
        assert bea is not None
        due_on = tx.now.date().replace(year=tx.now.year + 1, day=1)
        item = await learning.add_action_item(tx, number, title="Spare printer", owner_id=bea.id, due_on=due_on)
    await db.close()
    return item.id


async def test_an_action_item_is_sent_finished_and_parted(
    at: Any, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RALLYPOINT_ALLOW_PRIVATE_TARGETS", "true")
    await at("user", "add", "--name", "Bea", "--email", "bea@example.com", "--role", "responder")
    number = (await at("incident", "open", "--title", "Printers are down"))[1]["number"]
    await at("incident", "ack", str(number))
    await at("incident", "resolve", str(number), "--resolution", "Restarted the queue.")
    emulator = ServiceNow(DatabaseClock())
    async with serving(emulator) as url:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"password={emulator.passwords[INTEGRATION_USER]}"))
        given = ("--tool", "servicenow", "--url", url, "--set", f"user={INTEGRATION_USER}", "--stdin")
        assert (await at("sync", "connect", "desk", *given))[0] == 0
        file = tmp_path / "mapping.json"
        await at("sync", "suggest", "desk", "--project", "incident", "--type", "incident", "--to", str(file))
        mapping = str((await at("sync", "save", str(file), "--connection", "desk"))[1]["id"])
        id = str(await promised(dsn, number))

        assert (await at("action", "send", "99", "--mapping", mapping))[0] == 3
        code, sent = await at("action", "send", id, "--mapping", mapping, "--as", "bea@example.com")
        assert (code, sent["elsewhere"]["state"]) == (0, "creating")
        assert (await at("action", "send", id, "--mapping", mapping))[0] == 5
        await engine(dsn, tmp_path)
        [listed] = (await at("action", "list"))[1]["items"]
        assert (listed["elsewhere"]["state"], listed["elsewhere"]["error"]) == ("active", None)
        [row] = emulator.instance.tables["incident"].values()
        assert row["number"] == listed["item"]
        assert row["short_description"] == "Spare printer"
        assert row["due_date"].endswith("12:00:00")
        assert "Printers are down" in row["description"]

        assert (await at("action", "finish", id, "--as", "bea@example.com"))[1]["finished_by"] == "Bea"
        await engine(dsn, tmp_path)
        [row] = emulator.instance.tables["incident"].values()
        shown = (await at("action", "list", "--incident", str(number)))[1]["items"]
        held = {one["field"]: one["reason"] for one in shown[0]["elsewhere"]["held_back"]}
        assert held.keys() == {"owner", "status"}
        assert row["state"] == "1", "a suggested mapping fills in no close notes"
        assert "notes" in held["status"]
        assert "Bea" in held["owner"]
        assert (await at("action", "reopen", id, "--reason", "It jams."))[1]["state"] == "open"
        assert (await at("action", "retry", id))[0] == 0
        assert (await at("action", "part", id, "--reason", "Bought."))[1]["elsewhere"]["state"] == "ended"
        assert (await at("action", "drop", id, "--reason", "Paperless now."))[1]["state"] == "dropped"
