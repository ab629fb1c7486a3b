"""The gate: what is too far off, in which way, and what is near enough."""

from collections.abc import Callable

import numpy as np
import pytest

from emotrack.engines.contract.parity import Parity, compare_outputs, samples
from emotrack.engines.contract.spec import Spec

ANSWERS = {"logits": np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 0.0]], np.float32)}


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values * 1.001,
        lambda values: values * np.nan,
        lambda values: values[:1],
        lambda values: -values,
    ],
)
def test_what_differs_is_refused(spec: Spec, change: Callable[[np.ndarray], np.ndarray]) -> None:
    parity = compare_outputs(spec, ANSWERS, {"logits": change(ANSWERS["logits"])})
    assert "its answers differ by" in (parity.refusal(spec, "fp32") or "")


def test_the_difference_is_relative_to_the_network_s_own_numbers(spec: Spec) -> None:
    large = {"logits": 1000 * ANSWERS["logits"]}
    assert compare_outputs(spec, large, {"logits": large["logits"] + 0.05}).refusal(spec, "fp32") is None


@pytest.mark.parametrize(
    ("parity", "said"),
    [
        (Parity(0.0, 0.9, 1.0), "a cosine of 0.9000"),
        (Parity(0.0, 1.0, 0.75), "another label for 25 % of the samples"),
        (Parity(float("nan"), 1.0, 1.0), "differ by"),
        (Parity(9e-5, 0.9991, 1.0), None),
    ],
)
def test_each_way_of_being_off_is_told(spec: Spec, parity: Parity, said: str | None) -> None:
    refusal = parity.refusal(spec, "fp32")
    assert refusal is None if said is None else said in (refusal or "")


def test_least_usual_and_greatest_sizes_are_compared(spec: Spec) -> None:
    lengths = {spec.measure(inputs)["length"] for inputs in samples(spec)}
    assert lengths == {1, 3, 8}
