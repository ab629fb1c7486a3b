"""Talk to the person at the terminal: one sentence at a time, in text that cannot steer it."""

import contextlib
import sys
from collections.abc import Callable, Iterator

Notify = Callable[[str], None]
"""What is given a sentence for the person who waits or asked."""
_hearers: list[Callable[[str, bool], None]] = []


@contextlib.contextmanager
def heard_by(hearer: Callable[[str, bool], None]) -> Iterator[None]:
    """Give every sentence, and whether it is why the command fails, to `hearer` instead of to stderr."""
    _hearers.append(hearer)
    try:
        yield
    finally:
        _hearers.remove(hearer)


def notify(sentence: str, *, serious: bool = False) -> None:
    """One sentence on stderr, marked as ours; lost where nobody can hear it. `serious`: it is why the command
    fails."""
    if _hearers:
        _hearers[-1](sentence, serious)
    elif sys.stderr is not None:  # closed before Python began
        with contextlib.suppress(OSError, ValueError):  # gone, or closed since
            sys.stderr.write(f"emotrack: {plain(sentence)}\n")
            sys.stderr.flush()


def plain(text: str) -> str:
    """The text without what could steer a terminal (messages come from elsewhere)."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def clock(seconds: float) -> str:
    """Session time as `mm:ss.s`."""
    tenths = round(max(0.0, seconds) * 10)
    return f"{tenths // 600:02d}:{tenths % 600 / 10:04.1f}"


def shorten(text: str, length: int) -> str:
    """The text, cut to `length` letters with an ellipsis where it is longer."""
    return text if len(text) <= length else text[: max(0, length - 1)] + "…"
