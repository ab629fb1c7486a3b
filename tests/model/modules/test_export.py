"""Everything after the unimodal encoders exports whole, as plain operations that inference engines
convert."""

import pytest
import torch
from torch import Tensor, nn

from emotrack.engines.backends.eager import as_tuple
from emotrack.engines.networks.context import ContextStep, WindowReviser
from emotrack.model.modules.unimodal import EncodedModes
from emotrack.model.network import EmotionNetwork
from helpers.networks.small import random_batch, small_network


class Fusing(nn.Module):
    """ACN, JE and QAF on tensors alone."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, tokens: list[Tensor], masks: list[Tensor], regions: Tensor, counts: Tensor
    ) -> tuple[Tensor, Tensor]:
        fusion = self.network.fuse_encoded(EncodedModes(tuple(tokens), tuple(masks), regions, counts))
        return fusion.vector, fusion.weights


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("part", ["fusing", "stepping", "revising"])
def test_the_heads_export_as_plain_operations(part: str) -> None:
    network = small_network(layers=1, window=2, revisions=1)
    network.joint.freeze()
    encoded = network.encode(random_batch(network.configuration, rows=2))
    states = tuple(torch.randn(2, 2, 6) for _ in range(2))
    speakers, valid = torch.tensor([[0, 1], [1, 1]]), torch.tensor([[True, True], [False, True]])
    module, inputs = {
        "fusing": (
            Fusing(network),
            (list(encoded.tokens), list(encoded.masks), encoded.regions, encoded.counts),
        ),
        "stepping": (ContextStep(network), (torch.randn(2, 8), *(torch.randn(2, 6) for _ in range(4)))),
        "revising": (WindowReviser(network), (torch.randn(2, 2, 8), speakers, valid, *states)),
    }[part]
    program = torch.export.export(module, inputs).run_decompositions()
    operations = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert not [name for name in operations if "lstm" in name or "scaled_dot" in name or "linalg" in name]
    outcomes = (as_tuple(run(*inputs)) for run in (program.module(), module))
    for exported, eager in zip(*outcomes, strict=True):
        torch.testing.assert_close(exported, eager, atol=1e-6, rtol=1e-5)
