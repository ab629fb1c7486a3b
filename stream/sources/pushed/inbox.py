"""What was given waits here, bounded, until the session's reader of the source takes and stamps it."""

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import av

from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.decoding.audio_track import AudioTrack
from emotrack.stream.sources.decoding.decode import VideoTrack
from emotrack.stream.sources.media import MEDIA, MediaItem, Medium, MediumChange, VideoFrame, begin, due
from emotrack.stream.sources.pushed.stamping import Given, SenderClock
from emotrack.stream.sources.timing.arrival import BURST
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.sources.timing.delivery import LIVE, WORD_BYTES, Delivery, Traits

POLL = 0.05
"""Seconds after which a reader looks whether it is to end."""
SILENT = 4.0
"""Seconds after which a medium of which nothing is given is down."""
STAMP_JITTER = 0.06
"""Seconds that stamps may wander from the count of samples, see `AudioTrack`."""


@dataclass(frozen=True, slots=True)
class Word:
    """What is said of a medium, in its place among what is given of it."""

    medium: Medium
    state: Literal["up", "degraded", "down"]
    reason: str
    arrived_ns: int


Item = Given | Word


def _size(item: Item) -> int:
    if isinstance(item, Word):
        return WORD_BYTES + len(item.reason)
    if isinstance(item.frame, av.AudioFrame):
        return item.frame.samples * item.frame.layout.nb_channels * item.frame.format.bytes
    return sum(plane.buffer_size for plane in item.frame.planes)


def _gap(lost: Sequence[Item]) -> list[Item]:
    sound = [item for item in lost if isinstance(item, Given)]
    seconds = sum(item.seconds for item in sound)
    reason = f"{seconds:.1f} s of audio were dropped, since they were not processed in time"
    return [
        Word("audio", "degraded", reason, sound[0].arrived_ns),
        Word("audio", "up", "nothing waits any more", sound[-1].arrived_ns),
    ]


TRAITS: Traits[Item] = Traits(
    medium=lambda item: item.medium,
    time=lambda item: item.arrived_ns / 1e9,
    seconds=lambda item: item.seconds if isinstance(item, Given) else 0.0,
    size=_size,
    word=lambda item: item.state if isinstance(item, Word) else None,
    sheddable=lambda item: isinstance(item, Given),
    gap=_gap,
)


class Inbox:
    """Between whoever gives, on any thread, and one reader. Sound over a minute is cut and told as a gap; of
    pictures only the newest waits. What comes before there is a reader is nobody's."""

    def __init__(self, settings: SourceSettings, *, one_clock: bool) -> None:
        """`one_clock`: the stamps of sound and pictures are on the same clock."""
        self._settings = settings
        self._one_clock = one_clock
        self._delivery: Delivery[Item] | None = None
        self._ended = False
        self._lock = threading.Lock()

    def put(self, item: Item) -> None:
        """Take it, and never wait."""
        delivery = self._delivery
        if delivery is not None:
            delivery.put(0, item)

    def end(self) -> None:
        """Nothing comes any more."""
        with self._lock:
            self._ended = True
            if self._delivery is not None:
                self._delivery.close(0)

    def items(
        self, clock: SessionClock, stop: threading.Event, waiting: str | None = None
    ) -> Generator[MediaItem, None, None]:
        """Everything that comes from now on, stamped; ends with `end`, or at `stop`. Both media are told down
        first, where `waiting` says what is waited for."""
        delivery: Delivery[Item] = Delivery(LIVE, TRAITS, feeds=1)
        with self._lock:
            if self._delivery is not None:
                raise RuntimeError("what is pushed can be read only once")
            if self._ended:
                delivery.close(0)
            self._delivery = delivery
        reading = _Reading(self._settings, clock, one_clock=self._one_clock)
        try:
            if waiting is not None:
                for medium in MEDIA:
                    yield MediumChange(reading.joined, medium, "down", waiting)
            while not stop.is_set():
                arrival = delivery.get(POLL)
                items = [] if arrival is None else reading.take(arrival.item)
                for item in (*items, *reading.look()):
                    # As network streams: what came all at once is not given before it happens.
                    if stop.wait(max(0.0, due(item) - clock.now() - BURST)):
                        return
                    yield item
                if arrival is None and delivery.finished():
                    yield from reading.end("nothing more is given")
                    return
        finally:
            delivery.abandon()


