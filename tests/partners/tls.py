"""TLS in front of a server that speaks plain HTTP, as the reverse proxy of an installation does it."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import trustme


@contextmanager
def behind_tls(port: int) -> Iterator[tuple[str, ssl.SSLContext]]:
    """An https address that leads to a port here, and what a client must trust so that its checks succeed."""
    authority = trustme.CA()
    mine, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(mine)
    authority.configure_trust(theirs)

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        finally:
            for one in (writer, inner_writer):
                one.transport.abort()
                with contextlib.suppress(OSError):
                    await one.wait_closed()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(join, "127.0.0.1", 0, ssl=mine))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}", theirs
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _end(server: asyncio.Server) -> None:
    """No more connections, and those that are open are let go."""
    server.close()
    joins = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in joins:
        task.cancel()
    await asyncio.gather(*joins, return_exceptions=True)
    await server.wait_closed()
