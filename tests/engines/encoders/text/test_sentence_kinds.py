"""Sentence encoders of several kinds: read token by token as their own library reads them, compiled or
not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    MPNetConfig,
    MPNetModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
)

from emotrack.engines.encoders.text.encoder import find_weights, sentence_spec
from emotrack.engines.networks.passages import BEFORE, NOBODY
from emotrack.engines.settings import BackendName
from emotrack.errors import UserError
from helpers.networks.engines import pool

SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
}
KINDS: dict[str, Callable[[], PreTrainedModel]] = {
    "bert": lambda: BertModel(BertConfig(**SIZES, initializer_range=0.3)),
    "mpnet": lambda: MPNetModel(MPNetConfig(**SIZES, initializer_range=0.3)),
    "roberta": lambda: RobertaModel(RobertaConfig(**SIZES, initializer_range=0.3)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", ["eager-cpu", "onnx-cpu"])
def test_a_line_alone_is_read_as_the_models_own_library_reads_it(
    kind: str, backend: BackendName, tmp_path: Path
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = KINDS[kind]().eval()
    model.save_pretrained(tmp_path / kind)
    spec = sentence_spec(tmp_path / kind, find_weights(tmp_path / kind), SIZES, 32, None)
    engine = pool(backend, tmp_path / "engines").engine(spec)
    counts = (9, 5)
    ids = np.random.default_rng(0).integers(5, 40, (2, 9))
    mask = np.arange(9) < np.array(counts)[:, None]
    ids[~mask] = model.config.pad_token_id
    with torch.inference_mode():
        expected = model(
            input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask).long()
        ).last_hidden_state.numpy()
    found = engine.run(ids=ids, owners=np.where(mask, BEFORE, NOBODY))["vectors"]
    for row, count in enumerate(counts):
        np.testing.assert_allclose(found[row, :count], expected[row, :count], atol=1e-5)


def test_another_kind_is_refused_in_one_sentence(tmp_path: Path) -> None:
    DistilBertModel(
        DistilBertConfig(vocab_size=40, dim=24, n_layers=1, n_heads=2, hidden_dim=48)
    ).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"is a distilbert: give a BERT, MPNet or RoBERTa\.$"):
        pool().engine(sentence_spec(tmp_path, find_weights(tmp_path), SIZES, 32, None))
