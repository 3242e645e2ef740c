"""How the interface says no: a message and a number of its own."""

from collections.abc import Mapping
from typing import Any


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        message: str,
        code: int,
        errors: list[str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.message, self.code = status, message, code
        self.errors, self.headers = errors, dict(headers or {})
        super().__init__(f"{status} {message}")

    @property
    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"message": self.message, "code": self.code}
        return {"error": error | ({"errors": self.errors} if self.errors is not None else {})}


def unauthorized() -> Refusal:
    return Refusal(401, "Authentication failed", 2006)


def denied() -> Refusal:
    return Refusal(403, "Access Denied", 2010)


def not_found() -> Refusal:
    return Refusal(404, "Not Found", 2100)


def invalid(*errors: str) -> Refusal:
    return Refusal(400, "Invalid Input Provided", 2001, list(errors))


def arguments(*errors: str) -> Refusal:
    return Refusal(400, "Arguments Caused Error", 2002, list(errors))


def no_requester() -> Refusal:
    return Refusal(400, "Requester User Not Found", 1008)


def already_resolved() -> Refusal:
    return Refusal(400, "Incident Already Resolved", 1001)


def wrong_status() -> Refusal:
    return Refusal(400, "Invalid Status Provided", 1003)


def wrong_priority() -> Refusal:
    return Refusal(400, "Invalid Priority", 1020)
