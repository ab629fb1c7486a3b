"""Text read in the light of what was said before it: what counts, what cannot, and adapters that do not
fit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from torch import Tensor

from emotrack.engines.encoders.text.encoder import MINILM, TextEncoder
from emotrack.engines.networks.passages import WORDS, DialogueLine, LineTokenizer, Window, pack, padded
from emotrack.engines.networks.sentence import attention_mask, linear_layers, merge
from emotrack.engines.open import open_encoders
from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.model.bundle import NewPart, load_bundle, network_part, save_bundle
from emotrack.model.manifest import EncoderNote, PartName
from helpers.networks.engines import pool
from helpers.networks.sentences import (
    adapted,
    bert_of,
    dialogues,
    random_factors,
    save_part,
    save_sentence_encoder,
    worded,
)
from helpers.networks.small import small_network

LAYER = "encoder.layer.0.attention.self.query"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_sentence_encoder(tmp_path_factory.mktemp("sentences")))


@pytest.fixture(scope="module")
def encoder(model: str, tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    """Reads two lines back, at most 140 tokens at once."""
    return adapted(tmp_path_factory.mktemp("adapter"), model, utterances=2, tokens=140)


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


def differs(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape != other.shape or float(np.abs(one - other).max()) > 1e-3


def test_a_line_is_its_words_and_its_end(encoder: TextEncoder) -> None:
    assert encoder.encode("are you coming ?").shape == (4 + 1, 24)
    assert encoder.encode("no", 3, [DialogueLine(1, "so"), DialogueLine(2, "never")]).shape == (1 + 1, 24)
    assert encoder.encode("so " * 500).shape == (WORDS + 1, 24)
    assert encoder.encode("", 0, [DialogueLine(1, "so")]).shape == (0, 24)
    assert encoder.context == 2


@settings(max_examples=30, deadline=None)
@given(lines=dialogues(longest=9), extra=dialogues(longest=3))
def test_a_whole_dialogue_at_once_is_each_line_with_what_precedes_it(
    encoder: TextEncoder, lines: list[DialogueLine], extra: list[DialogueLine]
) -> None:
    together = encoder.encode_dialogue(lines)
    for index, line in enumerate(lines):
        alone = encoder.encode(line.text, line.speaker, lines[:index])
        assert alone.dtype == together[index].dtype == np.float32
        assert_same(together[index], alone)
    for before, after in zip(together, encoder.encode_dialogue([*lines, *extra]), strict=False):
        assert_same(before, after)  # whatever is said later


@settings(max_examples=30, deadline=None)
@given(lines=dialogues(longest=6), place=st.integers(0, 5))
def test_just_the_newest_lines_with_words_count(
    encoder: TextEncoder, lines: list[DialogueLine], place: int
) -> None:
    place = place % len(lines)
    other = DialogueLine(lines[place].speaker + 1, lines[place].text)
    changed = [*lines[:place], other, *lines[place + 1 :]]
    read, reread = encoder.encode("no never", 0, lines), encoder.encode("no never", 0, changed)
    recent = len(worded(lines[place + 1 :])) < encoder.context
    assert differs(read, reread) is bool(lines[place].text and recent)
    np.testing.assert_array_equal(read, encoder.encode("no never", 0, worded(lines)[-encoder.context :]))


def test_who_speaks_counts_and_there_are_eight_names(encoder: TextEncoder) -> None:
    before = [DialogueLine(1, "are you coming")]
    assert differs(encoder.encode("no", 0, before), encoder.encode("no", 1, before))
    np.testing.assert_array_equal(encoder.encode("no", 1, before), encoder.encode("no", 9, before))


def test_too_long_a_context_loses_its_oldest_lines_whole(encoder: TextEncoder) -> None:
    oldest, newest = (
        DialogueLine(0, "so " * 60),
        DialogueLine(1, "never " * 60),
    )  # 62 tokens each, with their marks
    fitting, fuller = " ".join(["you"] * 13), " ".join(["you"] * 14)  # 15 and 16 of 140 tokens
    assert differs(encoder.encode(fitting, 0, [oldest, newest]), encoder.encode(fitting, 0, [newest]))
    np.testing.assert_array_equal(
        encoder.encode(fuller, 0, [oldest, newest]), encoder.encode(fuller, 0, [newest])
    )
    longest = "so " * 200
    assert differs(encoder.encode(longest, 0, [DialogueLine(1, "no")]), encoder.encode(longest))
    np.testing.assert_array_equal(encoder.encode(longest, 0, [oldest]), encoder.encode(longest))


@given(st.lists(st.integers(0, 128), min_size=1, max_size=20), st.integers(0, 9), st.integers(129, 512))
def test_a_window_is_as_large_as_it_may_be(lengths: list[int], utterances: int, tokens: int) -> None:
    current = len(lengths) - 1
    first = Window(utterances, tokens).first(lengths, current)

    def allowed(start: int) -> bool:
        return (
            sum(length > 0 for length in lengths[start:current]) <= utterances
            and 1 + sum(lengths[start:]) <= tokens
        )

    assert first == current or (allowed(first) and lengths[first] > 0)
    assert not any(allowed(start) for start in range(first) if lengths[start] > 0)


def test_the_mask_lets_a_line_read_back_only(model: str) -> None:
    tokenizer = LineTokenizer(SentenceTransformer(model, device="cpu").tokenizer)
    lines = tokenizer.tokens([DialogueLine(0, "no"), DialogueLine(9, ""), DialogueLine(1, "are you")])
    assert [len(line) for line in lines] == [3, 0, 4] and lines[0][0] + 1 == lines[2][0]
    long, short = pack(tokenizer.start, lines), pack(tokenizer.start, lines[:1])
    assert [long.outputs(index) for index in range(3)] == [slice(2, 4), slice(0, 0), slice(5, 8)]
    ids, owners = padded([long, short], tokenizer.padding)
    mask = attention_mask(torch.from_numpy(owners))
    assert ids.tolist() == [
        [tokenizer.start, *lines[0], *lines[2]],
        [tokenizer.start, *lines[0], *[tokenizer.padding] * 4],
    ]
    seen = (mask == 0).int()[:, 0].tolist()
    start, first, last = [1] + [0] * 7, [1] * 4 + [0] * 4, [1] * 8
    assert seen[0] == [start, *[first] * 3, *[last] * 4]
    assert seen[1][:4] == [start, *[first] * 3]
    assert torch.softmax(mask[0, 0, 0], -1).tolist() == [1.0] + [0.0] * 7


def test_one_line_is_read_as_the_model_itself_reads_it(model: str, tmp_path: Path) -> None:
    """Its own layers one after the other, with a mask written by hand: the start token reads itself, all else
    everything."""
    loaded = SentenceTransformer(model, device="cpu")
    bert = bert_of(loaded)
    zero = {name: torch.zeros_like(factor) for name, factor in random_factors(bert).items()}
    encoder = TextEncoder(pool(), model, adapter=save_part(tmp_path / "text.safetensors", zero, base=model))
    tokens = LineTokenizer(loaded.tokenizer).tokens([DialogueLine(2, "are you coming")])[0]
    hidden = bert.embeddings(torch.tensor([[loaded.tokenizer.cls_token_id, *tokens]]))
    mask = torch.zeros(1, 1, len(tokens) + 1, len(tokens) + 1)
    mask[..., 0, 1:] = -1e9
    with torch.inference_mode():
        for layer in bert.encoder.layer:
            hidden = layer(hidden, mask)
    assert_same(encoder.encode("are you coming", 2), hidden[0, 2:].numpy())


def test_the_shipped_sentence_encoder_reads_dialogues_too(tmp_path: Path) -> None:
    encoder = adapted(tmp_path, MINILM)
    said = ("Hi!", "Oh, it's you.", "", "I thought you were dead.", "Well...")
    lines = [DialogueLine(index % 3, words) for index, words in enumerate(said)]
    for index, tokens in enumerate(encoder.encode_dialogue(lines)):
        assert_same(tokens, encoder.encode(lines[index].text, lines[index].speaker, lines[:index]))
    assert differs(encoder.encode("Well...", 1), encoder.encode("Well...", 1, lines[:4]))


def test_factors_are_added_to_the_weights(model: str) -> None:
    bert = bert_of(SentenceTransformer(model, device="cpu"))
    before = {name: layer.weight.clone() for name, layer in linear_layers(bert).items()}
    assert len(before) == 2 * 6 and LAYER in before
    factors = {name: factor.half() for name, factor in random_factors(bert).items() if name.startswith(LAYER)}
    merge(bert, factors, "x")
    for name, layer in linear_layers(bert).items():
        change = (
            factors[f"{LAYER}.up"].float() @ factors[f"{LAYER}.down"].float()
            if name == LAYER
            else torch.zeros(())
        )
        torch.testing.assert_close(layer.weight, before[name] + change)


Factors = dict[str, Tensor]
FAULTS: dict[str, tuple[Callable[[Factors], object], str]] = {
    "unknown layer": (
        lambda f: f.update({"pooler.dense.up": torch.zeros(1), "pooler.dense.down": torch.zeros(1)}),
        "no layer for",
    ),
    "one half": (lambda f: f.pop(f"{LAYER}.up"), "only one of them"),
    "other shape": (lambda f: f.update({f"{LAYER}.down": torch.zeros(2, 25)}), r"\[2, 25\] for"),
    "other rank": (lambda f: f.update({f"{LAYER}.down": torch.zeros(3, 24)}), "of shapes"),
    "no matrix": (lambda f: f.update({f"{LAYER}.down": torch.zeros(24)}), "of shapes"),
    "unknown tensor": (lambda f: f.update({f"{LAYER}.bias": torch.zeros(24)}), "unknown tensor"),
    "not finite": (lambda f: f[f"{LAYER}.up"].fill_(float("nan")), "not finite"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_factors_that_do_not_fit_are_one_sentence(model: str, tmp_path: Path, fault: str) -> None:
    damage, sentence = FAULTS[fault]
    factors = random_factors(bert_of(SentenceTransformer(model, device="cpu")))
    damage(factors)
    with pytest.raises(UserError, match=sentence) as refusal:
        TextEncoder(pool(), model, adapter=save_part(tmp_path / "text.safetensors", factors, base=model))
    told = str(refusal.value).replace(str(tmp_path), "")
    assert "\n" not in told and told.endswith(".") and ". " not in told


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"base": MINILM}, f"adapts the text model {MINILM}"),
        ({"tokens": 301}, "at most 300"),
        ({"tokens": WORDS + 2}, "wrong at 'tokens'"),
        ({"utterances": -1}, "wrong at 'utterances'"),
        ({"rank": 4}, "wrong at 'rank'"),
    ],
)
def test_settings_that_do_not_fit_are_one_sentence(
    model: str, tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    part = save_part(tmp_path / "text.safetensors", {}, base=model)
    with pytest.raises(UserError, match=sentence):
        TextEncoder(pool(), model, adapter=replace(part, settings={**part.settings, **changes}))


def test_a_bundles_adapter_is_used_with_its_own_model_only(model: str, tmp_path: Path) -> None:
    network = small_network(widths={"text": 24, "audio": 5, "face": 4, "body": 3})
    factors = random_factors(bert_of(SentenceTransformer(model, device="cpu")))
    parts: dict[PartName, NewPart] = {
        "network": network_part(network, "x", "y"),
        "text": NewPart(factors, "x", "y", {"base": model, "utterances": 5, "tokens": 200}),
    }
    notes: dict[Modality, EncoderNote] = {"text": EncoderNote(name=model, width=24)}
    save_bundle(
        tmp_path / "bundle",
        parts,
        configuration=network.configuration,
        encoders={"embedded": notes},
        metrics={},
    )
    bundle = load_bundle(tmp_path / "bundle")
    copy = str(save_sentence_encoder(tmp_path / "copy"))
    said: list[str] = []
    chosen = [EngineSettings(text=name, audio="none", face="none") for name in (model, copy)]
    encoders = [open_encoders(pool(), settings, bundle, said.append) for settings in chosen]
    assert encoders[0].text is not None and encoders[0].text.context == 5
    assert encoders[1].text is None and encoders[1].unusable["text"] == "no encoder"
    assert any(
        sentence.startswith("text is left out: ") and f"adapts the text model {model}" in sentence
        for sentence in said
    )
