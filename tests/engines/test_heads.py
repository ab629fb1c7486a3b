"""The bundle's network as engines: the same answers as the network itself, alone or with others, padded or
not."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.engines.heads import Heads, open_heads
from emotrack.engines.running.batching import Batcher
from emotrack.modalities import MODALITIES, MODALITY_MODES, Modality
from emotrack.model.batch import collate
from emotrack.model.bundle import Bundle, load_bundle
from emotrack.model.dialogue.dialogue import Dialogue
from emotrack.model.dialogue.plain_context import PlainContext
from helpers.networks.engines import pool
from helpers.networks.small import random_rows, random_utterance, save_small_bundle

modality_sets = st.sets(st.sampled_from(MODALITIES)).map(tuple)


@pytest.fixture(
    scope="module",
    params=[{}, {"labelling": "evidence"}, {"memory": True}],
    ids=["vector", "evidence", "memory"],
)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    directory = tmp_path_factory.mktemp("bundle")
    save_small_bundle(directory, trained=("text", "audio", "face"), **request.param)
    return load_bundle(directory)


@pytest.fixture(scope="module", params=["eager-cpu", "onnx-cpu"])
def heads(request: pytest.FixtureRequest, bundle: Bundle) -> Heads:
    return open_heads(pool(request.param), bundle)


def tokens_of(bundle: Bundle, seed: int, modalities: tuple[Modality, ...]) -> dict[Modality, np.ndarray]:
    given = random_utterance(np.random.default_rng(seed), bundle.configuration, modalities)
    return {modality: tokens.astype(np.float32) for modality, tokens in given.items() if tokens is not None}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), modalities=modality_sets)
def test_an_utterance_is_fused_as_by_the_network_itself(
    heads: Heads, bundle: Bundle, seed: int, modalities: tuple[Modality, ...]
) -> None:
    tokens = tokens_of(bundle, seed, modalities)
    fused = heads.fusion.fuse(tokens)
    with torch.inference_mode():
        expected = bundle.network.fuse(collate([tokens], bundle.configuration.widths))
    np.testing.assert_allclose(fused.row, expected.said[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(list(fused.weights.values()), expected.weights[0].numpy(), atol=1e-5)
    modes = dict(zip(("text", "audio", "vision"), expected.imputed[0].tolist(), strict=True))
    assert fused.imputed == {modality: modes[MODALITY_MODES[modality]] for modality in MODALITIES}


@settings(max_examples=15, deadline=None)
@given(speakers=st.lists(st.sampled_from("abc"), min_size=1, max_size=9), seed=st.integers(0, 99))
def test_a_dialogue_is_followed_as_by_the_network_itself(
    heads: Heads, bundle: Bundle, speakers: list[str], seed: int
) -> None:
    said = random_rows(bundle.configuration, len(speakers), seed).numpy()
    engine, plain = Dialogue(heads.context), Dialogue(PlainContext(bundle.network))
    for number, (speaker, row) in enumerate(zip(speakers, said, strict=True)):
        one, other = (dialogue.commit(str(number), row, speaker) for dialogue in (engine, plain))
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
        np.testing.assert_allclose(one.influences, other.influences, atol=1e-4)
    for (name, label), (other_name, other_label) in zip(engine.revised(), plain.revised(), strict=True):
        assert name == other_name
        np.testing.assert_allclose(label, other_label, atol=1e-6)
    engine.merge("a", "b")
    plain.merge("a", "b")
    found, expected = (dialogue.preview(said[0], "b").probabilities for dialogue in (engine, plain))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_sessions_at_the_same_time_get_the_labels_that_each_gets_alone(bundle: Bundle) -> None:
    """Sixteen dialogues, each on a thread of its own, stepped together where they meet; the batches are of
    any composition."""
    heads = open_heads(pool("onnx-cpu"), bundle)
    batchers = [heads.fusion._engine, heads.context._step, heads.context._reviser]

    def session(seed: int) -> list[tuple[int, np.ndarray]]:
        random, dialogue, labels = np.random.default_rng(seed), Dialogue(heads.context), []
        for number in range(12):
            modalities = tuple(modality for modality in MODALITIES if random.random() < 0.7)
            fused = heads.fusion.fuse(tokens_of(bundle, seed * 100 + number, modalities))
            values = dialogue.commit(str(number), fused.row, f"spk{random.integers(3)}").probabilities
            labels.append((int(values.argmax()), values))
            labels += [(int(again.argmax()), again) for _, again in dialogue.revised()]
        return labels

    alone = [session(seed) for seed in range(16)]
    for batcher in batchers:
        assert isinstance(batcher, Batcher) and batcher.items == batcher.batches
        batcher._delay = 0.002  # so that they meet
    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(session, range(16)))
    assert all(batcher.batches < batcher.items for batcher in batchers if isinstance(batcher, Batcher))
    for one, other in zip(alone, together, strict=True):
        assert [label for label, _ in one] == [label for label, _ in other]
        for (_, values), (_, others) in zip(one, other, strict=True):
            np.testing.assert_allclose(values, others, atol=1e-6)
