"""The whole objective: every term against a value worked out by hand, what switches it off, and what it must
not see."""

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor
from torch.nn.functional import cross_entropy

from emotrack.modalities import MODES
from emotrack.model.batch import ModalityTokens
from emotrack.model.network import EmotionNetwork, Fusion
from emotrack.training.loop.losses import UNLABELLED
from emotrack.training.tasks.network.dialogues import DialogueBatch
from emotrack.training.tasks.network.objective import guided_nce, in_context, joint_losses, losses, mode_masks
from emotrack.training.tasks.network.settings import Objective
from helpers.networks.small import linear, random_batch, small_network

CLASSES = ("calm", "glad")
HALVES, GLAD, CALM = (1 / 2, 1 / 2), (1 / 4, 3 / 4), (3 / 4, 1 / 4)
TERMS = ("live", "revised", "focal", "nce", "joint")
EQUAL = torch.ones(2)
PRIORS = torch.tensor([[0.25, 0.75], [0.9, 0.1]])
LN3 = math.log(3)


def network_of(**changes: Any) -> EmotionNetwork:
    """A random network without dropout at work, to be trained."""
    return small_network(classes=CLASSES, **changes).requires_grad_(True)


def always_says(network: EmotionNetwork) -> EmotionNetwork:
    """Every head gives the same probabilities whatever it reads: live GLAD, revised CALM, text HALVES, audio
    GLAD, vision CALM."""
    heads = (network.live_head.layers[-1], network.reviser.head.layers[-1], *network.mode_heads.values())
    with torch.no_grad():
        for head, probabilities in zip(map(linear, heads), (GLAD, CALM, HALVES, GLAD, CALM), strict=True):
            head.weight.zero_()
            head.bias.copy_(torch.tensor(probabilities).log())
    return network


def dialogues(
    labels: list[int], lengths: tuple[int, ...], network: EmotionNetwork, seed: int = 0
) -> DialogueBatch:
    """Random utterances that have every modality, said by two people in turn."""
    utterances = random_batch(network.configuration, len(labels), seed)
    shown = torch.tensor(labels)[:, None].expand(-1, 2)
    numbers = torch.tensor(labels)
    return DialogueBatch(
        utterances, numbers, torch.arange(len(labels)) % 2, lengths, shown, torch.zeros_like(numbers)
    )


def everything(batch: DialogueBatch) -> Tensor:
    return torch.ones(len(batch.labels), 3, dtype=torch.bool)


def terms_of(
    network: EmotionNetwork, batch: DialogueBatch, objective: Objective, masks: Tensor | None = None
) -> dict[str, Tensor]:
    return losses(network, batch, everything(batch) if masks is None else masks, 1, EQUAL, PRIORS, objective)


def test_cross_entropies_of_the_live_and_the_revised_labels() -> None:
    network = always_says(network_of())
    batch = dialogues([0, 1, 1, 1, UNLABELLED], (2, 3), network)
    weights = torch.tensor([3.0, 1.0])
    terms = losses(network, batch, everything(batch), 1, weights, PRIORS, Objective(live=1.0, revised=0.5))
    live = (3 * math.log(4) + 3 * math.log(4 / 3)) / (3 + 1 + 1 + 1)
    revised = (3 * math.log(4 / 3) + 3 * math.log(4)) / (3 + 1 + 1 + 1)
    assert terms["live"].item() == pytest.approx(live, abs=1e-5)
    assert terms["revised"].item() == pytest.approx(0.5 * revised, abs=1e-5)


def test_smoothed_labels_share_a_little_with_every_class() -> None:
    network = always_says(network_of())
    terms = terms_of(network, dialogues([0, 1], (2,), network), Objective(smoothing=0.2))
    # 0.2 over two classes: shares of 0.9 and 0.1.
    glad, calm = -math.log(3 / 4), math.log(4)
    assert terms["live"].item() == pytest.approx(
        (0.9 * calm + 0.1 * glad + 0.9 * glad + 0.1 * calm) / 2, abs=1e-5
    )


