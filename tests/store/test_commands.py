"""Commands against a real database: what they do is the same as on a screen, and is signed by who typed it."""

import getpass
import json
from pathlib import Path
from typing import Any

import pytest

from rallypoint import access, incidents, notify
from rallypoint.actors import SYSTEM
from rallypoint.clock import DatabaseClock
from rallypoint.db import Database
from rallypoint.edges.cli.main import run
from rallypoint.notify import method_store
from rallypoint.wiring import bus


@pytest.fixture
def at(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command with --json in a thread of its own; returns its exit code and what it said."""
    import asyncio

    monkeypatch.setenv("RALLYPOINT_DATABASE_URL", dsn)
    monkeypatch.setenv("RALLYPOINT_DATA", str(tmp_path))
    monkeypatch.setenv("RALLYPOINT_LOG_LEVEL", "critical")

    async def at(*given: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = await asyncio.to_thread(run, [*given, "--json"])
        said = capsys.readouterr().out
        assert said.count("\n") == 1, said
        return code, json.loads(said)

    return at


async def test_an_incident_from_open_to_closed(at: Any, dsn: str) -> None:
    await at("user", "add", "--name", "Bea", "--email", "bea@example.com", "--role", "responder")
    code, opened = await at("incident", "open", "--title", "Printers are down", "--reporter", "Ann")
    assert code == 0
    number = str(opened["number"])
    assert (await at("incident", "list"))[1]["items"][0]["rank"] == 1
    assert (await at("incident", "ack", number, "--as", "bea@example.com"))[1]["status_category"] == "active"
    assert (await at("incident", "resolve", number, "--resolution", "Restarted the queue."))[0] == 0
    assert (await at("incident", "ack", number))[0] == 1  # refused by a rule
    assert (await at("incident", "confirm", number))[0] == 0
    assert (await at("incident", "close", number))[1]["status_category"] == "closed"
    assert (await at("incident", "show", "4711"))[0] == 3
    shown = (await at("incident", "show", number))[1]
    who = {(line["actor_name"], line["origin"]) for line in shown["timeline"]}
    assert (getpass.getuser(), "cli") in who
    assert ("Bea", "cli") in who
    db = await Database.connect(dsn, clock=DatabaseClock(), bus=bus(), size=1)
    async with db.transaction(SYSTEM) as tx:
        assert (await incidents.verify_timeline(tx, int(number))).ok
    await db.close()


async def test_the_first_person_runs_the_house(at: Any) -> None:
    assert (await at("user", "add", "--name", "Ines", "--email", "ines@example.com"))[1]["roles"] == [
        "admin",
        "responder",
    ]
    assert (await at("user", "add", "--name", "Bea", "--email", "bea@example.com"))[1]["roles"] == ["responder"]
    made = await at("user", "add", "--name", "Vic", "--email", "vic@example.com", "--role", "viewer")
    assert made[1]["roles"] == ["viewer"]


async def test_the_demo_does_not_mix_with_another_house(at: Any) -> None:
    await at("user", "add", "--name", "Ines", "--email", "ines@example.com")
    code, said = await at("seed", "--demo")
    assert code == 1
    assert "a folder of its own" in said["error"]["message"]
    assert len((await at("user", "list"))[1]["items"]) == 1


async def test_people_and_keys_are_audited(at: Any, dsn: str) -> None:
    code, made = await at("user", "add", "--name", "Ines", "--email", "ines@example.com", "--role", "admin")
    assert code == 0
    assert "/login/" in made["login_url"]
    assert (await at("user", "add", "--name", "Ines", "--email", "ines@example.com"))[0] == 2
    assert (await at("user", "link", "ines@example.com"))[0] == 0
    assert (await at("user", "link", "nobody@example.com"))[0] == 3
    code, key = await at("key", "add", "terraform", "--role", "manager")
    assert key["token"].startswith("rp_")
    assert (await at("key", "revoke", str(key["id"])))[1]["revoked_at"]
    db = await Database.connect(dsn, clock=DatabaseClock(), bus=bus(), size=1)
    async with db.transaction(SYSTEM) as tx:
        entries, _ = await access.audit_entries(tx, cursor=None, limit=50)
        assert (await access.verify_audit(tx)).ok
    await db.close()
    assert {(entry.action, entry.origin) for entry in entries} >= {
        ("person created", "cli"), ("login link made", "cli"), ("key created", "cli"), ("key revoked", "cli"),
    }  # fmt: skip


async def test_the_rest_of_the_set_up(at: Any, tmp_path: Path) -> None:
    assert (await at("migrate"))[1] == {"ran": []}
    assert (await at("seed"))[0] == 0
    code, made = await at("integration", "add", "--name", "Prometheus", "--kind", "prometheus")
    assert code == 0
    assert made["url"].endswith("/in/" + made["key"])
    assert (await at("integration", "add", "Another"))[0] == 0
    assert {one["name"] for one in (await at("integration", "list"))[1]["items"]} == {"Prometheus", "Another"}
    assert (await at("oncall", "now"))[1] == {"items": []}
    assert (await at("oncall", "dry-run", "nothing"))[0] == 3
    file = tmp_path / "house.toml"
    assert (await at("export", "--to", str(file)))[0] == 0
    assert (await at("plan", str(file)))[1] == {"changes": []}
    assert (await at("apply", str(file)))[1] == {"changes": []}


async def test_the_doctor_looks_at_everything(at: Any) -> None:
    await at("incident", "open", "--title", "Something")
    code, found = await at("doctor", "--audit")
    checks = {check["name"]: check["grade"] for check in found["checks"]}
    assert code == 0, found
    assert checks["database"] == checks["schema"] == checks["timers"] == checks["paging runs"] == "ok"
    assert checks["audit trail"] == checks["timelines"] == "ok"
    assert checks["mail"] == checks["engine"] == "warn"


async def test_without_mail_it_is_bad_that_nobody_can_be_paged_and_a_warning_that_some_cannot(
    at: Any, db: Database
) -> None:
    async def mail() -> tuple[int, str, str]:
        code, found = await at("doctor")
        (check,) = (check for check in found["checks"] if check["name"] == "mail")
        return code, check["grade"], check["said"]

    await at("user", "add", "--name", "Vic", "--email", "vic@example.com", "--role", "viewer")
    assert await mail() == (0, "warn", "no mail leaves"), "a viewer is never paged"
    _, bea = await at("user", "add", "--name", "Bea", "--email", "bea@example.com", "--role", "responder")
    code, grade, said = await mail()
    assert (code, grade) == (1, "bad")
    assert "nobody can be paged" in said
    assert "Bea" in said
    assert "Vic" not in said
    await at("user", "add", "--name", "Ann", "--email", "ann@example.com", "--role", "responder")
    async with db.transaction(SYSTEM) as tx:
        hook = await notify.add_contact_method(
            tx, person_id=bea["id"], kind="webhook", address="https://hooks.example.com/bea", vault=Unlocked()
        )
    assert (await mail())[:2] == (1, "bad"), "the webhook is not verified yet"
    async with db.transaction(SYSTEM) as tx:
        await method_store.verify(tx, hook.id, None)
    assert await mail() == (0, "warn", "no mail leaves; it is how pages reach Ann")


class Unlocked:
    """A vault without a lock: what is sealed here is never sent."""

    def seal(self, text: str, bound_to: str) -> bytes:
        return text.encode()


async def test_the_doctor_sees_a_changed_timeline(at: Any, dsn: str) -> None:
    import asyncpg

    await at("incident", "open", "--title", "Something")
    connection = await asyncpg.connect(dsn)
    await connection.execute("alter table timeline_entry disable trigger user")
    await connection.execute("update timeline_entry set text = 'nothing happened' where position = 1")
    await connection.close()
    code, found = await at("doctor", "--audit")
    assert code == 1
    (timelines,) = (check for check in found["checks"] if check["name"] == "timelines")
    assert timelines["grade"] == "bad"
    assert "INC-1" in timelines["said"]


async def test_without_a_database_it_says_so(
    at: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RALLYPOINT_DATABASE_URL", "postgresql://x:hunter2@127.0.0.1:1/x")
    code, said = await at("incident", "list")
    assert code == 4
    assert "cannot be reached" in said["error"]["message"]
    assert "hunter2" not in said["error"]["message"]
    assert (await at("doctor"))[0] == 4


async def test_a_wrong_file_of_settings_is_named(at: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torn = tmp_path / "torn.toml"
    torn.write_text("port = [")
    for file, said in ((tmp_path / "none.toml", "there is no file"), (torn, "is not TOML")):
        monkeypatch.setenv("RALLYPOINT_CONFIG", str(file))
        code, answer = await at("incident", "list")
        assert code == 2
        assert said in answer["error"]["fields"]["RALLYPOINT_CONFIG"]


async def test_a_wrong_setting_is_named(at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RALLYPOINT_PORT", "banana")
    code, said = await at("incident", "list")
    assert code == 2
    assert "RALLYPOINT_PORT" in said["error"]["fields"]


async def test_files_go_in_come_out_and_go(at: Any, tmp_path: Path) -> None:
    await at("user", "add", "--name", "Bea", "--email", "bea@example.com", "--role", "responder")
    await at("incident", "open", "--title", "Something")
    log = tmp_path / "app.log"
    log.write_bytes(b"line\n" * 400_000)
    code, file = await at("incident", "attach", "1", str(log), "--about", "The last hour", "--as", "bea@example.com")
    assert (code, file["name"], file["visibility"], file["added_by"]) == (0, "app.log", "internal", "Bea")
    [listed] = (await at("incident", "files", "1"))[1]["items"]
    assert listed["is"] == "2 MB"
    saved = tmp_path / "saved.log"
    assert (await at("incident", "fetch", "1", "1", "--out", str(saved)))[0] == 0
    assert saved.read_bytes() == log.read_bytes()
    assert (await at("incident", "fetch", "1", "1", "--out", str(saved)))[0] != 0, "nothing is overwritten"
    (tmp_path / "empty").touch()
    assert (await at("incident", "attach", "1", str(tmp_path / "empty")))[0] == 2
    assert (await at("incident", "detach", "1", "1", "--reason", "It had a key in it."))[0] == 0
    assert (await at("incident", "files", "1"))[1]["items"] == []
    assert (await at("incident", "fetch", "1", "1"))[0] == 3


async def test_tags_and_fields(at: Any) -> None:
    code, opened = await at("incident", "open", "--title", "Slow", "--tag", "payments", "--tag", "DB")
    assert (code, opened["tags"]) == (0, ["DB", "payments"])
    assert (await at("incident", "tag", "1", "region", "--remove", "db"))[1]["tags"] == ["payments", "region"]
    assert len((await at("incident", "list", "--tag", "region"))[1]["items"]) == 1
    assert (await at("incident", "list", "--tag", "DB"))[1]["items"] == []
    code, said = await at("incident", "set", "1", "planet=Mars")
    assert (code, list(said["error"]["fields"])) == (2, ["custom.planet"])
    assert (await at("incident", "set", "1", "planet"))[0] == 2


async def test_what_hangs_together(at: Any) -> None:
    from rallypoint.edges.cli.commands.incident import TIES

    assert list(TIES) == [tie.value for tie in incidents.Tie]
    for title in ("One", "Two"):
        await at("incident", "open", "--title", title)
    [one] = (await at("incident", "relate", "2", "--to", "1", "--tie", "parent"))[1]["items"]
    assert (one["tie"], one["number"], one["title"]) == ("parent", 1, "One")
    assert (await at("incident", "relate", "1", "--to", "2", "--tie", "parent"))[0] == 1
    assert (await at("incident", "relations", "1"))[1]["items"][0]["tie"] == "child"
    assert (await at("incident", "unrelate", "1", "--to", "2"))[1]["items"] == []
