"""The API against its own description: no 5xx, nothing undocumented, no way past the key.

Half of the addresses name things that exist, so that requests get past "there is no such thing"; the last test counts
which operations did what they are for. The seed is printed with every failure; RALLYPOINT_FUZZ_SEED tries another, and
RALLYPOINT_FUZZ_EXAMPLES more of it. A seed that found something goes into a test of its own, by what it found.
"""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, note, seed, settings
from schemathesis.checks import CHECKS, load_all_checks
from starlette.applications import Starlette

from rallypoint import access, alerts, catalog, incidents, oncall, wiring
from rallypoint.access import Role
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.clock import DatabaseClock
from rallypoint.db import Database, Transaction
from rallypoint.edges import api
from rallypoint.sync import conflict_store, connecting, linking, setting_up, store
from rallypoint.sync.model import Conflict
from tests.api.conftest import house_on
from tests.conftest import database_url, drop_database
from tests.store.sync.desk import Desk

load_all_checks()
SEED = int(os.environ.get("RALLYPOINT_FUZZ_SEED", "2026"))
EXAMPLES = int(os.environ.get("RALLYPOINT_FUZZ_EXAMPLES", "5"))
REACHED: dict[str, set[int]] = {}
"""Each operation with the statuses it answered, in the order of the tests."""
CHECKED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
           "ignored_auth")  # fmt: skip


@pytest.fixture(scope="module")
def served(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A real server on a free port: its address and an admin's key."""
    dsn, token = asyncio.run(_database(server, template))
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    app = _app(dsn, tmp_path_factory.mktemp("data"))
    running = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [door]}, daemon=True)
    thread.start()
    while not running.started and thread.is_alive():
        thread.join(0.01)
    assert running.started
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}", token
    finally:
        running.should_exit = True
        thread.join(20)
        door.close()
        asyncio.run(_drop(server))


def _app(dsn: str, data: Path) -> object:
    place = api.mount()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette):  # type: ignore[no-untyped-def]
        db = await Database.connect(dsn, clock=DatabaseClock(), bus=wiring.bus(), size=4)
        async with house_on(db, dsn, data) as house:
            place.app.state.house = house  # type: ignore[attr-defined]
            yield
        await db.close()

    return Starlette(routes=[place], lifespan=lifespan)


async def _database(server: str, template: str) -> tuple[str, str]:
    admin = await asyncpg.connect(server)
    await drop_database(admin, "schemathesis")
    await admin.execute(f"create database schemathesis template {template} strategy file_copy")
    await admin.close()
    dsn = database_url(server, "schemathesis")
    db = await Database.connect(dsn, clock=DatabaseClock(), bus=wiring.bus(), size=1)
    async with db.transaction(SYSTEM) as tx:
        person = await access.create_person(
            tx, name="Ines", email="ines@example.com", roles=[Role.ADMIN, Role.RESPONDER, Role.DESK3]
        )
        for number in range(INCIDENTS):  # keys that addresses can name, and that may be revoked: not the one in use
            await access.create_key(tx, name=f"spare {number}", person_id=person.id)
        token = (await access.create_key(tx, name="fuzz", person_id=person.id)).token
        await _things(tx, person.id)
        await _tool(tx)
    await db.close()
    return dsn, token


async def _things(tx: Transaction, ines: int) -> None:
    """What addresses can name: five incidents with work on them, and one of everything else."""
    await access.create_team(tx, key=KEY, name="Shop")
    await catalog.create_service(tx, key=KEY, name="Shop", domain="production", team=KEY, public=True)
    await oncall.create_schedule(tx, key=KEY, name="Turns")
    await oncall.add_rotation(
        tx, KEY, name="Turns", kind="weekly", starts_on=date(2026, 6, 1), hands_over_at=time(9), people=[ines]
    )
    steps = [{"after_minutes": 0, "targets": [("schedule", KEY)]}]
    await oncall.create_policy(tx, key=KEY, name="Shop", steps=steps)
    await alerts.create_integration(tx, name="Monitor", kind="generic")
    for number in range(1, INCIDENTS + 1):
        opened = await incidents.open_incident(tx, title=f"Something {number}", service=KEY)
        await incidents.add_task(tx, opened.number, title="Look")
        await incidents.add_hypothesis(tx, opened.number, text="The disk")
        if number > 2:
            await incidents.resolve(tx, opened.number, resolution="Restarted.")


