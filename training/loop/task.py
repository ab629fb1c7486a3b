"""What the training loop asks of a network that is to be trained, and what it keeps of it after an epoch."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from emotrack.errors import UserError
from emotrack.files import write_whole
from emotrack.model.manifest import PartName
from emotrack.training.settings import Training

VERSION = 1
CHECKPOINT = "checkpoint.safetensors"
"""Its name in the folder of a run."""


def save_checkpoint(
    path: Path, tensors: Mapping[str, Mapping[str, Tensor]], facts: Mapping[str, Any]
) -> None:
    """Write groups of named tensors and JSON-able `facts`, durable before the old file is given up."""
    # Copies: names may share storage, which safetensors refuses.
    flat = {
        f"{group}/{name}": value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for group, named in tensors.items()
        for name, value in named.items()
    }
    noted = json.dumps(facts)
    data = safetensors.torch.save(
        flat, {"version": str(VERSION), "facts": noted, "sha256": _hash(flat, noted)}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)


def load_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """What `save_checkpoint` wrote. Raises `UserError` where the file is damaged or of another version."""
    remedy = "delete it to train from the beginning"
    try:
        with safe_open(path, "pt") as file:
            notes = file.metadata() or {}
            if notes.get("version") != str(VERSION):
                raise UserError(f"The checkpoint {path} is of another version of emotrack: {remedy}.")
            flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            if notes["sha256"] != _hash(flat, notes["facts"]):
                raise UserError(f"The checkpoint {path} is damaged: {remedy}.")
            facts = json.loads(notes["facts"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"The checkpoint {path} cannot be read ({error}): {remedy}.") from None
    tensors: dict[str, dict[str, Tensor]] = {}
    for key, value in flat.items():
        group, _, name = key.partition("/")
        tensors.setdefault(group, {})[name] = value
    return tensors, facts


def _hash(tensors: Mapping[str, Tensor], facts: str) -> str:
    return hashlib.sha256(safetensors.torch.save(dict(tensors)) + facts.encode()).hexdigest()


class Task(Protocol):
    """One network, its data and its objective, from one seed."""

    seed: int
    steps: int
    """Batches in an epoch."""
    fingerprint: str
    """Hash of the seed, the data and all settings that move the weights: a run only resumes what has the
    same."""

    @property
    def part(self) -> PartName:
        """Which part of a bundle it becomes."""
        ...

    @property
    def network(self) -> nn.Module:
        """Trained in place."""
        ...

    def batches(self, epoch: int) -> Iterator[Any]:
        """The batches of one epoch: a function of the seed and of `epoch` alone, so that a run can resume at
        any epoch."""
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
    return {
        name: value.half() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }


def fingerprint_of(settings: Training, seed: int, *data: Path | str) -> str:
    """SHA-256 of all that decides the weights: settings but for the folder, the seed, and data (files, or
    hashes of them).

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
