"""Voices told apart while they are heard: embeddings by Resemblyzer (GE2E, Wan et al. 2018), clustered on
accumulated speech.

A single short turn says little about who speaks, so speakers are compared by the mean of all that was heard
of them, a short turn founds no speaker, and two speakers whose means come close are merged: the younger is
told to be the older.
"""

import logging
from dataclasses import dataclass
from importlib import import_module
from itertools import combinations
from typing import Protocol

import numpy as np

from emotrack.errors import UserError
from emotrack.stream.settings import SpeakerSettings

_SHORTEST = 0.3
"""Seconds of sound under which nothing can be said about a voice."""
_SHARPNESS = 0.03
"""Cosine by which a voice must be nearer to one speaker than to another to be e times as likely theirs."""
_SLACK, _SETTLING = 0.30, 2.2
"""Two hearings of one voice are alike by `same_voice` less _SLACK * exp(-seconds of the shorter / _SETTLING):
read off RAVDESS, EmoDB and a phone call, where the cosine grows from about 0.7 at one second to 0.9 at eight,
and other voices stay 0.05 below."""
_MERGE_MARGIN = 0.03
"""How much more alike than that two speakers must be to be one: a merge is not undone."""


class VoiceEmbedder(Protocol):
    """Describes a voice by a vector of length 1."""

    rate: int

    def embed(self, audio: np.ndarray) -> np.ndarray | None:
        """Describe the voice in float32 [n] samples at `rate`; None where there is too little of it."""
        ...


class ResemblyzerVoices:
    """Resemblyzer's encoder, whose weights come inside its package."""

    rate = 16_000

    def __init__(self) -> None:
        """Raises `UserError` where the package is missing."""
        try:
            resemblyzer = import_module("resemblyzer")
        except ImportError as error:
            raise UserError(
                f"Speakers by voice need a package that is missing ({error}); pip install "
                "'emotrack[voices]' brings it, or use the speaker mode 'feed'."
            ) from error
        logging.getLogger("numba").setLevel(logging.WARNING)
        self._normalize = resemblyzer.normalize_volume
        self._encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
        self.embed(np.random.default_rng(0).normal(0, 0.1, self.rate).astype(np.float32))

    def embed(self, audio: np.ndarray) -> np.ndarray | None:
        """One voice, float32 [n] at 16 kHz, as a unit vector float32 [256]."""
        if len(audio) < _SHORTEST * self.rate or not np.any(audio):
            return None
        # -30 dBFS is the level that the weights were trained at; louder speech is left alone, as there.
        found: np.ndarray | None = self._encoder.embed_utterance(
            self._normalize(audio, -30, increase_only=True)
        )
        return found


@dataclass(frozen=True, slots=True)
class VoiceAssignment:
    """What became of one utterance's voice."""

    speaker: int
    confidence: float
    merged: tuple[tuple[int, int, float], ...]
    """Speakers that turned out to be older ones: (younger, older, cosine)."""


@dataclass(slots=True)
class _Voice:
    number: int
    total: np.ndarray
    """Sum of embeddings, each times its seconds."""
    seconds: float

    @property
    def mean(self) -> np.ndarray:
        return self.total / max(float(np.linalg.norm(self.total)), 1e-9)


class VoiceClusters:
    """Speakers by number, from 1, in the order in which they were first heard; the same utterances give the
    same answers."""

    def __init__(self, settings: SpeakerSettings) -> None:
        self._settings = settings
        self._voices: list[_Voice] = []
        self._last_number = 0

    def hear(self, embedding: np.ndarray, seconds: float) -> VoiceAssignment:
        """Whose voice an utterance of `seconds` with this embedding (length 1) is, after learning from it."""
        if not self._voices:
            return self._found(embedding, seconds)
        likeness = np.array([float(np.vdot(voice.mean, embedding)) for voice in self._voices])
        nearest = self._voices[int(likeness.argmax())]
        same = likeness.max() >= self._threshold(min(seconds, nearest.seconds))
        room = len(self._voices) < self._settings.maximum_speakers
        if not same and seconds >= self._settings.founding_speech and room:
            return self._found(embedding, seconds)
        odds = np.exp((likeness - likeness.max()) / _SHARPNESS)
        confidence = float(odds.max() / odds.sum()) * self._familiarity(nearest)
        if not same:
            # Too short, or one voice too many: the nearest speaker gets the blame but does not learn from it.
            return VoiceAssignment(nearest.number, confidence / 2, ())
        nearest.total = nearest.total + embedding * seconds
        nearest.seconds += seconds
        return VoiceAssignment(nearest.number, confidence, self._merge())

    def _found(self, embedding: np.ndarray, seconds: float) -> VoiceAssignment:
        self._last_number += 1
        voice = _Voice(self._last_number, embedding * seconds, seconds)
        self._voices.append(voice)
        return VoiceAssignment(voice.number, self._familiarity(voice), ())

    def _merge(self) -> tuple[tuple[int, int, float], ...]:
        """Join speakers who sound alike, the most alike first, until no two do."""
        merged = []
        while pair := self._most_alike():
            older, younger = pair
            merged.append((younger.number, older.number, min(1.0, float(np.vdot(older.mean, younger.mean)))))
            older.total = older.total + younger.total
            older.seconds += younger.seconds
            self._voices.remove(younger)
        return tuple(merged)

    def _most_alike(self) -> tuple[_Voice, _Voice] | None:
        known = [voice for voice in self._voices if voice.seconds >= self._settings.enough_speech]
        best, found = _MERGE_MARGIN, None
        for older, younger in combinations(known, 2):
            cosine = float(np.vdot(older.mean, younger.mean))
            margin = cosine - self._threshold(min(older.seconds, younger.seconds))
            if margin >= best:
                best, found = margin, (older, younger)
        return found

    def _threshold(self, seconds: float) -> float:
        """The cosine from which on two hearings of a voice, the shorter one of `seconds`, are taken for the
        same."""
        return self._settings.same_voice - _SLACK * float(np.exp(-seconds / _SETTLING))

    def _familiarity(self, voice: _Voice) -> float:
        return min(1.0, voice.seconds / self._settings.enough_speech)
