"""A record is one line, whatever it carries, and tells no secret."""

import io
import json
import logging
from typing import Any

import pytest
import structlog

from rallypoint import logs

NASTY = "one\r\ntwo\x1b[31mred\u202eback\u2028line\x00nul\x85nel\ud800half"


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.fixture
def machine() -> Any:
    out = io.StringIO()
    logs.configure("debug", stream=out, as_json=True)
    yield out
    structlog.reset_defaults()
    logging.getLogger().handlers = []
    logging.captureWarnings(False)


def records(out: io.StringIO) -> list[dict[str, Any]]:
    assert out.getvalue().endswith("\n")
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    "value",
    [NASTY, NASTY.encode("utf-8", "surrogatepass"), {NASTY: NASTY}, [NASTY], Broken(), float("nan"), 10**5000, object(),
     "x" * 5_000_000, {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}],
    ids=lambda v: type(v).__name__,
)  # fmt: skip
def test_a_record_is_one_line_of_ascii(machine: io.StringIO, value: object) -> None:
    structlog.get_logger().info(NASTY, value=value)
    (record,) = records(machine)
    assert record["level"] == "info"
    assert record["event"].startswith("one\\r\\ntwo\\x1b[31mred\\u202eback\\u2028line\\x00nul\\x85nel\\ud800half")
    assert machine.getvalue().isascii()
    assert len(machine.getvalue()) < 20_000


def test_what_contains_itself_is_cut(machine: io.StringIO) -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop
    structlog.get_logger().info("loop", loop=loop)
    assert len(records(machine)) == 1


@pytest.mark.parametrize(
    "name", ["password", "Authorization", "api_key", "routing_key", "login_token", "set-cookie", "client_secret", "dsn"]
)
def test_secrets_are_hidden_by_name(machine: io.StringIO, name: str) -> None:
    structlog.get_logger().info("in", **{name: "hunter2"}, deep={"also": {name: "hunter2"}}, many=[{name: "hunter2"}])
    assert "hunter2" not in machine.getvalue()
    assert logs.HIDDEN in machine.getvalue()


def test_secrets_are_hidden_inside_text(machine: io.StringIO) -> None:
    key, integration = "rp_" + "a" * 40, "b" * 32
    structlog.get_logger().info(f"used {key} at /in/{integration}/v2 of postgresql://me:hunter2@db/x")
    text = machine.getvalue()
    assert key not in text
    assert integration not in text
    assert "hunter2" not in text
    assert "postgresql://me:[hidden]@db/x" in text


@pytest.mark.parametrize("name", ["dedup_key", "grouping_key", "service_key", "monkey"])
def test_names_of_things_are_no_secrets(name: str) -> None:
    assert not logs.is_secret(name)


def test_python_logging_takes_the_same_way(machine: io.StringIO) -> None:
    try:
        raise ValueError(NASTY)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it %s", "broke")
    bad = logging.LogRecord("odd", logging.WARNING, __file__, 1, "%d", ("not a number",), None)
    logging.getLogger().handlers[0].handle(bad)
    first, second = records(machine)
    assert first["event"] == "it broke"
    assert "ValueError" in first["exception"]
    assert "unformattable" in second["event"]


def test_a_person_reads_words_on_one_line() -> None:
    out = io.StringIO()
    logs.configure("info", stream=out, as_json=False)
    try:
        structlog.get_logger().info("served", url="http://x", note="two words", bad=NASTY)
        structlog.get_logger().debug("not shown")
        try:
            raise ValueError(NASTY)
        except ValueError:
            structlog.get_logger().exception("broke")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers = []
        logging.captureWarnings(False)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert 'served  url=http://x note="two words"' in lines[0]
    assert "\u202e" not in out.getvalue()
