"""MELD as it is given out (Poria et al. 2019): three tables, and a folder of clips dia{D}_utt{U}.mp4 for
each.

The folders may lie beside the tables or a level or two below, as the archives unpack. A clip that is missing
or known to be broken is named; its utterance stays, with its words.
"""

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import cast

from emotrack.errors import UserError
from emotrack.model.configuration import MELD_CLASSES
from emotrack.training.corpora.records import (
    Corpus,
    CorpusRow,
    CorpusUtterance,
    Missing,
    Picture,
    Sentiment,
    Skipped,
)
from emotrack.training.corpora.tables import CsvRow, read_table_rows

SPLITS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
"""Folder of the clips of each split."""
SENTIMENTS = ("positive", "neutral", "negative")
COLUMNS = (
    "Utterance",
    "Speaker",
    "Emotion",
    "Sentiment",
    "Dialogue_ID",
    "Utterance_ID",
    "StartTime",
    "EndTime",
)
BROKEN = {
    "train/dia125_utt3": "the clip is known to be broken (declare-lab/MELD, issue 39)",
    "dev/dia110_utt7": "the clip is known to be missing or broken (declare-lab/MELD, issues 22 and 27)",
}
"""Left out wherever they are, since some people have mended theirs: everybody's figures are to be of the same
clips."""
DEPTH = 2
"""Folders between the root and a table or a folder of clips at most."""
_TIME = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})")


def read_meld(root: Path) -> Corpus:
    """MELD's utterances, dialogue by dialogue. Raises UserError where a table is missing or a row of it is
    malformed."""
    missing, utterances = Missing(), []
    for split, folder in SPLITS.items():
        table = find(root, f"{split}_sent_emo.csv")
        if table is None:
            raise UserError(
                f"{root} has no {split}_sent_emo.csv; give the folder of MELD with its three tables."
            )
        clips = find(root, folder) or root / folder
        rows = list(read_table_rows(table, COLUMNS))
        order = sorted(rows, key=lambda row: (row.number("Dialogue_ID"), row.number("Utterance_ID")))
        utterances += [_read(row, split, clips, missing) for row in order]
    _refuse_doubles(utterances)
    return Corpus(
        "meld", MELD_CLASSES, ("text", "audio", "face", "body"), tuple(utterances), tuple(missing.skipped)
    )


def find(root: Path, name: str) -> Path | None:
    """The file or folder `name` in `root` or at most `DEPTH` folders below it."""
    patterns = ("*/" * depth + name for depth in range(DEPTH + 1))
    return next((path for pattern in patterns for path in islice(sorted(root.glob(pattern)), 1)), None)


def _read(row: CsvRow, split: str, clips: Path, missing: Missing) -> CorpusUtterance:
    dialogue, index = row.number("Dialogue_ID"), row.number("Utterance_ID")
    name = f"{split}/dia{dialogue}_utt{index}"
    start, end = _seconds(row, "StartTime"), _seconds(row, "EndTime")
    described = CorpusRow(
        name=name,
        dialogue=str(dialogue),
        index=index,
        split=split,
        speaker=row["Speaker"],
        text=row["Utterance"],
        label=row.one_of("Emotion", MELD_CLASSES),
        start=start,
        end=end,
        sentiment=cast(Sentiment, row.one_of("Sentiment", SENTIMENTS)),
    )
    if name in BROKEN:
        missing.skipped.append(Skipped(name, BROKEN[name]))
        return CorpusUtterance(described)
    clip = missing.find(clips / f"dia{dialogue}_utt{index}.mp4", name)
    return CorpusUtterance(described, sound=clip, picture=None if clip is None else Picture(clip))


def _seconds(row: CsvRow, column: str) -> float:
    time = _TIME.fullmatch(row[column].strip())
    if time is None:
        raise UserError(f"{row.where} has {row[column]!r} as {column}, which must be like 00:14:38,127.")
    hours, minutes, seconds, fraction = time.groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000


def _refuse_doubles(utterances: Iterable[CorpusUtterance]) -> None:
    seen: set[str] = set()
    for one in utterances:
        if one.row.name in seen:
            raise UserError(f"{one.row.name} is in its table twice; fetch the table again.")
        seen.add(one.row.name)
