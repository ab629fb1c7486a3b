"""From a network's spec to an engine of it: out of the cache where it is, else built, compared and kept; else
the next backend."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, cast

import numpy as np

from emotrack.engines.backends.backend import Backend, CompilingBackend, DirectBackend
from emotrack.engines.backends.machine import require_room, used_bytes
from emotrack.engines.cache.cache import EngineCache
from emotrack.engines.cache.entry import EngineManifest, Entry, Origin, shipped
from emotrack.engines.contract.definition import OnnxFile, source_digest
from emotrack.engines.contract.engine import (
    Engine,
    EngineDescription,
    EngineRefused,
    EngineUnavailable,
    NoRoom,
    Runner,
    Skip,
)
from emotrack.engines.contract.parity import Parity, answers, compare, compare_outputs
from emotrack.engines.contract.spec import Arrays, Precision, Spec
from emotrack.engines.running.policy import Policy
from emotrack.errors import UserError, first_line
from emotrack.notify import Notify

ITSELF = Parity(0.0, 1.0, 1.0)


def load(spec: Spec, policy: Policy, cache: EngineCache, notify: Notify) -> Engine:
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
            return open_engine(spec, backend, precision, cache, notify, tuple(skipped))
        except EngineRefused as refusal:
            skipped.append(Skip(f"{backend.name} {precision}", str(refusal)))
    raise EngineUnavailable(spec.name, skipped, named=len(policy.backends) == 1)


def open_engine(
    spec: Spec,
    backend: Backend,
    precision: Precision,
    cache: EngineCache,
    notify: Notify,
    skipped: tuple[Skip, ...] = (),
) -> Engine:
    """An engine of one backend in one precision, telling what was `skipped` for it; raises `EngineRefused`
    where there is none."""
    if backend.keeps:
        return _open_kept(spec, backend, precision, cache, skipped, notify)
    return _start(spec, backend, precision, skipped)


def build(
    spec: Spec, backend: CompilingBackend, precision: Precision, cache: EngineCache, notify: Notify
) -> tuple[Entry, Runner]:
    """Compile a network, compare it with itself as written, keep it, and leave it open.

    Raises `EngineRefused` where it differs or cannot be compiled, which is remembered, or cannot be opened
    now.
    """
    origin = origin_of(spec, backend, precision)
    with cache.building(origin) as folder:
        entry = cache.find(origin)  # another process may have been quicker
        if entry is not None and (runner := _reopened(spec, backend, cache, entry)) is not None:
            return entry, runner
        notify(f"compiling {spec.name} for {backend.name} ({precision}), once for this machine …")
        began = time.perf_counter()
        try:
            with _failures_refused(cache):
                backend.build(spec, precision, folder)
                reference = reference_run(spec)
                check = (inputs := check_inputs(spec)), reference(inputs)
                expected = [*answers(spec, reference), check]
                runner, parity, memory = gated(
                    spec, precision, expected, backend.on_gpu, lambda: backend.open(spec, folder)
                )
        except EngineRefused as refusal:
            if refusal.lasting:  # or it would be compiled at every start only to be refused
                for file in folder.iterdir():
                    file.unlink()
                cache.keep(
                    folder,
                    EngineManifest(origin, None, time.perf_counter() - began, 0, {}, str(refusal)),
                    None,
                )
            raise
        return cache.keep(
            folder, EngineManifest(origin, parity, time.perf_counter() - began, memory, {}), check
        ), runner


def gated(
    spec: Spec,
    precision: Precision,
    expected: Sequence[tuple[Arrays, Arrays]],
    on_gpu: bool,
    begin: Callable[[], Runner],
) -> tuple[Runner, Parity, int]:
    """What `begin` gives, how far its answers are from those expected, and the bytes that it takes; raises
    `EngineRefused`."""
    before = used_bytes(on_gpu)
    runner = begin()
    parity = compare(spec, expected, _run_of(spec, runner))
    if (refusal := parity.refusal(spec, precision)) is not None:
        raise EngineRefused(refusal)
    return runner, parity, runner.memory_bytes or max(0, used_bytes(on_gpu) - before)


@contextlib.contextmanager
def _failures_refused(cache: EngineCache | None = None) -> Iterator[None]:
    """Make a refusal of whatever libraries raise over a network or a machine that they cannot cope with; not
    of a full `cache`."""
    try:
        yield
    except (UserError, EngineRefused):
        raise
    except Exception as error:
        if cache is not None and isinstance(error, OSError) and cache.is_at_fault(error):
            raise
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            raise NoRoom("there is no room for it") from error
        raise EngineRefused(f"it fails here: {first_line(error)}") from error


def origin_of(spec: Spec, backend: CompilingBackend, precision: Precision) -> Origin:
    """Everything that an engine of `spec` depends on."""
    graph = hashlib.sha256((spec.definition.digest() + source_digest(backend.compiler)).encode()).hexdigest()
    return Origin(spec.name, backend.name, precision, graph, spec.shapes, backend.hardware())


def reference_run(spec: Spec) -> Callable[[Arrays], Arrays]:
    """The network as it is written: in fp32, run by torch on the processor, or as the graph that was
    given."""
    if isinstance(spec.definition, OnnxFile):
        from emotrack.engines.backends.onnx_cpu import open_as_given

        return _run_of(spec, open_as_given(spec, spec.definition))
    from emotrack.engines.backends.eager import EagerRunner

    return _run_of(spec, EagerRunner(spec, "cpu"))


def check_inputs(spec: Spec, which: Literal["minimum", "typical"] = "typical") -> Arrays:
    """What an engine is tried on at each start: inputs of the usual size, or of the least."""
    return spec.samples(spec.sizes(which), np.random.default_rng(0))[0]


def _open_kept(
    spec: Spec,
    backend: CompilingBackend,
    precision: Precision,
    cache: EngineCache,
    skipped: tuple[Skip, ...],
    notify: Notify,
) -> Engine:
    """An engine of a backend that keeps what it compiled, unless one ships."""
    if (ready := shipped(spec, backend, precision)) is not None:
        try:
            return open_entry(spec, backend, ready, skipped)
        except EngineRefused as refusal:
            notify(f"the engine of {spec.name} that comes with emotrack does not do here ({refusal}).")
    origin = origin_of(spec, backend, precision)
    entry = cache.find(origin)
    if entry is None:
        cache.tell_what_changed(origin)
    runner = None if entry is None else _reopened(spec, backend, cache, entry)
    if entry is None or runner is None:
        entry, runner = build(spec, backend, precision, cache, notify)
    return _engine(spec, entry, runner, skipped)


def entry_for(
    spec: Spec, backend: CompilingBackend, precisions: Sequence[Precision], cache: EngineCache, notify: Notify
) -> Entry:
    """An engine on the disk, compiled now if need be, in the first of `precisions` that is exact enough.

    Raises `EngineUnavailable` where none is.
    """
    skipped: list[Skip] = []
    for precision in precisions:
        if (ready := shipped(spec, backend, precision)) is not None:
            return ready
        try:
            entry = (
                cache.find(origin_of(spec, backend, precision))
                or build(spec, backend, precision, cache, notify)[0]
            )
            if entry.manifest.refusal is None:
                return entry
            skipped.append(Skip(f"{backend.name} {precision}", entry.manifest.refusal))
        except EngineRefused as refusal:
            skipped.append(Skip(f"{backend.name} {precision}", str(refusal)))
    raise EngineUnavailable(spec.name, skipped, named=False)


def open_entry(spec: Spec, backend: CompilingBackend, entry: Entry, skipped: tuple[Skip, ...] = ()) -> Engine:
    """An engine that came ready-made; raises `EngineRefused` where it does not answer here as it did where it
    was made."""
    return _engine(spec, entry, _checked(spec, backend, entry), skipped)


def _engine(spec: Spec, entry: Entry, runner: Runner, skipped: tuple[Skip, ...]) -> Engine:
    manifest = entry.manifest
    assert manifest.parity is not None
    origin = manifest.origin
    info = EngineDescription(
        spec.name,
        origin.backend,
        cast(Precision, origin.precision),
        manifest.parity,
        manifest.build_seconds,
        manifest.memory_bytes,
        origin.key,
        skipped,
    )
    return Engine(spec, info, runner)


def _start(spec: Spec, backend: DirectBackend, precision: Precision, skipped: tuple[Skip, ...]) -> Engine:
    """An engine of a backend that makes it anew at every start."""
    began = time.perf_counter()
    with _failures_refused():
        if backend.is_reference:
            before = used_bytes(backend.on_gpu)
            runner, parity = backend.start(spec), ITSELF
            memory = max(0, used_bytes(backend.on_gpu) - before)
        else:
            expected = answers(spec, reference_run(spec))
            runner, parity, memory = gated(
                spec, precision, expected, backend.on_gpu, lambda: backend.start(spec)
            )
    info = EngineDescription(
        spec.name, backend.name, precision, parity, time.perf_counter() - began, memory, None, skipped
    )
    return Engine(spec, info, runner)


def _reopened(spec: Spec, backend: CompilingBackend, cache: EngineCache, entry: Entry) -> Runner | None:
    """A kept engine that still answers as it did when it was built; of any other, None, and it is thrown away
    with a word."""
    if entry.manifest.refusal is not None:
        raise EngineRefused(entry.manifest.refusal)
    try:
        return _checked(spec, backend, entry)
    except NoRoom:
        raise
    except EngineRefused as refusal:
        cache.discard(entry.manifest.origin, f"does not answer as it did ({refusal})")
        return None


def _checked(spec: Spec, backend: CompilingBackend, entry: Entry) -> Runner:
    """What runs an engine that is kept; raises `EngineRefused` where it cannot, or answers otherwise than
    when it was built."""
    require_room(spec.name, entry.manifest.memory_bytes, backend.on_gpu)
    with _failures_refused():
        runner = backend.open(spec, entry.folder)
        inputs, expected = entry.check()
        parity = compare_outputs(spec, expected, _run_of(spec, runner)(inputs))
    if (refusal := parity.refusal(spec, cast(Precision, entry.manifest.origin.precision))) is not None:
        raise EngineRefused(refusal)
    return runner


def _run_of(spec: Spec, runner: Runner) -> Callable[[Arrays], Arrays]:
    return lambda inputs: runner.run(inputs, spec.measure(inputs))
