"""A network that knows faces in facenet-pytorch's format, with random weights: its own are to be fetched."""

from pathlib import Path

import torch
from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1


def write_identity(path: Path) -> Path:
    """Write its weights, with those of the layer that named the people of the training data."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = InceptionResnetV1()
    torch.save({**network.state_dict(), "logits.weight": torch.zeros(3, 512)}, path)
    return path
