"""How Jira says no: messages, words for fields, and headers that tell more than the status."""

from collections.abc import Mapping
from typing import Any

NOT_SEEN = "Issue does not exist or you do not have permission to see it."


class Refusal(Exception):
    """An answer that is an error. `errors` are words by field. `text` replaces the usual envelope."""

    def __init__(
        self,
        status: int,
        *messages: str,
        errors: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        text: str | None = None,
    ) -> None:
        self.status, self.messages, self.errors = status, messages, dict(errors or {})
        self.headers, self.text = dict(headers or {}), text
        super().__init__(f"{status} {messages} {errors}")

    @property
    def body(self) -> dict[str, Any]:
        return {"errorMessages": list(self.messages), "errors": self.errors}


def no_issue() -> Refusal:
    """Missing or hidden: nobody can tell which."""
    return Refusal(404, NOT_SEEN)


def off_screen(field: str) -> Refusal:
    said = f"Field '{field}' cannot be set. It is not on the appropriate screen, or unknown."
    return Refusal(400, errors={field: said})


def wrong(field: str, said: str) -> Refusal:
    return Refusal(400, errors={field: said})


def forbidden(said: str = "You do not have permission to edit issues in this project.") -> Refusal:
    return Refusal(403, said)


def no_way(path: str) -> Refusal:
    """There is no such resource in this edition."""
    return Refusal(404, text=f'{{"message":"null for uri: {path}","status-code":404}}')
