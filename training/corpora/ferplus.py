"""Faces with the votes of ten people: the images of FER2013 with FER+'s labels (Barsoum et al. 2016)."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from emotrack.errors import UserError
from emotrack.model.formats import EXPRESSIONS, FACE_SIZE
from emotrack.training.corpora.records import Corpus, CorpusRow, CorpusUtterance
from emotrack.training.corpora.tables import read_arrays, read_table_rows

IMAGES, LABELS = "fer2013plus_48x48_webp.npz", "fer2013plus_labels.csv"
VOTES = (*(f"votes_{name}" for name in EXPRESSIONS), "votes_unknown", "votes_NF")
SPLITS = ("train", "valid", "test")
CHECKED = 4
"""Of the images of "valid", every so many-th is kept to check fusion on; fusion learns from the others."""


@dataclass(frozen=True, slots=True)
class Faces:
    """Grey face images uint8 [n, 48, 48], the votes of ten people on each int [n, 10], and the split's name
    of each [n]."""

    images: np.ndarray
    votes: np.ndarray
    splits: np.ndarray

    def of(self, split: str) -> "Faces":
        """The images of one split."""
        return self.chosen(self.splits == split)

    def chosen(self, which: np.ndarray) -> "Faces":
        """The images that `which`, bool [n] or numbers, names."""
        return Faces(self.images[which], self.votes[which], self.splits[which])


def read_faces(images: Path, labels: Path) -> Faces:
    """The faces of an archive of WebP images (`blob` and `offsets`) and of the table with their FER+
    votes."""
    rows = list(read_table_rows(labels, ("split", *VOTES)))
    arrays = read_arrays(images)
    if missing := {"blob", "offsets"} - arrays.keys():
        raise UserError(
            f"{images} has no array {min(missing)}; give the archive of images that goes with {labels}."
        )
    blob, offsets = arrays["blob"].tobytes(), arrays["offsets"]
    if len(offsets) != len(rows) + 1:
        raise UserError(
            f"{images} holds {len(offsets) - 1} images but {labels} has {len(rows)} rows; use the pair "
            "together."
        )
    decoded = np.empty((len(rows), FACE_SIZE, FACE_SIZE), np.uint8)
    for index in range(len(rows)):
        try:
            with Image.open(BytesIO(blob[offsets[index] : offsets[index + 1]])) as image:
                decoded[index] = np.asarray(image.convert("L"))
        except (UnidentifiedImageError, ValueError, OSError) as error:
            raise UserError(
                f"Image {index} of {images} cannot be read ({error}); is the archive complete?"
            ) from None
    votes = np.array([[row.number(name) for name in VOTES] for row in rows], np.int64)
    return Faces(decoded, votes, np.array([row.one_of("split", SPLITS) for row in rows]))


def vote_shares(votes: np.ndarray) -> np.ndarray:
    """Votes int [n, 10] as shares float32 [n, 10], single votes dropped as FER+ does; a row with nothing left
    is all 0."""
    kept = np.where(votes > 1, votes, 0).astype(np.float32)
    found: np.ndarray = kept / np.maximum(kept.sum(axis=1, keepdims=True), 1)
    return found


def majority(votes: np.ndarray) -> np.ndarray:
    """The expression that more than half of the votes name once single votes are dropped, int [n]; -1 where
    there is none."""
    shares = vote_shares(votes)
    winner = shares.argmax(axis=1)
    return np.where((shares.max(axis=1) > 0.5) & (winner < len(EXPRESSIONS)), winner, -1)


def fusion_splits(splits: np.ndarray) -> np.ndarray:
    """FER+'s splits [n] as the training of fusion uses them: of "valid" every fourth is "dev", the others are
    "fusion"."""
    named = np.where(splits == "valid", "fusion", splits)
    named[np.flatnonzero(splits == "valid")[::CHECKED]] = "dev"
    return named


def read_ferplus(folder: Path) -> Corpus:
    """The images of `folder` as utterances of one face each; `label` is the majority's expression."""
    faces = read_faces(folder / IMAGES, folder / LABELS)
    rows = zip(
        faces.images, faces.votes.tolist(), fusion_splits(faces.splits), majority(faces.votes), strict=True
    )
    utterances = []
    for index, (image, votes, split, label) in enumerate(rows):
        row = CorpusRow(
            name=f"image {index}",
            dialogue=str(index),
            index=0,
            split=str(split),
            speaker=str(index),
            label=EXPRESSIONS[label] if label >= 0 else None,
            votes=tuple(votes),
        )
        utterances.append(CorpusUtterance(row, image=image))
    return Corpus("ferplus", EXPRESSIONS, ("face",), tuple(utterances), disturbed=("fusion",))
