"""From a spec to an engine: the first backend that can, the reasons of all before it, and no silent stand-in."""

from pathlib import Path

import pytest

from emotrack.engines import memory
from emotrack.engines.backends.eager import Eager
from emotrack.engines.backends.onnx_cpu import OnnxCpu
from emotrack.engines.cache import EngineCache
from emotrack.engines.context import step_spec
from emotrack.engines.encoders import open_encoders
from emotrack.engines.engine import EngineRefused, EngineUnavailable
from emotrack.engines.loading import load, open_engine
from emotrack.engines.policy import ON_GPU, ORDER, Policy, policy_of
from emotrack.engines.pool import EnginePool
from emotrack.engines.settings import EngineSettings
from emotrack.engines.spec import Precision, Spec
from emotrack.model.bundle import load_bundle
from emotrack.model.errors import UserError
from helpers import tiny_network


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    return tiny_network.spec(tiny_network.save(tmp_path_factory.mktemp("weights") / "tiny.safetensors"))


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines", 10**9, lambda _: None)


class Absent(OnnxCpu):
    name = "absent"

    def obstacle(self, spec: Spec) -> str | None:
        return "it is not here"


class Unable(OnnxCpu):
    name = "unable"
    builds = 0

    def build(self, spec: Spec, precision: Precision, folder: Path) -> None:
        Unable.builds += 1
        (folder / "half").touch()
        raise EngineRefused("it cannot do that")


def test_every_backend_that_was_not_taken_says_why(spec: Spec, cache: EngineCache) -> None:
    for _ in range(2):
        engine = load(spec, Policy((Absent(1), Unable(1), OnnxCpu(1), Eager("cpu"))), cache, lambda _: None)
        assert [(skip.backend, skip.reason) for skip in engine.info.skipped] == [
            ("absent", "it is not here"),
            ("unable fp32", "it cannot do that"),
        ]
        assert engine.info.backend == "onnx-cpu"
    assert Unable.builds == 1  # what cannot be compiled is not tried at every start


def test_where_nothing_can_all_reasons_are_told(spec: Spec, cache: EngineCache) -> None:
    with pytest.raises(UserError, match=r"\(absent: it is not here; unable fp32: it cannot do that\)"):
        load(spec, Policy((Absent(1), Unable(1))), cache, lambda _: None)


def test_a_precision_that_is_refused_gives_way_to_the_usual_one(spec: Spec, cache: EngineCache) -> None:
    engine = load(spec, Policy((OnnxCpu(1),), "int8"), cache, lambda _: None)
    if engine.info.precision == "fp32":  # so small a network may pass the gate or not
        assert engine.info.skipped[0].backend == "onnx-cpu int8"
    other = load(spec, Policy((OnnxCpu(1),), "fp16"), cache, lambda _: None)
    assert other.info.precision == "fp32"
    assert [(skip.backend, skip.reason) for skip in other.info.skipped] == [("onnx-cpu fp16", "it does not compute so")]


def test_int8_moves_the_shipped_context_too_far_and_is_refused(cache: EngineCache) -> None:
    with pytest.raises(EngineRefused, match="its answers differ by"):
        open_engine(step_spec(load_bundle()), OnnxCpu(1), "int8", cache, lambda _: None)


def test_the_quickest_is_tried_first_and_torch_on_the_processor_last() -> None:
    names = [backend.name for backend in policy_of(EngineSettings()).backends]
    assert names == list(ORDER) and names[0] == "tensorrt" and names[-1] == "eager-cpu"
    assert [backend.name for backend in policy_of(EngineSettings(device="cpu")).backends] == ["onnx-cpu", "eager-cpu"]
    assert [backend.name for backend in policy_of(EngineSettings(backend="tensorrt")).backends] == ["tensorrt"]
    assert set(ON_GPU) == {name for name in ORDER if not name.endswith("-cpu")}


def test_sessions_share_an_engine_as_long_as_one_of_them_lives(spec: Spec, tmp_path: Path) -> None:
    settings = EngineSettings(backend="onnx-cpu", cache=tmp_path)
    first, second = (EnginePool(settings, lambda _: None).engine(spec) for _ in range(2))
    assert first is second
    other = EnginePool(settings.model_copy(update={"threads": 2}), lambda _: None).engine(spec)
    assert other is not first


def test_an_engine_for_which_there_is_no_room_is_not_opened(
    spec: Spec, cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(spec, Policy((OnnxCpu(1),)), cache, lambda _: None)
    monkeypatch.setattr(memory, "free_bytes", lambda on_gpu: -1)
    with pytest.raises(UserError, match=r"takes .* GB of memory and .* are free: end other programs"):
        load(spec, Policy((OnnxCpu(1),)), cache, lambda _: None)


def test_a_backend_that_is_named_is_taken_or_tracking_does_not_begin(tmp_path: Path) -> None:
    """Also where just one stream's network cannot be run by it: nothing else stands in, and no stream is left out."""
    settings = EngineSettings(backend="tensorrt", cache=tmp_path)
    with pytest.raises(EngineUnavailable, match="cannot be run as asked for"):
        open_encoders(EnginePool(settings, lambda _: None), settings, load_bundle(), lambda _: None)


def test_settings_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(UserError, match="set one of them to auto"):
        policy_of(EngineSettings(device="cpu", backend="cuda-graph"))
