"""Talk to the person at the terminal."""

import contextlib
import sys


def say(sentence: str) -> None:
    """One sentence on stderr, marked as ours; lost where nobody can hear it."""
    if sys.stderr is None:  # closed before Python began
        return
    with contextlib.suppress(OSError, ValueError):  # gone, or closed since
        sys.stderr.write(f"emotrack: {sentence}\n")
        sys.stderr.flush()
