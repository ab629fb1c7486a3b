"""Streams behind an address (RTSP, RTMP, HTTP, MPEG-TS over UDP or TCP): live, and connected to again when
lost.

What HTTP gives may be a recording instead. It is one where its length in bytes or in seconds is stated
(playlists have the former and are judged by the latter), and is read as a file then. Where nothing is stated
it is followed like a live stream; that it was a recording shows when it has ended in order and the server
begins it again.
"""

import errno
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Stream

from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.decoding.container import (
    choose_streams,
    medium_of,
    open_container,
    read_packets,
    reason_of,
    usable_streams,
    within,
)
from emotrack.stream.sources.decoding.decode import MediumDecoder
from emotrack.stream.sources.decoding.probe import SoundingTrack
from emotrack.stream.sources.files.file import FileSource, probe_file
from emotrack.stream.sources.live import Captured, Lost, captured, kept_up
from emotrack.stream.sources.media import MEDIA, Absent, MediaItem, Medium, MediumChange, begin, due
from emotrack.stream.sources.names import split_url
from emotrack.stream.sources.timing.arrival import BURST, ArrivalClock
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.sources.timing.timeline import duration_of

HOSTED = ("http", "https", "rtmp", "rtmps", "rtsp", "rtsps")
"""Schemes whose addresses name a host."""
PORTED = ("tcp", "udp")
"""Schemes whose addresses name a port; without a host it is one of this machine's."""
SCHEMES = (*HOSTED, *PORTED)
SETTLING = 0.5
"""Seconds of arrivals that are looked at before the first is stamped."""
SETTLING_PACKETS = 2_000
PLAYLISTS = {"hls", "dash", "sdp", "imf"}
"""Formats of which the bytes at the address are not the media."""
BEGINNING = 8
"""Packets by which a stream is known to have begun again."""
RESUMING = {"reconnect": "1"}
"""FFmpeg's options to ask for the rest of a file whose connection breaks, where the server can give it."""
STAMP_JITTER = 0.06
"""Seconds that stamps may wander from the count of samples, so that drift is mended in steps nobody hears
often."""


Fingerprint = tuple[int, int | None, bytes]
"""Stream, PTS and content of a packet."""


@dataclass(frozen=True)
class Connection:
    """An open stream, and the monotonic nanosecond at which connecting began."""

    container: InputContainer
    begun_ns: int


class NetworkSource:
    """A live stream; the connection that `open_url` made is used first, later ones are made as needed."""

    live = True

    def __init__(
        self,
        name: str,
        description: str,
        address: str,
        settings: SourceSettings,
        connection: Connection | None,
    ) -> None:
        """`connection`: None where the sender is not there yet; then `media` is empty."""
        self.name = name
        self.description = description
        self.media: frozenset[Medium] = frozenset(choose_streams(connection.container) if connection else ())
        self._address = address
        self._settings = settings
        self._waiting = connection
        self._ended = False  # in order, the last time
        self._beginning: list[Fingerprint] = []

    def check(self) -> None:
        """Connect once to see that it can be; raises `Absent`."""
        if self._waiting is None:
            self._waiting = self._connect()

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """See `Source.items`."""
        return captured([self.capture], clock, stop)

    def capture(self, clock: SessionClock, stop: threading.Event) -> Captured:
        """See `LiveSource.capture`."""
        return kept_up(
            self._connect,
            lambda connection: self._read(connection, clock, stop),
            self.media or frozenset(MEDIA),
            self._settings,
            clock,
            stop,
        )

    def close(self) -> None:
        """See `Closable.close`."""
        connection, self._waiting = self._waiting, None
        if connection is not None:
            connection.container.close()

    def _connect(self) -> Connection:
        connection, self._waiting = self._waiting, None
        return connection or connect(self._address, self.description, self._settings)

    def _read(
        self, connection: Connection, clock: SessionClock, stop: threading.Event
    ) -> Iterator[MediaItem]:
        joined = clock.now()
        failures: list[Exception] = []
        with connection.container as container:
            streams = choose_streams(container)
            audios = [stream for stream in usable_streams(container) if medium_of(stream) == "audio"]
            arrivals = _arrivals(read_packets(container, *{*streams.values(), *audios}), clock, failures)
            first = _settled(arrivals)
            if self._begins_again(first):
                return
            for medium in sorted(streams):
                yield MediumChange(joined, medium, "up", "connected")
            sender = ArrivalClock(_stamps(first) or [(0.0, clock.now())], clock.at(connection.begun_ns))

            def decoder_of(stream: Stream) -> MediumDecoder:
                return MediumDecoder(
                    stream,
                    self._settings,
                    lambda stamp, _: sender.at(stamp),
                    tolerance=STAMP_JITTER,
                    begun=joined,
                )

            decoders: dict[Medium, MediumDecoder | SoundingTrack] = {
                medium: decoder_of(one) for medium, one in streams.items()
            }
            if len(audios) > 1:
                decoders["audio"] = SoundingTrack({stream.index: decoder_of(stream) for stream in audios})
            for packet, arrival in itertools.chain(first, arrivals):
                for stamp, _ in _stamps([(packet, arrival)]):
                    sender.observe(stamp, arrival)
                for item in decoders[medium_of(packet.stream)].push(packet):
                    if stop.is_set():
                        return
                    if begin(item) >= joined:
                        if due(item) > clock.now() + BURST:
                            stop.wait(due(item) - clock.now())
                        yield item
            finite = not failures and has_end(container, self._address)
            for decoder in decoders.values():
                yield from decoder.end("end of stream") if finite else decoder.flush()
        self._ended = self._address.startswith("http") and all(_is_end(failure) for failure in failures)
        if failures and not self._ended:
            raise Lost(f"the connection was lost: {_silence(failures[0], self._settings)}")
        if not finite:
            raise Lost("the sender ended the stream")

    def _begins_again(self, first: "list[tuple[av.Packet[Any], float]]") -> bool:
        """Whether what ended in order is now given from its beginning: it was a recording."""
        beginning = [(packet.stream_index, packet.pts, bytes(packet)) for packet, _ in first[:BEGINNING]]
        again = self._ended and beginning == self._beginning
        self._beginning, self._ended = beginning, False
        return again


