"""Transactions in which `now` and the actor are values, facts are announced, and rows become dataclasses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, TypeVar, cast

import asyncpg
import msgspec

from rallypoint.actors import Actor
from rallypoint.clock import Clock, sleep
from rallypoint.crashpoints import armed, crashpoint
from rallypoint.db.hints import Hints
from rallypoint.db.statement import bind
from rallypoint.errors import NotFound
from rallypoint.events import Bus, Fact

T = TypeVar("T")
Result = TypeVar("Result")

COMMAND_TIMEOUT_SECONDS = 10.0
ACQUIRE_TIMEOUT_SECONDS = 10.0
RETRIES = 5
PLAIN: tuple[type, ...] = (int, str, bytes, float, bool, datetime)
"""Models of one value: the first column is the value."""

# Appends one outbox row per handler that hears a fact afterwards. Here because announcing is part of a transaction.
ANNOUNCE = """
    insert into outbox (fact, handler, subject, payload, created_at, due_at)
    select :fact::text, handler, :subject::text, :payload::jsonb, :now::timestamptz, :now::timestamptz
      from unnest(:handlers::text[]) as handler"""


class Transaction:
    """An open transaction: `now` and `actor` are fixed for its whole length.

    Statements use named parameters; `:now` is filled in by itself.
    """

    def __init__(self, connection: Any, *, now: datetime, actor: Actor, bus: Bus) -> None:
        self._connection = connection
        self.now, self.actor, self._bus = now, actor, bus
        self._hints: set[str] = set()
        self._announced: list[str] = []
        self._lasting: list[Callable[[Transaction], Awaitable[None]]] = []

    async def fetch(self, model: type[T], sql: str, **values: Any) -> list[T]:
        """All rows, each as a frozen `model`."""
        return [_convert(row, model) for row in await self.rows(sql, **values)]

    async def maybe(self, model: type[T], sql: str, **values: Any) -> T | None:
        """The first row as a `model`, or None."""
        text, arguments = bind(sql, {"now": self.now, **values})
        row = await self._connection.fetchrow(text, *arguments)
        return None if row is None else _convert(row, model)

    async def one(self, model: type[T], sql: str, *, missing: tuple[str, object], **values: Any) -> T:
        """The first row as a `model`; raises NotFound(kind, name) where there is none."""
        found = await self.maybe(model, sql, **values)
        if found is None:
            raise NotFound(*missing)
        return found

    async def rows(self, sql: str, **values: Any) -> list[asyncpg.Record]:
        """Rows as they come, for a store that builds its values by hand."""
        text, arguments = bind(sql, {"now": self.now, **values})
        return cast(list[asyncpg.Record], await self._connection.fetch(text, *arguments))

    async def value(self, sql: str, **values: Any) -> Any:
        """The first column of the first row, or None."""
        text, arguments = bind(sql, {"now": self.now, **values})
        return await self._connection.fetchval(text, *arguments)

    async def execute(self, sql: str, **values: Any) -> int:
        """How many rows a statement changed."""
        text, arguments = bind(sql, {"now": self.now, **values})
        status: str = await self._connection.execute(text, *arguments)
        last = status.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    async def announce(self, fact: Fact) -> None:
        """Tell everyone who hears this fact: those in TOGETHER now, those in AFTERWARDS through the outbox."""
        self._announced.append(type(fact).__name__)
        for handler in self._bus.together(fact):
            await handler(self, fact)
        if handlers := self._bus.afterwards(fact):
            await self.execute(
                ANNOUNCE,
                fact=type(fact).__name__,
                handlers=list(handlers),
                subject=fact.subject,
                payload=msgspec.to_builtins(fact),
            )
            self.hint("outbox")

    def hint(self, *names: str) -> None:
        """After the commit, wake whoever waits for these names. Only a hint: a poll stands behind each."""
        self._hints.update(names)

    @contextmanager
    def acting_as(self, actor: Actor) -> Iterator[None]:
        """What is done inside is done by another: by whoever changed something in a tool, for one."""
        before, self.actor = self.actor, actor
        try:
            yield
        finally:
            self.actor = before

    def even_if_undone(self, work: Callable[["Transaction"], Awaitable[None]]) -> None:
        """Do this in its own transaction once this one has ended, rolled back or not: to count refusals."""
        self._lasting.append(work)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What fails inside is undone alone; the transaction goes on."""
        async with self._connection.transaction():
            yield

    def _pass(self, moment: str) -> None:
        """Every fact has two places to die at: before and after the commit of the transaction that announced it."""
        if armed():
            for name in self._announced:
                crashpoint(f"{name}.{moment}")

    @property
    def connection(self) -> Any:
        """The driver's connection, for COPY and the like in a store."""
        return self._connection


