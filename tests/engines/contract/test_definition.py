"""What decides a network's answers: its source, weights, versions; known without building it and without
torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emotrack.engines.backends.onnx_cpu import OnnxCpu
from emotrack.engines.contract import definition
from emotrack.engines.contract.definition import Definition, sources
from emotrack.engines.contract.spec import Spec
from emotrack.engines.running.loading import origin_of
from helpers.networks import tiny_network


def test_live_tracking_knows_its_networks(live: dict[str, Spec]) -> None:
    names = [spec.name for spec in live.values()]
    assert len(set(names)) == len(names)
    assert {"sentence", "voice", "face", "utterance", "context-step", "reviser"} < set(names)


def test_each_class_of_a_network_is_covered_by_its_digest(live: dict[str, Spec]) -> None:
    """A class of ours is in a source that counts; one of another package is in a package whose version
    counts."""
    for spec in live.values():
        assert isinstance(spec.definition, Definition)
        network = spec.definition.build()
        known, packages = (
            sources(spec.definition.module),
            {"torch", *(name.replace("-", "_") for name in spec.definition.packages)},
        )
        for module in network.modules():
            home = type(module).__module__
            assert home in known or home.partition(".")[0] in packages, (spec.name, home)


def test_samples_are_of_the_sizes_that_are_asked_for(live: dict[str, Spec]) -> None:
    for spec in live.values():
        for which in ("minimum", "typical", "maximum"):
            sizes = spec.sizes(which)
            for inputs in spec.samples(sizes, np.random.default_rng(0)):
                assert spec.measure(inputs) == sizes


def test_digests_need_no_torch() -> None:
    program = (
        "import sys\n"
        "from emotrack.engines.heads import step_spec\n"
        "from emotrack.model.bundle import load_bundle\n"
        "digest = step_spec(load_bundle()).definition.digest()\n"
        "assert len(digest) == 64 and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    "changed",
    [
        "helpers.networks.tiny_network",
        "emotrack.engines.backends.onnx_graph",
        "emotrack.engines.contract.exporting",
    ],
)
def test_source_that_changes_makes_another_engine(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the network, of its compiler, and of what either of them imports in whichever way."""
    weights = tiny_network.save(tmp_path / "tiny.safetensors")
    before = origin_of(tiny_network.spec(weights), OnnxCpu(1), "fp32").key
    read = definition._source
    monkeypatch.setattr(definition, "_source", lambda name: read(name) + (b"\n" if name == changed else b""))
    known = definition.sources, definition.source_digest
    try:
        for function in known:
            function.cache_clear()
        assert origin_of(tiny_network.spec(weights), OnnxCpu(1), "fp32").key != before
    finally:
        for function in known:
            function.cache_clear()


def test_versions_of_packages_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def digest() -> str:
        return Definition("helpers.networks.tiny_network", packages=("numpy",)).digest()

    before = digest()
    monkeypatch.setattr(definition, "_version", lambda _: "0")
    assert digest() != before


def test_arguments_and_functions_count(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"one")
    module = "emotrack.engines.networks.context"
    digests = {
        Definition(module, {"weights": weights, "configuration": text}, name).digest()
        for text in "ab"
        for name in ("x", "y")
    }
    weights.write_bytes(b"two")
    digests.add(Definition(module, {"weights": weights, "configuration": "a"}, "x").digest())
    weights.unlink()
    digests.add(Definition(module, {"weights": weights, "configuration": "a"}, "x").digest())
    assert len(digests) == 6
