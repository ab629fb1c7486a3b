"""What the sentence encoder is taught on is what live tracking reads, and what it learnt is what live
tracking runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from torch import Tensor

from emotrack.engines.encoders.text.encoder import MINILM, TextEncoder
from emotrack.engines.networks.passages import DialogueLine, LineTokenizer, Window
from emotrack.training.corpora.texts import CLASSES
from emotrack.training.tasks.text.lines import LabelledLines, LineClassifier, LinePacker
from helpers.networks.engines import pool
from helpers.networks.sentences import dialogues, save_part, save_sentence_encoder

WINDOW = Window(utterances=3, tokens=140)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sentence encoder of two layers with random weights."""
    return str(save_sentence_encoder(tmp_path_factory.mktemp("sentences")))


@pytest.fixture(scope="module")
def tokenizer(model: str) -> Any:
    return SentenceTransformer(model, device="cpu").tokenizer


@pytest.fixture(scope="module")
def packer(tokenizer: Any) -> LinePacker:
    return LinePacker(tokenizer, WINDOW, "cpu")


@dataclass(frozen=True)
class Adapted:
    """A classifier whose factors do something, and the live encoder with those factors as a bundle holds
    them."""

    classifier: LineClassifier
    encoder: TextEncoder

    def live_logits(self, lines: list[DialogueLine], index: int) -> Tensor:
        """What the classifier's head makes of line `index` as live tracking reads it."""
        vectors = torch.from_numpy(
            self.encoder.encode(lines[index].text, lines[index].speaker, lines[:index])
        )
        logits: Tensor = self.classifier.heads["MELD"](torch.cat([vectors.mean(0), vectors[-1]]))
        return logits


@torch.no_grad()
def adapt(base: str, folder: Path, window: Window) -> Adapted:
    torch.manual_seed(0)
    classifier = LineClassifier(base, 4, 0.1, {"MELD": CLASSES["MELD"]}).eval()
    for parameter in classifier.encoder.parameters():
        if parameter.requires_grad:
            parameter.copy_((parameter + 0.02 * torch.randn_like(parameter)).half())
    part = save_part(
        folder / "text.safetensors",
        classifier.factors(),
        base=base,
        utterances=window.utterances,
        tokens=window.tokens,
    )
    return Adapted(classifier, TextEncoder(pool(), base, adapter=part))


@pytest.fixture(scope="module")
def small(model: str, tmp_path_factory: pytest.TempPathFactory) -> Adapted:
    return adapt(model, tmp_path_factory.mktemp("small"), WINDOW)


def unlabelled(lines: list[DialogueLine]) -> LabelledLines:
    return LabelledLines(tuple(lines), tuple(range(len(lines))))


@given(
    lengths=st.lists(st.one_of(st.just(0), st.integers(3, 128)), max_size=40), utterances=st.integers(0, 9)
)
def test_passages_hold_each_line_once_and_fit(tokenizer: Any, lengths: list[int], utterances: int) -> None:
    window = Window(utterances, 140)
    tokens = [[100 + index] * length for index, length in enumerate(lengths)]
    packed = list(LinePacker(tokenizer, window, "cpu").passages(tokens))
    assert [line for _, owners in packed for line, _ in owners] == [
        index for index, length in enumerate(lengths) if length
    ]
    for passage, owners in packed:
        assert len(passage.ids) <= window.tokens
        for line, place in owners:
            assert passage.ids[passage.outputs(place)] == [100 + line] * (lengths[line] - 1), (
                "all but the speaker's letter"
            )
        first, _ = owners[0]
        before = [index for index in range(window.first(lengths, first), first) if lengths[index]]
        assert passage.ids[1 : passage.outputs(owners[0][1]).start - 1] == [
            one for index in before for one in tokens[index]
        ], "the first line of a passage reads just what it reads live"


@settings(max_examples=25, deadline=None)
@given(dialogues(longest=WINDOW.utterances + 1))
@torch.no_grad()
def test_what_is_learnt_on_is_what_is_read_live(
    small: Adapted, packer: LinePacker, lines: list[DialogueLine]
) -> None:
    if not any(line.text for line in lines):
        lines = [*lines[:-1], DialogueLine(0, "no")]
    batch = packer.batch("MELD", [unlabelled(lines)])
    taught = small.classifier(batch)
    assert batch.labels.tolist() == [index for index, line in enumerate(lines) if line.text]
    for index, logits in zip(batch.labels.tolist(), taught, strict=True):
        torch.testing.assert_close(logits, small.live_logits(lines, index), atol=1e-4, rtol=0)


