"""What every corpus is read into: utterances with what is known of them and where their sound and picture
lie."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emotrack.errors import UserError
from emotrack.modalities import Modality

LONGEST = 60.0
"""Seconds beyond which a clip is no utterance: MELD has two of four and five minutes, cut wrongly."""
Sentiment = Literal["positive", "neutral", "negative"]
Sex = Literal["female", "male"]


@dataclass(frozen=True, slots=True)
class CorpusRow:
    """What is known of an utterance, wherever its media lie."""

    name: str
    """Its name for people, never used twice in a corpus."""
    dialogue: str
    index: int
    """Its place in its dialogue."""
    split: str
    speaker: str
    text: str = ""
    label: str | None = None
    """One of the corpus' classes, or None for what is none of them."""
    start: float | None = None
    """Seconds in its dialogue or episode; None where the corpus does not tell."""
    end: float | None = None
    sentiment: Sentiment | None = None
    sex: Sex | None = None
    """Of the speaker."""
    votes: tuple[int, ...] | None = None
    """People who named each of the ten answers of FER+."""
    valence: float | None = None
    """What people felt in it, -1 to 1; None where nobody was asked."""
    arousal: float | None = None
    version: int = 0
    """0 as recorded; copies that are disturbed, mirrored or misheard count from 1."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A video: all of it, or its seconds from `start` to `end`, in one half of the picture where two people
    share it."""

    path: Path
    start: float = 0.0
    end: float | None = None
    half: Literal["left", "right"] | None = None


@dataclass(frozen=True, slots=True)
class CorpusUtterance:
    """One utterance: its row, and what it can be described from."""

    row: CorpusRow
    sound: Path | None = None
    span: tuple[float, float | None] = (0.0, None)
    """Seconds of `sound` that are the utterance; None is its end."""
    picture: Picture | None = None
    image: NDArray[np.uint8] | None = None
    """A grey face [48, 48]."""
    given: dict[Modality, NDArray[np.floating]] | None = None
    """Tokens [n, width] that the corpus itself comes with."""

    def copy(self, version: int) -> "CorpusUtterance":
        """The same utterance as its `version`-th copy."""
        return replace(self, row=replace(self.row, version=version))


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something of a corpus that is left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Utterances in order, dialogue by dialogue."""

    name: str
    classes: tuple[str, ...]
    modalities: tuple[Modality, ...]
    """What its utterances can be described by."""
    utterances: tuple[CorpusUtterance, ...]
    skipped: tuple[Skipped, ...] = ()
    """Media that are missing or known to be broken; their utterances stay, without the modalities that these
    would give."""
    acted: bool = False
    """Clips of one acted sentence each, with silence around it that is to be trimmed."""
    disturbed: tuple[str, ...] = ()
    """The splits that fusion learns from, where it learns from copies as well."""

    def with_copies(self, count: int) -> "Corpus":
        """The corpus and, after it, `count` copies of the splits that fusion learns from; an image has one,
        its mirror image.

        Raises UserError where the corpus has no such split.
        """
        if count and not self.disturbed:
            raise UserError(f"{self.name} has no split that is disturbed for fusion; leave --disturbed out.")
        chosen = [one for one in self.utterances if one.row.split in self.disturbed]
        copies = [
            one.copy(version)
            for version in range(1, count + 1)
            for one in chosen
            if one.image is None or version == 1
        ]
        return replace(self, utterances=(*self.utterances, *copies))


@dataclass(slots=True)
class Missing:
    """Collects what is missing of a corpus while it is read; a whole folder that is missing is named once."""

    skipped: list[Skipped] = field(default_factory=list)
    folders: set[Path] = field(default_factory=set)

    def find(self, path: Path, name: str) -> Path | None:
        """The file `path`, which belongs to the utterance `name`, or None where it is missing."""
        if path.parent in self.folders:
            return None
        if not path.parent.is_dir():
            self.folders.add(path.parent)
            self.skipped.append(Skipped(str(path.parent), "there is no such folder"))
            return None
        if not path.is_file():
            self.skipped.append(Skipped(name, f"{path.name} is missing"))
            return None
        return path


def number_speakers(names: Sequence[str]) -> NDArray[np.int64]:
    """0 for the first speaker, 1 for the next new one, and so on."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names])
