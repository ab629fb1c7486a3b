"""Clips of one's own: a CSV file with a row for each utterance, whatever was recorded and whoever labelled
it.

Columns: `path` of a sound or video file, from the table's folder on; `speaker`; `dialogue`, a name that rows
of one conversation share; `label`, empty for what is only context; `split` (train, dev or test). And, where
there are any: `start` and `end`, seconds in the file, without which the utterance is all of it; `text`, what
was said. The rows of a dialogue are in the order in which it was spoken; they need not follow each other. A
file is named as often as there are utterances in it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.model.configuration import MELD_CLASSES
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.files.file import probe_file
from emotrack.stream.sources.media import Medium
from emotrack.training.corpora.records import LONGEST, Corpus, CorpusRow, CorpusUtterance, Picture
from emotrack.training.corpora.tables import CsvRow, read_table_rows

COLUMNS = ("path", "speaker", "dialogue", "label", "split")
SPLITS = ("train", "dev", "test")
NAME = "clips"


def read_clips(table: Path) -> Corpus:
    """The utterances of a table, dialogue by dialogue.

    The classes are MELD's where every label is one of them, so that bundles that know these can be measured
    on the clips; else all labels in order of the alphabet. Raises UserError, with file and line, for a row
    that is not as it should be.
    """
    if table.is_dir():
        raise UserError(f"{table} is a folder: give the CSV file that lists its clips.")
    files, places = _Files(table.parent.resolve()), defaultdict[tuple[str, str], list[CorpusUtterance]](list)
    splits: dict[str, str] = {}
    for row in read_table_rows(table, COLUMNS):
        utterance = _read(row, files, places)
        dialogue, split = utterance.row.dialogue, utterance.row.split
        if splits.setdefault(dialogue, split) != split:
            raise UserError(
                f"{row.where} is in {split} but its dialogue {dialogue!r} began in {splits[dialogue]}: a "
                "dialogue is in one split."
            )
        places[split, dialogue].append(utterance)
    utterances = tuple(one for dialogue in places.values() for one in dialogue)
    if not utterances:
        raise UserError(f"{table} lists no clip; give a row for each utterance.")
    return Corpus(NAME, _classes(utterances, table), _modalities(utterances), utterances)


def _read(
    row: CsvRow, files: "_Files", before: dict[tuple[str, str], list[CorpusUtterance]]
) -> CorpusUtterance:
    split = row.one_of("split", SPLITS)
    dialogue, speaker = (_filled(row, column) for column in ("dialogue", "speaker"))
    start, end = _second(row, "start"), _second(row, "end")
    if end is not None and not 0 < end - (start or 0.0) <= LONGEST:
        raise UserError(
            f"{row.where} runs from {start or 0:g} to {end:g} s; an utterance ends after it begins and "
            f"lasts {LONGEST:g} s at most."
        )
    path, media = files.find(row)
    index = len(before[split, dialogue])
    described = CorpusRow(
        name=f"{split}/{dialogue}/{index}",
        dialogue=dialogue,
        index=index,
        split=split,
        speaker=speaker,
        text=row.values.get("text", "").strip(),
        label=row["label"].strip().lower() or None,
        start=start,
        end=end,
    )
    picture = Picture(path, start or 0.0, end) if "video" in media else None
    return CorpusUtterance(
        described, sound=path if "audio" in media else None, picture=picture, span=(start or 0.0, end)
    )


def _filled(row: CsvRow, column: str) -> str:
    if not (value := row[column].strip()):
        raise UserError(f"{row.where} has no {column}.")
    return value


def _second(row: CsvRow, column: str) -> float | None:
    value = row.seconds(column)
    if value is not None and not (isfinite(value) and value >= 0):
        raise UserError(
            f"{row.where} has {row[column]!r} as {column}, which must be a time in seconds from 0 on."
        )
    return value


@dataclass(slots=True)
class _Files:
    """The media in each file, looked at once."""

    folder: Path
    known: dict[str, frozenset[Medium]] = field(default_factory=dict)

    def find(self, row: CsvRow) -> tuple[Path, frozenset[Medium]]:
        """The file of a row and its media; raises UserError where it is none that can be decoded."""
        name = _filled(row, "path")
        path = self.folder / name
        if name not in self.known:
            if not path.is_file():
                raise UserError(f"{row.where} names {name!r}, which is no file in {self.folder}.")
            try:
                found = probe_file(
                    f"file:{path}", name=NAME, description=path.name, settings=SourceSettings()
                )
            except UserError as error:
                raise UserError(f"{row.where} names a file that cannot be used: {error}") from None
            self.known[name] = found.media
        return path, self.known[name]


def _classes(utterances: Sequence[CorpusUtterance], table: Path) -> tuple[str, ...]:
    labels = {one.row.label for one in utterances if one.row.label is not None}
    if labels <= set(MELD_CLASSES):
        return MELD_CLASSES
    if len(labels) < 2:
        raise UserError(f"{table} has {min(labels)!r} for its only label; there is nothing to tell apart.")
    return tuple(sorted(labels))


def _modalities(utterances: Sequence[CorpusUtterance]) -> tuple[Modality, ...]:
    has: dict[Modality, bool] = {
        "text": any(one.row.text for one in utterances),
        "audio": any(one.sound is not None for one in utterances),
        "face": any(one.picture is not None for one in utterances),
        "body": any(one.picture is not None for one in utterances),
    }
    return tuple(modality for modality, there in has.items() if there)
