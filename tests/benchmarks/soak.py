"""A session for as long as one likes, as fast as it runs: does it grow, does it slow down?

`PYTHONPATH=tests python -m benchmarks.soak --minutes 1440` tracks the demonstration clip again and again,
with faces and words, and prints a line for each tenth of the time and, last, one JSON object with what it
came to.
"""

import argparse
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from emotrack.demo.render import DURATION
from emotrack.stream.sources.media import MediaItem
from emotrack.stream.wire.protocol.messages import Emotion, Heartbeat, Message
from helpers.media.scripted import Scripted, clip_part
from helpers.sessions.tracking import Collector, Workbench

TENTHS = 10
LENGTH = DURATION + 1.0
"""Seconds from one clip to the next."""


class Watcher:
    """Looks at the process once a tenth of the session; of its messages nothing is kept."""

    def __init__(self, collector: Collector, seconds: float) -> None:
        self._kept = collector.messages
        self._tenth = seconds / TENTHS
        self._began = time.monotonic()
        self.looks: list[dict[str, float]] = []
        self._delays: list[float] = []

    def take(self, message: Message) -> None:
        """Take one message."""
        self._kept.clear()
        match message:
            case Emotion(state="final", timing_ms=timing) if timing.total is not None:
                self._delays.append(timing.total)
            case Heartbeat(time=moment) if moment >= self._tenth * (len(self.looks) + 1):
                self.look(moment)

    def look(self, moment: float) -> None:
        """How the process is at session time `moment`."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.looks.append(
            {
                "feed_seconds": round(moment),
                "seconds": round(time.monotonic() - self._began, 1),
                "megabytes": round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1),
                "threads": threading.active_count(),
                "descriptors": len(os.listdir("/proc/self/fd")),
                "finals": len(self._delays),
                "p95_ms": round(float(np.percentile(self._delays, 95)), 1) if self._delays else 0.0,
            }
        )
        self._delays.clear()
        sys.stderr.write(f"{self.looks[-1]}\n")


def again_and_again(seconds: float) -> Iterator[MediaItem]:
    """The clip, as often as it takes."""
    begin = 0.0
    while begin < seconds:
        yield from clip_part(0.0, DURATION, at=begin)
        begin += LENGTH


def soak(minutes: float) -> dict[str, object]:
    """Track for so long: the looks, and how the last compares with the first after the warm-up (a tenth)."""
    seconds = minutes * 60
    workbench = Workbench()
    source = Scripted("room", lambda: again_and_again(seconds))
    loop, collector = workbench.loop([source])
    watcher = Watcher(collector, seconds)
    collector.react = watcher.take
    loop.run()
    workbench.close()
    warm, last = watcher.looks[0], watcher.looks[-1]
    return {
        "looks": watcher.looks,
        "grown_megabytes": round(last["megabytes"] - warm["megabytes"], 1),
        "more_threads": last["threads"] - warm["threads"],
        "more_descriptors": last["descriptors"] - warm["descriptors"],
        "p95_ratio": round(last["p95_ms"] / warm["p95_ms"], 2) if warm["p95_ms"] else None,
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=5.0, help="of what the session hears and sees")
    sys.stdout.write(json.dumps(soak(parser.parse_args().minutes)) + "\n")


if __name__ == "__main__":
    main()
