"""Nothing that a user types leads inside. A real listener counts connections; refused requests leave it at none."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trustme

from rallypoint.addresses import refusal
from rallypoint.egress import BODY_MOST, Egress, Resolver, read_url
from rallypoint.errors import OutsideFailure
from rallypoint.settings import Settings

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Listener:
    """A server on loopback that writes down what it is told and answers the same to everybody."""

    answer: bytes = OK
    port: int = 0
    heard: list[bytes] = field(default_factory=list)
    connects: int = 0
    keeps: bool = False
    """Whether a connection stays open for the next request."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connects += 1
        try:
            for _ in range(100 if self.keeps else 1):
                self.heard.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self.answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


@asynccontextmanager
async def listening(
    answer: bytes = OK, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, *, keeps: bool = False,
    port: int = 0,
) -> AsyncIterator[Listener]:  # fmt: skip
    listener = Listener(answer=answer, keeps=keeps)
    server = await asyncio.start_server(listener.serve, host, port, ssl=tls)
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener


@asynccontextmanager
async def egress(
    *, private: bool = False, resolver: Resolver | None = None, trust: ssl.SSLContext | None = None
) -> AsyncIterator[Egress]:
    settings = Settings(allow_private_targets=private)
    way_out = Egress(settings, resolver=resolver, trust=trust) if resolver else Egress(settings, trust=trust)
    try:
        yield way_out
    finally:
        await way_out.close()


def answers(*rounds: list[str]) -> tuple[Resolver, list[str]]:
    """A name server that gives another answer each time: the rebinding trick. Second value: what it was asked."""
    left, asked = list(rounds), list[str]()

    async def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return left.pop(0)

    return resolver, asked


HOSTS = [
    "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "017700000001", "①②⑦.0.0.1",
    "127。0。0。1", "localhost", "localhost.", "LOCALHOST", "[::1]", "[::]", "0.0.0.0", "0", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
    "[2001:0:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]",
    "[::ffff:169.254.169.254]", "169.254.169.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "255.255.255.255", "user:pw@127.0.0.1",
    "example.com\\@127.0.0.1", "127.0.0.1%20.example.com", "exa\tmple.com", "a..b", "127.0.0.1 ", "",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
async def test_no_spelling_of_an_inside_address_connects(host: str) -> None:
    async with listening() as sentinel, egress() as way_out:
        with pytest.raises(OutsideFailure) as no:
            await way_out.post(f"http://{host}:{sentinel.port}/x", b"{}", {})
        assert sentinel.connects == 0
        assert str(no.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/", "example.com", "",
        "http:///x", "http://example.com:22/", "http://example.com:25/", "http://example.com:99999/",
        "https://user@example.com/", "http://ex ample.com/", "javascript:alert(1)", "http://" + "a" * 3000,
        "http://example.com/\r\nHost: inside", "http://[::1", "http://\ud800/",
    ],
)  # fmt: skip
def test_addresses_of_another_form_are_refused(url: str) -> None:
    with pytest.raises(OutsideFailure) as no:
        read_url(url)
    assert not no.value.retry


@pytest.mark.parametrize(
    ("address", "open_to_all", "open_if_private"),
    [
        ("93.184.216.34", True, True), ("1.1.1.1", True, True), ("172.32.0.1", True, True),
        ("2606:4700:4700::1111", True, True), ("64:ff9b::808:808", True, True), ("2002:808:808::1", True, True),
        ("::ffff:8.8.8.8", True, True), ("127.0.0.1", False, True), ("10.1.2.3", False, True), ("::1", False, True),
        ("fd12::1", False, True), ("100.127.255.255", False, True), ("64:ff9b::a9fe:a9fe", False, False),
        ("2002:7f00:1::", False, True), ("2a00:1450::5efe:7f00:1", False, True), ("169.254.169.254", False, False),
        ("fd00:ec2::254", False, False), ("fe80::1%eth0", False, False), ("224.0.0.1", False, False),
        ("0.0.0.0", False, False), ("255.255.255.255", False, False), ("2001:db8::1", False, False),
        ("2001:0:4136:e378::", False, False), ("4000::1", False, False), ("::", False, False),
        ("9.255.255.255", True, True), ("nonsense", False, False),
    ],
)  # fmt: skip
def test_the_list_of_addresses(address: str, open_to_all: bool, open_if_private: bool) -> None:
    assert (refusal(address) == "") is open_to_all
    assert (refusal(address, private_allowed=True) == "") is open_if_private


async def test_one_inside_address_among_many_refuses_them_all() -> None:
    resolver, _ = answers(["93.184.216.34", "127.0.0.1"])
    async with listening() as sentinel, egress(resolver=resolver) as way_out:
        with pytest.raises(OutsideFailure, match="this machine"):
            await way_out.post(f"http://two-faced.example:{sentinel.port}/", b"", {})
        assert sentinel.connects == 0


