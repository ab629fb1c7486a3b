"""A network ready to run on this machine, and what is known of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emotrack.engines.contract.definition import NetworkFailed
from emotrack.engines.contract.parity import Parity
from emotrack.engines.contract.spec import Arrays, Precision, Sizes, Spec
from emotrack.errors import UserError


@dataclass(frozen=True, slots=True)
class Skip:
    """A backend that was not taken, and why, in plain words."""

    backend: str
    reason: str


def reasons(skipped: Iterable[Skip]) -> str:
    """All of them in one line, backends with the same reason named together; empty where none was left
    out."""
    found: dict[str, dict[str, None]] = {}
    for skip in skipped:
        found.setdefault(skip.reason, {})[skip.backend] = None
    return "; ".join(f"{', '.join(backends)}: {reason}" for reason, backends in found.items())


@dataclass(frozen=True, slots=True)
class EngineDescription:
    """What is said of an engine to people."""

    network: str
    backend: str
    precision: Precision
    parity: Parity
    build_seconds: float
    memory_bytes: int
    """Measured growth of the process, or of what is allocated on the GPU, by the engine at its greatest
    shapes."""
    key: str | None
    """Its name in the cache; None where nothing of it is kept."""
    skipped: tuple[Skip, ...]


class RunnableEngine(Protocol):
    """What an encoder needs of an engine, however many share it."""

    @property
    def info(self) -> EngineDescription:
        """What is known of it."""
        ...

    def run(self, **inputs: np.ndarray) -> Arrays:
        """The outputs by name, owned by the caller. Raises `ValueError` for inputs that the network was not
        made for."""
        ...


def run_in_parts(engine: RunnableEngine, name: str, items: np.ndarray, most: int) -> Arrays:
    """The outputs for all `items`, one or more, of the input `name`, of which the engine takes `most` at
    once."""
    found = [engine.run(**{name: items[start : start + most]}) for start in range(0, len(items), most)]
    return {output: np.concatenate([part[output] for part in found]) for output in found[0]}


class Runner(Protocol):
    """How one backend runs one network."""

    @property
    def memory_bytes(self) -> int | None:
        """What it takes of its device, where it knows that."""
        ...

    def run(self, inputs: Arrays, sizes: Sizes) -> Arrays:
        """The outputs, owned by the caller, of `inputs` that fit the spec and are `sizes` long; may raise
        `EngineRefused`."""
        ...


class Engine:
    """Runs one network; safe to call from several threads."""

    def __init__(self, spec: Spec, info: EngineDescription, runner: Runner) -> None:
        self.spec = spec
        self.info = info
        self._runner = runner

    def run(self, **inputs: np.ndarray) -> Arrays:
        """The outputs by name, owned by the caller. Raises `ValueError` for inputs that the network was not
        made for."""
        return self.run_named(inputs)

    def run_named(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """`run` of inputs that are in a mapping already."""
        sizes = self.spec.measure(inputs)
        try:
            return self._runner.run(
                {name: np.ascontiguousarray(array) for name, array in inputs.items()}, sizes
            )
        except EngineRefused as refusal:
            raise UserError(
                f"The network {self.spec.name} can run no longer on {self.info.backend} ({refusal}): start "
                "again, or with --set engines.backend=onnx-cpu."
            ) from refusal


_PASSING = (MemoryError, OSError, ImportError, NetworkFailed)
"""What may be otherwise at the next start, with the same versions of everything."""


class EngineRefused(Exception):
    """An engine that must not be used, or cannot be made: the reason in plain words, without a full stop."""

    @property
    def lasting(self) -> bool:
        """Whether it would be refused again: not where room was short, nor where a library failed, which can
        be mended."""
        cause = self.__cause__
        while cause is not None:
            if isinstance(cause, _PASSING) or type(cause).__name__ == "OutOfMemoryError":
                return False
            cause = cause.__cause__
        return True


class NoRoom(EngineRefused):
    """An engine for which there is no room now."""

    @property
    def lasting(self) -> bool:
        """No: there may be room later."""
        return False


class EngineUnavailable(UserError):
    """Nothing runs a network as it was asked for."""

    def __init__(self, network: str, skipped: Sequence[Skip], *, named: bool) -> None:
        """`skipped`: every backend that was tried, and why it was not taken; `named`: whether just this
        backend was asked for."""
        if named:
            super().__init__(
                f"The network {network} cannot be run as asked for ({reasons(skipped)}): set "
                "engines.backend to auto."
            )
        else:
            super().__init__(
                f"The network {network} cannot be run here ({reasons(skipped)}): mend that, or install again."
            )
        self.cause = skipped[-1].reason if skipped else "no backend"
        """Why the last of them, which runs everything that can be run at all, did not."""
