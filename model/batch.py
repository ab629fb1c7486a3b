"""A batch of utterances as padded token sequences with masks, the network's input.

What a mask hides never enters the arithmetic: it is replaced by zero here, once, so that a masked stream may
hold anything, even NaN.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotrack.modalities import MODALITIES, Modality
from emotrack.model.configuration import ModalityWidths
from emotrack.model.tokens import padded


@dataclass(frozen=True)
class ModalityTokens:
    """One modality of a batch: `values` [B, n, width] float, `mask` [B, n] bool, True where a token is valid.

    Valid tokens come first in each row. Values under the mask are set to zero on construction.
    """

    values: Tensor
    mask: Tensor

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.mask.shape != self.values.shape[:2] or self.mask.dtype != torch.bool:
            raise ValueError(
                f"values {tuple(self.values.shape)} do not go with mask {tuple(self.mask.shape)} "
                f"{self.mask.dtype}"
            )
        if bool((self.mask[:, 1:] & ~self.mask[:, :-1]).any()):
            raise ValueError("valid tokens must come before padding")
        object.__setattr__(self, "values", torch.where(self.mask[..., None], self.values, 0.0))

    @property
    def counts(self) -> Tensor:
        """Valid tokens per row, [B] long."""
        return self.mask.sum(1)

    def keep(self, rows: Tensor) -> "ModalityTokens":
        """The same modality, wholly masked in the rows where `rows` [B] bool is False."""
        return ModalityTokens(self.values, self.mask & rows[:, None])


@dataclass(frozen=True)
class UtteranceBatch:
    """The four modalities of B utterances. A modality that an utterance lacks is masked in its whole row."""

    text: ModalityTokens
    audio: ModalityTokens
    face: ModalityTokens
    body: ModalityTokens

    @property
    def modalities(self) -> tuple[ModalityTokens, ...]:
        """The modalities in the order of `MODALITIES`."""
        return (self.text, self.audio, self.face, self.body)

    @property
    def present(self) -> Tensor:
        """Which modalities have at least one valid token, [B, 4] bool."""
        return torch.stack([modality.mask.any(1) for modality in self.modalities], 1)

    def __len__(self) -> int:
        return self.text.mask.shape[0]

    def keep(self, modalities: Tensor) -> "UtteranceBatch":
        """The batch with only the modalities that `modalities`, bool [4] or [B, 4], leaves in; the others are
        masked."""
        rows = modalities.to(self.text.mask.device).expand(len(self), len(MODALITIES))
        return UtteranceBatch(
            *(modality.keep(rows[:, index]) for index, modality in enumerate(self.modalities))
        )

    def to(self, device: torch.device | str) -> "UtteranceBatch":
        """The batch on another device."""
        return UtteranceBatch(
            *(
                ModalityTokens(modality.values.to(device), modality.mask.to(device))
                for modality in self.modalities
            )
        )


def collate(
    utterances: Sequence[Mapping[Modality, NDArray[np.floating] | None]],
    widths: ModalityWidths,
    pad_to: int = 1,
) -> UtteranceBatch:
    """Pads utterances to one batch.

    Each utterance maps modality names to tokens [n, width]; a modality that is left out, None or has no
    tokens is absent. Sequences are padded to the longest one, at least `pad_to`. Raises `UserError` where
    tokens have another width than the network was built for.
    """
    if not utterances:
        raise ValueError("a batch needs at least one utterance")
    return UtteranceBatch(
        *(
            _pad([utterance.get(name) for utterance in utterances], name, getattr(widths, name), pad_to)
            for name in MODALITIES
        )
    )


def _pad(
    rows: Sequence[NDArray[np.floating] | None], name: Modality, width: int, pad_to: int
) -> ModalityTokens:
    values, counts = padded(rows, name, width, pad_to)
    return ModalityTokens(
        torch.from_numpy(values), torch.from_numpy(np.arange(values.shape[1]) < counts[:, None])
    )
