"""TensorRT's backend on a fake of its runtime: what is refused is told, what is foreign is built again, what
differs never runs."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from emotrack.engines.backends import tensorrt_build
from emotrack.engines.backends.device_worker import device_worker
from emotrack.engines.backends.tensorrt import TensorRT
from emotrack.engines.backends.tensorrt_build import in_precision
from emotrack.engines.backends.tensorrt_run import TensorRTRunner
from emotrack.engines.contract.definition import OnnxFile
from emotrack.engines.contract.engine import EngineRefused, EngineUnavailable
from emotrack.engines.contract.spec import EXACT, Port, Precision, Spec, Tolerance
from emotrack.errors import UserError
from helpers.networks import tiny_network
from helpers.networks.engines import Shelf
from helpers.networks.sequence_network import sequence_spec
from helpers.stand_ins.fake_tensorrt_runtime import INTERMEDIATE_BYTES, FakeTensorRT, Step


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTensorRT:
    return FakeTensorRT().install(monkeypatch)


def opened(backend: TensorRT, spec: Spec, folder: Path) -> TensorRTRunner:
    folder.mkdir(exist_ok=True)
    backend.build(spec, "fp32", folder)
    runner = backend.open(spec, folder)
    assert isinstance(runner, TensorRTRunner)
    return runner


# What stands in the way, and of what an engine is part.


def test_without_a_gpu_it_says_so(spec: Spec) -> None:
    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    assert "GPU" in (TensorRT().obstacle(spec) or "")


def test_without_tensorrt_it_says_how_to_get_it(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotrack.engines.backends.tensorrt.gpu_obstacle", lambda: None)
    monkeypatch.setattr("emotrack.engines.backends.tensorrt.find_spec", lambda _: None)
    assert "pip install 'emotrack[gpu]'" in (TensorRT().obstacle(spec) or "")


def test_without_torch_tensorrt_nothing_is_built_but_kept_engines_run(
    spec: Spec, shelf: Shelf, fake: FakeTensorRT, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.load(spec, fake)
    monkeypatch.setattr("emotrack.engines.backends.tensorrt.find_spec", lambda _: None)
    assert shelf.load(spec, fake).run(**tiny_network.INPUTS)["logits"].shape == (1, tiny_network.CLASSES)
    with pytest.raises(UserError, match=r"torch-tensorrt.*pip install 'emotrack\[gpu\]'"):
        shelf.load(replace(spec, name="another"), fake)


def test_where_tensorrt_cannot_be_imported_it_says_so(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotrack.engines.backends.tensorrt.gpu_obstacle", lambda: None)
    monkeypatch.setattr("emotrack.engines.backends.tensorrt.find_spec", lambda _: object())
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    assert "TensorRT cannot be imported (" in (TensorRT().obstacle(spec) or "")


@pytest.mark.usefixtures("fake")
def test_a_network_that_is_given_as_onnx_is_left_to_others(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotrack.engines.backends.tensorrt.gpu_obstacle", lambda: None)
    assert TensorRT().obstacle(spec) is None
    given = replace(spec, definition=OnnxFile(Path("network.onnx"), "a network"))
    assert "ONNX" in (TensorRT().obstacle(given) or "")


def test_an_engine_is_one_of_versions_settings_and_the_gpu(spec: Spec) -> None:
    if (obstacle := TensorRT().obstacle(spec)) is not None:
        pytest.skip(obstacle)
    about = TensorRT().hardware()
    assert about.keys() == {
        "torch",
        "tensorrt",
        "torch-tensorrt",
        "settings",
        "gpu",
        "compute capability",
        "driver",
    }
    assert all(about.values())


# Precision.


class Casts(nn.Module):
    """Tells of which kinds its weights, its inputs and what it keeps exact are."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.exact_part = nn.Linear(2, 2)
        self.exact_part.exact = True  # type: ignore[assignment]  # torch's stub
        self.register_buffer("places", torch.arange(3))

    def forward(self, values: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        assert isinstance(self.places, Tensor)
        self.seen = [
            values.dtype,
            counts.dtype,
            self.layer.weight.dtype,
            self.exact_part.weight.dtype,
            self.places.dtype,
        ]
        return self.layer(values), self.exact_part(values.float()), counts > 0


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_a_cast_network_takes_and_gives_what_it_did(kind: torch.dtype) -> None:
    network = in_precision(Casts(), kind)
    outputs = network(torch.ones(1, 2), torch.ones(1, dtype=torch.int64))
    assert network.seen == [kind, torch.int64, kind, torch.float32, torch.int64]
    assert [output.dtype for output in outputs] == [torch.float32, torch.float32, torch.bool]


def test_in_fp32_nothing_is_cast() -> None:
    network = Casts()
    assert in_precision(network, torch.float32) is network
    assert not network._forward_hooks


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_each_precision_answers_within_its_tolerance(
    precision: Precision, spec: Spec, shelf: Shelf, fake: FakeTensorRT
) -> None:
    engine = shelf.load(spec, fake, precision)
    assert engine.info.precision == precision
    assert (engine.info.parity.absolute > 1e-6) == (precision != "fp32")


def test_where_fp16_is_too_coarse_fp32_is_taken(spec: Spec, shelf: Shelf, fake: FakeTensorRT) -> None:
    strict = replace(spec, tolerance=Tolerance({**EXACT.absolute, "fp16": 1e-7}, 0.999))
    engine = shelf.load(strict, fake)
    assert engine.info.precision == "fp32"
    assert [skip.backend for skip in engine.info.skipped] == ["tensorrt fp16"]
    again = len(shelf.said)
    assert shelf.load(strict, fake).info.precision == "fp32"
    assert len(shelf.said) == again, "what was refused once is not built again"


def test_a_network_with_lstms_is_two_engines_and_any_other_is_one(
    spec: Spec, fake: FakeTensorRT, tmp_path: Path
) -> None:
    for network, engines in ((spec, 1), (sequence_spec(), 2)):
        folder = tmp_path / network.name
        folder.mkdir()
        fake.build(network, "fp32", folder)
        assert len(list(folder.iterdir())) == engines


# What the runtime refuses.


@pytest.mark.parametrize("step", ["context", "address", "input shape", "enqueue"])
def test_what_the_runtime_refuses_when_an_engine_is_opened_is_told(
    step: Step, spec: Spec, shelf: Shelf, fake: FakeTensorRT
) -> None:
    fake.faults.refused.add(step)
    with pytest.raises(UserError, match="no room" if step == "context" else "refused by TensorRT"):
        shelf.load(spec, fake)
    refused = {entry.manifest.refusal for entry in shelf.cache.entries()}
    assert refused == (set() if step == "context" else {"the engine was refused by TensorRT"})


@pytest.mark.parametrize("step", ["input shape", "enqueue"])
def test_a_refused_run_names_the_network_and_what_to_do(
    step: Step, spec: Spec, shelf: Shelf, fake: FakeTensorRT
) -> None:
    engine = shelf.load(spec, fake)
    answer = engine.run(**tiny_network.INPUTS)["logits"]
    fake.faults.refused.add(step)
    with pytest.raises(
        UserError,
        match=r"tiny can run no longer on tensorrt \(the engine was refused .* engines.backend=onnx-cpu",
    ):
        engine.run(**tiny_network.INPUTS)
    fake.faults.refused.clear()
    np.testing.assert_array_equal(engine.run(**tiny_network.INPUTS)["logits"], answer)


def test_answers_of_a_wrong_shape_are_not_handed_out(spec: Spec, shelf: Shelf, fake: FakeTensorRT) -> None:
    engine = shelf.load(spec, fake)
    fake.faults.longer_by = 1
    with pytest.raises(UserError, match=r"gave output0 of shape \(2, 3\) where \(1, 3\) was due"):
        engine.run(**tiny_network.INPUTS)


def test_an_engine_that_makes_shapes_of_its_inputs_is_not_taken(
    spec: Spec, shelf: Shelf, fake: FakeTensorRT
) -> None:
    fake.faults.shape_inputs = True
    with pytest.raises(UserError, match="makes shapes of the numbers in values"):
        shelf.load(spec, fake)


def changed_shape(spec: Spec) -> Spec:
    values, counts = spec.inputs
    return replace(spec, inputs=(replace(values, shape=(*values.shape[:2], 9)), counts))


def renamed(spec: Spec) -> Spec:
    return replace(spec, inputs=(replace(spec.inputs[0], name="others"), spec.inputs[1]))


def of_another_kind(spec: Spec) -> Spec:
    return replace(spec, outputs=(replace(spec.outputs[0], dtype="int64"),))


def with_another_axis(spec: Spec) -> Spec:
    return replace(spec, inputs=(spec.inputs[0], Port("counts", "int64", (*spec.inputs[1].shape, 1))))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (changed_shape, r"takes values of shape \(-1, -1, 4\)"),
        (renamed, "its tensors are counts, output0, values, not counts, others, output0"),
        (of_another_kind, "output0 is not of int64"),
        (with_another_axis, r"takes counts of shape \(-1,\)"),
    ],
)
def test_an_engine_of_another_network_is_not_opened(
    other: Callable[[Spec], Spec], said: str, spec: Spec, fake: FakeTensorRT, tmp_path: Path
) -> None:
    folder = tmp_path / "engine"
    folder.mkdir()
    fake.build(spec, "fp32", folder)
    with pytest.raises(EngineRefused, match=said):
        fake.open(other(spec), folder)


