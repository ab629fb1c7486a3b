"""What every backend can do: some compile networks and keep what came of it, the others run them directly."""

from pathlib import Path
from typing import Literal, Protocol

from emotrack.engines.contract.engine import Runner
from emotrack.engines.contract.spec import Precision, Spec

ENGINE_FILE = "engine.bin"


class _Common(Protocol):
    """One way to run networks."""

    name: str
    on_gpu: bool
    precisions: tuple[Precision, ...]
    """Those it has, the one to be tried first in front."""
    optional: tuple[Precision, ...]
    """Those of them that are only taken where they are asked for."""

    def obstacle(self, spec: Spec) -> str | None:
        """Why it cannot run this network on this machine, in plain words without a full stop; None where it
        can."""
        ...


class CompilingBackend(_Common, Protocol):
    """What it builds is kept, and read again by this process and later ones."""

    keeps: Literal[True]
    compiler: str
    """The module that compiles: its source decides what an engine is, too."""

    def hardware(self) -> dict[str, str]:
        """What an engine depends on beside the network: library versions and, on a GPU, the device."""
        ...

    def build(self, spec: Spec, precision: Precision, folder: Path) -> None:
        """Compile the network into files in `folder`; raises `EngineRefused` where it cannot be compiled."""
        ...

    def open(self, spec: Spec, folder: Path) -> Runner:
        """Run what `build` left in `folder`, warmed up; raises `EngineRefused` where it cannot be run."""
        ...


class DirectBackend(_Common, Protocol):
    """Makes what runs a network anew at every start."""

    keeps: Literal[False]
    is_reference: bool
    """Whether it is the network as written, by which all others are measured."""

    def start(self, spec: Spec) -> Runner:
        """Run the network, warmed up; raises `EngineRefused` where it cannot be run."""
        ...


Backend = CompilingBackend | DirectBackend
