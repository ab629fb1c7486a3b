"""What finds and reads faces fails, hangs or gives nonsense: labels go on without faces."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from emotrack.engines.encoders.face.detection import DetectedFace
from emotrack.engines.encoders.face.expression import FaceReadings
from emotrack.stream.sources.media import MediaItem, VideoFrame
from faults.bench import Bench, talk
from faults.breaking import Replaced, Struck, hanging, raising
from faults.matrix import Observation, fault
from faults.watching import Trial, is_final, present
from helpers.media.scripted import NumbersEncoder, Scripted, by_time, people, up

MODALITIES = "stream.modalities=[audio,face]"
SECONDS = 6.3
STRIKES = 1.6
"""Seconds of stream time."""


def looking(seconds: float = SECONDS) -> list[MediaItem]:
    """Seven utterances by people who are seen."""
    return by_time(up("audio", "video"), talk(7), people(seconds))


def seeing(
    bench: Bench, part: str, function: str, broken: Callable[..., Any], times: int | None
) -> Observation:
    """A session in which a function of the face detector or the face network breaks after some calls."""
    trial = Trial()
    encoders = replace(bench.workbench.encoders, audio=NumbersEncoder())
    whole = getattr(encoders, part)
    struck = Struck(getattr(whole, function), broken, trial, after=4, times=times)
    changed: dict[str, Any] = {part: Replaced(whole, **{function: struck})}
    encoders = replace(encoders, **changed)
    source = Scripted("desk", looking())
    with bench.session([source], MODALITIES, encoders=encoders, trial=trial):
        pass
    back = present("face") if times is not None else None
    return trial.observe(7, well=back)


def _breaks(
    name: str,
    part: str,
    function: str,
    make: Callable[[Bench], Callable[..., Any]],
    *,
    times: int | None = None,
    short: bool = False,
    told: bool = True,
) -> None:
    def inject(bench: Bench) -> Observation:
        return seeing(bench, part, function, make(bench), times)

    fault("vision", name, short=short, lasting=times is None, told=told)(inject)


def _slow(bench: Bench) -> Callable[..., Any]:
    detector = bench.workbench.encoders.face_detector
    assert detector is not None

    def slow(*given: Any) -> Any:
        time.sleep(1.0)
        return detector.detect(*given)

    return slow


def _nowhere(_: Bench) -> Callable[..., Any]:
    face = DetectedFace(np.full(4, np.nan, np.float32), 1.0, np.full((5, 2), np.nan, np.float32))
    return lambda *_: [face]


def _far(_: Bench) -> Callable[..., Any]:
    face = DetectedFace(np.array([1e9, 1e9, 2e9, 2e9], np.float32), 1.0, np.full((5, 2), 1e9, np.float32))
    return lambda *_: [face]


def _numberless(_: Bench) -> Callable[..., Any]:
    def read(crops: np.ndarray) -> FaceReadings:
        found = FaceReadings.none(len(crops))
        return FaceReadings(np.full((len(crops), 128), np.nan, np.float32), found.logits)

    return read


def _short(_: Bench) -> Callable[..., Any]:
    def read(crops: Sequence[np.ndarray]) -> FaceReadings:
        return FaceReadings(np.zeros((len(crops), 3), np.float32), FaceReadings.none(len(crops)).logits)

    return read


_breaks("the detector fails once", "face_detector", "detect", lambda _: raising, times=1)
_breaks("the detector fails each time", "face_detector", "detect", lambda _: raising, short=True)
_breaks("the detector hangs", "face_detector", "detect", hanging)
_breaks("the detector takes a second a picture", "face_detector", "detect", _slow, told=False)
_breaks("the detector finds a face at no place", "face_detector", "detect", _nowhere)
_breaks("the detector finds a face far outside", "face_detector", "detect", _far)
_breaks("the detector gives nothing at all", "face_detector", "detect", lambda _: lambda *_: None)
_breaks("following faces fails once", "face_detector", "follow", lambda _: raising, times=1)
_breaks("the face network fails once", "face", "read", lambda _: raising, times=1)
_breaks("the face network fails each time", "face", "read", lambda _: raising)
_breaks("the face network hangs", "face", "read", hanging)
_breaks("the face network gives no numbers", "face", "read", _numberless)
_breaks("the face network gives vectors of another width", "face", "read", _short)


@fault("vision", "pictures change their size with each frame", told=False)
def resizing(bench: Bench) -> Observation:
    trial = Trial()

    def items() -> list[MediaItem]:
        found: list[MediaItem] = []
        for item in looking():
            if isinstance(item, VideoFrame) and item.time > STRIKES:
                step = 2 + int(item.time * 5) % 3
                item = VideoFrame(item.time, np.ascontiguousarray(item.image[::step, ::step]))
            found.append(item)
        return found

    encoders = replace(bench.workbench.encoders, audio=NumbersEncoder())
    with bench.session([Scripted("desk", items())], MODALITIES, encoders=encoders, trial=trial):
        trial.wait_for(is_final)
        trial.strike()
    return trial.observe(7)


@fault("vision", "pictures of one pixel", told=False)
def one_pixel(bench: Bench) -> Observation:
    trial = Trial()
    dots = [VideoFrame(number / 10, np.full((1, 1, 3), number, np.uint8)) for number in range(60)]
    encoders = replace(bench.workbench.encoders, audio=NumbersEncoder())
    source = Scripted("desk", by_time(up("audio", "video"), talk(7), dots))
    trial.strike()
    with bench.session([source], MODALITIES, encoders=encoders, trial=trial):
        pass
    return trial.observe(7)
