"""A small SMTP server that takes answers to pages, and nothing else: no other recipient, so nothing to relay."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

import structlog
from aiosmtpd.smtp import SMTP as Protocol
from aiosmtpd.smtp import Envelope, Session

from rallypoint.connectors.smtp.inbound import Reply, read_reply, token_of
from rallypoint.errors import RallypointError

SIZE_MAX = 1_000_000
IDLE_SECONDS = 60
RECIPIENTS_MAX = 5

TAKEN = "250 OK"
NO_SUCH = "550 5.1.1 Nobody reads this address"
TOO_MANY = "452 4.5.3 Too many recipients"
IGNORED = "250 OK, but it answers nothing"
NOT_NOW = "451 4.3.0 Please try again later"

Handle = Callable[[Reply], Awaitable[None]]
"""What to do with an answer. Raising a RallypointError means no; anything else means: not now."""

log = structlog.get_logger()


class Receiver:
    """`async with Receiver("127.0.0.1:2525", handle) as receiver:` listens until the block ends."""

    def __init__(self, listen: str, handle: Handle) -> None:
        host, _, port = listen.rpartition(":")
        self._host, self._port, self._handle = host or "127.0.0.1", int(port), handle
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on; useful where 0 was asked for."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else self._port

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, self._host, self._port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def __aenter__(self) -> "Receiver":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _protocol(self) -> Protocol:
        return Protocol(
            self, data_size_limit=SIZE_MAX, enable_SMTPUTF8=True, ident="Rallypoint", timeout=IDLE_SECONDS,
            loop=asyncio.get_running_loop(), hostname="rallypoint",
        )  # fmt: skip

    async def handle_RCPT(
        self, server: Protocol, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if token_of(address) is None:
            return NO_SUCH
        if len(envelope.rcpt_tos) >= RECIPIENTS_MAX:
            return TOO_MANY
        envelope.rcpt_tos.append(address)
        return TAKEN

    async def handle_DATA(self, server: Protocol, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        try:
            reply = read_reply(raw, envelope.rcpt_tos)
            if reply is None:
                return IGNORED
            await self._handle(reply)
        except RallypointError as refusal:
            return f"554 5.7.1 {' '.join(str(refusal).split())[:300]}"
        except Exception:
            log.exception("mail not taken")
            return NOT_NOW
        return TAKEN
