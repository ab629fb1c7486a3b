"""Simulated sources: sound that is loud where somebody speaks, pictures that say who is to be seen, and
connections that are lost and made again by the code that does so for real ones."""

import heapq
import threading
from collections.abc import Iterator
from functools import cache
from random import Random

import numpy as np

from emotrack.errors import UserError
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.live import Lost, kept_up
from emotrack.stream.sources.media import (
    AUDIO_RATE,
    AudioChunk,
    MediaItem,
    Medium,
    MediumChange,
    VideoFrame,
    due,
)
from emotrack.stream.sources.timing.clock import SessionClock
from simulation.machine import Machine
from simulation.plan import PICTURES, FeedPlan, Picture, Sound

LEVELS: dict[Sound, float] = {"speech": 0.5, "quiet": 0.01, "muted": 0.0}
LOUD = 0.25
"""What a simulated speech detector takes for speech."""


class SimulatedSource:
    """A source of a plan."""

    def __init__(self, plan: FeedPlan, seed: int, settings: SourceSettings, machine: Machine) -> None:
        self.name, self.description, self.live = plan.name, f"simulated {plan.name}", plan.live
        self._plan = plan
        self._settings = settings
        self._machine = machine
        self._random = Random(f"source {plan.name} {seed}")
        self._outages = list(plan.outages)
        self._refusals = 0
        self._begun = False
        self._items: Iterator[MediaItem] = iter(())

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        self._items = _scheduled(self._plan)
        if not self.live:
            yield from self._file(stop)
            return
        yield from kept_up(
            self._connect, lambda _: self._read(clock, stop), self._media, self._settings, clock, stop
        )

    @property
    def _media(self) -> frozenset[Medium]:
        media: set[Medium] = set()
        if self._plan.sounds:
            media.add("audio")
        if self._plan.pictures:
            media.add("video")
        return frozenset(media)

    def _file(self, stop: threading.Event) -> Iterator[MediaItem]:
        for medium in sorted(self._media):
            yield MediumChange(0.0, medium, "up", "start")
        for item in self._items:
            if stop.is_set():
                return
            if self._fails_before(due(item)):
                raise self._failure
            if self._plan.late:
                self._machine.sleep(self._random.uniform(0.0, self._plan.late))
            yield item

    def _connect(self) -> None:
        if self._refusals:
            self._refusals -= 1
            raise UserError(f"{self.name} does not answer.")

    def _read(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """What is captured from now on, as long as the connection lasts."""
        now = clock.now()
        for medium in sorted(self._media):
            yield MediumChange(now, medium, "up", "connected")
        for item in self._items:
            moment = due(item)
            if moment < now:
                continue
            wait = moment + self._random.uniform(0.0, self._plan.late) - clock.now()
            if stop.wait(max(0.0, wait)):
                return
            if self._fails_before(moment):
                raise self._failure  # which `kept_up` takes for one more loss, as it does a driver's
            if self._outages and self._outages[0].at <= moment:
                self._refusals = self._outages.pop(0).tries
                raise Lost("nothing came any more")
            yield item

    def _fails_before(self, moment: float) -> bool:
        return self._plan.fails_at is not None and self._plan.fails_at <= moment and not self._begun

    @property
    def _failure(self) -> Exception:
        self._begun = True
        return UserError("the disc is scratched.") if self._plan.fails_known else RuntimeError("demux")


def _scheduled(plan: FeedPlan) -> Iterator[MediaItem]:
    return heapq.merge(_sound(plan), _frames(plan), key=due)


def _sound(plan: FeedPlan) -> Iterator[AudioChunk]:
    begin = 0
    for seconds, what in plan.sounds:
        end = begin + round(seconds * AUDIO_RATE)
        size = round(plan.chunk * AUDIO_RATE)
        for first in range(begin, end, size) if what != "gap" else ():
            yield AudioChunk(first / AUDIO_RATE, _level(what)[: min(size, end - first)])
        begin = end


@cache
def _level(what: Sound) -> np.ndarray:
    return np.full(AUDIO_RATE, LEVELS[what], np.float32)


def _frames(plan: FeedPlan) -> Iterator[VideoFrame]:
    begin = 0.0
    frame = 0
    for seconds, what in plan.pictures:
        begin += seconds
        while frame / plan.frame_rate < begin:
            yield VideoFrame(frame / plan.frame_rate, picture(what))
            frame += 1


@cache
def picture(what: Picture) -> np.ndarray:
    """A picture, uint8 [8, 8, 3], whose first number says what is to be seen; a dark one has no contrast."""
    image = np.zeros((8, 8, 3), np.uint8)
    if what != "dark":
        image[4:] = 200
        image[0, 0] = PICTURES.index(what)
    return image


def shown(image: np.ndarray) -> Picture:
    """What is to be seen in it."""
    return PICTURES[int(image[0, 0, 0])]
