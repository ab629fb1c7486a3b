"""What torch-tensorrt makes of our networks, asked of its own decompositions, lowering, converters and
partitioner.

They run without TensorRT and without a GPU (see helpers/stand_ins/tensorrt_stand_in.py). This shows that a
network can be converted whole, and that what is converted still answers as the network does; what TensorRT
makes of it is shown only where there is one.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import nn

from emotrack.engines.backends.eager import as_tuple
from emotrack.engines.backends.tensorrt_build import (
    at_lengths,
    compilation_settings,
    lowered,
    programs,
    serialized,
)
from emotrack.engines.contract.engine import EngineRefused
from emotrack.engines.contract.exporting import exported
from emotrack.engines.contract.parity import Parity, compare_outputs, worst
from emotrack.engines.contract.spec import Arrays, Precision, Sizes, Spec, Tolerance
from emotrack.engines.encoders.body.bodies import person_spec
from emotrack.engines.encoders.sound.passt import passt_spec
from emotrack.engines.running.loading import reference_run
from helpers.networks import tiny_network
from helpers.networks.converting import MaskedAttention, PoolingPastTheBorder, Spectrum, spec_of
from helpers.networks.sequence_network import sequence_spec
from helpers.stand_ins.tensorrt_stand_in import torch_tensorrt_imported

pytestmark = pytest.mark.xdist_group(
    "torch-tensorrt"
)  # its import takes seconds: one worker does it for all of them

LIVE = (
    *("sentence", "voice", "face-proposals", "face-refinement", "face-output", "face"),
    *("utterance", "context-step", "reviser"),
)
"""What tracking opens with the shipped bundle."""


@pytest.fixture(autouse=True)
def _torch_tensorrt() -> Iterator[None]:
    with torch_tensorrt_imported():
        yield


def shortened(spec: Spec, length: int) -> Spec:
    """With every axis but the batch closed: the steps of an LSTM are the same however many there are."""
    return at_lengths(spec, dict.fromkeys(spec.axes, length))


def converted(spec: Spec, precision: Precision) -> list[tuple[Spec, torch.fx.GraphModule]]:
    """The graph of each engine that a network becomes, with the shapes that it takes."""
    return [
        (shapes, lowered(shapes, program, compilation_settings()))
        for shapes, program in programs(spec, precision)
    ]


def parity(
    spec: Spec, graphs: list[tuple[Spec, torch.fx.GraphModule]], which: Literal["minimum", "maximum"]
) -> Parity:
    """How far the graphs are from the network, on samples of the least or the greatest sizes that they
    take."""
    reference, found = reference_run(spec), []
    for shapes, graph in graphs:
        for inputs in shapes.samples(shapes.sizes(which), np.random.default_rng(0)):
            outputs = as_tuple(graph(*(torch.from_numpy(inputs[port.name]) for port in spec.inputs)))
            given = {port.name: tensor.numpy() for port, tensor in zip(spec.outputs, outputs, strict=True)}
            found.append(compare_outputs(spec, reference(inputs), given))
    return worst(found)


# Every network is converted whole, into one engine, and in the precision that is tried first still answers as
# it did.


def test_the_networks_that_tracking_opens_are_those_tried_here(live: dict[str, Spec]) -> None:
    assert live.keys() == set(LIVE)


@pytest.mark.parametrize("name", [*LIVE, "passt-1s", "person"])
def test_a_network_is_converted_whole(
    name: str, live: dict[str, Spec], request: pytest.FixtureRequest
) -> None:
    if name == "passt-1s":
        pytest.importorskip("hear21passt")
        spec = passt_spec(None, 1)
    elif name == "person":
        # Random weights magnify rounding: that of fp16 is judged by direction alone.
        spec = replace(
            person_spec(request.getfixturevalue("random_yolo")), tolerance=Tolerance({"fp16": 1.0}, 0.999)
        )
    else:
        spec = shortened(live[name], 2) if name == "utterance" else live[name]
    graphs = converted(spec, "fp16")
    assert len(graphs) == 1
    assert parity(spec, graphs, "minimum").refusal(spec, "fp16") is None


def test_networks_with_lstms_are_converted_for_usual_and_for_greatest_lengths() -> None:
    spec = sequence_spec()
    graphs = converted(spec, "fp16")
    assert [shapes.sizes("typical")["length"] for shapes, _ in graphs] == [2, 4]


# In fp32 what is converted answers as the network does, masks included.


@pytest.mark.parametrize("name", ["tiny", "sequence", "context-step", "MaskedAttention"])
def test_what_is_converted_answers_as_the_network(name: str, spec: Spec, live: dict[str, Spec]) -> None:
    spec = {"tiny": spec, "sequence": sequence_spec(), "MaskedAttention": spec_of(MaskedAttention), **live}[
        name
    ]
    assert parity(spec, converted(spec, "fp32"), "maximum").absolute < 1e-5


# What cannot be converted is refused by its name.


@pytest.mark.parametrize(
    ("network", "operation"), [(Spectrum, "_fft_r2c"), (PoolingPastTheBorder, "max_pool2d")]
)
def test_what_has_no_converter_is_refused_by_its_name(network: type[nn.Module], operation: str) -> None:
    with pytest.raises(EngineRefused, match=f"torch-tensorrt cannot convert .*{operation}"):
        converted(spec_of(network), "fp32")


def test_an_lstm_that_is_not_unrolled_is_refused() -> None:
    spec = shortened(sequence_spec(), 3)
    program = exported(spec, spec.definition.build())
    with pytest.raises(EngineRefused, match=r"emotrack\.lstm"):
        lowered(spec, program, compilation_settings())


# What torch-tensorrt is told, and what is made of what it says.


class Conversion:
    """Stands in for the conversion itself, which needs TensorRT: keeps what it was given, and gives what it
    is told to."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr("torch_tensorrt.dynamo.conversion.interpret_module_to_result", self)
        self.result = SimpleNamespace(serialized_engine=b"an engine", requires_output_allocator=False)
        self.complaint: str | None = None
        self.failure: Exception | None = None

    def __call__(self, graph: torch.fx.GraphModule, *, inputs: list[Any], settings: Any) -> SimpleNamespace:
        self.graph, self.inputs, self.settings = graph, inputs, settings
        logging.getLogger("torch_tensorrt._utils").error("something is not supported")
        if self.complaint is not None:
            logging.getLogger("torch_tensorrt [TensorRT Conversion Context]").error(self.complaint)
        if self.failure is not None:
            raise self.failure
        return self.result


