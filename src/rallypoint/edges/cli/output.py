"""What a command says: words and tables for a person, one line of JSON for a program."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class Progress(Protocol):
    def __call__(self, done: int, total: int | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Out:
    """Handed to every command. In JSON mode only `result` writes to standard output, and it writes one line."""

    as_json: bool

    def result(self, data: Any, words: str = "") -> None:
        """What came of it."""
        if self.as_json:
            sys.stdout.write(json_line(data))
            sys.stdout.flush()
        elif words:
            from rich.console import Console

            Console(highlight=False, soft_wrap=True).print(words, markup=False)

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str) -> None:
        """A list: `columns` maps a row's names to headings; `empty` is what to say where there is nothing."""
        if self.as_json:
            self.result({"items": list(rows)})
            return
        from rich.console import Console
        from rich.table import Table

        if not rows:
            self.result(None, empty)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in columns.values():
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*(_cell(row.get(name)) for name in columns))
        # what goes into a file or a pipe is not folded to the width of nobody's screen
        Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)

    def say(self, words: str) -> None:
        """A remark on the way, for a person only."""
        if not self.as_json:
            sys.stderr.write(words + "\n")

    @contextmanager
    def progress(self, what: str) -> Iterator[Progress]:
        """A bar on standard error where a person watches; nothing elsewhere."""
        if self.as_json or not sys.stderr.isatty():
            yield lambda done, total=None: None
            return
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total=None: bar.update(task, completed=done, total=total)


def json_line(data: Any) -> str:
    """One line of ASCII, whatever the data."""
    return json.dumps(plain(data), separators=(",", ":"), allow_nan=False) + "\n"


def plain(data: Any) -> Any:
    """Values of rooms as JSON knows them."""
    import msgspec

    return msgspec.to_builtins(data, str_keys=True, enc_hook=str)


def pick(thing: object, names: Iterable[str]) -> dict[str, Any]:
    """Some attributes, as a row."""
    return {name: getattr(thing, name) for name in names}


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(str, value)) or "-"
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else " " for c in str(value)))
