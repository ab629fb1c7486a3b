"""Teaches the expression network FER+: soft vote shares as targets, light distortions of the images."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import safetensors.torch
import torch
from pydantic import Field
from safetensors import SafetensorError
from torch.nn.functional import affine_grid, grid_sample

from emotrack.errors import UserError
from emotrack.model.formats import EXPRESSIONS
from emotrack.model.modules.face import FaceNetwork
from emotrack.training.corpora.ferplus import Faces, majority, read_faces, vote_shares
from emotrack.training.loop.losses import soft_cross_entropy
from emotrack.training.loop.task import fingerprint_of, halved
from emotrack.training.settings import Training


class FaceTraining(Training):
    """How the expression network is trained."""

    train: Literal["face"] = "face"
    images: Path
    """`fer2013plus_48x48_webp.npz`."""
    labels: Path
    """`fer2013plus_labels.csv`."""
    start: Path | None = None
    """Weights of an earlier face network to go on from; what fits by name and shape is taken over."""
    batch: int = Field(64, ge=2)
    """Images in a batch."""
    sides: tuple[Annotated[int, Field(ge=16)], ...] = Field((32, 32, 40, 48), min_length=1)
    """Side in pixels that the images are drawn with, each for an equal share of the epochs: most can be
    learnt from small ones, in half the time."""


def fingerprint(settings: FaceTraining, seed: int) -> str:
    """See `Task.fingerprint`."""
    data = [path for path in (settings.images, settings.labels, settings.start) if path is not None]
    return fingerprint_of(settings, seed, *data)


class FaceTask:
    """See `emotrack.training.loop.task.Task`."""

    part: Literal["face"] = "face"

    def __init__(self, settings: FaceTraining, seed: int, device: str) -> None:
        torch.manual_seed(seed)
        self.seed = seed
        self.fingerprint = fingerprint(settings, seed)
        self.network = FaceNetwork()
        if settings.start is not None:
            take_over(self.network, settings.start)
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        faces = read_faces(settings.images, settings.labels)
        for split in ("train", "valid"):
            if not len(learnable(faces.of(split))[0]):
                raise UserError(
                    f"{settings.labels} has no {split} image that people could name: give the whole of FER+."
                )
        self._valid = faces.of("valid")
        self._images, self._targets = learnable(faces.of("train"))
        self.steps = max(1, len(self._images) // settings.batch)
        self._settings = settings
        self._device = device

    def batches(self, epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Distorted images [B, side, side] and the shares of their votes [B, 8]."""
        sides = self._settings.sides
        side = sides[epoch * len(sides) // self._settings.optimisation.epochs]
        generator = torch.Generator().manual_seed(self.seed * 10_000 + epoch)
        for chosen in torch.randperm(len(self._images), generator=generator).tensor_split(self.steps):
            yield distort(self._images[chosen].float(), side, generator), self._targets[chosen]

    def losses(self, batch: tuple[torch.Tensor, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Cross-entropy against the votes."""
        images, shares = batch
        with torch.autocast(self._device, torch.bfloat16):
            _, logits = self.network(images.to(self._device))
        return {"votes": soft_cross_entropy(logits.float(), shares.to(self._device))}

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """Gains and biases do not decay."""
        parameters = list(self.network.parameters())
        return [
            {"params": [one for one in parameters if one.ndim > 1], "lr": rate},
            {"params": [one for one in parameters if one.ndim <= 1], "lr": rate, "weight_decay": 0.0},
        ]

    def settle(self, network: torch.nn.Module, epoch: int) -> None:
        """Nothing is fitted."""

    def score(self, network: torch.nn.Module) -> Mapping[str, float]:
        """On the valid split: minus the cross-entropy, which tells epochs apart better than the accuracy in
        percent does."""
        assert isinstance(network, FaceNetwork)
        images, shares = learnable(self._valid)
        _, logits = face_outputs(network, images.numpy())
        return {
            "score": -soft_cross_entropy(torch.from_numpy(logits), shares).item(),
            "accuracy": 100 * face_accuracy(network, self._valid),
        }

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """The weights in half precision."""
        return halved(self.network)

    def notes(self) -> Mapping[str, Any]:
        """The architecture is fixed."""
        return {}


def take_over(network: FaceNetwork, path: Path) -> None:
    """Give `network` the tensors of a safetensors file that have the name and shape of its own.

    Raises `UserError` where the file cannot be read or holds none.
    """
    try:
        found = safetensors.torch.load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"The weights to start from cannot be read from {path}: {error}.") from None
    own = network.state_dict()
    fitting = {
        name: value.to(own[name].dtype)
        for name, value in found.items()
        if name in own and own[name].shape == value.shape
    }
    if not fitting:
        raise UserError(
            f"{path} holds nothing that fits the face network: leave `start` out or give another file."
        )
    network.load_state_dict(own | fitting)


def learnable(faces: Faces) -> tuple[torch.Tensor, torch.Tensor]:
    """The images uint8 [n, 48, 48] that most people could name, and the shares of the votes for each
    expression [n, 8]."""
    shares = vote_shares(faces.votes)[:, : len(EXPRESSIONS)]
    kept = np.flatnonzero(shares.sum(axis=1) > 0.5)
    return torch.from_numpy(faces.images[kept]), torch.from_numpy(
        shares[kept] / shares[kept].sum(axis=1, keepdims=True)
    )


def distort(images: torch.Tensor, side: int, generator: torch.Generator) -> torch.Tensor:
    """Mirror, turn (to 12 degrees), scale (12 %), shift (8 %) and partly cover images [B, h, w], each on its
    own: [B, side, side].

    Exposure and contrast need no distortion: the network standardises each image.
    """
    count = len(images)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.empty(count, *shape).uniform_(low, high, generator=generator)

    angle, scale = uniform(-0.21, 0.21), uniform(0.88, 1.12)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    turn = torch.zeros(count, 2, 3)
    turn[:, 0, 0], turn[:, 0, 1] = scale * angle.cos() * mirror, -scale * angle.sin()
    turn[:, 1, 0], turn[:, 1, 1] = scale * angle.sin() * mirror, scale * angle.cos()
    turn[:, :, 2] = uniform(-0.16, 0.16, 2)
    grid = affine_grid(turn, [count, 1, side, side], align_corners=False)
    moved = grid_sample(images.unsqueeze(1), grid, padding_mode="border", align_corners=False).squeeze(1)
    # A hand, a microphone or the edge of the picture covers part of a live face.
    corner, extent = uniform(-0.1, 0.9, 2) * side, uniform(0.15, 0.35, 2) * side
    covered = torch.rand(count, generator=generator) < 0.3
    axis = torch.arange(side)
    rows = (axis >= corner[:, :1]) & (axis < corner[:, :1] + extent[:, :1])
    columns = (axis >= corner[:, 1:]) & (axis < corner[:, 1:] + extent[:, 1:])
    hidden = rows[:, :, None] & columns[:, None, :] & covered[:, None, None]
    return torch.where(hidden, moved.mean(dim=(1, 2), keepdim=True), moved)


@torch.inference_mode()
def face_outputs(network: FaceNetwork, images: np.ndarray, batch: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Descriptors float32 [n, 128] and logits [n, 8] of images uint8 [n, 48, 48]."""
    network.eval()
    device = next(network.parameters()).device
    outputs = [network(part.to(device)) for part in torch.from_numpy(images).split(batch)]
    return torch.cat([one for one, _ in outputs]).cpu().numpy(), torch.cat(
        [two for _, two in outputs]
    ).cpu().numpy()


def face_accuracy(network: FaceNetwork, faces: Faces) -> float:
    """Share of the faces with a majority expression that the network names rightly (8 classes, one forward
    pass)."""
    truth = majority(faces.votes)
    named = truth >= 0
    return float((face_outputs(network, faces.images[named])[1].argmax(axis=1) == truth[named]).mean())
