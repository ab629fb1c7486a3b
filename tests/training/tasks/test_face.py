"""The face network learns from a few pictures: the same from the same seed, small ones first, on from earlier
weights."""

import csv
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from pydantic import ValidationError

from emotrack.errors import UserError
from emotrack.model.formats import EXPRESSIONS
from emotrack.model.modules.face import FaceNetwork
from emotrack.training.corpora.ferplus import VOTES, Faces
from emotrack.training.loop.loop import train
from emotrack.training.settings import Optimisation
from emotrack.training.tasks.face import FaceTask, FaceTraining, distort, face_accuracy, learnable


class Silent:
    """Watches a training and keeps quiet."""

    def began(self, epochs: int, steps: int, done: int) -> None: ...

    def stepped(self) -> None: ...

    def scored(self, epoch: int, losses: object, scores: object) -> None: ...


def faces() -> Faces:
    """A bright bar across noise, at the height of the expression that all ten people name."""
    random = np.random.default_rng(0)
    votes = 10 * np.eye(10, dtype=int)[np.arange(24) % 8]
    pictures = random.integers(0, 60, (24, 48, 48)).astype(np.uint8)
    for picture, shown in zip(pictures, votes.argmax(axis=1), strict=True):
        picture[shown * 6 : shown * 6 + 6] += 150
    return Faces(pictures, votes, np.array(["train"] * 16 + ["valid"] * 8))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> FaceTraining:
    """Two epochs on the archive and the table of `faces`."""
    folder, data = tmp_path_factory.mktemp("faces"), faces()
    files = []
    for picture in data.images:
        buffer = BytesIO()
        Image.fromarray(picture).save(buffer, "WEBP", lossless=True)
        files.append(buffer.getvalue())
    offsets = np.cumsum([0, *map(len, files)])
    np.savez(folder / "faces.npz", blob=np.frombuffer(b"".join(files), np.uint8), offsets=offsets)
    with (folder / "faces.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["split", *VOTES])
        table.writerows([split, *row] for split, row in zip(data.splits, data.votes.tolist(), strict=True))
    return FaceTraining(
        out=folder,
        images=folder / "faces.npz",
        labels=folder / "faces.csv",
        batch=8,
        sides=(24, 48),
        optimisation=Optimisation(epochs=2),
    )


def trained(settings: FaceTraining, folder: Path, seed: int = 1) -> FaceTask:
    task = FaceTask(settings, seed, "cpu")
    train(task, settings.optimisation, folder / f"{seed}.safetensors", Silent())
    return task


def same(one: FaceTask, other: FaceTask) -> bool:
    mine, theirs = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_training_lowers_the_loss(settings: FaceTraining, tmp_path: Path) -> None:
    def loss(task: FaceTask) -> float:
        task.network.eval()
        with torch.inference_mode():
            return sum(task.losses(batch)["votes"].item() for batch in task.batches(1))

    before = loss(FaceTask(settings, 1, "cpu"))
    longer = settings.model_copy(update={"optimisation": Optimisation(epochs=8, rate=3e-3)})
    assert loss(trained(longer, tmp_path)) < before


def test_the_same_seed_gives_the_same_network(settings: FaceTraining, tmp_path: Path) -> None:
    first = trained(settings, tmp_path / "first")
    assert same(first, trained(settings, tmp_path / "again"))
    assert not same(first, trained(settings, tmp_path, seed=2))


def test_an_epoch_does_not_depend_on_those_before_it(settings: FaceTraining) -> None:
    one, other = FaceTask(settings, 1, "cpu"), FaceTask(settings, 1, "cpu")
    list(one.batches(0))
    for (mine, _), (theirs, _) in zip(one.batches(1), other.batches(1), strict=True):
        assert torch.equal(mine, theirs)


def test_small_pictures_come_first(settings: FaceTraining) -> None:
    task = FaceTask(settings, 1, "cpu")
    assert [{images.shape[-1] for images, _ in task.batches(epoch)} for epoch in (0, 1)] == [{24}, {48}]


def test_training_goes_on_from_what_fits_of_earlier_weights(settings: FaceTraining, tmp_path: Path) -> None:
    earlier = FaceNetwork().state_dict()
    earlier["describe.0.weight"] = torch.zeros(128, 7)
    safetensors.torch.save_file(
        {name: value.half() for name, value in earlier.items()}, tmp_path / "earlier.safetensors"
    )
    task = FaceTask(settings.model_copy(update={"start": tmp_path / "earlier.safetensors"}), 1, "cpu")
    assert torch.equal(
        task.network.state_dict()["layers.0.weight"], earlier["layers.0.weight"].half().float()
    )
    assert task.network.describe[0].weight.shape != (128, 7)
    assert task.fingerprint != FaceTask(settings, 1, "cpu").fingerprint


def test_weights_to_start_from_that_do_not_fit_are_refused(settings: FaceTraining, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        FaceTask(settings.model_copy(update={"start": settings.labels}), 1, "cpu")
    safetensors.torch.save_file({"other": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="nothing that fits"):
        FaceTask(settings.model_copy(update={"start": tmp_path / "other.safetensors"}), 1, "cpu")


@pytest.mark.parametrize("split", ["train", "valid"])
def test_a_split_that_nobody_could_name_is_one_sentence(
    split: str, settings: FaceTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = faces()
    data.splits[data.splits == split] = "test"
    monkeypatch.setattr("emotrack.training.tasks.face.read_faces", lambda *_: data)
    with pytest.raises(UserError, match=f"has no {split} image that people could name"):
        FaceTask(settings, 1, "cpu")


def test_settings_out_of_range_are_refused(settings: FaceTraining) -> None:
    for wrong in ({"sides": ()}, {"sides": (8,)}, {"batch": 1}, {"colour": True}):
        with pytest.raises(ValidationError):
            FaceTraining(**(settings.model_dump() | wrong))


def test_faces_that_nobody_could_name_are_not_learnt_from() -> None:
    data = faces()
    votes = data.votes.copy()
    votes[12:] = [0, 0, 0, 0, 0, 0, 0, 0, 2, 8]
    votes[0] = [6, 3, 1, 0, 0, 0, 0, 0, 0, 0]
    images, shares = learnable(Faces(data.images, votes, data.splits))
    assert torch.equal(images, torch.from_numpy(data.images[:12]))
    assert shares[0].tolist() == pytest.approx([6 / 9, 3 / 9, 0, 0, 0, 0, 0, 0])


def test_accuracy_counts_majorities_only() -> None:
    class Certain(FaceNetwork):
        def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.zeros(len(crops), 1), torch.eye(8)[torch.zeros(len(crops), dtype=torch.long)]

    votes = np.array(
        [[9, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0, 9, 1, 0, 0, 0, 0, 0, 0, 0], [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]]
    )
    assert EXPRESSIONS[0] == "neutral"
    assert (
        face_accuracy(Certain(), Faces(np.zeros((3, 48, 48), np.uint8), votes, np.array(["test"] * 3))) == 0.5
    )


def test_distorted_faces_differ_each_and_stay_in_range() -> None:
    picture = torch.from_numpy(faces().images[:1]).float().repeat(6, 1, 1)
    distorted = distort(picture, 40, torch.Generator().manual_seed(0))
    assert distorted.shape == (6, 40, 40)
    assert distorted.min() >= 0
    assert distorted.max() <= picture.max() + 1e-3
    assert len({round(one.mean().item(), 4) for one in distorted}) == 6
