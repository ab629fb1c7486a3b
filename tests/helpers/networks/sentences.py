"""Small sentence encoders with random weights, low-rank factors for them, and dialogues to read."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertTokenizer

from emotrack.engines.encoders.text.encoder import TextEncoder, find_model
from emotrack.engines.networks.passages import LETTERS, DialogueLine
from emotrack.engines.networks.sentence import linear_layers
from emotrack.model.bundle import BundlePart
from helpers.networks.engines import pool

WORDS = ("so", "are", "you", "coming", "with", "us", "no", "never", "##ing", "!", "?")
VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *WORDS)


def save_sentence_encoder(directory: Path, width: int = 24, seed: int = 0) -> Path:
    """Writes a random BERT of two layers that knows `WORDS`; its vectors are `width` wide."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "vocab.txt").write_text("\n".join(VOCABULARY))
    configuration = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=300,
        initializer_range=0.3,  # large enough that every token matters to every other
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        BertModel(configuration).save_pretrained(directory)
    BertTokenizer(str(directory / "vocab.txt")).save_pretrained(directory)
    return directory


def bert_of(encoder: SentenceTransformer) -> BertModel:
    """The model inside, whose vectors are still to be pooled."""
    model = encoder[0].auto_model
    assert isinstance(model, BertModel)
    return model


def random_factors(encoder: nn.Module, rank: int = 2, size: float = 0.1, seed: int = 0) -> dict[str, Tensor]:
    """Factors for every linear layer of `encoder`."""
    generator = torch.Generator().manual_seed(seed)
    factors = {}
    for name, layer in linear_layers(encoder).items():
        factors[f"{name}.down"] = (
            torch.randn(rank, layer.in_features, generator=generator) / layer.in_features**0.5
        )
        factors[f"{name}.up"] = torch.randn(layer.out_features, rank, generator=generator) * size
    return factors


def save_part(path: Path, factors: dict[str, Tensor], **settings: Any) -> BundlePart:
    """The factors as a bundle's part `text`."""
    data = safetensors.torch.save(factors)
    path.write_bytes(data)
    return BundlePart(
        "text", path, hashlib.sha256(data).hexdigest(), "none: random weights", "nothing", settings
    )


def adapted(directory: Path, model: str, *, utterances: int = 8, tokens: int = 256) -> TextEncoder:
    """The encoder `model` with random factors, which are written to `directory`."""
    loaded = SentenceTransformer(str(find_model(model)), device="cpu", local_files_only=True)
    factors = random_factors(bert_of(loaded))
    part = save_part(
        directory / "text.safetensors", factors, base=model, utterances=utterances, tokens=tokens
    )
    return TextEncoder(pool(), model, adapter=part)


def dialogues(longest: int, speakers: int = 10) -> st.SearchStrategy[list[DialogueLine]]:
    """Dialogues of at most `longest` lines, some of them without words."""
    words = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
    return st.lists(
        st.builds(DialogueLine, st.integers(0, speakers - 1), words), min_size=1, max_size=longest
    )


def worded(lines: Sequence[DialogueLine]) -> list[DialogueLine]:
    """Those with words."""
    return [line for line in lines if line.text]