def _arrivals(
    packets: "Iterator[av.Packet[Any]]", clock: SessionClock, failures: list[Exception]
) -> "Iterator[tuple[av.Packet[Any], float]]":
    """Packets with the session time of their arrival; what ends them before their end is put into
    `failures`."""
    try:
        for packet in packets:
            yield packet, clock.now()
    except Exception as error:  # noqa: BLE001 - what PyAV raises of damaged streams need not be FFmpeg's
        failures.append(error)


def _is_end(error: Exception) -> bool:
    """Whether a failure of HTTP is how FFmpeg tells the end of what has no stated length."""
    return isinstance(error, OSError) and error.errno == errno.EIO


def _settled(arrivals: "Iterator[tuple[av.Packet[Any], float]]") -> "list[tuple[av.Packet[Any], float]]":
    first: list[tuple[av.Packet[Any], float]] = []
    for packet, arrival in arrivals:
        first.append((packet, arrival))
        if arrival - first[0][1] >= SETTLING or len(first) >= SETTLING_PACKETS:
            break
    return first


def _stamps(arrivals: "list[tuple[av.Packet[Any], float]]") -> list[tuple[float, float]]:
    return [
        (float(packet.pts * packet.time_base), arrival)
        for packet, arrival in arrivals
        if packet.pts is not None and packet.time_base is not None
    ]


def _silence(error: Exception, settings: SourceSettings) -> str:
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return f"no data for {settings.connect_timeout:g} s"
    return reason_of(error)


def connect(address: str, description: str, settings: SourceSettings) -> Connection:
    """Connect within the settings' time limit; raises `Absent` where there is nothing to connect to."""
    begun = time.monotonic_ns()
    limit = settings.connect_timeout
    options = {"analyzeduration": "2000000"}
    if address.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # loses nothing, and passes firewalls

    def open_known_host() -> InputContainer:
        if host := split_url(address).hostname:
            socket.getaddrinfo(host, None)  # FFmpeg would only say "Input/output error"
        return open_container(address, options=options, timeout=limit)

    try:
        container = within(limit + 0.5, open_known_host)
    except (FFmpegError, OSError, ValueError) as error:
        late = time.monotonic_ns() - begun >= 0.95e9 * limit
        reason = f"no answer within {limit:g} s" if late else reason_of(error)
        fix = "check the address and that its sender runs"
        raise Absent(f"{description} cannot be reached ({reason}); {fix}.") from None
    if not choose_streams(container):
        container.close()
        raise Absent(f"{description} has neither an audio nor a video track; give a media stream.")
    return Connection(container, begun)


def has_end(container: InputContainer, address: str) -> bool:
    """Whether what is behind an address is known to be a recording, see above."""
    if duration_of(container) is not None:
        return True
    return address.startswith("http") and container.format.name not in PLAYLISTS and container.size > 0


def open_url(
    address: str, *, name: str, description: str, settings: SourceSettings
) -> NetworkSource | FileSource:
    """A live stream, or a file where the address is HTTP and what is behind it has an end; raises
    `UserError`."""
    connection = connect(address, description, settings)
    if address.startswith("http") and has_end(connection.container, address):
        connection.container.close()
        limit = settings.connect_timeout
        try:
            return within(
                2 * limit + 0.5,
                lambda: probe_file(
                    address,
                    name=name,
                    description=description,
                    settings=settings,
                    timeout=limit,
                    options=RESUMING,
                ),
            )
        except TimeoutError:
            raise Absent(
                f"{description} cannot be reached (no answer within {limit:g} s); try again."
            ) from None
    return NetworkSource(name, description, address, settings, connection)
