"""A whole build on miniature corpora, and the bundle that ships."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotrack.engines.face import FaceEncoder
from emotrack.engines.voice import VoiceEncoder
from emotrack.model.bundle import default_directory, load_bundle
from emotrack.model.configuration import MELD_CLASSES
from emotrack.training.bundle import CONFIGURATION, BuildSettings, build, main, split_faces
from emotrack.training.card import CARD, LICENCES, render
from emotrack.training.corpora import read_faces
from emotrack.training.face import FaceSettings
from emotrack.training.fusion import FusionSettings
from emotrack.training.voice import VoiceSettings
from helpers.corpora import write_dialogues, write_faces, write_ravdess

TINY = BuildSettings(
    voice=VoiceSettings(epochs=1, batch=8),
    face=FaceSettings(epochs=1, batch=8),
    fusion=FusionSettings(epochs=1, dialogues=2, fitting_batches=1),
    configuration=CONFIGURATION.model_copy(
        update={"width": 16, "unimodal_hidden": 8, "context_hidden": 8, "heads": 2, "layers": 1}
    ),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight actors, eight expressions in each split, and one dialogue of all seven emotions in each split."""
    folder = tmp_path_factory.mktemp("data")
    for actors in (range(1, 3), range(15, 17), range(19, 21), range(21, 23)):
        write_ravdess(folder / "ravdess", actors)
    votes = 10 * np.eye(10, dtype=int)[np.arange(64) // 4 % 8]
    images, labels = write_faces(folder, np.tile(votes, (3, 1)), ["train"] * 64 + ["valid"] * 64 + ["test"] * 64)
    images.rename(folder / "fer2013plus_48x48_webp.npz")
    labels.rename(folder / "fer2013plus_labels.csv")
    splits = ("train", "train", "train", "train", "dev", "test")
    write_dialogues(
        folder / "text_dialogues.csv",
        [
            ("MELD", split, str(number), f"speaker {turn % 2}", "Words.", emotion)
            for number, split in enumerate(splits)
            for turn, emotion in enumerate(MELD_CLASSES)
        ],
    )
    return folder


@pytest.fixture(scope="module")
def built(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A bundle, the folder of its stages, and its identifier; the text stage counts as finished."""
    out, work = tmp_path_factory.mktemp("bundle"), tmp_path_factory.mktemp("work")
    random = np.random.default_rng(0)
    counts = np.full(6 * 7, 2)
    np.savez(work / "text.npz", values=random.normal(size=(counts.sum(), 384)).astype(np.float16), counts=counts)
    return out, work, build(data, out, work, TINY)


def test_a_build_writes_everything(built: tuple[Path, Path, str]) -> None:
    out, _, identifier = built
    bundle = load_bundle(out)
    assert bundle.identifier == identifier
    assert bundle.parts.keys() == {"network", "voice", "face"}
    assert {path.name for path in out.iterdir()} == {
        "bundle.json", CARD, *(f"{name}.safetensors" for name in LICENCES), *(f"LICENSE-{name}.txt" for name in LICENCES)
    }  # fmt: skip
    assert VoiceEncoder(bundle.parts["voice"].path).dim == bundle.configuration.widths.audio
    assert FaceEncoder(bundle.parts["face"].path).dim == bundle.configuration.widths.face
    assert (out / CARD).read_text(encoding="utf-8") == render(bundle.metrics)


def test_streams_that_did_not_count_are_not_trained(built: tuple[Path, Path, str]) -> None:
    bundle = load_bundle(built[0])
    costs = bundle.metrics["dev_weighted_f1_lost_when_shuffled"]
    assert bundle.configuration.trained == tuple(stream for stream, cost in costs.items() if cost > 0)


def test_finished_stages_are_not_repeated_and_the_build_is_reproducible(
    built: tuple[Path, Path, str], data: Path, tmp_path: Path
) -> None:
    _, work, identifier = built
    longer = replace(TINY.voice, epochs=TINY.voice.epochs + 50)
    before = (work / "voice.safetensors").read_bytes()
    again = build(data, tmp_path, work, replace(TINY, voice=longer))
    assert (work / "voice.safetensors").read_bytes() == before
    assert again != identifier  # the manifest says how many epochs were asked for
    assert build(data, tmp_path, work, TINY) == identifier


def test_missing_data_is_said_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "text_dialogues.csv" in said


def test_faces_for_fusion_and_for_checking_differ(data: Path) -> None:
    faces = read_faces(data / "fer2013plus_48x48_webp.npz", data / "fer2013plus_labels.csv")
    learnt_from, checked_on = split_faces(faces)
    assert len(learnt_from.images) == 48
    assert len(checked_on.images) == 16
    assert set(learnt_from.splits) == set(checked_on.splits) == {"valid"}


def test_the_shipped_bundle_loads_is_small_and_its_card_tells_its_figures() -> None:
    folder = default_directory()
    bundle = load_bundle()
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 20 * 1024**2
    assert (folder / CARD).read_text(encoding="utf-8") == render(bundle.metrics)
    assert VoiceEncoder(bundle.parts["voice"].path).encode(np.zeros((1, 24_000), np.float32)).shape == (1, 128)
    assert FaceEncoder(bundle.parts["face"].path).encode(np.zeros((1, 48, 48), np.uint8)).shape == (1, 128)
    for name, licence in LICENCES.items():
        assert (folder / f"LICENSE-{name}.txt").read_text(encoding="utf-8").strip() == licence
        assert bundle.parts[name].licence == licence
