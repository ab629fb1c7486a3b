"""Watches a training for people: a progress bar, a line for each epoch, and TensorBoard's plots."""

from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from typing_extensions import Self

from emotrack.training.progress import Bar


class TrainingWatcher:
    """Shows a training run as a bar, and writes its losses and figures where TensorBoard finds them; use it as a context."""

    def __init__(self, title: str, folder: Path) -> None:
        self._title = title
        self._folder = folder
        self._bar: Bar | None = None
        self._writer: SummaryWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.__exit__()
        if self._writer is not None:
            self._writer.close()

    def began(self, epochs: int, steps: int, done: int) -> None:
        """Open the bar, and the plots from the epoch where training goes on."""
        self._bar = Bar(self._title, epochs * steps).__enter__()
        self._bar.found(done * steps)
        self._writer = SummaryWriter(str(self._folder), purge_step=done)

    def stepped(self) -> None:
        """One more step."""
        assert self._bar is not None
        self._bar.done()

    def scored(self, epoch: int, losses: Mapping[str, float], scores: Mapping[str, float]) -> None:
        """An epoch is over."""
        assert self._bar is not None and self._writer is not None
        terms = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self._bar.tell(f"epoch {epoch + 1}: {terms}; dev {', '.join(f'{name} {value:.2f}' for name, value in scores.items())}")
        for group, values in (("loss", losses), ("dev", scores)):
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, epoch)
        self._writer.flush()
