"""Every network that the settings and a bundle ask for, found by opening all encoders without running
anything."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from emotrack.engines.backends.backend import Backend
from emotrack.engines.cache.cache import EngineCache
from emotrack.engines.cache.entry import EngineManifest, shipped
from emotrack.engines.contract.engine import EngineDescription, RunnableEngine, Skip
from emotrack.engines.contract.spec import Arrays, Spec
from emotrack.engines.encoders.sound.turns import open_turns
from emotrack.engines.heads import open_heads
from emotrack.engines.open import Encoders, open_encoders
from emotrack.engines.running.loading import ITSELF, origin_of
from emotrack.engines.running.policy import Policy, policy_of
from emotrack.engines.running.pool import EnginePool, open_cache
from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from emotrack.model.bundle import Bundle
from emotrack.notify import Notify


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The networks in the order in which tracking opens them; `encoders` cannot be run, but tell what they
    are."""

    networks: tuple[Spec, ...]
    encoders: Encoders


def catalogue(settings: EngineSettings, bundle: Bundle, notify: Notify, *, voices: bool = False) -> Catalogue:
    """List them; what cannot be had is left out and told to `notify`. `voices`: with those that tell speakers
    apart, where they are on the machine."""
    listing = _Listing(settings, notify)
    encoders = open_encoders(listing, settings, bundle, notify)
    open_heads(listing, bundle)
    if voices:
        with suppress(UserError):
            open_turns(listing)
    return Catalogue(tuple(listing.specs), encoders)


def uncompiled(
    settings: EngineSettings, bundle: Bundle, own: Sequence[Backend] = (), *, voices: bool = False
) -> int:
    """How many networks will have to be compiled when tracking begins, with backends of one's `own` in front;
    `voices`: see `catalogue`."""
    cache, policy = open_cache(settings, _unheard), policy_of(settings, own)
    networks = catalogue(settings, bundle, _unheard, voices=voices).networks
    found = (standing(spec, policy, cache) for spec in networks)
    return sum(one.backend is not None and not one.compiled for one in found)


def _unheard(sentence: str) -> None:
    """What is missing is told by those who open it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What will run a network: `backend` with its precision (None where nothing can), as far as that is known
    without compiling."""

    backend: str | None
    compiled: bool
    """Whether it can start at once: compiled and kept, or of a kind that needs no compiling."""
    manifest: EngineManifest | None
    """Of the engine that is kept."""
    skipped: tuple[Skip, ...]


def standing(spec: Spec, policy: Policy, cache: EngineCache) -> Standing:
    """How a network stands on this machine."""
    skipped: list[Skip] = []
    for attempt in policy.attempts(spec):
        if isinstance(attempt, Skip):
            skipped.append(attempt)
            continue
        backend, precision = attempt
        name = f"{backend.name} {precision}"
        entry = (
            (shipped(spec, backend, precision) or cache.look(origin_of(spec, backend, precision)))
            if backend.keeps
            else None
        )
        manifest = None if entry is None else entry.manifest
        if manifest is None or manifest.refusal is None:
            return Standing(name, manifest is not None or not backend.keeps, manifest, tuple(skipped))
        skipped.append(Skip(name, manifest.refusal))
    return Standing(None, False, None, tuple(skipped))


class _Listing(EnginePool):
    """Writes down what it is asked for."""

    def __init__(self, settings: EngineSettings, notify: Notify) -> None:
        super().__init__(settings, notify)
        self.specs: list[Spec] = []

    def engine(self, spec: Spec) -> RunnableEngine:
        self.specs.append(spec)
        return _Unopened(spec)


class _Unopened:
    """Stands where an engine will be."""

    def __init__(self, spec: Spec) -> None:
        self.info = EngineDescription(spec.name, "none", "fp32", ITSELF, 0.0, 0, None, ())

    def run(self, **inputs: np.ndarray) -> Arrays:
        raise AssertionError(f"{self.info.network} is to be listed, not run")
