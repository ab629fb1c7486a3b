"""The network learns from label-matched dialogues, from the same seed the same; what evaluation does to it is measured."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from emotrack.model.configuration import NetworkConfiguration, StreamWidths
from emotrack.model.network import EmotionNetwork
from emotrack.training.corpora import Dialogue, Line
from emotrack.training.dialogues import ReadDialogue, attach, batch_dialogues
from emotrack.training.evaluation import DialogueSet, calibrated, held_out, outcome, score, shuffling_costs
from emotrack.training.fusion import FusionData, FusionSettings, mode_masks, objective, train_fusion
from emotrack.training.matching import MatchedPool, MatchSettings, Shares

CONFIGURATION = NetworkConfiguration(
    widths=StreamWidths(text=8, audio=8, face=8, body=4),
    width=16,
    unimodal_hidden=8,
    layers=1,
    heads=2,
    context_hidden=8,
    dropout=0.0,
    window=4,
    revisions=2,
)
SETTINGS = FusionSettings(epochs=3, dialogues=4, rate=5e-3, fitting_batches=1)


def make_data() -> FusionData:
    """Dialogues whose words, voices and faces all tell their label."""
    random = np.random.default_rng(0)

    def tokens(label: int, count: int) -> np.ndarray:
        return (random.normal(size=(count, 8)) * 0.2 + 2 * np.eye(8)[label]).astype(np.float32)

    dialogues = []
    for _ in range(12):
        labels = random.integers(0, 7, random.integers(2, 6))
        dialogues.append(ReadDialogue(tuple(tokens(one, 3) for one in labels), labels, np.arange(len(labels)) % 2))
    pool = MatchedPool(
        voices={one: [tokens(one, 2) for _ in range(3)] for one in range(7)},
        faces={one: tokens(one, 5) for one in range(7)},
        settings=MatchSettings(Shares(1.0, 0.0), Shares(1.0, 0.0), 1.0),
    )
    return FusionData(dialogues, pool)


@pytest.fixture(scope="module")
def trained() -> EmotionNetwork:
    data = make_data()
    return train_fusion(data, CONFIGURATION, replace(SETTINGS, epochs=25, rate=2e-2), lambda epoch, network: epoch)


@pytest.fixture(scope="module")
def held() -> DialogueSet:
    data = make_data()
    return DialogueSet.draw(data.dialogues, data.pool, CONFIGURATION.widths, seed=9)


def test_text_tokens_are_given_to_their_utterances() -> None:
    lines = [Line("Ross", "a", "joy"), Line("Mona", "b", "fear"), Line("Ross", "c", "neutral")]
    tokens = [np.full((1, 2), number) for number in range(4)]
    one, two = attach([Dialogue("train", "0", tuple(lines)), Dialogue("dev", "0", (lines[1],))], tokens)
    assert one.labels.tolist() == [1, 5, 0]
    assert one.speakers.tolist() == [0, 1, 0]
    assert [text[0, 0] for text in one.text] == [0, 1, 2]
    assert two.text[0][0, 0] == 3
    assert two.speakers.tolist() == [0]


def test_one_step_lowers_the_loss_of_every_mask() -> None:
    data = make_data()
    torch.manual_seed(0)
    network = EmotionNetwork(CONFIGURATION)
    batch = batch_dialogues(data.dialogues, data.pool, CONFIGURATION.widths, np.random.default_rng(0))
    masks = mode_masks(len(batch.labels), torch.Generator().manual_seed(0))
    optimizer = torch.optim.SGD(network.parameters(), 0.01)

    def loss() -> torch.Tensor:
        return objective(network, batch, masks, 2, torch.ones(7), SETTINGS)

    before = loss()
    before.backward()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in network.parameters())
    optimizer.step()
    assert loss().item() < before.item()


def test_the_same_seed_gives_the_same_weights() -> None:
    def train(seed: int, report: Callable[[int, EmotionNetwork], float]) -> dict[str, torch.Tensor]:
        return train_fusion(make_data(), CONFIGURATION, replace(SETTINGS, epochs=2, seed=seed), report).state_dict()

    one, two, other = train(1, lambda epoch, _: epoch), train(1, lambda epoch, _: epoch), train(2, lambda epoch, _: epoch)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    first = train(1, lambda epoch, _: -epoch)
    assert not all(torch.equal(one[name], first[name]) for name in one), "the epoch with the highest score is kept"


def test_it_learns_and_every_mode_counts(trained: EmotionNetwork, held: DialogueSet) -> None:
    assert score(trained, held, ("text",)) > 60
    assert score(trained, held, ("audio",)) > 40
    costs = shuffling_costs(trained, held, ("text", "audio", "face"))
    assert set(costs) == {"text", "audio", "face"}
    assert all(cost > 0 for cost in costs.values())
    assert trained.joint.fitted.all()


def test_shuffling_an_unused_stream_costs_nothing(trained: EmotionNetwork, held: DialogueSet) -> None:
    plain = outcome(trained, held, ("text",))
    mixed = outcome(trained, held, ("text",), shuffled="audio")
    assert torch.equal(plain.live, mixed.live)


def test_calibration_moves_only_the_temperature(trained: EmotionNetwork, held: DialogueSet) -> None:
    configuration = calibrated(trained, held)
    assert configuration.model_copy(update={"temperature": 1.0}) == CONFIGURATION
    assert configuration.temperature > 0


def test_held_out_figures_are_complete(trained: EmotionNetwork, held: DialogueSet) -> None:
    figures = held_out(trained, held)
    assert figures["text_live"]["weighted_f1"] == score(trained, held, ("text",))
    assert figures["label_matched_live_weighted_f1"].keys() == {"A", "V", "T+A", "T+V", "A+V", "T+A+V"}
    assert figures["label_matched_without_joint_embedding"].keys() == {"T", "A", "V", "T+A", "T+V", "A+V", "T+A+V"}
