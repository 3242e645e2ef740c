"""The sender of a benchmark, in a process of its own: raw sockets, bodies built before the clock starts.

python -m benchmarks.load '{"port": 1, "path": "/", "batch": 64, "connections": 16, ...}'  -> one line of JSON
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any, cast

from benchmarks.figures import spread

LABELS = (
    '{{"labels":{{"alertname":"Benchmark{name:02d}","cluster":"eu-central-1",'
    '"instance":"host-{n:07d}.example.org:9100","job":"node-exporter","severity":"{severity}","team":"platform"}},'
    '"annotations":{{"description":"The disk of host-{n:07d}.example.org is at 97 percent'
    ' and will be full in four hours at the present rate.","summary":"Disk of host-{n:07d} is nearly full"}},'
    '"startsAt":"{starts}","endsAt":"{ends}",'
    '"generatorURL":"http://prometheus.example.org:9090/graph?g0.expr=node_filesystem_free&g0.tab=1"}}'
)
NAMES = 50


def bodies(order: dict[str, Any]) -> list[bytes]:
    """As many requests as the order asks for. Repeats carry a new end each time, as Prometheus sends them."""
    batch, count, distinct = order["batch"], order["requests"], order["distinct"]
    first = order.get("first", 0)
    now = time.time()
    starts = _stamp(now - 60)
    made = []
    for request in range(count):
        ends = _stamp(now + 3600 + (0 if distinct else request % 240))
        numbers = [
            first + (request * batch + i if distinct else (request * batch + i) % order["pool"]) for i in range(batch)
        ]
        alerts = ",".join(
            LABELS.format(name=n % NAMES, n=n, severity="warning", starts=starts, ends=ends) for n in numbers
        )
        body = f"[{alerts}]".encode()
        head = (
            f"POST {order['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


def _stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + ".000Z"


class Sender(asyncio.Protocol):
    """One connection: a request, its answer, the next request; at a set rate, the next one when its time has come."""

    def __init__(self, work: "Work") -> None:
        self._work, self._buffer, self._sent_at = work, b"", 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        request, wait = self._work.next()
        if request is None:
            self._transport.close()
        elif wait > 0:
            asyncio.get_running_loop().call_later(wait, self._send, request)
        else:
            self._send(request)

    def _send(self, request: bytes) -> None:
        assert self._transport is not None
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) < length:
            return
        self._buffer = b""
        self._work.answered(head[9:12], time.perf_counter() - self._sent_at)
        self._next()

    def connection_lost(self, problem: Exception | None) -> None:
        self._work.gone(bool(self._buffer) or problem is not None)


class Work:
    """Hands out requests until they or the time are used up, and counts the answers.

    With `rate`, each request has its time, so many a second; without, the next goes when the last was answered. With
    `again`, the first follows the last.
    """

    def __init__(
        self, requests: Sequence[bytes], seconds: float, connections: int, *, rate: float = 0.0, again: bool = False
    ) -> None:
        self._requests, self._place, self._rate, self._again = requests, 0, rate, again
        self._began = time.perf_counter()
        self._deadline = self._began + seconds
        self._open = connections
        self.done = asyncio.Event()
        self.seconds: list[float] = []
        self.good = self.bad = 0

    def next(self) -> tuple[bytes | None, float]:
        """The next request and in how many seconds it is to go; None when all is done."""
        now = time.perf_counter()
        at = self._began + self._place / self._rate if self._rate else now
        used_up = self._place >= len(self._requests) and not self._again
        if used_up or max(now, at) > self._deadline:
            return None, 0.0
        self._place += 1
        return self._requests[(self._place - 1) % len(self._requests)], at - now

    def answered(self, status: bytes, took: float) -> None:
        self.seconds.append(took)
        if status[:1] == b"2":
            self.good += 1
        else:
            self.bad += 1

    def gone(self, broken: bool) -> None:
        self.bad += broken
        self._open -= 1
        if self._open == 0:
            self.done.set()


async def run(order: dict[str, Any]) -> dict[str, Any]:
    requests = bodies(order)
    print("ready", flush=True)
    sys.stdin.readline()
    loop = asyncio.get_running_loop()
    cpu, began = time.process_time(), time.perf_counter()
    work = Work(
        requests, order["seconds"], order["connections"], rate=order.get("rate", 0.0), again=order.get("again", False)
    )
    for _ in range(order["connections"]):
        await loop.create_connection(lambda: Sender(work), "127.0.0.1", order["port"])
    await work.done.wait()
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    times = spread(work.seconds)
    return {
        "seconds": took,
        "requests": work.good,
        "bad": work.bad,
        "alerts": work.good * order["batch"],
        "p50": times.p50 * 1000,
        "p99": times.p99 * 1000,
        "cpu": cpu,
    }


if __name__ == "__main__":
    import uvloop

    print(json.dumps(uvloop.run(run(json.loads(sys.argv[1])))), flush=True)
