"""A table of figures for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Table:
    title: str
    columns: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *values: object) -> None:
        self.rows.append(values)

    def text(self) -> str:
        """Columns as wide as their widest value; numbers to the right."""
        cells = [[_text(value) for value in row] for row in self.rows]
        widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(self.columns)]
        lines = [self.title, "=" * len(self.title)]
        lines.append("  ".join(name.ljust(width) for name, width in zip(self.columns, widths, strict=True)))
        lines.append("  ".join("-" * width for width in widths))
        for row, values in zip(cells, self.rows, strict=True):
            aligned = [
                text.ljust(width) if isinstance(value, str) else text.rjust(width)
                for text, width, value in zip(row, widths, values, strict=True)
            ]
            lines.append("  ".join(aligned).rstrip())
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
