"""The sentence encoder with low-rank factors, and heads that name the emotion of dialogue lines, for training alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers.utils import logging as transformers_logging

from emotrack.engines.networks.adapting import linear_layers
from emotrack.engines.networks.sentence import no_model
from emotrack.engines.text import find_model


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Passages as the encoder takes them, and where each labelled line stands in them.

    `ids` [B, L], `mask` [B, 1, L, L]; `rows` [n] and `places` bool [n, L]: the tokens that describe each line; `labels` [n];
    `numbers` [n], rising: which of all lines of the batch's dialogues each is; `shares` [n, c]: what teachers say of each line, if
    there are any; `written`: the same dialogues as their script has them, where this batch has them as a recogniser writes them.
    """

    corpus: str
    ids: Tensor
    mask: Tensor
    rows: Tensor
    places: Tensor
    labels: Tensor
    numbers: Tensor
    shares: Tensor | None = None
    written: "LineBatch | None" = None


class LineClassifier(nn.Module):
    """The adapted encoder, and for each corpus a head on a line's mean and last token vector."""

    def __init__(self, base: str, rank: int, dropout: float, classes: Mapping[str, Sequence[str]]) -> None:
        """`base`: the sentence encoder; `dropout`: of what the heads are given.

        `classes`: those of each corpus; the first one's head also answers for corpora that have none.
        """
        super().__init__()
        loaded = _load(find_model(base))
        bert: Any = loaded[0].auto_model
        adapter = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(linear_layers(bert)))
        self.tokenizer = loaded.tokenizer
        self.encoder = get_peft_model(bert, adapter)
        self.headline = next(iter(classes))
        width = 2 * bert.config.hidden_size
        self.heads = nn.ModuleDict(
            {name: nn.Sequential(nn.Dropout(dropout), nn.Linear(width, len(names))) for name, names in classes.items()}
        )

    def forward(self, batch: LineBatch) -> Tensor:
        """Logits [n, classes] of the batch's lines."""
        vectors = self.encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state[batch.rows]
        share = batch.places / batch.places.sum(1, keepdim=True)
        last = (batch.places * torch.arange(1, batch.places.shape[1] + 1, device=batch.ids.device)).argmax(1)
        mean = torch.einsum("nl,nld->nd", share.to(vectors.dtype), vectors)
        logits: Tensor = self.heads[batch.corpus if batch.corpus in self.heads else self.headline](
            torch.cat([mean, vectors[torch.arange(len(last)), last]], 1)
        )
        return logits.float()

    def factors(self) -> dict[str, Tensor]:
        """The low-rank factors by the names that a bundle gives them."""
        halves = {"lora_A.default": "down", "lora_B.default": "up"}
        found = {}
        for name, module in self.encoder.get_base_model().named_modules():
            for theirs, ours in halves.items():
                if name.endswith(theirs):
                    found[f"{name.removesuffix('.' + theirs)}.{ours}"] = module.weight.detach().half()
        return found


def _load(directory: Path) -> SentenceTransformer:
    """The sentence encoder with its tokenizer; raises `UserError` where there is none."""
    transformers_logging.disable_progress_bar()
    # Dropout of attention draws a number for every pair of tokens, which takes a processor a third of a training step.
    calm = {"attention_probs_dropout_prob": 0.0}
    try:
        return SentenceTransformer(str(directory), device="cpu", local_files_only=True, config_kwargs=calm).eval()
    except (OSError, ValueError, KeyError) as error:
        raise no_model(directory, error) from error
