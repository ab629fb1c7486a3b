"""Comments, chats and sentences with emotions, as dialogues: GoEmotions in Ekman's classes, EmoContext (SemEval-2019, task 3), and
EmoBank (Buechel and Hahn 2017).

A comment or a sentence is a dialogue of one line; of a chat's three turns only the last has a label.
"""

from pathlib import Path

from emotrack.training.corpora.dialogue_table import CLASSES, Dialogue, Line
from emotrack.training.corpora.records import Corpus, Row, Utterance
from emotrack.training.corpora.tables import read_table_rows

SPLITS = ("train", "dev", "test")
COMMENTS, SENTENCES = "goemotions_ekman.csv", "emobank.csv"
FOLDER = "text"
"""Where these lie in the folder of all data."""
MIDDLE, REACH = 3.0, 2.0
"""EmoBank's ratings go from 1 to 5."""


def read_goemotions(table: Path) -> list[Dialogue]:
    """Comments of a table with the columns split, emotions (joined by bars) and text.

    Raises `UserError` where it is not such a table.
    """
    return [
        Dialogue(
            row.one_of("split", SPLITS),
            str(number),
            (Line("a", row["text"], "|".join(row.several_of("emotions", CLASSES["GoEmotions"]))),),
        )
        for number, row in enumerate(read_table_rows(table, ("split", "emotions", "text")))
    ]


def read_emocontext(table: Path) -> list[Dialogue]:
    """Chats of a table with the columns split, emotion (of the last turn) and turn1 to turn3; two people write in turns.

    Raises `UserError` where it is not such a table.
    """
    columns = ("split", "emotion", "turn1", "turn2", "turn3")
    return [
        Dialogue(
            row.one_of("split", SPLITS),
            str(number),
            (
                Line("a", row["turn1"], ""),
                Line("b", row["turn2"], ""),
                Line("a", row["turn3"], row.one_of("emotion", CLASSES["EmoContext"])),
            ),
        )
        for number, row in enumerate(read_table_rows(table, columns))
    ]


def comments(path: Path) -> Corpus:
    """GoEmotions' comments in which people named one emotion; `path` is its table, or the folder of all data.

    Raises `UserError` where it is not such a table.
    """
    found = read_goemotions(_found(path, COMMENTS))
    rows = [Row(one.number, one.number, 0, one.split, "a", one.lines[0].text, one.lines[0].emotion) for one in found]
    single = tuple(Utterance(row) for row in rows if row.label in CLASSES["GoEmotions"])
    return Corpus("goemotions", CLASSES["GoEmotions"], ("text",), single, disturbed=("train", "dev"))


def sentences(path: Path) -> Corpus:
    """EmoBank's test sentences, whose valence and arousal people rated; `path` is its table, or the folder of all data.

    Raises `UserError` where it is not such a table.
    """
    rows = []
    for row in read_table_rows(_found(path, SENTENCES), ("id", "split", "V", "A", "text")):
        if row.one_of("split", SPLITS) == "test":
            valence, arousal = ((row.rating(axis, MIDDLE - REACH, MIDDLE + REACH) - MIDDLE) / REACH for axis in ("V", "A"))
            rows.append(Row(row["id"], row["id"], 0, "test", "a", row["text"], valence=valence, arousal=arousal))
    return Corpus("emobank", (), ("text",), tuple(map(Utterance, rows)))


def _found(path: Path, name: str) -> Path:
    if not path.is_dir():
        return path
    return path / name if (path / name).exists() else path / FOLDER / name
