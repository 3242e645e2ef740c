"""Whatever comes in: a clear 4xx, or accepted and there to be seen. Never a 500, never slow, never a lost neighbour."""

from collections.abc import Callable
from time import process_time
from typing import Any

import msgspec
import pytest

from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from tests.hooks.conftest import KEY, Post
from tests.hooks.test_receivers import ALERTMANAGER, EVENTS, GENERIC, PROMETHEUS

SLOWEST_SECONDS = 1.0
"""Of this process's own time, so that a busy machine does not fail the test."""
MARK = b"@@"
"""Where a hostile value goes into an otherwise good message."""

LIMITS = {PROMETHEUS: 8 << 20, ALERTMANAGER: 8 << 20, EVENTS: 512 << 10, GENERIC: 1 << 20}
DEEP = b"[" * 20_000 + b"]" * 20_000
VALUES: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "zero": b"0",
    "negative": b"-1",
    "float": b"1.5e10",
    "infinity": b"1e999",
    "nan": b"NaN",
    "minus infinity": b"-Infinity",
    "huge integer": b"9" * 5000,
    "huge exponent": b"1e131072",
    "empty text": b'""',
    "spaces": b'"   "',
    "nul": b'"a\\u0000b"',
    "only nul": b'"\\u0000"',
    "lone surrogate": b'"a\\ud800b"',
    "reversed surrogates": b'"\\udc00\\ud800"',
    "good pair": b'"\\ud83d\\ude00"',
    "bidi override": '"\u202egnp.exe"'.encode(),
    "control characters": b'"\\u0001\\u001b[31m\\r\\nX: y"',
    "raw control character": b'"a\tb"',
    "broken utf-8": b'"a\xff\xfeb"',
    "cut utf-8": b'"\xe2\x82"',
    "html": b'"<script>alert(1)</script>"',
    "javascript link": b'"javascript:alert(1)"',
    "sql": b'"\'; drop table alert; --"',
    "long text": b'"' + b"x" * 200_000 + b'"',
    "long words": b'"' + "ä€😀 ".encode() * 20_000 + b'"',
    "empty object": b"{}",
    "empty list": b"[]",
    "list of lists": b"[[[]]]",
    "object": b'{"a": {"b": [1, null, "c"]}}',
    "deep list": DEEP,
    "deep object": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "rather deep": b"[" * 300 + b"]" * 300,
    "10,000 names": msgspec.json.encode({f"label_{n}": f"v{n}" for n in range(10_000)}),
    "10,000 entries": msgspec.json.encode(list(range(10_000))),
    "same name twice": b'{"a": "1", "a": "2"}',
    "empty name": b'{"": "x"}',
    "nul name": b'{"a\\u0000": "x"}',
    "surrogate name": b'{"\\ud800": "x"}',
    "1970": b'"1970-01-01T00:00:00Z"',
    "future": b'"2999-01-01T00:00:00Z"',
    "end of time": b'"9999-12-31T23:59:59-14:00"',
    "year zero": b'"0000-01-01T00:00:00Z"',
    "not a date": b'"2026-13-45T99:99:99Z"',
    "nanoseconds": b'"2026-06-01T07:59:59.123456789Z"',
    "seconds": b"1780000000",
    "far too many seconds": b"1e300",
}
PROMETHEUS_SLOTS = {
    "member": b"[@@, {good}]",
    "labels": b'[{"labels": @@}, {good}]',
    "label": b'[{"labels": {"alertname": "A", "x": @@}}, {good}]',
    "alertname": b'[{"labels": {"alertname": @@}}, {good}]',
    "severity": b'[{"labels": {"alertname": "A", "severity": @@}}, {good}]',
    "annotations": b'[{"labels": {"alertname": "A"}, "annotations": @@}, {good}]',
    "summary": b'[{"labels": {"alertname": "A"}, "annotations": {"summary": @@}}, {good}]',
    "startsAt": b'[{"labels": {"alertname": "A"}, "startsAt": @@}, {good}]',
    "endsAt": b'[{"labels": {"alertname": "A"}, "endsAt": @@}, {good}]',
    "generatorURL": b'[{"labels": {"alertname": "A"}, "generatorURL": @@}, {good}]',
}
GOOD = b'{"labels": {"alertname": "Neighbour"}, "annotations": {"summary": "Neighbour"}, "status": "firing"}'
SLOTS: dict[str, dict[str, bytes]] = {
    PROMETHEUS: PROMETHEUS_SLOTS,
    ALERTMANAGER: {
        "status": b'{"alerts": [{"labels": {"alertname": "A"}, "status": @@}, {good}]}',
        "truncatedAlerts": b'{"truncatedAlerts": @@, "alerts": [{good}]}',
        "groupKey": b'{"groupKey": @@, "alerts": [{good}]}',
        **{name: b'{"alerts": ' + text + b"}" for name, text in PROMETHEUS_SLOTS.items()},
    },
    EVENTS: {
        name: text.replace(b"{key}", KEY.encode())
        for name, text in {
            "event_action": b'{"routing_key": "{key}", "event_action": @@, "payload": {"summary": "s"}}',
            "payload": b'{"routing_key": "{key}", "event_action": "trigger", "payload": @@}',
            "routing_key": b'{"routing_key": @@, "event_action": "trigger"}',
            "dedup_key": b'{"routing_key": "{key}", "event_action": "trigger", "dedup_key": @@, "payload":'
            b' {"summary": "s", "source": "x", "severity": "info"}}',
            "summary": b'{"routing_key": "{key}", "event_action": "trigger", "payload":'
            b' {"summary": @@, "source": "x", "severity": "info"}}',
            "severity": b'{"routing_key": "{key}", "event_action": "trigger", "payload":'
            b' {"summary": "s", "source": "x", "severity": @@}}',
            "timestamp": b'{"routing_key": "{key}", "event_action": "trigger", "payload":'
            b' {"summary": "s", "source": "x", "severity": "info", "timestamp": @@}}',
            "custom_details": b'{"routing_key": "{key}", "event_action": "trigger", "payload":'
            b' {"summary": "s", "source": "x", "severity": "info", "custom_details": @@}}',
            "links": b'{"routing_key": "{key}", "event_action": "trigger", "links": @@, "images": @@, "client": @@,'
            b' "payload": {"summary": "s", "source": "x", "severity": "info", "group": @@, "class": @@}}',
        }.items()
    },
    GENERIC: {
        "summary": b'{"summary": @@}',
        "member": b'[{"summary": "Neighbour"}, @@]',
        **{
            name: b'{"summary": "s", "' + name.encode() + b'": @@}'
            for name in (
                "details",
                "severity",
                "status",
                "dedup_key",
                "service",
                "labels",
                "links",
                "timestamp",
                "other",
            )
        },
    },
}
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "space": b"  \n ",
    "a bracket": b"[",
    "a brace": b"{",
    "half": b'[{"labels": {"alertname": "A"',
    "two documents": b"{}{}",
    "trailing comma": b"[{},]",
    "single quotes": b"[{'a': 1}]",
    "xml": b'<?xml version="1.0"?><a/>',
    "form": b"summary=x&severity=critical",
    "binary": bytes(range(256)),
    "utf-16": '[{"labels": {}}]'.encode("utf-16"),
    "bom": b"\xef\xbb\xbf[]",
    "nul bytes": b"\0" * 1000,
    "deep": DEEP,
    "only opening": b"[" * 100_000,
    "list": b"[]",
    "object": b"{}",
    "number": b"7",
    "text": b'"x"',
    "null": b"null",
    "big list of numbers": b"[" + b"1," * 100_000 + b"1]",
}