def test_focal_loss_of_the_modes_in_use() -> None:
    network = always_says(network_of())
    batch = dialogues([0, 1, 1, UNLABELLED], (4,), network)
    masks = torch.tensor([[True, True, True], [True, False, False], [False, True, True], [True, True, True]])
    terms = terms_of(network, batch, Objective(focal=0.5, gamma=2.0), masks)
    half, three, one = 0.25 * math.log(2), (1 / 16) * math.log(4 / 3), (9 / 16) * math.log(4)
    # Row by row: text half, audio says a quarter, vision three quarters; text half; audio three quarters,
    # vision a quarter.
    expected = ((half + one + three) / 3 + half + (three + one) / 2) / 3
    assert terms["focal"].item() == pytest.approx(0.5 * expected, abs=1e-5)


def test_words_and_evidence_are_taught_apart() -> None:
    """The live term reads no voice or face of its own utterance, the evidence no words; each head names what
    its mode shows."""
    network = network_of(labelling="evidence")
    batch = dialogues([0, 1], (2,), network)
    other = dialogues([0, 1], (2,), network, seed=1)
    words = replace(
        batch, utterances=replace(batch.utterances, audio=other.utterances.audio, face=other.utterances.face)
    )
    shown = replace(batch, utterances=replace(batch.utterances, text=other.utterances.text))
    first = torch.tensor(
        [[True, True, True], [False, True, True]]
    )  # whose second utterance has no words to be read
    before, after, silent = (terms_of(network, one, Objective(), first) for one in (batch, words, shown))
    assert before["live"].item() == after["live"].item() and before["live"].item() != silent["live"].item()
    assert (
        before["evidence"].item() == silent["evidence"].item()
        and before["evidence"].item() != after["evidence"].item()
    )
    smiling = terms_of(network, replace(batch, shown=1 - batch.shown), Objective(), first)
    assert [name for name in smiling if smiling[name].item() != before[name].item()] == ["focal"]


def test_evidence_is_what_is_known_beyond_the_shares_of_the_classes() -> None:
    network = network_of(labelling="evidence")
    with torch.no_grad():
        for parameter in network.evidence.parameters():
            parameter.zero_()
    terms = terms_of(network, dialogues([0, 1, 1], (3,), network), Objective(evidence=2.0))
    expected = -(math.log(PRIORS[0, 0]) + 2 * math.log(PRIORS[0, 1])) / 3
    assert terms["evidence"].item() == pytest.approx(2 * expected, abs=1e-5)


@pytest.mark.parametrize("labelling", ["vector", "evidence"])
def test_what_a_corpus_names_more_often_is_not_what_its_words_mean(labelling: str) -> None:
    """Of another corpus, the logits are learnt with what it names more often added to them."""
    network = network_of(labelling=labelling)
    batch = dialogues([0] * 9 + [1], (10,), network)
    other = replace(batch, corpora=torch.ones_like(batch.corpora))

    def live(one: DialogueBatch) -> Tensor:
        return terms_of(network, one, Objective(live=1.0, revised=0, focal=0, nce=0, joint=0, evidence=0))[
            "live"
        ]

    with torch.no_grad():
        logits = in_context(network, network.fuse(batch.utterances), batch, 1)[0]
        told = (logits.words if labelling == "evidence" else logits.live)[0]
    shift = (PRIORS[1] / PRIORS[0]).log()
    for one, moved in ((batch, told), (other, told + shift)):
        assert live(one).item() == pytest.approx(cross_entropy(moved, one.labels).item(), abs=1e-5)


