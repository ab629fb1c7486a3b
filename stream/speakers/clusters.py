"""Whose voices the windows of a conversation are: all of the latest are clustered anew each time, with what
is remembered of everybody, so that a speaker who was mistaken for another is told apart as soon as enough is
heard.

Average linkage over cosine distances, in which windows that one listening heard as different people's stay
apart. Speakers keep their numbers where most of their windows are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from emotrack.engines.encoders.sound.turns import EMBEDDING
from emotrack.errors import UserError
from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.listening import STEP, VoiceWindow

Place = tuple[str, int]
"""A feed's name, and the middle of a window of it."""
RECENT = 300
"""Windows, of all feeds, that are clustered: a minute in which one speaks."""
REMEMBERED = 25
"""Windows of each speaker that stay beyond that, the newest."""
_TOLD = 4000
"""Windows of which it is known whose they are."""
_AROUND = 2
"""Windows before and after one that say what its voice is like."""
_ALIKE = 0.4
"""Cosine from which on two people of one listening may be one."""
_APART = 1.2
"""Cosine distance of what cannot be one speaker's."""
_LONG_AGO = 1000
"""Blocks between what an earlier process heard and what is heard now."""
_WINDOW_SECONDS = STEP * 0.032


@dataclass(frozen=True, slots=True)
class Merged:
    """Two speakers turn out to be one: the `younger` is the `older`."""

    younger: int
    older: int
    likeness: float
    """Cosine of their voices."""


@dataclass(frozen=True, slots=True)
class KnownVoice:
    """What is remembered of a speaker."""

    seconds: float
    """How much of their voice."""
    embedding: np.ndarray
    """How they sound on the whole: float32 [EMBEDDING] of length 1."""


@dataclass(frozen=True, slots=True)
class RememberedVoices:
    """The windows that are remembered, in the order in which they were heard, and what was made of them."""

    places: tuple[Place, ...] = ()
    embeddings: np.ndarray = field(default_factory=lambda: np.zeros((0, EMBEDDING), np.float32))
    """Float32 [n, EMBEDDING]."""
    speakers: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """Whose each is, by number: int64 [n]; 0 is nobody."""
    apart: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), bool))
    """Which two are different people's: bool [n, n]."""
    merged: dict[int, Merged] = field(default_factory=dict)
    last: int = 0
    """The number that was given last."""


@dataclass(frozen=True, slots=True)
class Voices:
    """All that is known of a conversation's voices at one time; nothing changes it, so that one thread may
    learn while another reads."""

    learnt: int = 0
    """From how many listenings: of two, the one with more is the newer."""
    known: Mapping[int, KnownVoice] = field(default_factory=dict)
    """The speakers, by number, rising."""
    merged: Mapping[int, Merged] = field(default_factory=dict)
    """Who turned out to be an older speaker, in the order in which they did."""
    told: Mapping[Place, int] = field(default_factory=dict)
    remembered: RememberedVoices = field(default_factory=RememberedVoices)

    def speaker(self, place: Place) -> int | None:
        """Whose voice a window was that has been learnt from."""
        return self.told.get(place)

    def now(self, speaker: int) -> int:
        """Who a speaker turned out to be: themselves as a rule."""
        while speaker in self.merged:
            speaker = self.merged[speaker].older
        return speaker