@torch.no_grad()
def test_long_dialogues_are_read_as_live_wherever_a_passage_begins_where_a_lines_own_window_does(
    small: Adapted, packer: LinePacker, tokenizer: Any
) -> None:
    random = np.random.default_rng(0)
    lines = [
        DialogueLine(int(random.integers(3)), " ".join(["never", "so", "you"] * int(random.integers(1, 12))))
        for _ in range(12)
    ]
    tokens = LineTokenizer(tokenizer).tokens(lines)
    lengths = [len(line) for line in tokens]
    begin = [(line, line - place) for _, owners in packer.passages(tokens) for line, place in owners]
    alike = {line for line, first in begin if WINDOW.first(lengths, line) == first}
    taught = small.classifier(packer.batch("MELD", [unlabelled(lines)]))
    same = {
        index
        for index in range(12)
        if torch.allclose(taught[index], small.live_logits(lines, index), atol=1e-4, rtol=0)
    }
    assert len(alike) >= 3
    assert same == alike


@torch.no_grad()
def test_batches_of_several_dialogues_are_each_by_itself(small: Adapted, packer: LinePacker) -> None:
    one = unlabelled([DialogueLine(0, "are you coming ?"), DialogueLine(1, "no")])
    two = unlabelled([DialogueLine(0, "so"), DialogueLine(0, ""), DialogueLine(1, "with us !")])
    together = small.classifier(packer.batch("MELD", [one, two]))
    alone = torch.cat([small.classifier(packer.batch("MELD", [each])) for each in (one, two)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_training_hides_words_and_changes_names(packer: LinePacker, tokenizer: Any) -> None:
    lines = unlabelled(
        [
            DialogueLine(0, "are you coming with us ?"),
            DialogueLine(1, "no never"),
            DialogueLine(0, "so you are coming !"),
        ]
    )
    plain = packer.batch("MELD", [lines])
    mask, marks = tokenizer.mask_token_id, torch.tensor(tokenizer.all_special_ids)
    special = torch.isin(plain.ids, marks)
    hidden = packer.batch("MELD", [lines] * 50, np.random.default_rng(0), 0.3).ids
    kept = torch.isin(hidden, marks) & (hidden != mask)
    assert torch.equal(kept, special.expand_as(hidden)), "marks stay"
    assert (hidden == mask)[~kept].float().mean().item() == pytest.approx(0.3, abs=0.05)
    named = packer.batch("MELD", [lines] * 50, np.random.default_rng(0)).ids
    words = torch.ones_like(special)
    letters = [1, 9, 13]  # where the three lines begin
    words[0, letters] = False
    assert torch.equal(named[:, words[0]], plain.ids[:, words[0]].expand(50, -1)), (
        "without a share to forget, words stay"
    )
    first, second, third = named[:, letters].T
    assert torch.equal(first, third)
    assert not (first == second).any()
    assert len(set(first.tolist())) > 4


@torch.no_grad()
def test_factors_of_the_real_encoder_give_live_tracking_the_vectors_of_training(tmp_path: Path) -> None:
    adapted = adapt(MINILM, tmp_path, Window())
    said = ("Hi!", "Oh, it's you...", "", "I thought you were dead!", "Well, not quite. Did you miss me?")
    lines = [DialogueLine(index % 3, words) for index, words in enumerate(said)]
    batch = LinePacker(adapted.classifier.tokenizer, Window(), "cpu").batch("MELD", [unlabelled(lines)])
    vectors = adapted.classifier.encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
    for index, row, places in zip(batch.labels.tolist(), batch.rows, batch.places, strict=True):
        live = adapted.encoder.encode(lines[index].text, lines[index].speaker, lines[:index])
        np.testing.assert_allclose(vectors[row, places].numpy(), live, atol=1e-3)
    plain = TextEncoder(pool()).encode(said[-1])
    assert plain.shape == live.shape or np.abs(plain[: len(live)] - live[: len(plain)]).max() > 0.1, (
        "the factors do something"
    )
