"""Miniatures of the corpora's official layouts, written by the tests that read them."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from emotrack.modalities import Modality
from emotrack.training.corpora.ferplus import VOTES
from emotrack.training.corpora.mosi import FEATURES
from emotrack.training.corpora.records import Corpus, CorpusRow, CorpusUtterance
from emotrack.training.features.manifest import ModalityNote, StoreManifest
from emotrack.training.features.store import DescribedRow, Tokens, rows_file, write_store

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


MELD_COLUMNS = (
    "Sr No.",
    "Utterance",
    "Speaker",
    "Emotion",
    "Sentiment",
    "Dialogue_ID",
    "Utterance_ID",
    "Season",
    "Episode",
    "StartTime",
    "EndTime",
)
MELD_FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}


def meld_row(
    dialogue: int, utterance: int, text: str = "Words.", emotion: str = "neutral", speaker: str = "Ross"
) -> list[str]:
    """A row of MELD's tables."""
    sentiment = {"neutral": "neutral", "joy": "positive"}.get(emotion, "negative")
    times = f"00:16:{utterance:02},059", f"00:16:{utterance + 1:02},731"
    return ["1", text, speaker, emotion, sentiment, str(dialogue), str(utterance), "8", "21", *times]


def write_meld(folder: Path, rows: Mapping[str, Sequence[Sequence[str]]]) -> Path:
    """The three tables of MELD with these rows, and its folders, empty."""
    for split, clips in MELD_FOLDERS.items():
        (folder / clips).mkdir(parents=True)
        with (folder / f"{split}_sent_emo.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([MELD_COLUMNS, *rows.get(split, [])])
    return folder


@dataclass(frozen=True)
class Turn:
    """A turn of an IEMOCAP dialogue: whose it is ("F" or "M"), its label there, its words, and seconds."""

    speaker: str
    label: str
    words: str
    start: float
    end: float


def write_iemocap_dialogue(root: Path, dialogue: str, turns: Sequence[Turn], sound: bool = True) -> list[str]:
    """The evaluation, the transcription and, with `sound`, the sentences of one dialogue; gives the turns'
    names."""
    session = root / f"Session{int(dialogue[3:5])}"
    counts: dict[str, int] = {}
    evaluation = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    transcription, names = [], []
    for turn in turns:
        count = counts[turn.speaker] = counts.get(turn.speaker, -1) + 1
        name = f"{dialogue}_{turn.speaker}{count:03}"
        names.append(name)
        evaluation += [f"[{turn.start:.4f} - {turn.end:.4f}]\t{name}\t{turn.label}\t[2.5000, 2.5000, 2.5000]"]
        evaluation += ["C-E2:\tNeutral;\t()", "A-E3:\tval 3; act 2; dom  2;\t()", ""]
        transcription += [f"{name} [{turn.start:08.4f}-{turn.end:08.4f}]: {turn.words}", "M: [LAUGHTER]"]
        if sound:
            write_wav(session / "sentences/wav" / dialogue / f"{name}.wav", tone(0, turn.end - turn.start))
    for place, lines in (("EmoEvaluation", evaluation), ("transcriptions", transcription)):
        (session / "dialog" / place).mkdir(parents=True, exist_ok=True)
        (session / "dialog" / place / f"{dialogue}.txt").write_text("\n".join(lines) + "\n", "latin-1")
    return names


def write_iemocap(root: Path, turns: Sequence[Turn], *, improvisations: int = 1) -> Path:
    """Five sessions with these turns in each of their dialogues, whose actress wears the markers."""
    for session in range(1, 6):
        for number in range(1, improvisations + 1):
            write_iemocap_dialogue(root, f"Ses{session:02}F_impro{number:02}", turns, sound=False)
    return root


def write_emodb(folder: Path, clips: Mapping[str, str]) -> Path:
    """A table of speech with EmoDB's clips (emotion by file name), which are written, and one clip of another
    corpus."""
    with (folder / "speech_labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            ["path", "dataset", "speaker", "emotion", "intensity", "text", "licence", "lang", "gender"]
        )
        table.writerow(
            [
                "ravdess/03-01-01-01-01-01-01.wav",
                "RAVDESS",
                "ravdess_01",
                "neutral",
                "normal",
                "Kids",
                "CC",
                "en",
                "M",
            ]
        )
        for name, emotion in clips.items():
            table.writerow(
                [f"emodb/{name}", "EmoDB", f"emodb_{name[:2]}", emotion, "", "Der Lappen.", "none", "de", "F"]
            )
            write_wav(folder / "emodb" / name, tone(0))
    return folder


def write_spoken(folder: Path, clips: Sequence[tuple[str, str, str]]) -> Path:
    """A table of speech with these clips (dataset, speaker, emotion as the table calls it), which are
    written."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "speech_labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            ["path", "dataset", "speaker", "emotion", "intensity", "text", "licence", "lang", "gender"]
        )
        for number, (dataset, speaker, emotion) in enumerate(clips):
            name = f"clips/{speaker}_{number}.wav"
            table.writerow(
                [
                    name,
                    dataset,
                    speaker,
                    emotion,
                    "",
                    "Words.",
                    "none",
                    "xx",
                    "F" if dataset == "nEMO" else "",
                ]
            )
            write_wav(folder / name, tone(len(emotion), seed=number))
    return folder


def mosi_arrays(videos: Mapping[str, Sequence[int]], seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays as in the archive of MOSI's features: `videos` has the video's number of each utterance of a
    part."""
    random = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}
    for part, numbers in videos.items():
        for name, width in (("text", 100), ("audio", 73), ("video", 100)):
            arrays[f"{part}_{name}"] = random.normal(size=(len(numbers), width)).astype(np.float32)
        arrays[f"{part}_dialogue"] = np.array(numbers)
        arrays[f"{part}_utterance"] = np.arange(len(numbers))[::-1]
        arrays[f"{part}_label"] = np.arange(len(numbers)) % 2
    return arrays


