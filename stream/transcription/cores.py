"""How many processor threads each kind of work takes, so that all of it together does not take more than there are.

Several things run at the same time: the loop with its networks, vision with its own, and the recogniser. A network of the live path
is small and takes one thread; what is left is the recogniser's.
"""

import os

LOOP_AND_VISION = 2
RECOGNISER_MOST = 4
"""Threads beyond which Whisper gains little on one utterance."""


def cores() -> int:
    """Processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


def recogniser_threads() -> int:
    """Threads for Whisper: the cores that the loop and vision leave, at least one."""
    return max(1, min(RECOGNISER_MOST, cores() - LOOP_AND_VISION))
