"""Parts that work until the fault strikes: with functions that fail, hang or give nonsense from then on."""

from collections.abc import Callable
from typing import Any

from faults.bench import Bench
from faults.watching import Trial


class Struck:
    """Does as `whole` until so many calls, then as `broken`, for ever or `times` times."""

    def __init__(
        self,
        whole: Callable[..., Any],
        broken: Callable[..., Any],
        trial: Trial,
        *,
        after: int,
        times: int | None,
    ) -> None:
        self._whole, self._broken, self._trial = whole, broken, trial
        self._after, self._times = after, times
        self._calls = 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        """The call."""
        self._calls += 1
        over = self._times is not None and self._calls > self._after + self._times
        if self._calls <= self._after or over:
            return self._whole(*given, **named)
        self._trial.strike()
        return self._broken(*given, **named)


class Replaced:
    """Something with some of its functions replaced."""

    def __init__(self, whole: object, **functions: Callable[..., Any]) -> None:
        self._whole = whole
        self.__dict__.update(functions)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


def raising(*_: Any, **__: Any) -> Any:
    """Fails."""
    raise RuntimeError("out of memory")


def hanging(bench: Bench) -> Callable[..., Any]:
    """What hangs until the row is over."""

    def hang(*_: Any, **__: Any) -> Any:
        bench.hang()
        raise RuntimeError("hung")

    return hang
