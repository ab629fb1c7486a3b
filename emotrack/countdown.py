"""How far along it is, for whoever waits: what is done one after the other, and about how long the rest will take."""

import time
from collections.abc import Callable
from functools import cached_property


class Countdown:
    """Numbers sentences that each announce one of several things of about the same size."""

    def __init__(self, count: Callable[[], int], say: Callable[[str], None]) -> None:
        """`count` tells at the first of them how many there will be."""
        self._count = count
        self._say = say
        self._begun = 0

    def __call__(self, sentence: str) -> None:
        """Say it, as the next one of all."""
        total, began = self._all
        left = ""
        if 0 < self._begun < total:
            seconds = (time.monotonic() - began) / self._begun * (total - self._begun)
            left = f", about {seconds:.0f} s left"
        self._begun = min(self._begun + 1, total)
        self._say(f"{self._begun} of {total}{left}: {sentence}")

    @cached_property
    def _all(self) -> tuple[int, float]:
        return max(1, self._count()), time.monotonic()