@pytest.fixture
def conversion(monkeypatch: pytest.MonkeyPatch) -> Conversion:
    return Conversion(monkeypatch)


def serialize(spec: Spec) -> bytes:
    ((shapes, program),) = programs(spec, "fp16")
    return serialized(shapes, program)


def test_the_settings_are_ours_and_precisions_are_those_of_the_graph(
    conversion: Conversion, spec: Spec
) -> None:
    assert serialize(spec) == b"an engine"
    told = conversion.settings
    assert told.attn_bias_is_causal is False
    assert told.decompose_attention is True
    assert told.require_full_compilation is True
    assert told.disable_tf32 is True
    assert told.enable_autocast is False
    assert not told.torch_executed_ops
    weights = [tensor for tensor in conversion.graph.state_dict().values() if tensor.is_floating_point()]
    assert weights
    assert {tensor.dtype for tensor in weights} == {torch.float16}


def test_nothing_is_kept_by_torch_tensorrt(conversion: Conversion, spec: Spec) -> None:
    serialize(spec)
    told = conversion.settings
    assert not told.cache_built_engines
    assert not told.reuse_cached_engines
    assert not Path(told.timing_cache_path).parent.exists()


def test_an_open_axis_is_a_profile_and_a_closed_one_a_length(conversion: Conversion, spec: Spec) -> None:
    serialize(spec)
    values, counts = conversion.inputs
    assert values.shape == {"min_shape": (1, 1, 4), "opt_shape": (1, 3, 4), "max_shape": (16, 8, 4)}
    assert counts.shape == {"min_shape": (1,), "opt_shape": (1,), "max_shape": (16,)}
    assert [one.dtype.to(torch.dtype) for one in conversion.inputs] == [torch.float32, torch.int64]
    serialize(replace(shortened(sequence_spec(), 4), name="closed"))
    assert conversion.inputs[0].shape["opt_shape"] == (1, 4, 6)
    assert conversion.inputs[0].shape["max_shape"] == (4, 4, 6)


def test_inputs_are_named_as_in_the_spec(conversion: Conversion, spec: Spec) -> None:
    serialize(replace(spec, inputs=(replace(spec.inputs[0], name="rows"), spec.inputs[1]), samples=_renamed))
    places = [node.target for node in conversion.graph.graph.nodes if node.op == "placeholder"]
    assert places == ["rows", "counts"]


def _renamed(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
    return [{"rows": one["values"], "counts": one["counts"]} for one in tiny_network.samples(sizes, random)]


def test_why_tensorrt_cannot_build_it_is_told(conversion: Conversion, spec: Spec) -> None:
    conversion.failure = AssertionError()
    with pytest.raises(EngineRefused, match=r"^TensorRT cannot build it: AssertionError$"):
        serialize(spec)
    conversion.complaint = "Error Code 10: no implementation for node.\nIn builder.cpp"
    with pytest.raises(
        EngineRefused, match=r"^TensorRT cannot build it: Error Code 10: no implementation for node$"
    ):
        serialize(spec)


def test_outputs_of_lengths_that_depend_on_numbers_are_refused(conversion: Conversion, spec: Spec) -> None:
    conversion.result.requires_output_allocator = True
    with pytest.raises(EngineRefused, match="depend on the numbers"):
        serialize(spec)


def test_nothing_is_printed(conversion: Conversion, spec: Spec, capfd: pytest.CaptureFixture[str]) -> None:
    handlers = list(logging.getLogger().handlers)
    conversion.complaint = "something about a node"
    serialize(spec)
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger().handlers == handlers
