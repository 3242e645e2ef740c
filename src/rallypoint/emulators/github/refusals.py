"""How the host says no."""

from collections.abc import Mapping
from typing import Any

DOCS = "https://docs.github.com/rest"


class Refusal(Exception):
    """An answer that is an error. `errors` are those of a validation."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.message, self.errors, self.headers = status, message, errors, dict(headers or {})
        super().__init__(f"{status} {message}")

    @property
    def body(self) -> dict[str, Any]:
        said: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            said["errors"] = self.errors
        return said | {"documentation_url": DOCS, "status": str(self.status)}


def not_found() -> Refusal:
    """Missing or hidden: nobody can tell which."""
    return Refusal(404, "Not Found")


def bad_credentials() -> Refusal:
    return Refusal(401, "Bad credentials")


def out_of_scope(scope: str) -> Refusal:
    """The token has not the permission, whatever its owner may."""
    said = {"x-accepted-github-permissions": scope.replace(":", "=")}
    return Refusal(403, "Resource not accessible by personal access token", headers=said)


def invalid(resource: str, field: str, code: str, message: str = "", *, value: Any = None) -> Refusal:
    error: dict[str, Any] = {"resource": resource, "field": field, "code": code}
    if message:
        error["message"] = message
    if value is not None:
        error["value"] = value
    return Refusal(422, "Validation Failed", errors=[error])


def wrong_type(path: str, said: str) -> Refusal:
    return Refusal(422, f"Invalid request.\n\nFor '{path}', {said}.")


def deleted() -> Refusal:
    return Refusal(410, "This issue was deleted")


def no_issues() -> Refusal:
    return Refusal(410, "Issues are disabled for this repo")


def moved(to: str) -> Refusal:
    return Refusal(301, "Moved Permanently", headers={"location": to})
