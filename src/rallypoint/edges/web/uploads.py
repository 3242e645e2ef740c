"""A form with files. It is read as it comes: never more in memory than a piece, never more on disk than may be kept.

What was typed comes back also when the files were too large: the page puts its fields before the files.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from rallypoint.edges.web import forms
from rallypoint.edges.web.forms import LARGEST_FORM, Form
from rallypoint.errors import Invalid
from rallypoint.incidents import size_words

MOST_FILES = 10
HEARD_AT_MOST = 4_000_000_000
"""What is too long is still heard to its end, since browsers read an answer only then; it is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """A form, its files, and what is wrong with them: they are too many, or too large together."""

    form: Form
    files: tuple[UploadFile, ...]
    wrong: Invalid | None = None


@asynccontextmanager
async def read(request: Request, name: str, *, largest: int) -> AsyncIterator[Uploaded]:
    """The posted form; its files are there for the length of the block. Raises Invalid for what is no form."""
    most, heard = largest * 2 + LARGEST_FORM, 0

    async def within() -> AsyncGenerator[bytes, None]:
        """What may be kept; the rest is heard and thrown away, and the parser believes that the form ended."""
        nonlocal heard
        async for chunk in request.stream():
            heard += len(chunk)
            if heard <= most:
                yield chunk
            elif heard > HEARD_AT_MOST:
                return

    parser = MultiPartParser(
        request.headers, within(), max_files=MOST_FILES, max_fields=100, max_part_size=LARGEST_FORM
    )
    try:
        posted = await parser.parse()
    except (MultiPartException, KeyError) as problem:
        raise Invalid("form", f"it cannot be read: {problem}") from None
    try:
        files = tuple(one for _, one in posted.multi_items() if isinstance(one, UploadFile) and one.filename)
        wrong = _too_much(largest) if heard > most else None
        yield Uploaded(form=_typed(posted, name), files=files, wrong=wrong)
    finally:
        await posted.close()
        for unfinished in parser._files_to_close_on_error:
            unfinished.close()


def _too_much(largest: int) -> Invalid:
    one, all_of_them = size_words(largest), size_words(2 * largest)
    way_out = "send fewer together, and put what is larger where it can be linked to"
    return Invalid("file", f"that is more than {all_of_them} at once, and one may have {one}: {way_out}")


def _typed(posted: FormData, name: str) -> Form:
    lists: dict[str, tuple[str, ...]] = {}
    for key, value in posted.multi_items():
        if isinstance(value, str):
            lists[forms.clean(key)] = (*lists.get(forms.clean(key), ()), forms.clean(value))
    return Form(name=name, values={key: value[-1] for key, value in lists.items()}, lists=lists)
