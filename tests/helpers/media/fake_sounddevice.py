"""A stand-in for the `sounddevice` module where no sound system runs: the same shape, one fake microphone
with a 440 Hz tone.

`FakeSoundDevice` is put in `sys.modules["sounddevice"]`; its streams call back from a thread of their own, as
PortAudio does.
"""

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np


class FakeSoundDevice:
    """Module-like; `unplug` silences every stream, `overflow` marks one buffer as preceded by a loss."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *, rate: float = 48_000.0, channels: int = 2, adc: bool = True) -> None:
        self.default = SimpleNamespace(device=(1, 0))
        self.rate, self.channels, self.adc = rate, channels, adc
        self.plugged = True
        self.overflow = False
        self.looked_again = 0
        self.open_streams = 0
        fake = self

        class InputStream(_FakeStream):
            def __init__(self, **arguments: Any) -> None:
                super().__init__(fake, **arguments)

        self.InputStream = InputStream

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": "Fake"}]

    def query_devices(self) -> list[dict[str, Any]]:
        speaker = {
            "name": "Fake speaker",
            "max_input_channels": 0,
            "default_samplerate": 44_100.0,
            "hostapi": 0,
        }
        microphone = {
            "name": "Fake microphone",
            "max_input_channels": self.channels,
            "default_samplerate": self.rate,
            "hostapi": 0,
        }
        return [speaker, microphone] if self.plugged else [speaker]

    def _terminate(self) -> None:
        self.looked_again += 1

    def _initialize(self) -> None:
        pass


class _FakeStream:
    latency = 0.01

    def __init__(
        self,
        fake: FakeSoundDevice,
        *,
        device: int,
        samplerate: float,
        channels: int,
        dtype: str,
        latency: float,
        callback: Callable[..., None],
    ) -> None:
        if not fake.plugged:
            raise fake.PortAudioError("Invalid device [PaErrorCode -9996]")
        self._fake, self._rate, self._channels, self._callback = fake, samplerate, channels, callback
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def active(self) -> bool:
        return self._fake.plugged and not self._ending.is_set()

    def start(self) -> None:
        self._fake.open_streams += 1
        self._thread.start()

    def abort(self, ignore_errors: bool = True) -> None:
        self._ending.set()

    def close(self, ignore_errors: bool = True) -> None:
        self._thread.join()
        self._fake.open_streams -= 1

    def _run(self) -> None:
        frames = round(self._rate / 100)
        begun, position = time.monotonic(), 0
        while not self._ending.wait(max(0.0, begun + (position + frames) / self._rate - time.monotonic())):
            if not self._fake.plugged:
                continue
            at = (position + np.arange(frames)) / self._rate
            data = np.repeat(0.5 * np.sin(2 * np.pi * 440.0 * at)[:, None], self._channels, axis=1).astype(
                np.float32
            )
            adc = 1_000.0 + position / self._rate if self._fake.adc else 0.0
            times = SimpleNamespace(currentTime=1_000.0 + time.monotonic() - begun, inputBufferAdcTime=adc)
            overflow, self._fake.overflow = self._fake.overflow, False
            self._callback(data, frames, times, SimpleNamespace(input_overflow=overflow))
            position += frames
