"""Outgoing webhooks against a real HTTP server on loopback, verified by the standard's own library."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from rallypoint.connectors.webhook import Webhook, signature
from rallypoint.egress import Egress
from rallypoint.errors import OutsideFailure
from rallypoint.notify.ports import Outgoing
from rallypoint.settings import Settings

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass
class Server:
    """A small HTTP/1.1 server that records requests and answers as it is told."""

    status: str = "200 OK"
    hang_up: bool = False
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append((headers, body))
        if not self.hang_up:
            writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi".encode())
            await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    state = Server()
    listening = await asyncio.start_server(state.serve, "127.0.0.1")
    state.port = listening.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        listening.close()


@pytest.fixture
async def channel() -> AsyncIterator[Webhook]:
    egress = Egress(Settings(allow_private_targets=True))
    try:
        yield Webhook(egress)
    finally:
        await egress.close()


def page(server: Server, **changes: Any) -> Outgoing:
    values: dict[str, Any] = {
        "reference": "rp-1", "address": f"http://127.0.0.1:{server.port}/hook", "title": "P1 payments: Zahlungen – aus",
        "text": "38 % fail.", "url": "https://rp.example/i/1", "ack_url": "https://rp.example/p/x", "secret": SECRET,
        "incident": 1, "person_name": "Bea",
        "fields": {"why": "first step of the policy", "urgency": "high", "step": 1},
    }  # fmt: skip
    return Outgoing(**{**values, **changes})


async def test_a_page_is_signed_so_that_the_standards_library_believes_it(server: Server, channel: Webhook) -> None:
    receipt = await channel.send(page(server))
    assert receipt.delivered
    headers, body = server.requests[0]
    said = Verifier(SECRET).verify(body, headers)
    assert said["type"] == "rallypoint.page"
    assert said["data"]["title"] == "P1 payments: Zahlungen – aus"
    assert said["data"]["why"] == "first step of the policy"
    assert headers["webhook-id"] == "rp-1"
    assert headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(body.replace(b"38", b"99"), headers)
    with pytest.raises(WebhookVerificationError):
        Verifier("whsec_" + base64.b64encode(b"x" * 32).decode()).verify(body, headers)


async def test_every_try_of_one_delivery_has_the_same_id(server: Server, channel: Webhook) -> None:
    for _ in range(2):
        await channel.send(page(server))
    assert [headers["webhook-id"] for headers, _ in server.requests] == ["rp-1", "rp-1"]
    assert all(Verifier(SECRET).verify(body, headers) for headers, body in server.requests)


@pytest.mark.parametrize(
    ("status", "retry"),
    [
        ("500 Oops", True),
        ("503 Later", True),
        ("429 Slow down", True),
        ("404 No", False),
        ("410 Gone", False),
        ("302 Found", False),
    ],
)
async def test_the_answer_decides_whether_to_try_again(
    server: Server, channel: Webhook, status: str, retry: bool
) -> None:
    server.status = status
    with pytest.raises(OutsideFailure) as failure:
        await channel.send(page(server))
    assert (failure.value.retry, failure.value.unknown) == (retry, False)
    assert status.split()[0] in failure.value.said


async def test_a_connection_cut_behind_the_body_leaves_the_outcome_unknown(server: Server, channel: Webhook) -> None:
    server.hang_up = True
    with pytest.raises(OutsideFailure) as failure:
        await channel.send(page(server))
    assert (failure.value.retry, failure.value.unknown) == (True, True)
    assert json.loads(server.requests[0][1])["data"]["reference"] == "rp-1"


async def test_addresses_inside_are_refused_unless_allowed(server: Server) -> None:
    egress = Egress(Settings(allow_private_targets=False))
    try:
        with pytest.raises(OutsideFailure) as failure:
            await Webhook(egress).send(page(server))
    finally:
        await egress.close()
    assert not failure.value.retry
    assert server.requests == []


def test_a_secret_that_is_none_is_a_failure_with_help() -> None:
    with pytest.raises(OutsideFailure, match="secret"):
        signature("whsec_ä", message_id="1", timestamp=1, body=b"")


def test_the_signature_is_the_one_of_the_standards_own_example() -> None:
    """The example in the specification of Standard Webhooks."""
    body = b'{"test": 2432232314}'
    assert signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330,
        body=body,
    ) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="  # fmt: skip