@pytest.mark.parametrize("path", SLOTS)
async def test_hostile_values_in_every_field(path: str, post: Post, db: Database) -> None:
    neighbours, slow = 0, []
    for slot, text in SLOTS[path].items():
        for name, value in VALUES.items():
            body = text.replace(b"{good}", GOOD).replace(MARK, value)
            began = process_time()
            answer = await post(path, body)
            if (took := process_time() - began) > SLOWEST_SECONDS:
                slow.append((slot, name, round(took, 2)))
            assert answer.status in ((200, 202, 400) if len(body) <= LIMITS[path] else (413,)), (slot, name, answer)
            said = answer.json if answer.body else ""
            assert answer.status != 400 or said, (slot, name)
            neighbours += b"Neighbour" in body and answer.status != 413
    assert not slow
    if neighbours:
        async with db.transaction(SYSTEM) as tx:
            counted = """select sum(a.count + coalesce(p.repeats, 0)) from alert a
                           left join alert_pulse p on p.alert_id = a.id where summary = 'Neighbour'"""
            assert int(await tx.value(counted)) == neighbours


@pytest.mark.parametrize("path", SLOTS)
async def test_bodies_that_are_no_message(path: str, post: Post, db: Database) -> None:
    for name, body in BODIES.items():
        began = process_time()
        answer = await post(path, body)
        assert process_time() - began < SLOWEST_SECONDS, name
        assert answer.status in (200, 202, 400), (name, answer)
    # after all that, a good message is taken as ever
    good: dict[str, Any] = {
        PROMETHEUS: [{"labels": {"alertname": "Good"}}],
        ALERTMANAGER: {"alerts": [{"labels": {"alertname": "Good"}, "status": "firing"}]},
        EVENTS: {"routing_key": KEY, "event_action": "trigger", "payload": {
            "summary": "Good", "source": "x", "severity": "info"}},
        GENERIC: {"summary": "Good"},
    }  # fmt: skip
    assert (await post(path, good[path])).status in (200, 202)


