"""Draws by label: shares, habits, whose voice it is, and reproducibility."""

from collections import Counter

import numpy as np
import pytest

from emotrack.training.tasks.network.matching import (
    NEUTRAL,
    Drawn,
    Habit,
    MatchedPool,
    MatchSettings,
    Person,
    Shares,
)

ALWAYS = Shares(1.0, 0.0)
ACTORS = ("ann", "bob")


def pool(settings: MatchSettings) -> MatchedPool:
    """Clips hold class and actor (2 for somebody who only talks), pictures the class."""
    voices = {
        one: {actor: [np.full((2, 4), 10 * one + number, np.float32)] for number, actor in enumerate(ACTORS)}
        for one in range(7)
    }
    voices[NEUTRAL]["a reader"] = [np.full((2, 4), 2, np.float32)]
    return MatchedPool(voices, {one: np.full((3, 4), one, np.float32) for one in range(7)}, settings)


def draw(
    settings: MatchSettings, labels: list[int], person: Person | None = None, seed: int = 0
) -> list[Drawn]:
    people = None if person is None else {0: person}
    return pool(settings).draw(labels, [0] * len(labels), np.random.default_rng(seed), people)


def test_shares_of_what_is_shown() -> None:
    drawn = draw(MatchSettings(voice=Shares(0.4, 0.35)), [3] * 20_000, Person("ann"))
    shown = Counter(one.shown[0] for one in drawn)
    assert shown[3] / 20_000 == pytest.approx(0.4 + 0.25 / 7, abs=0.02)
    assert shown[0] / 20_000 == pytest.approx(0.35 + 0.25 / 7, abs=0.02)
    assert shown[5] / 20_000 == pytest.approx(0.25 / 7, abs=0.01)


def test_draws_show_the_label_where_told_to_and_say_so() -> None:
    drawn = draw(MatchSettings(ALWAYS, ALWAYS, 1.0), [4] * 50, Person("bob"))
    assert {len(one.voice) for one in drawn} == {2, 4}
    assert {len(one.face) for one in drawn} == set(range(1, 9))
    assert all((one.voice == 41).all() and (one.face == 4).all() and one.shown == (4, 4) for one in drawn)


def test_voices_and_faces_have_their_own_shares() -> None:
    drawn = draw(MatchSettings(Shares(0.0, 1.0), ALWAYS, 1.0), [4] * 50, Person("ann"))
    assert all(one.shown == (0, 4) and (one.face == 4).all() and one.voice.max() < 10 for one in drawn)


def test_a_habit_is_shown_whatever_the_label() -> None:
    smiler = Person("ann", voice=Habit(5, 1.0), face=Habit(1, 0.5))
    drawn = draw(MatchSettings(ALWAYS, ALWAYS, 1.0), [3] * 2_000, smiler)
    assert {one.shown[0] for one in drawn} == {5}
    assert np.mean([one.shown[1] == 1 for one in drawn]) == pytest.approx(0.5, abs=0.05)
    assert {one.shown[1] for one in drawn} == {1, 3}


def test_a_share_of_the_people_has_habits() -> None:
    random = np.random.default_rng(0)
    people = [pool(MatchSettings(habitual=0.4)).person(random) for _ in range(2_000)]
    for habits in ([one.face for one in people], [one.voice for one in people]):
        assert np.mean([habit.share > 0 for habit in habits]) == pytest.approx(0.4, abs=0.05)
        assert any(habit.share == 1 for habit in habits)
    assert {one.actor for one in people} == set(ACTORS)
    assert all(
        one.face == Habit() == one.voice
        for one in (pool(MatchSettings(habitual=0)).person(random) for _ in range(50))
    )


def test_a_speaker_keeps_one_voice_but_nothing_is_shown_by_anybody() -> None:
    drawn = pool(MatchSettings(ALWAYS, ALWAYS, habitual=0)).draw(
        [3, 3, 3, 3] * 20, [0, 1, 2, 3] * 20, np.random.default_rng(1)
    )
    for speaker in range(4):
        assert len({float(one.voice[0, 0]) for one in drawn[speaker::4]}) == 1
    plain = draw(MatchSettings(voice=ALWAYS), [NEUTRAL] * 200, Person("bob"))
    assert {float(one.voice[0, 0]) for one in plain} == {0, 1, 2}


def test_some_pictures_of_a_track_are_plain() -> None:
    drawn = draw(MatchSettings(face=ALWAYS, pictures=0.7), [4] * 2_000, Person("ann"))
    pictures = np.concatenate([one.face for one in drawn])[:, 0]
    assert (pictures == 4).mean() == pytest.approx(0.7, abs=0.02)
    assert (pictures == 0).mean() == pytest.approx(0.3, abs=0.02)


def test_the_same_seed_draws_the_same() -> None:
    one, two = (draw(MatchSettings(), [2] * 20, seed=5) for _ in range(2))
    assert [first.shown for first in one] == [second.shown for second in two]
    assert all(np.array_equal(first.face, second.face) for first, second in zip(one, two, strict=True))


def test_shares_of_more_than_the_whole_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the shares 0\.7 and 0\.5 are more than the whole"):
        Shares(0.7, 0.5)
