"""What Whisper hears in a short stretch of sound: words where there is speech, none elsewhere, and never more
than can be said."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer

from emotrack.demo.render import LINES
from emotrack.stream.sources.media import AUDIO_RATE
from emotrack.stream.transcription.whisper import decoding
from emotrack.stream.transcription.whisper.decoding import NOTHING, RATE, Decoded, Unwanted, decode
from emotrack.stream.transcription.whisper.model import WhisperOptions, load
from emotrack.stream.transcription.whisper.weights import find_weights
from helpers.media.sounds import wordless_sounds
from helpers.media.speech import blocks_of, demo_speech
from helpers.media.words import word_errors
from helpers.networks.whisper import build_tiny_whisper

pytestmark = pytest.mark.xdist_group("whisper")  # the models are loaded once


@pytest.fixture(scope="module")
def whisper() -> WhisperModel:
    """Whisper tiny.en."""
    return load(WhisperOptions(find_weights("tiny.en", download=False), "cpu", "auto", 1, 1)).model


@pytest.fixture(scope="module")
def babbler(tmp_path_factory: pytest.TempPathFactory) -> WhisperModel:
    """A model of many languages and random weights: it never stops, and believes none of its words."""
    weights = build_tiny_whisper(tmp_path_factory.getbasetemp() / "whisper")
    return load(WhisperOptions(weights, "cpu", "auto", 1, 1)).model


class Windows:
    """The lengths of the windows that a model encodes, in seconds."""

    def __init__(self, model: WhisperModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lengths: list[float] = []
        self._encode = model.encode
        monkeypatch.setattr(model, "encode", self)

    def __call__(self, features: np.ndarray) -> object:
        self.lengths.append(features.shape[-1] / 100)
        return self._encode(features)


def line(number: int) -> np.ndarray:
    """A line of the demonstration, float32 [n] at 16 kHz."""
    start = LINES[number].start
    return spoken(start - 0.2, start + 4.6)


def spoken(begin: float, end: float) -> np.ndarray:
    part = demo_speech()[round(begin * AUDIO_RATE) : round(end * AUDIO_RATE)]
    return np.concatenate([block.samples_16k for block in blocks_of(part)])


def heard(model: WhisperModel, sound: np.ndarray, language: str | None = None) -> Decoded:
    return decode(model, sound, language, wanted=lambda: True)


def test_speech_gives_its_words_from_the_short_window_alone(
    whisper: WhisperModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = Windows(whisper, monkeypatch)
    found = [heard(whisper, line(number)) for number in range(3)]
    assert word_errors([(LINES[number].words, each.text) for number, each in enumerate(found)]) <= 0.1
    assert [each.language for each in found] == ["en"] * 3
    assert all(0.5 < math.exp(each.log_probability / each.tokens) < 1 for each in found)
    assert windows.lengths == [decoding.WINDOW_SECONDS] * 3


@pytest.mark.parametrize("seconds", [1.0, 4.0])
def test_sounds_in_which_nobody_speaks_give_no_words(whisper: WhisperModel, seconds: float) -> None:
    sounds = wordless_sounds(seconds)
    assert len(sounds) == 10
    assert {name: heard(whisper, sound).text for name, sound in sounds.items()} == dict.fromkeys(sounds, "")


@pytest.mark.parametrize("samples", [0, 1, 399, RATE])
def test_nothing_is_heard_in_digital_silence_of_any_length(whisper: WhisperModel, samples: int) -> None:
    assert heard(whisper, np.zeros(samples, np.float32)) == NOTHING


@pytest.mark.parametrize("samples", [1, 7, 200, 401])
def test_a_sound_may_be_shorter_than_a_spectrum(whisper: WhisperModel, samples: int) -> None:
    assert heard(whisper, np.full(samples, 0.1, np.float32)).text == ""


def test_words_that_are_not_believed_are_looked_for_in_the_whole_window_and_left_out(
    babbler: WhisperModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = Windows(babbler, monkeypatch)
    assert heard(babbler, line(0)) == NOTHING
    assert windows.lengths == [10, 30]


def test_what_loops_is_not_believed_either(whisper: WhisperModel, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows(whisper, monkeypatch)
    monkeypatch.setattr(decoding, "is_loop", lambda text: len(windows.lengths) == 1)
    assert word_errors([(LINES[0].words, heard(whisper, line(0)).text)]) <= 0.1
    assert windows.lengths == [10, 30]


@pytest.mark.parametrize(("language", "a_second"), [("en", 12), ("hi", 30)])
@pytest.mark.parametrize("seconds", [1.0, 3.0])
def test_nobody_says_more_than_can_be_said(
    babbler: WhisperModel, language: str, a_second: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "NO_SPEECH", 1.0)
    monkeypatch.setattr(decoding, "_doubtful", lambda found: False)
    monkeypatch.setattr(Tokenizer, "decode", lambda self, tokens: "babble")  # its own may hold no letter
    found = heard(babbler, line(0)[: round(seconds * RATE)], language)
    assert 8 < found.tokens <= 8 + math.ceil(a_second * seconds) + 1
    assert found.language == language


def test_the_language_is_detected_by_a_model_of_many(
    babbler: WhisperModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "LEAST_LOG_PROBABILITY", -math.inf)
    assert heard(babbler, line(0)).language in babbler.supported_languages


@pytest.mark.parametrize("steps", [0, 1])
def test_what_nobody_waits_for_stops_at_its_next_step(
    whisper: WhisperModel, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = Windows(whisper, monkeypatch)
    wanted: Iterator[bool] = iter([True] * steps + [False])
    with pytest.raises(Unwanted):
        decode(whisper, line(0), None, wanted=lambda: next(wanted))
    assert len(windows.lengths) == steps
