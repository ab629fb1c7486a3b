"""From the speech probability of each block to utterances: a state machine that knows nothing of audio or of
the clock.

Everything is counted in blocks from the first probability ever given, so it lines up with `AudioBlock.index`
when each block of a feed is given once.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from emotrack.stream.hearing.audio import BLOCK_SECONDS
from emotrack.stream.settings import SegmentationSettings
from emotrack.streaming import StreamingAttributes


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """An utterance is open from block `start` on (pre-roll included); told when the minimum of speech is
    reached."""

    start: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The post-roll has passed in silence: without more speech the utterance ends before block `end`."""

    end: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech again before the hangover passed: the pause is part of the utterance."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The utterance is the blocks `start` to `end` (exclusive); `endpoint` is the block that made it
    known."""

    start: int
    end: int
    endpoint: int
    cause: Literal["silence", "maximum", "turn", "end of feed"]


SegmentEvent = SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded


class Segmenter(StreamingAttributes):
    """Turns one feed's speech probabilities into events, in order; see the events for their meaning.

    Speech begins at the start threshold and goes on while the end threshold is met. Speech opens an utterance
    once it adds up to the minimum with no silence of post-roll length inside. A pause within the hangover is
    part of it.
    """

    STATE = ("recent", "count", "free", "voiced", "candidate", "spoken", "start", "speech_end", "paused")
    WHOSE = "segmentation"

    def __init__(self, settings: SegmentationSettings) -> None:
        self._start_threshold, self._end_threshold = settings.start_threshold, settings.end_threshold
        self._minimum = _blocks(settings.minimum_speech)
        self._pre_roll = _blocks(settings.pre_roll)
        self._post_roll = _blocks(settings.post_roll)
        self._hangover = _blocks(settings.hangover)
        self._maximum = math.floor(round(settings.maximum / BLOCK_SECONDS, 6))
        self.reach = self._maximum + self._hangover + self._pre_roll + self._minimum * self._post_roll
        """Blocks, the latest included, within which the start of any open utterance lies."""
        self.reset()

    def reset(self) -> None:
        """Forget everything, and count blocks from 0 again."""
        self._recent: deque[float] = deque(maxlen=self.reach)  # probabilities
        self._count = 0  # blocks taken
        self._free = 0  # first block that no utterance has claimed
        self._become_idle()

    def _become_idle(self) -> None:
        self._voiced = False
        self._candidate: int | None = None  # first block of speech that is not yet an utterance
        self._spoken = 0  # blocks of speech in the candidate
        self._start: int | None = None  # of the open utterance
        self._speech_end = 0  # block after the last speech
        self._paused = False  # whether that is so long ago that the utterance may have ended

    @property
    def undecided(self) -> int:
        """How many of the last blocks belong to an utterance, or to one that may yet turn out to have
        begun."""
        if self._start is not None:
            return self._count - self._start
        first = self._count if self._candidate is None else self._candidate
        return self._count - max(first - self._pre_roll, self._free)

    def step(self, probability: float) -> list[SegmentEvent]:
        """Take the speech probability of the next block."""
        self._recent.append(probability)
        self._count += 1
        self._voiced = probability >= (self._end_threshold if self._voiced else self._start_threshold)
        return self._speech() if self._voiced else self._silence()

    def flush(self) -> list[SegmentEvent]:
        """The feed ended or broke off: an open utterance ends with its post-roll, or the last block if
        sooner.

        What follows is a new beginning: no later utterance reaches back before it.
        """
        events: list[SegmentEvent] = []
        if self._start is not None:
            end = min(self._speech_end + self._post_roll, self._count)
            events.append(SpeechEnded(self._start, end, self._count - 1, "end of feed"))
        self._become_idle()
        self._free = self._count
        return events

    def hear_again(self, voiced: Sequence[int]) -> list[SegmentEvent]:
        """Blocks already taken, in rising order, in which another ear hears speech that this one may have
        missed."""
        held = self._count - len(self._recent) + self._pre_roll
        since = max(self._free, held) if self._start is None else self._speech_end
        if self._paused:
            since += (
                self._post_roll
            )  # what lies within is part of the utterance as it is, and being recognised
        voiced = [block for block in voiced if block >= since]
        if not voiced:
            return []
        events: list[SegmentEvent] = []
        if self._start is None:
            voiced = _newest_stretch(voiced, self._hangover)
            if len(voiced) < self._minimum:
                return []
            self._start = max(voiced[0] - self._pre_roll, self._free)
            events.append(SpeechStarted(self._start))
        self._speech_end = voiced[-1] + 1
        if self._paused:
            self._paused = False
            events.append(SpeechResumed())
        return events + self._splits() + self._silence()

    def split(self, block: int) -> list[SegmentEvent]:
        """Somebody else speaks from this block on: the open utterance ends there, and theirs begins, unless
        one of them would be too short to be any."""
        if self._start is None or min(block - self._start, self._speech_end - block) < self._minimum:
            return []
        events: list[SegmentEvent] = [
            SpeechEnded(self._start, block, self._count - 1, "turn"),
            SpeechStarted(block),
        ]
        self._start = self._free = block
        self._paused = False
        return events + self._silence()

    def _speech(self) -> list[SegmentEvent]:
        events: list[SegmentEvent] = []
        if self._start is None:
            if self._candidate is None:
                self._candidate, self._spoken = self._count - 1, 0
            self._spoken += 1
            if self._spoken >= self._minimum:
                self._start = max(self._candidate - self._pre_roll, self._free)
                events.append(SpeechStarted(self._start))
        elif self._paused:
            self._paused = False
            events.append(SpeechResumed())
        self._speech_end = self._count
        return events + self._splits()

    def _silence(self) -> list[SegmentEvent]:
        """What the silence since the last speech, if there is any, means by now."""
        silence = self._count - self._speech_end
        if self._start is None:
            if self._candidate is not None and silence >= self._post_roll:
                self._candidate = None
            return []
        events: list[SegmentEvent] = []
        if silence >= self._post_roll and not self._paused:
            self._paused = True
            events.append(SpeechPaused(self._speech_end + self._post_roll))
        if silence >= self._hangover:
            self._free = self._speech_end + self._post_roll
            events.append(SpeechEnded(self._start, self._free, self._count - 1, "silence"))
            self._become_idle()
        return events

    def _splits(self) -> list[SegmentEvent]:
        """Split while the utterance is too long up to its last speech, for silence at the end may yet be cut
        off."""
        events: list[SegmentEvent] = []
        while self._start is not None and self._speech_end - self._start >= self._maximum:
            base = self._count - len(self._recent)
            later_half = range(self._start + self._maximum // 2, self._start + self._maximum)
            cut = min(later_half, key=lambda block: self._recent[block - base])
            events += [SpeechEnded(self._start, cut, self._count - 1, "maximum"), SpeechStarted(cut)]
            self._start = self._free = cut
        return events


def _newest_stretch(voiced: Sequence[int], hangover: int) -> Sequence[int]:
    """The last of them, without a gap as long as that."""
    gaps = [place for place in range(1, len(voiced)) if voiced[place] - voiced[place - 1] > hangover]
    return voiced[gaps[-1] :] if gaps else voiced


def _blocks(seconds: float) -> int:
    return math.ceil(round(seconds / BLOCK_SECONDS, 6))
