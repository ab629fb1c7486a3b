"""The sound of an utterance in a corpus' file, as the live path would hear it, or as an acted clip is made
ready for training."""

import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.signal import butter, fftconvolve, lfilter, resample_poly, sosfilt

from emotrack.engines.encoders.sound.segments import SegmentRule
from emotrack.errors import UserError
from emotrack.model.formats import VOICE_HOP, VOICE_RATE, VOICE_WINDOW
from emotrack.stream.hearing.audio import AudioBlock, BlockCutter
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.files.file import FileSource, probe_file
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk, Medium, MediumChange
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.training.corpora.ravdess import read_samples
from emotrack.training.corpora.records import LONGEST, CorpusUtterance

TOO_LONG = f"it is longer than {LONGEST:g} s, which no utterance is"


class Unreadable(Exception):
    """A clip that cannot be used, with the reason."""


def open_medium(path: Path, medium: Medium) -> FileSource:
    """The sound or the picture of a file, alone; raises `Unreadable` where it has none that can be
    decoded."""
    try:
        source = probe_file(f"file:{path}", name="clip", description=path.name, settings=SourceSettings())
    except UserError as error:
        raise Unreadable(str(error)) from None
    if medium not in source.media:
        raise Unreadable(f"it has no {medium}")
    return replace(source, media=frozenset({medium}))


def spoilt(change: MediumChange, medium: Medium) -> str | None:
    """Why a medium that has gone down did so before its end; None where nothing is wrong."""
    if change.medium != medium or change.state != "down" or change.reason == "end of file":
        return None
    return change.reason


BLOCK = 512
MARGIN = 5
"""Blocks kept before and after the speech, about what the tracker's pre-roll and post-roll keep."""

RULE = SegmentRule.seconds(VOICE_RATE, VOICE_WINDOW, VOICE_HOP)


def trim(samples: np.ndarray) -> np.ndarray:
    """The part of a clip with speech: from the first to the last block less than 35 dB below the loudest, and
    a margin.

    Raises `ValueError` where there is nothing to be heard.
    """
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    level = np.sqrt((blocks**2).mean(axis=1))
    loud = np.flatnonzero(level > level.max(initial=0.0) * 10 ** (-35 / 20))
    if not len(loud):
        raise ValueError("there is nothing to be heard in it")
    return samples[max(0, loud[0] - MARGIN) * BLOCK : (loud[-1] + 1 + MARGIN) * BLOCK]


def disturb(samples: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The clip as another room, microphone and speaker might give it: speed and pitch, start, colour, echo,
    noise, a telephone."""
    speed = random.uniform(0.88, 1.14)
    samples = np.interp(np.arange(0, len(samples) - 1, speed), np.arange(len(samples)), samples)
    shift = int(random.integers(-4_000, 4_001))
    samples = np.pad(samples, (shift, 0)) if shift > 0 else samples[-shift:]
    if random.random() < 0.5:
        samples = lfilter([1.0, random.uniform(-0.6, 0.6)], [1.0], samples)
    if random.random() < 0.4:
        decay = random.uniform(0.05, 0.4) * VOICE_RATE
        times = np.arange(1, int(decay))
        echo = random.normal(size=len(times)) * np.exp(-6.9 * times / decay)
        echo *= random.uniform(0.1, 0.8) / np.linalg.norm(echo)
        samples = fftconvolve(samples, np.concatenate([[1.0], echo]))[: len(samples)]
    if random.random() < 0.7:
        noise = random.normal(size=len(samples))
        if random.random() < 0.5:
            noise = lfilter([1.0], [1.0, -random.uniform(0.5, 0.98)], noise)
        loudness = np.sqrt((samples**2).mean()) * 10 ** (-random.uniform(5, 40) / 20)
        samples = samples + noise * loudness / np.sqrt((noise**2).mean())
    if random.random() < 0.2:
        samples = telephone(samples)
    return samples.astype(np.float32)


def telephone(samples: np.ndarray) -> np.ndarray:
    """What a telephone lets through: 300 to 3,400 Hz, in the 256 steps of the mu-law (ITU-T G.711) at 8
    kHz."""
    narrow = resample_poly(
        sosfilt(butter(4, (300, 3_400), "bandpass", fs=VOICE_RATE, output="sos"), samples), 1, 2
    )
    loudest = np.abs(narrow).max(initial=1e-9)
    steps = np.round(127 * np.sign(narrow) * np.log1p(255 * np.abs(narrow) / loudest) / np.log(256)) / 127
    decoded = np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255 * loudest
    found: np.ndarray = resample_poly(decoded, 2, 1)[: len(samples)]
    return found


Span = tuple[float, float | None]
"""Seconds of a file, to its end where that is None."""


def hear(path: Path, spans: Mapping[int, Span], rate: int) -> dict[int, np.ndarray | Unreadable]:
    """The sound of each span (by any number) of a file in the tracker's own blocks, float32 [n] at `rate` (16
    or 32 kHz), or why there is none; all in one pass over the file."""
    heard: dict[int, list[np.ndarray]] = {number: [] for number in spans}
    failed: dict[int, Unreadable] = {}
    reached = 0.0
    try:
        for block in _blocks(path):
            samples = block.samples_32k if rate == AUDIO_RATE else block.samples_16k
            for number in [number for number in spans if number not in failed]:
                start, end = spans[number]
                if (block.end if end is None else end) - start > LONGEST:
                    failed[number] = Unreadable(TOO_LONG)
                    continue
                first = max(0, round((start - block.time) * rate))
                last = len(samples) if end is None else round((end - block.time) * rate)
                if first < min(last, len(samples)):
                    heard[number].append(samples[first:last])
            reached = block.end
            if all(number in failed or _is_over(spans[number], reached) for number in spans):
                break
    except Unreadable as error:
        # Turns that were over before the file went wrong have been heard whole.
        failed |= {
            number: error for number in spans if number not in failed and not _is_over(spans[number], reached)
        }
    late = Unreadable("its sound ends before it begins")
    return {
        number: failed.get(number) or (np.concatenate(parts) if parts else late)
        for number, parts in heard.items()
    }


def _is_over(span: Span, time: float) -> bool:
    return span[1] is not None and span[1] <= time


def _blocks(path: Path) -> Iterator[AudioBlock]:
    """The blocks of a file's sound; raises `Unreadable` where they end before the file does."""
    cutter = BlockCutter()
    for item in open_medium(path, "audio").items(SessionClock(), threading.Event()):
        if isinstance(item, AudioChunk):
            yield from (one for one in cutter.push(item) if isinstance(one, AudioBlock))
        elif isinstance(item, MediumChange) and (reason := spoilt(item, "audio")):
            raise Unreadable(reason)
    yield from (one for one in cutter.flush() if isinstance(one, AudioBlock))


def hear_acted(utterance: CorpusUtterance, rate: int) -> np.ndarray:
    """An acted clip without the silence around it, float32 [n] at `rate`, disturbed where it is a copy;
    raises `Unreadable`.

    All is done at 16 kHz, the rate of the voice network's training. A copy is disturbed by its name and
    number alone.
    """
    assert utterance.sound is not None
    try:
        samples = trim(read_samples(utterance.sound))
    except (UserError, ValueError) as error:
        raise Unreadable(str(error)) from None
    if utterance.row.version:
        seed = (utterance.row.version, zlib.crc32(utterance.row.name.encode()))
        samples = disturb(samples, np.random.default_rng(seed))
    return samples if rate == VOICE_RATE else resample_poly(samples, rate // VOICE_RATE, 1).astype(np.float32)
