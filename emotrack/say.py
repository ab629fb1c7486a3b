"""Talk to the person at the terminal."""

import sys


def say(sentence: str) -> None:
    """One sentence on stderr, marked as ours."""
    sys.stderr.write(f"emotrack: {sentence}\n")
    sys.stderr.flush()
