"""A sentence encoder of BERT's or MPNet's kind that reads passages, with low-rank adapters (LoRA, Hu et al.,
arXiv 2106.09685, equation 3); which token attends to which follows from which line it belongs to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from transformers import AutoModel
from transformers.utils import logging as transformers_logging

from emotrack.engines.networks.passages import NOBODY
from emotrack.errors import UserError
from emotrack.model.manifest import REMEDY
from emotrack.model.modules.attention import PADDED_SCORE


def linear_layers(encoder: nn.Module) -> dict[str, nn.Linear]:
    """The layers that can be adapted, by name: every linear one of the encoder's blocks (BERT's
    `encoder.layer`)."""
    return {
        name: module
        for name, module in encoder.named_modules()
        if isinstance(module, nn.Linear) and name.startswith("encoder.layer.")
    }


@torch.no_grad()
def merge(encoder: nn.Module, factors: Mapping[str, Tensor], source: str) -> None:
    """W += up @ down in every layer that has factors `<layer>.down` [r, in] and `<layer>.up` [out, r]; r may
    differ by layer.

    Nothing is changed where any of them does not fit; then raises `UserError`, which names `source` as where
    they are from.
    """
    layers = linear_layers(encoder)
    changes: dict[str, Tensor] = {}
    for name in sorted({key.rpartition(".")[0] for key in factors}):
        down, up = factors.get(f"{name}.down"), factors.get(f"{name}.up")
        if name not in layers or down is None or up is None:
            raise UserError(
                f"{source} has factors {name!r} that this text model has no layer for, or only one of "
                f"them; {REMEDY}."
            )
        rows, columns = layers[name].weight.shape
        if down.ndim != 2 or up.ndim != 2 or (len(up), *down.shape) != (rows, up.shape[1], columns):
            shapes = f"{list(up.shape)} and {list(down.shape)}"
            raise UserError(
                f"{source} has factors of shapes {shapes} for {name!r} of shape {[rows, columns]}; {REMEDY}."
            )
        changes[name] = up.float() @ down.float()
        if not bool(changes[name].isfinite().all()):
            raise UserError(f"{source} has a value that is not finite for {name!r}; {REMEDY}.")
    if unknown := factors.keys() - {f"{name}.{half}" for name in changes for half in ("down", "up")}:
        raise UserError(f"{source} has an unknown tensor {min(unknown)!r}; {REMEDY}.")
    for name, change in changes.items():
        layers[name].weight += change.to(layers[name].weight)


_BEHIND_PADDING = ("mpnet", "roberta", "xlm-roberta")
"""Kinds that count positions from behind the one that padding has; BERT counts from 0."""


def network(configuration: Path, weights: Path, adapter: Path | None) -> "SentenceNetwork":
    """The encoder whose `configuration` and `weights` lie in one directory, with the low-rank factors of
    `adapter` added to it.

    Raises `UserError` where there is no such model, or the adapter does not fit it.
    """
    transformers_logging.disable_progress_bar()
    try:
        encoder = (
            AutoModel.from_pretrained(weights.parent, attn_implementation="eager", local_files_only=True)
            .eval()
            .float()
        )
    except (OSError, ValueError, KeyError) as error:
        raise no_model(weights.parent, error) from error
    if encoder.config.model_type not in ("bert", *_BEHIND_PADDING):
        raise UserError(
            f"The text model in {weights.parent} is a {encoder.config.model_type}: give a BERT, MPNet or "
            "RoBERTa."
        )
    if adapter is not None:
        merge(encoder, safetensors.torch.load_file(adapter), str(adapter))
    return SentenceNetwork(encoder.requires_grad_(False))


class SentenceNetwork(nn.Module):
    """The encoder without its pooling."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.embeddings = encoder.embeddings
        self.encoder = encoder.encoder
        self.first = encoder.config.pad_token_id + 1 if encoder.config.model_type in _BEHIND_PADDING else 0
        self.typed = encoder.config.model_type == "bert"

    def forward(self, ids: Tensor, owners: Tensor) -> Tensor:
        """Ids and owners of tokens int64 [B, L] (see `passages.padded`) to their vectors [B, L, dim]."""
        places = torch.arange(ids.shape[1], device=ids.device)[None] + self.first
        given = {"token_type_ids": torch.zeros_like(ids)} if self.typed else {}
        hidden = self.embeddings(input_ids=ids, position_ids=places, **given)
        found: Tensor = self.encoder(
            hidden, attention_mask=attention_mask(owners).to(hidden.dtype), return_dict=True
        ).last_hidden_state
        return found


def attention_mask(owners: Tensor) -> Tensor:
    """What is added to attention's scores, float32 [B, 1, L, L]: 0 where the owner of the key is no greater
    than the query's.

    Padding is read by nothing, itself included: however much there is of it, it changes no number.
    """
    hidden = owners[:, None, None, :] > owners.clamp(max=NOBODY - 1)[:, None, :, None]
    return torch.where(hidden, PADDED_SCORE, 0.0)


def no_model(directory: Path, error: Exception) -> UserError:
    """What is said of a directory in which no model is."""
    return UserError(f"{directory} holds no sentence-transformers model: {error}".splitlines()[0])
