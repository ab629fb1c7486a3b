"""Cameras through FFmpeg's device layer: one table says how each platform names them."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from av.container import InputContainer
from av.error import FFmpegError

from emotrack.errors import UserError
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.decoding.container import choose_streams, open_container, read_packets, reason_of
from emotrack.stream.sources.decoding.decode import MediumDecoder
from emotrack.stream.sources.devices.listing import cameras
from emotrack.stream.sources.live import Captured, Lost, captured, kept_up
from emotrack.stream.sources.media import Absent, MediaItem, Medium, MediumChange
from emotrack.stream.sources.timing.clock import SessionClock

OLDEST_CAPTURE = 2.0
"""Seconds that a driver's stamp may lie back and still be taken for the monotonic clock's."""


@dataclass(frozen=True)
class CameraFormat:
    """How FFmpeg reads cameras on one platform."""

    name: str
    """FFmpeg's input format."""
    address: Callable[[str], str]
    """From a device's id, as `emotrack devices` lists it, to what FFmpeg opens."""
    options: Mapping[str, str] = field(default_factory=dict)
    paced: bool = False
    """It gives frames faster than they happen, and has to be held to its own stamps."""


FORMATS = {
    "linux": CameraFormat("v4l2", lambda device: device),
    "darwin": CameraFormat("avfoundation", lambda device: f"{device}:none", {"framerate": "30"}),
    "win32": CameraFormat("dshow", lambda device: f"video={device}"),
}
SYNTHETIC = CameraFormat("lavfi", lambda graph: graph, paced=True)
"""A filter graph instead of a camera (`camera:lavfi:testsrc2=size=640x480:rate=30`), for machines that have
none."""


class CameraSource:
    """Pictures of one camera, opened again when it was unplugged."""

    live = True
    media: frozenset[Medium] = frozenset({"video"})

    def __init__(
        self, name: str, description: str, format: CameraFormat, device: str, settings: SourceSettings
    ) -> None:
        """`device`: a number, a path, a name, or what a filter graph describes."""
        self.name = name
        self.description = description
        self._format = format
        self._device = device
        self._settings = settings

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """See `Source.items`."""
        return captured([self.capture], clock, stop)

    def capture(self, clock: SessionClock, stop: threading.Event) -> Captured:
        """See `LiveSource.capture`."""
        return kept_up(
            self._connect,
            lambda container: self._read(container, clock, stop),
            self.media,
            self._settings,
            clock,
            stop,
        )

    def check(self) -> None:
        """Open the camera once to see that it can be; raises `Absent` when it cannot, and may be able to
        later."""
        self._connect().close()

    def _connect(self) -> InputContainer:
        device = self._device if self._format is SYNTHETIC else _device_id(self._device)
        missing = UserError if self._format is SYNTHETIC else Absent
        try:
            container = open_container(
                self._format.address(device), format=self._format.name, options=self._format.options
            )
        except (FFmpegError, ValueError) as error:  # ValueError: this build of FFmpeg lacks the format
            raise missing(
                f"{self.description} cannot be opened ({reason_of(error)}); `emotrack devices` lists what "
                "is there."
            ) from None
        if "video" not in choose_streams(container):
            container.close()
            raise missing(f"{self.description} gives no pictures; `emotrack devices` lists what is there.")
        return container

    def _read(
        self, container: InputContainer, clock: SessionClock, stop: threading.Event
    ) -> Iterator[MediaItem]:
        begun = clock.now()
        with container:
            stream = choose_streams(container)["video"]

            def place(stamp: float, _: float) -> float:
                if self._format.paced:
                    stop.wait(max(0.0, begun + stamp - clock.now()))
                    return begun + stamp
                return captured_at(stamp, clock)

            decoder = MediumDecoder(stream, self._settings, place, tolerance=0.0, begun=begun)
            yield MediumChange(begun, "video", "up", "camera opened")
            try:
                for packet in read_packets(container, stream):
                    for item in decoder.push(packet):
                        if stop.is_set():
                            return
                        yield item
            except Exception as error:  # noqa: BLE001 - what PyAV raises of a broken device need not be FFmpeg's
                raise Lost(f"the camera was lost: {reason_of(error)}") from None
        raise Lost("the camera gives no more pictures")


def captured_at(stamp: float, clock: SessionClock) -> float:
    """Session time of a frame that has just arrived: the driver's stamp where it is the monotonic clock's,
    else now."""
    now = clock.now()
    by_driver = clock.at(round(stamp * 1e9))
    return by_driver if now - OLDEST_CAPTURE <= by_driver <= now else now


def open_camera(device: str, *, name: str, description: str, settings: SourceSettings) -> CameraSource:
    """`device`: a number, a path, a name, or `lavfi:` and a filter graph; it need not be there yet. Raises
    `UserError`."""
    if device.startswith("lavfi:"):
        return CameraSource(name, description, SYNTHETIC, device.removeprefix("lavfi:"), settings)
    if sys.platform not in FORMATS:
        raise UserError(f"cameras cannot be read on {sys.platform}; give a file or a URL.")
    return CameraSource(name, description, FORMATS[sys.platform], device, settings)


def _device_id(text: str) -> str:
    """What the platform calls the camera that the user means by a number, a path or a name."""
    if text.startswith("/"):
        return text
    known = cameras()
    for camera in known:
        if text in (camera.number, camera.address) or text.lower() == camera.name.lower():
            return camera.address
    raise Absent(
        f"there is no camera {text!r}; "
        + (f"there are: {', '.join(camera.id for camera in known)}." if known else "no camera is connected.")
    )
