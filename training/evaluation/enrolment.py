"""`python -m emotrack.training.evaluation.enrolment DATA`: how often somebody who is enrolled is not
recognised, and somebody who is not is taken for them.

Everybody with enough clips in the table of speech is enrolled once, alone, from ten seconds in which they
act nothing; everybody's other clips, whatever is acted in them, are pieces of up to six seconds of one
emotion, of which one, two or four make a trial. Half of the people chose the threshold (dev), the others are
the test. Only people of one corpus share a microphone, so false accepts among them are told apart.
"""

import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from emotrack.engines.encoders.sound.turns import RATE, WINDOW, TurnEncoder, open_turns
from emotrack.engines.running.pool import EnginePool
from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from emotrack.notify import notify
from emotrack.progress import Bar
from emotrack.stream.people.enrolment.known import mean_of
from emotrack.stream.speakers.enrolled import KNOWN
from emotrack.training.corpora.ravdess import read_samples
from emotrack.training.corpora.speech import TABLE
from emotrack.training.corpora.tables import read_table_rows

SECONDS = 10.0
"""Of speech that somebody is enrolled from."""
PIECE_SECONDS = 6.0
TOGETHER = 2
"""Clips of a piece."""
TRIALS = (1, 2, 4)
"""Pieces of a trial: what was heard of somebody so far."""
MOST = 4
"""Pieces of each emotion of a person."""
THRESHOLDS = (0.4, 0.45, 0.5)


@dataclass(frozen=True, slots=True)
class Heard:
    """One person: how they sound where they are enrolled, and in each piece."""

    name: str
    corpus: str
    enrolled: np.ndarray | None
    """None for somebody with too few clips, who is only taken for others."""
    pieces: tuple[np.ndarray, ...]
    """Float32 [windows, EMBEDDING] each."""

    def trials(self, together: int) -> list[np.ndarray]:
        """How they sound in so many pieces at a time, as far as there are so many: float32 [EMBEDDING]
        each."""
        starts = range(0, len(self.pieces) - together + 1, together)
        return [mean_of(np.concatenate(self.pieces[start : start + together])) for start in starts]

    @property
    def split(self) -> str:
        """`dev` or `test`."""
        return "dev" if zlib.crc32(self.name.encode()) % 2 else "test"


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares at one threshold."""

    rejected: float
    """Of trials of those who are enrolled."""
    accepted: float
    """Of trials of others."""
    accepted_within: float
    """Of those of them who are of the same corpus."""


def rates(people: Sequence[Heard], split: str, threshold: float, together: int) -> Rates:
    """What becomes of every trial of so many pieces against everybody of a split who is enrolled."""
    own: list[float] = []
    others: list[float] = []
    within: list[float] = []
    trials = {one.name: one.trials(together) for one in people}
    for enrolled in people:
        if enrolled.enrolled is None or enrolled.split != split:
            continue
        for one in people:
            likeness = [float(trial @ enrolled.enrolled) for trial in trials[one.name]]
            if one.name == enrolled.name:
                own += likeness
            else:
                others += likeness
                within += likeness if one.corpus == enrolled.corpus else []
    if not own or not others:
        raise UserError(f"There are too few people in the split {split} to measure anything: give more data.")
    return Rates(
        float(np.mean(np.array(own) < threshold)),
        float(np.mean(np.array(others) >= threshold)),
        float(np.mean(np.array(within) >= threshold)) if within else 0.0,
    )


def hear(name: str, rows: Sequence[tuple[str, str, Path]], encoder: TurnEncoder) -> Heard:
    """Describe a person of whom `rows` give the corpus, the emotion and the file of each clip."""
    plain = [path for _, emotion, path in rows if emotion == "neutral"] or [path for _, _, path in rows]
    sound, used = np.zeros(0, np.float32), set()
    if len(rows) > 2 * TOGETHER:
        for path in plain:
            if len(sound) >= SECONDS * RATE:
                break
            sound = np.concatenate([sound, _trimmed(read_samples(path))])
            used.add(path)
    by_emotion: dict[str, list[Path]] = defaultdict(list)
    for _, emotion, path in rows:
        if path not in used:
            by_emotion[emotion].append(path)
    pieces = [
        np.concatenate([_trimmed(read_samples(path)) for path in paths[start : start + TOGETHER]])
        for paths in by_emotion.values()
        for start in range(0, min(len(paths), TOGETHER * MOST), TOGETHER)
    ]
    described = [_described(piece[: round(PIECE_SECONDS * RATE)], encoder) for piece in pieces]
    # In no order, so that a trial has several emotions.
    order = sorted(range(len(described)), key=lambda place: zlib.crc32(f"{name} {place}".encode()))
    enrolled = mean_of(_described(sound, encoder)) if len(sound) >= SECONDS * RATE / 2 else None
    return Heard(name, rows[0][0], enrolled, tuple(described[place] for place in order))


def _described(samples: np.ndarray, encoder: TurnEncoder) -> np.ndarray:
    if len(samples) < WINDOW:
        samples = np.resize(samples, WINDOW)
    starts = range(0, len(samples) - WINDOW + 1, WINDOW // 2)
    return encoder.embed(np.stack([samples[start : start + WINDOW] for start in starts]))


def _trimmed(samples: np.ndarray) -> np.ndarray:
    """The part between the silences at the ends, at one level."""
    loud = np.flatnonzero(np.abs(samples) > 0.03 * np.abs(samples).max())
    cut = samples[loud[0] : loud[-1] + 1] if len(loud) else samples
    return (0.3 * cut / max(float(np.abs(cut).max()), 1e-6)).astype(np.float32)


def _people(folder: Path) -> Iterator[tuple[str, list[tuple[str, str, Path]]]]:
    found: dict[str, list[tuple[str, str, Path]]] = defaultdict(list)
    for row in read_table_rows(folder / TABLE, ("path", "dataset", "speaker", "emotion")):
        found[row["speaker"]].append((row["dataset"], row["emotion"], folder / row["path"]))
    yield from sorted(found.items())


def main(
    data: Annotated[Path, typer.Argument(help=f"Folder with {TABLE} and the clips that it lists.")],
) -> None:
    """Print how often enrolled people are not recognised, and others are taken for them."""
    encoder = open_turns(EnginePool(EngineSettings(device="cpu"), notify))
    listed = list(_people(data))
    people = []
    with Bar("listening", len(listed)) as bar:
        for name, rows in listed:
            people.append(hear(name, rows, encoder))
            bar.done()
    enrolled = sum(one.enrolled is not None for one in people)
    table = Table(title=f"{enrolled} people enrolled one by one, {len(people)} heard")
    for column in ("split", "pieces", "threshold", "false reject", "false accept", "of the same corpus"):
        table.add_column(column)
    for split in ("dev", "test"):
        for together, threshold in product(TRIALS, THRESHOLDS):
            found = rates(people, split, threshold, together)
            shares = (found.rejected, found.accepted, found.accepted_within)
            mark = " (in use)" if threshold == KNOWN else ""
            told = (f"{share:.1%}" for share in shares)
            table.add_row(split, str(together), f"{threshold}{mark}", *told)
    Console(file=sys.stdout).print(table)


if __name__ == "__main__":
    typer.run(main)