class VoiceClusters:
    """Speakers by number, from 1, in the order in which they were first heard; the same windows in the same
    order give the same answers."""

    def __init__(self, settings: SpeakerSettings) -> None:
        self._settings = settings
        self._founding = max(1, round(settings.founding_speech / _WINDOW_SECONDS))
        self._places: list[Place] = []
        self._embeddings = np.zeros((0, EMBEDDING), np.float32)
        self._apart = np.zeros((0, 0), bool)
        self._speakers = np.zeros(0, np.int64)
        """Of each window, by number; 0 while it is nobody's."""
        self._told: dict[Place, int] = {}
        self._merged: dict[int, Merged] = {}
        self._last = 0
        self._voices = Voices()

    @property
    def voices(self) -> Voices:
        """What is known now."""
        return self._voices

    def restore(self, kept: RememberedVoices) -> None:
        """Know the voices of a session that is gone on with, whose sound is counted anew: what was heard then
        lies before all that is heard from now on. Raises `UserError` where that is damaged."""
        count = len(kept.places)
        shapes = (kept.embeddings.shape, kept.speakers.shape, kept.apart.shape)
        if shapes != ((count, EMBEDDING), (count,), (count, count)):
            raise UserError("The saved voices are damaged: start a new session.")
        before = max((middle for _, middle in kept.places), default=0) + _LONG_AGO
        self._places = [(feed, middle - before) for feed, middle in kept.places]
        self._embeddings, self._speakers = kept.embeddings, kept.speakers
        self._apart = kept.apart
        self._merged, self._last = dict(kept.merged), kept.last
        self._told = dict(zip(self._places, map(int, self._speakers), strict=True))
        self._voices = self._as_known()

    def learn(self, feed: str, windows: Sequence[VoiceWindow]) -> Voices:
        """Take the windows of one listening to `feed`, new ones and such as are known: what is known then."""
        if not windows:
            return self._voices
        before = len(self._places)
        rows = self._rows(feed, windows)
        if len(self._places) == before:
            return self._voices
        for one, other in combinations(sorted({window.local for window in windows}), 2):
            self._part(*(rows[[window.local == local for window in windows]] for local in (one, other)))
        self._name(self._cluster())
        self._forget()
        self._voices = self._as_known()
        return self._voices

    def _as_known(self) -> Voices:
        known = {number: self._known(number) for number in self._numbers}
        merged = dict(self._merged)
        remembered = RememberedVoices(
            tuple(self._places), self._embeddings, self._speakers, self._apart.copy(), merged, self._last
        )
        return Voices(self._voices.learnt + 1, known, merged, dict(self._told), remembered)

    def _known(self, speaker: int) -> KnownVoice:
        theirs = self._embeddings[self._speakers == speaker]
        return KnownVoice(len(theirs) * _WINDOW_SECONDS, _unit(theirs.sum(0)))

    @property
    def _numbers(self) -> list[int]:
        """The speakers whose windows are remembered."""
        return sorted({int(one) for one in self._speakers if one > 0})

    def _rows(self, feed: str, windows: Sequence[VoiceWindow]) -> np.ndarray:
        """Where the windows are, the new ones put behind the others."""
        known = {place: row for row, place in enumerate(self._places)}
        new = [window for window in windows if (feed, window.middle) not in known]
        if new:
            count, more = len(self._places), len(new)
            self._places += [(feed, window.middle) for window in new]
            self._embeddings = np.concatenate([self._embeddings, np.stack([one.embedding for one in new])])
            self._speakers = np.concatenate([self._speakers, np.zeros(more, np.int64)])
            self._apart = np.pad(self._apart, ((0, more), (0, more)))
            known |= {place: count + row for row, place in enumerate(self._places[count:])}
        return np.array([known[feed, window.middle] for window in windows])

    def _part(self, one: np.ndarray, other: np.ndarray) -> None:
        """What a listening heard as two people's stays apart, unless the voices are alike."""
        means = [_unit(self._embeddings[rows].sum(0)) for rows in (one, other)]
        if float(means[0] @ means[1]) < _ALIKE:
            self._apart[np.ix_(one, other)] = True
            self._apart[np.ix_(other, one)] = True

    def _cluster(self) -> np.ndarray:
        """A number for each window, those of one speaker the same; those too few to found one go with the
        nearest."""
        # Imported where voices are told apart: it takes a quarter of a second.
        from scipy.cluster.hierarchy import fcluster, linkage
        from scipy.spatial.distance import squareform

        count = len(self._places)
        if count == 1:
            return np.ones(1, np.int64)
        voices = self._smoothed()
        distance = np.clip(1 - voices @ voices.T, 0, 2)
        distance[self._apart] = np.maximum(distance[self._apart], _APART)
        np.fill_diagonal(distance, 0)
        tree = linkage(squareform((distance + distance.T) / 2, checks=False), "average")
        labels: np.ndarray = fcluster(tree, 1 - self._settings.same_voice, "distance")
        numbers, first, sizes = np.unique(labels, return_index=True, return_counts=True)
        # Where there are too many, those who were heard first stay who they are.
        large = [int(numbers[one]) for one in np.argsort(first) if sizes[one] >= self._founding]
        large = large[: self._settings.maximum_speakers] or [int(numbers[sizes.argmax()])]
        means = np.stack([_unit(self._embeddings[labels == one].sum(0)) for one in large])
        nearest = np.array(large)[(self._embeddings @ means.T).argmax(1)]
        return np.where(np.isin(labels, large), labels, nearest)

    def _smoothed(self) -> np.ndarray:
        """Each voice with those like it of the windows around it: float32 [n, EMBEDDING] of length 1.

        What a window happens to hold varies more from one to the next than a speaker does.
        """
        feeds = np.unique([feed for feed, _ in self._places], return_inverse=True)[1]
        middles = np.array([middle for _, middle in self._places])
        order = np.lexsort((middles, feeds))
        feeds, middles, voices = feeds[order], middles[order], self._embeddings[order]
        sums = voices.copy()
        for on in range(1, len(order)):
            near = (feeds[on:] == feeds[:-on]) & (middles[on:] - middles[:-on] <= _AROUND * STEP)
            if not near.any():
                break
            near &= ~self._apart[order[on:], order[:-on]]
            likeness = np.einsum("ij,ij->i", voices[on:], voices[:-on])
            weights = np.where(near, np.maximum(likeness, 0), 0)[:, None]
            sums[on:] += weights * voices[:-on]
            sums[:-on] += weights * voices[on:]
        smoothed: np.ndarray = np.empty_like(sums)
        smoothed[order] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        return smoothed

    def _name(self, labels: np.ndarray) -> None:
        """Give each cluster the number of the speaker who has most of it, or a new one."""
        before = self._speakers
        known = self._numbers
        pairs = [
            (int(((labels == label) & (before == speaker)).sum()), -speaker, int(label))
            for label in np.unique(labels)
            for speaker in known
        ]
        names: dict[int, int] = {}
        for count, minus, label in sorted(pairs, reverse=True):
            if count and label not in names and -minus not in names.values():
                names[label] = -minus
        for label in labels:  # in the order in which they were heard
            if int(label) not in names:
                self._last += 1
                names[int(label)] = self._last
        now = np.array([names[int(label)] for label in labels])
        for gone in known:
            if gone not in now:
                self._merge(gone, before, now)
        self._speakers = now
        self._told |= dict(zip(self._places, map(int, now), strict=True))

    def _merge(self, gone: int, before: np.ndarray, now: np.ndarray) -> None:
        """`gone` has no window left: it is who has most of them now, and the younger number is given up."""
        into = int(np.bincount(now[before == gone]).argmax())
        likeness = float(
            _unit(self._embeddings[before == gone].sum(0)) @ _unit(self._embeddings[now == into].sum(0))
        )
        older, younger = sorted((gone, into))
        now[now == younger] = older
        self._merged[younger] = Merged(younger, older, likeness)
        for place, speaker in self._told.items():
            if speaker == younger:
                self._told[place] = older

    def _forget(self) -> None:
        """Keep the newest windows, and of each speaker some more."""
        count = len(self._places)
        if count <= RECENT:
            return
        kept = np.zeros(count, bool)
        kept[-RECENT:] = True
        for speaker in self._numbers:
            kept[np.flatnonzero(self._speakers == speaker)[-REMEMBERED:]] = True
        rows = np.flatnonzero(kept)
        self._places = [self._places[row] for row in rows]
        self._embeddings, self._speakers = self._embeddings[rows], self._speakers[rows]
        self._apart = self._apart[np.ix_(rows, rows)]
        for place in list(self._told)[: max(0, len(self._told) - _TOLD)]:
            del self._told[place]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
