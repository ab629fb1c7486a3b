"""What every backend promises, asked of each that this machine has; of TensorRT also with a fake of its
runtime.

The promises that `emotrack engines selftest` examines, and for backends that keep engines, that what is
damaged or unfinished is never run. A backend that is not here is skipped with its reason.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotrack.engines.backends.backend import Backend
from emotrack.engines.cache.entry import MANIFEST
from emotrack.engines.contract.engine import Engine
from emotrack.engines.contract.parity import compare_outputs
from emotrack.engines.contract.spec import Spec
from emotrack.engines.running.loading import reference_run
from emotrack.engines.running.policy import ORDER, policy_of
from emotrack.engines.running.selftest import examine
from emotrack.engines.settings import EngineSettings
from helpers.networks import tiny_network
from helpers.networks.engines import Shelf
from helpers.networks.sequence_network import sequence_spec
from helpers.stand_ins.fake_tensorrt_runtime import FakeTensorRT

FAKE = "tensorrt with a fake runtime"
KEEPING = ("onnx-cpu", "tensorrt", FAKE)


@pytest.fixture(scope="module", params=[*ORDER, FAKE])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == FAKE:
            found: Backend = FakeTensorRT().install(patch)
        else:
            (found,) = policy_of(EngineSettings(backend=request.param)).backends
        yield found


@pytest.fixture(scope="module", params=["tiny", "sequence"])
def spec(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Spec:
    weights = tiny_network.save(tmp_path_factory.mktemp("weights") / "tiny.safetensors")
    found = sequence_spec() if request.param == "sequence" else tiny_network.spec(weights)
    if (obstacle := backend.obstacle(found)) is not None:
        pytest.skip(f"{backend.name}: {obstacle}")
    return found


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("contract") / "engines")


@pytest.fixture(scope="module")
def engine(spec: Spec, backend: Backend, shelf: Shelf) -> Engine:
    return shelf.load(spec, backend)


def test_it_keeps_every_promise(spec: Spec, engine: Engine) -> None:
    broken = [finding for finding in examine(spec, engine) if not finding.holds]
    assert not broken


def test_it_answers_as_the_network_at_every_length(spec: Spec, engine: Engine) -> None:
    reference = reference_run(spec)
    for batch in (1, 3):
        for length in range(1, spec.axes["length"].maximum + 1):
            for inputs in spec.samples({"batch": batch, "length": length}, np.random.default_rng(length)):
                parity = compare_outputs(spec, reference(inputs), engine.run_named(inputs))
                assert parity.refusal(spec, engine.info.precision) is None


def test_answers_are_those_of_the_network_whatever_ran_before(spec: Spec, engine: Engine) -> None:
    """Buffers of the greatest shapes are full of what the last inputs left in them."""
    small = spec.samples(spec.sizes("minimum"), np.random.default_rng(0))[0]
    first = engine.run_named(small)
    for inputs in spec.samples(spec.sizes("maximum"), np.random.default_rng(1)):
        engine.run_named(
            {name: 100 * array if array.dtype == np.float32 else array for name, array in inputs.items()}
        )
    again = engine.run_named(small)
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
        assert not np.shares_memory(array, again[name])


@pytest.mark.parametrize("backend", KEEPING, indirect=True)
@pytest.mark.parametrize("harm", ["one byte", "cut off", "gone"])
def test_an_engine_that_is_damaged_is_built_again_with_a_word(
    harm: str, backend: Backend, spec: Spec, engine: Engine, shelf: Shelf
) -> None:
    file = max((shelf.folder / str(engine.info.key)).iterdir(), key=lambda path: path.stat().st_size)
    whole = file.read_bytes()
    if harm == "one byte":
        file.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    elif harm == "cut off":
        file.write_bytes(whole[: len(whole) // 2])
    else:
        file.unlink()
    shelf.said.clear()
    inputs = spec.samples(spec.sizes("typical"), np.random.default_rng(3))[0]
    found = shelf.load(spec, backend).run_named(inputs)
    assert any(spec.name in said and "built again" in said for said in shelf.said)
    assert compare_outputs(spec, engine.run_named(inputs), found).refusal(spec, engine.info.precision) is None
    shelf.said.clear()
    shelf.load(spec, backend)
    assert not shelf.said


@pytest.mark.parametrize("backend", KEEPING, indirect=True)
def test_a_build_that_breaks_off_leaves_nothing(
    backend: Backend, spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(BaseException):
        pass

    assert backend.keeps
    whole = backend.build

    def half(*arguments: Any) -> None:
        whole(*arguments)
        raise Stopped

    monkeypatch.setattr(backend, "build", half)
    shelf = Shelf(tmp_path / "engines")
    with pytest.raises(Stopped):
        shelf.load(spec, backend)
    assert not shelf.cache.entries()
    assert not list(shelf.folder.rglob(MANIFEST))
    assert not [path for path in shelf.folder.iterdir() if path.is_dir()]
