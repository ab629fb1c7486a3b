"""What the voice network's frozen base makes of a corpus' clips, kept in a folder: it is the same for every
seed and fold."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from emotrack.engines.contract.definition import source_digest
from emotrack.errors import UserError
from emotrack.files import file_digest, write_whole
from emotrack.model.formats import VOICE_RATE
from emotrack.model.modules.voice import SpeechEncoder
from emotrack.training.corpora.records import CorpusUtterance
from emotrack.training.features.sound import RULE, Unreadable, hear_acted

LONGEST = 4
"""Segments taken of a clip at most, spread over it: a reader's long sentence is not to outweigh a short
one."""
_TOGETHER = 32


@dataclass(frozen=True, slots=True)
class Pooled:
    """Segments of clips: what is pooled of each, half precision [n, inputs], and the clip's place in the
    list, int [n]."""

    values: Tensor
    clips: np.ndarray


def hear(
    encoder: SpeechEncoder,
    base: str,
    utterances: Sequence[CorpusUtterance],
    version: int,
    folder: Path,
    device: str,
) -> Pooled:
    """The pooled segments of `utterances`, disturbed as their `version`-th copies (0: as they are), from
    `folder` where they are.

    `base`: hash of what the encoder was read from. Raises `UserError` where a clip cannot be decoded or is
    silent.
    """
    path = folder / f"{_key(encoder, base, utterances, version)}.safetensors"
    try:
        found = safetensors.torch.load_file(path)
        return Pooled(found["values"], found["clips"].numpy())
    except (OSError, SafetensorError, KeyError):
        pass  # not heard yet, or not to the end
    cut = [_segments(one.copy(version)) for one in utterances]
    every = np.concatenate(cut)
    with torch.inference_mode():
        encoder.eval()
        parts = [
            encoder(torch.from_numpy(every[start : start + _TOGETHER]).to(device)).half().cpu()
            for start in range(0, len(every), _TOGETHER)
        ]
    pooled = Pooled(torch.cat(parts), np.repeat(np.arange(len(cut)), [len(one) for one in cut]))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(
            path, safetensors.torch.save({"values": pooled.values, "clips": torch.from_numpy(pooled.clips)})
        )
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror}): set `heard` to another folder."
        ) from None
    return pooled


def sounds_of(utterances: Sequence[CorpusUtterance]) -> list[Path]:
    """The files of utterances all of which have one; raises `UserError` for the first that has none."""
    for one in utterances:
        if one.sound is None:
            raise UserError(f"The clip {one.row.name} is missing: give the whole corpus.")
    return [one.sound for one in utterances if one.sound is not None]


def _segments(one: CorpusUtterance) -> np.ndarray:
    try:
        segments = RULE.all(hear_acted(one, VOICE_RATE))
    except Unreadable as error:
        raise UserError(
            f"{one.sound} cannot be learnt from, {str(error).rstrip('.')}: fetch it again or remove it."
        ) from None
    if len(segments) <= LONGEST:
        return segments
    found: np.ndarray = segments[np.linspace(0, len(segments) - 1, LONGEST).astype(int)]
    return found


def _key(encoder: SpeechEncoder, base: str, utterances: Sequence[CorpusUtterance], version: int) -> str:
    """SHA-256 of all that decides what is heard."""
    found = hashlib.sha256(f"{base} {len(encoder.layers)} {version} {RULE} {LONGEST}\n".encode())
    for module in ("emotrack.model.modules.voice", "emotrack.training.features.sound"):
        found.update(source_digest(module).encode())
    for one, path in zip(utterances, sounds_of(utterances), strict=True):
        found.update(f"{one.row.name} {file_digest(path)}\n".encode())
    return found.hexdigest()
