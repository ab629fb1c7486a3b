"""One decode routine for files, addresses and devices: packets of one stream in, stamped items out, damage counted."""

from collections.abc import Callable, Iterator

import av
from av.audio.stream import AudioStream
from av.stream import Stream
from av.video.stream import VideoStream

from emotrack.stream.media import MediaItem
from emotrack.stream.sources.audio_track import AudioTrack
from emotrack.stream.sources.container import medium_of, reason_of
from emotrack.stream.sources.damage import Damage
from emotrack.stream.sources.settings import SourceSettings
from emotrack.stream.sources.video_track import VideoTrack

Place = Callable[[float, float], float]
"""Session time of a frame, from its PTS and its length, all in seconds."""


class MediumDecoder:
    """Decodes one stream of a container; `reached` is the session time (seconds) up to which it came."""

    def __init__(self, stream: Stream, settings: SourceSettings, place: Place, *, tolerance: float, begun: float = 0.0) -> None:
        """`tolerance`: seconds of jitter in the stamps of audio, see `AudioTrack`; `begun`: session time of the start."""
        self.medium = medium_of(stream)
        self.reached = begun
        self._stream = stream
        self._place = place
        self._damage = Damage(self.medium)
        self._audio = AudioTrack(tolerance)
        self._video = VideoTrack(settings, _pixel_aspect(stream))

    def push(self, packet: av.Packet | None) -> Iterator[MediaItem]:
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
        for chunk in self._audio.flush():
            self.reached = max(self.reached, chunk.end)
            yield chunk

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
            yield from self._audio.push(frame, time)
        elif picture := self._video.push(frame, time):
            yield picture

    def _bad(self, length: float, reason: str) -> Iterator[MediaItem]:
        yield from self.flush()
        if change := self._damage.bad(self.reached, length, reason):
            yield change


def decoded(stream: Stream, packet: av.Packet | None) -> list[av.AudioFrame] | list[av.VideoFrame]:
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


def _packet_length(packet: av.Packet | None) -> float:
    if packet is None or not packet.duration or packet.time_base is None:
        return 0.0
    return float(packet.duration * packet.time_base)


def _pixel_aspect(stream: Stream) -> float:
    ratio = stream.codec_context.sample_aspect_ratio if isinstance(stream, VideoStream) else None
    return float(ratio) if ratio else 1.0
