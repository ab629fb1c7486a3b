"""A session for as long as one likes, as fast as it runs: does it grow, does it slow down?

`PYTHONPATH=tests python -m benchmarks.soak --minutes 1440` tracks the demonstration clip again and again,
with faces and words, prints a line at each look and, last, one JSON object with what it came to. Ctrl-C ends
it early: what it then says is of the time it had.
"""

import argparse
import gc
import json
import os
import signal
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from emotrack.demo.render import DURATION
from emotrack.stream.sources.media import MediaItem
from emotrack.stream.wire.protocol.messages import Emotion, Heartbeat, Message
from helpers.media.scripted import Scripted, clip_part
from helpers.sessions.tracking import Collector, Workbench

LENGTH = DURATION + 1.0
"""Seconds from one clip to the next."""
LOOKS = 288
"""Of a long session, one each five minutes of a day; a short one is looked at each half minute."""
SHORTEST = 30.0


class Watcher:
    """Looks at the process now and then; of the session's messages nothing but each final's delay is kept."""

    def __init__(self, collector: Collector, seconds: float) -> None:
        self._kept = collector.messages
        self._step = max(SHORTEST, seconds / LOOKS)
        self._began = time.monotonic()
        self.looks: list[dict[str, float]] = []
        self.delays = array("f")
        self.ends = array("f")

    def take(self, message: Message) -> None:
        """Take one message."""
        self._kept.clear()
        match message:
            case Emotion(state="final", timing_ms=timing) if timing.total is not None:
                self.delays.append(timing.total)
                self.ends.append(message.end)
            case Heartbeat(time=moment) if moment >= self._step * (len(self.looks) + 1):
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
                "finals": len(self.delays),
                "p95_ms": self.p95(moment - self._step, moment),
            }
        )
        sys.stderr.write(f"{self.looks[-1]}\n")

    def p95(self, begin: float, end: float) -> float:
        """Of the delays of finals between two session times, in milliseconds; 0 without any."""
        ends, delays = np.asarray(self.ends), np.asarray(self.delays)
        chosen = delays[(ends >= begin) & (ends < end)]
        return round(float(np.percentile(chosen, 95)), 1) if len(chosen) else 0.0


def again_and_again(seconds: float) -> Iterator[MediaItem]:
    """The clip, as often as it takes."""
    begin = 0.0
    while begin < seconds:
        yield from clip_part(0.0, DURATION, at=begin)
        begin += LENGTH


def soak(minutes: float) -> dict[str, object]:
    """Track for so long: the looks, and how the last tenth compares with the first, the warm-up."""
    seconds = minutes * 60
    workbench = Workbench()
    source = Scripted("room", lambda: again_and_again(seconds))
    loop, collector = workbench.loop([source])
    signal.signal(signal.SIGINT, lambda *_: loop.stop())
    watcher = Watcher(collector, seconds)
    collector.react = watcher.take
    loop.run()
    workbench.close()
    last = watcher.looks[-1]
    tenth = last["feed_seconds"] / 10
    warm = next(look for look in watcher.looks if look["feed_seconds"] >= tenth)
    first, final = watcher.p95(0.0, tenth), watcher.p95(9 * tenth, 10 * tenth)
    return {
        "looks": watcher.looks,
        "grown_megabytes": round(last["megabytes"] - warm["megabytes"], 1),
        "more_threads": last["threads"] - warm["threads"],
        "more_descriptors": last["descriptors"] - warm["descriptors"],
        "p95_first_tenth_ms": first,
        "p95_last_tenth_ms": final,
        "p95_ratio": round(final / first, 2) if first else None,
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=5.0, help="of what the session hears and sees")
    sys.stdout.write(json.dumps(soak(parser.parse_args().minutes)) + "\n")


if __name__ == "__main__":
    main()
