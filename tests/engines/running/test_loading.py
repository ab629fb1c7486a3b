"""From a spec to an engine: the first backend that can, the reasons of all before it, and no silent
stand-in."""

import errno
import gc
import os
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch

from emotrack.engines.backends import cuda_graph, machine
from emotrack.engines.backends.backend import ENGINE_FILE
from emotrack.engines.backends.eager import Eager, EagerRunner
from emotrack.engines.backends.onnx_cpu import OnnxCpu, session_options
from emotrack.engines.cache.cache import EngineCache
from emotrack.engines.contract.definition import Definition, OnnxFile
from emotrack.engines.contract.engine import EngineRefused, EngineUnavailable, Runner, Skip
from emotrack.engines.contract.spec import EXACT, Arrays, Axis, Port, Precision, Sizes, Spec, Tolerance
from emotrack.engines.heads import step_spec
from emotrack.engines.open import open_encoders
from emotrack.engines.running import loading
from emotrack.engines.running.batching import Batcher
from emotrack.engines.running.loading import load, open_engine
from emotrack.engines.running.policy import ON_GPU, ORDER, Policy, policy_of
from emotrack.engines.running.pool import EnginePool
from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from emotrack.model.bundle import load_bundle
from helpers.networks import tiny_network


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


def test_what_cannot_be_opened_is_not_compiled_at_every_start(spec: Spec, cache: EngineCache) -> None:
    class Unreadable(OnnxCpu):
        name = "unreadable"

        def open(self, spec: Spec, folder: Path) -> Runner:
            (folder / ENGINE_FILE).write_bytes(b"no graph")
            return super().open(spec, folder)

    said: list[str] = []
    for _ in range(2):
        engine = load(spec, Policy((Unreadable(1), Eager("cpu"))), cache, said.append)
        (skip,) = engine.info.skipped
        assert skip.reason.startswith("ONNX Runtime cannot run it: ") and str(cache.folder) not in skip.reason
    assert len(said) == 1


class Broken:
    """Fails as libraries do on machines that they were not made for."""

    name = "broken"
    on_gpu = is_reference = False
    keeps: Literal[False] = False
    precisions: tuple[Precision, ...] = ("fp32",)
    optional: tuple[Precision, ...] = ()

    def __init__(self, error: Exception) -> None:
        self._error = error

    def obstacle(self, spec: Spec) -> str | None:
        return None

    def start(self, spec: Spec) -> Runner:
        raise self._error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            RuntimeError("no kernel image is available\nfor this device"),
            "it fails here: no kernel image is available",
        ),
        (KeyError(), "it fails here: KeyError"),
        (MemoryError(), "there is no room for it"),
        (OSError("libcudart.so: not found"), "it fails here: libcudart.so: not found"),
    ],
)
def test_a_backend_that_fails_gives_way_to_the_next(
    error: Exception, reason: str, spec: Spec, cache: EngineCache
) -> None:
    engine = load(spec, Policy((Broken(error), Eager("cpu"))), cache, lambda _: None)
    assert engine.info.skipped == (Skip("broken fp32", reason),)


class Failing(OnnxCpu):
    """Raises what `error` makes of the folder that it is to build in."""

    def __init__(self, error: Callable[[Path], Exception]) -> None:
        super().__init__(1)
        self._error = error

    def build(self, spec: Spec, precision: Precision, folder: Path) -> None:
        (folder / "half").touch()
        raise self._error(folder)


def named(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (lambda folder: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (lambda folder: OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "Disk quota exceeded"),
        (lambda folder: named(errno.EACCES, folder / "engine.bin"), "Permission denied"),
        (lambda folder: named(errno.EROFS, folder / "engine.bin"), "Read-only file system"),
    ],
)
def test_an_error_of_the_folder_is_one_sentence_and_leaves_nothing(
    error: Callable[[Path], Exception], reason: str, spec: Spec, cache: EngineCache
) -> None:
    with pytest.raises(UserError, match=rf"\({reason}\): set engines.cache to another folder\.$"):
        load(spec, Policy((Failing(error), Eager("cpu"))), cache, lambda _: None)
    assert not [path for path in cache.folder.iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    "error",
    [
        OSError("libgone.so: cannot open shared object file"),
        ImportError("undefined symbol: nothing"),
        named(errno.EACCES, Path("/usr/lib/libgone.so")),
        named(errno.ENOENT, Path("/usr/lib/libgone.so")),
        RuntimeError("operator torchvision::nms does not exist"),
    ],
)
def test_an_error_of_anything_else_is_not_the_folders(
    error: Exception, spec: Spec, cache: EngineCache
) -> None:
    engine = load(spec, Policy((Failing(lambda _: error), Eager("cpu"))), cache, lambda _: None)
    (skip,) = engine.info.skipped
    assert skip.reason == f"it fails here: {error}"


