"""Voices and faces for dialogues that have only text: drawn by label, from people that the encoders have not learnt from.

In conversation most voices and faces show less than the words say, or something else. Acted clips and posed photographs show
their label far too plainly, and a network trained on them would trust them blindly. So an utterance's voice, and on its own its
face, shows the utterance's label only some of the time, else mostly nothing (neutral), and at times something else; and within a
face track that shows the label some pictures are neutral. Voices show something else more often than faces do, for the voice
network hears acting everywhere: real speech that is merely lively sounds like an emotion to it. The shares are a
judgement: voices and faces are to tell some of the label, but far less than words do, as in recorded conversation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

NEUTRAL = 0
"""Number of the neutral class."""
MOST_FACES = 8
"""Pictures of a face track at most."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Share of utterances for which a voice or a face shows the label, and nothing; the others show any class."""

    label: Annotated[float, Field(ge=0, le=1)]
    nothing: Annotated[float, Field(ge=0, le=1)]

    def __post_init__(self) -> None:
        if self.label + self.nothing > 1:
            raise ValueError(f"the shares {self.label} and {self.nothing} are more than the whole")


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """What voices and faces show, and the share of a showing track's pictures that do show it."""

    voice: Shares = Shares(0.3, 0.3)
    face: Shares = Shares(0.3, 0.45)
    pictures: Annotated[float, Field(ge=0, le=1)] = 0.7


@dataclass(frozen=True, slots=True)
class MatchedPool:
    """Descriptors to draw from: per class the voice clips [k, 128] each, and the pictures [n, 128]."""

    voices: Mapping[int, Sequence[np.ndarray]]
    faces: Mapping[int, np.ndarray]
    settings: MatchSettings

    def shown(self, label: int, shares: Shares, random: np.random.Generator) -> int:
        """The class that a voice or a face shows for an utterance of class `label`."""
        chance = random.random()
        if chance < shares.label:
            return label
        if chance < shares.label + shares.nothing:
            return NEUTRAL
        return int(random.integers(len(self.voices)))

    def voice(self, label: int, random: np.random.Generator) -> np.ndarray:
        """Segments of one clip or two, [k, 128]."""
        clips = self.voices[self.shown(label, self.settings.voice, random)]
        return np.concatenate([clips[int(random.integers(len(clips)))] for _ in range(random.integers(1, 3))])

    def face(self, label: int, random: np.random.Generator) -> np.ndarray:
        """Pictures of one track, [n, 128] with n from 1 to 8."""
        shown = self.shown(label, self.settings.face, random)
        plain = random.random(random.integers(1, MOST_FACES + 1)) >= self.settings.pictures
        pictures = [self.faces[NEUTRAL if one else shown] for one in plain]
        return np.stack([choice[random.integers(len(choice))] for choice in pictures])
