"""A batch of utterances as padded token sequences with masks, the network's input.

What a mask hides never enters the arithmetic: it is replaced by zero here, once, so that a masked stream may hold
anything, even NaN.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotrack.model.configuration import STREAMS, Stream, StreamWidths
from emotrack.model.tokens import padded


@dataclass(frozen=True)
class TokenStream:
    """One stream of a batch: `values` [B, n, width] float, `mask` [B, n] bool, True where a token is valid.

    Valid tokens come first in each row. Values under the mask are set to zero on construction.
    """

    values: Tensor
    mask: Tensor

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.mask.shape != self.values.shape[:2] or self.mask.dtype != torch.bool:
            raise ValueError(f"values {tuple(self.values.shape)} do not go with mask {tuple(self.mask.shape)} {self.mask.dtype}")
        if bool((self.mask[:, 1:] & ~self.mask[:, :-1]).any()):
            raise ValueError("valid tokens must come before padding")
        object.__setattr__(self, "values", torch.where(self.mask[..., None], self.values, 0.0))

    @property
    def counts(self) -> Tensor:
        """Valid tokens per row, [B] long."""
        return self.mask.sum(1)

    def keep(self, rows: Tensor) -> "TokenStream":
        """The same stream, wholly masked in the rows where `rows` [B] bool is False."""
        return TokenStream(self.values, self.mask & rows[:, None])


@dataclass(frozen=True)
class UtteranceBatch:
    """The four streams of B utterances. A stream that an utterance lacks is masked in its whole row."""

    text: TokenStream
    audio: TokenStream
    face: TokenStream
    body: TokenStream

    @property
    def streams(self) -> tuple[TokenStream, ...]:
        """The streams in the order of `STREAMS`."""
        return (self.text, self.audio, self.face, self.body)

    @property
    def present(self) -> Tensor:
        """Which streams have at least one valid token, [B, 4] bool."""
        return torch.stack([stream.mask.any(1) for stream in self.streams], 1)

    def __len__(self) -> int:
        return self.text.mask.shape[0]

    def keep(self, streams: Tensor) -> "UtteranceBatch":
        """The batch with only the streams that `streams`, bool [4] or [B, 4], leaves in; the others are masked."""
        rows = streams.to(self.text.mask.device).expand(len(self), len(STREAMS))
        return UtteranceBatch(*(stream.keep(rows[:, index]) for index, stream in enumerate(self.streams)))

    def to(self, device: torch.device | str) -> "UtteranceBatch":
        """The batch on another device."""
        return UtteranceBatch(*(TokenStream(stream.values.to(device), stream.mask.to(device)) for stream in self.streams))


def collate(
    utterances: Sequence[Mapping[Stream, NDArray[np.floating] | None]], widths: StreamWidths, pad_to: int = 1
) -> UtteranceBatch:
    """Pads utterances to one batch.

    Each utterance maps stream names to tokens [n, width]; a stream that is left out, None or has no tokens is absent.
    Sequences are padded to the longest one, at least `pad_to`. Raises `UserError` where tokens have another width than
    the network was built for.
    """
    if not utterances:
        raise ValueError("a batch needs at least one utterance")
    return UtteranceBatch(
        *(_pad([utterance.get(name) for utterance in utterances], name, getattr(widths, name), pad_to) for name in STREAMS)
    )


def _pad(rows: Sequence[NDArray[np.floating] | None], name: Stream, width: int, pad_to: int) -> TokenStream:
    values, counts = padded(rows, name, width, pad_to)
    return TokenStream(torch.from_numpy(values), torch.from_numpy(np.arange(values.shape[1]) < counts[:, None]))
