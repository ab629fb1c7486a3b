"""PortAudio's devices, found by name; says which system package is missing where the library is."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from emotrack.errors import UserError
from emotrack.stream.sources.media import Absent

PACKAGES = {
    "linux": "the system package libportaudio2 (Fedora, Arch: portaudio)",
    "darwin": "portaudio (Homebrew)",
}
LATENCY = 0.03
"""Seconds of sound in the driver's buffers: enough that Python's scheduling loses nothing."""
CLOSING = 0.4
"""Seconds that closing a stream may take."""

_lock = threading.RLock()
"""Whoever asks, opens or starts PortAudio anew: it bears one at a time, and so does the process's stderr."""
_streams: set[int] = set()  # open ones, by id: PortAudio forgets them all when it looks for devices anew


@dataclass(frozen=True)
class InputDevice:
    """A device that records."""

    index: int
    name: str
    channels: int
    rate: float
    is_default: bool
    host: str

    @property
    def detail(self) -> str:
        """What people are shown beside its name."""
        default = ", default" if self.is_default else ""
        return (
            f"{self.host}, {self.rate:g} Hz, {self.channels} "
            f"channel{'s' if self.channels > 1 else ''}{default}"
        )


def portaudio() -> ModuleType:
    """The `sounddevice` module; raises `UserError` naming what is missing."""
    try:
        with _lock, quiet():
            import sounddevice
    except ImportError:
        raise UserError(
            "microphones need the Python package sounddevice: pip install 'emotrack[track]'."
        ) from None
    except OSError:
        package = PACKAGES.get(sys.platform, "PortAudio")
        raise UserError(f"microphones need PortAudio, which is not installed: install {package}.") from None
    found: ModuleType = sounddevice
    return found


def input_devices() -> list[InputDevice]:
    """Devices that record, in PortAudio's order."""
    library = portaudio()
    with _lock:
        return _input_devices(library)


def _input_devices(library: ModuleType) -> list[InputDevice]:
    try:
        hosts = [host["name"] for host in library.query_hostapis()]
        default = library.default.device[0]
        return [
            InputDevice(
                number,
                entry["name"],
                entry["max_input_channels"],
                entry["default_samplerate"],
                number == default,
                hosts[entry["hostapi"]],
            )
            for number, entry in enumerate(library.query_devices())
            if entry["max_input_channels"] > 0
        ]
    except library.PortAudioError as error:
        raise Absent(f"the sound system cannot be asked for its microphones: {_one_line(error)}.") from None


def find_input(text: str) -> InputDevice:
    """The microphone that is meant: empty or `default`, a number, a name, or a part of only one name."""
    devices = input_devices()
    if not devices:
        raise Absent("no microphone is connected, or the sound system does not run.")
    wanted = text.lower()
    if wanted in ("", "default"):
        named = [device for device in devices if device.is_default] or devices
    else:
        named = [device for device in devices if wanted in (device.name.lower(), str(device.index))]
        named = named or [device for device in devices if wanted in device.name.lower()]
        if len({device.name for device in named}) > 1:
            raise UserError(
                f"several microphones match {text!r}: {', '.join(device.name for device in named)}; name one."
            )
    if not named:
        raise Absent(
            f"there is no microphone {text!r}; there are: {', '.join(device.name for device in devices)}."
        )
    return named[0]


def open_stream(device: InputDevice, callback: Callable[..., None]) -> Any:
    """A recording stream that is running: float32, the device's own rate, one or two channels; raises
    `UserError`."""
    library = portaudio()
    with _lock, quiet():
        try:
            stream = library.InputStream(
                device=device.index,
                samplerate=device.rate,
                channels=min(device.channels, 2),
                dtype="float32",
                latency=LATENCY,
                callback=callback,
            )
            stream.start()
        except library.PortAudioError as error:
            raise Absent(f"the microphone {device.name} cannot be opened: {_one_line(error)}.") from None
        _streams.add(id(stream))
    return stream


def close_stream(stream: Any) -> None:
    """Stop at once; a driver that hangs is left to itself after `CLOSING` seconds."""

    def close() -> None:
        stream.abort(ignore_errors=True)
        stream.close(ignore_errors=True)
        with _lock:
            _streams.discard(id(stream))

    thread = threading.Thread(target=close, name="closing microphone", daemon=True)
    thread.start()
    thread.join(CLOSING)


def look_again() -> None:
    """Have PortAudio look for devices anew, which it does only when it starts; not while another stream is
    open."""
    library = portaudio()
    with _lock, quiet():
        if not _streams:
            library._terminate()
            library._initialize()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what PortAudio and ALSA themselves write to stderr: every failure is told by its exception too.

    The process's file descriptor is turned to nowhere for the moment, since neither can be asked to be
    silent.
    """
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
