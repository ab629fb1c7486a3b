"""What the training loop asks of a network that is to be trained."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from emotrack.model.errors import UserError
from emotrack.model.manifest import PartName
from emotrack.training.settings import Training


class Task(Protocol):
    """One network, its data and its objective, from one seed."""

    seed: int
    steps: int
    """Batches in an epoch."""
    fingerprint: str
    """Hash of the seed, the data and all settings that move the weights: a run only resumes what has the same."""

    @property
    def part(self) -> PartName:
        """Which part of a bundle it becomes."""
        ...

    @property
    def network(self) -> nn.Module:
        """Trained in place."""
        ...

    def batches(self, epoch: int) -> Iterator[Any]:
        """The batches of one epoch: a function of the seed and of `epoch` alone, so that a run can resume at any epoch."""
        ...

    def losses(self, batch: Any) -> Mapping[str, Tensor]:
        """The weighted terms of the objective; their sum is minimised."""
        ...

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """AdamW's parameter groups with the highest learning rate of each."""
        ...

    def settle(self, network: nn.Module, epoch: int) -> None:
        """Fit what is fitted rather than trained, in the network that is about to be scored."""
        ...

    def score(self, network: nn.Module) -> Mapping[str, float]:
        """Figures on dev; `score` decides which epoch is kept, higher is better."""
        ...


class EncoderTask(Task, Protocol):
    """An encoder, which becomes a part of a bundle by itself."""

    def tensors(self) -> Mapping[str, Tensor]:
        """Its weights in half precision, the form in which encoders ship."""
        ...

    def notes(self) -> Mapping[str, Any]:
        """The part's settings: what is needed to build it again."""
        ...


def halved(network: nn.Module) -> dict[str, Tensor]:
    """A network's state with its floating-point numbers in half precision."""
    return {name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()}


def fingerprint_of(settings: Training, seed: int, *data: Path | str) -> str:
    """SHA-256 of all that decides the weights: settings but for the folder, the seed, and data (files, or hashes of them).

    Raises `UserError` where a file cannot be read.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps([settings.recipe(), seed], sort_keys=True).encode())
    for one in data:
        try:
            digest.update(one.encode() if isinstance(one, str) else hashlib.sha256(one.read_bytes()).digest())
        except OSError as error:
            raise UserError(f"{one} cannot be read ({error.strerror}): give the path of the data.") from None
    return digest.hexdigest()
