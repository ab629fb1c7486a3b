"""Acted speech whose file names tell everything, as RAVDESS names its clips (Livingstone and Russo 2018)."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from emotrack.errors import UserError
from emotrack.model.formats import VOICE_EMOTIONS, VOICE_RATE
from emotrack.training.corpora.records import Corpus, CorpusRow, CorpusUtterance, Sex

AUDIO_SUFFIXES = {".wav", ".opus", ".flac", ".mp3"}
ACTORS = {"train": range(1, 15), "fusion": range(15, 19), "dev": range(19, 21), "test": range(21, 25)}
"""Numbers of the actors of each split; odd ones are men and even ones women, so each split has as many of
either.

The voice network learns from "train"; fusion learns from what it makes of the voices of "fusion", which it
has not heard.
"""
SENTENCES = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}

_CODES = {f"{place:02}": emotion for place, emotion in enumerate(VOICE_EMOTIONS, start=1)}
"""Emotions by the third number of a file name."""


@dataclass(frozen=True, slots=True)
class SpeechClip:
    """One acted sentence."""

    path: Path
    actor: int
    emotion: str

    @property
    def female(self) -> bool:
        """RAVDESS gives even numbers to its actresses."""
        return self.actor % 2 == 0


def read_ravdess(folder: Path) -> list[SpeechClip]:
    """The speech clips of a RAVDESS folder (with or without its Actor_NN folders), sorted by file name.

    Raises UserError where it holds none, or one whose numbers mean nothing.
    """
    clips = []
    for path in sorted(folder.rglob("*"), key=lambda path: path.name):
        numbers = path.stem.split("-")
        if path.suffix.lower() not in AUDIO_SUFFIXES or len(numbers) != 7 or numbers[1] != "01":
            continue
        if numbers[2] not in _CODES or not numbers[6].isdecimal():
            raise UserError(
                f"{path} is not named as RAVDESS names clips: the third number is 01 to 08, the last an "
                "actor's."
            )
        clips.append(SpeechClip(path, int(numbers[6]), _CODES[numbers[2]]))
    if not clips:
        raise UserError(
            f"{folder} holds no RAVDESS speech; expected files named like 03-01-05-01-02-01-12.wav in it."
        )
    return clips


def read_samples(path: Path) -> np.ndarray:
    """The sound of a file as float32 [n], mono at 16 kHz; raises UserError where it cannot be decoded."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=VOICE_RATE)
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise UserError(f"{path} holds no sound.")
            frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
        frames += resampler.resample(None)
    except FFmpegError as error:
        raise UserError(f"{path} cannot be decoded: {error.strerror}.") from None
    if not frames:
        raise UserError(f"{path} holds no sound.")
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)


def read_acted_speech(folder: Path) -> Corpus:
    """The clips of a RAVDESS folder as utterances; each is a dialogue of its own."""
    splits = {actor: split for split, actors in ACTORS.items() for actor in actors}
    utterances = []
    for clip in read_ravdess(folder):
        if clip.actor not in splits:
            raise UserError(f"{clip.path} is of actor {clip.actor}, but RAVDESS has actors 1 to 24.")
        sex: Sex = "female" if clip.female else "male"
        row = CorpusRow(
            name=clip.path.stem,
            dialogue=clip.path.stem,
            index=0,
            split=splits[clip.actor],
            speaker=f"actor {clip.actor:02}",
            text=SENTENCES.get(clip.path.stem.split("-")[4], ""),
            label=clip.emotion,
            sex=sex,
        )
        utterances.append(CorpusUtterance(row, sound=clip.path))
    return Corpus("ravdess", VOICE_EMOTIONS, ("audio",), tuple(utterances), acted=True, disturbed=("fusion",))
