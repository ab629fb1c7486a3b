"""From a network's spec to an engine of it: out of the cache where it is, else built, compared and kept; else the next backend."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from emotrack.engines.backends.backend import Backend, CompilingBackend, DirectBackend
from emotrack.engines.cache import EngineCache
from emotrack.engines.cache_entry import Entry, Manifest, Origin
from emotrack.engines.definition import OnnxFile, source_digest
from emotrack.engines.engine import Engine, EngineInfo, EngineRefused, EngineUnavailable, NoRoom, Runner, Skip
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

    Raises `EngineUnavailable` where none can, and `UserError` where the network itself cannot be had.
    """
    skipped: list[Skip] = []
    for attempt in policy.attempts(spec):
        if isinstance(attempt, Skip):
            skipped.append(attempt)
            continue
        backend, precision = attempt
        try:
            return open_engine(spec, backend, precision, cache, told, tuple(skipped))
        except EngineRefused as refusal:
            skipped.append(Skip(f"{backend.name} {precision}", str(refusal)))
    reasons = "; ".join(f"{skip.backend}: {skip.reason}" for skip in skipped)
    raise EngineUnavailable(f"The network {spec.name} cannot be run as asked for ({reasons}): set engines.backend to auto.")


def open_engine(
    spec: Spec, backend: Backend, precision: Precision, cache: EngineCache, told: Told, skipped: tuple[Skip, ...] = ()
) -> Engine:
    """An engine of one backend in one precision, telling what was `skipped` for it; raises `EngineRefused` where there is none."""
    if backend.keeps:
        return _open_kept(spec, backend, precision, cache, skipped, told)
    return _start(spec, backend, precision, skipped)


def build(spec: Spec, backend: CompilingBackend, precision: Precision, cache: EngineCache, told: Told) -> tuple[Entry, Runner]:
    """Compile a network, compare it with itself as written, keep it, and leave it open.

    Raises `EngineRefused` where it differs or cannot be compiled, which is remembered, or cannot be opened now.
    """
    origin = origin_of(spec, backend, precision)
    with cache.building(origin) as folder:
        entry = cache.find(origin)  # another process may have been quicker
        if entry is not None and (runner := _reopened(spec, backend, precision, cache, entry)) is not None:
            return entry, runner
        told(f"compiling {spec.name} for {backend.name} ({precision}), once for this machine …")
        began = time.perf_counter()
        try:
            with _failures_refused():
                backend.build(spec, precision, folder)
            reference = reference_run(spec)
            check = (inputs := check_inputs(spec)), reference(inputs)
            runner, parity, memory = _gated(
                spec, precision, [*answers(spec, reference), check], backend.on_gpu, lambda: backend.open(spec, folder)
            )
        except EngineRefused as refusal:
            if refusal.lasting:  # or it would be compiled at every start only to be refused
                for file in folder.iterdir():
                    file.unlink()
                cache.keep(folder, Manifest(origin, None, time.perf_counter() - began, 0, {}, str(refusal)), None)
            raise
        return cache.keep(folder, Manifest(origin, parity, time.perf_counter() - began, memory, {}), check), runner


def _gated(
    spec: Spec, precision: Precision, expected: Sequence[tuple[Arrays, Arrays]], on_gpu: bool, begin: Callable[[], Runner]
) -> tuple[Runner, Parity, int]:
    """What `begin` gives, how far its answers are from those expected, and the bytes that it takes; raises `EngineRefused`."""
    before = used_bytes(on_gpu)
    with _failures_refused():
        runner = begin()
        parity = compare(spec, expected, _run_of(spec, runner))
    if (refusal := parity.refusal(spec, precision)) is not None:
        raise EngineRefused(refusal)
    return runner, parity, runner.memory_bytes or max(0, used_bytes(on_gpu) - before)


@contextlib.contextmanager
def _failures_refused() -> Iterator[None]:
    """Make a refusal of whatever libraries raise over a network or a machine that they cannot cope with; not of a full disk."""
    try:
        yield
    except (UserError, EngineRefused, OSError):
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            raise NoRoom("there is no room for it") from error
        raise EngineRefused(f"it fails here: {(str(error).strip() or type(error).__name__).splitlines()[0].rstrip('.')}") from error


def origin_of(spec: Spec, backend: CompilingBackend, precision: Precision) -> Origin:
    """Everything that an engine of `spec` depends on."""
    graph = hashlib.sha256((spec.definition.digest() + source_digest(backend.compiler)).encode()).hexdigest()
    return Origin(spec.name, backend.name, precision, graph, shapes_of(spec), backend.hardware())


def shapes_of(spec: Spec) -> str:
    """What goes in and comes out, and what an engine has to be held to."""
    return f"{spec.inputs} {spec.outputs} {spec.tolerance} {spec.decides}"


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
    spec: Spec, backend: CompilingBackend, precision: Precision, cache: EngineCache, skipped: tuple[Skip, ...], told: Told
) -> Engine:
    """An engine of a backend that keeps what it compiled."""
    origin = origin_of(spec, backend, precision)
    entry = cache.find(origin)
    if entry is None:
        cache.tell_what_changed(origin)
    runner = None if entry is None else _reopened(spec, backend, precision, cache, entry)
    if entry is None or runner is None:
        entry, runner = build(spec, backend, precision, cache, told)
    manifest = entry.manifest
    assert manifest.parity is not None
    info = EngineInfo(
        spec.name, backend.name, precision, manifest.parity, manifest.build_seconds, manifest.memory_bytes, origin.key, skipped
    )
    return Engine(spec, info, runner)


def _start(spec: Spec, backend: DirectBackend, precision: Precision, skipped: tuple[Skip, ...]) -> Engine:
    """An engine of a backend that makes it anew at every start."""
    began = time.perf_counter()
    if backend.is_reference:
        before = used_bytes(backend.on_gpu)
        runner, parity = backend.start(spec), ITSELF
        memory = max(0, used_bytes(backend.on_gpu) - before)
    else:
        expected = answers(spec, reference_run(spec))
        try:
            runner, parity, memory = _gated(spec, precision, expected, backend.on_gpu, lambda: backend.start(spec))
        except OSError as error:  # a library or a compiler that is not there
            raise EngineRefused(f"it fails here: {error}") from error
    info = EngineInfo(spec.name, backend.name, precision, parity, time.perf_counter() - began, memory, None, skipped)
    return Engine(spec, info, runner)


def _reopened(spec: Spec, backend: CompilingBackend, precision: Precision, cache: EngineCache, entry: Entry) -> Runner | None:
    """A kept engine that still answers as it did when it was built; of any other, None, and it is thrown away with a word."""
    if entry.manifest.refusal is not None:
        raise EngineRefused(entry.manifest.refusal)
    require_room(spec.name, entry.manifest.memory_bytes, backend.on_gpu)
    try:
        with _failures_refused():
            runner = backend.open(spec, entry.folder)
            inputs, expected = entry.check()
            problem = compare_outputs(spec, expected, _run_of(spec, runner)(inputs)).refusal(spec, precision)
    except NoRoom:
        raise
    except (EngineRefused, OSError) as failure:  # the latter where a file has gone meanwhile
        problem = str(failure)
    if problem is None:
        return runner
    cache.discard(entry.manifest.origin, f"does not answer as it did ({problem})")
    return None


def _run_of(spec: Spec, runner: Runner) -> Callable[[Arrays], Arrays]:
    return lambda inputs: runner.run(inputs, spec.measure(inputs))
