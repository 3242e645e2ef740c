"""/livez, /readyz and /metrics, as whoever runs Rallypoint reads them."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from rallypoint import access, alerts, incidents
from rallypoint.access import Role
from rallypoint.actors import SYSTEM
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.edges import ops
from rallypoint.engine import store as engine
from rallypoint.house import House


@pytest.fixture
async def probes(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=Starlette(routes=list(ops.routes(house))))
    async with httpx2.AsyncClient(transport=transport, base_url="http://rallypoint.example") as client:
        yield client


async def test_ready_means_that_a_page_would_go_out(
    probes: httpx2.AsyncClient, db: Database, clock: ManualClock
) -> None:
    assert (await probes.get("/livez")).status_code == 200
    before = await probes.get("/readyz")
    assert before.status_code == 503
    assert before.json()["checks"]["engine"]["ok"] is False
    assert before.json()["checks"]["database"]["ok"] is True
    async with db.transaction(SYSTEM) as tx:
        await engine.beat(tx, "here", "engine", {})
    assert (await probes.get("/readyz")).json()["ready"] is True
    clock.advance(timedelta(seconds=16))
    late = await probes.get("/readyz")
    assert late.status_code == 503
    assert "16.0 s ago" in late.json()["checks"]["engine"]["said"]


async def test_a_schema_of_another_version_is_not_ready(probes: httpx2.AsyncClient, db: Database) -> None:
    async with db.connection() as connection:
        await connection.execute(
            "insert into schema_migration (name, checksum, applied_at) values ('9999_future', 'x', '2026-06-01')"
        )
    found = await probes.get("/readyz")
    assert found.status_code == 503
    assert "9999_future" in found.json()["checks"]["schema"]["said"]


async def test_without_a_database_it_lives_and_is_not_ready(probes: httpx2.AsyncClient, db: Database) -> None:
    await db.close()
    assert (await probes.get("/livez")).status_code == 200
    assert (await probes.get("/readyz")).status_code == 503
    families = {f.name: f for f in text_string_to_metric_families((await probes.get("/metrics")).text)}
    assert families["rallypoint_up"].samples[0].value == 0
    assert "process_resident_memory_bytes" in families


async def test_figures_are_prometheus_figures(probes: httpx2.AsyncClient, db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        await access.create_person(tx, name="Ines", email="ines@example.com", roles=[Role.ADMIN])
        await incidents.open_incident(tx, title='Quotes " and \\')
    reply = await probes.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=")
    families = {f.name: f for f in text_string_to_metric_families(reply.text)}
    for name, family in families.items():  # what `promtool check metrics` looks at
        assert family.documentation, name
        assert name == name.lower()
        assert not (family.type == "gauge" and name.endswith("_total"))
    (opened,) = families["rallypoint_open_incidents"].samples
    assert (opened.labels["status_category"], opened.value) == ("triage", 1)
    assert families["rallypoint_orphaned_runs"].samples[0].value == 0


@pytest.mark.partner
async def test_promtool_finds_nothing_to_say(probes: httpx2.AsyncClient, db: Database) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("install Debian's prometheus for promtool")
    async with db.transaction(SYSTEM) as tx:
        await access.create_person(tx, name="Ines", email="ines@example.com", roles=[Role.ADMIN])
        await incidents.open_incident(tx, title="Something")
        await alerts.create_integration(tx, name="Prometheus", kind="prometheus")
    text = (await probes.get("/metrics")).content
    done = await asyncio.to_thread(
        subprocess.run, [promtool, "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
