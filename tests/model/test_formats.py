"""Valence and arousal follow the probabilities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.model.configuration import MELD_CLASSES
from emotrack.model.formats import COORDINATES, valence_and_arousal


def certain(name: str) -> dict[str, float]:
    return {other: float(other == name) for other in MELD_CLASSES}


def test_a_certain_label_lies_where_its_emotion_does() -> None:
    assert all(valence_and_arousal(certain(name)) == COORDINATES[name] for name in MELD_CLASSES)
    valences = {name: valence_and_arousal(certain(name))[0] or 0 for name in MELD_CLASSES}
    assert valences["joy"] > 0 > max(valences[name] for name in ("sadness", "anger", "fear", "disgust"))


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(lambda given: sum(given) > 0))
def test_a_doubtful_label_lies_between(given: list[float]) -> None:
    shares = {name: share / sum(given) for name, share in zip(MELD_CLASSES, given, strict=True)}
    for axis, value in enumerate(valence_and_arousal(shares)):
        coordinates = [COORDINATES[name][axis] for name, share in shares.items() if share]
        assert value is not None and min(coordinates) - 1e-9 <= value <= max(coordinates) + 1e-9


def test_labels_of_another_vocabulary_have_none() -> None:
    assert valence_and_arousal({"calm": 0.5, "tense": 0.5}) == (None, None)
    assert valence_and_arousal({"joy": 1.0}) == pytest.approx(COORDINATES["joy"])
