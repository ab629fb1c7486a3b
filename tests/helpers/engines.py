"""Engines for tests: torch as it is, which needs no compiling, or compiled ones out of a folder that the tests share."""

from pathlib import Path

from emotrack.engines.pool import EnginePool
from emotrack.engines.settings import BackendName, EngineSettings


def pool(backend: BackendName = "eager-cpu", cache: Path | None = None) -> EnginePool:
    """A pool that says nothing."""
    return EnginePool(EngineSettings(backend=backend, cache=cache), lambda _: None)
