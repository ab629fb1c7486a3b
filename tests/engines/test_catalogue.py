"""What is known of networks before any of them is opened."""

from pathlib import Path

import pytest

from emotrack.engines.cache.entry import EngineManifest
from emotrack.engines.catalogue import catalogue, standing, uncompiled
from emotrack.engines.contract.engine import Skip
from emotrack.engines.running.loading import origin_of
from emotrack.engines.running.policy import policy_of
from emotrack.engines.running.pool import open_cache
from emotrack.engines.settings import EngineSettings
from emotrack.model.bundle import load_bundle


@pytest.mark.usefixtures("nothing_ships")
def test_what_has_to_be_compiled_is_counted_without_compiling(tmp_path: Path) -> None:
    bundle = load_bundle()
    settings = EngineSettings(device="cpu", cache=tmp_path, text="none", audio="none", face="none")
    networks = catalogue(settings, bundle, lambda _: None).networks
    assert uncompiled(settings, bundle) == len(networks) == 3
    (onnx, _) = policy_of(settings).backends
    assert onnx.keeps
    cache, origin = open_cache(settings, lambda _: None), origin_of(networks[0], onnx, "fp32")
    with cache.building(origin) as folder:
        cache.keep(folder, EngineManifest(origin, None, 0.0, 0, {}, "it cannot do that"), None)
    assert standing(networks[0], policy_of(settings), cache).skipped == (
        Skip("onnx-cpu fp32", "it cannot do that"),
    )
    assert uncompiled(settings, bundle) == 2  # torch runs the first one, which needs no compiling
    assert uncompiled(settings.model_copy(update={"backend": "eager-cpu"}), bundle) == 0


def test_nothing_of_the_shipped_bundle_has_to_be_compiled(tmp_path: Path) -> None:
    settings = EngineSettings(device="cpu", cache=tmp_path)
    assert uncompiled(settings, load_bundle()) == 0
    assert (
        uncompiled(settings.model_copy(update={"precision": "int8"}), load_bundle()) == 9
    )  # to be tried first
