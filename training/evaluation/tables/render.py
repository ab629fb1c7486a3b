"""A table as Markdown, for people, and as plain data, for programs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from emotrack.training.loop.metrics import mean_and_deviation


@dataclass(frozen=True, slots=True)
class Spread:
    """Figures of several seeds, shown as mean ± standard deviation."""

    values: tuple[float, ...]
    places: int = 2

    def __str__(self) -> str:
        mean, deviation = mean_and_deviation(self.values)
        return (
            f"{mean:.{self.places}f}"
            if deviation is None
            else f"{mean:.{self.places}f} ± {deviation:.{self.places}f}"
        )

    def data(self) -> dict[str, Any]:
        """For JSON."""
        mean, deviation = mean_and_deviation(self.values)
        return {
            "mean": round(mean, 4),
            "sd": None if deviation is None else round(deviation, 4),
            "seeds": list(self.values),
        }


@dataclass(frozen=True, slots=True)
class Unfilled:
    """A cell without a number, and why."""

    reason: str

    def __str__(self) -> str:
        return self.reason

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {"unfilled": self.reason}


NEEDS_MEDIA = Unfilled("needs media")
"""The corpus' audio and video are not redistributed, so nothing can be measured."""
NOT_GIVEN = Unfilled("–")
"""The paper has no such figure."""

Cell = float | int | str | Spread | Unfilled


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: its name, its cells in the order of the table's columns, and the footnotes it refers to."""

    name: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table with what must be known to read it; every footnote that a row refers to is printed under it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    text: str = ""
    footnotes: dict[str, str] = field(default_factory=dict)

    def markdown(self) -> str:
        """The table, with numbered footnotes."""
        marks: dict[str, int] = {}
        for row in self.rows:
            for note in row.notes:
                marks.setdefault(note, len(marks) + 1)
        lines = [f"## {self.title}", ""]
        lines += [self.text, ""] if self.text else []
        lines += [_line(("", *self.columns)), _line(("---", *["---:"] * len(self.columns)))]
        for row in self.rows:
            name = row.name + "".join(f" [{marks[note]}]" for note in row.notes)
            lines.append(_line((name, *(shown(cell) for cell in row.cells))))
        lines += (
            [""] + [f"[{mark}] {self.footnotes[note]}  " for note, mark in marks.items()] if marks else []
        )
        return "\n".join(lines) + "\n"

    def data(self) -> dict[str, Any]:
        """The table as plain data."""
        used = {note: self.footnotes[note] for row in self.rows for note in row.notes}
        return {
            "title": self.title,
            "text": self.text,
            "rows": [
                {"name": row.name, "notes": list(row.notes)}
                | {column: _plain(cell) for column, cell in zip(self.columns, row.cells, strict=True)}
                for row in self.rows
            ],
            "footnotes": used,
        }


def shown(cell: Cell) -> str:
    """A cell as text."""
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)


def given(value: float | None) -> Cell:
    """A paper's figure, or a dash."""
    return NOT_GIVEN if value is None else value


def _plain(cell: Cell) -> Any:
    return cell.data() if isinstance(cell, Spread | Unfilled) else cell


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
