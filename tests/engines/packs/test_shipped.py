"""Engines that ship with the package: all that the shipped bundle needs, equal to the networks as they are
written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from emotrack.engines.backends.onnx_cpu import EXTERNAL, OnnxCpu
from emotrack.engines.cache import entry
from emotrack.engines.cache.entry import Entry, shipped
from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.parity import Parity, compare_outputs
from emotrack.engines.contract.spec import Spec
from emotrack.engines.packs.shipping import ship
from emotrack.engines.running.loading import open_entry, reference_run
from helpers.networks import tiny_network
from helpers.networks.engines import Shelf

AGAIN = "make engines builds them anew"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: Spec) -> Path:
    """A folder of shipped engines that has just that of the small network."""
    folder = tmp_path / "graphs"
    (folder / spec.name).mkdir(parents=True)
    ship(spec, folder / spec.name)
    monkeypatch.setattr(entry, "FOLDER", folder)
    return folder


def test_every_network_of_the_shipped_bundle_ships_and_answers_as_it_is_written(
    live: dict[str, Spec],
) -> None:
    for spec in live.values():
        entry = shipped(spec, OnnxCpu(1), "fp32")
        assert entry is not None, (
            f"the engine of {spec.name} that ships is of other weights or shapes: {AGAIN}"
        )
        engine, reference = open_entry(spec, OnnxCpu(1), entry), reference_run(spec)
        for which in ("minimum", "typical"):
            for inputs in spec.samples(spec.sizes(which), np.random.default_rng(1)):
                parity = compare_outputs(spec, reference(inputs), engine.run(**inputs))
                assert parity.refusal(spec, "fp32") is None, f"{spec.name}: {parity}; {AGAIN}"


def test_it_is_opened_without_compiling_or_writing_anything(shop: Path, shelf: Shelf, spec: Spec) -> None:
    engine = shelf.load(spec, OnnxCpu(1))
    assert shelf.said == [] and list(shelf.folder.iterdir()) == []
    assert engine.info.backend == "onnx-cpu" and engine.info.parity != Parity(0, 1, 1)
    expected = reference_run(spec)(tiny_network.INPUTS)["logits"]
    np.testing.assert_allclose(engine.run(**tiny_network.INPUTS)["logits"], expected, atol=1e-6)


def test_weights_stay_in_their_file_and_are_not_held_twice(
    shop: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotrack.engines.packs.shipping._SMALL", 1)
    spec = tiny_network.spec(weights)
    ship(spec, shop / spec.name)
    layer = safetensors.numpy.load_file(weights)["layer.weight"]
    graph = (shop / spec.name / "engine.bin").read_bytes()
    assert (shop / spec.name / EXTERNAL).exists()
    assert layer.tobytes() not in graph and layer.T.tobytes() not in graph


@pytest.mark.parametrize(
    "damage", ["other weights", "other shapes", "a byte", "a file gone", "another precision"]
)
def test_what_is_not_of_just_this_network_or_not_whole_is_not_taken(
    damage: str, shop: Path, spec: Spec, tmp_path: Path
) -> None:
    assert shipped(spec, OnnxCpu(1), "fp32") is not None
    engine = shop / spec.name / "engine.bin"
    match damage:
        case "other weights":
            spec = tiny_network.spec(tiny_network.save(tmp_path / "other", 1))
        case "other shapes":
            spec = replace(spec, decides=None)
        case "a byte":
            engine.write_bytes(engine.read_bytes()[:-1] + b"\x00")
        case "a file gone":
            engine.unlink()
        case _:
            assert shipped(spec, OnnxCpu(1), "int8") is None
            return
    assert shipped(spec, OnnxCpu(1), "fp32") is None


def test_one_that_answers_otherwise_here_is_told_and_compiled(shop: Path, shelf: Shelf, spec: Spec) -> None:
    folder = shop / spec.name
    entry = Entry.read(folder)
    inputs, outputs = entry.check()
    Entry.write(folder, entry.manifest, (inputs, {name: array + 1 for name, array in outputs.items()}))
    shelf.load(spec, OnnxCpu(1))
    assert shelf.said[0].startswith(
        "the engine of tiny that comes with emotrack does not do here (its answers differ by"
    )
    assert "compiling tiny" in shelf.said[1]


def test_a_network_is_the_same_whichever_source_reads_its_weights(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comments may change without an engine being made anew; what the network is given may not."""
    plain = Definition("helpers.networks.tiny_network", {"weights": weights})
    given, digest = plain.given(), plain.digest()
    monkeypatch.setattr("emotrack.engines.contract.definition._source", lambda name: b"")
    other = Definition("helpers.networks.tiny_network", {"weights": weights})
    assert other.given() == given and other.digest() != digest
    assert Definition("helpers.networks.tiny_network", {"weights": weights, "frames": 2}).given() != given
