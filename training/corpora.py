"""Readers of the corpora: acted speech (RAVDESS file names), faces with votes (FER+), and dialogue tables."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from pathlib import Path

import av
import numpy as np
from PIL import Image

from emotrack.model.errors import UserError
from emotrack.model.face import EXPRESSIONS, FACE_SIZE
from emotrack.model.voice import VOICE_EMOTIONS, VOICE_RATE

AUDIO_SUFFIXES = {".wav", ".opus", ".flac", ".mp3"}

VOTES = (*(f"votes_{name}" for name in EXPRESSIONS), "votes_unknown", "votes_NF")

# The third number of a RAVDESS file name.
_CODES = {f"{number:02}": emotion for number, emotion in enumerate(VOICE_EMOTIONS, start=1)}


@dataclass(frozen=True, slots=True)
class SpeechClip:
    """One acted sentence; `strong` is the acted intensity."""

    path: Path
    actor: int
    emotion: str
    strong: bool

    @property
    def female(self) -> bool:
        """RAVDESS gives even numbers to its actresses."""
        return self.actor % 2 == 0


@dataclass(frozen=True, slots=True)
class Faces:
    """Grey face images uint8 [n, 48, 48], the votes of ten people on each int [n, 10], and the split's name of each [n]."""

    images: np.ndarray
    votes: np.ndarray
    splits: np.ndarray

    def of(self, split: str) -> "Faces":
        """The images of one split."""
        chosen = self.splits == split
        return Faces(self.images[chosen], self.votes[chosen], self.splits[chosen])


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance of a dialogue as its transcript has it."""

    speaker: str
    text: str
    emotion: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The utterances of one conversation in order."""

    split: str
    number: str
    lines: tuple[Line, ...]


def read_ravdess(folder: Path) -> list[SpeechClip]:
    """The speech clips of a RAVDESS folder (with or without its Actor_NN folders), sorted by file name.

    Raises UserError where it holds none.
    """
    clips = []
    for path in sorted(folder.rglob("*"), key=lambda path: path.name):
        numbers = path.stem.split("-")
        if path.suffix.lower() not in AUDIO_SUFFIXES or len(numbers) != 7 or numbers[1] != "01":
            continue
        clips.append(SpeechClip(path, int(numbers[6]), _CODES[numbers[2]], numbers[3] == "02"))
    if not clips:
        raise UserError(f"{folder} holds no RAVDESS speech; expected files named like 03-01-05-01-02-01-12.wav in it.")
    return clips


def read_samples(path: Path) -> np.ndarray:
    """The sound of a file as float32 [n], mono at 16 kHz."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=VOICE_RATE)
    with av.open(str(path)) as container:
        frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)


def read_faces(images: Path, labels: Path) -> Faces:
    """The faces of an archive of WebP images (`blob` and `offsets`) and of the table with their FER+ votes."""
    with labels.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with np.load(images) as archive:
        blob, offsets = archive["blob"].tobytes(), archive["offsets"]
    if len(offsets) != len(rows) + 1:
        raise UserError(f"{images} holds {len(offsets) - 1} images but {labels} has {len(rows)} rows; use the pair together.")
    decoded = np.empty((len(rows), FACE_SIZE, FACE_SIZE), np.uint8)
    for index in range(len(rows)):
        with Image.open(BytesIO(blob[offsets[index] : offsets[index + 1]])) as image:
            decoded[index] = np.asarray(image.convert("L"))
    votes = np.array([[int(row[name]) for name in VOTES] for row in rows], np.int64)
    return Faces(decoded, votes, np.array([row["split"] for row in rows]))


def vote_shares(votes: np.ndarray) -> np.ndarray:
    """Votes int [n, 10] as shares float32 [n, 10], single votes dropped as FER+ does; a row with nothing left is all 0."""
    kept = np.where(votes > 1, votes, 0).astype(np.float32)
    return kept / np.maximum(kept.sum(axis=1, keepdims=True), 1)


def majority(votes: np.ndarray) -> np.ndarray:
    """The expression that more than half of the votes name once single votes are dropped, int [n]; -1 where there is none."""
    shares = vote_shares(votes)
    winner = shares.argmax(axis=1)
    return np.where((shares.max(axis=1) > 0.5) & (winner < len(EXPRESSIONS)), winner, -1)


def read_dialogues(table: Path, dataset: str) -> list[Dialogue]:
    """The dialogues of one data set of a table with the columns dataset, split, dialogue, speaker, text and emotion."""
    with table.open(newline="", encoding="utf-8") as file:
        rows: Iterable[dict[str, str]] = [row for row in csv.DictReader(file) if row["dataset"] == dataset]
    dialogues = []
    for (split, number), lines in groupby(rows, key=lambda row: (row["split"], row["dialogue"])):
        said = tuple(Line(row["speaker"], row["text"], row["emotion"].lower()) for row in lines)
        dialogues.append(Dialogue(split, number, said))
    if not dialogues:
        raise UserError(f"{table} has no dialogue of {dataset}; check the name in its first column.")
    return dialogues
