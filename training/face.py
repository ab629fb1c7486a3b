"""Teaches the expression network FER+: soft vote shares as targets, light distortions of the images."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import affine_grid, grid_sample

from emotrack.model.face import EXPRESSIONS, FACE_SIZE, FaceNetwork
from emotrack.training.corpora import Faces, majority, vote_shares
from emotrack.training.losses import soft_cross_entropy


@dataclass(frozen=True, slots=True)
class FaceSettings:
    """How the expression network is trained; `rate` is the highest learning rate of a one-cycle schedule."""

    epochs: int = 16
    batch: int = 64
    rate: float = 3e-3
    decay: float = 0.05
    seed: int = 1


def distort(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror, turn (to 12 degrees), scale (12 %), shift (8 %) and partly cover images [B, 48, 48], each on its own.

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
    grid = affine_grid(turn, [count, 1, FACE_SIZE, FACE_SIZE], align_corners=False)
    moved = grid_sample(images.unsqueeze(1), grid, padding_mode="border", align_corners=False).squeeze(1)
    # A hand, a microphone or the edge of the picture covers part of a live face.
    corner, side = uniform(-0.1, 0.9, 2) * FACE_SIZE, uniform(0.15, 0.35, 2) * FACE_SIZE
    covered = torch.rand(count, generator=generator) < 0.3
    axis = torch.arange(FACE_SIZE)
    rows = (axis >= corner[:, :1]) & (axis < corner[:, :1] + side[:, :1])
    columns = (axis >= corner[:, 1:]) & (axis < corner[:, 1:] + side[:, 1:])
    hidden = rows[:, :, None] & columns[:, None, :] & covered[:, None, None]
    return torch.where(hidden, moved.mean(dim=(1, 2), keepdim=True), moved)


def train_face(faces: Faces, settings: FaceSettings, after_epoch: Callable[[int, FaceNetwork], None]) -> FaceNetwork:
    """Train on `faces` and return the network; `after_epoch(number, network)` may evaluate and keep it."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    shares = vote_shares(faces.votes)[:, : len(EXPRESSIONS)]
    # An image that most people could not name, or that shows no face, teaches nothing.
    kept = np.flatnonzero(shares.sum(axis=1) > 0.5)
    images = torch.from_numpy(faces.images[kept])
    targets = torch.from_numpy(shares[kept] / shares[kept].sum(axis=1, keepdims=True))
    network = FaceNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = max(1, len(kept) // settings.batch)
    optimizer = torch.optim.AdamW(network.parameters(), settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=settings.epochs * batches, pct_start=0.2)
    for epoch in range(settings.epochs):
        network.train()
        order = torch.randperm(len(kept), generator=generator)
        for chosen in order.tensor_split(batches):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                _, logits = network(distort(images[chosen].float(), generator))
            soft_cross_entropy(logits.float(), targets[chosen]).backward()
            optimizer.step()
            schedule.step()
        after_epoch(epoch, network)
    return network


@torch.inference_mode()
def face_outputs(network: FaceNetwork, images: np.ndarray, batch: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Descriptors float32 [n, 128] and logits [n, 8] of images uint8 [n, 48, 48]."""
    network.eval()
    outputs = [network(part) for part in torch.from_numpy(images).split(batch)]
    return torch.cat([one for one, _ in outputs]).numpy(), torch.cat([two for _, two in outputs]).numpy()


def face_accuracy(network: FaceNetwork, faces: Faces) -> float:
    """Share of the faces with a majority expression that the network names rightly (8 classes, one forward pass)."""
    truth = majority(faces.votes)
    named = truth >= 0
    return float((face_outputs(network, faces.images[named])[1].argmax(axis=1) == truth[named]).mean())
