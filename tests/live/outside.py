"""What anybody can see and do from outside: HTTP, and a look into the database for what only a test asks."""

import asyncio
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from rallypoint.db.embedded import EmbeddedPostgres
from tests.live.furniture import Given
from tests.live.waiting import NotInTime

SHIFTED_CLOCK = """
    create table if not exists public.clock_shift (seconds float8 not null);
    insert into public.clock_shift select 0 where not exists (select from public.clock_shift);
    create or replace function public.clock_timestamp() returns timestamptz language sql volatile as
        'select pg_catalog.clock_timestamp() + seconds * interval ''1 second'' from public.clock_shift';
    do $$ begin execute format('alter database %I set search_path = public, pg_catalog', current_database()); end $$"""
"""Puts a clock that can be moved before PostgreSQL's own: the program asks no other what time it is."""


class Outside:
    """A client of one running server."""

    def __init__(self, data: Path, given: Given) -> None:
        self.data, self.given, self.url = data, given, ""
        self.log = data.parent / f"{data.name}.log"
        self.client = httpx2.Client(timeout=10, trust_env=False)

    def tail(self, lines: int = 40) -> str:
        """The end of the server's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def ready(self) -> bool:
        try:
            return self.client.get(f"{self.url}/readyz").status_code == 200
        except httpx2.HTTPError:
            return False

    def hook(self, kind: str, suffix: str = "") -> str:
        """Where a sender of this kind posts to."""
        return f"{self.url}/in/{self.given.integrations[kind]}{suffix}"

    def alert(self, key: str, **more: Any) -> httpx2.Response:
        """One generic alert that is an incident of its own."""
        body = {"summary": f"Case {key}", "dedup_key": key, "labels": {"alertname": key}, "severity": "critical"}
        return self.client.post(self.hook("generic"), json=body | more)

    def act(self, number: int, verb: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> httpx2.Response:
        """A verb on an incident; `key` makes a retry the same act."""
        return self.api(
            "POST", f"/incidents/{number}/{verb}", body or {}, **{"Idempotency-Key": key or uuid.uuid4().hex}
        )

    def api(self, method: str, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> httpx2.Response:
        who = {"Authorization": f"Bearer {self.given.api_key}"}
        return self.client.request(method, f"{self.url}/api/v1{path}", json=body, headers=who | headers)

    def get(self, path: str) -> Any:
        answer = self.api("GET", path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def everything(self, path: str) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor, joint = "", "&" if "?" in path else "?"
        while True:
            page = self.get(f"{path}{joint}limit=200" + (f"&cursor={cursor}" if cursor else ""))
            items += page["items"]
            if not (cursor := page["next_cursor"] or ""):
                return items

    def incident_of(self, key: str) -> dict[str, Any] | None:
        """The incident that `alert(key)` opened, once it is there."""
        return next((i for i in self.get("/incidents")["items"] if i["title"].endswith(f"Case {key}")), None)

    def metric(self, name: str) -> float:
        """The value of a figure without labels on /metrics."""
        for line in self.client.get(f"{self.url}/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise NotInTime(f"/metrics has no {name}")

    # -- inside, for what only a test asks

    @property
    def dsn(self) -> str:
        return EmbeddedPostgres(self.data).start()

    def sql(self, statement: str, *values: Any) -> Any:
        """The first value of a statement."""
        return asyncio.run(_value(self.dsn, statement, values))

    def make_clock_movable(self) -> None:
        """Before the server starts: time is what `move_clock` says it is."""
        asyncio.run(_execute(self.dsn, SHIFTED_CLOCK))

    def move_clock(self, seconds: float) -> None:
        """For everyone who asks the database, time jumps; processes notice at their next look, within 5 seconds."""
        self.sql("update public.clock_shift set seconds = seconds + $1", seconds)


async def _value(dsn: str, statement: str, values: tuple[Any, ...]) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement, *values)
    finally:
        await connection.close()


async def _execute(dsn: str, script: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(script)
    finally:
        await connection.close()
