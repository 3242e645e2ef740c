"""What a child of the supervisor runs: the web server, or the engine. Each ends politely on SIGTERM."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable

import structlog
import uvicorn
from starlette.types import ASGIApp

from rallypoint import crashpoints, wiring
from rallypoint.edges import mail
from rallypoint.engine.loop import Engine
from rallypoint.house import open_house
from rallypoint.settings import Settings

WEB_DRAIN_SECONDS = 8
ENGINE_DRAIN_SECONDS = 11.0
GARBAGE_AFTER = 20_000
"""So many new containers more than went away, before the youngest are looked through for cycles."""

log = structlog.get_logger()


class Server(uvicorn.Server):
    """uvicorn's, which settles down once everything is loaded."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        settle_down()


def settle_down() -> None:
    """What was made until now lives as long as the process: the collector of cycles need not look at it again, and
    looks at the rest less often. In a storm it took a fifth of the time of each message."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, 20, 20)


def run_web(settings: Settings, door: socket.socket) -> None:
    """Serve until SIGTERM; requests under way get WEB_DRAIN_SECONDS to end, open streams are then cut."""
    crashpoints.arm("web")
    server = Server(web_config(settings, "rallypoint.edges.asgi:create"))
    server.run(sockets=[door])
    if not server.started:
        raise SystemExit(4)


def web_config(settings: Settings, factory: str | Callable[[], ASGIApp]) -> uvicorn.Config:
    """How the web server serves what the factory makes. A trusted proxy says who called, and whether over TLS."""
    return uvicorn.Config(
        factory,
        factory=True,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        backlog=2048,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=WEB_DRAIN_SECONDS,
    )


def run_engine(settings: Settings) -> None:
    """Work until SIGTERM: what is in flight is finished, nothing new is claimed."""
    import uvloop

    crashpoints.arm("engine")
    uvloop.run(_engine(settings))


async def _engine(settings: Settings) -> None:
    async with open_house(settings, role="engine") as house, mail.listening(settings, house.db):
        engine = Engine(house.db, house.works, node=house.node, cycle=wiring.watch(house.db))
        stopping = asyncio.Event()

        def stop() -> None:
            engine.stop()
            stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        settle_down()
        log.info("engine works", node=house.node, works=[work.name for work in house.works])
        running = asyncio.create_task(engine.run())
        told = asyncio.create_task(stopping.wait())
        await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
        if running.done() and not stopping.is_set():
            await running  # it ended by itself: say why, and let the supervisor start another
            raise SystemExit(1)
        try:
            await asyncio.wait_for(running, ENGINE_DRAIN_SECONDS)
        except TimeoutError:
            log.warning("work was cut short; its lease runs out and another process takes it over")
        finally:
            told.cancel()
