"""What a container of finite length holds: the tracks to be seen and heard, and when the first of them begins."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import av
from av.container import InputContainer
from av.stream import Stream

from emotrack.model.errors import UserError
from emotrack.stream.media import Medium
from emotrack.stream.sources.audio_track import AudioTrack
from emotrack.stream.sources.container import medium_of, read_packets, usable_streams
from emotrack.stream.sources.decoding import decoded, frame_stamp

PROBE_PACKETS = 2_000
"""Packets within which every medium must show a frame that decodes."""
LISTENING = 60.0
"""Seconds of a file within which one of several audio tracks must sound to be preferred to a silent one before it."""
LISTENING_PACKETS = 50_000
"""Packets that are read for that at most."""


@dataclass(frozen=True)
class Contents:
    """What is to be read of a container."""

    tracks: dict[Medium, int]
    """Of each medium that has a frame, the index of its stream."""
    origin: float
    """First PTS (seconds) of them all."""


@dataclass(eq=False)
class _Track:
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

    def take(self, packet: av.Packet) -> None:
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


def probe(container: InputContainer, description: str, *, patience: float = LISTENING) -> Contents:
    """Look at the first frames of each medium, `patience` seconds of them at most.

    Raises `UserError` when there are none, else what reading raises.

    Of several audio tracks the first in which anything sounds is taken, default ones before others: recorders leave the
    track of a device silent that was not used. What is taken is settled before anything is given.
    """
    usable = usable_streams(container)
    videos = [_Track(stream) for stream in usable if medium_of(stream) == "video"][:1]
    audios = [_Track(stream) for stream in usable if medium_of(stream) == "audio"]
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
            track.first = float(track.stream.start_time * track.stream.time_base)  # by its header: it lies further back
    shown = [track for track in sorted(tracks, key=lambda track: not track.sounds) if track.first is not None]
    chosen = {medium_of(track.stream): track for track in reversed(shown)}
    return Contents(
        {medium: track.stream.index for medium, track in chosen.items()},
        min(track.first for track in chosen.values() if track.first is not None),
    )


def _look(container: InputContainer, audios: Sequence[_Track], videos: Sequence[_Track], patience: float) -> None:
    """Read until every medium has shown a frame and, where there is a choice, a track is heard or none was for long."""
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
