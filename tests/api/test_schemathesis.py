"""The API against its own description: no 5xx, nothing undocumented, no way past the key."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, seed, settings
from schemathesis.checks import CHECKS, load_all_checks
from starlette.applications import Starlette

from rallypoint import access, wiring
from rallypoint.access import Role
from rallypoint.actors import SYSTEM
from rallypoint.clock import DatabaseClock
from rallypoint.db import Database
from rallypoint.edges import api
from tests.api.conftest import house_on
from tests.conftest import database_url

load_all_checks()
EXAMPLES = 8
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
    await admin.execute("drop database if exists schemathesis with (force)")
    await admin.execute(f"create database schemathesis template {template} strategy file_copy")
    await admin.close()
    dsn = database_url(server, "schemathesis")
    db = await Database.connect(dsn, clock=DatabaseClock(), bus=wiring.bus(), size=1)
    async with db.transaction(SYSTEM) as tx:
        person = await access.create_person(
            tx, name="Ines", email="ines@example.com", roles=[Role.ADMIN, Role.RESPONDER, Role.DESK3]
        )
        token = (await access.create_key(tx, name="fuzz", person_id=person.id)).token
    await db.close()
    return dsn, token


async def _drop(server: str) -> None:
    admin = await asyncpg.connect(server)
    await admin.execute("drop database if exists schemathesis with (force)")
    await admin.close()


schema = schemathesis.openapi.from_dict(api.create().openapi())


@schema.parametrize()
@seed(2026)
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
    case.call_and_validate(
        base_url=f"{url}/api/v1",
        headers={"Authorization": f"Bearer {token}"},
        checks=CHECKS.get_by_names(CHECKED),
    )
