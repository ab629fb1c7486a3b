"""One decode routine for files, addresses and devices: packets of one stream in, stamped items out, damage
counted and told."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import av
import numpy as np
from av.audio.stream import AudioStream
from av.stream import Stream
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.decoding.audio_track import AudioTrack
from emotrack.stream.sources.decoding.container import medium_of, reason_of
from emotrack.stream.sources.media import AudioChunk, MediaItem, Medium, MediumChange, VideoFrame

LONGEST_RUN = 1.0
"""Seconds of stream time without one good frame after which a damaged medium counts as down."""

HEALED = 5.0
"""Seconds without damage after which a medium counts as up again."""


class Damage:
    """State of one medium between good and bad frames; times are session seconds."""

    def __init__(self, medium: Medium) -> None:
        self.state: Literal["up", "degraded", "down"] = "up"
        self._medium = medium
        self._count = 0
        self._since = 0.0
        self._lost = 0.0  # seconds that failed since the last good frame
        self._whole_from = 0.0  # since when nothing has failed, while degraded

    def bad(self, reached: float, length: float, reason: str) -> MediumChange | None:
        """A frame of `length` seconds could not be decoded; `reached`: the end of the last good one."""
        self._count += 1
        if self._lost == 0.0:
            self._since = reached
        self._lost += max(length, 1e-3)
        if self.state == "up":
            self.state = "degraded"
            return MediumChange(
                reached, self._medium, "degraded", f"damaged at {self._since:.2f} s: {reason}"
            )
        if self.state == "degraded" and self._lost >= LONGEST_RUN:
            self.state = "down"
            return MediumChange(
                reached, self._medium, "down", f"damaged from {self._since:.2f} s on: {reason}"
            )
        return None

    def good(self, time: float) -> MediumChange | None:
        """A frame at `time` was decoded; it mends nothing when it was held in the decoder since before the
        damage."""
        if self.state == "up" or (self._lost and time < self._since + self._lost / 2):
            return None
        if self._lost:
            self._lost, self._whole_from = 0.0, time
        if self.state == "down":
            self.state = "degraded"
            return MediumChange(
                time, self._medium, "degraded", f"decodable again ({self._count} frames lost so far)"
            )
        if time < self._whole_from + HEALED:
            return None
        self.state = "up"
        return MediumChange(time, self._medium, "up", f"whole again ({self._count} frames lost so far)")

    def end(self, reached: float, reason: str) -> MediumChange | None:
        """The medium ends; None where it is down already."""
        if self.state == "down":
            return None
        since = "" if not self._lost else f"damaged from {self._since:.2f} s on, "
        return MediumChange(reached, self._medium, "down", since + reason)


ASPECT_TOLERANCE = 0.02
"""Pixels nearer to squares than this are taken for squares: encoders round sizes, and scaling costs."""


class VideoTrack:
    """Keeps the first frame at or after each grid point k / rate of session time, and converts only those."""

    def __init__(self, settings: SourceSettings, pixel_aspect: float = 1.0) -> None:
        """`pixel_aspect`: width of a pixel over its height."""
        self._rate = settings.max_frame_rate
        self._side = settings.max_frame_side
        self._aspect = pixel_aspect if abs(pixel_aspect - 1.0) > ASPECT_TOLERANCE else 1.0
        self._scaler = VideoReformatter()
        self._last_point = -math.inf
        self._last_time = -math.inf

    def push(self, frame: av.VideoFrame, time: float) -> VideoFrame | None:
        """The picture at session time `time`, or None where its grid point is taken or it lies before the
        last one."""
        point = math.floor(time * self._rate + 1e-6)
        if point <= self._last_point or time < self._last_time:
            return None
        self._last_point, self._last_time = point, time
        return VideoFrame(time, upright_rgb(frame, self._scaler, self._side, self._aspect))


def upright_rgb(
    frame: av.VideoFrame, scaler: VideoReformatter, longest_side: int, pixel_aspect: float = 1.0
) -> np.ndarray:
    """uint8 [height, width, 3]: square pixels, at most `longest_side` of them, as the camera was held."""
    width, height = frame.width * pixel_aspect, float(frame.height)
    scale = min(1.0, longest_side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = scaler.reformat(frame, *size, format="rgb24").to_ndarray()
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    return (
        image if matrix is None else np.ascontiguousarray(_oriented(image, np.frombuffer(matrix, np.int32)))
    )


def _oriented(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turn by a display matrix (a b u c d v x y w: point p, q is shown at a·p + c·q, b·p + d·q) to a
    quarter."""
    a, b, _, c, d = (int(value) for value in matrix[:5])
    if abs(b) > abs(a):
        image = image.transpose(1, 0, 2)
        right, down = c, b
    else:
        right, down = a, d
    return image[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]


