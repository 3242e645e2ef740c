"""A form that forgets nothing: what was typed, and what is wrong with which field, until it is right."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from starlette.exceptions import HTTPException
from starlette.requests import Request

from rallypoint.errors import Invalid, Problem

LARGEST_FORM = 1024 * 1024
HEARD_AT_MOST = 32 * LARGEST_FORM


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Typed values by field, problems by field, and `said`: why the whole was refused."""

    name: str = "form"
    values: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: Mapping[str, Problem] = field(default_factory=dict)
    said: str = ""

    def value(self, key: str, otherwise: object = "") -> str:
        found = self.values.get(key)
        return str("" if otherwise is None else otherwise) if found is None else found

    def text(self, key: str) -> str:
        return self.values.get(key, "").strip()

    def maybe(self, key: str) -> str | None:
        return self.text(key) or None

    def ticked(self, key: str) -> bool:
        return self.values.get(key, "") not in ("", "0", "off", "false")

    def many(self, key: str) -> tuple[str, ...]:
        return self.lists.get(key, ())

    def number(self, key: str) -> int | None:
        """A whole number, None where nothing was typed; anything else is Invalid."""
        typed = self.text(key)
        if not typed:
            return None
        try:
            found = int(typed)
        except ValueError:
            raise Invalid(key, "this has to be a whole number", "12") from None
        if abs(found) >= 2**31:
            raise Invalid(key, "this number is too large", "12")
        return found

    def required(self, key: str, reason: str, example: str = "") -> str:
        typed = self.text(key)
        if not typed:
            raise Invalid(key, reason, example)
        return typed

    def wrong(self, error: Invalid) -> "Form":
        """The same form with what is wrong beside each field."""
        return replace(self, problems={problem.field: problem for problem in error.problems})

    def refused(self, said: str) -> "Form":
        return replace(self, said=said)

    @property
    def elsewhere(self) -> tuple[Problem, ...]:
        """Problems of fields that were not typed into: shown at the top, so none is invisible."""
        return tuple(problem for key, problem in self.problems.items() if key not in self.values)


def clean(text: str) -> str:
    """What a person typed, without what PostgreSQL's text cannot hold."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")


class TooLong(Exception):
    """More was sent than a form may hold."""


async def read(request: Request, name: str = "form") -> Form:
    """The posted form. Files are not read; a body beyond the limit is TooLong, one that is no form is Invalid."""
    request._body = await _body(request)  # what Starlette's form() reads, once it is known to be short enough
    lists: dict[str, tuple[str, ...]] = {}
    try:
        async with request.form(max_files=0, max_fields=500, max_part_size=LARGEST_FORM) as posted:
            for key, value in posted.multi_items():
                if isinstance(value, str):
                    lists[clean(key)] = (*lists.get(clean(key), ()), clean(value))
    except HTTPException as problem:
        raise Invalid("form", f"it cannot be read: {problem.detail}") from None
    return Form(name=name, values={key: value[-1] for key, value in lists.items()}, lists=lists)


async def _body(request: Request) -> bytes:
    """The whole body. What is too long is still heard to its end, within reason: only then browsers read an answer."""
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= LARGEST_FORM:
            body += chunk
        elif size > HEARD_AT_MOST:
            break
    if size > LARGEST_FORM:
        raise TooLong
    return bytes(body)


def of(name: str = "form", **values: object) -> Form:
    """A form as it is shown first, with what it starts with."""
    return Form(name=name, values={key: str(value) for key, value in values.items() if value is not None})
