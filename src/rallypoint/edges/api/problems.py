"""Every error as RFC 9457 problem+json. Here, and only here, kinds of errors become HTTP words for the API."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import asyncpg
import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from rallypoint.errors import Conflict, Invalid, NotFound, OutsideFailure, RallypointError, Refused
from rallypoint.ids import token

MEDIA_TYPE = "application/problem+json"
KINDS = "urn:rallypoint:problem:"
UNREACHABLE = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError,
               asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError)  # fmt: skip

UNKNOWN = {
    404: "There is no such address; /api/v1/docs has all that are.",
    405: "This address does not take this method; the header Allow has those that it takes.",
}
KEY_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"

log = structlog.get_logger()


class FieldProblem(BaseModel):
    field: str = Field(description="Where: `title`, `steps.0.after_minutes`, `query.limit`.")
    reason: str
    example: str = ""


class Problem(BaseModel):
    """What went wrong, in the shape of RFC 9457."""

    type: str = Field(description="The kind of problem, stable: `urn:rallypoint:problem:refused` and the like.")
    title: str
    status: int
    detail: str = ""
    errors: list[FieldProblem] | None = Field(None, description="One entry for each field that is wrong.")
    guard: str | None = Field(None, description="The rule that refused.")
    who_may: str | None = Field(None, description="Who may do it.")
    help: str | None = Field(None, description="What would help.")
    incident: str | None = Field(None, description="Quote this to whoever runs the server: its log has it too.")


class NotKnown(RallypointError):
    """The caller did not say who they are, or it is not so."""


class Unusable(RallypointError):
    """The request cannot be read at all: its status and why."""

    def __init__(self, status: int, reason: str) -> None:
        self.status, self.reason = status, reason
        super().__init__(reason)


def answer(problem: Exception) -> JSONResponse:
    """The one function that knows which kind of error has which status."""
    match problem:
        case NotKnown():
            return say(401, "not-known", str(problem), headers={"www-authenticate": 'Bearer realm="rallypoint"'})
        case Unusable():
            return say(problem.status, _name(problem.status), problem.reason)
        case Refused():
            status, kind = (403, "not-allowed") if problem.permission else (409, "refused")
            way_out = {"guard": problem.guard, "who_may": problem.who_may, "help": problem.help}
            return say(status, kind, problem.reason, way_out)
        case Invalid():
            return _invalid([FieldProblem(field=p.field, reason=p.reason, example=p.example) for p in problem.problems])
        case RequestValidationError():
            return _unreadable(problem.errors())
        case NotFound():
            return say(404, "not-found", str(problem))
        case Conflict() | asyncpg.UniqueViolationError():
            said = str(problem) if isinstance(problem, Conflict) else "That exists already."
            return say(409, "conflict", said)
        case HTTPException():
            said = UNKNOWN.get(problem.status_code) or str(problem.detail)
            return say(problem.status_code, _name(problem.status_code), said, headers=problem.headers)
        case asyncpg.DataError() | asyncpg.IntegrityConstraintViolationError():
            log.warning("the database refused an input that the program let pass", problem=repr(problem))
            return say(422, "invalid", "The input has a value that cannot be kept.")
        case OutsideFailure():
            return say(502, "outside", problem.said, {"help": problem.help})
        case _ if isinstance(problem, UNREACHABLE):
            log.error("the database does not answer", problem=repr(problem))
            said = "The database does not answer. Nothing was changed; try again."
            return say(503, "unready", said, headers={"retry-after": "2"})
    reference = token(10)
    log.exception("request failed", reference=reference, exc_info=problem)
    return say(500, "fault", "Something in Rallypoint broke. Nothing was changed.", {"incident": reference})


def say(
    status: int,
    kind: str,
    detail: str,
    words: Mapping[str, str] | None = None,
    *,
    errors: Sequence[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    title = HTTPStatus(status).phrase
    more: dict[str, Any] = {name: text for name, text in (words or {}).items() if text}
    body = Problem(type=KINDS + kind, title=title, status=status, detail=detail, **more)
    body.errors = list(errors) if errors is not None else None
    content = body.model_dump(exclude_none=True)
    return JSONResponse(content, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.lower().replace(" ", "-")


def _unreadable(errors: Sequence[Mapping[str, Any]]) -> JSONResponse:
    """What the models refused: where and why, never the value, which may be a secret."""
    return _invalid([FieldProblem(field=_where(e["loc"]), reason=_why(e)) for e in errors[:50]])


def _invalid(fields: Sequence[FieldProblem]) -> JSONResponse:
    """The sentence names the fields, for those who read nothing else; `errors` says what is wrong with each."""
    where = ", ".join(dict.fromkeys(field.field for field in fields[:5])) + (", ..." if len(fields) > 5 else "")
    return say(422, "invalid", f"The input cannot be used as it is: {where}.", errors=fields)


def _why(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "missing":
            return "is needed"
        case "extra_forbidden":
            return "is not known here; the description at /api/v1/docs has all that are"
        case "string_pattern_mismatch" if error["ctx"]["pattern"] == KEY_PATTERN:
            return "may have lower-case letters, digits and hyphens, and begins and ends with a letter or digit"
    return str(error["msg"]).removeprefix("Value error, ")


def _where(location: Sequence[Any]) -> str:
    parts = [str(part)[:100].encode("utf-8", "replace").decode() for part in location]
    return ".".join(parts[1:] if parts[:1] == ["body"] and len(parts) > 1 else parts)