LIBRARY = "libgone.so: cannot open shared object file: No such file or directory"


@pytest.fixture
def unloadable(spec: Spec) -> Spec:
    """A network one of whose libraries does not load."""
    return replace(spec, definition=Definition("helpers.stand_ins.unloadable_library"))


def test_a_library_that_does_not_load_is_the_networks_failure_and_is_tried_again_at_the_next_start(
    unloadable: Spec, cache: EngineCache
) -> None:
    with pytest.raises(EngineUnavailable) as failed:
        load(unloadable, Policy((OnnxCpu(1), Eager("cpu"))), cache, lambda _: None)
    assert failed.value.cause == f"it fails here: {LIBRARY}"
    assert str(failed.value) == (
        f"The network tiny cannot be run here (onnx-cpu fp32, eager-cpu fp32: it fails here: {LIBRARY}): "
        "mend that, or install again."
    )
    assert cache.entries() == []


def test_a_modality_whose_network_fails_is_left_out_with_its_words(
    unloadable: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotrack.engines.encoders.sound.voice.voice_spec", lambda *given: unloadable)
    settings = EngineSettings(device="cpu", cache=tmp_path, text="none", face="none")
    said: list[str] = []
    encoders = open_encoders(EnginePool(settings, said.append), settings, load_bundle(), said.append)
    assert encoders.audio is None
    assert encoders.unusable["audio"].startswith(
        "encoder failed: it fails here: libgone.so: cannot open shared object file"
    )
    (report,) = (one for one in encoders.report if one.modality == "audio")
    assert report.reason is not None and LIBRARY in report.reason
    (sentence,) = (one for one in said if LIBRARY in one)
    assert sentence.startswith("audio is left out: ") and not [one for one in said if "engines.cache" in one]


def test_weights_that_the_user_named_and_that_are_not_there_are_told_though_their_modality_is_masked_anyway(
    tmp_path: Path,
) -> None:
    settings = EngineSettings(
        device="cpu", cache=tmp_path, text="none", audio="none", face="none", body_weights=Path("gone.onnx")
    )
    bundle, said = load_bundle(), list[str]()
    assert "body" not in bundle.configuration.trained
    encoders = open_encoders(EnginePool(settings, said.append), settings, bundle, said.append)
    (sentence,) = said
    assert sentence.startswith("body is left out: There are no YOLO weights at gone.onnx; ")
    assert [one.modality for one in encoders.report if one.amiss] == ["body"]


def test_only_finer_precisions_follow_the_one_asked_for(spec: Spec) -> None:
    class Three(OnnxCpu):
        precisions: tuple[Precision, ...] = ("fp16", "fp32", "bf16")
        optional: tuple[Precision, ...] = ("bf16",)

    def tried(precision: Precision | None) -> list[str]:
        return [
            attempt[1]
            for attempt in Policy((Three(1),), precision).attempts(spec)
            if not isinstance(attempt, Skip)
        ]

    assert tried(None) == ["fp16", "fp32"]
    assert tried("fp32") == ["fp32"]
    assert tried("fp16") == ["fp16", "fp32"]
    assert tried("bf16") == ["bf16", "fp16", "fp32"]
    assert tried("int8") == ["fp16", "fp32"]


def test_a_precision_that_is_refused_gives_way_to_the_usual_one(spec: Spec, cache: EngineCache) -> None:
    strict = replace(spec, tolerance=Tolerance({**EXACT.absolute, "int8": -1.0}, 0.999))
    engine = load(strict, Policy((OnnxCpu(1),), "int8"), cache, lambda _: None)
    assert engine.info.precision == "fp32" and [skip.backend for skip in engine.info.skipped] == [
        "onnx-cpu int8"
    ]
    other = load(spec, Policy((OnnxCpu(1),), "fp16"), cache, lambda _: None)
    assert other.info.precision == "fp32"
    assert [(skip.backend, skip.reason) for skip in other.info.skipped] == [
        ("onnx-cpu fp16", "it does not compute so")
    ]


def test_int8_moves_the_shipped_context_too_far_and_is_refused(cache: EngineCache) -> None:
    # Which of the two is said first is up to the processor: int8 arithmetic differs with its instructions.
    with pytest.raises(EngineRefused, match=r"its answers differ by|it gives another label"):
        open_engine(step_spec(load_bundle()), OnnxCpu(1), "int8", cache, lambda _: None)


def test_the_quickest_is_tried_first_and_torch_on_the_processor_last() -> None:
    names = [backend.name for backend in policy_of(EngineSettings()).backends]
    assert names == list(ORDER) and names[0] == "tensorrt" and names[-1] == "eager-cpu"
    assert [backend.name for backend in policy_of(EngineSettings(device="cpu")).backends] == [
        "onnx-cpu",
        "eager-cpu",
    ]
    assert [backend.name for backend in policy_of(EngineSettings(backend="tensorrt")).backends] == [
        "tensorrt"
    ]
    assert set(ON_GPU) == {name for name in ORDER if not name.endswith("-cpu")}


def test_sessions_share_an_engine_as_long_as_one_of_them_lives(spec: Spec, tmp_path: Path) -> None:
    settings = EngineSettings(backend="onnx-cpu", cache=tmp_path)
    first, second = (EnginePool(settings, lambda _: None).engine(spec) for _ in range(2))
    assert first is second
    other = EnginePool(settings.model_copy(update={"threads": 2}), lambda _: None).engine(spec)
    assert other is not first
    gone = weakref.ref(first)
    del first, second
    gc.collect()
    assert gone() is None


def test_a_backend_of_ones_own_is_tried_first_and_shared_by_those_who_bring_it(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Own(Eager):
        """As if on a GPU, whose engines all work in batches."""

        def __init__(self) -> None:
            super().__init__("cpu")
            self.name, self.on_gpu = "own", True

        def obstacle(self, spec: Spec) -> None:
            return None

        def start(self, spec: Spec) -> Runner:
            return EagerRunner(spec, "cpu")

    monkeypatch.setattr(loading, "used_bytes", lambda on_gpu: 0)
    own, settings = Own(), EngineSettings(cache=tmp_path)
    first, second = (EnginePool(settings, lambda _: None, own=[own]).engine(spec) for _ in range(2))
    assert first is second and first.info.backend == "own" and isinstance(first, Batcher)
    assert EnginePool(settings, lambda _: None).engine(spec).info.backend == "onnx-cpu"


def test_networks_of_one_name_are_told_apart(spec: Spec, tmp_path: Path) -> None:
    engines = EnginePool(
        EngineSettings(backend="eager-cpu", cache=tmp_path, batch_delay_ms=3.0), lambda _: None
    )
    weights = tiny_network.save(tmp_path / "other.safetensors", 1)
    found = [
        engines.engine(one)
        for one in (spec, tiny_network.spec(weights), replace(spec, tolerance=Tolerance({"fp32": 1.0}, 0.5)))
    ]
    assert len({id(one) for one in found}) == 3
    assert isinstance(found[0], Batcher) and found[0]._delay == 0.003


@pytest.mark.parametrize("cause", [MemoryError(), OSError()])
def test_a_refusal_for_want_of_room_is_not_remembered(
    cause: Exception, spec: Spec, cache: EngineCache
) -> None:
    class Cramped(OnnxCpu):
        def build(self, spec: Spec, precision: Precision, folder: Path) -> None:
            raise EngineRefused("there is no room") from cause

    with pytest.raises(EngineUnavailable, match="there is no room"):
        load(spec, Policy((Cramped(1),)), cache, lambda _: None)
    assert cache.entries() == []


def test_what_a_kept_engine_took_is_asked_for_before_it_is_opened(
    spec: Spec, cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int, bool]] = []
    used = iter([0, 10**7])
    monkeypatch.setattr(loading, "used_bytes", lambda on_gpu: next(used))
    assert load(spec, Policy((OnnxCpu(1),)), cache, lambda _: None).info.memory_bytes == 10**7
    monkeypatch.setattr(loading, "require_room", lambda *arguments: asked.append(arguments))
    load(spec, Policy((OnnxCpu(1),)), cache, lambda _: None)
    assert asked == [("tiny", 10**7, False)]


def test_what_is_started_anew_each_time_has_to_answer_as_the_network_too(
    spec: Spec, cache: EngineCache
) -> None:
    class Off(EagerRunner):
        def run(self, inputs: Arrays, sizes: Sizes) -> Arrays:
            return {name: array + 0.01 for name, array in super().run(inputs, sizes).items()}

    class Inexact(Broken):
        def start(self, spec: Spec) -> Runner:
            return Off(spec, "cpu")

    with pytest.raises(EngineRefused, match="its answers differ by"):
        open_engine(spec, Inexact(ValueError()), "fp32", cache, lambda _: None)


def test_threads_are_as_many_as_asked_for(spec: Spec) -> None:
    assert session_options(3).intra_op_num_threads == 3
    before = torch.get_num_threads()
    try:
        Eager("cpu", before + 1).start(spec)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_a_network_of_too_many_sizes_is_not_captured(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_graph, "gpu_obstacle", lambda: None)
    assert cuda_graph.CudaGraph(inductor=False).obstacle(spec) is None
    many = tuple(range(1, cuda_graph.GRAPHS + 2))
    batch = Axis("batch", many, typical=1)
    endless = replace(spec, inputs=(Port("counts", "int64", (batch,)),))
    assert "it would take 65 graphs" in (cuda_graph.CudaGraph(inductor=False).obstacle(endless) or "")


def test_an_engine_for_which_there_is_no_room_is_not_opened(
    spec: Spec, cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(spec, Policy((OnnxCpu(1),)), cache, lambda _: None)
    monkeypatch.setattr(machine, "free_bytes", lambda on_gpu: -1)
    with pytest.raises(UserError, match=r"takes .* GB of memory and .* are free: end other programs"):
        load(spec, Policy((OnnxCpu(1),)), cache, lambda _: None)


def test_where_the_gpu_is_full_the_next_backend_is_taken_and_the_engine_is_kept(
    spec: Spec, cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OnCard(OnnxCpu):
        name = "on-card"
        on_gpu = True

    monkeypatch.setattr(loading, "used_bytes", lambda on_gpu: 0)
    policy = Policy((OnCard(1), OnnxCpu(1)))
    for free, taken in ((10**12, "on-card"), (-1, "onnx-cpu"), (10**12, "on-card")):
        monkeypatch.setattr(machine, "free_bytes", lambda on_gpu, free=free: free if on_gpu else 10**12)
        engine = load(spec, policy, cache, lambda _: None)
        assert engine.info.backend == taken
        assert all("GB of the GPU's memory and" in skip.reason for skip in engine.info.skipped)
    assert len(cache.entries()) == 2


@pytest.mark.usefixtures("without_gpu")
def test_a_backend_that_is_named_is_taken_or_tracking_does_not_begin(tmp_path: Path) -> None:
    """Also where just one stream's network cannot be run by it: nothing else stands in, and no stream is left
    out."""
    settings = EngineSettings(backend="tensorrt", cache=tmp_path)
    with pytest.raises(EngineUnavailable, match="cannot be run as asked for"):
        open_encoders(EnginePool(settings, lambda _: None), settings, load_bundle(), lambda _: None)


def test_settings_that_exclude_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="set one of them to auto"):
        policy_of(EngineSettings(device="cpu", backend="cuda-graph"))
    monkeypatch.setattr("emotrack.engines.running.policy.gpu_obstacle", lambda: None)
    with pytest.raises(UserError, match="set one to auto"):
        policy_of(EngineSettings(device="cuda", backend="onnx-cpu"))


def test_a_graph_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"gone.onnx cannot be read \(No such file.*\): give the path of a network\.$"
    ):
        OnnxFile(tmp_path / "gone.onnx", "a network").digest()
