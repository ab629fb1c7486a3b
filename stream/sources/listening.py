"""Which of several audio tracks of a live stream is heard: they cannot be listened to first, as those of a file are."""

import math
from collections.abc import Iterator, Mapping

import av

from emotrack.stream.media import AudioChunk, MediaItem
from emotrack.stream.sources.decoding import MediumDecoder


class SoundingTrack:
    """Decodes the first that sounds, from then on; until one does, the one that is preferred is given."""

    def __init__(self, decoders: Mapping[int, MediumDecoder]) -> None:
        """`decoders`: by the indices of their streams, the preferred one first."""
        self._decoders = dict(decoders)
        self._given = next(iter(decoders))
        self._reached = -math.inf  # session time up to which sound was given
        self._begins = -math.inf  # session time before which another track was given

    def push(self, packet: av.Packet) -> Iterator[MediaItem]:
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
