"""The engines of a process: each network is loaded once, and all sessions run the same one."""

import threading
from collections.abc import Hashable, Sequence
from functools import cached_property
from weakref import WeakValueDictionary

from platformdirs import user_cache_path

from emotrack.engines.backends.backend import Backend
from emotrack.engines.cache.cache import EngineCache
from emotrack.engines.contract.engine import Engine, EngineDescription, RunnableEngine
from emotrack.engines.contract.spec import Spec
from emotrack.engines.running.batching import Batcher
from emotrack.engines.running.loading import load
from emotrack.engines.running.pack import EnginePack
from emotrack.engines.running.policy import policy_of
from emotrack.engines.settings import EngineSettings
from emotrack.notify import Notify

_DECISIVE = {"device", "backend", "precision", "threads", "pack", "cache", "batch_delay_ms"}
"""Settings that decide how a network is run."""
_lock = threading.Lock()
_open: WeakValueDictionary[tuple[Hashable, ...], RunnableEngine] = WeakValueDictionary()


class EnginePool:
    """Gives engines as the settings ask for them."""

    def __init__(
        self,
        settings: EngineSettings,
        notify: Notify,
        compiling: Notify | None = None,
        own: Sequence[Backend] = (),
    ) -> None:
        """`notify` is given every sentence about what was found wrong, and `compiling` (else `notify` too)
        one for each compilation; backends of one's `own` are tried before those of the settings."""
        self.pack = None if settings.pack is None else EnginePack(settings.pack)
        """Where all engines come from, if the settings name one."""
        if self.pack is not None:
            self.pack.require(settings, own)
        self.policy = policy_of(settings, own)
        self._own = tuple(own)
        self.given: dict[str, EngineDescription] = {}
        """What was given out so far, by network."""
        self._told = notify
        self._compiling = compiling or notify
        self._settings = settings
        if self.pack is None:
            _ = self.cache  # a folder that cannot be made is told at once

    @cached_property
    def cache(self) -> EngineCache:
        """What is compiled."""
        return open_cache(self._settings, self._told)

    def engine(self, spec: Spec) -> RunnableEngine:
        """An engine of `spec`. Raises `UserError` where none can be had as the settings ask for it."""
        running = self._settings.model_dump_json(include=_DECISIVE)
        # The source is the same for all of a process.
        key = (spec.name, spec.definition.given(), spec.shapes, running, self._own)
        with _lock:
            engine = _open.get(key)
            if engine is None:
                engine = self._shared(self._opened(spec))
                _open[key] = engine
        self.given[spec.name] = engine.info
        return engine

    def _opened(self, spec: Spec) -> Engine:
        if self.pack is not None:
            return self.pack.open(spec, self._settings.threads)
        return load(spec, self.policy, self.cache, self._compiling)

    def _shared(self, engine: Engine) -> RunnableEngine:
        """On a processor many networks gain nothing from being run together: sessions then run them side by
        side."""
        on_gpu = any(one.on_gpu for one in self.policy.backends if one.name == engine.info.backend)
        if on_gpu or engine.spec.gains_from_batching:
            return Batcher(engine, delay=self._settings.batch_delay_ms / 1e3)
        return engine


def open_cache(settings: EngineSettings, notify: Notify) -> EngineCache:
    """The folder of compiled engines that the settings mean."""
    folder = settings.cache or user_cache_path("emotrack") / "engines"
    return EngineCache(
        folder, round(settings.cache_gigabytes * 1e9), notify, named=settings.cache is not None
    )
