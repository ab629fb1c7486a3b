"""How far along long work is, for whoever waits: in numbered sentences, or as a bar with the rate and the
time left."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text
from typing_extensions import Self

from emotrack.notify import Notify


class Countdown:
    """Numbers sentences that each announce one of several things of about the same size."""

    def __init__(self, count: Callable[[], int], notify: Notify) -> None:
        """`count` tells at the first of them how many there will be."""
        self._count = count
        self._notify = notify
        self._begun = 0

    def __call__(self, sentence: str) -> None:
        """Say it, as the next one of all."""
        total, began = self._all
        left = ""
        if 0 < self._begun < total:
            seconds = (time.monotonic() - began) / self._begun * (total - self._begun)
            left = f", about {seconds:.0f} s left"
        self._begun = min(self._begun + 1, total)
        self._notify(f"{self._begun} of {total}{left}: {sentence}")

    @cached_property
    def _all(self) -> tuple[int, float]:
        return max(1, self._count()), time.monotonic()


def rate(task: Task) -> float:
    """How many a second this run has done."""
    return (task.completed - task.fields["found"]) / task.elapsed if task.elapsed else 0.0


class Rate(ProgressColumn):
    """How fast it goes, and how long it will take."""

    def render(self, task: Task) -> Text:
        """Both as text, for the bar's task."""
        speed = rate(task)
        left = str(timedelta(seconds=round((task.remaining or 0) / speed))) if speed else "-:--:--"
        return Text(f"{speed:.1f}/s, {left} left")


class Bar:
    """A progress bar whose rate counts only what is done now; use it as a context."""

    def __init__(self, title: str, total: int) -> None:
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), Rate(),
            TextColumn("{task.fields[standing]}"),
        )  # fmt: skip
        self._bars = Progress(*columns, console=Console(stderr=True))
        self._task = self._bars.add_task(title, total=total, found=0, standing="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def done(self, count: int = 1) -> None:
        """So many more were done."""
        self._bars.advance(self._task, count)

    def found(self, count: int) -> None:
        """So many more were done before."""
        known = self._bars.tasks[self._task].fields["found"]
        self._bars.update(self._task, advance=count, found=known + count)

    def show(self, standing: str) -> None:
        """How things stand, in a few words beside the bar."""
        self._bars.update(self._task, standing=standing)

    def tell(self, line: str) -> None:
        """A line above the bar, which stays."""
        self._bars.console.print(line, highlight=False)
