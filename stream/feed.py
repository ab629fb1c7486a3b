"""One feed as the loop knows it: what is heard and seen of it, and the utterances that open, pause and end with that."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from emotrack.stream.audio import AudioBlock, AudioRing
from emotrack.stream.description import AudioDescription
from emotrack.stream.muted import MutedDetector
from emotrack.stream.segmentation import (
    SegmentationSettings,
    Segmenter,
    SegmentEvent,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from emotrack.stream.transcription.transcript import TranscriptionStream
from emotrack.stream.utterance import Utterance
from emotrack.stream.vad import VadStream
from emotrack.stream.vision import Sighting
from emotrack.stream.windows import WindowEnded, WindowEvent, WindowSegmenter, WindowStarted

SIGHTINGS = 700
"""Sightings kept a feed: over two minutes at five a second, more than any utterance lasts."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a feed needs from the session to open utterances."""

    number: Callable[[], int]
    """The next utterance's number."""
    describe: Callable[[], AudioDescription | None]
    transcribe: Callable[[], TranscriptionStream | None]


class Feed:
    """The state of one source. Audio is cut by voice activity; without audible audio, sightings are cut by windows."""

    def __init__(self, index: int, name: str, vad: VadStream, settings: SegmentationSettings, tools: Tools) -> None:
        self.index = index
        self.name = name
        self.audio_up = False
        self.video_up = False
        self.dark = False
        self.sightings: deque[Sighting] = deque(maxlen=SIGHTINGS)
        self.utterance: Utterance | None = None
        self.window: Utterance | None = None
        self.ring = AudioRing()
        self._vad = vad
        self._settings = settings
        self._tools = tools
        self._mute = MutedDetector()
        self._segmenter = Segmenter(settings)
        self._windows = WindowSegmenter(settings)
        self._time = 0.0
        self._first_index = 0
        self._next_index = 0

    @property
    def muted(self) -> bool:
        return self._mute.muted

    @property
    def audible(self) -> bool:
        """Whether utterances come from voice activity; else they are windows over what is seen."""
        return self.audio_up and not self._mute.muted

    def hear(self, block: AudioBlock) -> tuple[bool, list[Utterance]]:
        """Take a block: whether `muted` changed with it, and the utterances that ended with it."""
        ended: list[Utterance] = []
        if block.index != self._next_index:
            ended += self.break_off(block.time)
            self._segmenter, self._first_index = Segmenter(self._settings), block.index
            self.ring = AudioRing()
        self._next_index = block.index + 1
        self._time = block.end
        self.ring.append(block)
        muted_before = self._mute.muted
        changed = self._mute.step(block.samples_32k)
        if muted_before and changed:
            ended += self._close_window()
        if self.utterance is not None:
            self.utterance.take(block)
        events = self._segmenter.step(self._vad.probability(block.samples_16k))
        ended += [done for event in events if (done := self._on_segment(event)) is not None]
        return changed, ended

    def see(self, sighting: Sighting, *, label: bool) -> list[Utterance]:
        """Take what was seen in a frame: the windows that ended with it; `label`: whether what is seen may make labels."""
        self.sightings.append(sighting)
        if self.audible or not label:
            return []
        self._time = max(self._time, sighting.time)
        events = self._windows.step(sighting.time, bool(sighting.faces or sighting.bodies))
        return [done for event in events if (done := self._on_window(event)) is not None]

    def seen_between(self, start: float, end: float) -> list[Sighting]:
        """The sightings of frames captured from `start` to `end` (session seconds, inclusive)."""
        return [sighting for sighting in self.sightings if start <= sighting.time <= end]

    def break_off(self, time: float) -> list[Utterance]:
        """The audio ends or breaks off at session time `time`: what is open ends."""
        self._time = max(self._time, time)
        ended = [done for event in self._segmenter.flush() if (done := self._on_segment(event)) is not None]
        self._vad.reset()
        return ended

    def end(self) -> list[Utterance]:
        """The feed is over: what is open ends."""
        return self.break_off(self._time) + self._close_window()

    def open_utterances(self) -> Iterator[Utterance]:
        """Those that have not ended."""
        yield from (utterance for utterance in (self.utterance, self.window) if utterance is not None)

    def _on_segment(self, event: SegmentEvent) -> Utterance | None:
        match event:
            case SpeechStarted(start):
                first = start + self._first_index
                self.utterance = self._hear_again(self._tools.number(), first, self._next_index)
            case SpeechPaused():
                assert self.utterance is not None
                self.utterance.pause()
            case SpeechResumed():
                assert self.utterance is not None
                self.utterance.resume()
            case SpeechEnded():
                return self._end_utterance(event.start + self._first_index, event.end + self._first_index)
        return None

    def _hear_again(self, number: int, first: int, end: int) -> Utterance:
        """An utterance that has taken in the blocks `first` to `end` (exclusive)."""
        blocks = self.ring.blocks(first, end)
        utterance = Utterance(
            number=number,
            feed=self.index,
            start=blocks[0].time,
            start_block=first,
            description=self._tools.describe(),
            transcription=self._tools.transcribe(),
            last_partial=blocks[0].time,
        )
        for block in blocks:
            utterance.take(block)
        return utterance

    def _end_utterance(self, first: int, end: int) -> Utterance:
        utterance, self.utterance = self.utterance, None
        assert utterance is not None
        until = self.ring.span(first, end)[1]
        if not utterance.paused:
            if utterance.heard_until != until:  # split in the past, or the feed ended within the post-roll
                utterance.close()
                again = self._hear_again(utterance.number, first, end)
                again.revision = utterance.revision
                utterance = again
            utterance.pause()
        return self._ended(utterance, until)

    def _on_window(self, event: WindowEvent) -> Utterance | None:
        match event:
            case WindowStarted(start):
                why = "muted" if self.muted else "no audio"
                self.window = Utterance(self._tools.number(), self.index, start, silence=why, last_partial=start)
            case WindowEnded(_, end):
                window, self.window = self.window, None
                assert window is not None
                window.heard_until = end
                return self._ended(window, end)
        return None

    def _close_window(self) -> list[Utterance]:
        ended = [done for event in self._windows.flush() if (done := self._on_window(event)) is not None]
        self._windows = WindowSegmenter(self._settings)
        return ended

    def _ended(self, utterance: Utterance, end: float) -> Utterance:
        utterance.end = end
        utterance.endpoint = self._time
        return utterance
