"""PaSST for mel pictures of one length. The network comes from the optional package `hear21passt`."""

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from emotrack.errors import UserError

_ARCHITECTURE = "passt_s_swa_p16_128_ap476"
_BANDS = 128


def network(weights: Path | None, frames: int) -> "PasstNetwork":
    """PaSST with the checkpoint `weights` (random, but always the same, with None) for pictures of `frames`
    columns.

    Raises `UserError` where the package is missing or the file does not hold PaSST's weights.
    """
    passt = _import_passt()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = passt.get_model(arch=_ARCHITECTURE, pretrained=False)
    if weights is not None:
        try:
            found.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        except Exception as error:
            # What the reader raises over a file that holds something else is up to that file's bytes.
            raise UserError(
                f"{weights} does not hold PaSST's weights; give a checkpoint of {_ARCHITECTURE}."
            ) from error
    # It was built for ten seconds and says so at other lengths, which its cut time embedding allows.
    found.patch_embed.img_size = (_BANDS, frames)
    return PasstNetwork(found.eval().requires_grad_(False))


class PasstNetwork(nn.Module):
    """PaSST up to the mean of its class and distillation tokens."""

    def __init__(self, passt: Any) -> None:
        super().__init__()
        self.passt = passt

    def forward(self, pictures: Tensor) -> Tensor:
        """Log-mel pictures [B, 128, frames] to descriptors [B, 768]."""
        _, features = self.passt(pictures[:, None])
        found: Tensor = features.float()
        return found


def _import_passt() -> Any:
    try:
        passt: Any = import_module("hear21passt.models.passt")
    except ImportError as error:
        raise UserError(
            f"PaSST needs a package that is missing ({error}); pip install 'emotrack[passt]' brings it."
        ) from error
    # It prints itself when built and its shapes when first run; standard output belongs to data.
    passt.print = lambda *_: None
    return passt
