"""The joint embedding: orthogonal, one line per missing mode and subset, fitted without leaks, no gradient
into f."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from emotrack.modalities import MODALITIES
from emotrack.model.modules.joint_embedding import LARGEST_RELIANCE, PAIRS, JointEmbedding
from emotrack.model.network import EmotionNetwork
from emotrack.training.tasks.network.joint_fitting import fit_joint_embedding
from helpers.networks.small import random_batch, random_rows, small_configuration, small_network

EVERY_MASK = torch.tensor(list(product([False, True], repeat=3)))


@pytest.fixture(autouse=True)
def _same_numbers_each_time() -> None:
    torch.manual_seed(0)


def test_there_are_nine_pairs_of_a_missing_mode_and_those_present() -> None:
    assert len(set(PAIRS)) == 9
    assert all(not subset >> mode & 1 for mode, subset in PAIRS)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999))
def test_rotations_stay_orthogonal_under_training(seed: int) -> None:
    torch.manual_seed(seed)
    joint = JointEmbedding(small_configuration())
    optimizer = torch.optim.SGD(joint.parameters(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        joint.embed(torch.randn(4, 3, 8)).pow(3).sum().backward()
        optimizer.step()
    identity = torch.eye(8).expand(3, 8, 8)
    torch.testing.assert_close(joint.rotation.transpose(1, 2) @ joint.rotation, identity, atol=1e-5, rtol=0)
    frozen = joint.rotation.detach().clone()
    joint.freeze()
    joint.freeze()
    assert torch.equal(joint.rotation, frozen)


def test_embedding_is_undone_by_the_transpose() -> None:
    joint, descriptors = small_network().joint, torch.randn(4, 3, 8)
    restored = torch.einsum("mij,bmi->bmj", joint.rotation, joint.embed(descriptors)) + joint.mean
    torch.testing.assert_close(restored, descriptors, atol=1e-5, rtol=0)


def test_every_subset_reconstructs_what_is_missing_and_only_that() -> None:
    joint = small_network().joint
    restored = joint.reconstruct(torch.randn(8, 3, 8), EVERY_MASK)
    wanted = ~EVERY_MASK & EVERY_MASK.any(1, keepdim=True)
    assert torch.equal(restored.any(2), wanted)
    indices = joint.pairs(EVERY_MASK)
    assert sorted(indices[indices >= 0].tolist()) == list(range(9))
    completed, availability = joint.complete(torch.randn(8, 3, 8), EVERY_MASK, torch.tensor([True] * 3))
    assert completed.shape == (8, 3, 8)
    assert torch.equal(availability == 1, EVERY_MASK)
    assert torch.equal((availability > 0) & (availability < 1), wanted)


def test_a_reconstruction_is_the_stated_line() -> None:
    joint, f = small_network().joint, torch.randn(1, 3, 8)
    modes = torch.tensor([[True, False, True]])
    pair = PAIRS.index((1, 0b101))
    pooled = joint.embed(f)[0, [0, 2]].mean(0)
    expected = joint.offset[pair] + joint.rotation[1].T @ (joint.gain[pair] * pooled)
    torch.testing.assert_close(joint.reconstruct(f, modes)[0, 1], expected)


def test_no_gradient_reaches_the_descriptors() -> None:
    joint = small_network().joint.requires_grad_(True)
    f = torch.randn(2, 3, 8, requires_grad=True)
    missing = torch.tensor([[True, False, False], [False, True, True]])
    (joint.embed(f).sum() + joint.reconstruct(f, missing).sum()).backward()
    assert f.grad is None or not f.grad.any()


def test_reliance_starts_at_zero_stays_below_one_and_can_come_back() -> None:
    joint = JointEmbedding(small_configuration())
    assert not joint.reliance.any()
    joint.fitted.fill_(True)
    joint.raw_reliance.data = torch.linspace(-1, 3, 9)
    assert joint.reliance.min() == 0 and joint.reliance.max() <= LARGEST_RELIANCE + 1e-6 < 1
    joint.reliance.sum().backward()
    assert joint.raw_reliance.grad is not None and (joint.raw_reliance.grad == 1).all()


def test_an_unfitted_joint_embedding_imputes_nothing() -> None:
    torch.manual_seed(0)
    network = EmotionNetwork(small_configuration()).eval()
    network.joint.raw_reliance.data.fill_(0.5)
    fusion = network.fuse(random_batch(network.configuration, modalities=("text",)))
    assert not fusion.imputed.any() and torch.equal(fusion.vector, fusion.descriptors[:, 0])


def test_means_follow_training_only_where_a_mode_is_present() -> None:
    network = small_network()
    joint = network.joint
    joint.mean.zero_()
    batch = random_batch(network.configuration, modalities=("text",))
    network.fuse(batch)
    assert not joint.mean.any()
    fusion = network.train().fuse(batch)
    torch.testing.assert_close(joint.mean[0], fusion.descriptors[:, 0].mean(0))
    assert not joint.mean[1:].any()
    for _ in range(300):
        joint.update_means(torch.ones(1, 3, 8), torch.tensor([[True, False, False]]))
    torch.testing.assert_close(joint.mean[0], torch.ones(8), atol=0.1, rtol=0)


def test_fitting_is_the_clipped_least_squares_line_of_the_subset_run() -> None:
    network = small_network()
    batches = [random_batch(network.configuration, rows=30, seed=seed) for seed in range(3)]
    fit_joint_embedding(network, batches)
    joint = network.joint
    assert joint.fitted.all() and ((joint.gain >= 0) & (joint.gain <= 1)).all()
    for mode, subset in PAIRS:
        members = torch.tensor([bool(subset >> other & 1) for other in range(3)])
        z, pooled, full = [], [], []
        for batch in batches:
            encoded = network.encode(batch)
            full.append(network.attend(encoded))
            z.append(joint.embed(full[-1])[:, mode])
            pooled.append(joint.embed(network.attend(encoded.keep(members)))[:, members].mean(1))
        target, predictor = torch.cat(z).double(), torch.cat(pooled).double()
        covariance = ((target - target.mean(0)) * (predictor - predictor.mean(0))).mean(0)
        gain = (covariance / predictor.var(0, correction=0)).clamp(0, 1)
        torch.testing.assert_close(joint.gain[PAIRS.index((mode, subset))].double(), gain, atol=1e-3, rtol=0)
        restored = torch.cat(
            [
                joint.reconstruct(network.attend(e.keep(members)), e.keep(members).modes)
                for e in map(network.encode, batches)
            ]
        )
        torch.testing.assert_close(
            restored[:, mode].mean(0), torch.cat(full)[:, mode].mean(0), atol=1e-4, rtol=0
        )  # unbiased on the data it was fitted on


def test_independent_modes_are_imputed_by_their_mean() -> None:
    """With Γ = 0 the reconstruction is the same for every query."""
    joint = small_network().joint
    joint.gain.zero_()
    restored = joint.reconstruct(torch.randn(6, 3, 8), torch.tensor([[True, False, False]] * 6))
    assert torch.equal(restored[:, 1], joint.offset[PAIRS.index((1, 0b001))].expand(6, -1))


def test_pairs_without_data_stay_unfitted() -> None:
    network = small_network()
    fit_joint_embedding(network, [random_batch(network.configuration, modalities=("text", "audio"))])
    fitted = {pair for pair, known in zip(PAIRS, network.joint.fitted.tolist(), strict=True) if known}
    assert fitted == {(0, 0b010), (1, 0b001)}


@pytest.mark.parametrize("training", [True, False])
def test_fitting_leaves_the_network_in_the_mode_it_was_in(training: bool) -> None:
    network = small_network().train(training)
    fit_joint_embedding(network, [random_batch(network.configuration, modalities=MODALITIES)])
    assert network.training is training


def test_a_missing_mode_is_recalled_from_its_speaker_alone() -> None:
    """Of a mode that is missing its speaker's past counts; of one that is there, nothing but itself; nobody
    else's past does."""
    network = small_network(memory=True)
    configuration = network.configuration
    rows = random_rows(configuration, 4, 3)
    rows[:3, -3:] = 1.0
    rows[3, -3:] = torch.tensor([0.0, 1.0, 1.0])  # the words are missing
    valid = torch.ones(1, 4, dtype=torch.bool)

    def last(changed: Tensor, speakers: list[int], recall: bool = True) -> Tensor:
        return network.forward_dialogues(changed[None], torch.tensor([speakers]), valid, recall=recall).live[
            0, -1
        ]

    def with_other(mode: int, at: int) -> Tensor:
        """What is remembered of one mode of one utterance is other than it was; its A(u) is not."""
        changed = rows.clone()
        start = configuration.width * (1 + mode)
        changed[at, start : start + configuration.width] += 1.0
        return changed

    mine, others = [0, 1, 0, 0], [0, 1, 1, 1]
    assert not torch.equal(last(rows, mine), last(with_other(0, 0), mine))
    assert torch.equal(last(rows, mine), last(with_other(0, 1), mine)), "said by somebody else"
    assert torch.equal(last(rows, mine), last(with_other(1, 0), mine)), "the voice is there"
    assert torch.equal(last(rows, mine, recall=False), last(with_other(0, 0), mine, recall=False))
    assert not torch.equal(last(rows, others), last(with_other(0, 1), others))


def test_where_nothing_is_missing_or_known_memory_changes_nothing() -> None:
    network = small_network(memory=True)
    rows = random_rows(network.configuration, 3, 5)
    speakers, valid = torch.tensor([[0, 0, 0]]), torch.ones(1, 3, dtype=torch.bool)
    for modes in ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.0, 1.0, 0.0)):
        rows[:, -3:] = torch.tensor(modes)
        one, other = (
            network.forward_dialogues(rows[None], speakers, valid, recall=recall).live
            for recall in (True, False)
        )
        assert torch.equal(one, other)
