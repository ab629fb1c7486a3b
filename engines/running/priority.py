"""Which threads may have the processor first."""

import contextlib
import os
import sys
import threading

GIVEN_WAY = 5
"""Steps of niceness: on a busy machine such a thread gets about a third of what others get."""


def give_way() -> None:
    """Let this thread, and those that it starts, have the processor only after the others of this process.

    What it does may come a little later; the session's loop and its sources have to be on time.
    Threads have priorities of their own on Linux only; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # this machine forbids it
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + GIVEN_WAY)
