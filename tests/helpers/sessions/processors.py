"""How long threads wait for a processor that others have, so that a busy machine is not taken for a slow
program."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Time:
    """Of one thread, in seconds: in which it ran, and in which it was ready to and something else ran."""

    ran: float = 0.0
    queued: float = 0.0


def times(pid: int) -> dict[int, Time]:
    """Of each thread of a process; of none where the system does not tell, or the process has ended."""
    found: dict[int, Time] = {}
    with contextlib.suppress(OSError):
        for folder in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError, ValueError):
                ran, queued, _ = (folder / "schedstat").read_text().split()
                found[int(folder.name)] = Time(int(ran) / 1e9, int(queued) / 1e9)
    return found


def waited(before: Mapping[int, Time], after: Mapping[int, Time]) -> float:
    """The seconds for which the thread that waited longest between two readings waited for other processes:
    what the other threads of its own ran meanwhile is its program's doing, and is not counted."""
    nothing = Time()
    ran = {thread: now.ran - before.get(thread, nothing).ran for thread, now in after.items()}
    queued = {thread: now.queued - before.get(thread, nothing).queued for thread, now in after.items()}
    return max((queued[one] - (sum(ran.values()) - ran[one]) for one in after), default=0.0)
