"""Token vectors of several utterances in one array."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.model.dialogue.state import Floats


def padded(
    rows: Sequence[NDArray[np.floating] | None], modality: Modality, width: int, pad_to: int = 1
) -> tuple[Floats, NDArray[np.int64]]:
    """Tokens [n, width] of one modality, utterance by utterance (None where it is absent), and how many each
    has.

    Gives [B, N, width] with zeros behind the tokens, N being the largest count and at least `pad_to`, and the
    counts [B]. Raises `UserError` where tokens have another width.
    """
    counts = np.array([0 if row is None else len(row) for row in rows], np.int64)
    values = np.zeros((len(rows), max(pad_to, int(counts.max()), 1), width), np.float32)
    for index, row in enumerate(rows):
        if row is None or not len(row):
            continue
        if row.ndim != 2 or row.shape[1] != width:
            raise UserError(
                f"The {modality} encoder gives tokens of shape {row.shape[1:]} but the bundle expects "
                f"width {width}: use the profile that the bundle was trained for."
            )
        values[index, : len(row)] = row
    return values, counts