async def test_a_name_that_turns_inside_after_the_check_is_refused() -> None:
    resolver, asked = answers(["93.184.216.34"], ["127.0.0.1"])
    async with listening() as sentinel, egress(resolver=resolver) as way_out:
        url = f"http://rebind.example:{sentinel.port}/"
        await way_out.check(url)
        with pytest.raises(OutsideFailure) as no:
            await way_out.post(url, b"", {})
        assert (no.value.retry, no.value.unknown) == (False, False)
        assert sentinel.connects == 0
        assert asked == ["rebind.example", "rebind.example"]


async def test_the_name_is_resolved_once_and_that_address_is_called() -> None:
    resolver, asked = answers(["127.0.0.1"], ["127.0.0.2"])
    async with listening() as sentinel, egress(private=True, resolver=resolver) as way_out:
        reply = await way_out.post(f"http://only-here.example:{sentinel.port}/a?b=c", b"{}", {"X-One": "1"})
        assert (reply.status, reply.body, reply.cut) == (200, b"ok", False)
        assert asked == ["only-here.example"]
        head = sentinel.heard[0].decode().lower()
        assert head.startswith("post /a?b=c http/1.1")
        assert f"host: only-here.example:{sentinel.port}" in head
        assert "x-one: 1" in head


async def test_the_next_address_is_tried_when_one_does_not_accept() -> None:
    resolver, _ = answers(["127.0.0.9", "127.0.0.1"])
    async with listening() as sentinel, egress(private=True, resolver=resolver) as way_out:
        assert (await way_out.get(f"http://two.example:{sentinel.port}/")).status == 200


async def test_tls_is_checked_against_the_name_not_the_address() -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("hooks.example").configure_cert(server)
    authority.configure_trust(client)
    resolver, _ = answers(["127.0.0.1"], ["127.0.0.1"])
    async with listening(tls=server) as sentinel, egress(private=True, resolver=resolver, trust=client) as way_out:
        assert (await way_out.post(f"https://hooks.example:{sentinel.port}/", b"", {})).status == 200
        with pytest.raises(OutsideFailure, match="certificate"):
            await way_out.post(f"https://other.example:{sentinel.port}/", b"", {})


async def test_a_redirect_is_returned_and_not_followed() -> None:
    async with listening() as inside:
        target = f"Location: http://127.0.0.1:{inside.port}/"
        moved = f"HTTP/1.1 302 Found\r\n{target}\r\nContent-Length: 0\r\n\r\n".encode()
        async with listening(moved) as outside, egress(private=True) as way_out:
            reply = await way_out.post(f"http://127.0.0.1:{outside.port}/", b"", {})
            assert reply.status == 302
        assert inside.connects == 0


async def test_a_long_answer_is_cut() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000
    async with listening(long) as outside, egress(private=True) as way_out:
        reply = await way_out.post(f"http://127.0.0.1:{outside.port}/", b"", {})
    assert (len(reply.body), reply.cut) == (BODY_MOST, True)


async def test_a_long_answer_arrives_piece_by_piece() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000
    async with listening(long) as outside, egress(private=True) as way_out:
        async with way_out.stream("GET", f"http://127.0.0.1:{outside.port}/") as answer:
            sizes = [len(chunk) async for chunk in answer.chunks()]
        cut = await way_out.send("GET", f"http://127.0.0.1:{outside.port}/", most=100_000)
    assert (answer.status, sum(sizes), len(cut.body), cut.cut) == (200, 5_000_000, 100_000, True)
    assert max(sizes) < 1_000_000


async def test_a_body_may_be_sent_piece_by_piece() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"one ", b"two"):
            yield piece

    async with listening() as outside, egress(private=True) as way_out:
        reply = await way_out.send("PUT", f"http://127.0.0.1:{outside.port}/", pieces(), {"Content-Length": "7"})
    assert (reply.status, b"Content-Length: 7" in outside.heard[0]) == (200, True)


async def test_a_stream_must_end_in_time() -> None:
    async with listening(b"HTTP/1.1 200 OK\r\n") as outside, egress(private=True) as way_out:
        with pytest.raises(OutsideFailure) as no:
            async with way_out.stream("GET", f"http://127.0.0.1:{outside.port}/", seconds=0.0):
                pass
    assert (no.value.retry, "0 seconds" in no.value.said) == (True, True)


async def test_a_compressed_answer_stays_as_it_is() -> None:
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x00"
    async with listening(packed) as outside, egress(private=True) as way_out:
        assert (await way_out.post(f"http://127.0.0.1:{outside.port}/", b"", {})).body == b"\x1f\x8b\x00"


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"])
async def test_an_answer_that_breaks_off_leaves_the_outcome_unknown(answer: bytes) -> None:
    async with listening(answer) as outside, egress(private=True) as way_out:
        with pytest.raises(OutsideFailure) as no:
            await way_out.post(f"http://127.0.0.1:{outside.port}/", b"", {})
    assert (no.value.retry, no.value.unknown) == (True, True)


async def test_nobody_there_is_known_and_may_be_tried_again() -> None:
    async with listening() as gone:
        port = gone.port
    async with egress(private=True) as way_out:
        with pytest.raises(OutsideFailure) as no:
            await way_out.post(f"http://127.0.0.1:{port}/", b"", {})
    assert (no.value.retry, no.value.unknown) == (True, False)


