"""Words that inputs and outputs of the API share: bounded text, ids, instants, pages."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from rallypoint import paging_cursor
from rallypoint.edges.api.problems import KEY_PATTERN
from rallypoint.errors import Invalid

T = TypeVar("T")
Item = TypeVar("Item")

NUMBER_MAX = 2**53 - 1  # the largest that JavaScript counts exactly
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _between(at: datetime) -> datetime:
    try:
        moment = at.astimezone(UTC)
    except OverflowError as problem:
        raise ValueError("must lie between 1970 and 2100") from problem
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("must lie between 1970 and 2100")
    return moment


def _of_no_zone(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError("must have no offset: it is local time")
    return at


Id = Annotated[int, Field(ge=1, le=NUMBER_MAX)]
Number = Annotated[int, Path(ge=1, le=NUMBER_MAX, description="The incident's number, as in INC-42.")]
PathId = Annotated[int, Path(ge=1, le=NUMBER_MAX)]
PathKey = Annotated[str, Path(min_length=1, max_length=200)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=KEY_PATTERN)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
OptionalLine = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
OptionalText = Annotated[str, StringConstraints(max_length=10_000)]
LocalTime = Annotated[
    time, AfterValidator(_of_no_zone), WithJsonSchema({"type": "string", "pattern": r"^\d{2}:\d{2}(:\d{2}(\.\d+)?)?$"})
]
"""A time of day in somebody's own zone. JSON Schema's `time` would want an offset."""
Tags = Annotated[list[Annotated[str, StringConstraints(max_length=60)]], Field(max_length=50)]
Custom = Annotated[dict[Key, Annotated[str, StringConstraints(max_length=2000)] | float | None], Field(max_length=50)]
"""Fields of a domain by key; null clears one."""

Moment = Annotated[AwareDatetime, AfterValidator(_between)]


class Input(BaseModel):
    """A body. What we do not know is refused: a misspelt field must not pass for a default."""

    model_config = ConfigDict(extra="forbid")


class View(BaseModel):
    """An answer, made from a room's value by its attributes."""

    model_config = ConfigDict(from_attributes=True)


class Listing(BaseModel):
    """The query of a list: where to go on, and how many."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = Field(None, max_length=1000, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200)


Listed = Annotated[Listing, Query()]


class Page(BaseModel, Generic[T]):
    items: list[T]
    next_cursor: str | None = Field(None, description="Ask again with it as `cursor`; null on the last page.")


def paged(items: Sequence[Item], query: Listing, key: Callable[[Item], Any]) -> tuple[list[Item], str | None]:
    """One page of a list that is short enough to be read whole, ordered by a key that no two items share."""
    ordered = sorted(items, key=key)
    if query.cursor is not None:
        (after,) = paging_cursor.decode(query.cursor, length=1)
        if ordered and type(after) is not type(key(ordered[0])):
            raise Invalid("cursor", "is not a cursor of this list; leave it out to start at the beginning")
        ordered = [item for item in ordered if key(item) > after]
    shown = ordered[: query.limit]
    return shown, paging_cursor.encode([key(shown[-1])]) if len(ordered) > len(shown) else None
