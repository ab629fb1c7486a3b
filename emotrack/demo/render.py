"""The demonstration clip: what happens in it, and its rendering from two portraits and synthesised speech."""

import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import matplotlib
import numpy as np
from PIL import Image
from scipy.ndimage import map_coordinates
from skimage import data, transform


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One spoken line: who says it (0 left, 1 right), when it starts, the words, and the emotion that anybody
    hears in them."""

    speaker: int
    start: float
    words: str
    label: str


LINES = (
    ScriptLine(0, 0.6, "I am so happy to see you. This is wonderful.", "joy"),
    ScriptLine(1, 4.9, "The meeting starts at ten in the small room.", "neutral"),
    ScriptLine(1, 9.1, "How could you lose the keys? I am so angry with you.", "anger"),
    ScriptLine(0, 14.1, "I am so sorry. I feel sad and alone.", "sadness"),
    ScriptLine(1, 23.3, "The keys are on the table in the kitchen.", "neutral"),
    ScriptLine(0, 27.3, "Really? Oh my god, I cannot believe it.", "surprise"),
)
CAMERA_COVERED = (8.6, 18.0)
"""The picture is black while one speaker is angry and the other sad: their portraits are not."""
MICROPHONE_MUTED = (18.5, 22.7)
"""The sound is digital silence; the left mouth goes on moving."""
MUTED_LABEL = "joy"
"""What the left portrait shows meanwhile."""
DURATION = 31.2


RATE = 16_000
FRAMES_PER_SECOND = 25
WIDTH, HEIGHT = 640, 360
SIDE = HEIGHT - 60
"""Pixels of a portrait's side."""
VOICES = (("slt", 185), ("rms", 150))
"""Flite's voice of each speaker and its mean pitch, Hz."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A square picture, float [side, side, 3] in 0 to 1, and its mouth (row, column) as fractions of the
    side."""

    picture: np.ndarray
    mouth: tuple[float, float]
    half_size: tuple[float, float]
    """Half of the mouth's height and width."""


def synthesise(words: str, speaker: int) -> np.ndarray:
    """Speech of one line: float32 [samples] at 16 kHz."""
    voice, pitch = VOICES[speaker]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.wav"
        command = [
            "flite",
            "-voice",
            voice,
            "--setf",
            f"int_f0_target_mean={pitch}",
            "-t",
            words,
            "-o",
            str(path),
        ]
        subprocess.run(command, check=True)
        with wave.open(str(path)) as file:
            assert file.getframerate() == RATE
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


def portraits() -> tuple[Portrait, Portrait]:
    """A woman who smiles and one who does not."""
    astronaut = transform.resize(data.astronaut()[:300, 75:375], (SIDE, SIDE), anti_aliasing=True)
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    officer = np.asarray(Image.open(path).convert("RGB"))[30:430, 60:460]
    officer = transform.resize(officer, (SIDE, SIDE), anti_aliasing=True)
    return Portrait(astronaut, (0.49, 0.495), (0.03, 0.08)), Portrait(officer, (0.625, 0.525), (0.06, 0.10))


def with_open_mouth(portrait: Portrait, opening: float) -> np.ndarray:
    """The picture with its mouth stretched downwards by `opening` (0 to 1) of a mouth's height."""
    (row, column), (half_height, half_width) = portrait.mouth, portrait.half_size
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    near = np.exp(
        -(((columns - column) / half_width) ** 2) - (((rows - row - 0.02) / (2 * half_height)) ** 2)
    )
    source = (rows - near * opening * half_height * np.clip((rows - row) / half_height, -0.3, 1.0)) * SIDE
    layers = [
        map_coordinates(portrait.picture[..., c], [source, columns * SIDE], order=1, mode="nearest")
        for c in range(3)
    ]
    return np.stack(layers, -1)


def render(target: Path) -> None:
    """Write the clip as MP4 (H.264, AAC)."""
    sound, opening = soundtrack()
    faces = portraits()
    with av.open(str(target), "w") as container:
        video = container.add_stream(
            "libx264", rate=FRAMES_PER_SECOND, options={"crf": "30", "preset": "slow"}
        )
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono", bit_rate=48_000)
        for index in range(round(DURATION * FRAMES_PER_SECOND)):
            second = index / FRAMES_PER_SECOND
            canvas = np.full((HEIGHT, WIDTH, 3), 0.12)
            for side, face in enumerate(faces):
                moved = with_open_mouth(face, float(opening[side, int(second * RATE)]))
                sway = round(3 * np.sin(second * (0.9 + 0.3 * side)))
                x = 10 + sway + side * (WIDTH // 2)
                canvas[40 : 40 + SIDE, x : x + SIDE] = moved
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
