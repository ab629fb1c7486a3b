"""Warnings while a picture lives in the terminal: written to stderr they would tear it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def warnings_shown(show: Callable[[str], object]) -> Iterator[None]:
    """Give each warning that our own code logs to `show`, one sentence at a time, and to nobody else."""
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: show(record.getMessage())  # type: ignore[assignment,method-assign]
    ours = logging.getLogger("emotrack")
    propagated, ours.propagate = ours.propagate, False
    ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.propagate = propagated
