"""Everything after the unimodal encoders exports whole, as plain operations that inference engines convert."""

import pytest
import torch
from torch import Tensor, nn

from emotrack.model.network import EmotionNetwork
from emotrack.model.state import ContextState
from emotrack.model.unimodal import EncodedModes
from helpers.network import random_batch, small_network


class Fusing(nn.Module):
    """ACN, JE and QAF on tensors alone."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: list[Tensor], masks: list[Tensor], regions: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        fusion = self.network.fuse_encoded(EncodedModes(tuple(tokens), tuple(masks), regions, counts))
        return fusion.vector, fusion.weights


class Stepping(nn.Module):
    """One step of context and the revision after it."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, vector: Tensor, speaker: Tensor, active: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        logits, after = self.network.step(vector, speaker, active, ContextState(**state))
        return logits, self.network.revise(after)[0]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("part", ["fusing", "stepping"])
def test_the_heads_export_as_plain_operations(part: str) -> None:
    network = small_network(layers=1, window=2, revisions=1)
    network.joint.freeze()
    encoded = network.encode(random_batch(network.configuration, rows=2))
    state = network.initial_state(2, 3).to_tensors()
    module, inputs = {
        "fusing": (Fusing(network), (list(encoded.tokens), list(encoded.masks), encoded.regions, encoded.counts)),
        "stepping": (Stepping(network), (torch.randn(2, 8), torch.tensor([0, 2]), torch.tensor([True, False]), state)),
    }[part]
    program = torch.export.export(module, inputs).run_decompositions()
    operations = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert not [name for name in operations if "lstm" in name or "scaled_dot" in name or "linalg" in name]
    for exported, eager in zip(program.module()(*inputs), module(*inputs), strict=True):
        torch.testing.assert_close(exported, eager, atol=1e-6, rtol=1e-5)
