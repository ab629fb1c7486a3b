"""The table of lines as a recogniser wrote them: what was said, by which voice, and what was heard; one row
is whole or not there."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from io import StringIO
from pathlib import Path

from emotrack.errors import UserError
from emotrack.training.corpora.tables import CsvRow, read_table_rows


@dataclass(frozen=True, slots=True)
class HeardLine:
    """A line of a dialogue as it was spoken and heard."""

    dataset: str
    split: str
    dialogue: str
    utterance: int
    """Its place in its dialogue, from 0."""
    voice: str
    recogniser: str
    said: str
    heard: str
    confidence: float | None
    """See `Transcript.confidence`."""

    @property
    def key(self) -> tuple[str, str, str, int, str, str]:
        """What no two rows of a table share."""
        return self.dataset, self.split, self.dialogue, self.utterance, self.voice, self.recogniser


COLUMNS = tuple(field.name for field in fields(HeardLine))


def read_heard(path: Path) -> list[HeardLine]:
    """The lines of a table; raises UserError, with its line, for a row that is none."""
    return [_line(row) for row in read_table_rows(path, COLUMNS)]


def _line(row: CsvRow) -> HeardLine:
    confidence = row["confidence"]
    try:
        sure = float(confidence) if confidence else None
    except ValueError:
        raise UserError(
            f"{row.where} has {confidence!r} as confidence, which must be a number or nothing."
        ) from None
    texts = {name: row[name] for name in COLUMNS if name not in ("utterance", "confidence")}
    return HeardLine(**texts, utterance=row.number("utterance"), confidence=sure)


def begin(path: Path) -> list[HeardLine]:
    """The lines that a table has already, without the row that a process was writing when it was killed; a
    new table is begun."""
    try:
        if not path.exists():
            path.write_text(_written(COLUMNS), "utf-8")
            return []
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            path.write_bytes(content[: content.rfind(b"\n") + 1])
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from None
    return read_heard(path)


def add(path: Path, lines: Iterable[HeardLine]) -> None:
    """Put lines at the end of a table that was begun."""
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(
            "".join(_written(["" if value is None else value for value in astuple(one)]) for one in lines)
        )


def _written(values: Sequence[object]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
