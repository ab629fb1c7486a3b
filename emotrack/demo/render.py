"""Renders the demonstration clip: two portraits that move their mouths to synthesised speech.

Needs `espeak-ng` (Debian package of that name) and the extra `dev`; the rendered clip is part of the package, so only those who
change it run this: `python -m emotrack.demo.render emotrack/demo/clip.mp4`. The portrait is scikit-image's `astronaut`
(NASA, public domain); the right one is its mirror image in other colours.
"""

import subprocess
import sys
import tempfile
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from scipy.ndimage import map_coordinates
from skimage import data, transform

from emotrack.demo.script import CAMERA_COVERED, DURATION, LINES, MICROPHONE_MUTED

RATE = 22_050
FRAMES_PER_SECOND = 25
WIDTH, HEIGHT = 640, 360
VOICES = (("en-us+f3", 62, 150), ("en-us+m3", 38, 145))
"""espeak-ng voice, pitch (0 to 99) and speed (words a minute) of each speaker."""
MOUTH = (np.array([0.362, 0.475]), np.array([0.035, 0.075]))
"""Centre and half size of the portrait's mouth (row, column), as fractions of the portrait."""


def synthesise(words: str, speaker: int) -> np.ndarray:
    """Speech of one line: float32 [samples] at 22,050 Hz."""
    voice, pitch, speed = VOICES[speaker]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "-w", str(path), words], check=True)
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return samples.astype(np.float32) / 32_768


def soundtrack() -> tuple[np.ndarray, np.ndarray]:
    """The mixed sound float32 [samples], and how far each mouth is open, float32 [2, samples] in 0 to 1."""
    sound = np.random.default_rng(7).normal(0, 5e-4, round(DURATION * RATE)).astype(np.float32)
    loudness = np.zeros((2, len(sound)), np.float32)
    for line in LINES:
        samples = synthesise(line.words, line.speaker)
        first = round(line.start * RATE)
        sound[first : first + len(samples)] += 0.6 * samples
        loudness[line.speaker, first : first + len(samples)] = np.abs(samples)
    first, last = (round(second * RATE) for second in MICROPHONE_MUTED)
    loudness[0, first:last] = np.abs(np.sin(np.arange(last - first) * 2 * np.pi * 2.3 / RATE)) * 0.3
    sound[first:last] = 0
    window = np.hanning(RATE // 12)
    opening = np.stack([np.convolve(row, window / window.sum(), "same") for row in loudness])
    return sound, np.clip(opening / 0.15, 0, 1)


def portraits() -> tuple[np.ndarray, np.ndarray]:
    """Two portraits, float [height, height, 3] in 0 to 1."""
    left = transform.resize(data.astronaut()[:400, 30:430], (HEIGHT - 60, HEIGHT - 60), anti_aliasing=True)
    right = np.clip(left[:, ::-1] * np.array([0.95, 0.82, 0.72]) ** 1.5 + 0.02, 0, 1)
    return left, right


def with_open_mouth(portrait: np.ndarray, opening: float, mouth_column: float) -> np.ndarray:
    """The portrait with its mouth stretched downwards by `opening` (0 to 1) of a mouth's height."""
    size = portrait.shape[0]
    (row, _), (half_height, half_width) = MOUTH
    rows, columns = np.mgrid[0:size, 0:size] / size
    near = np.exp(-(((columns - mouth_column) / half_width) ** 2) - (((rows - row - 0.02) / (2 * half_height)) ** 2))
    source = (rows - near * opening * half_height * np.clip((rows - row) / half_height, -0.3, 1.0)) * size
    return np.stack([map_coordinates(portrait[..., c], [source, columns * size], order=1, mode="nearest") for c in range(3)], -1)


def render(target: Path) -> None:
    """Write the clip as MP4 (H.264, AAC)."""
    sound, opening = soundtrack()
    faces = portraits()
    columns = (MOUTH[0][1], 1 - MOUTH[0][1])
    with av.open(str(target), "w") as container:
        video = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"crf": "30", "preset": "slow"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono", bit_rate=48_000)
        for index in range(round(DURATION * FRAMES_PER_SECOND)):
            second = index / FRAMES_PER_SECOND
            canvas = np.full((HEIGHT, WIDTH, 3), 0.12)
            for side in range(2):
                moved = with_open_mouth(faces[side], float(opening[side, int(second * RATE)]), columns[side])
                sway = round(3 * np.sin(second * (0.9 + 0.3 * side)))
                x = 10 + sway + side * (WIDTH // 2)
                canvas[40 : 40 + moved.shape[0], x : x + moved.shape[1]] = moved
            if CAMERA_COVERED[0] <= second < CAMERA_COVERED[1]:
                canvas[:] = 0.01
            frame = av.VideoFrame.from_ndarray((canvas * 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FRAMES_PER_SECOND)
            container.mux(video.encode(frame))
        for first in range(0, len(sound), 1024):
            part = av.AudioFrame.from_ndarray(sound[None, first : first + 1024], format="fltp", layout="mono")
            part.sample_rate, part.pts, part.time_base = RATE, first, Fraction(1, RATE)
            container.mux(audio.encode(part))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


if __name__ == "__main__":
    render(Path(sys.argv[1]))
