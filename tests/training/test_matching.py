"""Draws by label: shares and reproducibility."""

from collections import Counter

import numpy as np
import pytest

from emotrack.training.matching import MatchedPool, MatchSettings, Shares

ALWAYS = Shares(1.0, 0.0)


def pool(settings: MatchSettings) -> MatchedPool:
    return MatchedPool(
        voices={one: [np.full((2, 4), one, np.float32)] for one in range(7)},
        faces={one: np.full((3, 4), one, np.float32) for one in range(7)},
        settings=settings,
    )


def test_shares_of_what_is_shown() -> None:
    random = np.random.default_rng(0)
    drawn = Counter(pool(MatchSettings()).shown(3, Shares(0.4, 0.35), random) for _ in range(20_000))
    assert drawn[3] / 20_000 == pytest.approx(0.4 + 0.25 / 7, abs=0.02)
    assert drawn[0] / 20_000 == pytest.approx(0.35 + 0.25 / 7, abs=0.02)
    assert drawn[5] / 20_000 == pytest.approx(0.25 / 7, abs=0.01)


def test_draws_show_the_label_where_told_to() -> None:
    random = np.random.default_rng(0)
    always = pool(MatchSettings(ALWAYS, ALWAYS, 1.0))
    voices = [always.voice(4, random) for _ in range(50)]
    faces = [always.face(4, random) for _ in range(50)]
    assert {len(voice) for voice in voices} == {2, 4}
    assert {len(face) for face in faces} == set(range(1, 9))
    assert all((one == 4).all() for one in voices + faces)


def test_voices_and_faces_have_their_own_shares() -> None:
    random = np.random.default_rng(0)
    silent = pool(MatchSettings(Shares(0.0, 1.0), ALWAYS, 1.0))
    assert all((silent.voice(4, random) == 0).all() and (silent.face(4, random) == 4).all() for _ in range(50))


def test_some_pictures_of_a_track_are_plain() -> None:
    random = np.random.default_rng(0)
    some = pool(MatchSettings(face=ALWAYS, pictures=0.7))
    pictures = np.concatenate([some.face(4, random) for _ in range(2_000)])[:, 0]
    assert (pictures == 4).mean() == pytest.approx(0.7, abs=0.02)
    assert (pictures == 0).mean() == pytest.approx(0.3, abs=0.02)


def test_the_same_seed_draws_the_same() -> None:
    one, two = (
        [pool(MatchSettings()).face(2, random) for _ in range(20)]
        for random in (np.random.default_rng(5), np.random.default_rng(5))
    )
    assert all(np.array_equal(first, second) for first, second in zip(one, two, strict=True))


def test_shares_of_more_than_the_whole_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the shares 0\.7 and 0\.5 are more than the whole"):
        Shares(0.7, 0.5)
