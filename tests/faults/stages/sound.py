"""What describes sound and finds speech fails, hangs or gives nonsense: labels go on without audio."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from faults.bench import Bench, spoken
from faults.breaking import Replaced, Struck, hanging, raising
from faults.matrix import Observation, fault
from faults.watching import Trial, present
from helpers.media.scripted import LoudnessVad, NumbersEncoder, Recogniser, Scripted, cheap

WORDS_TOO = "stream.modalities=[text,audio]"
COUNT = 5


def describing(bench: Bench, broken: Callable[..., Any], times: int | None, *, after: int = 2) -> Observation:
    """A session whose encoder of sound breaks after some calls."""
    trial = Trial()
    encoder = NumbersEncoder()
    struck = Struck(encoder.encode, broken, trial, after=after, times=times)
    encoders = replace(cheap(bench.workbench.encoders), audio=Replaced(encoder, encode=struck))
    source = Scripted("desk", spoken(COUNT))
    with bench.session([source], WORDS_TOO, encoders=encoders, recogniser=Recogniser(0.05), trial=trial):
        pass
    return trial.observe(COUNT, well=present("audio") if times is not None else None)


def _breaks(
    name: str,
    make: Callable[[Bench], Callable[..., Any]],
    *,
    times: int | None = None,
    short: bool = False,
    told: bool = True,
) -> None:
    def inject(bench: Bench) -> Observation:
        return describing(bench, make(bench), times)

    fault("sound", f"the encoder {name}", short=short, lasting=times is None, told=told)(inject)


def _slow(_: Bench) -> Callable[..., Any]:
    encoder = NumbersEncoder()

    def slow(segments: np.ndarray) -> np.ndarray:
        time.sleep(1.0)
        return encoder.encode(segments)

    return slow


_breaks("fails once", lambda _: raising, times=1)
_breaks("fails each time", lambda _: raising, short=True)
_breaks("hangs", hanging)
_breaks("takes a second each time", _slow, told=False)
_breaks("gives no numbers", lambda _: lambda segments: np.full((len(segments), 128), np.nan, np.float32))
_breaks(
    "gives infinite numbers", lambda _: lambda segments: np.full((len(segments), 128), np.inf, np.float32)
)
_breaks("gives vectors of another width", lambda _: lambda segments: np.zeros((len(segments), 3), np.float32))
_breaks("gives fewer vectors than segments", lambda _: lambda segments: np.zeros((0, 128), np.float32))
_breaks("gives nothing at all", lambda _: lambda segments: None)


def _detects(
    name: str, make: Callable[[Bench], Callable[..., Any]], *, times: int | None = None, told: bool = True
) -> None:
    """A fault of what finds speech, without which there are no utterances."""

    def inject(bench: Bench) -> Observation:
        trial = Trial()
        detector = LoudnessVad()
        struck = Struck(detector.probability, make(bench), trial, after=50, times=times)
        bench.patch.setattr(LoudnessVad, "stream", lambda _: Replaced(detector, probability=struck))
        with bench.session([Scripted("desk", spoken(COUNT))], trial=trial):
            pass
        return trial.observe(2 if times is None else COUNT - 1)

    fault("sound", f"the speech detector {name}", told=told)(inject)


_detects("fails once", lambda _: raising, times=1)
_detects("fails each time", lambda _: raising)
_detects("hangs", hanging)
_detects("gives no numbers", lambda _: lambda block: float("nan"))
_detects("takes everything for speech", lambda _: lambda block: 1.0, told=False)
