"""What is seen of utterances: their speakers' faces and bodies, found, followed and described by the
tracker's own eyes.

Utterances of one file are watched in one pass over it, each by eyes of its own, for turns may overlap.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotrack.engines.open import Encoders
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.settings import VisionSettings
from emotrack.stream.sources.media import MediumChange, VideoFrame
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.utterances.appearance import look_at
from emotrack.training.corpora.records import LONGEST, Picture
from emotrack.training.features.sound import TOO_LONG, Unreadable, open_medium, spoilt
from emotrack.training.features.store import Tokens


@dataclass(frozen=True, slots=True)
class Eyes:
    """What looks at pictures, and how often."""

    encoders: Encoders
    settings: VisionSettings


def watch(path: Path, pictures: Mapping[int, Picture], eyes: Eyes) -> dict[int, Tokens | Unreadable]:
    """Face and body tokens of each utterance (by any number) of the file `path`, or why there are none."""
    seen: dict[int, Tokens | Unreadable] = {}
    waiting = sorted(pictures, key=lambda number: pictures[number].start)
    watching: dict[int, Vision] = {}
    try:
        for frame in _frames(path):
            while waiting and pictures[waiting[0]].start <= frame.time:
                watching[waiting.pop(0)] = _start(eyes)
            for number in list(watching):
                end = pictures[number].end
                if end is not None and frame.time >= end:
                    seen[number] = _finish(watching.pop(number))
                else:
                    _show(watching[number], frame, pictures[number])
            if not waiting and not watching:
                break
        for number in list(watching):
            seen[number] = _finish(watching.pop(number))
    except Unreadable as error:
        # Turns that were over before the file went wrong have been seen whole.
        return {number: seen.get(number, error) for number in pictures}
    finally:
        for vision in watching.values():
            vision.close()
    late = Unreadable("its video ends before it begins")
    return {number: seen.get(number, late) for number in pictures}


def _frames(path: Path) -> Iterator[VideoFrame]:
    """The frames of a file as the tracker takes them; raises `Unreadable` where they end before the file
    does."""
    for item in open_medium(path, "video").items(SessionClock(), threading.Event()):
        if isinstance(item, MediumChange) and (reason := spoilt(item, "video")):
            raise Unreadable(reason)
        if isinstance(item, VideoFrame):
            yield item


def _start(eyes: Eyes) -> Vision:
    vision = Vision(1, eyes.encoders, eyes.settings, ordered=True)
    vision.start()
    return vision


def _show(vision: Vision, frame: VideoFrame, picture: Picture) -> None:
    if picture.end is None and frame.time > LONGEST:
        raise Unreadable(TOO_LONG)
    if vision.wants(0, frame.time):
        vision.offer(0, VideoFrame(frame.time, half_of(frame.image, picture)))


def half_of(image: np.ndarray, picture: Picture) -> np.ndarray:
    """The part of a frame in which the speaker is."""
    middle = image.shape[1] // 2
    if picture.half is None:
        return image
    return np.ascontiguousarray(image[:, :middle] if picture.half == "left" else image[:, middle:])


def _finish(vision: Vision) -> Tokens:
    """Wait until every frame has been looked at, and take what the live path would take of it."""
    try:
        vision.wait_for(0, float("inf"))
        sightings = vision.collect()
        for failure in (one for sighting in sightings for one in sighting.failed.values()):
            raise failure  # a corpus is described whole, or not at all
        _, faces, bodies = look_at(sightings, None, "no frame")
    finally:
        vision.close()
    found: Tokens = {}
    if faces.tokens is not None and faces.tokens.shape[1]:
        found["face"] = faces.tokens
    if bodies.tokens is not None:
        found["body"] = bodies.tokens
    return found
