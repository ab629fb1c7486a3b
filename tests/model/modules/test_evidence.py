"""Voice and vision beside the words: exact contributions, what is usual for a person, and what may not change
anything."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.modalities import MODALITIES, Modality
from emotrack.model.dialogue.dialogue import Dialogue
from emotrack.model.dialogue.plain_context import PlainContext
from emotrack.model.dialogue.state import influences, modality_weights
from emotrack.model.modules.context import Said
from emotrack.model.modules.evidence import LIMIT, LONGEST, SignalEvidence, Usual
from helpers.networks.small import random_batch, random_rows, small_configuration, small_network

NETWORK = small_network(labelling="evidence")
CONFIGURATION = NETWORK.configuration
CONTEXT = PlainContext(NETWORK)


def signals(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 2, 7, generator=torch.Generator().manual_seed(seed)).mul(3).log_softmax(-1)


def nothing(count: int) -> Usual:
    return Usual(torch.zeros(count, 2, 7), torch.zeros(count, 2))


def test_rows_come_apart_as_they_were_put_together() -> None:
    for configuration in (CONFIGURATION, small_configuration()):
        row = random_rows(configuration, 5)
        assert row.shape == (5, configuration.row_width)
        assert torch.equal(Said.of(row, configuration).row(configuration), row)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999))
def test_what_a_mode_contributes_is_what_leaving_it_out_changes(seed: int) -> None:
    """Exactly, through tokens and all, given the same past."""
    batch = random_batch(CONFIGURATION, seed=seed)
    memory = Dialogue(CONTEXT)
    for number, row in enumerate(random_rows(CONFIGURATION, 3, seed).numpy()):
        memory.commit(str(number), row, "a")
    before = memory.memory("a")
    whole, _ = CONTEXT.step(NETWORK.fuse(batch).said[0].numpy(), before)
    without: dict[int, tuple[Modality, ...]] = {
        0: ("audio", "face", "body"),
        1: ("text", "face", "body"),
        2: ("text", "audio"),
    }
    for mode, modalities in without.items():
        kept = batch.keep(torch.tensor([name in modalities for name in MODALITIES]))
        left, _ = CONTEXT.step(NETWORK.fuse(kept).said[0].numpy(), before)
        np.testing.assert_allclose(left.logits, whole.logits - whole.contributions[mode], atol=1e-5)


def test_evidence_is_bounded_and_zero_where_nothing_is_shown() -> None:
    network = SignalEvidence(CONFIGURATION)
    with torch.no_grad():
        for layer in network.layers.parameters():
            layer.mul_(50)
    present = torch.tensor([[True, False], [False, True], [False, False]])
    found = network(signals(3), present, nothing(3))
    assert found.abs().max() <= LIMIT and found[present].abs().max() > 0.9 * LIMIT
    assert not found[~present].any()


def test_a_missing_signal_changes_nothing_whatever_it_holds() -> None:
    network = SignalEvidence(CONFIGURATION)
    given, present = signals(1), torch.tensor([[True, False]])
    garbage = given.clone()
    garbage[:, 1] = float("nan")
    for one, other in ((given, garbage),):
        assert torch.equal(network(one, present, nothing(1)), network(other, present, nothing(1)))
        first, second = (nothing(1).after(shown, present) for shown in (one, other))
        assert torch.equal(first.mean, second.mean) and torch.equal(first.count, second.count)


def test_the_usual_is_the_mean_of_what_was_shown_and_forgets_slowly() -> None:
    shown, usual = signals(200), nothing(1)
    present = torch.tensor([[True, False]])
    for number in range(LONGEST):
        usual = usual.after(shown[number : number + 1].exp(), present)
    torch.testing.assert_close(usual.mean[0, 0], shown[:LONGEST, 0].exp().mean(0))
    assert usual.count.tolist() == [[LONGEST, 0]] and not usual.mean[0, 1].any()
    after = usual.after(shown[-1:].exp(), present)
    torch.testing.assert_close(
        after.mean[0, 0], usual.mean[0, 0] + (shown[-1, 0].exp() - usual.mean[0, 0]) / LONGEST
    )


def test_what_is_usual_belongs_to_the_speaker() -> None:
    dialogue = Dialogue(CONTEXT)
    for number, row in enumerate(random_rows(CONFIGURATION, 6).numpy()):
        dialogue.commit(str(number), row, "ab"[number % 2])
    assert (
        not dialogue.memory("a newcomer").usual.any() and not dialogue.memory("a newcomer").usual_count.any()
    )
    alone = Dialogue(CONTEXT)
    for number, row in enumerate(random_rows(CONFIGURATION, 6).numpy()[::2]):
        alone.commit(str(number), row, "a")
    assert np.array_equal(dialogue.memory("a").usual, alone.memory("a").usual)
    assert np.array_equal(dialogue.memory("a").usual_count, alone.memory("a").usual_count)


def test_without_words_the_label_is_what_is_shown_whatever_was_said_before() -> None:
    said = NETWORK.fuse(random_batch(CONFIGURATION, modalities=("face",))).said[0].numpy()
    talking = Dialogue(CONTEXT)
    for number, row in enumerate(random_rows(CONFIGURATION, 5).numpy()):
        talking.commit(str(number), row, "somebody else")
    fresh, later = (dialogue.preview(said, "a").probabilities for dialogue in (Dialogue(CONTEXT), talking))
    assert np.array_equal(fresh, later)


def test_weights_are_shares_of_what_would_change() -> None:
    logits = np.array([2.0, 0.0, 0.0], np.float32)
    contributions = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.0]], np.float32)
    changes = influences(logits, contributions)
    np.testing.assert_allclose(changes, [1, 0, 3])
    weights = modality_weights(changes.tolist(), {"text": 5, "audio": 2, "face": 3, "body": 1})
    assert weights == pytest.approx({"text": 0.25, "audio": 0.0, "face": 0.5625, "body": 0.1875})
    assert modality_weights([1, 1, 1], {"audio": 2}) == {"text": 0.0, "audio": 1.0, "face": 0.0, "body": 0.0}
    assert modality_weights([0, 0, 0], {"text": 2, "face": 1}) == {
        "text": 0.5,
        "audio": 0.0,
        "face": 0.5,
        "body": 0.0,
    }
    assert not any(modality_weights([1, 1, 1], {}).values())
