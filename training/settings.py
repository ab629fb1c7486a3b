"""What every training has in common: how the weights move, from which seeds, where, and into which folder."""

from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from emotrack.errors import UserError
from emotrack.section import Section


class Optimisation(Section):
    """AdamW on a one-cycle schedule (Smith and Topin, arXiv 1708.07120), with the weights averaged as they
    move."""

    epochs: int = Field(10, ge=1, le=10_000)
    """How often the task goes through its data."""
    rate: float = Field(1e-3, gt=0)
    """The highest learning rate of the cycle."""
    warmup: float = Field(0.15, gt=0, lt=1)
    """Share of the steps in which the rate rises."""
    decay: float = Field(0.01, ge=0)
    """AdamW's weight decay."""
    clip: float = Field(1.0, gt=0)
    """Largest norm of the gradient of a step."""
    average: float = Field(0.0, ge=0, lt=1)
    """Decay of the moving average of the weights, which is what is then scored and kept; 0 for the weights
    themselves."""
    keep: Literal["best", "last"] = "best"
    """Which epoch's weights are the result: the one with the highest score on dev, or the last one, which dev
    does not choose."""
    patience: int = Field(10_000, ge=1)
    """Epochs without a better score on dev after which training stops. The recipes that ship set none: the
    last epochs of a cycle, whose rate is low, tend to be its best, and `keep` takes the best of all."""


class Training(Section):
    """Fields of every training configuration; each network's own file adds its data and settings."""

    out: Path
    """Folder of the run: one bundle for each seed, `seed-1` and so on."""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((1,), min_length=1)
    """One training with each."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes CUDA where torch finds it."""
    threads: int = Field(1, ge=1, le=256)
    """Processor threads; the same number gives the same weights."""
    optimisation: Optimisation = Optimisation()

    def recipe(self) -> dict[str, Any]:
        """Everything that decides the weights but the seed, as JSON; files and folders by their names alone,
        wherever they lie."""
        return {
            name: _plain(value) for name, value in self.model_dump(exclude={"out", "seeds", "device"}).items()
        }

    def choose_device(self) -> str:
        """The torch device to train on; raises `UserError` where CUDA is asked for and not there."""
        import torch  # seconds to import: whoever reads settings need not train

        available = torch.cuda.is_available()
        if self.device == "cuda" and not available:
            raise UserError("device is cuda but torch finds no CUDA device: add --set device=cpu.")
        return "cuda" if self.device != "cpu" and available else "cpu"


def _plain(value: Any) -> Any:
    match value:
        case Path():
            return value.name
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _plain(asdict(value))
        case _:
            return value
