"""What CUDA graphs and generated kernels ask of our networks, as far as that shows without a GPU."""

import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from emotrack.engines.backends.cuda_graph import first_cause
from emotrack.engines.backends.device_worker import DeviceWorker
from emotrack.engines.backends.eager import EagerRunner, OnWorker
from emotrack.engines.contract.exporting import lstm
from emotrack.engines.contract.spec import Arrays, Sizes, Spec

NETWORKS = (
    "sentence",
    "voice",
    "face-proposals",
    "face-refinement",
    "face-output",
    "face",
    "utterance",
    "context-step",
    "reviser",
)
UNCAPTURABLE = (
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "unique",
    "lift_fresh",
    "_to_copy",
    "is_nonzero",
)
"""Operations that look at numbers on the GPU from outside, have outputs of no known size, or bring numbers
from the machine."""


class _Recording(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self.names: set[str] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", NETWORKS)
def test_no_network_does_what_cannot_be_captured_or_leaves_its_device(
    name: str, live: dict[str, Spec]
) -> None:
    """A device without numbers refuses whatever is not made where the inputs are, as a GPU would."""
    spec = live[name]
    network = spec.definition.build()
    for which in ("minimum", "maximum"):
        sizes = spec.sizes(which)
        sizes["batch"] = min(sizes["batch"], 2)
        inputs = spec.samples(sizes, np.random.default_rng(0))[0]
        given = [torch.from_numpy(inputs[port.name]) for port in spec.inputs]
        with torch.inference_mode(), _Recording() as recording:
            network(*given)
        assert not recording.names & set(UNCAPTURABLE)
    with torch.inference_mode():
        network.to("meta")(*(tensor.to("meta") for tensor in given))


def test_every_network_of_the_profile_was_looked_at(live: dict[str, Spec]) -> None:
    assert set(live) <= set(NETWORKS)


def test_the_lstm_is_laid_out_as_it_promises_to_those_who_generate_code_around_it() -> None:
    weights = [torch.randn(shape) for shape in ((16, 7), (16, 4), (16,), (16,))]
    torch.library.opcheck(
        lstm, (torch.randn(3, 5, 7), *weights), test_utils=("test_schema", "test_faketensor")
    )


def test_a_refusal_names_what_went_wrong_first_and_not_that_the_capture_was_broken_off() -> None:
    def capture() -> None:
        try:
            raise RuntimeError("operation not supported:\nsome details")
        finally:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    with pytest.raises(RuntimeError) as raised:
        capture()
    assert first_cause(raised.value) == "operation not supported:"
    assert first_cause(AssertionError()) == "AssertionError"
    handled = ValueError("a shape that does not fit.")
    handled.__context__ = KeyError("looked up before")
    assert first_cause(handled) == "a shape that does not fit"


def test_torch_on_a_gpu_runs_on_the_thread_that_owns_it(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor's worker stands for the GPU's."""
    used: set[int] = set()
    run = EagerRunner.run

    def watched(runner: EagerRunner, inputs: Arrays, sizes: Sizes) -> Arrays:
        used.add(threading.get_ident())
        return run(runner, inputs, sizes)

    monkeypatch.setattr(EagerRunner, "run", watched)
    worker = DeviceWorker(torch.device("cpu"))
    sizes = spec.sizes("typical")
    inputs = spec.samples(sizes, np.random.default_rng(0))[0]
    found = OnWorker(spec, worker).run(inputs, sizes)
    assert used == {worker.call(threading.get_ident)}
    for name, array in run(EagerRunner(spec, "cpu"), inputs, sizes).items():
        np.testing.assert_array_equal(found[name], array)
    worker.close()
