"""The newest picture of each feed for those who ask, where a tracker may show any.

Nothing is made ready unless somebody asked within the last seconds, and then not more often than somebody
can look.
"""

import io
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from emotrack.stream.wire.protocol.pictures import PictureReply, PictureRequest

log = logging.getLogger(__name__)

WANTED = 3.0
"""Seconds after a request for which pictures are made ready."""
INTERVAL = 0.15
"""Seconds between two of one feed."""
STALE = 3.0
"""Seconds after which a picture is no news."""
WIDEST = 640
"""Pixels."""
QUALITY = 75
SOURCES = 1_000
"""Feeds that are remembered as asked for: names may come from strangers."""


@dataclass(slots=True)
class _Feed:
    asked: float = float("-inf")
    made: float = float("-inf")
    time: float | None = None
    size: tuple[int, int] = (0, 0)
    jpeg: bytes = field(default=b"", repr=False)


class Pictures:
    """Shared by the readers of sources, who give pictures, and the publisher's thread, which gives them
    away."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._feeds: dict[str, _Feed] = {}
        self._lock = threading.Lock()

    def show(self, source: str, moment: float, image: np.ndarray) -> None:
        """Take a picture, uint8 [height, width, 3] in RGB, captured at session time `moment` (seconds), if
        one is wanted."""
        now = self._now()
        with self._lock:
            feed = self._feeds.get(source)
            if feed is None or now - feed.asked > WANTED or now - feed.made < INTERVAL:
                return
            feed.made = now
        try:
            made = _jpeg(image)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the source goes on
            log.warning("A picture of %s cannot be shown: %s.", source, failure)
            return
        with self._lock:
            feed.time = moment
            feed.jpeg, feed.size = made

    def answer(self, asked: PictureRequest) -> PictureReply:
        """The newest one."""
        now = self._now()
        with self._lock:
            feed = self._feeds.pop(asked.source, None) or _Feed()
            self._feeds[asked.source] = feed
            if len(self._feeds) > SOURCES:
                del self._feeds[next(iter(self._feeds))]
            feed.asked = now
            there = feed.time is not None and now - feed.made < STALE
            return PictureReply(
                id=asked.id,
                source=asked.source,
                time=feed.time if there else None,
                width=feed.size[0] if there else 0,
                height=feed.size[1] if there else 0,
                jpeg=feed.jpeg if there else b"",
            )


def _jpeg(image: np.ndarray) -> tuple[bytes, tuple[int, int]]:
    picture = Image.fromarray(image)
    picture.thumbnail((WIDEST, WIDEST), Image.Resampling.BILINEAR)
    output = io.BytesIO()
    picture.save(output, "JPEG", quality=QUALITY)
    return output.getvalue(), picture.size
