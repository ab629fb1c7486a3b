"""Tables in CSV files, each row with the line that it begins on, and archives of arrays; refused in one
sentence where they are not as they should be."""

import csv
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotrack.errors import UserError


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an archive by name; raises UserError where it cannot be read."""
    try:
        # numpy leaves a file open that it opened itself and cannot read
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error):
        raise UserError(f"{path} is damaged or no archive of arrays; fetch it again.") from None


CONTROLS = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
"""Characters that Windows wrote and that were taken for Latin 1 on their way: MELD's apostrophes are such."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """The values of one row by column."""

    where: str
    """File and line, for messages."""
    values: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def number(self, column: str) -> int:
        """A whole number; raises UserError where it is none."""
        try:
            return int(self[column])
        except ValueError:
            raise UserError(
                f"{self.where} has {self[column]!r} as {column}, which must be a whole number."
            ) from None

    def rating(self, column: str, least: float, most: float) -> float:
        """A number from `least` to `most`; raises UserError for anything else."""
        try:
            found = float(self[column])
        except ValueError:
            found = float("nan")
        if not least <= found <= most:
            raise UserError(
                f"{self.where} has {self[column]!r} as {column}, which must be a number from {least:g} to "
                f"{most:g}."
            )
        return found

    def seconds(self, column: str) -> float | None:
        """A time in seconds, None where the table has no such column or it is empty; raises UserError for
        anything else."""
        text = self.values.get(column, "")
        try:
            return float(text) if text else None
        except ValueError:
            raise UserError(
                f"{self.where} has {text!r} as {column}, which must be a time in seconds."
            ) from None

    def one_of(self, column: str, names: Sequence[str]) -> str:
        """One of `names`, whatever its case; raises UserError where it is none of them."""
        found = self[column].strip().lower()
        if found not in names:
            raise UserError(
                f"{self.where} has {self[column]!r} as {column}, which must be one of {', '.join(names)}."
            )
        return found

    def several_of(self, column: str, names: Sequence[str]) -> list[str]:
        """One or more of `names`, joined by bars, whatever their case; raises UserError where anything else
        is among them."""
        found = self[column].lower().split("|")
        if not set(found) <= set(names):
            raise UserError(
                f"{self.where} has {self[column]!r} as {column}, which must be of {', '.join(names)}, "
                "joined by bars."
            )
        return found


def read_table_rows(path: Path, columns: Sequence[str]) -> Iterator[CsvRow]:
    """The rows of a CSV file in UTF-8 whose first line names at least `columns`.

    Raises UserError for a file that cannot be read, a column that is missing, or a row with too few or too
    many values.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if missing := [column for column in columns if column not in header]:
                raise UserError(f"{path} has no column {missing[0]!r}; is it the right table?")
            before = reader.line_num
            for values in reader:
                where, before = f"{path}, line {before + 1},", reader.line_num
                if len(values) != len(header):
                    raise UserError(f"{where} has {len(values)} values for {len(header)} columns.")
                cleaned = (value if value.isascii() else value.translate(CONTROLS) for value in values)
                yield CsvRow(where, dict(zip(header, cleaned, strict=True)))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text in UTF-8; is it the right table?") from None
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}, is not valid CSV: {error}.") from None
