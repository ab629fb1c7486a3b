"""A frame processor for pipecat: what the user says and shows goes by, and messages on how they are join it.

    pipeline = Pipeline([transport.input(), EmotionProcessor(), stt, context, llm, tts, transport.output()])

Imported by whoever has pipecat (extra `pipecat`).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputImageRawFrame,
    StartFrame,
    SystemFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup

from emotrack.errors import UserError, first_line
from emotrack.settings import Settings
from emotrack.stream.sources.pushed.program import PushedSource
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.sinks import Sink
from emotrack.tracking.agents.background import BackgroundTracker

LAST_LABELS = 3.0
"""Seconds for which the end of a pipeline waits for the labels of what was said last."""


@dataclass
class EmotionFrame(SystemFrame):
    """One of our messages, in the pipeline. A system frame, since an interruption drops the others, and who
    interrupts is still in the state that was told."""

    message: Message


class EmotionProcessor(FrameProcessor):
    """Tracks the user of a pipeline. Every frame goes on at once as it came; each of our messages is pushed
    downstream as an `EmotionFrame`.

    Sound of `InputAudioRawFrame` and pictures of `InputImageRawFrame` (RGB) are tracked, of whomever they
    are. The networks are loaded in `setup`, beside the other processors'; a tracker that cannot be opened or
    fails is told once by an `ErrorFrame`, and frames go on without it. At an `EndFrame` the last labels are
    waited for, three seconds at most; at a `CancelFrame` they are not.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        participant: str = "user",
        sinks: Sequence[Sink] = (),
        **options: Any,
    ) -> None:
        """`participant`: the feed's name, and the speaker's where speakers are not told apart by their
        voices; `settings` and `sinks`: see `BackgroundTracker`; `options`: those of a `FrameProcessor`."""
        super().__init__(**options)
        self._source = PushedSource(participant, "pipecat")
        self._tracker = BackgroundTracker([self._source], settings, sinks=sinks)
        self._following: asyncio.Task[None] | None = None
        self._failure: str | None = None
        self._told = False

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as pipecat's own
        """Load what tracks."""
        await super().setup(setup)
        try:
            await self._tracker.open()
        except Exception as error:  # noqa: BLE001 - the agent goes on without us, whatever it is
            self._failure = _sentence(error)

    async def cleanup(self) -> None:
        """Let go of all of it."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._leave()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass a frame on, having taken what it holds."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame | InputImageRawFrame):
            self._take(frame)
        elif isinstance(frame, EndFrame) and self._following is not None:
            self._tracker.end()
            await asyncio.wait([self._following], timeout=LAST_LABELS)
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame) and self._following is None:
            self._following = self.create_task(self._follow())
        elif isinstance(frame, CancelFrame):
            await self._leave()
        if self._failure is not None and not self._told:
            self._told = True
            await self.push_error(f"How the user is remains unknown: {self._failure}")

    def _take(self, frame: InputAudioRawFrame | InputImageRawFrame) -> None:
        try:
            if isinstance(frame, InputAudioRawFrame):
                whole = frame.num_frames * frame.num_channels
                samples = np.frombuffer(frame.audio, np.int16, whole).reshape(-1, frame.num_channels)
                self._source.push_audio(samples, frame.sample_rate)
            elif frame.format in ("RGB", None):
                width, height = frame.size
                image = np.frombuffer(frame.image, np.uint8).reshape(height, width, 3)
                self._source.push_picture(image)
            else:
                raise ValueError(f"pictures are RGB, not {frame.format}")
        except (ValueError, ZeroDivisionError) as error:
            self._failure = self._failure or f"a frame cannot be read ({first_line(error)})."

    async def _follow(self) -> None:
        if self._failure is not None:
            return
        try:
            async for message in self._tracker.messages():
                await self.push_frame(EmotionFrame(message))
        except Exception as error:  # noqa: BLE001 - the agent goes on without us, whatever it is
            self._failure = _sentence(error)

    async def _leave(self) -> None:
        following, self._following = self._following, None
        try:
            await self._tracker.close()
        except Exception as error:  # noqa: BLE001 - the agent ends without us, whatever it is
            self._failure = self._failure or _sentence(error)
        if following is not None:
            await self.cancel_task(following)


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, UserError) else f"tracking failed ({first_line(error)})."
