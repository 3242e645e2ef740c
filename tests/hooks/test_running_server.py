"""The receivers behind a real socket: what only a server and a network can do wrong."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest

from tests.live import Furniture, Live, furnish, scratch, until

WRONG = "x" * 32
GOOD = b'{"summary": "raw", "dedup_key": "raw"}'
LONG = b"x" * 9_000_000


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with scratch() as data:
        server = Live(data, furnish(data, Furniture(steps=((0, "Ada", "http://127.0.0.1:9/"),))))
        try:
            yield server.start()
        finally:
            server.close()


@pytest.fixture
def connection(live: Live) -> Iterator[socket.socket]:
    where = urlsplit(live.url)
    with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=10) as opened:
        yield opened


def request(path: str, *headers: str, body: bytes = b"", method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: rallypoint", *(headers or (f"Content-Length: {len(body)}",))]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunks(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def answer(reader: BinaryIO) -> tuple[int, bytes]:
    """Status and body of the next answer; a reset connection fails here."""
    status = int(reader.readline().split()[1])
    length = 0
    while (line := reader.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return status, reader.read(length)


REFUSED: list[tuple[str, str, tuple[str, ...], int]] = [
    ("POST", "/in/{key}", (), 413),
    ("POST", "/in/{key}", ("Transfer-Encoding: chunked",), 413),
    ("POST", "/in/{key}/api/v2/alerts", (), 413),
    ("POST", "/in/{key}/api/v2/alerts", ("Transfer-Encoding: chunked",), 413),
    ("POST", "/in/{key}/alertmanager", (), 413),
    ("POST", "/v2/enqueue", (), 413),
    ("POST", "/in/{wrong}", (), 404),
    ("POST", "/in/{wrong}/api/v2/alerts", ("Transfer-Encoding: chunked",), 404),
    ("POST", "/in/{wrong}/alertmanager", (), 404),
    ("POST", "/in/{wrong}/v2/enqueue", (), 400),
    ("POST", "/in/{key}/nonsense", (), 404),
    ("PUT", "/in/{key}", (), 405),
    ("POST", "/in/{key}", ("Content-Encoding: gzip", "Content-Length: 9000000"), 415),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), REFUSED)
def test_whoever_goes_on_writing_is_still_told_why_it_was_refused(
    live: Live, connection: socket.socket, method: str, path: str, headers: tuple[str, ...], status: int
) -> None:
    """Closing a connection on a sender that writes resets it, and the answer is lost; so the rest is taken in."""
    body = chunks(LONG) if headers[:1] == ("Transfer-Encoding: chunked",) else LONG
    where = path.format(key=live.given.integrations["generic"], wrong=WRONG)
    connection.sendall(request(where, *(headers or (f"Content-Length: {len(body)}",)), body=body, method=method))
    assert answer(connection.makefile("rb"))[0] == status


def test_who_asks_before_sending_is_told_no_without_sending(live: Live, connection: socket.socket) -> None:
    path = f"/in/{live.given.integrations['generic']}"
    connection.sendall(request(path, "Content-Length: 9000000", "Expect: 100-continue"))
    assert answer(connection.makefile("rb"))[0] == 413


WELL_FORMED: list[tuple[tuple[str, ...], bytes]] = [
    (("Content-Length: 38",), GOOD),
    (("Transfer-Encoding: chunked",), chunks(GOOD)),
    (("Content-Length: 38", "Content-Type: text/plain"), GOOD),
    (("Content-Length: 38", "Content-Type: application/x-www-form-urlencoded"), GOOD),
    (("Content-Length: 38", "X-Long: " + "y" * 20_000), GOOD),
]


@pytest.mark.parametrize(("headers", "body"), WELL_FORMED)
def test_how_a_body_travels_and_what_it_calls_itself_does_not_matter(
    live: Live, connection: socket.socket, headers: tuple[str, ...], body: bytes
) -> None:
    reader = connection.makefile("rb")
    for path in (f"/in/{live.given.integrations['generic']}", f"/in/{live.given.integrations['generic']}/"):
        connection.sendall(request(path, *headers, body=body))
        status, said = answer(reader)
        assert status == 202
        assert b'"dedup_key":"raw"' in said


def test_two_messages_sent_at_once_are_answered_one_after_the_other(live: Live, connection: socket.socket) -> None:
    first, second = (b'{"summary": "x", "dedup_key": "%s"}' % name for name in (b"first", b"second"))
    path = f"/in/{live.given.integrations['generic']}"
    connection.sendall(request(path, body=first) + request(path, body=second))
    reader = connection.makefile("rb")
    for name in (b'"first"', b'"second"'):
        status, said = answer(reader)
        assert status == 202
        assert name in said


BROKEN = [
    request("/in/{key}", "Content-Length: abc", body=GOOD),
    request("/in/{key}", "Content-Length: -5", body=GOOD),
    request("/in/{key}", "Content-Length: 38", "Content-Length: 5", body=GOOD),
    request("/in/{key}", "Content-Length: 38", "Transfer-Encoding: chunked", body=GOOD),
    request("/in/{key}", "Content-Length: " + "9" * 30, body=GOOD),
    request("/in/{key}", "Transfer-Encoding: chunked", body=b"zz\r\n" + GOOD),
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
]


@pytest.mark.parametrize("raw", BROKEN)
def test_what_is_no_http_is_400_and_leaves_the_server_as_it_was(
    live: Live, connection: socket.socket, raw: bytes
) -> None:
    connection.sendall(raw.replace(b"{key}", live.given.integrations["generic"].encode()))
    assert answer(connection.makefile("rb"))[0] == 400
    assert live.alert("after").status_code == 202


def test_a_sender_that_hangs_up_in_the_middle_leaves_no_trace(live: Live, connection: socket.socket) -> None:
    half = b'{"summary": "half", "dedup_key": "half"}'
    connection.sendall(request(f"/in/{live.given.integrations['generic']}", "Content-Length: 100", body=half))
    connection.close()
    assert live.alert("later").status_code == 202
    until(lambda: any(a["dedup_key"] == "later" for a in live.everything("/alerts")), within=10, what="the next alert")
    assert not any(a["dedup_key"] == "half" for a in live.everything("/alerts"))
    complaints = [line for line in Path(live.log).read_text().splitlines() if '"level": "error"' in line]
    assert complaints == []
