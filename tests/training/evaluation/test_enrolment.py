"""How well enrolled voices are known again: the arithmetic of the rates."""

import numpy as np
import pytest

from emotrack.errors import UserError
from emotrack.training.evaluation.enrolment import Heard, rates


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, np.float32)
    found: np.ndarray = vector / np.linalg.norm(vector)
    return found


ANNA = Heard("anna", "one", unit(1, 0, 0), (unit(1, 0, 0)[None], unit(1, 2, 0)[None]))
BEN = Heard("ben", "one", None, (unit(1, 1, 0)[None], unit(0, 1, 0)[None]))
ZOE = Heard("zoe", "two", None, (unit(0, 0, 1)[None], unit(0, 0, 1)[None]))


def test_each_trial_counts_against_everybody_who_is_enrolled() -> None:
    found = rates([ANNA, BEN, ZOE], ANNA.split, 0.5, 1)
    assert found.rejected == 0.5, "one of Anna's own two is unlike her"
    assert found.accepted == 0.25, "of Ben's and Zoe's four one is like her"
    assert found.accepted_within == 0.5, "of Ben's two, who shares her microphone"


def test_a_higher_threshold_rejects_more_and_accepts_less() -> None:
    people = [ANNA, BEN, ZOE]
    low, high = rates(people, ANNA.split, 0.1, 1), rates(people, ANNA.split, 0.9, 1)
    assert low.rejected <= high.rejected and low.accepted >= high.accepted


def test_without_anybody_to_enroll_nothing_is_measured() -> None:
    with pytest.raises(UserError, match="too few people"):
        rates([BEN, ZOE], BEN.split, 0.5, 1)


def test_several_pieces_make_one_trial_as_far_as_there_are_so_many() -> None:
    (both,) = ANNA.trials(2)
    assert both == pytest.approx(unit(1 + 5**-0.5, 2 * 5**-0.5, 0), abs=1e-6)
    assert ANNA.trials(3) == []
