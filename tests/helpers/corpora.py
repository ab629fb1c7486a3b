"""Miniatures of the corpora's official layouts, written by the tests that read them."""

import csv
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from PIL import Image

from emotrack.training.corpora import VOTES

RATE = 16_000


def write_wav(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    """Write float samples [n] as a mono 16-bit WAV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        whole = (samples.clip(-1, 1) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
        frame.rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def tone(emotion: int, seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    """A sound that differs by `emotion`: pitch and tremble, with a little noise; float32 at 16 kHz."""
    random = np.random.default_rng(seed)
    times = np.arange(int(seconds * RATE)) / RATE
    sound = 0.3 * np.sin(2 * np.pi * 200 * (emotion + 1) * times) * (1 + 0.3 * np.sin(2 * np.pi * 4 * times))
    return (sound + 0.001 * random.normal(size=len(times))).astype(np.float32)


def write_ravdess(folder: Path, actors: range, emotions: range = range(1, 9)) -> None:
    """RAVDESS speech folders with one short clip for each emotion (1 to 8) of each actor."""
    for actor in actors:
        for emotion in emotions:
            name = f"03-01-{emotion:02}-01-01-01-{actor:02}.wav"
            write_wav(folder / f"Actor_{actor:02}" / name, tone(emotion - 1, seed=actor))


def write_faces(folder: Path, votes: np.ndarray, splits: list[str]) -> tuple[Path, Path]:
    """An archive of WebP images, whose grey tells the first-voted class, and its table of `votes` [n, 10]."""
    files = []
    for row in votes:
        image = Image.fromarray(np.full((48, 48), 20 * int(row.argmax()) + 10, np.uint8))
        buffer = BytesIO()
        image.save(buffer, "WEBP", lossless=True)
        files.append(buffer.getvalue())
    offsets = np.cumsum([0, *map(len, files)])
    np.savez(folder / "faces.npz", blob=np.frombuffer(b"".join(files), np.uint8), offsets=offsets)
    with (folder / "faces.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["split", *VOTES])
        table.writerows([split, *row] for split, row in zip(splits, votes.tolist(), strict=True))
    return folder / "faces.npz", folder / "faces.csv"


def write_dialogues(path: Path, rows: list[tuple[str, str, str, str, str, str]]) -> None:
    """A dialogue table of (dataset, split, dialogue, speaker, text, emotion)."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["dataset", "split", "dialogue", "speaker", "text", "emotion"])
        table.writerows(rows)
