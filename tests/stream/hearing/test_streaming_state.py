"""Whatever listens goes on from a snapshot as if nothing had happened, and takes no snapshot that is not
whole."""

from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Any, Protocol

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.stream.hearing.audio import AudioBlock, BlockCutter, Discontinuity, MutedDetector
from emotrack.stream.hearing.description import AudioDescription
from emotrack.stream.hearing.segmentation import Segmenter
from emotrack.stream.hearing.vad import SileroVad
from emotrack.stream.hearing.windows import WindowSegmenter
from emotrack.stream.settings import SegmentationSettings
from emotrack.stream.sources.media import AudioChunk
from emotrack.stream.utterances.utterance import Utterance
from emotrack.streaming import Streaming
from helpers.media.speech import blocks_of, demo_speech

VAD = SileroVad()
SPEECH = blocks_of(demo_speech())[:400]


class Lengths:
    """An audio encoder whose vectors tell apart what they describe: mean, greatest and last sample."""

    rate, window, hop, dim = 16_000, 0.5, 0.25, 3

    def encode(self, segments: np.ndarray) -> np.ndarray:
        return np.stack([segments.mean(1), segments.max(1), segments[:, -1]], 1).astype(np.float32)


class Kind(Protocol):
    def __call__(self) -> tuple[Streaming, Callable[[int], Any]]: ...


def voice_activity() -> tuple[Streaming, Callable[[int], Any]]:
    stream = VAD.stream()
    return stream, lambda at: stream.probability(SPEECH[at].samples_16k)


def segmentation() -> tuple[Streaming, Callable[[int], Any]]:
    segmenter = Segmenter(SegmentationSettings(maximum=4.0))
    return segmenter, lambda at: segmenter.step(1.0 if at % 37 < 21 else 0.0)


def windows() -> tuple[Streaming, Callable[[int], Any]]:
    segmenter = WindowSegmenter(SegmentationSettings())
    return segmenter, lambda at: segmenter.step(at * 0.2, at % 50 < 33)


def sound() -> tuple[Streaming, Callable[[int], Any]]:
    description = AudioDescription(Lengths())

    def step(at: int) -> Any:
        description.extend(SPEECH[at])
        return description.finished().tolist()

    return description, step


def muting() -> tuple[Streaming, Callable[[int], Any]]:
    detector = MutedDetector()
    return detector, lambda at: (
        detector.step(SPEECH[at].samples_32k * (at % 90 < 30)),
        detector.peak,
        detector.muted,
    )


def cutting() -> tuple[Streaming, Callable[[int], Any]]:
    cutter = BlockCutter()

    def step(at: int) -> list[Any]:
        start = at * 0.05 + (3.0 if at > 60 else 0.0)
        samples = np.sin(np.arange(1600, dtype=np.float32) * (at + 1) / 50)
        return [plain(item) for item in cutter.push(AudioChunk(start, samples))]

    return cutter, step


def utterances() -> tuple[Streaming, Callable[[int], Any]]:
    utterance = Utterance(1, 0, 0.0)

    def step(at: int) -> tuple[Any, ...]:
        if at % 7 == 5:
            utterance.pause(len(utterance.blocks))
        elif at % 7 == 6:
            utterance.resume()
        utterance.take(SPEECH[at])
        return (
            utterance.heard_until,
            utterance.paused,
            utterance.resumptions,
            utterance.audio_16k.sum(),
            len(utterance.held),
        )

    return utterance, step


def plain(item: AudioBlock | Discontinuity) -> tuple[Any, ...]:
    return tuple(value.tolist() if isinstance(value, np.ndarray) else value for value in astuple(item))


def told(value: Any) -> Any:
    """A state by its values, to be compared."""
    if isinstance(value, dict):
        return {name: told(one) for name, one in value.items()}
    if isinstance(value, list):
        return [told(one) for one in value]
    return (value.dtype.str, value.shape, value.tolist()) if isinstance(value, np.ndarray) else value


KINDS: Sequence[Kind] = (voice_activity, segmentation, windows, sound, muting, cutting, utterances)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(before=st.integers(0, 150), after=st.integers(1, 60))
def test_what_is_restored_goes_on_identically(kind: Kind, before: int, after: int) -> None:
    (one, step), (other, again) = kind(), kind()
    for at in range(before):
        step(at)
    kept = one.snapshot()
    expected = [step(at) for at in range(before, before + after)]
    for at in range(20):  # it has a past of its own, which is forgotten
        again(at)
    other.restore(kept)
    assert [again(at) for at in range(before, before + after)] == expected


def test_a_block_that_is_being_filled_holds_nothing_but_sound() -> None:
    """What lies beyond the samples taken is written to disk with the rest: never what memory held before."""
    cutter = BlockCutter()
    for _ in range(2):
        left = [np.full(1024, np.nan, np.float32) for _ in range(64)]  # what the allocator hands out again
        del left
        cutter.push(AudioChunk(0.0, np.ones(1500, np.float32)))
        assert not cutter.snapshot()["filling"][500:].any()
        cutter.reset()


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_is_a_copy(kind: Kind) -> None:
    one, step = kind()
    for at in range(50):
        step(at)
    kept = one.snapshot()
    before = told(kept)
    for at in range(50, 90):
        step(at)
    assert told(kept) == before


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_reset_is_as_new(kind: Kind) -> None:
    (one, step), (_, fresh) = kind(), kind()
    for at in range(60):
        step(at)
    one.reset()
    if kind is utterances:  # how often it was given up is what tells early labels that they hold no more
        assert step(0)[:2] == fresh(0)[:2]
        return
    assert [step(at) for at in range(40)] == [fresh(at) for at in range(40)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_that_is_not_whole_is_refused_and_changes_nothing(kind: Kind) -> None:
    one, step = kind()
    for at in range(30):
        step(at)
    kept = one.snapshot()
    first = next(iter(kept))
    for wrong in ({name: value for name, value in kept.items() if name != first}, {**kept, "more": 1}):
        with pytest.raises(UserError, match=r"^The saved state of .* start a new session\.$"):
            one.restore(wrong)
    assert told(one.snapshot()) == told(kept)
