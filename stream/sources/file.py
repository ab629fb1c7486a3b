"""A file (or a finite one behind a URL): read as fast as is asked for, each medium by its own reader, merged by time.

Two readers cost reading the file twice, and make the order of items independent of how the file is interleaved, with no
more in memory than one item of each.
"""

import heapq
import re
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Stream

from emotrack.model.errors import UserError
from emotrack.stream.clock import SessionClock
from emotrack.stream.media import MediaItem, Medium, MediumChange
from emotrack.stream.pacing import due
from emotrack.stream.sources.container import choose_streams, open_container, read_packets, reason_of
from emotrack.stream.sources.decoding import MediumDecoder, decoded, frame_stamp
from emotrack.stream.sources.settings import SourceSettings
from emotrack.stream.sources.timeline import Timeline

END_OF_FILE = "end of file"
"""Why a medium of a file that was read whole goes down."""
STAMP_ROUNDING = 0.015
"""Seconds: containers round stamps to milliseconds or more; a lost frame of a codec is longer."""
PROBE_PACKETS = 2_000
"""Packets within which every medium must show a frame that decodes."""
STATES_DURATION = {"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "avi", "wav", "flac"}
"""Formats whose header states the duration, so that an early end is known to be one; others guess it from the size."""
JUMPING_FORMATS = {"mpegts", "mpeg", "ogg", "hls"}
"""Formats whose time stamps may begin anew in the middle: recordings that were cut or joined."""
EARLY_END = 0.5
"""Seconds that may be missing of the stated duration."""
SEQUENTIAL = {"mpegts", "mpeg", "ogg", "mp3", "avi"}
"""Formats that hold all media side by side, so that the last packet of each lies near the end of the file."""
UNREAD = 0.1
"""Part of a file that may follow the last packet of a medium."""


@dataclass
class FileSource:
    """Media of finite length at a path or URL; session time is PTS - first PTS of the file."""

    name: str
    description: str
    address: str
    media: frozenset[Medium]
    """What the file has and this source gives."""
    origin: float
    """First PTS (seconds) of all its media."""
    settings: SourceSettings
    timeout: float | None = None
    live: bool = False

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """Everything up to the end, or up to the damage that ends it, unpaced; the file begins with the session."""
        for medium in _MEDIA:
            if medium in self.media:
                yield MediumChange(0.0, medium, "up", "start of file")
            else:
                yield MediumChange(0.0, medium, "down", f"the file has no {medium} track")
        with ExitStack() as readers:
            media = [readers.enter_context(closing(self._read(medium))) for medium in _MEDIA if medium in self.media]
            for item in heapq.merge(*media, key=due):
                if stop.is_set():
                    return
                yield item

    def _read(self, medium: Medium) -> Generator[MediaItem, None, None]:
        try:
            container = open_container(self.address, timeout=self.timeout)
        except FFmpegError as error:
            yield MediumChange(0.0, medium, "down", f"the file cannot be opened any more: {reason_of(error)}")
            return
        with container:
            stream = choose_streams(container)[medium]
            timeline = Timeline(self.origin, jumps=_jumps(container), duration=_duration(container))
            decoder = MediumDecoder(stream, self.settings, timeline.place, tolerance=STAMP_ROUNDING)
            reason, position = "", 0
            try:
                for packet in read_packets(container, stream):
                    position = max(position, (packet.pos or 0) + packet.size)
                    yield from decoder.push(packet)
            except FFmpegError as error:
                reason = f"the file cannot be read on: {reason_of(error)}"
                yield from decoder.push(None)
            stated = _stated_end(container, stream, alone=len(self.media) == 1)
            if not reason and stated is not None and stated - self.origin - decoder.reached > EARLY_END:
                reason = f"the file is cut off at {decoder.reached:.2f} s of {stated - self.origin:.2f} s"
            elif not reason and container.format.name in SEQUENTIAL and 0 < position < container.size * (1 - UNREAD):
                reason = f"nothing can be read of the file after {decoder.reached:.2f} s"
            yield from decoder.end(reason or END_OF_FILE)


_MEDIA: tuple[Medium, Medium] = ("audio", "video")


def probe_file(address: str, *, name: str, description: str, settings: SourceSettings, timeout: float | None = None) -> FileSource:
    """Open `address` and decode the first frame of each medium; raises `UserError` when there is none."""
    try:
        with open_container(address, timeout=timeout) as container:
            streams = choose_streams(container)
            firsts = _first_stamps(container, streams)
    except FFmpegError as error:
        raise UserError(
            f"{description} cannot be read as audio or video ({reason_of(error)}); is it complete, and a media file?"
        ) from None
    if not firsts:
        what = "neither an audio nor a video track" if not streams else "no audio or video that can be decoded"
        raise UserError(f"{description} has {what}; give a media file.")
    return FileSource(name, description, address, frozenset(firsts), min(firsts.values()), settings, timeout)


def _first_stamps(container: InputContainer, streams: dict[Medium, Stream]) -> dict[Medium, float]:
    """First PTS (seconds) of each medium that has a frame; by its header where the packets looked at had none of it."""
    firsts: dict[Medium, float] = {}
    seen: set[Medium] = set()
    if not streams:
        return firsts
    try:
        for number, packet in enumerate(read_packets(container, *streams.values())):
            medium: Medium = "audio" if packet.stream.type == "audio" else "video"
            seen.add(medium)
            if medium not in firsts:
                for frame in _decoded_or_nothing(packet):
                    firsts.setdefault(medium, frame_stamp(frame) or 0.0)
            if len(firsts) == len(streams) or number >= PROBE_PACKETS:
                break
    except FFmpegError:
        if not firsts:
            raise
    for medium, stream in streams.items():
        if medium not in seen and stream.start_time is not None and stream.time_base is not None and firsts:
            firsts[medium] = float(stream.start_time * stream.time_base)
    return firsts


def _decoded_or_nothing(packet: av.Packet) -> list[av.AudioFrame] | list[av.VideoFrame]:
    try:
        return decoded(packet.stream, packet)
    except FFmpegError:
        return []


def _jumps(container: InputContainer) -> bool:
    return container.format.name in JUMPING_FORMATS


def _duration(container: InputContainer) -> float | None:
    return None if container.duration is None else container.duration / av.time_base


def _stated_end(container: InputContainer, stream: Stream, *, alone: bool) -> float | None:
    """PTS (seconds) at which the header says the stream ends; `alone`: the file's own duration is the stream's."""
    if container.format.name not in STATES_DURATION:
        return None
    start = float((stream.start_time or 0) * (stream.time_base or 0))
    if stream.duration and stream.time_base:
        return start + float(stream.duration * stream.time_base)
    if tag := re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", "")):  # Matroska
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
    duration = _duration(container)
    return start + duration if alone and duration is not None else None
