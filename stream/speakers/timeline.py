"""Who speaks when on one feed, from all that was heard of it: each block as several listenings heard it, by
the names that voices have now."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from emotrack.engines.encoders.sound.turns import SPEAKERS
from emotrack.stream.speakers.clusters import Voices
from emotrack.stream.speakers.listening import BLOCKS, Listening

KEPT = 3200
"""Blocks that are remembered: 102 s, more than the longest utterance."""
_FAINT = 0.05
"""Probability under which somebody does not speak."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Who speaks in blocks of a feed."""

    speech: np.ndarray
    """Probability that somebody does: float64 [n]; 0 where nothing was listened to."""
    speakers: tuple[int, ...]
    activity: np.ndarray
    """Probability that each of the speakers does: float64 [n, k]."""

    @property
    def first_voice(self) -> np.ndarray:
        """The place among `speakers` of who speaks most in each block: int64 [n], -1 where nobody is known
        to."""
        if not self.speakers:
            return np.full(len(self.speech), -1)
        return np.where(self.activity.max(1) > _FAINT, self.activity.argmax(1), -1)


@dataclass(frozen=True, slots=True)
class _Heard:
    """A listening: of each of its blocks and local speakers how active they are, and the window nearest to it
    in which their voice is known, or who it was taken for."""

    listening: Listening
    places: np.ndarray
    """Int64 [BLOCKS, SPEAKERS]: the window's middle, or minus the speaker's number, or `_NOBODY`."""


_NOBODY = np.iinfo(np.int64).min


class Timeline:
    """Owned by the loop."""

    def __init__(self, feed: str) -> None:
        self._feed = feed
        self._heard: deque[_Heard] = deque()

    def add(self, listening: Listening, voices: Voices) -> None:
        """Take a listening from whose windows `voices` were learnt."""
        self._heard.append(_Heard(listening, self._places(listening, voices)))
        while self._heard[0].listening.end < listening.end - KEPT:
            self._heard.popleft()

    def between(self, first: int, end: int, voices: Voices) -> Spoken:
        """Who speaks in the blocks `first` to `end` (exclusive), as far as `voices` are known."""
        count = end - first
        heard, speech = np.zeros(count), np.zeros(count)
        speakers: dict[int, np.ndarray] = {}
        for one in self._heard:
            start, stop = max(first, one.listening.first), min(end, one.listening.end)
            if start >= stop:
                continue
            here = slice(start - first, stop - first)
            there = slice(start - one.listening.first, stop - one.listening.first)
            heard[here] += 1
            speech[here] += one.listening.speech[there]
            for local in range(SPEAKERS):
                places, activity = one.places[there, local], one.listening.activity[there, local]
                for place in np.unique(places[activity > _FAINT]):
                    speaker = self._speaker(int(place), voices)
                    if speaker is not None:
                        where = (places == place) & (activity > _FAINT)
                        speakers.setdefault(speaker, np.zeros(count))[here][where] += activity[where]
        heard = np.maximum(heard, 1)
        known = tuple(sorted(speakers))
        activity = np.stack([speakers[one] / heard for one in known], 1) if known else np.zeros((count, 0))
        return Spoken(speech / heard, known, activity)

    def _speaker(self, place: int, voices: Voices) -> int | None:
        if place == _NOBODY:
            return None
        return voices.now(-place) if place < 0 else voices.speaker((self._feed, place))

    def _places(self, listening: Listening, voices: Voices) -> np.ndarray:
        blocks = np.arange(listening.first, listening.end)
        found = np.full((BLOCKS, SPEAKERS), _NOBODY)
        present: set[int] = set()
        for local in range(SPEAKERS):
            middles = np.array([window.middle for window in listening.windows if window.local == local])
            if not len(middles):
                continue
            present.update(voices.speaker((self._feed, int(middle))) or 0 for middle in middles)
            found[:, local] = middles[np.abs(blocks[:, None] - middles[None]).argmin(1)]
        absent = [one for one in voices.known if one not in present]
        if len(absent) == 1:
            # Somebody whom the listening tells apart, but who says too little to be known by their voice.
            found[:, (found == _NOBODY).all(0)] = -absent[0]
        return found
