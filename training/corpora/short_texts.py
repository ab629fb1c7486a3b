"""Comments and chats with emotions, as dialogues: GoEmotions in Ekman's classes, and EmoContext (SemEval-2019, task 3).

A comment is a dialogue of one line; of a chat's three turns only the last has a label.
"""

from pathlib import Path

from emotrack.training.corpora.dialogue_table import CLASSES, Dialogue, Line
from emotrack.training.corpora.tables import read_table_rows

SPLITS = ("train", "dev", "test")


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