async def _tool(tx: Transaction) -> None:
    """A desk that is connected, with a mapping, items that are linked and conflicts about them."""
    vault, tools = Vault([bytes(32)]), {"desk": Desk(DatabaseClock().now).tool}
    made = await connecting.connect(
        tx, tools, vault, key=KEY, tool="desk", base_url="https://desk.example",
        secrets_={"password": "sealed with a key that the server has not"},
    )  # fmt: skip
    rules = {"name": "Tickets", "create": {"project": "desk", "type": "ticket"}}
    id = await store.new_mapping_id(tx)
    mapping = await setting_up.keep(tx, setting_up.read_rules(rules, connection=made.connection.id, id=id))
    for number in range(1, INCIDENTS + 1):
        link = await linking.link_existing(tx, number, mapping_id=mapping.id, remote_id=f"T{number}")
        clash = Conflict(
            link=link.id, field="title", hub_value="Ours", hub_version=1, hub_at=None, hub_by="Ines",
            remote_raw="Theirs", remote_value="Theirs", remote_at=None, remote_by=None, winner=None, rule="ask",
        )  # fmt: skip
        await conflict_store.add_conflict(tx, number, clash)


async def _drop(server: str) -> None:
    admin = await asyncpg.connect(server)
    await drop_database(admin, "schemathesis")
    await admin.close()


KEY, INCIDENTS = "shop", 5
SHUT_MAX = 1 / 3
"""The share of operations that may go without one success: each has two or three honest tries, the others are wrong on
purpose. What stays shut is walked through in test_walk."""
schema = schemathesis.openapi.from_dict(api.create().openapi())


@schema.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: Any) -> Any:
    """Every other address names something that exists. Which ones is decided by what was generated."""
    if not isinstance(path_parameters, dict):  # an operation without any, or none on purpose
        return path_parameters
    known = dict(path_parameters)
    for name, value in path_parameters.items():
        if isinstance(value, int) and value > 0 and value % 2:
            known[name] = 1 + value // 2 % INCIDENTS
        elif isinstance(value, str) and name == "key" and len(value) % 2:
            known[name] = KEY
    return known


@schema.hook
def map_query(context: schemathesis.HookContext, query: Any) -> Any:
    """Lists are read from their beginning: made-up cursors have a test of their own, test_rules_of_the_house."""
    if isinstance(query, dict) and isinstance(query.get("cursor"), str):
        return {name: value for name, value in query.items() if name != "cursor"}
    return query


@schema.parametrize()
@seed(SEED)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=False,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_does_what_its_description_says(case: schemathesis.Case, served: tuple[str, str]) -> None:
    url, token = served
    note(f"RALLYPOINT_FUZZ_SEED={SEED}")
    answer = case.call(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"})
    REACHED.setdefault(case.operation.label, set()).add(answer.status_code)
    case.validate_response(answer, checks=CHECKS.get_by_names(CHECKED))


def test_it_was_no_walk_along_closed_doors() -> None:
    """A fuzzer that only ever hears 404 and 422 has tried nothing."""
    if len(REACHED) < len(list(schema.get_all_operations())):
        pytest.skip("counts only where all operations ran before it")
    shut = sorted(label for label, statuses in REACHED.items() if not any(s < 300 for s in statuses))
    assert len(shut) <= SHUT_MAX * len(REACHED), f"{len(shut)} of {len(REACHED)}: {', '.join(shut)}"