def fused(descriptors: Tensor, modes: list[bool], regions: Tensor | None = None) -> Fusion:
    """What fusion tells of rows that all have `modes`, and face and body where `regions` are given;
    `descriptors` [n, 3, d]."""
    rows, _, width = descriptors.shape
    nothing = torch.zeros(rows, width)
    return Fusion(
        vector=nothing,
        weights=torch.zeros(rows, 4),
        present=torch.tensor([[*modes[:2], regions is not None, regions is not None]] * rows),
        modes=torch.tensor([modes] * rows),
        imputed=torch.zeros(rows, 3, dtype=torch.bool),
        mode_logits=dict.fromkeys(MODES, torch.zeros(rows, 2)),
        descriptors=descriptors,
        regions=torch.zeros(rows, 2, width) if regions is None else regions,
        mode_weights=torch.zeros(rows, 3, width),
        said=nothing,
    )


ORTHOGONAL = torch.eye(2)[:, None].expand(2, 3, 2)
"""Two rows whose modes agree, and that are orthogonal to one another."""
OTHERS = torch.tensor([0, 1])
PAIR = math.log(1 + math.exp(-1 / 0.5))
"""InfoNCE of such rows at temperature 1/2: logits 2 and 0."""


def test_guided_nce_sums_the_pairs_of_modes() -> None:
    assert guided_nce(fused(ORTHOGONAL, [True, True, False]), OTHERS, 0.5).item() == pytest.approx(
        PAIR, abs=1e-6
    )
    assert guided_nce(fused(ORTHOGONAL, [True, True, True]), OTHERS, 0.5).item() == pytest.approx(
        3 * PAIR, abs=1e-6
    )
    assert guided_nce(fused(ORTHOGONAL, [True, False, False]), OTHERS, 0.5).item() == 0


def test_guided_nce_pairs_face_and_body() -> None:
    agreeing, crossed = (
        torch.eye(2)[:, None].expand(2, 2, 2),
        torch.stack([torch.eye(2), torch.eye(2).flip(0)], 1),
    )
    for regions, expected in ((agreeing, PAIR), (crossed, math.log(1 + math.exp(1 / 0.5)))):
        fusion = fused(ORTHOGONAL, [False, False, True], regions)
        assert guided_nce(fusion, OTHERS, 0.5).item() == pytest.approx(expected, abs=1e-6)
    face_only = replace(fusion, present=torch.tensor([[False, False, True, False]] * 2))
    assert guided_nce(face_only, OTHERS, 0.5).item() == 0


def test_guided_nce_needs_two_labelled_rows() -> None:
    fusion = fused(ORTHOGONAL, [True, True, False])
    assert guided_nce(fusion, torch.tensor([0, UNLABELLED]), 0.5).item() == 0
    assert guided_nce(fusion, torch.tensor([0, 0]), 0.5).item() == pytest.approx(0, abs=1e-6), (
        "no negatives of the same label"
    )


def plain_joint(means: float) -> EmotionNetwork:
    """A network of width 2 whose joint embedding turns nothing: z = f − μ, and f̂ = (1, 0) + z̄ / 2."""
    network = network_of(width=2, heads=1)
    network.joint.freeze()
    with torch.no_grad():
        network.joint.rotation.copy_(torch.eye(2).expand(3, 2, 2))
        network.joint.mean.fill_(means)
        network.joint.gain.fill_(0.5)
        network.joint.offset.copy_(torch.tensor([1.0, 0.0]).expand_as(network.joint.offset))
    return network


