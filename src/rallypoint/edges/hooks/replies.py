"""What each kind of sender is told, in the words and codes that it expects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from rallypoint.alerts import Busy
from rallypoint.errors import Invalid, OutsideFailure

Headers = list[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")
RETRY_SECONDS = 2

_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def all_headers(self) -> Headers:
        return [JSON, (b"content-length", b"%d" % len(self.body)), *self.headers]


def reply(status: int, value: Any, *headers: tuple[bytes, bytes]) -> Reply:
    return Reply(status, _encode(value), headers)


EMPTY_OK = Reply(200)


class Manners:
    """How one receiver answers. The defaults are those of plain JSON."""

    busy = 429

    def accepted(self, ids: Sequence[int | None], keys: Sequence[str], problems: Sequence[str], note: str) -> Reply:
        """Everything readable is committed; `problems` are the members that were not."""
        said: dict[str, Any] = {"status": "accepted"}
        if len(ids) == 1 and len(keys) == 1:
            said |= {"id": ids[0], "dedup_key": keys[0]}
            if ids[0] is None:
                said["message"] = "No open alert has this dedup_key, so nothing changed."
        else:
            said["ids"] = list(ids)
        if problems:
            said["unreadable"] = list(problems)
        return reply(202, said)

    def invalid(self, problem: Invalid) -> Reply:
        errors = [{"field": p.field, "reason": p.reason, "example": p.example} for p in problem.problems]
        return reply(400, {"status": "invalid", "message": str(problem), "errors": errors})

    def refused(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> Reply:
        return reply(status, {"status": "refused", "message": message}, *headers)

    def unknown_key(self) -> Reply:
        return self.refused(404, "There is no integration with this key.")

    def trouble(self, problem: Exception) -> Reply:
        """Nothing was promised: the sender is asked to come again."""
        if isinstance(problem, Busy):
            status = self.busy if problem.lane else 503
            return self.refused(status, f"{problem} Send it again.", retry_after(problem.retry_after))
        if isinstance(problem, OutsideFailure):
            return self.refused(503, "The database cannot be reached. Send it again.", retry_after(RETRY_SECONDS))
        return self.refused(503, "This could not be stored. Send it again.", retry_after(RETRY_SECONDS))


class AsAlertmanager(Manners):
    """API v2 as Prometheus knows it: an empty 200, or a JSON string."""

    busy = 503

    def accepted(self, ids: Sequence[int | None], keys: Sequence[str], problems: Sequence[str], note: str) -> Reply:
        return reply(400, "; ".join(problems)[:4000]) if problems else EMPTY_OK

    def invalid(self, problem: Invalid) -> Reply:
        return reply(400, str(problem))

    def refused(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> Reply:
        return reply(status, message, *headers)


class AsAlertmanagerV1(AsAlertmanager):
    """The older API, which wraps its answers."""

    def accepted(self, ids: Sequence[int | None], keys: Sequence[str], problems: Sequence[str], note: str) -> Reply:
        if problems:
            return reply(400, {"status": "error", "errorType": "bad_data", "error": "; ".join(problems)[:4000]})
        return reply(200, {"status": "success"})

    def invalid(self, problem: Invalid) -> Reply:
        return reply(400, {"status": "error", "errorType": "bad_data", "error": str(problem)})

    def refused(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> Reply:
        return reply(status, {"status": "error", "errorType": "server_error", "error": message}, *headers)


class ToAlertmanager(Manners):
    """Its webhook: any 2xx is done, a 5xx comes again, a 4xx is dropped for good."""

    busy = 503

    def accepted(self, ids: Sequence[int | None], keys: Sequence[str], problems: Sequence[str], note: str) -> Reply:
        said: dict[str, Any] = {"status": "accepted", "alerts": len(ids)}
        if problems:
            said["unreadable"] = list(problems)
        if note:
            said["note"] = note
        return reply(200, said)


class AsPagerDuty(Manners):
    """Events API v2: clients check for exactly 202 and the word success."""

    def accepted(self, ids: Sequence[int | None], keys: Sequence[str], problems: Sequence[str], note: str) -> Reply:
        return reply(202, {"status": "success", "message": "Event processed", "dedup_key": keys[0]})

    def invalid(self, problem: Invalid) -> Reply:
        if problem.problems[0].field == "body":
            return _not_an_event("Unrecognized object", "Event object format is unrecognized", "JSON parse error")
        return _not_an_event("invalid event", "Event object is invalid", *(p.reason for p in problem.problems))

    def refused(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> Reply:
        return reply(status, {"status": "error", "message": message, "errors": [message]}, *headers)

    def unknown_key(self) -> Reply:
        return _not_an_event("invalid event", "Event object is invalid", "Invalid routing key")

    def odd_key(self) -> Reply:
        return _not_an_event(
            "invalid event",
            "Event object is invalid",
            "Length of 'routing_key' is incorrect (should be 32 characters)",
        )


def _not_an_event(status: str, message: str, *errors: str) -> Reply:
    return reply(400, {"status": status, "message": message, "errors": list(errors)})


def retry_after(seconds: int) -> tuple[bytes, bytes]:
    return b"retry-after", b"%d" % seconds
