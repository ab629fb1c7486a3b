"""Cross attention: absent modes inject exactly nothing, padded keys take no mass, rows never see each
other."""

import pytest
import torch

from emotrack.model.modules.acn import CrossAttentionLayer
from emotrack.model.modules.attention import Attention, masked_mean
from helpers.networks.small import random_batch, small_configuration, small_network


@pytest.fixture(autouse=True)
def _same_numbers_each_time() -> None:
    torch.manual_seed(0)


def test_with_one_mode_present_injection_is_exactly_zero() -> None:
    layer = CrossAttentionLayer(small_configuration()).eval()
    tokens, other = torch.randn(2, 3, 8), torch.randn(2, 4, 8)
    nobody = torch.zeros(2, 4, dtype=torch.bool)
    assert not layer.injection(tokens, [(other, nobody), (other * 3, nobody)]).any()


def test_an_absent_mode_leaves_the_mean_over_those_present() -> None:
    layer = CrossAttentionLayer(small_configuration()).eval()
    tokens, other = torch.randn(2, 3, 8), torch.randn(2, 4, 8)
    seen, nobody = torch.ones(2, 4, dtype=torch.bool), torch.zeros(2, 4, dtype=torch.bool)
    assert torch.equal(
        layer.injection(tokens, [(other, seen), (other, nobody)]), layer.injection(tokens, [(other, seen)])
    )
    torch.testing.assert_close(
        layer.injection(tokens, [(other, seen), (other, seen)]), layer.injection(tokens, [(other, seen)])
    )


def test_attention_is_the_softmax_over_valid_keys() -> None:
    attention = Attention(8, 2)
    torch.nn.init.normal_(attention.log_scale)
    query, memory = torch.randn(1, 3, 8), torch.randn(1, 5, 8)
    mask = torch.tensor([[True, True, True, False, False]])
    q, k, v = (
        linear(x)
        for linear, x in ((attention.query, query), (attention.key, memory), (attention.value, memory))
    )
    heads = []
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        scores = attention.log_scale[head].exp() * q[0, :, part] @ k[0, :3, part].T / 2
        heads.append(scores.softmax(-1) @ v[0, :3, part])
    expected = attention.output(torch.cat(heads, -1))
    torch.testing.assert_close(attention(query, memory, mask)[0], expected, atol=1e-6, rtol=1e-5)


def test_attention_survives_half_precision_with_no_valid_key() -> None:
    attention = Attention(8, 2).half()
    read = attention(
        torch.randn(1, 2, 8).half(), torch.randn(1, 3, 8).half(), torch.zeros(1, 3, dtype=torch.bool)
    )
    assert not read.any()


def test_rows_never_see_each_other() -> None:
    network = small_network()
    encoded = network.encode(random_batch(network.configuration))
    before = network.attend(encoded)
    for tokens in encoded.tokens:
        tokens[0] += 1
    after = network.attend(encoded)
    assert torch.equal(before[1:], after[1:]) and not torch.equal(before[0], after[0])


def test_masked_mean_of_nothing_is_zero() -> None:
    assert not masked_mean(torch.full((1, 2, 3), float("nan")), torch.zeros(1, 2, dtype=torch.bool)).any()


def test_without_layers_a_mode_is_its_own_tokens_alone() -> None:
    """The ablation "no multimodal attention": no mode knows of another, and nothing is left of ACN but norm
    and mean."""
    network = small_network(layers=0)
    assert not any("stacks" in name for name in network.state_dict())
    encoded = network.encode(random_batch(network.configuration))
    descriptors = network.attend(encoded)
    alone = network.attend(encoded.keep(torch.tensor([True, False, False])))
    assert torch.equal(alone[:, 0], descriptors[:, 0]) and not alone[:, 1:].any()
    expected = network.cross_attention.norms[0](masked_mean(encoded.tokens[0], encoded.masks[0]))
    assert torch.equal(descriptors[:, 0], expected)
