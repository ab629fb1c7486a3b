"""How many processor threads a recogniser takes, beside what runs at the same time.

The loop with its networks and vision with its own take one each (`engines.threads` unless set otherwise); what is left is the
recogniser's, one at least.
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


def recogniser_threads(workers: int) -> int:
    """Threads for each of Whisper's workers: the cores that the loop and vision leave, shared out, at least one."""
    return max(1, min(RECOGNISER_MOST, (cores() - LOOP_AND_VISION) // workers))
