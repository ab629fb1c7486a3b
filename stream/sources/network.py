"""Streams behind an address (RTSP, RTMP, HTTP, MPEG-TS over UDP or TCP): live, and connected to again when lost."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.error import FFmpegError

from emotrack.model.errors import UserError
from emotrack.stream.clock import SessionClock
from emotrack.stream.media import MediaItem, Medium, MediumChange
from emotrack.stream.pacing import begin, due
from emotrack.stream.sources.arrival import BURST, ArrivalClock
from emotrack.stream.sources.container import choose_streams, open_container, read_packets, reason_of, within
from emotrack.stream.sources.decoding import MediumDecoder
from emotrack.stream.sources.file import FileSource, probe_file
from emotrack.stream.sources.live import Captured, Lost, captured, kept_up
from emotrack.stream.sources.settings import SourceSettings

SCHEMES = ("http", "https", "rtmp", "rtmps", "rtsp", "rtsps", "tcp", "udp")
SETTLING = 0.5
"""Seconds of arrivals that are looked at before the first is stamped."""
SETTLING_PACKETS = 2_000
STAMP_JITTER = 0.06
"""Seconds that stamps may wander from the count of samples, so that drift is mended in steps nobody hears often."""


@dataclass(frozen=True)
class Connection:
    """An open stream, and the monotonic nanosecond at which connecting began."""

    container: InputContainer
    begun_ns: int


class NetworkSource:
    """A live stream; the one connection that `open_url` made is used first, later ones are made as needed."""

    live = True

    def __init__(self, name: str, description: str, address: str, settings: SourceSettings, connection: Connection) -> None:
        self.name = name
        self.description = description
        self.media: frozenset[Medium] = frozenset(choose_streams(connection.container))
        self._address = address
        self._settings = settings
        self._waiting: Connection | None = connection

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """See `Source.items`."""
        return captured([self.capture], clock, stop)

    def capture(self, clock: SessionClock, stop: threading.Event) -> Captured:
        """See `LiveSource.capture`."""
        return kept_up(
            self._connect,
            lambda connection: self._read(connection, clock, stop),
            self.media,
            self._settings,
            clock,
            stop,
        )

    def _connect(self) -> Connection:
        connection, self._waiting = self._waiting, None
        return connection or connect(self._address, self.description, self._settings)

    def _read(self, connection: Connection, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        joined, reason = clock.now(), "the sender ended the stream"
        with connection.container as container:
            streams = choose_streams(container)
            finite = container.duration is not None
            for medium in sorted(streams):
                yield MediumChange(joined, medium, "up", "connected")
            decoders: dict[int, MediumDecoder] = {}
            arrivals = ((packet, clock.now()) for packet in read_packets(container, *streams.values()))
            try:
                first = _settled(arrivals)
                sender = ArrivalClock(_stamps(first) or [(0.0, clock.now())], clock.at(connection.begun_ns))
                for stream in streams.values():
                    decoders[stream.index] = MediumDecoder(
                        stream,
                        self._settings,
                        lambda stamp, _: sender.at(stamp),
                        tolerance=STAMP_JITTER,
                        begun=joined,
                    )
                for packet, arrival in itertools.chain(first, arrivals):
                    for stamp, _ in _stamps([(packet, arrival)]):
                        sender.observe(stamp, arrival)
                    for item in decoders[packet.stream_index].push(packet):
                        if stop.is_set():
                            return
                        if begin(item) >= joined:
                            if due(item) > clock.now() + BURST:
                                stop.wait(due(item) - clock.now())
                            yield item
            except FFmpegError as error:
                finite, reason = False, f"the connection was lost: {_silence(error, self._settings)}"
            for decoder in decoders.values():
                yield from decoder.end("end of stream") if finite else decoder.flush()
        if not finite:
            raise Lost(reason)


def _settled(arrivals: Iterator[tuple[av.Packet, float]]) -> list[tuple[av.Packet, float]]:
    first: list[tuple[av.Packet, float]] = []
    for packet, arrival in arrivals:
        first.append((packet, arrival))
        if arrival - first[0][1] >= SETTLING or len(first) >= SETTLING_PACKETS:
            break
    return first


def _stamps(arrivals: list[tuple[av.Packet, float]]) -> list[tuple[float, float]]:
    return [
        (float(packet.pts * packet.time_base), arrival)
        for packet, arrival in arrivals
        if packet.pts is not None and packet.time_base is not None
    ]


def _silence(error: FFmpegError, settings: SourceSettings) -> str:
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return f"no data for {settings.connect_timeout:g} s"
    return reason_of(error)


def connect(address: str, description: str, settings: SourceSettings) -> Connection:
    """Connect within the settings' time limit; raises `UserError`."""
    begun = time.monotonic_ns()
    limit = settings.connect_timeout
    options = {"analyzeduration": "2000000"}
    if address.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # loses nothing, and passes firewalls

    def open_known_host() -> InputContainer:
        if host := urlsplit(address).hostname:
            socket.getaddrinfo(host, None)  # FFmpeg would only say "Input/output error"
        return open_container(address, options=options, timeout=limit)

    try:
        container = within(limit + 0.5, open_known_host)
    except (FFmpegError, OSError) as error:
        late = time.monotonic_ns() - begun >= 0.95e9 * limit
        reason = f"no answer within {limit:g} s" if late else reason_of(error)
        fix = "check the address and that its sender runs"
        raise UserError(f"{description} cannot be reached ({reason}); {fix}.") from None
    if not choose_streams(container):
        container.close()
        raise UserError(f"{description} has neither an audio nor a video track; give a media stream.")
    return Connection(container, begun)


def open_url(address: str, *, name: str, description: str, settings: SourceSettings) -> NetworkSource | FileSource:
    """A live stream, or a file where the address is HTTP and what is behind it has an end; raises `UserError`."""
    connection = connect(address, description, settings)
    if address.startswith("http") and connection.container.duration is not None:
        connection.container.close()
        return within(
            2 * settings.connect_timeout + 0.5,
            lambda: probe_file(address, name=name, description=description, settings=settings, timeout=settings.connect_timeout),
        )
    return NetworkSource(name, description, address, settings, connection)
