"""Dialogues as transcripts only: one table with the utterances of MELD, EmoryNLP and DailyDialog."""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from emotrack.model.configuration import MELD_CLASSES
from emotrack.model.errors import UserError
from emotrack.training.corpora.records import Corpus, Row, Utterance
from emotrack.training.corpora.tables import TableRow, read_table_rows

TABLE = "text_dialogues.csv"
COLUMNS = ("dataset", "split", "dialogue", "speaker", "text", "emotion")
DATASETS = {"meld": "MELD", "emorynlp": "EmoryNLP", "dailydialog": "DailyDialog"}
"""Data sets by the names of their corpora."""
CLASSES = {
    "MELD": MELD_CLASSES,
    "EmoryNLP": ("joyful", "mad", "neutral", "peaceful", "powerful", "sad", "scared"),
    "DailyDialog": ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust"),
    "GoEmotions": MELD_CLASSES,
    "EmoContext": ("others", "happy", "sad", "angry"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance of a dialogue as its transcript has it."""

    speaker: str
    text: str
    emotion: str
    """Several are joined by bars; empty where the line has no label."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The utterances of one conversation in order."""

    split: str
    number: str
    lines: tuple[Line, ...]


def read_dialogues(table: Path, dataset: str) -> list[Dialogue]:
    """The dialogues of one data set of a table with the columns dataset, split, dialogue, speaker, text and emotion."""
    rows = _rows(table, dataset)
    return [
        Dialogue(split, number, tuple(Line(row["speaker"], row["text"], row.one_of("emotion", CLASSES[dataset])) for row in lines))
        for (split, number), lines in groupby(rows, key=lambda row: (row["split"], row["dialogue"]))
    ]


def read_table(table: Path, corpus: str) -> Corpus:
    """The same as a corpus with nothing but words; a start and an end are kept where the table tells them."""
    dataset = DATASETS[corpus]
    utterances = []
    for (split, number), lines in groupby(_rows(table, dataset), key=lambda row: (row["split"], row["dialogue"])):
        for index, row in enumerate(lines):
            described = Row(
                name=f"{split}/{number}/{index}",
                dialogue=number,
                index=index,
                split=split,
                speaker=row["speaker"],
                text=row["text"],
                label=row.one_of("emotion", CLASSES[dataset]),
                start=row.seconds("start"),
                end=row.seconds("end"),
            )
            utterances.append(Utterance(described))
    return Corpus(corpus, CLASSES[dataset], ("text",), tuple(utterances), disturbed=("train", "dev"))


def _rows(table: Path, dataset: str) -> list[TableRow]:
    rows = [row for row in read_table_rows(table, COLUMNS) if row["dataset"] == dataset]
    if not rows:
        raise UserError(f"{table} has no dialogue of {dataset}; check the name in its first column.")
    for row in rows:
        row.one_of("split", ("train", "dev", "test"))
    return rows
