"""A table of figures for a terminal."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks import machine

WIDTH_OF_A_FILE = 150
"""Characters on a line where the output is no terminal."""


@dataclass
class Table:
    """Every column that holds a figure names its unit."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    load_before: float = field(default_factory=machine.load)
    """How busy the machine was when the table was begun: above one, its figures are worse than they could be."""

    def add(self, *values: object) -> None:
        if len(values) != len(self.columns):
            raise ValueError(f"{self.title}: {len(values)} values for {len(self.columns)} columns")
        self.rows.append(values)

    def show(self) -> None:
        """Print it, with what the machine was doing meanwhile."""
        console = Console(highlight=False)
        if not console.is_terminal:
            console = Console(highlight=False, width=WIDTH_OF_A_FILE)
        table = RichTable(
            title=self.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
        )
        for place, name in enumerate(self.columns):
            words = all(isinstance(row[place], str) for row in self.rows)
            table.add_column(name, justify="left" if words else "right", no_wrap=words)
        for row in self.rows:
            table.add_row(*(Text(text_of(value)) for value in row))
        console.print(table)
        busy = (
            f"{os.cpu_count()} cores, shared by all that runs here; load average of the last minute "
            f"{self.load_before:.1f} before and {machine.load():.1f} at the end."
        )
        for note in [*self.notes, busy]:
            console.print(Text(f"  {note}"))
        console.print()


def text_of(value: object) -> str:
    """A figure as people read it: thousands apart, two digits behind the point below a hundred."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
