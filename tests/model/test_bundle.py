"""Bundles on disk: what is saved is what is loaded, and whatever does not fit is refused in one sentence."""

import hashlib
import os
import resource
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.model.bundle import NewPart, load_bundle, network_part, save_bundle
from emotrack.model.configuration import ModalityWidths, NetworkConfiguration
from emotrack.model.network import EmotionNetwork
from emotrack.model.signature import Makers
from helpers.networks.damaged_bundles import DAMAGES, rewrite_manifest
from helpers.networks.small import random_batch, save_small_bundle, small_configuration, small_network


def save_network(directory: Path, network: EmotionNetwork, **more: NewPart) -> str:
    parts: dict[Any, NewPart] = {"network": network_part(network, "x", "y"), **more}
    return save_bundle(directory, parts, configuration=network.configuration, encoders={}, metrics={})


def test_a_loaded_network_says_what_the_saved_one_said(tmp_path: Path) -> None:
    network = small_network(3, temperatures=(1.7,) * 8)
    identifier = save_small_bundle(tmp_path, 3, temperatures=(1.7,) * 8)
    bundle = load_bundle(tmp_path)
    batch = random_batch(network.configuration, modalities=("text", "face"))
    torch.testing.assert_close(bundle.network.fuse(batch).vector, network.fuse(batch).vector)
    assert bundle.configuration == network.configuration and bundle.identifier == identifier
    assert not bundle.network.training and not any(
        value.requires_grad for value in bundle.network.parameters()
    )
    assert bundle.encoders["embedded"]["text"].width == 6 and bundle.metrics == {"weighted_f1": 0.1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle.json", "network.safetensors"]


def test_saving_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = EmotionNetwork(small_configuration())
    names = network.state_dict().keys()
    save_network(tmp_path, network)
    assert network.training and network.state_dict().keys() == names
    network.fuse(random_batch(network.configuration)).vector.sum().backward()
    loaded = load_bundle(tmp_path).network.joint.rotation
    assert torch.equal(loaded, network.joint.rotation)
    torch.testing.assert_close(
        loaded.transpose(1, 2) @ loaded, torch.eye(8).expand(3, 8, 8), atol=1e-5, rtol=0
    )


def test_a_loaded_bundle_can_be_saved_again_as_it_is(tmp_path: Path) -> None:
    first = save_small_bundle(tmp_path / "one")
    bundle = load_bundle(tmp_path / "one")
    note = bundle.parts["network"]
    second = save_bundle(
        tmp_path / "two",
        {"network": network_part(bundle.network, note.licence, note.trained_on)},
        configuration=bundle.configuration,
        encoders=bundle.encoders,
        metrics=bundle.metrics,
    )
    assert first == second


def test_identifiers_follow_the_content(tmp_path: Path) -> None:
    assert (
        save_small_bundle(tmp_path / "a")
        == save_small_bundle(tmp_path / "b")
        != save_small_bundle(tmp_path / "c", 1)
    )


def test_other_parts_are_kept_with_their_settings(tmp_path: Path) -> None:
    network = small_network()
    voice = NewPart({"weight": torch.arange(3.0)}, "CC BY-NC-SA 4.0", "RAVDESS", {"channels": [1, 2]})
    save_network(tmp_path, network, voice=voice)
    part = load_bundle(tmp_path).parts["voice"]
    assert torch.equal(part.tensors()["weight"], torch.arange(3.0))
    assert (part.licence, part.trained_on, part.settings) == (
        "CC BY-NC-SA 4.0",
        "RAVDESS",
        {"channels": [1, 2]},
    )
    part.path.write_bytes(b"replaced since")
    with pytest.raises(UserError, match=r"damaged or was replaced"):
        part.tensors()


@pytest.mark.parametrize("fault", DAMAGES)
def test_faulty_bundles_are_refused_in_one_sentence(tmp_path: Path, fault: str) -> None:
    save_small_bundle(tmp_path)
    damage, sentence = DAMAGES[fault]
    damage(tmp_path)
    with pytest.raises(UserError, match=sentence) as refusal:
        _ = load_bundle(tmp_path).network
    text = str(refusal.value)
    assert "\n" not in text and text.endswith(".") and ". " not in text.replace(str(tmp_path), "")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bundle")
    save_small_bundle(directory)
    return directory


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["bundle.json", "network.safetensors"]), place=st.floats(0, 1), bit=st.integers(0, 7)
)
def test_a_flipped_bit_is_refused(saved: Path, name: str, place: float, bit: int) -> None:
    path = saved / name
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[min(int(place * len(data)), len(data) - 1)] ^= 1 << bit
    path.write_bytes(flipped)
    try:
        with pytest.raises(UserError):
            _ = load_bundle(saved).network
    finally:
        path.write_bytes(data)


GREATEST = NetworkConfiguration(
    widths=ModalityWidths(text=4096, audio=4096, face=4096, body=4096),
    width=4096,
    unimodal_hidden=4096,
    context_hidden=4096,
    layers=32,
    region_layers=32,
    heads=64,
)
"""What would be a network of 77 GB."""


def test_a_configuration_out_of_all_proportion_takes_no_room(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "bundle")
    rewrite_manifest(
        tmp_path / "bundle",
        lambda content: content.update(configuration=GREATEST.model_dump(mode="json")),
        seal=True,
    )
    bundle, before = load_bundle(tmp_path / "bundle"), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="lacks tensor"):
        _ = bundle.network
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize("name", ["bundle.json", "bundle.json.minisig", "network.safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_has_no_end_is_not_read(saved: Path, tmp_path: Path, name: str, kind: str) -> None:
    shutil.copytree(saved, tmp_path / "bundle")
    path = tmp_path / "bundle" / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(UserError, match=r"cannot be read \(it is no regular file\)"):
        load_bundle(tmp_path / "bundle", Makers(tmp_path / "nobody"))


def test_weights_that_are_no_safetensors_are_refused(tmp_path: Path) -> None:
    save_small_bundle(tmp_path)
    garbage = b"\x80\x04not a tensor file"
    (tmp_path / "network.safetensors").write_bytes(garbage)
    digest = hashlib.sha256(garbage).hexdigest()
    rewrite_manifest(tmp_path, lambda content: content["parts"]["network"].update(sha256=digest), seal=True)
    with pytest.raises(UserError, match="not a safetensors file"):
        _ = load_bundle(tmp_path).network


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_bundle(tmp_path / "nowhere")