class Database:
    """A pool of connections that opens transactions. One per process and purpose."""

    def __init__(self, pool: asyncpg.Pool, *, clock: Clock, bus: Bus, hints: Hints) -> None:
        self._pool, self.clock, self.bus, self.hints = pool, clock, bus, hints

    @classmethod
    async def connect(
        cls, dsn: str, *, clock: Clock, bus: Bus, size: int = 8, name: str = "rallypoint", durable: bool = True
    ) -> "Database":
        """Open a pool of at most `size` connections. The hints' own connection opens when someone listens.

        Without `durable` a commit does not wait for the disk, and nobody else hears of it: for a history that can be
        made again, by a process that has the database to itself.
        """
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            timeout=ACQUIRE_TIMEOUT_SECONDS,
            init=_prepare,
            reset=_as_it_is,
            server_settings={
                "application_name": name,
                "timezone": "UTC",
                "lock_timeout": "8s",
                "idle_in_transaction_session_timeout": "15s",
                "jit": "off",
                "synchronous_commit": "on" if durable else "off",
            },
        )
        return cls(pool, clock=clock, bus=bus, hints=Hints(dsn, alone=not durable))

    async def close(self) -> None:
        await self.hints.close()
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def transaction(self, actor: Actor) -> AsyncIterator[Transaction]:
        """A transaction with its `now`; commits at the end of the block, rolls back when it raises."""
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            await self.clock.watch(connection)
            tx = Transaction(connection, now=self.clock.now(), actor=actor, bus=self.bus)
            try:
                async with connection.transaction():
                    yield tx
                    tx._pass("before_commit")
                tx._pass("after_commit")
            finally:
                for work in tx._lasting:
                    async with connection.transaction():
                        await work(Transaction(connection, now=tx.now, actor=actor, bus=self.bus))
        if tx._hints:
            self.hints.send(tx._hints)

    async def run(self, actor: Actor, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """Do `work` in a transaction; after a deadlock or the like again, at most RETRIES times."""
        for attempt in range(RETRIES):
            try:
                async with self.transaction(actor) as tx:
                    return await work(tx)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError):
                if attempt == RETRIES - 1:
                    raise
                await sleep(0.01 * 2**attempt)
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A bare connection outside a transaction: for migrations, probes and the ingest writer."""
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            yield connection


async def _as_it_is(connection: asyncpg.Connection) -> None:
    """Nothing to tidy when a connection goes back: transactions set nothing that outlives them.

    The driver's own tidying costs a round trip for each transaction.
    """


async def _prepare(connection: asyncpg.Connection) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=_encode, decoder=_decode, format="text")


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_decode = msgspec.json.decode


def _convert(row: asyncpg.Record, model: type[T]) -> T:
    if model in PLAIN:
        return cast(T, row[0])
    return msgspec.convert(dict(row), model, strict=False)


def page_of(rows: Sequence[T], limit: int) -> tuple[Sequence[T], bool]:
    """Split `limit + 1` fetched rows into a page and whether more follow."""
    return rows[:limit], len(rows) > limit