@pytest.mark.parametrize("change", [{"gpu": "another GPU"}, {"version": "2.0"}])
def test_an_engine_of_another_gpu_or_version_cannot_be_opened(
    change: dict[str, str], spec: Spec, fake: FakeTensorRT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "engine"
    folder.mkdir()
    fake.build(spec, "fp32", folder)
    with pytest.raises(EngineRefused, match="another GPU, or by another version"):
        FakeTensorRT(**change).install(monkeypatch).open(spec, folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gpu": "another GPU"}, "was built for gpu one GPU, and here is another GPU"),
        ({"version": "2.0"}, "tensorrt 1.0"),
    ],
)
def test_on_another_gpu_or_version_an_engine_is_built_again_with_a_word(
    change: dict[str, str],
    said: str,
    spec: Spec,
    shelf: Shelf,
    fake: FakeTensorRT,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = shelf.load(spec, fake).run(**tiny_network.INPUTS)["logits"]
    found = shelf.load(spec, FakeTensorRT(**change).install(monkeypatch)).run(**tiny_network.INPUTS)["logits"]
    np.testing.assert_array_equal(found, expected)
    assert any(said in sentence and "another is built" in sentence for sentence in shelf.said)


def test_an_engine_that_the_runtime_stops_taking_is_built_again_with_a_word(
    spec: Spec, shelf: Shelf, fake: FakeTensorRT, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.load(spec, fake)
    build = tensorrt_build.serialized

    def mended(shapes: Spec, program: torch.export.ExportedProgram) -> bytes:
        fake.faults.refused.clear()
        return build(shapes, program)

    monkeypatch.setattr(tensorrt_build, "serialized", mended)
    fake.faults.refused.add("enqueue")
    assert shelf.load(spec, fake).run(**tiny_network.INPUTS)["logits"].shape == (1, tiny_network.CLASSES)
    assert any(
        re.search("tiny does not answer as it did .*refused by TensorRT.* built again", said)
        for said in shelf.said
    )


# Buffers.


def test_what_its_buffers_take_is_known_and_does_not_grow(
    spec: Spec, fake: FakeTensorRT, tmp_path: Path
) -> None:
    runner = opened(fake, spec, tmp_path / "engine")
    batch, length = spec.axes["batch"].maximum, spec.axes["length"].maximum
    values, counts, logits = (
        4 * batch * length * tiny_network.WIDTH,
        8 * batch,
        4 * batch * tiny_network.CLASSES,
    )
    assert runner.memory_bytes == values + counts + logits + INTERMEDIATE_BYTES
    (plan,) = runner._plans
    places = {name: buffer.data_ptr() for name, buffer in plan._buffers.items()}
    for sizes in (spec.sizes("minimum"), spec.sizes("maximum")):
        runner.run(spec.samples(sizes, np.random.default_rng(0))[0], sizes)
    assert {name: buffer.data_ptr() for name, buffer in plan._buffers.items()} == places


def test_without_room_for_its_buffers_it_says_so(
    spec: Spec, fake: FakeTensorRT, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Tensor:
        raise torch.OutOfMemoryError

    kept = shelf.load(spec, fake).info.key
    monkeypatch.setattr("emotrack.engines.backends.tensorrt_run._buffer", full)
    with pytest.raises(EngineUnavailable, match="the GPU has no room for it"):
        shelf.load(spec, fake)
    assert shelf.entry().name == kept  # it is as good as before


def test_contexts_live_on_the_worker_of_the_device(spec: Spec, fake: FakeTensorRT, tmp_path: Path) -> None:
    runner = opened(fake, spec, tmp_path / "engine")
    assert runner._worker is device_worker("cpu")
