"""Whose face it is: Inception-ResNet v1 (Szegedy et al. 2016) as facenet-pytorch trained it on VGGFace2,
whose layers and weights' names are that package's."""

from pathlib import Path

import torch
from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1
from torch import Tensor, nn

from emotrack.errors import UserError

_CLASSES = "logits."
"""How the weights of the layer are called that named the people of the training data, which nothing needs."""


def network(weights: Path) -> "IdentityNetwork":
    """The network in a file of facenet-pytorch's; raises `UserError` where it holds something else."""
    try:
        found = torch.load(weights, map_location="cpu", weights_only=True)
        layers = InceptionResnetV1()
        layers.load_state_dict(
            {name: value for name, value in found.items() if not name.startswith(_CLASSES)}
        )
        return IdentityNetwork(layers).eval().requires_grad_(False)
    except Exception as error:
        # torch raises as it pleases over a file that holds something else.
        raise UserError(
            f"{weights} is not facenet-pytorch's network that knows faces: give the path of its .pt file, or "
            "remove what was fetched and fetch it anew."
        ) from error


class IdentityNetwork(nn.Module):
    """Describes a face by a vector of length 1."""

    middle: Tensor

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        self.register_buffer("middle", torch.tensor(127.5), persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """Faces uint8 [B, 160, 160, 3] (RGB) to vectors float32 [B, 512] of length 1."""
        pixels = (crops.permute(0, 3, 1, 2).to(self.middle.dtype) - self.middle) / 128
        found: Tensor = self.layers(pixels)
        return found
