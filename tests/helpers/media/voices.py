"""Conversations as the networks that tell turns and voices apart would hear them, from a script of who speaks
when; their place is taken by nothing that hears."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from emotrack.engines.encoders.sound.turns import EMBEDDING, SPEAKERS
from emotrack.stream.speakers.assign import VoicedSpeakers
from emotrack.stream.speakers.ear import Heard
from emotrack.stream.speakers.listening import BLOCKS, STEP, Listening, VoiceWindow

HALF = 24
"""Blocks on either side of a window's middle."""


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody speaks in the blocks `first` to `end` (exclusive)."""

    speaker: int
    first: int
    end: int


def said(*lines: tuple[int, int]) -> list[Line]:
    """Lines one after the other: who, and for how many blocks; speaker 0 is silence."""
    found, place = [], 0
    for speaker, blocks in lines:
        if speaker:
            found.append(Line(speaker, place, place + blocks))
        place += blocks
    return found


def voice(speaker: int, take: int, noise: float = 0.5) -> np.ndarray:
    """How a speaker sounds in one window: float32 [EMBEDDING] of length 1."""
    own = np.random.default_rng(speaker).normal(0, 1, EMBEDDING)
    vector = own + noise * np.random.default_rng((speaker, take)).normal(0, 1, EMBEDDING)
    found: np.ndarray = (vector / np.linalg.norm(vector)).astype(np.float32)
    return found


def heard(lines: Sequence[Line], end: int, *, deaf: bool = False) -> Listening:
    """What a listening that ends before block `end` tells; `deaf`: it takes all for one person."""
    first = end - BLOCKS
    activity = np.zeros((BLOCKS, SPEAKERS), np.float32)
    locals_: dict[int, int] = {}
    for line in lines:
        inside = range(max(line.first, first), min(line.end, end))
        if inside:
            local = locals_.setdefault(0 if deaf else line.speaker, len(locals_) % SPEAKERS)
            activity[inside.start - first : inside.stop - first, local] = 1
    windows = tuple(
        VoiceWindow(middle, voice(line.speaker, middle), locals_[0 if deaf else line.speaker])
        for middle in range(-(-max(first + HALF, HALF) // STEP) * STEP, end - HALF, STEP)
        for line in lines
        if line.first <= middle - HALF // 2 and middle + HALF // 2 < line.end
    )
    return Listening(end, activity.max(1), activity, windows)


def listenings(lines: Sequence[Line], hop: int = 16, *, deaf: bool = False) -> Iterator[Listening]:
    """All of a conversation, one every `hop` blocks."""
    last = lines[-1].end
    for end in [*range(hop, last, hop), last]:
        yield heard(lines, end, deaf=deaf)


@dataclass(frozen=True, slots=True)
class Says:
    """A listener that heard this."""

    listening: Listening

    def listen(self, end: int, samples: np.ndarray) -> Listening:
        return self.listening

    def reset(self) -> None:
        pass


def hears(speakers: VoicedSpeakers, feed: str, listening: Listening) -> Heard:
    """What an ear at the feed brings back that hears this."""
    return speakers.ear(feed, Says(listening)).listen(listening.end, np.zeros(0, np.float32))


def learn(speakers: VoicedSpeakers, feed: str, listening: Listening) -> None:
    """Speakers learn what an ear at the feed hears."""
    speakers.take(feed, hears(speakers, feed, listening))
