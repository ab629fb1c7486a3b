"""What a waiting person is told: which of how many, and how long the rest may take."""

import pytest

from emotrack import progress
from emotrack.progress import Countdown


def test_it_counts_when_the_first_comes_and_estimates_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    counted: list[int] = []
    clock = iter([100.0, 110.0, 118.0])

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return next(clock)

    def count() -> int:
        counted.append(3)
        return 3

    monkeypatch.setattr(progress, "time", Clock)
    announce = Countdown(count, said.append)
    assert counted == []
    for name in "abcd":  # the fourth was not foreseen
        announce(f"compiling {name} …")
    assert counted == [3]
    assert said == [
        "1 of 3: compiling a …",
        "2 of 3, about 20 s left: compiling b …",
        "3 of 3, about 9 s left: compiling c …",
        "3 of 3: compiling d …",
    ]
