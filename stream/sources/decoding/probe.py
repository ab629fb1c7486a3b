"""Which tracks of a container are seen and heard: probed in one of finite length, listened to in a live
stream."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import av
from av.container import InputContainer
from av.stream import Stream

from emotrack.errors import UserError
from emotrack.stream.sources.decoding.audio_track import AudioTrack
from emotrack.stream.sources.decoding.container import medium_of, read_packets, usable_streams
from emotrack.stream.sources.decoding.decode import MediumDecoder, decoded, frame_stamp
from emotrack.stream.sources.media import AudioChunk, MediaItem, Medium

PROBE_PACKETS = 2_000
"""Packets within which every medium must show a frame that decodes."""
LISTENING = 60.0
"""Seconds of a file within which one of several audio tracks must sound to be preferred to a silent one
before it."""
LISTENING_PACKETS = 50_000
"""Packets that are read for that at most."""


@dataclass(frozen=True)
class ContainerContents:
    """What is to be read of a container."""

    tracks: dict[Medium, int]
    """Of each medium that has a frame, the index of its stream."""
    origin: float
    """First PTS (seconds) of them all."""


@dataclass(eq=False)
class _Candidate:
    """A stream that could be given, and what its first packets showed."""

    stream: Stream
    seen: bool = False
    first: float | None = None
    """PTS (seconds) of its first frame."""
    reached: float = 0.0
    """Seconds from there to its last packet so far."""
    sounds: bool = False
    """Whether it is more than digital silence."""
    audio: AudioTrack = field(default_factory=lambda: AudioTrack(tolerance=math.inf))

    def take(self, packet: "av.Packet[Any]") -> None:
        self.seen = True
        try:
            frames = decoded(self.stream, packet)
        except Exception:  # noqa: BLE001 - a damaged packet shows nothing
            return
        for frame in frames:
            stamp = frame_stamp(frame) or 0.0
            if self.first is None:
                self.first = stamp
            if isinstance(frame, av.AudioFrame) and not self.sounds:
                chunks = self.audio.push(frame, stamp)
                self.sounds = any(chunk.sounds for chunk in chunks)


def probe(container: InputContainer, description: str, *, patience: float = LISTENING) -> ContainerContents:
    """Look at the first frames of each medium, `patience` seconds of them at most.

    Raises `UserError` when there are none, else what reading raises.

    Of several audio tracks the first in which anything sounds is taken, default ones before others: recorders
    leave the track of a device silent that was not used. What is taken is settled before anything is given.
    """
    usable = usable_streams(container)
    videos = [_Candidate(stream) for stream in usable if medium_of(stream) == "video"][:1]
    audios = [_Candidate(stream) for stream in usable if medium_of(stream) == "audio"]
    tracks = [*audios, *videos]
    if not tracks:
        raise UserError(f"{description} has neither an audio nor a video track; give a media file.")
    try:
        _look(container, audios, videos, patience)
    except Exception:  # whatever a broken container makes PyAV raise
        if all(track.first is None for track in tracks):
            raise
    if all(track.first is None for track in tracks):
        raise UserError(f"{description} has no audio or video that can be decoded; give a media file.")
    for track in tracks:
        if not track.seen and track.stream.start_time is not None and track.stream.time_base is not None:
            track.first = float(
                track.stream.start_time * track.stream.time_base
            )  # by its header: it lies further back
    shown = [track for track in sorted(tracks, key=lambda track: not track.sounds) if track.first is not None]
    chosen = {medium_of(track.stream): track for track in reversed(shown)}
    return ContainerContents(
        {medium: track.stream.index for medium, track in chosen.items()},
        min(track.first for track in chosen.values() if track.first is not None),
    )


def _look(
    container: InputContainer, audios: Sequence[_Candidate], videos: Sequence[_Candidate], patience: float
) -> None:
    """Read until every medium has shown a frame and, where there is a choice, a track is heard or none was
    for long."""
    by_index = {track.stream.index: track for track in (*audios, *videos)}
    packets = read_packets(container, *(track.stream for track in by_index.values()))
    for number, packet in enumerate(islice(packets, LISTENING_PACKETS)):
        track = by_index[packet.stream_index]
        if track.first is None or (track in audios and len(audios) > 1):
            track.take(packet)
        if track.first is not None and packet.pts is not None and packet.time_base is not None:
            track.reached = float(packet.pts * packet.time_base) - track.first
        shown = all(any(track.first is not None for track in kind) for kind in (audios, videos) if kind)
        undecided = len(audios) > 1 and not audios[0].sounds
        if track.reached >= patience or ((shown or number >= PROBE_PACKETS) and not undecided):
            return


class SoundingTrack:
    """Decodes the first that sounds, from then on; until one does, the one that is preferred is given."""

    def __init__(self, decoders: Mapping[int, MediumDecoder]) -> None:
        """`decoders`: by the indices of their streams, the preferred one first."""
        self._decoders = dict(decoders)
        self._given = next(iter(decoders))
        self._reached = -math.inf  # session time up to which sound was given
        self._begins = -math.inf  # session time before which another track was given

    def push(self, packet: "av.Packet[Any]") -> Iterator[MediaItem]:
        """See `MediumDecoder.push`."""
        decoder = self._decoders.get(packet.stream_index)
        if decoder is not None:
            for item in decoder.push(packet):
                yield from self._heard(packet.stream_index, item)

    def flush(self) -> Iterator[MediaItem]:
        """See `MediumDecoder.flush`."""
        for item in self._decoders[self._given].flush():
            yield from self._heard(self._given, item)

    def end(self, reason: str) -> Iterator[MediaItem]:
        """See `MediumDecoder.end`."""
        for item in self._decoders[self._given].end(reason):
            yield from self._heard(self._given, item)

    def _heard(self, track: int, item: MediaItem) -> Iterator[MediaItem]:
        """The next item of a track, if it is to be given."""
        if isinstance(item, AudioChunk) and item.sounds and len(self._decoders) > 1:
            self._decoders = {track: self._decoders[track]}
            if track != self._given:
                self._given, self._begins = track, self._reached
        if track != self._given:
            return
        if isinstance(item, AudioChunk):
            if item.start < self._begins:
                return
            self._reached = item.end
        yield item
