"""A pipeline of pipecat with us in it: labels come, every other frame goes on as it came and in its order,
and a tracker that fails takes nothing with it."""

import asyncio
import importlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import av
import pytest
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InputImageRawFrame,
    InterruptionFrame,
    TextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from emotrack.demo import clip_path
from emotrack.demo.render import LINES
from emotrack.errors import UserError
from emotrack.stream.wire.protocol.messages import Emotion, Session
from emotrack.tracking.agents import EmotionFrame, EmotionProcessor, background
from helpers.pages import ROOT, blocks
from helpers.sessions.tracking import settings

PAGE = ROOT / "docs/agents.md"

PART = 0.02
RATE = 16_000
PATIENCE = 60.0


class Collecting(FrameProcessor):
    """Stands at the end of the pipeline, and keeps what comes."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Frame] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.frames.append(frame)
        await self.push_frame(frame, direction)

    def messages(self, kind: type) -> list[Any]:
        told = [frame.message for frame in self.frames if isinstance(frame, EmotionFrame)]
        return [message for message in told if isinstance(message, kind)]


def clip_frames(seconds: float) -> list[tuple[float, Frame]]:
    """The beginning of the demonstration as a transport gives it: when, and what."""
    found: list[tuple[float, Frame]] = []
    with av.open(str(clip_path())) as clip:
        resampler, held, heard = av.AudioResampler("s16", "mono", RATE), b"", 0
        for frame in clip.decode(audio=0, video=0):
            if frame.time is None or frame.time > seconds:
                break
            if isinstance(frame, av.VideoFrame):
                image = frame.to_ndarray(format="rgb24")
                size = (image.shape[1], image.shape[0])
                found.append((frame.time, InputImageRawFrame(image.tobytes(), size, "RGB")))
                continue
            held += b"".join(part.to_ndarray().tobytes() for part in resampler.resample(frame))
            step = round(PART * RATE) * 2
            while len(held) >= step:
                heard += 1
                found.append((heard * PART, InputAudioRawFrame(held[:step], RATE, 1)))
                held = held[step:]
    return sorted(found, key=lambda pair: pair[0])


async def run(
    processor: FrameProcessor,
    frames: list[tuple[float, Frame]],
    *,
    enough: Callable[[Collecting], bool] = lambda _: True,
    cancel: bool = False,
) -> tuple[Collecting, list[ErrorFrame], float]:
    """A pipeline that is given these frames in time, and ended: what came out, errors, and how long it took
    to end."""
    end = Collecting()
    errors: list[ErrorFrame] = []
    worker = PipelineWorker(Pipeline([processor, end]), params=PipelineParams(), cancel_on_idle_timeout=False)
    started = asyncio.Event()
    worker.add_event_handler("on_pipeline_started", lambda *_: started.set())
    worker.add_event_handler("on_pipeline_error", lambda _, error: errors.append(error))
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await asyncio.wait_for(started.wait(), PATIENCE)
    begun = time.monotonic()
    for due, frame in frames:
        await asyncio.sleep(max(0.0, begun + due - time.monotonic()))
        await worker.queue_frame(frame)
    deadline = time.monotonic() + PATIENCE
    while not enough(end) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    ending = time.monotonic()
    if cancel:
        await worker.cancel()
    else:
        await worker.queue_frame(EndFrame())
    await asyncio.wait_for(running, PATIENCE)
    return end, errors, time.monotonic() - ending


def given(end: Collecting, frames: list[tuple[float, Frame]]) -> list[int]:
    """The numbers of those of the frames that came out, in their order."""
    ours = {frame.id for _, frame in frames}
    return [frame.id for frame in end.frames if frame.id in ours]


def content(frame: Frame) -> dict[str, Any]:
    """All that a frame says."""
    return dict(vars(frame))


def test_labels_join_the_frames_which_go_on_as_they_came() -> None:
    frames = clip_frames(LINES[1].start)
    before = [content(frame) for _, frame in frames]
    end, errors, _ = asyncio.run(run(EmotionProcessor(settings()), frames))
    assert not errors
    assert given(end, frames) == [frame.id for _, frame in frames]
    ours = {frame.id for _, frame in frames}
    assert [content(frame) for frame in end.frames if frame.id in ours] == before
    finals = [one for one in end.messages(Emotion) if one.state == "final"]
    assert finals[0].label == "joy" and finals[0].source == "user"
    assert finals[0].modalities["face"].present and finals[0].modalities["audio"].present
    states = [one.state for one in end.messages(Session)]
    assert states == ["started", "ended"]  # the last labels are out before the pipeline has ended


def test_an_interruption_loses_no_message() -> None:
    frames = clip_frames(1.0)
    interrupted = [*frames, (1.0, InterruptionFrame()), (1.0, TextFrame("after"))]
    end, *_ = asyncio.run(run(EmotionProcessor(settings()), interrupted))
    told = [frame.message for frame in end.frames if isinstance(frame, EmotionFrame)]
    assert [message.seq for message in told] == list(range(told[0].seq, told[0].seq + len(told)))


def test_a_cancelled_pipeline_ends_at_once_and_leaves_nothing() -> None:
    end, _, took = asyncio.run(run(EmotionProcessor(settings()), clip_frames(1.0), cancel=True))
    assert took < 5.0
    assert [one.state for one in end.messages(Session)][:1] == ["started"]


@pytest.mark.parametrize("where", ["open", "run"])
def test_a_tracker_that_fails_is_told_of_once_and_frames_go_on(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    class Failing:
        def __init__(self, *_: Any, **__: Any) -> None:
            if where == "open":
                raise UserError("There is no bundle; make one.")

        def messages(self) -> Any:
            yield from ()
            raise RuntimeError("it broke")

        def stop(self) -> None:
            pass

        def close(self) -> None:
            pass

    monkeypatch.setattr(background, "Tracker", Failing)
    frames = clip_frames(0.5)
    end, errors, _ = asyncio.run(run(EmotionProcessor(), frames))
    assert given(end, frames) == [frame.id for _, frame in frames]
    why = "There is no bundle; make one." if where == "open" else "tracking failed (it broke)."
    assert [error.error for error in errors] == [f"How the user is remains unknown: {why}"]


def test_frames_that_cannot_be_read_are_told_of_once_and_go_on() -> None:
    frames: list[tuple[float, Frame]] = [
        (0.0, InputImageRawFrame(b"abc", (4, 4), "RGB")),
        (0.0, InputImageRawFrame(b"abc", (4, 4), "JPEG")),
        (0.0, InputAudioRawFrame(b"\0" * 320, 5, 1)),
        (0.0, InputAudioRawFrame(b"\0" * 321, RATE, 1)),
    ]
    end, errors, _ = asyncio.run(run(EmotionProcessor(settings()), frames))
    assert given(end, frames) == [frame.id for _, frame in frames]
    assert len(errors) == 1 and "a frame cannot be read" in errors[0].error


class TransportStandIn:
    """Ends of a pipeline that a real transport would be."""

    def __init__(self) -> None:
        self.ends = (Collecting(), Collecting())

    def input(self) -> FrameProcessor:
        return self.ends[0]

    def output(self) -> FrameProcessor:
        return self.ends[1]


def test_the_pipeline_of_the_page_tells_how_the_user_is(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = [block for block in blocks(PAGE, "python") if "pipecat" in block]
    names: dict[str, Any] = {}
    exec(compile(program, str(PAGE), "exec"), names)
    names["EmotionProcessor"] = partial(EmotionProcessor, settings())  # which need no compiling
    asyncio.run(run(names["pipeline"](TransportStandIn()), clip_frames(LINES[1].start)))
    assert "the user is in joy (" in capsys.readouterr().out


def test_without_the_extra_one_sentence_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    agents = importlib.import_module("emotrack.tracking.agents")

    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name="pipecat")

    monkeypatch.setattr(agents, "import_module", missing)
    with pytest.raises(
        ImportError, match=r"^EmotionProcessor cannot be used: .*'emotrack\[pipecat\]' brings it\.$"
    ):
        _ = agents.EmotionProcessor
    with pytest.raises(AttributeError):
        _ = agents.Nobody
