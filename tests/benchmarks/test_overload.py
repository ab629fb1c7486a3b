"""More people talking at once than two cores can transcribe, and what becomes of labels and words meanwhile
and
afterwards.

A run is of use on a machine that does nothing else; it takes a minute and a half.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from emotrack.stream.wire.protocol.messages import Emotion, Feed, Heartbeat, Message
from helpers.media.rooms import talk
from helpers.sessions.tracking import Workbench, emotions

ROOMS = 8
TALKING, REST = 40.0, 25.0
"""Seconds for which all talk, and for which one goes on."""
CORES = 2


@pytest.fixture
def few_cores() -> Iterator[None]:
    """As many cores as the goal is about, for every thread that begins from now on."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])
    yield
    os.sched_setaffinity(0, before)


def lag(label: Emotion) -> float:
    """Seconds from the endpoint, by the session's clock, to the label's sending: also what the media came
    late."""
    assert label.timing_ms.endpoint is not None
    endpoint = label.end + label.timing_ms.endpoint / 1e3
    return (label.published_unix_ns - label.start_unix_ns) / 1e9 - endpoint


def changes(messages: list[Message], source: str) -> str:
    """What was left out from when on, and when no longer."""
    told = [m for m in messages if isinstance(m, Feed) and m.medium is None and m.source == source]
    return "; ".join(f"{m.time:.1f} {m.state}: {(m.reason or '').rpartition(': ')[2]}" for m in told)


@pytest.mark.usefixtures("few_cores")
def test_eight_rooms_that_all_talk(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Goals: no final later than 1.5 s, words that are left out are told, and within ten seconds of relief
    labels have words again."""
    films = [str(path) for path in talk(tmp_path, ROOMS, TALKING, REST)]
    workbench = Workbench()
    options = {"realtime": True}
    began, worked = time.monotonic(), time.process_time()
    messages = benchmark.pedantic(workbench.track, (films,), options, rounds=1)
    info = benchmark.extra_info
    info["cores that it got"] = round((time.process_time() - worked) / (time.monotonic() - began), 2)
    workbench.close()
    finals = [final for final in emotions(messages, "final") if final.modalities["audio"].present]
    busy = [final for final in finals if final.end < TALKING]
    lags = [lag(final) for final in busy]
    totals = [final.timing_ms.total or 0.0 for final in busy]
    info["finals, of them with words at once"] = (
        f"{len(busy)}, {sum(final.modalities['text'].present for final in busy)}"
    )
    info["endpoint to final, s p50 p95 most"] = _spread(lags)
    info["since the endpoint was heard, s p50 p95 most"] = _spread([total / 1e3 for total in totals])
    reasons = [final.modalities["text"].reason for final in busy]
    info["why without words"] = {str(why): reasons.count(why) for why in set(reasons)}
    later = {m.utterance for m in emotions(messages, "revised") if m.transcript is not None}
    without = {final.utterance for final in busy if final.transcript is None}
    info["words that came later"] = f"{len(without & later)} of {len(without)}"
    after = [final for final in finals if final.end >= TALKING and final.source == "room0"]
    wordless = [final.end for final in after if not final.modalities["text"].present]
    info["after relief, s: last final without words"] = round(max(wordless, default=TALKING) - TALKING, 1)
    info["after relief: finals, of them with words"] = f"{len(after)}, {len(after) - len(wordless)}"
    beats = [message for message in messages if isinstance(message, Heartbeat)]
    info["left out"] = beats[-1].shed
    info["dropped"] = beats[-1].dropped
    info["largest lag, s"] = max(beat.lag for beat in beats)
    info["most words late at once"] = max(beat.queues["late_words"] for beat in beats)
    info["steps"] = changes(messages, "room0")
    info["relief by"] = next(
        (round(b.time - TALKING, 1) for b in beats if b.time > TALKING and not b.shedding), None
    )


def _spread(seconds: list[float]) -> str:
    return " ".join(f"{np.percentile(seconds, at):.3f}" for at in (50, 95, 100))