async def test_a_header_that_would_start_another_is_refused() -> None:
    async with listening() as sentinel, egress(private=True) as way_out:
        with pytest.raises(OutsideFailure) as no:
            await way_out.post(f"http://127.0.0.1:{sentinel.port}/", b"", {"X-One": "1\r\nX-Two: 2"})
    assert not no.value.retry


async def test_a_resolver_that_fails_or_knows_nothing_is_reported() -> None:
    async def fails(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    nothing, _ = answers([])
    resolvers: list[Callable[[str, int], Awaitable[list[str]]]] = [fails, nothing]
    for resolver in resolvers:
        async with egress(resolver=resolver) as way_out:
            with pytest.raises(OutsideFailure) as no:
                await way_out.post("http://missing.example/", b"", {})
        assert (no.value.retry, no.value.unknown) == (True, False)


# What is kept open.


async def test_a_conversation_takes_one_connection() -> None:
    async with listening(keeps=True) as tool, egress(private=True) as way_out:
        for _ in range(5):
            assert (await way_out.get(f"http://127.0.0.1:{tool.port}/")).body == b"ok"
        assert (tool.connects, len(tool.heard)) == (1, 5)
        await asyncio.gather(*(way_out.get(f"http://127.0.0.1:{tool.port}/") for _ in range(3)))
        assert tool.connects <= 3
        assert len(tool.heard) == 8


async def test_what_is_kept_is_judged_like_what_is_new() -> None:
    """A name that was fine turns inside while its connection is open: refused all the same."""
    resolver, asked = answers(["127.0.0.1"], ["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1", "169.254.169.254"])
    async with listening(keeps=True) as tool, egress(private=True, resolver=resolver) as way_out:
        url = f"http://turns.example:{tool.port}/"
        for _ in range(2):
            assert (await way_out.get(url)).status == 200
        for _ in range(2):
            with pytest.raises(OutsideFailure) as no:
                await way_out.get(url)
            assert not no.value.unknown
        assert (tool.connects, len(tool.heard), len(asked)) == (1, 2, 4)


async def test_a_kept_connection_is_left_when_the_name_moves() -> None:
    resolver, _ = answers(["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "127.0.0.2"])
    async with listening(keeps=True) as old:
        async with listening(keeps=True, host="127.0.0.2", port=old.port) as new:
            async with egress(private=True, resolver=resolver) as way_out:
                for _ in range(3):
                    await way_out.get(f"http://moves.example:{old.port}/")
    assert (len(old.heard), len(new.heard)) == (1, 2), "and the one that answered last is asked first"


async def test_what_was_proved_for_one_name_serves_no_other() -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("hooks.example").configure_cert(server)
    authority.configure_trust(client)

    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with listening(tls=server, keeps=True) as tool:
        async with egress(private=True, resolver=resolver, trust=client) as way_out:
            for _ in range(3):
                assert (await way_out.get(f"https://hooks.example:{tool.port}/")).status == 200
            with pytest.raises(OutsideFailure, match="certificate"):
                await way_out.get(f"https://other.example:{tool.port}/")
            assert len(tool.heard) == 3
            assert (await way_out.get(f"https://HOOKS.example:{tool.port}/")).status == 200


async def test_no_cookie_goes_from_one_account_into_the_requests_of_another() -> None:
    session = b"HTTP/1.1 200 OK\r\nSet-Cookie: JSESSIONID=1; Path=/\r\nContent-Length: 2\r\n\r\nok"
    async with listening(session, keeps=True) as tool, egress(private=True) as way_out:
        for _ in range(2):
            await way_out.get(f"http://127.0.0.1:{tool.port}/")
    assert not any(b"cookie" in head.lower() for head in tool.heard)


async def test_an_idle_connection_is_not_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rallypoint.egress.KEPT_SECONDS", 0.0)
    async with listening(keeps=True) as tool, egress(private=True) as way_out:
        for _ in range(3):
            await way_out.get(f"http://127.0.0.1:{tool.port}/")
    assert tool.connects == 3


async def test_only_so_many_hosts_have_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rallypoint.egress.HOSTS_MOST", 2)

    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with listening(keeps=True) as tool, egress(private=True, resolver=resolver) as way_out:
        for name in ("a", "b", "c", "b", "a"):
            await way_out.get(f"http://{name}.example:{tool.port}/")
    assert tool.connects == 4, "b was kept, and a had made room for c"


async def test_a_host_that_hangs_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rallypoint.egress.HOST_MOST", 2)
    shut = asyncio.Event()

    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shut.wait()
        writer.close()

    server = await asyncio.start_server(hangs, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, listening(keeps=True) as tool, egress(private=True) as way_out:
        waiting = [asyncio.create_task(way_out.get(f"http://127.0.0.1:{port}/")) for _ in range(10)]
        try:
            assert (await way_out.get(f"http://127.0.0.1:{tool.port}/")).status == 200
            assert not any(one.done() for one in waiting)
        finally:
            shut.set()
            await asyncio.gather(*waiting, return_exceptions=True)