Place = Callable[[float, float], float]
"""Session time of a frame, from its PTS and its length, all in seconds."""


class MediumDecoder:
    """Decodes one stream of a container; `reached` is the session time (seconds) up to which it came."""

    def __init__(
        self, stream: Stream, settings: SourceSettings, place: Place, *, tolerance: float, begun: float = 0.0
    ) -> None:
        """`tolerance`: seconds of jitter in the stamps of audio, see `AudioTrack`; `begun`: session time of
        the start."""
        self.medium = medium_of(stream)
        self.reached = begun
        self._stream = stream
        self._place = place
        self._damage = Damage(self.medium)
        self._audio = AudioTrack(tolerance)
        self._video = VideoTrack(settings, _pixel_aspect(stream))

    def push(self, packet: "av.Packet[Any] | None") -> Iterator[MediaItem]:
        """Items that a packet completes; None or an empty packet gives what the decoder still holds."""
        try:
            frames = decoded(self._stream, packet)
        except Exception as error:  # noqa: BLE001 - whatever damage makes a decoder raise is damage
            yield from self._bad(_packet_length(packet), reason_of(error))
            return
        for frame in frames:
            if frame.is_corrupt:
                yield from self._bad(frame_length(self._stream, frame), "incomplete frame")
                continue
            yield from self._good(frame)

    def flush(self) -> Iterator[MediaItem]:
        """What the resampler still holds."""
        yield from self._heard(self._audio.flush())

    def end(self, reason: str) -> Iterator[MediaItem]:
        """The rest of the audio, and that the medium is down."""
        yield from self.flush()
        if change := self._damage.end(self.reached, reason):
            yield change

    def _good(self, frame: av.AudioFrame | av.VideoFrame) -> Iterator[MediaItem]:
        length = frame_length(self._stream, frame)
        stamp = frame_stamp(frame)
        time = self.reached if stamp is None else self._place(stamp, length)
        if change := self._damage.good(time):
            yield from self.flush()
            yield change
        if self._damage.state == "down":
            return
        self.reached = max(self.reached, time + length)
        if isinstance(frame, av.AudioFrame):
            yield from self._heard(self._audio.push(frame, time))
        elif picture := self._video.push(frame, time):
            yield picture

    def _heard(self, chunks: Iterable[AudioChunk]) -> Iterator[AudioChunk]:
        for chunk in chunks:
            self.reached = max(self.reached, chunk.end)
            yield chunk

    def _bad(self, length: float, reason: str) -> Iterator[MediaItem]:
        yield from self.flush()
        if change := self._damage.bad(self.reached, length, reason):
            yield change


def decoded(stream: Stream, packet: "av.Packet[Any] | None") -> list[av.AudioFrame] | list[av.VideoFrame]:
    """Frames that a packet completes; raises what the decoder does for a damaged one."""
    assert isinstance(stream, AudioStream | VideoStream)
    try:
        return stream.decode(packet)
    except av.error.EOFError:  # flushed already
        return []


def frame_stamp(frame: av.AudioFrame | av.VideoFrame) -> float | None:
    """PTS in seconds, else DTS, else None."""
    stamp = frame.pts if frame.pts is not None else frame.dts
    return None if stamp is None or frame.time_base is None else float(stamp * frame.time_base)


def frame_length(stream: Stream, frame: av.AudioFrame | av.VideoFrame) -> float:
    """Seconds that a frame lasts, as far as known."""
    if isinstance(frame, av.AudioFrame):
        return frame.samples / frame.sample_rate if frame.sample_rate else 0.0
    if frame.duration and frame.time_base:
        return float(frame.duration * frame.time_base)
    return float(1 / stream.average_rate) if stream.average_rate else 0.0


def _packet_length(packet: "av.Packet[Any] | None") -> float:
    if packet is None or not packet.duration or packet.time_base is None:
        return 0.0
    return float(packet.duration * packet.time_base)


def _pixel_aspect(stream: Stream) -> float:
    ratio = stream.codec_context.sample_aspect_ratio if isinstance(stream, VideoStream) else None
    return float(ratio) if ratio else 1.0
