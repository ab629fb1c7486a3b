"""Voice activity on real speech, noise and silence; state per stream; one answer for 1,000 chunkings."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emotrack.errors import UserError
from emotrack.stream.hearing.audio import BLOCK_SECONDS, AudioBlock, BlockCutter
from emotrack.stream.hearing.segmentation import Segmenter, SegmentEvent, SpeechEnded
from emotrack.stream.hearing.vad import SileroVad
from emotrack.stream.settings import SegmentationSettings
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk
from helpers.media.speech import SpeechOverlap, blocks_of, demo_speech, read_sound, speech_overlap


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


def probabilities(vad: SileroVad, samples: np.ndarray) -> list[float]:
    stream = vad.stream()
    return [stream.probability(block.samples_16k) for block in blocks_of(samples)]


def events(heard: list[float]) -> list[SegmentEvent]:
    segmenter = Segmenter(SegmentationSettings())
    return [*(event for probability in heard for event in segmenter.step(probability)), *segmenter.flush()]


def utterances(heard: list[float]) -> list[tuple[float, float]]:
    """Start and end of each utterance in seconds."""
    ended = [event for event in events(heard) if isinstance(event, SpeechEnded)]
    return [(event.start * BLOCK_SECONDS, event.end * BLOCK_SECONDS) for event in ended]


def test_speech_is_told_from_silence_and_noise(vad: SileroVad) -> None:
    rng = np.random.default_rng(0)
    assert max(probabilities(vad, np.zeros(3 * AUDIO_RATE, np.float32))) < 0.2
    assert max(probabilities(vad, rng.normal(0, 0.05, 3 * AUDIO_RATE).astype(np.float32))) < 0.35
    spoken = demo_speech()[int(0.8 * AUDIO_RATE) : int(3.0 * AUDIO_RATE)]
    assert np.median(probabilities(vad, spoken)[5:]) > 0.8


def test_interleaved_streams_hear_what_each_hears_alone(vad: SileroVad) -> None:
    speech = demo_speech()
    sounds = [speech[: 3 * AUDIO_RATE], speech[5 * AUDIO_RATE : 8 * AUDIO_RATE]]
    streams = [vad.stream() for _ in sounds]
    together: list[list[float]] = [[], []]
    for pair in zip(*(blocks_of(sound) for sound in sounds), strict=True):
        for stream, block, heard in zip(streams, pair, together, strict=True):
            heard.append(stream.probability(block.samples_16k))
    assert together == [probabilities(vad, sound) for sound in sounds]


def test_reset_forgets_everything(vad: SileroVad) -> None:
    blocks = blocks_of(demo_speech()[: 2 * AUDIO_RATE])
    stream = vad.stream()
    first = [stream.probability(block.samples_16k) for block in blocks]
    stream.reset()
    assert [stream.probability(block.samples_16k) for block in blocks] == first


def test_only_whole_blocks_are_taken(vad: SileroVad) -> None:
    with pytest.raises(ValueError, match="512"):
        vad.stream().probability(np.zeros(1024, np.float32))


def test_1000_chunkings_give_one_set_of_events(vad: SileroVad) -> None:
    """Blocks are compared bit for bit each time; the network, a function of the blocks, runs anew on every
    fiftieth."""
    speech = demo_speech()[int(2.5 * AUDIO_RATE) : int(5.5 * AUDIO_RATE)]
    expected = blocks_of(speech)
    heard = probabilities(vad, speech)
    found = events(heard)
    assert any(isinstance(event, SpeechEnded) for event in found)
    rng = np.random.default_rng(7)
    for attempt in range(1_000):
        longest = int(rng.choice([500, 3_000, 20_000]))
        bounds = np.cumsum(rng.integers(1, longest, 2 * len(speech) // longest + 200))
        parts = np.split(speech, bounds[bounds < len(speech)])
        cutter = BlockCutter()
        blocks, at = [], 0
        for part in parts:
            blocks += cutter.push(AudioChunk(at / AUDIO_RATE, part))
            at += len(part)
        blocks += cutter.flush()
        assert len(blocks) == len(expected)
        for block, other in zip(blocks, expected, strict=True):
            assert isinstance(block, AudioBlock)
            assert (block.index, block.time) == (other.index, other.time)
            assert block.samples_16k.tobytes() == other.samples_16k.tobytes()
            assert block.samples_32k.tobytes() == other.samples_32k.tobytes()
        if attempt % 50 == 0:
            stream = vad.stream()
            again = [
                stream.probability(block.samples_16k) for block in blocks if isinstance(block, AudioBlock)
            ]
            assert again == heard
            assert events(again) == found


def test_a_missing_detector_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"silero-vad is not installed; pip install 'emotrack\[track\]'"):
        SileroVad()


def test_a_file_that_is_no_detector_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "speech.onnx").write_bytes(b"no graph")
    for name in ("speech.onnx", "gone.onnx"):
        with pytest.raises(
            UserError, match=rf"The speech detector .*{name} cannot be read \(.*\): name Silero's file\.$"
        ):
            SileroVad(tmp_path / name)


def test_listening_needs_no_torch() -> None:
    code = "import emotrack.stream.hearing.vad as v, sys; v.SileroVad(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


@pytest.mark.needs_data
def test_speech_of_a_phone_call_is_found(vad: SileroVad, reference_data: Path) -> None:
    clips = reference_data / "clips"
    heard = probabilities(vad, read_sound(clips / "phone_call_two_speakers.flac"))
    overlap = speech_overlap(clips / "phone_call_two_speakers.rttm", utterances(heard))
    assert overlap.missed < 0.5
    assert overlap.false_alarm < 1.5


def test_overlap_is_counted_in_seconds(tmp_path: Path) -> None:
    rttm = tmp_path / "two.rttm"
    rttm.write_text(
        "SPEAKER call 1 1.000 2.000 <NA> <NA> anna <NA> <NA>\n"
        "SPEAKER call 1 2.500 1.500 <NA> <NA> ben <NA> <NA>\n"
    )
    assert speech_overlap(rttm, [(0.5, 1.5), (2.0, 4.5)]) == SpeechOverlap(
        found=2.5, missed=0.5, false_alarm=1.0
    )
    assert speech_overlap(rttm, []) == SpeechOverlap(found=0.0, missed=3.0, false_alarm=0.0)
