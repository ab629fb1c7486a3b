"""IEMOCAP as it is given out (Busso et al. 2008): Session1 to Session5, ten actors, two of them in each
dialogue.

Times and labels come from dialog/EmoEvaluation, words from dialog/transcriptions, sound from sentences/wav
(each turn a file of its own), pictures from dialog/avi/DivX. A picture shows both actors side by side: the
one who wears the markers of the motion capture is in its left half, and the name of the dialogue says who
that is (Ses01F_impro01: the actress). So a turn is looked at in the half of the one who speaks: left where
the letter of its own name (Ses01F_impro01_M003: the actor) is that of the dialogue's, else right.

Turns overlap; they are ordered by their ends, as the tracker commits them. Six labels are classes; turns with
another (fear, surprise, disgust, other, or no agreement) stay in their dialogues without a label, as what was
said before and after.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from emotrack.errors import UserError
from emotrack.training.corpora.records import (
    Corpus,
    CorpusRow,
    CorpusUtterance,
    Missing,
    Picture,
    Sex,
    Skipped,
)

SESSIONS = range(1, 6)
HELD_OUT = 5
"""The session that is "test", unless a training asks for another."""
DEV = 10
"""Of the other sessions' dialogues, in order of their names, every so many-th is "dev"."""
CLASSES = ("happy", "sad", "neutral", "angry", "excited", "frustrated")
LABELS = dict(zip(("hap", "sad", "neu", "ang", "exc", "fru"), CLASSES, strict=True))
OTHER_LABELS = {"fea", "sur", "dis", "oth", "xxx"}
_SEXES: dict[str, Sex] = {"F": "female", "M": "male"}
_TURN = re.compile(r"\[\s*([\d.]+) - ([\d.]+)\s*\]\t(\S+)\t(\S+)\t\[.*\]\s*")
_NAME = re.compile(r"(Ses0([1-5])([FM])_(?:impro|script)\w+)_([FM])(?:XX)?\d+\w*")
_WORDS = re.compile(r"(\S+) \[[\d.]+-[\d.]+\]: ?(.*)")


def read_iemocap(root: Path) -> Corpus:
    """The turns of every dialogue that has an evaluation; the fifth session is the split "test".

    Raises UserError where sessions or evaluations are missing, or a line of one cannot be read.
    """
    if absent := [f"Session{session}" for session in SESSIONS if not (root / f"Session{session}").is_dir()]:
        raise UserError(
            f"{root} has no folder {absent[0]}; give the folder of IEMOCAP with Session1 to Session5."
        )
    files = [
        path
        for session in SESSIONS
        for path in sorted((root / f"Session{session}/dialog/EmoEvaluation").glob("Ses*.txt"))
    ]
    if not files:
        raise UserError(
            f"{root} has no evaluations in Session*/dialog/EmoEvaluation; is the corpus unpacked as it came?"
        )
    splits = folds((path.stem for path in files), HELD_OUT)
    missing = Missing()
    utterances = [one for path in files for one in _read_dialogue(path, splits[path.stem], missing)]
    return Corpus(
        "iemocap", CLASSES, ("text", "audio", "face", "body"), tuple(utterances), tuple(missing.skipped)
    )


def folds(dialogues: Iterable[str], held_out: int) -> dict[str, str]:
    """The split of each dialogue where session `held_out` (1 to 5) is "test" and a tenth of the others is
    "dev"."""
    names = sorted(set(dialogues))
    others = [name for name in names if session_of(name) != held_out]
    dev = set(others[DEV - 1 :: DEV])
    return {
        name: "test" if session_of(name) == held_out else "dev" if name in dev else "train" for name in names
    }


def session_of(dialogue: str) -> int:
    """The session, 1 to 5, of a dialogue, which is the fourth and fifth place of its name."""
    return int(dialogue[3:5])


def half_of(dialogue: str, speaker: str) -> Literal["left", "right"]:
    """Where in the picture the one of sex `speaker` ("F" or "M") is."""
    return "left" if dialogue[5] == speaker else "right"


def _read_dialogue(evaluation: Path, split: str, missing: Missing) -> list[CorpusUtterance]:
    dialogue = evaluation.stem
    session = evaluation.parents[2]
    words = _read_words(session / "dialog/transcriptions" / evaluation.name)
    video = missing.find(session / "dialog/avi/DivX" / f"{dialogue}.avi", dialogue)
    turns = _read_turns(evaluation)
    turns.sort(key=lambda turn: (turn[1], turn[0], turn[2]))
    utterances = []
    for index, (start, end, name, label) in enumerate(turns):
        speaker = name[len(dialogue) + 1]
        if name not in words:
            missing.skipped.append(Skipped(name, "its words are missing from the transcription"))
        row = CorpusRow(
            name=name,
            dialogue=dialogue,
            index=index,
            split=split,
            speaker=f"Ses{dialogue[3:5]}{speaker}",
            text=words.get(name, ""),
            label=LABELS.get(label),
            start=start,
            end=end,
            sex=_SEXES[speaker],
        )
        sound = missing.find(session / "sentences/wav" / dialogue / f"{name}.wav", name)
        picture = None if video is None else Picture(video, start, end, half_of(dialogue, speaker))
        utterances.append(CorpusUtterance(row, sound=sound, picture=picture))
    return utterances


def _read_turns(evaluation: Path) -> list[tuple[float, float, str, str]]:
    """Start, end, name and label of each turn."""
    turns = []
    for number, line in enumerate(_lines(evaluation), start=1):
        if not line.startswith("["):
            continue
        turn = _TURN.fullmatch(line)
        name = turn and _NAME.fullmatch(turn[3])
        if (
            turn is None
            or name is None
            or name[1] != evaluation.stem
            or turn[4] not in {*LABELS, *OTHER_LABELS}
        ):
            raise UserError(
                f"{evaluation}, line {number}, is no turn with its times, name, label and ratings: "
                f"{line.strip()!r}."
            )
        start, end = float(turn[1]), float(turn[2])
        if end <= start:
            raise UserError(f"{evaluation}, line {number}, has a turn that ends before it starts.")
        turns.append((start, end, turn[3], turn[4]))
    if not turns:
        raise UserError(f"{evaluation} holds no turns; is the corpus unpacked as it came?")
    return turns


def _read_words(transcription: Path) -> dict[str, str]:
    """The words of each turn; what else a transcription holds are remarks."""
    found = (_WORDS.fullmatch(line.strip()) for line in _lines(transcription))
    return {match[1]: match[2].strip() for match in found if match is not None}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("latin-1").splitlines()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
