"""Turns decoded pictures of any format into upright RGB of a bounded size, at a bounded rate."""

import math
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from emotrack.stream.media import VideoFrame
from emotrack.stream.sources.settings import SourceSettings

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
        """The picture at session time `time`, or None where its grid point is taken or it lies before the last one."""
        point = math.floor(time * self._rate + 1e-6)
        if point <= self._last_point or time < self._last_time:
            return None
        self._last_point, self._last_time = point, time
        return VideoFrame(time, upright_rgb(frame, self._scaler, self._side, self._aspect))


def upright_rgb(frame: av.VideoFrame, scaler: VideoReformatter, longest_side: int, pixel_aspect: float = 1.0) -> np.ndarray:
    """uint8 [height, width, 3]: square pixels, at most `longest_side` of them, as the camera was held."""
    width, height = frame.width * pixel_aspect, float(frame.height)
    scale = min(1.0, longest_side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = scaler.reformat(frame, *size, format="rgb24").to_ndarray()
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    return image if matrix is None else np.ascontiguousarray(_oriented(image, np.frombuffer(matrix, np.int32)))


def _oriented(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turn by a display matrix (a b u c d v x y w: point p, q is shown at a·p + c·q, b·p + d·q) to a quarter."""
    a, b, _, c, d = (int(value) for value in matrix[:5])
    if abs(b) > abs(a):
        image = image.transpose(1, 0, 2)
        right, down = c, b
    else:
        right, down = a, d
    return image[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]
