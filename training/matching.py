"""Voices and faces for dialogues that have only text: drawn by label, from people that the encoders have not learnt from.

In conversation most voices and faces show less than the words say, or something else. Acted clips and posed photographs show
their label far too plainly, and a network trained on them would trust them blindly. So an utterance's voice, and on its own its
face, shows the utterance's label only some of the time, else mostly nothing (neutral), and at times something else; and within a
face track that shows the label some pictures are neutral. The shares are set so that voice and face together tell about as much
as the papers report for MELD's real media (A+V: weighted F1 52.85 in AM²-EmoJE's table 1, as T+A+V is 71.98).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NEUTRAL = 0
"""Number of the neutral class."""
MOST_FACES = 8
"""Pictures of a face track at most."""


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """Share of voices and of faces that show the label, that show nothing (the rest show any class), and of plain pictures."""

    shows_label: float = 0.35
    shows_nothing: float = 0.4
    picture_shows: float = 0.7


@dataclass(frozen=True, slots=True)
class MatchedPool:
    """Descriptors to draw from: per class the voice clips [k, 128] each, and the pictures [n, 128]."""

    voices: Mapping[int, Sequence[np.ndarray]]
    faces: Mapping[int, np.ndarray]
    settings: MatchSettings

    def shown(self, label: int, random: np.random.Generator) -> int:
        """The class that a voice or a face shows for an utterance of class `label`."""
        chance = random.random()
        if chance < self.settings.shows_label:
            return label
        if chance < self.settings.shows_label + self.settings.shows_nothing:
            return NEUTRAL
        return int(random.integers(len(self.voices)))

    def voice(self, label: int, random: np.random.Generator) -> np.ndarray:
        """Segments of one clip or two, [k, 128]."""
        clips = self.voices[self.shown(label, random)]
        return np.concatenate([clips[int(random.integers(len(clips)))] for _ in range(random.integers(1, 3))])

    def face(self, label: int, random: np.random.Generator) -> np.ndarray:
        """Pictures of one track, [n, 128] with n from 1 to 8."""
        shown = self.shown(label, random)
        plain = random.random(random.integers(1, MOST_FACES + 1)) >= self.settings.picture_shows
        pictures = [self.faces[NEUTRAL if one else shown] for one in plain]
        return np.stack([choice[random.integers(len(choice))] for choice in pictures])
