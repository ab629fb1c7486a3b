"""Dialogues and short texts that are words only: MELD, EmoryNLP, DailyDialog, GoEmotions, EmoContext and the
like, without what one shares with another's test set."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from emotrack.errors import UserError
from emotrack.model.configuration import MELD_CLASSES
from emotrack.training.corpora.records import Corpus, CorpusRow, CorpusUtterance, Skipped
from emotrack.training.corpora.tables import CsvRow, read_table_rows

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
class TextLine:
    """One utterance of a dialogue as its transcript has it."""

    speaker: str
    text: str
    emotion: str
    """Several are joined by bars; empty where the line has no label."""


@dataclass(frozen=True, slots=True)
class TextDialogue:
    """The utterances of one conversation in order."""

    split: str
    number: str
    lines: tuple[TextLine, ...]


def read_dialogues(table: Path, dataset: str) -> list[TextDialogue]:
    """The dialogues of one data set of a table with the columns dataset, split, dialogue, speaker, text and
    emotion."""
    rows = _rows(table, dataset)
    return [
        TextDialogue(
            split,
            number,
            tuple(
                TextLine(row["speaker"], row["text"], row.one_of("emotion", CLASSES[dataset]))
                for row in lines
            ),
        )
        for (split, number), lines in groupby(rows, key=lambda row: (row["split"], row["dialogue"]))
    ]


def read_table(table: Path, corpus: str) -> Corpus:
    """The same as a corpus with nothing but words; a start and an end are kept where the table tells them."""
    dataset = DATASETS[corpus]
    utterances = []
    for (split, number), lines in groupby(
        _rows(table, dataset), key=lambda row: (row["split"], row["dialogue"])
    ):
        for index, row in enumerate(lines):
            described = CorpusRow(
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
            utterances.append(CorpusUtterance(described))
    return Corpus(corpus, CLASSES[dataset], ("text",), tuple(utterances), disturbed=("train", "dev"))


def _rows(table: Path, dataset: str) -> list[CsvRow]:
    rows = [row for row in read_table_rows(table, COLUMNS) if row["dataset"] == dataset]
    if not rows:
        raise UserError(f"{table} has no dialogue of {dataset}; check the name in its first column.")
    for row in rows:
        row.one_of("split", ("train", "dev", "test"))
    return rows


WORDS = 5
"""Words that a sentence must have for its coming twice to mean that the scene is the same."""
_SENTENCE_END = re.compile(r"[.!?…]+|\n|--+")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def shared_dialogues(
    candidates: Sequence[TextDialogue], held_out: Sequence[TextDialogue]
) -> set[tuple[str, str]]:
    """Split and number of the `candidates` in which a sentence of at least `WORDS` words is also said in
    `held_out`.

    Case, punctuation and the shape of apostrophes make no difference. Leave these dialogues out of training.
    """
    known = set(_sentences(held_out))
    return {(one.split, one.number) for one in candidates if not known.isdisjoint(_sentences([one]))}


def read_emorynlp(table: Path) -> Corpus:
    """EmoryNLP without the dialogues that share sentences with those that MELD has in another split, where
    the table has MELD too.

    Who learns from both is judged and tested on nothing of it. Raises `UserError` where it is not such a
    table.
    """
    corpus = read_table(table, "emorynlp")
    if all(row["dataset"] != "MELD" for row in read_table_rows(table, COLUMNS)):
        return corpus
    candidates, known = read_dialogues(table, "EmoryNLP"), read_dialogues(table, "MELD")
    shared = set[tuple[str, str]]()
    for split in dict.fromkeys(one.split for one in candidates):
        here = [one for one in candidates if one.split == split]
        shared |= shared_dialogues(here, [one for one in known if one.split != split])
    kept = tuple(one for one in corpus.utterances if (one.row.split, one.row.dialogue) not in shared)
    left_out = Skipped(f"{len(shared)} dialogues", "MELD has sentences of them in another split")
    return replace(corpus, utterances=kept, skipped=(left_out,) if shared else ())


def _sentences(dialogues: Iterable[TextDialogue]) -> Iterable[tuple[str, ...]]:
    for dialogue in dialogues:
        for line in dialogue.lines:
            for sentence in _SENTENCE_END.split(line.text.lower().replace("’", "'")):
                found = tuple(_WORD.findall(sentence))
                if len(found) >= WORDS:
                    yield found


SPLITS = ("train", "dev", "test")
COMMENTS, SENTENCES = "goemotions_ekman.csv", "emobank.csv"
FOLDER = "text"
"""Where these lie in the folder of all data."""
MIDDLE, REACH = 3.0, 2.0
"""EmoBank's ratings go from 1 to 5."""


def read_goemotions(table: Path) -> list[TextDialogue]:
    """Comments of a table with the columns split, emotions (joined by bars) and text.

    Raises `UserError` where it is not such a table.
    """
    return [
        TextDialogue(
            row.one_of("split", SPLITS),
            str(number),
            (TextLine("a", row["text"], "|".join(row.several_of("emotions", CLASSES["GoEmotions"]))),),
        )
        for number, row in enumerate(read_table_rows(table, ("split", "emotions", "text")))
    ]


def read_emocontext(table: Path) -> list[TextDialogue]:
    """Chats of a table with the columns split, emotion (of the last turn) and turn1 to turn3; two people
    write in turns.

    Raises `UserError` where it is not such a table.
    """
    columns = ("split", "emotion", "turn1", "turn2", "turn3")
    return [
        TextDialogue(
            row.one_of("split", SPLITS),
            str(number),
            (
                TextLine("a", row["turn1"], ""),
                TextLine("b", row["turn2"], ""),
                TextLine("a", row["turn3"], row.one_of("emotion", CLASSES["EmoContext"])),
            ),
        )
        for number, row in enumerate(read_table_rows(table, columns))
    ]


def comments(path: Path) -> Corpus:
    """GoEmotions' comments in which people named one emotion; `path` is its table, or the folder of all data.

    Raises `UserError` where it is not such a table.
    """
    found = read_goemotions(_found(path, COMMENTS))
    rows = [
        CorpusRow(one.number, one.number, 0, one.split, "a", one.lines[0].text, one.lines[0].emotion)
        for one in found
    ]
    single = tuple(CorpusUtterance(row) for row in rows if row.label in CLASSES["GoEmotions"])
    return Corpus("goemotions", CLASSES["GoEmotions"], ("text",), single, disturbed=("train", "dev"))


def sentences(path: Path) -> Corpus:
    """EmoBank's test sentences, whose valence and arousal people rated; `path` is its table, or the folder of
    all data.

    Raises `UserError` where it is not such a table.
    """
    rows = []
    for row in read_table_rows(_found(path, SENTENCES), ("id", "split", "V", "A", "text")):
        if row.one_of("split", SPLITS) == "test":
            valence, arousal = (
                (row.rating(axis, MIDDLE - REACH, MIDDLE + REACH) - MIDDLE) / REACH for axis in ("V", "A")
            )
            rows.append(
                CorpusRow(row["id"], row["id"], 0, "test", "a", row["text"], valence=valence, arousal=arousal)
            )
    return Corpus("emobank", (), ("text",), tuple(map(CorpusUtterance, rows)))


def _found(path: Path, name: str) -> Path:
    if not path.is_dir():
        return path
    return path / name if (path / name).exists() else path / FOLDER / name