@pytest.mark.parametrize("means", [0.0, 7.0])
def test_joint_losses(means: float) -> None:
    network = plain_joint(means)
    text = torch.tensor([[0.0, LN3], [LN3, 0.0]])
    full = torch.stack([text, text.flip(1), torch.tensor([[2.0, 3.0], [2.0, 3.0]]) - means], 1) + means
    heard = fused(full, [True, True, False])
    available = torch.ones(2, 3, dtype=torch.bool)

    def joint(**weights: float) -> float:
        parts = {
            "joint_contrast": 0.0,
            "joint_divergence": 0.0,
            "joint_reconstruction": 0.0,
            "nce_temperature": 1.0,
        } | weights
        return joint_losses(network, heard, full, available, OTHERS, Objective(**parts)).item()

    # Text and audio point crosswise: cosine 0 with their own, 1 with the other.
    contrast = math.log(1 + math.e)
    # Their softmax is (1/4, 3/4) and (3/4, 1/4).
    divergence = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    # z̄ = (ln 3, ln 3)/2 in both rows, so f̂ = (1 + ln 3/4, ln 3/4) where (2, 3) was to be found.
    restored = ((2 - 1 - LN3 / 4) ** 2 + (3 - LN3 / 4) ** 2) / 2
    assert joint(joint_contrast=2.0) == pytest.approx(2 * contrast, abs=1e-5)
    assert joint(joint_divergence=3.0) == pytest.approx(3 * divergence, abs=1e-5)
    assert joint(joint_reconstruction=5.0) == pytest.approx(5 * restored, abs=1e-4)
    everything_on = joint(joint_contrast=2.0, joint_divergence=3.0, joint_reconstruction=5.0)
    assert everything_on == pytest.approx(2 * contrast + 3 * divergence + 5 * restored, abs=1e-4)


def test_what_was_never_there_is_not_reconstructed() -> None:
    network = plain_joint(0.0)
    heard = fused(ORTHOGONAL, [True, False, False])
    only = Objective(joint_contrast=0, joint_divergence=0)
    nothing = torch.tensor([[True, False, False]] * 2)
    assert joint_losses(network, heard, torch.ones(2, 3, 2), nothing, OTHERS, only).item() == 0
    assert joint_losses(network, heard, torch.ones(2, 3, 2), ~nothing | True, OTHERS, only).item() > 0


def test_the_joint_embedding_learns_without_moving_what_it_embeds() -> None:
    network = network_of()
    batch = dialogues([0, 1, 0, 1, 1, 0], (3, 3), network)
    masks = everything(batch)
    masks[::2, 1] = False
    only = Objective(live=0, revised=0, focal=0, nce=0, joint=1)
    sum(terms_of(network, batch, only, masks).values(), torch.zeros(())).backward()
    moved = {
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is not None and parameter.grad.any()
    }
    assert moved
    assert all(name.startswith("joint.") for name in moved), moved


@pytest.mark.parametrize("name", TERMS)
def test_a_weight_of_zero_removes_just_that_term(name: str) -> None:
    network = network_of()
    batch = dialogues([0, 1, 1, 0, 1], (2, 3), network)
    masks = everything(batch)
    masks[1, 2] = False
    whole = terms_of(network, batch, Objective(), masks)
    fewer = terms_of(network, batch, Objective(**{name: 0.0}), masks)
    doubled = terms_of(network, batch, Objective(**{name: 2 * getattr(Objective(), name)}), masks)
    assert tuple(whole) == TERMS
    assert all(value.item() > 0 for value in whole.values())
    assert fewer == {other: value for other, value in whole.items() if other != name}
    assert doubled[name].item() == pytest.approx(2 * whole[name].item(), rel=1e-5)


def test_a_network_can_be_taught_with_any_terms_but_not_with_none() -> None:
    with pytest.raises(ValidationError, match="every term"):
        Objective(**dict.fromkeys((*TERMS, "evidence"), 0.0))


def test_dialogues_without_labels_teach_nothing() -> None:
    network = network_of()
    mixed = dialogues([0, 1, 1, UNLABELLED, UNLABELLED, UNLABELLED], (3, 3), network)
    alone = replace(mixed, utterances=random_batch(network.configuration, 6))
    taught = DialogueBatch(
        type(mixed.utterances)(
            *(ModalityTokens(one.values[:3], one.mask[:3]) for one in alone.utterances.modalities)
        ),
        mixed.labels[:3],
        mixed.speakers[:3],
        (3,),
        mixed.shown[:3],
        mixed.corpora[:3],
    )
    with_them, without = terms_of(network, mixed, Objective()), terms_of(network, taught, Objective())
    for name in TERMS:
        assert with_them[name].item() == pytest.approx(without[name].item(), abs=1e-5), name


