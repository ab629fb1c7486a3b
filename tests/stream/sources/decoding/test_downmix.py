"""Of several channels one is made in which nothing cancels out, however they are cut into pieces."""

import numpy as np
import pytest

from emotrack.stream.sources.decoding.audio_track import WINDOW, Downmix
from emotrack.stream.sources.media import AUDIO_RATE

STEREO = ("FL", "FR")
SURROUND = ("FL", "FR", "FC", "LFE", "BL", "BR")
TIME = np.arange(2 * AUDIO_RATE) / AUDIO_RATE
NOISE = np.random.default_rng(7)
HISS = 1e-3 * NOISE.standard_normal((6, len(TIME))).astype(np.float32)


def voice() -> np.ndarray:
    """float32 [2 s]: silence, then from 0.5 s on a tone that swells three times a second, as speech does."""
    tone = 0.5 * np.sin(2 * np.pi * 220 * TIME) * np.abs(np.sin(2 * np.pi * 1.5 * TIME))
    return np.where(TIME < 0.5, 0.0, tone).astype(np.float32)


def mixed(channels: np.ndarray, names: tuple[str, ...], pieces: int = 1) -> np.ndarray:
    downmix = Downmix(names)
    parts = [downmix.push(part) for part in np.array_split(channels.astype(np.float32), pieces, axis=1)]
    return np.concatenate([*parts, downmix.flush()])


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples[AUDIO_RATE // 2 :] ** 2)))


def test_channels_of_opposite_sign_are_heard_as_loud_as_one_of_them() -> None:
    clean = mixed(np.stack([voice(), -voice()]), STEREO)
    turned = AUDIO_RATE // 2 + WINDOW
    np.testing.assert_allclose(clean[turned:], voice()[turned:], atol=1e-7)
    noisy = mixed(np.stack([voice(), -voice()]) + HISS[:2], STEREO)
    assert loudness(noisy) == pytest.approx(loudness(voice()), rel=0.03)
    unequal = mixed(np.stack([0.4 * voice(), -voice()]) + HISS[:2], STEREO)
    assert loudness(unequal) == pytest.approx(0.7 * loudness(voice()), rel=0.03)


def test_channels_that_agree_are_averaged() -> None:
    np.testing.assert_allclose(mixed(np.stack([voice(), voice()]), STEREO), voice(), atol=1e-7)
    unrelated = HISS[:2] * 100
    np.testing.assert_allclose(mixed(unrelated, STEREO), unrelated.mean(axis=0), atol=1e-6)


def test_a_dead_channel_leaves_the_other_its_share() -> None:
    for channels in (np.stack([voice(), 0 * voice()]), np.stack([0 * voice(), voice()])):
        np.testing.assert_allclose(mixed(channels, STEREO), 0.5 * voice(), atol=1e-7)


def test_a_constant_offset_decides_nothing() -> None:
    """Two inputs that agree, one of them offset up and the other down: turned round, the voice would
    cancel."""
    given = mixed(np.stack([0.3 * voice() + 0.5, 0.3 * voice() - 0.5]), STEREO)
    np.testing.assert_allclose(given, 0.3 * voice(), atol=1e-6)


def test_a_loud_channel_that_is_wrong_does_not_silence_the_other() -> None:
    hum = 0.9 * np.sin(2 * np.pi * 50 * TIME).astype(np.float32)
    given = mixed(np.stack([voice(), hum]), STEREO)
    np.testing.assert_allclose(given - 0.5 * hum, 0.5 * voice(), atol=1e-6)


@pytest.mark.parametrize("counter", range(6))
def test_of_six_channels_none_cancels_the_others(counter: int) -> None:
    signs = np.ones((6, 1), np.float32)
    signs[counter] = -1
    names = tuple(name for name in SURROUND if name != "LFE")
    six = mixed(signs * voice() + HISS, (*names, "SL"))
    assert loudness(six) == pytest.approx(loudness(voice()), rel=0.03)


def test_what_turns_round_in_the_middle_is_followed_without_a_click() -> None:
    flipped = np.where(TIME < 1.2, 1.0, -1.0).astype(np.float32)
    given = mixed(np.stack([voice(), voice() * flipped]) + HISS[:2], STEREO)
    assert loudness(given[: round(1.2 * AUDIO_RATE)]) > 0.0
    late = given[round(1.75 * AUDIO_RATE) :]
    assert np.abs(late).max() > 0.9 * np.abs(voice()[round(1.75 * AUDIO_RATE) :]).max()
    assert np.abs(np.diff(given)).max() < 0.05


@pytest.mark.parametrize("names", [STEREO, SURROUND])
def test_the_result_does_not_depend_on_how_the_sound_is_cut(names: tuple[str, ...]) -> None:
    signs = np.where(TIME < 1.1, 1.0, -1.0)
    channels = (
        np.stack([voice() * (signs if number % 2 else 1.0) for number in range(len(names))])
        + HISS[: len(names)]
    )
    whole = mixed(channels, names)
    assert len(whole) == len(TIME)
    for pieces in (3, 57, len(TIME) // WINDOW + 1, 5_000):
        assert np.array_equal(mixed(channels, names, pieces), whole)


def test_one_channel_is_left_alone_and_nonsense_is_bounded() -> None:
    assert np.array_equal(mixed(voice()[None], ("FC",)), voice())
    spoilt = np.array([[np.nan, np.inf, -np.inf, 7.0], [0.0, 1.0, -1.0, 7.0]], np.float32)
    assert np.array_equal(mixed(spoilt, STEREO), np.array([0.0, 1.0, -1.0, 1.0], np.float32))
    assert loudness(mixed(voice()[None], ("LFE",))) == loudness(voice())
