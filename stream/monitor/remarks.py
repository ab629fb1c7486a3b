"""Warnings while a picture lives in the terminal: written to stderr they would tear it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def warnings_shown(show: Callable[[str], object]) -> Iterator[None]:
    """Give each warning that our own code logs to `show`, one sentence at a time, and to nobody else."""
    handler = _Shown(show)
    ours = logging.getLogger("emotrack")
    propagated, ours.propagate = ours.propagate, False
    ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.propagate = propagated


class _Shown(logging.Handler):
    def __init__(self, show: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):  # the terminal is gone, which whoever logs cannot mend
            self._show(record.getMessage())
