"""CMU-MOSI as text, audio and visual features of each utterance (Poria et al. 2017): a corpus whose modes are
truly parallel.

Opinions on films, one speaker a video. Its features are those of the papers, not of our encoders, so that a
store of them stands under a profile name of its own. They are given in units of their own, up to several
hundred, and are therefore standardised here.

They were learnt from the labels of the videos of "train": a linear model names 97 % of held-out ones of these
videos but 76 % of "test". What "dev", cut from "train", says of a network is far too good, and can only
choose between its epochs.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.training.corpora.records import Corpus, CorpusRow, CorpusUtterance
from emotrack.training.corpora.tables import read_arrays

FEATURES = "cmu_mosi_poria_features.npz"
PROFILE = "poria"
CLASSES = ("negative", "positive")
WIDTHS: dict[Modality, tuple[str, int]] = {
    "text": ("text", 100),
    "audio": ("audio", 73),
    "face": ("video", 100),
}
"""Name in the archive and width of what stands for each modality."""
FARTHEST = 5.0
"""Standard deviations from the mean at which features are cut off."""
DEV = 5
"""Of the videos of the archive's "train", in order of their numbers, every so many-th is "dev"."""


def read_mosi(path: Path) -> Corpus:
    """The utterances of the archive `path` (or of the folder that holds it), video by video in order."""
    path = path / FEATURES if path.is_dir() else path
    arrays = read_arrays(path)
    for name, _ in WIDTHS.values():
        known = _array(path, arrays, f"train_{name}", 2)
        mean, deviation = known.mean(0), np.maximum(known.std(0), 1e-6)
        for part in ("train", "test"):
            raw = _array(path, arrays, f"{part}_{name}", 2)
            if raw.shape[1] != len(mean):
                raise UserError(
                    f"The arrays of {path} for {part} do not go together; fetch the archive again."
                )
            arrays[f"{part}_{name}"] = ((raw - mean) / deviation).clip(-FARTHEST, FARTHEST).astype(np.float32)
    utterances = _read_part(path, arrays, "train") + _read_part(path, arrays, "test")
    return Corpus("mosi", CLASSES, tuple(WIDTHS), tuple(utterances))


def _read_part(path: Path, arrays: dict[str, NDArray[Any]], part: str) -> list[CorpusUtterance]:
    videos, places, labels = (
        _array(path, arrays, f"{part}_{name}", 1) for name in ("dialogue", "utterance", "label")
    )
    given = {modality: _array(path, arrays, f"{part}_{name}", 2) for modality, (name, _) in WIDTHS.items()}
    for modality, (name, width) in WIDTHS.items():
        if given[modality].shape[1] != width:
            raise UserError(
                f"{path} has {part}_{name} of width {given[modality].shape[1]}, which should be {width}."
            )
    if (
        len({len(array) for array in (videos, places, labels, *given.values())}) > 1
        or not np.isin(labels, (0, 1)).all()
    ):
        raise UserError(f"The arrays of {path} for {part} do not go together; fetch the archive again.")
    dev = np.unique(videos)[DEV - 1 :: DEV] if part == "train" else ()
    utterances = []
    for index in np.lexsort((places, videos)).tolist():
        video, place = int(videos[index]), int(places[index])
        row = CorpusRow(
            name=f"video {video}, utterance {place}",
            dialogue=f"{video}",
            index=place,
            split="dev" if video in dev else part,
            speaker=f"{video}",
            label=CLASSES[int(labels[index])],
        )
        utterances.append(
            CorpusUtterance(
                row, given={modality: array[index : index + 1] for modality, array in given.items()}
            )
        )
    return utterances


def _array(path: Path, arrays: dict[str, NDArray[Any]], name: str, dimensions: int) -> NDArray[Any]:
    if name not in arrays or arrays[name].ndim != dimensions:
        raise UserError(f"{path} has no array {name} of {dimensions} dimensions; give {FEATURES}.")
    return arrays[name]
