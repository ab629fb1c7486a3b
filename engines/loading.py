"""From a network's spec to an engine of it: out of the cache where it is, else built, compared and kept; else the next backend."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from emotrack.engines.backends.backend import Backend
from emotrack.engines.cache import EngineCache, Entry, Manifest, Origin
from emotrack.engines.definition import OnnxFile
from emotrack.engines.engine import Engine, EngineInfo, EngineRefused, Runner, Skip
from emotrack.engines.memory import require_room, used_bytes
from emotrack.engines.parity import Parity, answers, compare, compare_outputs
from emotrack.engines.policy import Policy
from emotrack.engines.spec import Arrays, Precision, Spec
from emotrack.model.errors import UserError

Told = Callable[[str], None]
"""Is told in one sentence what takes time."""
ITSELF = Parity(0.0, 1.0, 1.0)


def load(spec: Spec, policy: Policy, cache: EngineCache, told: Told) -> Engine:
    """The first engine of `policy` that can be had, with the reasons why those before it were not taken.

    Raises `UserError` where none can, and where the network itself cannot be had.
    """
    skipped: list[Skip] = []
    for backend in policy.backends:
        if (obstacle := backend.obstacle(spec)) is not None:
            skipped.append(Skip(backend.name, obstacle))
            continue
        if policy.precision is not None and policy.precision not in backend.precisions:
            skipped.append(Skip(f"{backend.name} {policy.precision}", "it does not compute so"))
        for precision in policy.precisions(backend):
            try:
                return open_engine(spec, backend, precision, cache, told, tuple(skipped))
            except EngineRefused as refusal:
                skipped.append(Skip(f"{backend.name} {precision}", str(refusal)))
    reasons = "; ".join(f"{skip.backend}: {skip.reason}" for skip in skipped)
    raise UserError(f"The network {spec.name} cannot be run as asked for ({reasons}): set engines.backend to auto.")


def open_engine(
    spec: Spec, backend: Backend, precision: Precision, cache: EngineCache, told: Told, skipped: tuple[Skip, ...] = ()
) -> Engine:
    """An engine of one backend in one precision, telling what was `skipped` for it; raises `EngineRefused` where there is none."""
    if backend.keeps:
        return _open_kept(spec, backend, precision, cache, skipped, told)
    return _open_unkept(spec, backend, precision, skipped)


def build(spec: Spec, backend: Backend, precision: Precision, cache: EngineCache, told: Told) -> Entry:
    """Compile a network, compare it with itself as written, and keep it; one that differs or cannot be compiled is kept as refused.

    Raises `EngineRefused` where what was compiled cannot be opened now.
    """
    origin = origin_of(spec, backend, precision)
    with cache.building(origin) as folder:
        if (entry := cache.find(origin)) is not None:  # another process was quicker
            return entry
        told(f"compiling {spec.name} for {backend.name} ({precision}), once for this machine …")
        began = time.perf_counter()
        try:
            backend.build(spec, precision, folder)
        except EngineRefused as refusal:
            return _keep_refused(cache, folder, origin, str(refusal), time.perf_counter() - began)
        reference = reference_run(spec)
        expected = answers(spec, reference)
        before = used_bytes(backend.on_gpu)
        parity = compare(spec, expected, _run_of(spec, backend.open(spec, precision, folder)))
        memory = max(0, used_bytes(backend.on_gpu) - before)
        took = time.perf_counter() - began
        if (refused := parity.refusal(spec, precision)) is not None:
            return _keep_refused(cache, folder, origin, refused, took)
        inputs = check_inputs(spec)
        return cache.keep(folder, Manifest(origin, parity, took, memory, {}), (inputs, reference(inputs)))


def _keep_refused(cache: EngineCache, folder: Path, origin: Origin, refusal: str, seconds: float) -> Entry:
    """Remember that it is of no use, so that it is not compiled at every start only to be refused."""
    for file in folder.iterdir():
        file.unlink()
    return cache.keep(folder, Manifest(origin, None, seconds, 0, {}, refusal), None)


def origin_of(spec: Spec, backend: Backend, precision: Precision) -> Origin:
    """Everything that an engine of `spec` depends on."""
    shapes = f"{spec.inputs} {spec.outputs} {spec.tolerance}"
    return Origin(spec.name, backend.name, precision, spec.definition.digest(), shapes, backend.hardware())


def reference_run(spec: Spec) -> Callable[[Arrays], Arrays]:
    """The network as it is written: in fp32, run by torch on the processor, or as the graph that was given."""
    if isinstance(spec.definition, OnnxFile):
        from emotrack.engines.backends.onnx_file import open_as_given

        return _run_of(spec, open_as_given(spec, spec.definition))
    from emotrack.engines.backends.eager import EagerRunner

    return _run_of(spec, EagerRunner(spec, "cpu"))


def check_inputs(spec: Spec) -> Arrays:
    """What an engine is tried on at each start: inputs of the usual size."""
    return spec.samples(spec.sizes("typical"), np.random.default_rng(0))[0]


def _open_kept(
    spec: Spec, backend: Backend, precision: Precision, cache: EngineCache, skipped: tuple[Skip, ...], told: Told
) -> Engine:
    """An engine of a backend that keeps what it compiled."""
    origin = origin_of(spec, backend, precision)
    entry = cache.find(origin)
    if entry is None:
        cache.tell_what_changed(origin)
    runner = None if entry is None else _reopened(spec, backend, precision, cache, entry)
    if entry is None or runner is None:
        entry = build(spec, backend, precision, cache, told)
        if entry.manifest.refusal is not None:
            raise EngineRefused(entry.manifest.refusal)
        runner = backend.open(spec, precision, entry.folder)
    manifest = entry.manifest
    assert manifest.parity is not None
    info = EngineInfo(
        spec.name, backend.name, precision, manifest.parity, manifest.build_seconds, manifest.memory_bytes, origin.key, skipped
    )
    return Engine(spec, info, runner)


def _open_unkept(spec: Spec, backend: Backend, precision: Precision, skipped: tuple[Skip, ...]) -> Engine:
    """An engine of a backend that is made anew at every start."""
    began, before = time.perf_counter(), used_bytes(backend.on_gpu)
    runner = backend.open(spec, precision, Path())
    parity = ITSELF if backend.is_reference else compare(spec, answers(spec, reference_run(spec)), _run_of(spec, runner))
    if (refusal := parity.refusal(spec, precision)) is not None:
        raise EngineRefused(refusal)
    memory = max(0, used_bytes(backend.on_gpu) - before)
    info = EngineInfo(spec.name, backend.name, precision, parity, time.perf_counter() - began, memory, None, skipped)
    return Engine(spec, info, runner)


def _reopened(spec: Spec, backend: Backend, precision: Precision, cache: EngineCache, entry: Entry) -> Runner | None:
    """A kept engine that still answers as it did when it was built; of any other, None, and it is thrown away with a word."""
    if entry.manifest.refusal is not None:
        raise EngineRefused(entry.manifest.refusal)
    require_room(spec.name, entry.manifest.memory_bytes, backend.on_gpu)
    try:
        runner = backend.open(spec, precision, entry.folder)
        inputs, expected = entry.check()
        problem = compare_outputs(spec, expected, _run_of(spec, runner)(inputs)).refusal(spec, precision)
    except EngineRefused as refusal:
        problem = str(refusal)
    if problem is None:
        return runner
    cache.discard(entry.manifest.origin, f"does not answer as it did ({problem})")
    return None


def _run_of(spec: Spec, runner: Runner) -> Callable[[Arrays], Arrays]:
    return lambda inputs: runner.run(inputs, spec.measure(inputs))
