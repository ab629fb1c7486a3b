"""Who of those enrolled it is: by the weights that described them, and for sure or not at all."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.stream.people.enrolment.known import known_people, mean_of, recognised
from emotrack.stream.people.enrolment.store import EnrolledPerson

ANNA, BEN = np.eye(2, 512, dtype=np.float32)
EYES: Any = SimpleNamespace(weights="these")
"""Stands for a network by what tells its weights."""


def person(name: str, face: np.ndarray, weights: str = "these") -> EnrolledPerson:
    return EnrolledPerson(name, "2026-01-01", face=[face.tolist()], face_weights=weights)


def test_faces_are_known_by_the_weights_that_described_them() -> None:
    told: list[str] = []
    found = known_people([person("anna", ANNA), person("ben", BEN, "others")], EYES, told.append)
    assert [*found.faces] == ["anna"] and not found.voices
    assert told == ["ben is not known by their face, which other weights described: enrol them anew."]


def test_where_nothing_knows_faces_nobody_is_and_that_is_not_told_again() -> None:
    told: list[str] = []
    assert not known_people([person("anna", ANNA, "others")], None, told.append).faces and not told


@given(st.floats(0, 1), st.floats(0.1, 0.95))
def test_a_face_between_two_is_one_of_them_for_sure_or_nobodys(share: float, least: float) -> None:
    between = mean_of(np.stack([share * ANNA, (1 - share) * BEN]))
    name = recognised(between, {"anna": ANNA, "ben": BEN}, least)
    likeness = {"anna": float(between @ ANNA), "ben": float(between @ BEN)}
    if name is not None:
        assert likeness[name] >= least and likeness[name] == max(likeness.values())
    elif max(likeness.values()) >= least:
        assert abs(likeness["anna"] - likeness["ben"]) < 0.06


@pytest.mark.parametrize("vectors", [np.zeros((2, 4), np.float32), np.array([[1, 0], [-1, 0]], np.float32)])
def test_what_has_nothing_in_common_is_like_nobody(vectors: np.ndarray) -> None:
    anna = np.eye(1, vectors.shape[1], dtype=np.float32)[0]
    assert np.isfinite(mean_of(vectors)).all()
    assert recognised(mean_of(vectors), {"anna": anna}, 0.1) is None
