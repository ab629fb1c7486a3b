"""One feed as the loop knows it: what is heard and seen of it, and the utterances that open, pause and end
with that."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from emotrack.stream.hearing.audio import BLOCK_SECONDS, AudioBlock, AudioRing, MutedDetector
from emotrack.stream.hearing.segmentation import (
    Segmenter,
    SegmentEvent,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from emotrack.stream.hearing.vad import VadStream
from emotrack.stream.hearing.windows import WindowEvent, WindowSegmenter, WindowStarted
from emotrack.stream.seeing.sightings import Sighting, Sightings
from emotrack.stream.settings import SegmentationSettings
from emotrack.stream.sources.media import Medium
from emotrack.stream.utterances.summary import FeedSummary
from emotrack.stream.utterances.utterance import Utterance

BODY_MEMORY = 1.5
"""Seconds for which a body counts as still there: bodies are looked for in few frames."""
UNDETECTED = 30
"""Blocks in a row in which the speech detector may fail: a second, after which the feed is deaf until it
works."""
SOUND_PATIENCE = 1.5
"""Seconds without sound after which what is seen is labelled by itself."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An utterance has begun; it has taken in what was heard of it so far."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class Paused:
    """Speech may have ended: what was heard of the utterance so far may be all of it."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class Ended:
    """The utterance is over, and has its end and its endpoint."""

    utterance: Utterance


FeedEvent = Opened | Paused | Ended


class TrackedFeed:
    """The state of one source. Audio is cut by voice activity; while nobody speaks, sightings are cut by
    windows."""

    def __init__(
        self,
        index: int,
        name: str,
        vad: VadStream,
        settings: SegmentationSettings,
        numbers: Iterator[int],
        *,
        reconsidered: float = 0.0,
    ) -> None:
        """`numbers`: of utterances, shared by all feeds of a session; `reconsidered`: seconds for which
        speech may still be found in what was heard (see `hear_again`)."""
        self.index = index
        self.name = name
        self.dark = False
        """Whether its last picture shows nothing."""
        self.crowded = False
        """Whether there are more faces than are followed."""
        self.summary = FeedSummary.of(name, settings)
        self.speech = 0.0
        """Probability that somebody speaks in the newest block."""
        self.failure: Exception | None = None
        """What detecting speech failed with in the newest block."""
        self.faces_motionless = False
        """Whether all faces to be seen are pictures, since they do not move, and are not labelled."""
        self.sightings = Sightings()
        self.utterance: Utterance | None = None
        self.numbered = 0
        """The utterance that was numbered last."""
        self.window: Utterance | None = None
        """Over what is seen, once that has lasted long enough to be labelled wherever it ends."""
        self._vad = vad
        self._settings = settings
        self._numbers = numbers
        self._mute = MutedDetector()
        self._windows = WindowSegmenter(settings)
        self._time = 0.0
        self._sound_until = -math.inf
        self._muted_since = -math.inf
        self._broken_off_at = -math.inf
        self._reconsidered = reconsidered and reconsidered + settings.pre_roll
        self._watched_since: float | None = None
        self._watched_without_sound = False
        self._unheard: deque[tuple[float, bool, float | None]] = deque()
        """What was seen, when, in sound that may turn out to be speech: whether somebody was there, and since
        when."""
        self._undetected = 0
        self._spoken_until = -math.inf
        self._body_seen = -math.inf
        self._count_from(0)

    def _count_from(self, index: int) -> None:
        """The segmenter counts blocks from 0, which is the block `index`."""
        self._segmenter = Segmenter(self._settings)
        self._ring = AudioRing(self._segmenter.reach * BLOCK_SECONDS)
        self._first_index = self._next_index = index

    @property
    def muted(self) -> bool:
        """Whether the microphone gives digital silence."""
        return self._mute.muted

    @property
    def deaf(self) -> bool:
        """Whether speech cannot be detected, so that nobody counts as speaking."""
        return self._undetected > UNDETECTED

    @property
    def open_from(self) -> int | None:
        """The first block of the utterance that is open, if one is."""
        return None if self.utterance is None else self.utterance.blocks[0].index

    @property
    def paused(self) -> bool:
        """Whether an utterance is open that may have ended."""
        return self.utterance is not None and self.utterance.paused

    @property
    def level(self) -> float:
        """Peak of the newest block of sound, dBFS; minus infinity where there is none."""
        return 20 * math.log10(self._mute.peak) if self._mute.peak > 0 else -math.inf

    def audible(self, time: float) -> bool:
        """Whether there is sound at session time `time` in which somebody could be heard.

        Sound counts as there for a while after its last block: it may be late, or the picture of a file
        longer than its sound.
        """
        return time < self._muted_since if self.muted else time - self._sound_until < SOUND_PATIENCE

    def needs_sights(self, block: AudioBlock) -> bool:
        """Whether what was seen until this block must be taken in before it is heard: it was labelled as
        without sound."""
        waits = self._windows.is_open and self._watched_without_sound
        return waits or self.muted or block.time - self._sound_until > BLOCK_SECONDS

    def change(self, medium: Medium, time: float, *, up: bool) -> list[FeedEvent]:
        """A medium goes down or comes (back) up at session time `time`: what happens with that."""
        self._time = max(self._time, time)
        if medium == "video":
            self.sightings.video_up = up
            if up:
                return []
            self.faces_motionless |= (
                not self._windows.is_open and self._shows_nobody_who_moves() and not self.audible(time)
            )
            return self.close_window()
        if up:
            self._sound_until = time
            return [] if self.muted else self.close_window(time)
        self._mute.reset()
        return self.break_off(time)

    def hear(self, block: AudioBlock) -> tuple[bool, list[FeedEvent]]:
        """Take a block: whether `muted` changed with it, and what happened with it."""
        happened: list[FeedEvent] = []
        if block.index != self._next_index:  # blocks in between were given up
            happened += self.break_off(block.time)
            self._count_from(block.index)
        self._next_index = block.index + 1
        self._time = max(self._time, block.end)
        self._sound_until = block.end
        self._ring.append(block)
        changed = self._mute.step(block.samples_32k)
        if changed:
            self._muted_since = block.end
        if changed and not self.muted:
            happened += self.close_window(block.time - self._settings.pre_roll)
        elif not self.muted and self._windows.is_open and self._watched_without_sound:
            happened += self.close_window(block.time)
        if self.utterance is not None:
            self.utterance.take(block)
        self.speech = self._detect(block)
        self.summary.hear(self._mute.peak, self.speech)
        for event in self._segmenter.step(self.speech):
            happened += self._on_segment(event)
        if self.utterance is None:
            happened += self._watch(self._sure_until)
        return changed, happened

    def _detect(self, block: AudioBlock) -> float:
        """Probability that somebody speaks in a block; where the detector fails as in the one before, for a
        while, then none."""
        try:
            speech = self._vad.probability(block.samples_16k)
            if not 0 <= speech <= 1:
                raise ValueError("the speech detector gave what is no probability")
        except Exception as failure:  # noqa: BLE001 - told by the loop; what is seen is labelled still
            self._vad.reset()
            self._undetected += 1
            self.failure = failure
            return 0.0 if self.deaf else self.speech
        self._undetected, self.failure = 0, None
        return speech

    def hear_again(self, voiced: Sequence[int], turns: Sequence[int], time: float = 0.0) -> list[FeedEvent]:
        """Another ear's word on blocks that were heard already, by their indices: in which somebody speaks
        after all, and with which somebody else begins to; known since session time `time`."""
        self._time = max(self._time, time)
        events = self._segmenter.hear_again([index - self._first_index for index in voiced])
        happened = [one for event in events for one in self._on_segment(event)]
        for turn in turns:
            for event in self._segmenter.split(turn - self._first_index):
                happened += self._on_segment(event)
        return happened

    def see(self, sighting: Sighting, *, label: bool) -> list[FeedEvent]:
        """Take what was seen in a frame: what happens with it; `label`: whether what is seen may make
        labels."""
        self.sightings.add(sighting)
        self.summary.see(sighting)
        self.dark = sighting.dark
        if not sighting.dark:
            self.crowded = sighting.passed_over > 0
        since = sighting.person_since
        if since is not None:
            self.faces_motionless = False
            if sighting.bodies:
                self._body_seen = sighting.time
        if self.utterance is not None or not (label and self.sightings.video_up):
            self._watched_since = None
            return []
        if sighting.time < self._spoken_until:  # looked at late: an utterance has it
            return []
        occupied = since is not None or sighting.time - self._body_seen < BODY_MEMORY
        if sighting.faces and not occupied:
            self.faces_motionless |= all(face.observation.motionless for face in sighting.faces)
        without_sound = not self.audible(sighting.time)
        if self.muted and self._sure_until < self._muted_since:
            without_sound = False  # until it is known who spoke before
        happened: list[FeedEvent] = []
        if without_sound and not self._watched_without_sound and not self.muted:
            happened = self._leave_sound(sighting.time)
        self._watched_without_sound = without_sound
        self._unheard.append((sighting.time, occupied, since))
        return happened + self._watch(math.inf if without_sound else self._sure_until)

    @property
    def _sure_until(self) -> float:
        """Session time until which it is sure that nobody speaks."""
        undecided = max(self._segmenter.undecided * BLOCK_SECONDS, self._reconsidered)
        return max(self._sound_until - undecided, self._broken_off_at)

    def _leave_sound(self, time: float) -> list[FeedEvent]:
        """No sound comes any more, as is known since session time `time`: what may yet turn out to have been
        speech belongs to no window, neither the open one nor the next."""
        margin = self._settings.pre_roll + BLOCK_SECONDS  # which is undecided always
        if self._sure_until >= self._sound_until - margin:
            self._unheard.clear()
            return []
        self._time = max(self._time, time)
        happened = self.close_window(self._sure_until)
        end = self._sound_until + BLOCK_SECONDS  # the last block may lack its end
        self._watched_since = max(end, self._spoken_until)
        return happened

    def _watch(self, until: float) -> list[FeedEvent]:
        """Let windows have what was seen before this session time (seconds)."""
        happened: list[FeedEvent] = []
        while self._unheard and self._unheard[0][0] < until:
            moment, occupied, since = self._unheard.popleft()
            self._time = max(self._time, moment)
            if self._watched_since is None:
                self._watched_since = moment
            if self.window is not None:
                self.window.silence = self._why_silent()
            start = max(moment if since is None else since, self._watched_since)
            happened += [self._on_window(event) for event in self._windows.step(moment, occupied, start)]
        return happened

    def break_off(self, time: float) -> list[FeedEvent]:
        """The audio ends or breaks off at session time `time`: what is open of it ends."""
        self._time = max(self._time, time)
        happened = [one for event in self._segmenter.flush() for one in self._on_segment(event)]
        self._broken_off_at = self._sound_until
        self._vad.reset()
        return happened + self._watch(self._sound_until)

    def close_window(self, until: float = math.inf) -> list[FeedEvent]:
        """Nothing that is seen is labelled by itself from now on: an open window ends at its last frame, or
        `until` (seconds).

        One that was just opened is forgotten.
        """
        happened = [self._on_window(event) for event in self._windows.flush(until)]
        self._windows.reset()
        self._unheard.clear()
        self._watched_since = None
        return happened

    def end(self, time: float = 0.0) -> list[FeedEvent]:
        """The feed is over, as is known since session time `time`: what is open ends."""
        return self.break_off(max(self._time, time)) + self.close_window()

    def open_utterances(self) -> Iterator[Utterance]:
        """Those that have not ended."""
        yield from (utterance for utterance in (self.utterance, self.window) if utterance is not None)

    def _shows_nobody_who_moves(self) -> bool:
        """Whether the last thing seen was a face, or several, of which none is known to be a person's."""
        last = self.sightings.last
        return last is not None and bool(last.faces) and last.person_since is None

    def _on_segment(self, event: SegmentEvent) -> Iterator[FeedEvent]:
        if isinstance(event, SpeechStarted):
            blocks = self._ring.blocks(event.start + self._first_index, self._next_index)
            yield from self._watch(blocks[0].time)
            yield from self.close_window(blocks[0].time)
            self.utterance = self._open(blocks)
            yield Opened(self.utterance)
            return
        utterance = self.utterance
        assert utterance is not None
        match event:
            case SpeechPaused(end):
                utterance.pause(end + self._first_index - utterance.blocks[0].index)
                yield Paused(utterance)
            case SpeechResumed():
                utterance.resume()
            case SpeechEnded(start, end):
                self.utterance, self._spoken_until = None, self._time
                utterance.pause(end - start)  # which may lie in the past
                yield self._ended(utterance)

    def _open(self, blocks: Sequence[AudioBlock]) -> Utterance:
        """An utterance that has taken in `blocks`."""
        start = blocks[0].time
        self.summary.utterances += 1
        self.numbered = next(self._numbers)
        utterance = Utterance(self.numbered, self.index, start, last_partial=start)
        for block in blocks:
            utterance.take(block)
        return utterance

    def _on_window(self, event: WindowEvent) -> FeedEvent:
        if isinstance(event, WindowStarted):
            self.summary.utterances += 1
            self.numbered = next(self._numbers)
            self.window = Utterance(
                self.numbered,
                self.index,
                event.start,
                silence=self._why_silent(),
                last_partial=event.start,
            )
            return Opened(self.window)
        window, self.window = self.window, None
        assert window is not None
        window.heard_until = event.end
        return self._ended(window)

    def _why_silent(self) -> str:
        """Why what is seen is labelled by itself."""
        if self.muted:
            return "muted"
        return "no audio" if self._watched_without_sound or self.deaf else "no speech"

    def _ended(self, utterance: Utterance) -> Ended:
        utterance.end = utterance.heard_until
        utterance.endpoint = self._time
        return Ended(utterance)
