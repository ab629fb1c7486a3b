"""Microphones by PortAudio, whose thread does nothing but copy each buffer into a bounded queue."""

import math
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from emotrack.errors import UserError
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.decoding.audio_track import AudioTrack
from emotrack.stream.sources.decoding.decode import HEALED
from emotrack.stream.sources.devices.portaudio import (
    InputDevice,
    close_stream,
    find_input,
    look_again,
    open_stream,
)
from emotrack.stream.sources.live import Captured, Lost, captured, kept_up
from emotrack.stream.sources.media import MediaItem, Medium, MediumChange
from emotrack.stream.sources.timing.arrival import DriftFit
from emotrack.stream.sources.timing.clock import SessionClock

QUEUE_BUFFERS = 2_048
"""Buffers that may wait for the reader, which does nothing but convert them: over 20 s at 10 ms each."""
SILENT_DEVICE = 4.0
"""Seconds without a buffer after which a device counts as lost."""
STAMP_JITTER = 0.06
"""Seconds that the clock fit may wander from the count of samples, see `AudioTrack`."""
LATENCY_ERROR = 0.05
"""Seconds that a buffer may be older, by its ADC time, than the device's stated latency allows; more is no
ADC time."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """What PortAudio gave at one call."""

    samples: np.ndarray
    """float32 [n, channels]."""
    arrived_ns: int
    """Monotonic time of the call."""
    adc_age: float
    """Seconds since its first sample was captured, as the driver says, which may be nonsense."""
    overflowed: bool
    """Samples were lost right before it."""


class Inbox:
    """Bounded queue between PortAudio's thread, which must not wait, and the reader."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Buffer] = queue.Queue(QUEUE_BUFFERS)
        self._refused = False

    def callback(self, data: np.ndarray, frames: int, times: Any, status: Any) -> None:
        """PortAudio's callback: copy and leave."""
        arrived = time.monotonic_ns()
        age = times.currentTime - times.inputBufferAdcTime if times.inputBufferAdcTime > 0 else math.inf
        buffer = Buffer(data.copy(), arrived, age, bool(status.input_overflow) or self._refused)
        try:
            self._queue.put_nowait(buffer)
            self._refused = False
        except queue.Full:
            self._refused = True

    def get(self, timeout: float) -> Buffer | None:
        """The next buffer, or None when there was none for `timeout` seconds."""
        try:
            return self._queue.get(timeout=timeout)
        except queue.Empty:
            return None


def captured_ns(buffer: Buffer, rate: float, latency: float) -> int:
    """Monotonic time of a buffer's first sample: by its ADC time where that is credible, else arrival minus
    its length."""
    length = len(buffer.samples) / rate
    credible = 0.0 <= buffer.adc_age <= length + latency + LATENCY_ERROR
    return buffer.arrived_ns - round((buffer.adc_age if credible else length) * 1e9)


@dataclass(frozen=True)
class _Recording:
    device: InputDevice
    inbox: Inbox
    stream: Any


class MicrophoneSource:
    """Sound of one microphone, opened again when it was unplugged."""

    live = True
    media: frozenset[Medium] = frozenset({"audio"})

    def __init__(self, name: str, description: str, microphone: str, settings: SourceSettings) -> None:
        """`microphone`: empty or `default`, a number, a name or part of one."""
        self.name = name
        self.description = description
        self._microphone = microphone
        self._settings = settings
        self._lost = False

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """See `Source.items`."""
        return captured([self.capture], clock, stop)

    def capture(self, clock: SessionClock, stop: threading.Event) -> Captured:
        """See `LiveSource.capture`."""
        return kept_up(
            self._connect,
            lambda recording: self._read(recording, clock, stop),
            self.media,
            self._settings,
            clock,
            stop,
        )

    def check(self) -> None:
        """Open the microphone once to see that it can be; raises `Absent` when it cannot, and may be able to
        later."""
        close_stream(self._connect().stream)

    def _connect(self) -> _Recording:
        if self._lost:
            look_again()
        try:
            device = find_input(self._microphone)
            inbox = Inbox()
            return _Recording(device, inbox, open_stream(device, inbox.callback))
        except UserError as error:
            self._lost = True
            hint = "; `emotrack devices` lists what is there."
            raise type(error)(f"{str(error).rstrip('.')}{hint}") from None

    def _read(self, recording: _Recording, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        rate, latency = recording.device.rate, float(recording.stream.latency)
        stamper = _Stamper(rate)
        silent_since = time.monotonic()
        try:
            yield MediumChange(clock.now(), "audio", "up", f"recording from {recording.device.name}")
            while not stop.is_set():
                buffer = recording.inbox.get(timeout=0.1)
                if buffer is not None:
                    silent_since = time.monotonic()
                    yield from stamper.push(buffer, clock.at(captured_ns(buffer, rate, latency)))
                elif not recording.stream.active or time.monotonic() - silent_since > SILENT_DEVICE:
                    self._lost = True
                    raise Lost(f"the microphone {recording.device.name} gives no more sound")
        finally:
            close_stream(recording.stream)


class _Stamper:
    """Session time of buffers: their count of samples, fitted to when the device says they were captured."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._track = AudioTrack(STAMP_JITTER)
        self._fit: DriftFit | None = None
        self._count = 0
        self._overflows = 0
        self._overflowed: float | None = (
            None  # session time of the last loss, until the sound counts as whole again
        )

    def push(self, buffer: Buffer, captured: float) -> Iterator[MediaItem]:
        position = self._count / self._rate
        if self._fit is None or buffer.overflowed:
            if buffer.overflowed:
                self._overflows += 1
                if self._overflowed is None:
                    reason = f"sound was lost: the device's buffer ran over ({self._overflows} times so far)"
                    yield MediumChange(captured, "audio", "degraded", reason)
                self._overflowed = captured
            self._fit = DriftFit(position, captured)
        self._fit.observe(position, captured)
        self._count += len(buffer.samples)
        layout = "mono" if buffer.samples.shape[1] == 1 else "stereo"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(buffer.samples.T), "fltp", layout)
        frame.sample_rate = round(self._rate)
        yield from self._track.push(frame, self._fit.at(position))
        if self._overflowed is not None and captured - self._overflowed >= HEALED:
            self._overflowed = None
            yield MediumChange(
                captured, "audio", "up", f"sound is whole again ({self._overflows} losses so far)"
            )


def open_microphone(
    microphone: str, *, name: str, description: str, settings: SourceSettings
) -> MicrophoneSource:
    """`microphone`: empty or `default`, a number, a name or part of one; it need not be there yet."""
    return MicrophoneSource(name, description, microphone, settings)
