"""How long work shows itself: a bar with the time left on stderr, and TensorBoard files of a training."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter
from typing_extensions import Self


class Bar:
    """A progress bar; use it as a context."""

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[standing]}"),
        )  # fmt: skip
        self._bars = Progress(*columns, console=Console(stderr=True))
        self._task = self._bars.add_task(title, total=total, completed=done, standing="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def advance(self) -> None:
        """One more is done."""
        self._bars.advance(self._task)

    def show(self, standing: str) -> None:
        """How things stand, in a few words beside the bar."""
        self._bars.update(self._task, standing=standing)

    def tell(self, line: str) -> None:
        """A line above the bar, which stays."""
        self._bars.console.print(line, highlight=False)


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
        self._bar = Bar(self._title, epochs * steps, done * steps).__enter__()
        self._writer = SummaryWriter(str(self._folder), purge_step=done)

    def stepped(self) -> None:
        """One more step."""
        assert self._bar is not None
        self._bar.advance()

    def scored(self, epoch: int, losses: Mapping[str, float], scores: Mapping[str, float]) -> None:
        """An epoch is over."""
        assert self._bar is not None and self._writer is not None
        terms = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self._bar.tell(f"epoch {epoch + 1}: {terms}; dev {', '.join(f'{name} {value:.2f}' for name, value in scores.items())}")
        for group, values in (("loss", losses), ("dev", scores)):
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, epoch)
        self._writer.flush()
