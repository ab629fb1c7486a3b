"""What a network takes: inputs of its names, kinds and shapes, padded and cut without touching what is
inside."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.engines.contract.spec import Arrays, Axis, Port, Shorter, Spec
from helpers.networks import tiny_network

LENGTH = Axis("length", (4, 8), typical=3)


def inputs(batch: int = 2, length: int = 3) -> Arrays:
    return {
        "values": np.zeros((batch, length, tiny_network.WIDTH), np.float32),
        "counts": np.zeros(batch, np.int64),
    }


def test_sizes_are_read_from_what_is_given(spec: Spec) -> None:
    assert spec.measure(inputs()) == {"batch": 2, "length": 3}


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"values": inputs()["values"]}, "takes values, counts, not values"),
        ({**inputs(), "more": np.zeros(1)}, "takes values, counts, not values, counts, more"),
        (
            {**inputs(), "values": inputs()["values"].astype(np.float64)},
            "values as float32 of 3 axes, not float64",
        ),
        (
            {**inputs(), "values": inputs()["values"][0]},
            r"values as float32 of 3 axes, not float32 of shape \(3, 4\)",
        ),
        (
            {**inputs(), "counts": np.zeros(5, np.int64)},
            r"counts of shape \(5,\), which does not go with the rest",
        ),
        ({**inputs(), "values": np.zeros((2, 3, 5), np.float32)}, "does not go with the rest"),
        (inputs(length=0), "takes 1 to 8 along length, not 0"),
        (inputs(batch=17), "takes 1 to 16 along batch, not 17"),
    ],
)
def test_anything_else_is_refused(spec: Spec, given_: Arrays, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        spec.measure(given_)


@given(length=st.integers(1, 8), longer=st.integers(0, 8), padding=st.integers(-5, 5))
def test_what_is_padded_can_be_cut_out_again(length: int, longer: int, padding: int) -> None:
    port = Port("values", "int64", (2, LENGTH), padding)
    array = np.arange(2 * length).reshape(2, length)
    padded = port.padded(array, {"length": length + longer})
    assert padded.shape == (2, length + longer) and (padded[:, length:] == padding).all()
    np.testing.assert_array_equal(port.cut(padded, {"length": length}), array)


def test_what_is_shorter_than_an_axis_is_cut_shorter() -> None:
    port = Port("windows", "float32", (Shorter(LENGTH, 2),))
    assert port.cut(np.arange(6.0), {"length": 5}).shape == (3,)