def one(field: bytes, value: bytes) -> bytes:
    """A list of one alert with this field, and a good neighbour."""
    return b'[{"labels": {"alertname": "A"}, "%s": %s}, %s]' % (field, value, GOOD)


def group(alerts: bytes) -> bytes:
    return b'{"version": "4", "alerts": %s}' % alerts


def event(field: bytes, value: bytes) -> bytes:
    start = b'{"routing_key": "%s", "event_action": "trigger", "payload": {"summary": "s", "source": "x", "severity": '
    return start % KEY.encode() + b'"info", "%s": %s}}' % (field, value)


def names(count: int) -> bytes:
    return msgspec.json.encode({f"label_{n}": f"v{n}" for n in range(count)})


def numbered(count: int) -> bytes:
    return msgspec.json.encode([{"labels": {"alertname": "A", "n": str(n)}} for n in range(count)])


LARGE: dict[str, tuple[str, Callable[[], bytes], int]] = {
    "a 5 MB label": (PROMETHEUS, lambda: one(b"labels", b'{"x": "' + b"x" * 5_000_000 + b'"}'), 2),
    "a 5 MB summary": (PROMETHEUS, lambda: one(b"annotations", b'{"summary": "' + b"y" * 5_000_000 + b'"}'), 2),
    "a 5 MB start": (PROMETHEUS, lambda: one(b"startsAt", b'"' + b"1" * 5_000_000 + b'"'), 2),
    "a 5 MB end": (PROMETHEUS, lambda: one(b"endsAt", b'"' + b"1" * 5_000_000 + b'"'), 2),
    "a number of 5 MB": (PROMETHEUS, lambda: one(b"startsAt", b"9" * 5_000_000), 2),
    "5 MB of NUL": (PROMETHEUS, lambda: one(b"annotations", b'{"summary": "' + b"\\u0000" * 800_000 + b'"}'), 2),
    "5 MB of surrogates": (PROMETHEUS, lambda: one(b"labels", b'{"x": "' + b"\\ud800" * 800_000 + b'"}'), 2),
    "5 MB of broken bytes": (PROMETHEUS, lambda: one(b"labels", b'{"x": "' + b"\xff" * 5_000_000 + b'"}'), 2),
    "300,000 labels": (PROMETHEUS, lambda: one(b"labels", names(300_000)), 2),
    "300,000 annotations": (PROMETHEUS, lambda: one(b"annotations", names(300_000)), 2),
    "2,000,000 lists as an end": (PROMETHEUS, lambda: one(b"endsAt", b"[" + b"[]," * 2_000_000 + b"1]"), 2),
    "20 deep values": (PROMETHEUS, lambda: one(b"x", b"[" + b",".join([DEEP] * 20) + b"]"), 2),
    "8 MB of brackets": (PROMETHEUS, lambda: b"[" * 4_000_000 + b"]" * 4_000_000, 0),
    "20,000 alerts": (PROMETHEUS, lambda: numbered(20_000), 20_000),
    "40,000 empty alerts": (PROMETHEUS, lambda: b"[" + b"{}," * 40_000 + b"{}]", 0),
    "4,000,000 numbers": (PROMETHEUS, lambda: b"[" + b"1," * 4_000_000 + b"1]", 0),
    "2,000,000 empty alerts": (PROMETHEUS, lambda: b"[" + b"{}," * 2_000_000 + b"{}]", 0),
    "a 5 MB label in a group": (ALERTMANAGER, lambda: group(one(b"labels", b'{"x": "' + b"x" * 5_000_000 + b'"}')), 2),
    "5 MB of status": (ALERTMANAGER, lambda: group(one(b"status", b'"' + b"x" * 5_000_000 + b'"')), 2),
    "300,000 labels in a group": (ALERTMANAGER, lambda: group(one(b"labels", names(300_000))), 2),
    "deep values in a group": (ALERTMANAGER, lambda: group(one(b"x", b"[" + b",".join([DEEP] * 20) + b"]")), 2),
    "4,000,000 numbers in a group": (ALERTMANAGER, lambda: group(b"[" + b"1," * 4_000_000 + b"1]"), 0),
    "a 500 KB summary": (EVENTS, lambda: event(b"summary", b'"' + b"x" * 500_000 + b'"'), 1),
    "25,000 details": (EVENTS, lambda: event(b"custom_details", names(20_000)), 1),
    "deep details": (EVENTS, lambda: event(b"custom_details", DEEP), 1),
    "a 1 MB summary": (GENERIC, lambda: b'{"summary": "' + b"x" * 1_000_000 + b'"}', 1),
    "30,000 labels": (GENERIC, lambda: b'{"summary": "x", "labels": ' + names(30_000) + b"}", 1),
    "deep everything": (GENERIC, lambda: b'{"summary": "x", "labels": {"a": %s}, "other": %s}' % (DEEP, DEEP), 1),
    "400,000 lists": (GENERIC, lambda: b'{"summary": "x", "other": [' + b"[]," * 300_000 + b"1]}", 1),
    "40,000 short alerts": (GENERIC, lambda: b"[" + b'{"summary":"a"},' * 40_000 + b'{"summary":"b"}]', 2),
}
"""Where it goes, the message, and how many alerts of the sender's are there afterwards."""
MANY = {"20,000 alerts": 3.0, "40,000 short alerts": 3.0}
"""Seconds for a message that is large because so much happened."""


