"""What every backend can do."""

from pathlib import Path
from typing import Protocol

from emotrack.engines.engine import Runner
from emotrack.engines.spec import Precision, Spec

ENGINE_FILE = "engine.bin"


class Backend(Protocol):
    """One way to run networks."""

    name: str
    compiler: str
    """The module that compiles: its source decides what an engine is, too."""
    on_gpu: bool
    is_reference: bool
    """Whether it is the network as written, by which the others are measured."""
    keeps: bool
    """Whether `build` leaves something that `open` can read, now or in a later process; else it only has to be opened."""

    precisions: tuple[Precision, ...]
    """Those it can build, the one to be tried first in front."""
    optional: tuple[Precision, ...]
    """Those of them that are only built where they are asked for."""

    def obstacle(self, spec: Spec) -> str | None:
        """Why it cannot run this network on this machine, in plain words without a full stop; None where it can."""
        ...

    def hardware(self) -> dict[str, str]:
        """What an engine that was kept depends on beside the network: library versions and, on a GPU, the device."""
        ...

    def build(self, spec: Spec, precision: Precision, folder: Path) -> None:
        """Compile the network into files in `folder`; raises `EngineRefused` where it cannot be compiled."""
        ...

    def open(self, spec: Spec, precision: Precision, folder: Path) -> Runner:
        """Run what `build` left in `folder`, warmed up; raises `EngineRefused` where it cannot be run."""
        ...