def test_without_any_label_nothing_is_learnt() -> None:
    network = network_of()
    batch = dialogues([UNLABELLED] * 4, (4,), network)
    terms = terms_of(network, batch, Objective(joint_reconstruction=0))
    total = sum(terms.values(), torch.zeros(()))
    total.backward()
    assert total.item() == 0
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in network.parameters())


@pytest.mark.parametrize(("unlabelled", "name"), [(0, "live"), (1, "revised")])
def test_utterances_without_a_label_count_as_context(unlabelled: int, name: str) -> None:
    """One before counts for the live label of the next; one after it for its revised label, which looks one
    ahead."""
    network = network_of()
    labels = [1, 1]
    labels[unlabelled] = UNLABELLED
    one = dialogues(labels, (2,), network)
    text = one.utterances.text
    changed = text.values.clone()
    changed[unlabelled] += 1
    other = replace(one, utterances=replace(one.utterances, text=ModalityTokens(changed, text.mask)))
    before, after = terms_of(network, one, Objective()), terms_of(network, other, Objective())
    assert before[name].item() != after[name].item()
    if unlabelled == 1:
        assert before["live"].item() == after["live"].item(), "nobody knows yet what will be said"


def test_a_mode_that_is_not_to_be_used_changes_nothing() -> None:
    network = network_of()
    one, other = (dialogues([0, 1, 1, 0], (4,), network, seed=seed) for seed in (0, 1))
    masks = everything(one)
    masks[:, 0] = False
    swapped = replace(one, utterances=replace(one.utterances, text=other.utterances.text))
    only = Objective(joint=0)  # whose reconstruction does see what is hidden: as its target
    before, after = terms_of(network, one, only, masks), terms_of(network, swapped, only, masks)
    assert {name: value.item() for name, value in before.items()} == {
        name: value.item() for name, value in after.items()
    }


@pytest.mark.parametrize("masked", [0.0, 0.5, 1.0])
def test_mode_masks_are_full_or_a_uniform_subset(masked: float) -> None:
    masks = mode_masks(torch.ones(40_000, 3, dtype=torch.bool), masked, torch.Generator().manual_seed(0))
    drawn = Counter(map(tuple, masks.tolist()))
    assert masks.any(dim=1).all()
    assert len(drawn) == (7 if masked else 1)
    for subset, count in drawn.items():
        assert count / 40_000 == pytest.approx((1 - masked) * all(subset) + masked / 7, abs=0.01)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**20), st.lists(st.sampled_from([0, 1, UNLABELLED]), min_size=2, max_size=6))
def test_a_small_step_lowers_the_loss_whatever_the_masks(seed: int, labels: list[int]) -> None:
    if all(label == UNLABELLED for label in labels):
        labels = [0, *labels]
    network = network_of()
    batch = dialogues(labels, (1, len(labels) - 1), network, seed=seed % 5)
    masks = mode_masks(torch.ones(len(labels), 3, dtype=torch.bool), 1.0, torch.Generator().manual_seed(seed))

    def loss() -> Tensor:
        return torch.stack(list(terms_of(network, batch, Objective(), masks).values())).sum()

    before = loss()
    before.backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
    norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients))
    torch.optim.SGD(network.parameters(), 1e-3 / max(norm, 1)).step()
    assert loss().item() <= before.item() + 1e-6
    assert np.isfinite(before.item())


@given(
    available=st.lists(st.integers(0, 7), min_size=1, max_size=30),
    seed=st.integers(0, 2**31),
    masked=st.floats(0, 1),
)
def test_masks_leave_every_row_something_of_what_it_has(
    available: list[int], seed: int, masked: float
) -> None:
    has = torch.tensor([[bool(one >> mode & 1) for mode in range(3)] for one in available])
    masks = mode_masks(has, masked, torch.Generator().manual_seed(seed))
    assert not (masks & ~has).any()
    assert torch.equal(masks.any(1), has.any(1))
    single = has.sum(1) == 1
    assert torch.equal(masks[single], has[single])