@pytest.mark.parametrize("name", LARGE)
async def test_large_messages(name: str, post: Post, db: Database) -> None:
    path, make, alerts = LARGE[name]
    body = make()
    assert len(body) <= LIMITS[path]
    began = process_time()
    answer = await post(path, body, chunk=1 << 20)
    took = process_time() - began
    assert took < MANY.get(name, SLOWEST_SECONDS), took
    assert answer.status == (400 if not alerts else 200 if path in (PROMETHEUS, ALERTMANAGER) else 202), answer
    async with db.transaction(SYSTEM) as tx:
        told = "labels ->> 'alertname' = 'UnreadableMessage'"
        assert await tx.value(f"select count(*) from alert where ({told}) is not true") == alerts
        assert await tx.value(f"select count(*) from alert where {told}") == (0 if alerts else 1)


async def test_long_values_are_cut_where_one_can_see_it_and_alerts_stay_apart(post: Post, db: Database) -> None:
    long = "x" * 100_000
    for end in ("1", "2"):
        await post(PROMETHEUS, [{"labels": {"alertname": "A", "path": long + end}}])
    async with db.transaction(SYSTEM) as tx:
        rows = await tx.rows("select labels, length(payload) as bytes from alert order by id")
    assert len(rows) == 2
    assert all(row["labels"]["path"].endswith("… (cut, 100001 characters)") and row["bytes"] > 100_000 for row in rows)
