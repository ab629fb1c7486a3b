"""What is padded, to a bucket or to the longest of a batch, answers as it does alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.engines.backends.eager import EagerRunner
from emotrack.engines.contract.parity import compare_outputs
from emotrack.engines.contract.spec import Arrays, Spec

VARYING = ("sentence", "utterance", "face-proposals")


@pytest.fixture(scope="module")
def networks(live: dict[str, Spec]) -> dict[str, tuple[Spec, EagerRunner]]:
    varying = [spec for spec in live.values() if len(spec.axes) > 1]
    assert {spec.name for spec in varying} == set(VARYING)
    return {spec.name: (spec, EagerRunner(spec, "cpu")) for spec in varying}


@pytest.mark.parametrize("name", VARYING)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_padding_changes_no_answer(
    name: str, networks: dict[str, tuple[Spec, EagerRunner]], data: st.DataObject
) -> None:
    spec, runner = networks[name]
    sizes = {
        axis.name: data.draw(st.integers(axis.minimum, min(axis.maximum, 70)), axis.name)
        for axis in spec.axes.values()
    }
    sizes["batch"] = min(sizes["batch"], 3)
    buckets = spec.buckets(sizes)
    for inputs in spec.samples(sizes, np.random.default_rng(data.draw(st.integers(0, 100), "seed"))):
        padded = {port.name: port.padded(inputs[port.name], buckets) for port in spec.inputs}
        found = runner.run(padded, buckets)
        cut: Arrays = {port.name: port.cut(found[port.name], sizes) for port in spec.outputs}
        parity = compare_outputs(spec, runner.run(inputs, sizes), cut)
        assert parity.refusal(spec, "fp32") is None, (sizes, parity)
