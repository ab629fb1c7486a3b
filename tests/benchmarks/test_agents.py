"""What voice agents pay for us: a frame's way through our processor, and how late their event loop gets while
we track in the same process."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import av
import numpy as np
import pytest
from pipecat.frames.frames import Frame, InputAudioRawFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pytest_benchmark.fixture import BenchmarkFixture

from emotrack import PushedSource
from emotrack.demo import clip_path
from emotrack.tracking.agents import EmotionProcessor
from emotrack.tracking.agents.background import BackgroundTracker
from helpers.sessions.tracking import settings

RATE = 16_000
PART = 0.02
SECONDS = 12.0
TICK = 0.01


def clip_samples() -> np.ndarray:
    """int16 [n]: the beginning of the demonstration."""
    resampler = av.AudioResampler("s16", "mono", RATE)
    with av.open(str(clip_path())) as clip:
        parts = [part.to_ndarray()[0] for frame in clip.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate(parts)[: round(SECONDS * RATE)]


class Passing(FrameProcessor):
    """Passes every frame on, and does nothing else: what pipecat itself costs."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


async def microseconds_per_frame(processor: FrameProcessor, frames: int) -> float:
    """What `process_frame` takes of the event loop for a frame of 20 ms of sound, on average."""
    part = np.zeros(round(PART * RATE), np.int16).tobytes()
    ready = [InputAudioRawFrame(part, RATE, 1) for _ in range(frames)]
    begun = time.perf_counter()
    for frame in ready:
        await processor.process_frame(frame, FrameDirection.DOWNSTREAM)
    return (time.perf_counter() - begun) / frames * 1e6


async def lateness(while_running: Callable[[], Awaitable[Any]] | None) -> np.ndarray:
    """Milliseconds by which a tick of 10 ms comes late on an event loop, for as long as this runs."""
    late: list[float] = []
    other = None if while_running is None else asyncio.ensure_future(while_running())
    due, end = time.monotonic(), time.monotonic() + SECONDS
    while time.monotonic() < end and (other is None or not other.done()):
        due += TICK
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        late.append((time.monotonic() - due) * 1e3)
        due = max(due, time.monotonic() - TICK)
    if other is not None:
        await other
    return np.array(late)


@pytest.mark.benchmark(group="agents")
def test_a_frame_costs_an_agent_next_to_nothing(benchmark: BenchmarkFixture) -> None:
    source = PushedSource("user")
    part = np.zeros(round(PART * RATE), np.int16)
    picture = np.zeros((480, 640, 3), np.uint8)
    benchmark(lambda: source.push_audio(part, RATE))
    begun = time.perf_counter()
    for _ in range(200):
        source.push_picture(picture)
    benchmark.extra_info["picture of 640x480, ms"] = round((time.perf_counter() - begun) / 200 * 1e3, 3)

    async def compare() -> tuple[float, float]:
        ours, theirs = EmotionProcessor(settings()), Passing()
        found = [
            (await microseconds_per_frame(ours, 2_000), await microseconds_per_frame(theirs, 2_000))
            for _ in range(3)
        ]
        return min(one for one, _ in found), min(other for _, other in found)

    ours, theirs = asyncio.run(compare())
    benchmark.extra_info["a frame through our processor, us"] = round(ours, 1)
    benchmark.extra_info["a frame through one that only passes it on, us"] = round(theirs, 1)
    assert ours - theirs < 1_000


@pytest.mark.benchmark(group="agents")
def test_the_event_loop_of_an_agent_is_not_held_up(benchmark: BenchmarkFixture) -> None:
    samples = clip_samples()
    labelled: list[int] = []

    async def track() -> None:
        source = PushedSource("user")
        tracker = BackgroundTracker([source], settings(), notify=lambda _: None)
        await tracker.open()

        async def speak() -> None:
            begun, size = time.monotonic(), round(PART * RATE)
            for number, first in enumerate(range(0, len(samples), size)):
                await asyncio.sleep(max(0.0, begun + number * PART - time.monotonic()))
                source.push_audio(samples[first : first + size], RATE)
            tracker.end()

        speaking = asyncio.ensure_future(speak())
        async for message in tracker.messages():
            labelled.append(getattr(message, "state", None) == "final")
        await speaking
        await tracker.close()

    def measure() -> None:
        idle = asyncio.run(lateness(None))
        busy = asyncio.run(lateness(track))
        for name, found in (("idle", idle), ("tracking", busy)):
            for quantile in (50, 95, 99):
                figure = round(float(np.percentile(found, quantile)), 2)
                benchmark.extra_info[f"tick of 10 ms late, {name}, p{quantile}, ms"] = figure

    benchmark.pedantic(measure, rounds=1)
    assert sum(labelled) >= 2
    idle, busy = (
        benchmark.extra_info[f"tick of 10 ms late, {name}, p95, ms"] for name in ("idle", "tracking")
    )
    assert busy < idle + 2 * PART * 1e3