def write_mosi(folder: Path, arrays: Mapping[str, Any]) -> None:
    """The archive of MOSI's features with these arrays."""
    np.savez(folder / FEATURES, **arrays)


def write_store_of(
    path: Path,
    rows: Sequence[CorpusRow],
    tokens: Sequence[Tokens],
    classes: Sequence[str],
    corpus: str = "meld",
    profile: str = "embedded",
    encoders: Mapping[Modality, tuple[str, str | None]] | None = None,
) -> Path:
    """A finished store of these rows and their tokens; a modality's width is that of its first tokens.

    `encoders`: by modality, the name of what described it and the SHA-256 of its weights.
    """
    described_by = encoders or {}
    widths = {modality: vectors.shape[1] for one in reversed(tokens) for modality, vectors in one.items()}
    planned = StoreManifest(
        corpus=corpus,
        profile=profile,
        classes=tuple(classes),
        modalities={
            modality: ModalityNote(encoder=encoder, width=width, sha256=sha256, dtype="float32")
            for modality, width in widths.items()
            for encoder, sha256 in [described_by.get(modality, ("test", None))]
        },
        count=len(rows),
        rows_sha256=hashlib.sha256(rows_file(rows)).hexdigest(),
        shard_rows=64,
        root="",
    )
    write_store(
        path,
        planned,
        rows,
        lambda chosen: [DescribedRow(tokens[index]) for index in chosen],
        lambda found: None,
    )
    return path


def dialogues_of(corpus: Corpus, split: str) -> list[list[CorpusUtterance]]:
    """The dialogues of one split, without copies."""
    chosen = [one for one in corpus.utterances if one.row.split == split and one.row.version == 0]
    return [list(group) for _, group in groupby(chosen, key=lambda one: one.row.dialogue)]
