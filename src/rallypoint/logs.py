"""Log records: one line each whatever they carry, without secrets; JSON for machines, plain words on a terminal.

Records of structlog and of Python's own logging (uvicorn, asyncio, warnings) take the same way out.
"""

import json
import logging
import math
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from rallypoint import clock

TEXT_MAX = 4000
TRACE_MAX = 12_000
DEPTH_MAX = 6
ITEMS_MAX = 50
HIDDEN = "[hidden]"

_SECRET_NAMES = frozenset(
    {"key", "api_key", "apikey", "routing_key", "integration_key", "private_key", "dsn", "pepper"}
)
_SECRET_PARTS = ("password", "passwd", "secret", "token", "authorization", "cookie", "credential")
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^@\s/]+@")
_OUR_KEYS = re.compile(r"\brp_[a-z0-9]{40}\b|(?<=/in/)[a-z0-9]{32}\b")
# What could end a line, move a terminal's cursor, or make text read in another order than it stands.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def configure(level: str = "info", *, stream: TextIO | None = None, as_json: bool | None = None) -> None:
    """Send every record to `stream` (standard error), as JSON unless a person watches."""
    out = stream or sys.stderr
    machine = not out.isatty() if as_json is None else as_json
    threshold = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _stamp,
            structlog.processors.format_exc_info,
            _tame,
            _as_json if machine else _as_words,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Bridge()]
    root.setLevel(threshold)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        chatty = logging.getLogger(name)
        chatty.handlers, chatty.propagate = [], True
    for name in ("asyncio", "httpx2"):  # each slow turn of the loop, each request that goes out
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(True)


class _Bridge(logging.Handler):
    """Hands records of Python's logging to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception as problem:  # a bad format string must not cost the record
            text = f"{record.msg!r} (unformattable: {problem!r})"
        logger = structlog.get_logger()
        with_trace = {"exc_info": record.exc_info} if record.exc_info else {}
        logger.log(record.levelno, text, logger=record.name, **with_trace)


def _stamp(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    event["at"] = clock.process_time().isoformat(timespec="milliseconds")
    return event


def _tame(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Plain, bounded, escaped values under escaped names, and no secrets."""
    return {
        _escape(str(name)): _plain(str(name), value, 0, TRACE_MAX if name == "exception" else TEXT_MAX)
        for name, value in event.items()
    }


def is_secret(name: str) -> bool:
    """Whether values under this name stay out of every log."""
    lower = name.lower().replace("-", "_")
    return lower in _SECRET_NAMES or any(part in lower for part in _SECRET_PARTS)


def _plain(name: str, value: Any, depth: int, limit: int) -> Any:
    if is_secret(name) and value not in (None, "", False, True):
        return HIDDEN
    if value is None or isinstance(value, bool | int):
        return value if not isinstance(value, int) or -(2**63) <= value < 2**63 else f"{value:#x}"[:TEXT_MAX]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _escape(value, limit)
    if depth >= DEPTH_MAX:
        return "..."
    if isinstance(value, Mapping):
        some = list(value.items())[:ITEMS_MAX]
        return {_escape(str(k)): _plain(str(k), v, depth + 1, limit) for k, v in some}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain("", item, depth + 1, limit) for item in list(value)[:ITEMS_MAX]]
    try:
        return _escape(str(value) if not isinstance(value, bytes | bytearray) else repr(bytes(value[:limit])), limit)
    except Exception as problem:
        return f"({type(value).__name__} that cannot be shown: {type(problem).__name__})"


def _escape(text: str, limit: int = 200) -> str:
    """Text that stays on its line and in its order; what looks like one of our keys or a URL's password is hidden."""
    shown = text[:limit] + ("..." if len(text) > limit else "")
    shown = _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", shown)
    shown = _OUR_KEYS.sub(HIDDEN, shown)
    return _UNSAFE.sub(lambda found: _code(found.group()), shown)


def _code(character: str) -> str:
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return known.get(character) or (f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}")


def _as_json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    first = {name: event.pop(name) for name in ("at", "level", "event") if name in event}
    return json.dumps(first | dict(event), ensure_ascii=True, default=str, allow_nan=False)


_COLOURS = {"debug": "2", "warning": "33", "error": "31", "critical": "31;1"}


def _as_words(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """`14:03:22 info  database.started  pid=12 seconds=0.1`"""
    at, level, said = str(event.pop("at", ""))[11:19], str(event.pop("level", "")), str(event.pop("event", ""))
    trace = event.pop("exception", "")
    rest = " ".join(f"{name}={_quoted(value)}" for name, value in event.items())
    colour = _COLOURS.get(level)
    shown = f"\x1b[{colour}m{level:<8}\x1b[0m" if colour else f"{level:<8}"
    return f"{at} {shown} {said}" + (f"  {rest}" if rest else "") + (f"  {trace}" if trace else "")


def _quoted(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f'"{text}"' if isinstance(value, str) and (not text or " " in text) else text
