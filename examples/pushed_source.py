"""Sound and pictures that a program has already, pushed into a tracker as they come; here those of a file:
`python examples/pushed_source.py [FILE]` (extra `track`)."""

import sys
import threading
import time

import av

from emotrack import Emotion, PushedSource, Tracker
from emotrack.demo import clip_path
from emotrack.settings import load_settings


def push(source: PushedSource, path: str) -> None:
    """As a camera and a microphone would: each part when it has happened, with the time of its capture."""
    resampler = av.AudioResampler("s16", "mono", 16_000)
    begun = time.monotonic()
    with av.open(path) as media:
        for frame in media.decode(audio=0, video=0):
            happened = frame.time or 0.0
            time.sleep(max(0.0, begun + happened - time.monotonic()))
            if isinstance(frame, av.VideoFrame):
                source.push_picture(frame.to_ndarray(format="rgb24"), happened)
            else:
                for part in resampler.resample(frame):
                    source.push_audio(part.to_ndarray()[0], 16_000, part.time)
    source.end()


source = PushedSource("own")
settings = load_settings(overrides=["stream.publish.endpoint=none"])
path = sys.argv[1] if len(sys.argv) > 1 else str(clip_path())
with Tracker([source], settings) as tracker:
    threading.Thread(target=push, args=(source, path), daemon=True).start()
    for message in tracker.messages():
        if isinstance(message, Emotion) and message.state == "final":
            print(f"{message.start:.2f} {message.label} {message.confidence:.0%}")
