"""A source of one's own, here a file read by PyAV: `python examples/own_source.py [FILE]` (extra `track`)."""

import sys
from collections.abc import Iterator
from heapq import merge
from itertools import takewhile
from threading import Event

import av

from emotrack import AudioChunk, Emotion, MediaItem, MediumChange, SessionClock, Tracker, VideoFrame
from emotrack.demo import clip_path
from emotrack.settings import load_settings


def due(item: MediaItem) -> float:
    return item.end if isinstance(item, AudioChunk) else item.time


class OwnSource:
    def __init__(self, path: str) -> None:
        self.name, self.description, self.live = "own", path, False  # a device is live, stamped by `clock`

    def items(self, clock: SessionClock, stop: Event) -> Iterator[MediaItem]:
        yield from (MediumChange(0.0, "video", "up", "start"), MediumChange(0.0, "audio", "up", "start"))
        resampler = av.AudioResampler("fltp", "mono", 32_000)
        with av.open(self.description) as seen, av.open(self.description) as heard:
            parts = (part for frame in heard.decode(audio=0) for part in resampler.resample(frame))
            sounds: Iterator[MediaItem] = (AudioChunk(one.time or 0.0, one.to_ndarray()[0]) for one in parts)
            frames = seen.decode(video=0)
            pictures = (VideoFrame(one.time or 0.0, one.to_ndarray(format="rgb24")) for one in frames)
            yield from takewhile(lambda _: not stop.is_set(), merge(sounds, pictures, key=due))


source = OwnSource(sys.argv[1] if len(sys.argv) > 1 else str(clip_path()))
settings = load_settings(overrides=["stream.publish.endpoint=none"])
with Tracker([source], settings, realtime=False) as tracker:
    for message in tracker.messages():
        if isinstance(message, Emotion) and message.state == "final":
            print(f"{message.start:.2f} {message.label} {message.confidence:.0%}")