class _Reading:
    """The state of the one who reads: what is up, and whose clock says what."""

    def __init__(self, settings: SourceSettings, clock: SessionClock, *, one_clock: bool) -> None:
        self.joined = clock.now()
        self._settings = settings
        self._session = clock
        self._one_clock = one_clock
        self._senders: dict[str, SenderClock] = {}
        self._newest: dict[Medium, float] = {}
        """Of each medium that is up, the monotonic second at which something of it was taken last."""
        self._reached = {medium: self.joined for medium in MEDIA}
        self._sound = AudioTrack(STAMP_JITTER)
        self._pictures = VideoTrack(settings)

    def take(self, item: Item) -> list[MediaItem]:
        """What the next that was given makes."""
        if isinstance(item, Word):
            return list(self._told(item))
        arrived = self._session.at(item.arrived_ns)
        captured = arrived - item.seconds
        ready: list[tuple[Given, float]]
        if item.stamp is None and item.medium == "video":
            ready = [(item, arrived)]
        else:
            ready = self._senders.setdefault(self._name(item), SenderClock()).push(item, captured)
        return [*self._up(item, captured), *self._given(ready)]

    def look(self) -> list[MediaItem]:
        """What has become of things while time went by."""
        now = self._session.now()
        found: list[MediaItem] = []
        for sender in self._senders.values():
            found += self._given(sender.settle(now))
        for medium, newest in list(self._newest.items()):
            if time.monotonic() - newest > SILENT:
                found += self._down(medium, f"nothing was given for {SILENT:g} s")
        return found

    def end(self, reason: str) -> Iterator[MediaItem]:
        """The rest, and that what is up is down."""
        for medium in list(self._newest):
            yield from self._down(medium, reason)

    def _name(self, item: Given) -> str:
        """Of the clock that an item's stamp is on."""
        return "count" if item.stamp is None else "giver" if self._one_clock else item.medium

    def _told(self, word: Word) -> Iterator[MediaItem]:
        if word.state == "down":
            if word.medium in self._newest:
                yield from self._down(word.medium, word.reason)
        else:
            yield MediumChange(self._reached[word.medium], word.medium, word.state, word.reason)

    def _up(self, item: Given, captured: float) -> Iterator[MediaItem]:
        if item.medium not in self._newest:
            yield MediumChange(max(self._reached[item.medium], captured), item.medium, "up", "given")
        self._newest[item.medium] = time.monotonic()

    def _down(self, medium: Medium, reason: str) -> Iterator[MediaItem]:
        """All that is held, and that nothing more comes; whoever comes next may have another clock."""
        for sender in self._senders.values():
            yield from self._given(sender.settle(0.0, at_once=True))
        if medium == "audio":
            yield from self._kept(self._sound.flush())
        self._newest.pop(medium, None)
        over = {"audio": ["count", "audio"], "video": ["video"]}[medium]
        for name in [*over, *([] if self._newest else ["giver"])]:
            self._senders.pop(name, None)
        yield MediumChange(max(self._reached[medium], self._session.now()), medium, "down", reason)

    def _given(self, ready: Sequence[tuple[Given, float]]) -> Iterator[MediaItem]:
        for given, moment in ready:
            if isinstance(given.frame, av.AudioFrame):
                yield from self._kept(self._sound.push(given.frame, moment))
            elif (picture := self._pictures.push(given.frame, moment)) is not None:
                yield from self._kept([picture])

    def _kept(self, items: "Iterator[MediaItem] | Sequence[MediaItem]") -> Iterator[MediaItem]:
        """Those that are of this session."""
        for item in items:
            if begin(item) >= self.joined:
                medium: Medium = "video" if isinstance(item, VideoFrame) else "audio"
                self._reached[medium] = max(self._reached[medium], due(item))
                yield item
