"""The sound of an utterance, as the live path would hear it, or as an acted clip is made ready for training."""

import threading
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from emotrack.model.errors import UserError
from emotrack.model.formats import VOICE_RATE
from emotrack.stream.clock import SessionClock
from emotrack.stream.hearing.audio import AudioBlock, BlockCutter
from emotrack.stream.media import AUDIO_RATE, AudioChunk, MediumChange
from emotrack.training.corpora.ravdess import read_samples
from emotrack.training.corpora.records import Utterance
from emotrack.training.features.reading import LONGEST, TOO_LONG, Unreadable, open_medium, spoilt
from emotrack.training.speech import disturb, trim

Span = tuple[float, float | None]
"""Seconds of a file, to its end where that is None."""


def hear(path: Path, spans: Mapping[int, Span], rate: int) -> dict[int, np.ndarray | Unreadable]:
    """The sound of each span (by any number) of a file in the tracker's own blocks, float32 [n] at `rate` (16 or 32 kHz), or why
    there is none; all in one pass over the file."""
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
        failed |= {number: error for number in spans if number not in failed and not _is_over(spans[number], reached)}
    late = Unreadable("its sound ends before it begins")
    return {number: failed.get(number) or (np.concatenate(parts) if parts else late) for number, parts in heard.items()}


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


def hear_acted(utterance: Utterance, rate: int) -> np.ndarray:
    """An acted clip without the silence around it, float32 [n] at `rate`, disturbed where it is a copy; raises `Unreadable`.

    All is done at 16 kHz, the rate of the voice network's training. A copy is disturbed by its name and number alone.
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
