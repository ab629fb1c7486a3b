"""What decides a network's answers: its source, weights, versions; known without building it and without torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emotrack.engines.catalogue import catalogue
from emotrack.engines.definition import Definition, sources
from emotrack.engines.settings import EngineSettings
from emotrack.engines.spec import Spec
from emotrack.model.bundle import load_bundle


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Spec, ...]:
    """Every network of the profile that works everywhere."""
    settings = EngineSettings(device="cpu", cache=tmp_path_factory.mktemp("engines"))
    return catalogue(settings, load_bundle(), lambda _: None).networks


def test_live_tracking_knows_its_networks(specs: tuple[Spec, ...]) -> None:
    names = [spec.name for spec in specs]
    assert len(set(names)) == len(names)
    assert {"sentence", "voice", "face", "utterance", "context-step", "reviser"} < set(names)


def test_each_class_of_a_network_is_covered_by_its_digest(specs: tuple[Spec, ...]) -> None:
    """A class of ours is in a source that counts; one of another package is in a package whose version counts."""
    for spec in specs:
        network = spec.definition.build()
        known, packages = sources(spec.definition.module), {"torch", *(name.replace("-", "_") for name in spec.definition.packages)}
        for module in network.modules():
            home = type(module).__module__
            assert home in known or home.partition(".")[0] in packages, (spec.name, home)


def test_samples_are_of_the_sizes_that_are_asked_for(specs: tuple[Spec, ...]) -> None:
    for spec in specs:
        for which in ("minimum", "typical", "maximum"):
            sizes = spec.sizes(which)  # type: ignore[arg-type]
            for inputs in spec.samples(sizes, np.random.default_rng(0)):
                assert spec.measure(inputs) == sizes


def test_digests_need_no_torch() -> None:
    program = (
        "import sys\n"
        "from emotrack.engines.context import step_spec\n"
        "from emotrack.model.bundle import load_bundle\n"
        "digest = step_spec(load_bundle()).definition.digest()\n"
        "assert len(digest) == 64 and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_arguments_and_functions_count(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"one")
    module = "emotrack.engines.networks.context"
    digests = {
        Definition(module, {"weights": weights, "configuration": text}, name).digest() for text in "ab" for name in ("x", "y")
    }
    weights.write_bytes(b"two")
    digests.add(Definition(module, {"weights": weights, "configuration": "a"}, "x").digest())
    weights.unlink()
    digests.add(Definition(module, {"weights": weights, "configuration": "a"}, "x").digest())
    assert len(digests) == 6
