"""What must hold of an utterance's fused vector: batching, masks, weights, imputation."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from emotrack.errors import UserError
from emotrack.modalities import MODALITIES, MODES, Modality
from emotrack.model.batch import ModalityTokens, UtteranceBatch, collate
from emotrack.model.network import EmotionNetwork, Fusion
from helpers.networks.small import random_batch, random_utterance, small_configuration, small_network

SUBSETS: list[tuple[Modality, ...]] = [
    chosen for count in range(5) for chosen in combinations(MODALITIES, count)
]
NETWORK = small_network(labelling="evidence")
subsets = st.sampled_from(SUBSETS)


def fields_of(fusion: Fusion) -> dict[str, Tensor]:
    tensors = {name: value for name, value in vars(fusion).items() if isinstance(value, Tensor)}
    return tensors | fusion.mode_logits


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(subsets, min_size=2, max_size=5), seed=st.integers(0, 999), pad_to=st.integers(1, 12))
def test_batch_composition_never_changes_a_row(
    rows: list[tuple[Modality, ...]], seed: int, pad_to: int
) -> None:
    generator = np.random.default_rng(seed)
    utterances = [random_utterance(generator, NETWORK.configuration, modalities) for modalities in rows]
    together = fields_of(NETWORK.fuse(collate(utterances, NETWORK.configuration.widths, pad_to)))
    for index, utterance in enumerate(utterances):
        alone = fields_of(NETWORK.fuse(collate([utterance], NETWORK.configuration.widths)))
        for name, tensor in alone.items():
            torch.testing.assert_close(
                together[name][index].double(), tensor[0].double(), atol=1e-5, rtol=0, msg=name
            )


@settings(max_examples=25, deadline=None)
@given(
    modalities=subsets,
    garbage=st.sampled_from([float("nan"), float("inf"), -1e30, 7.0]),
    seed=st.integers(0, 999),
)
def test_masked_content_changes_nothing_bit_for_bit(
    modalities: tuple[Modality, ...], garbage: float, seed: int
) -> None:
    batch = random_batch(NETWORK.configuration, seed=seed)
    kept = batch.keep(torch.tensor([name in modalities for name in MODALITIES]))

    def filled(modality: ModalityTokens) -> ModalityTokens:
        return ModalityTokens(torch.where(modality.mask[..., None], modality.values, garbage), modality.mask)

    expected = fields_of(NETWORK.fuse(kept))
    for name, tensor in fields_of(NETWORK.fuse(UtteranceBatch(*map(filled, kept.modalities)))).items():
        assert torch.equal(tensor, expected[name]), name


@pytest.mark.parametrize("modalities", SUBSETS, ids="+".join)
def test_no_subset_gives_nan_in_values_or_gradients(modalities: tuple[Modality, ...]) -> None:
    network = small_network(labelling="evidence").train().requires_grad_(True)
    fusion = network.fuse(random_batch(network.configuration, modalities=modalities))
    logits = torch.stack([*fusion.mode_logits.values()], 1)
    dialogue = network.forward_dialogues(
        fusion.said[None], torch.tensor([[0, 1, 0, 0, 1]]), torch.ones(1, 5) > 0
    )
    loss = fusion.vector.square().sum() + logits.square().sum() + dialogue.live.sum() + dialogue.revised.sum()
    (loss + network.joint.embed(fusion.descriptors).square().sum()).backward()
    assert all(tensor.isfinite().all() for tensor in fields_of(fusion).values())
    assert all(value.grad.isfinite().all() for value in network.parameters() if value.grad is not None)


@settings(max_examples=30, deadline=None)
@given(modalities=subsets, seed=st.integers(0, 999), impute=st.booleans())
def test_weights_sum_to_one(modalities: tuple[Modality, ...], seed: int, impute: bool) -> None:
    fusion = NETWORK.fuse(random_batch(NETWORK.configuration, seed=seed, modalities=modalities), impute)
    total = 1.0 if modalities else 0.0
    assert (fusion.weights >= -1e-6).all() and (fusion.mode_weights >= -1e-6).all()
    torch.testing.assert_close(fusion.weights.sum(1), torch.full((5,), total), atol=1e-5, rtol=0)
    torch.testing.assert_close(fusion.mode_weights.sum(1), torch.full((5, 8), total), atol=1e-5, rtol=0)
    for index, name in enumerate(MODALITIES):
        assert name in modalities or impute or not fusion.weights[:, index].any()


@pytest.mark.parametrize("mode", range(len(MODES)), ids=MODES)
def test_one_mode_alone_without_imputation_is_its_own_descriptor(mode: int) -> None:
    modalities: tuple[Modality, ...] = (("text",), ("audio",), ("face", "body"))[mode]
    fusion = NETWORK.fuse(random_batch(NETWORK.configuration, modalities=modalities), impute=False)
    assert torch.equal(fusion.vector, fusion.descriptors[:, mode])


def test_face_and_body_share_vision_by_valid_tokens() -> None:
    generator = np.random.default_rng(0)
    utterance = random_utterance(generator, NETWORK.configuration)
    utterance |= {"face": generator.normal(size=(6, 4)), "body": generator.normal(size=(2, 3))}
    fusion = NETWORK.fuse(collate([utterance], NETWORK.configuration.widths))
    torch.testing.assert_close(fusion.weights[0, 2], 3 * fusion.weights[0, 3])
    torch.testing.assert_close(fusion.weights[0, 2:].sum(), fusion.mode_weights[0, 2].mean())


def test_missing_modes_are_imputed_and_say_so() -> None:
    fusion = NETWORK.fuse(random_batch(NETWORK.configuration, modalities=("audio", "body")))
    assert fusion.modes.tolist() == [[False, True, True]] * 5
    assert fusion.imputed.tolist() == [[True, False, False]] * 5
    assert fusion.present.tolist() == [[False, True, False, True]] * 5
    assert (
        (fusion.weights[:, 0] > 0).all() and not fusion.weights[:, 2].any() and not fusion.context_only.any()
    )
    blind = NETWORK.fuse(random_batch(NETWORK.configuration, modalities=("text",)))
    assert torch.equal(blind.weights[:, 2], blind.weights[:, 3]) and (blind.weights[:, 2] > 0).all()


def test_nothing_present_is_the_null_vector() -> None:
    fusion = NETWORK.fuse(random_batch(NETWORK.configuration, modalities=()))
    assert fusion.context_only.all() and not fusion.imputed.any()
    assert torch.equal(fusion.vector, NETWORK.null_vector.expand(5, -1))


def test_an_untrained_modality_is_masked_and_never_imputed() -> None:
    network = small_network(trained=("text", "audio"))
    full, without = (
        network.fuse(random_batch(network.configuration, modalities=s))
        for s in (MODALITIES, ("text", "audio"))
    )
    assert not full.present[:, 2:].any() and not full.imputed.any() and not full.weights[:, 2:].any()
    trained = small_network(trained=("text", "audio", "face"))
    assert not trained.fuse(random_batch(trained.configuration, modalities=("text",))).weights[:, 3].any()
    assert without.present[:, :2].all()


def test_collate_refuses_another_encoder_in_one_sentence() -> None:
    configuration = small_configuration()
    with pytest.raises(
        UserError, match=r"face encoder gives tokens of shape .* expects width 4: use the profile"
    ):
        collate([{"face": np.zeros((2, 9), np.float32)}], configuration.widths)


def test_modalities_refuse_masks_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="valid tokens must come before padding"):
        ModalityTokens(torch.zeros(1, 3, 2), torch.tensor([[True, False, True]]))
    with pytest.raises(ValueError, match="do not go with"):
        ModalityTokens(torch.zeros(1, 3, 2), torch.ones(1, 2, dtype=torch.bool))


def test_inputs_are_never_written_to() -> None:
    batch = random_batch(NETWORK.configuration)
    before = [modality.values.clone() for modality in batch.modalities]
    NETWORK.fuse(batch.keep(torch.tensor([True, False, True, False])))
    assert all(
        torch.equal(modality.values, old) for modality, old in zip(batch.modalities, before, strict=True)
    )


def test_classes_come_from_the_configuration() -> None:
    network = EmotionNetwork(small_configuration(classes=("calm", "tense"))).eval()
    assert network.fuse(random_batch(network.configuration)).mode_logits["vision"].shape == (5, 2)
