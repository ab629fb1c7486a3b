"""Engines for tests: torch as it is, which needs no compiling, or compiled ones out of a folder that the
tests share."""

from pathlib import Path

from emotrack.engines.backends.backend import Backend
from emotrack.engines.cache.cache import EngineCache
from emotrack.engines.contract.engine import Engine
from emotrack.engines.contract.spec import Precision, Spec
from emotrack.engines.running.loading import load
from emotrack.engines.running.policy import Policy
from emotrack.engines.running.pool import EnginePool
from emotrack.engines.settings import BackendName, EngineSettings


class Shelf:
    """A cache in a folder of its own, and what it said."""

    def __init__(self, folder: Path, limit: int = 10**9) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.cache = EngineCache(folder, limit, self.said.append)

    def load(self, spec: Spec, backend: Backend, precision: Precision | None = None) -> Engine:
        return load(spec, Policy((backend,), precision), self.cache, self.said.append)

    def entry(self) -> Path:
        """The folder of the one engine that is kept."""
        (found,) = (path for path in self.folder.iterdir() if path.is_dir())
        return found


def pool(backend: BackendName = "eager-cpu", cache: Path | None = None) -> EnginePool:
    """A pool that says nothing."""
    return EnginePool(EngineSettings(backend=backend, cache=cache), lambda _: None)
