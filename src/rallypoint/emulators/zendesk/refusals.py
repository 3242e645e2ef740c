"""How a desk says no: `error` and `description`, and for records `details` by property."""

from collections.abc import Mapping
from typing import Any

FORBIDDEN = "You do not have access to this page. Please contact the account owner of this help desk for further help."


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, dict(headers or {})
        super().__init__(f"{status} {body}")


def not_found() -> Refusal:
    """Missing, deleted or hidden: nobody can tell which."""
    return Refusal(404, {"error": "RecordNotFound", "description": "Not found"})


def no_route() -> Refusal:
    return Refusal(404, {"error": {"title": "No help desk at this address", "message": "InvalidEndpoint: Not found"}})


def not_known() -> Refusal:
    return Refusal(401, {"error": "Couldn't authenticate you"})


def token_refused(why: str) -> Refusal:
    said = {"error": "invalid_token", "error_description": why}
    return Refusal(401, said, {"www-authenticate": 'Bearer realm="Zendesk", error="invalid_token"'})


def scope_missing(scope: str) -> Refusal:
    said = f"You are missing the following required scopes: {scope}"
    return Refusal(403, {"error": "Forbidden", "description": said})


def forbidden() -> Refusal:
    return Refusal(403, {"error": {"title": "Forbidden", "message": FORBIDDEN}})


def conflict() -> Refusal:
    said = "Safe Update prevented by outdated ticket data"
    return Refusal(409, {"error": "UpdateConflict", "description": said})


def bad(why: str, error: str = "InvalidValue") -> Refusal:
    return Refusal(400, {"error": error, "description": why})


def unreadable_body() -> Refusal:
    return Refusal(422, {"error": "UnprocessableEntity", "message": "Server could not parse JSON"})


class Wrong:
    """Everything about a record that is not valid, by property; `base` for what is about the whole."""

    def __init__(self) -> None:
        self.details: dict[str, list[dict[str, Any]]] = {}

    def add(self, name: str, said: str, error: str = "InvalidValue", **more: Any) -> None:
        self.details.setdefault(name, []).append({"description": said, "error": error, **more})

    def stop(self) -> None:
        """Raises when anything was found."""
        if self.details:
            said = {"error": "RecordInvalid", "description": "Record validation errors", "details": self.details}
            raise Refusal(422, said)


def invalid(name: str, said: str, error: str = "InvalidValue") -> Refusal:
    wrong = Wrong()
    wrong.add(name, said, error)
    return Refusal(422, {"error": "RecordInvalid", "description": "Record validation errors", "details": wrong.details})
