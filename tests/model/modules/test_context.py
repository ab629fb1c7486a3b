"""Dialogue context: causal, the same streamed as whole, the same batched as alone, saved and restored."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from emotrack.errors import UserError
from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.dialogue.plain_context import PlainContext
from emotrack.model.dialogue.state import ContextState
from emotrack.model.modules.context import PaddedTurns, Said
from emotrack.model.network import EmotionNetwork, pad_dialogues
from helpers.networks.small import random_rows, small_configuration, small_network

LONG = small_network(window=12, revisions=11, labelling="evidence")
SHORT = small_network(window=4, revisions=3, labelling="evidence")
RECALLING = small_network(window=12, revisions=11, memory=True)
"""JE completes a mode that is missing from what its speaker showed before."""
speaker_orders = st.lists(st.integers(0, 3), min_size=1, max_size=12)


def dialogue(speakers: list[int], seed: int, network: EmotionNetwork = LONG) -> tuple[Tensor, Tensor, Tensor]:
    rows = random_rows(network.configuration, len(speakers), seed)[None]
    return rows, torch.tensor([speakers]), torch.ones(1, len(speakers), dtype=torch.bool)


def turns_of(speakers: list[int], seed: int) -> PaddedTurns:
    rows, numbers, valid = dialogue(speakers, seed)
    return PaddedTurns(Said.of(rows, LONG.configuration).vector, numbers, valid, max(speakers) + 1)


def stream(
    network: EmotionNetwork, rows: Tensor, speakers: Tensor
) -> tuple[Tensor, list[Tensor], ContextState]:
    """Live logits [T, C], the revised logits [n, C] known after each utterance, and the last state."""
    context, state, live, revised = (
        PlainContext(network),
        ContextState.initial(network.configuration, 5),
        [],
        [],
    )
    for row, speaker in zip(rows[0].numpy(), speakers[0].tolist(), strict=True):
        label, after = context.step(row, state.memory(speaker))
        state = state.commit(speaker, label, after)
        live.append(torch.from_numpy(label.logits))
        revised.append(torch.from_numpy(context.revise(state)[state.ring_valid]))
    return torch.stack(live), revised, state


@settings(max_examples=25, deadline=None)
@given(speakers=speaker_orders, seed=st.integers(0, 999), network=st.sampled_from([LONG, RECALLING]))
def test_streaming_equals_the_whole_dialogue(speakers: list[int], seed: int, network: EmotionNetwork) -> None:
    whole = network.forward_dialogues(*dialogue(speakers, seed, network))
    live, revised, _ = stream(network, *dialogue(speakers, seed, network)[:2])
    torch.testing.assert_close(live, whole.live[0], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(revised[-1], whole.revised[0], atol=1e-6, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(speakers=speaker_orders, seed=st.integers(0, 999), look_ahead=st.integers(0, 3))
def test_truncated_look_ahead_is_what_a_short_window_says_that_much_later(
    speakers: list[int], seed: int, look_ahead: int
) -> None:
    whole = SHORT.forward_dialogues(*dialogue(speakers, seed), look_ahead=look_ahead)
    live, revised, _ = stream(SHORT, *dialogue(speakers, seed)[:2])
    torch.testing.assert_close(live, whole.live[0], atol=1e-6, rtol=1e-5)
    for index in range(len(speakers)):
        arrival = min(index + look_ahead, len(speakers) - 1)
        again = revised[arrival][index - arrival - 1]
        torch.testing.assert_close(again, whole.revised[0, index], atol=1e-6, rtol=1e-5)


def test_the_reviser_is_a_bidirectional_lstm_over_the_whole_dialogue() -> None:
    """The dialogue half against torch's own bidirectional LSTM with the same weights."""
    turns = turns_of([0, 1, 1, 0, 2], 5)
    lstm = torch.nn.LSTM(8, 6, batch_first=True, bidirectional=True)
    for suffix, cell in (("", LONG.context.dialogue), ("_reverse", LONG.reviser.context.dialogue)):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(lstm, f"{name}_l0{suffix}").data.copy_(getattr(cell, name))
    _, forward = LONG.context.run(turns)
    _, backward = LONG.reviser.context.run(turns, backward=True)
    after, before = lstm(turns.vectors)[0].split(6, -1)
    torch.testing.assert_close(forward[:, 1:], after[:, :-1], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(backward[:, :-1], before[:, 1:], atol=1e-6, rtol=1e-5)
    assert (
        not forward[:, 0].any() and not backward[:, -1].any()
    )  # an utterance is in neither of the states that it meets


def test_each_speaker_has_an_lstm_over_their_own_utterances() -> None:
    turns = turns_of([0, 1, 1, 0, 2, 1], 6)
    speaking, _ = LONG.context.run(turns)
    mine = turns.speakers[0] == 1
    alone = PaddedTurns(turns.vectors[:, mine], turns.speakers[:, mine], turns.valid[:, mine], seats=3)
    torch.testing.assert_close(speaking[0, mine], LONG.context.run(alone)[0][0])


@settings(max_examples=25, deadline=None)
@given(
    speakers=st.lists(st.integers(0, 3), min_size=2, max_size=12), seed=st.integers(0, 999), data=st.data()
)
def test_editing_a_future_utterance_never_changes_an_emitted_live_label(
    speakers: list[int], seed: int, data: st.DataObject
) -> None:
    edited = data.draw(st.integers(1, len(speakers) - 1))
    rows, names, valid = dialogue(speakers, seed)
    before = SHORT.forward_dialogues(rows, names, valid).live
    rows[:, edited:] = 100
    names[:, edited:] = 3 - names[:, edited:]
    after = SHORT.forward_dialogues(rows, names, valid).live
    assert torch.equal(before[:, :edited], after[:, :edited])
    assert not torch.equal(before[:, edited:], after[:, edited:])


@settings(max_examples=20, deadline=None)
@given(orders=st.lists(speaker_orders, min_size=2, max_size=4), seed=st.integers(0, 999))
def test_padded_dialogues_equal_each_alone(orders: list[list[int]], seed: int) -> None:
    alone = [dialogue(order, seed + index) for index, order in enumerate(orders)]
    lengths = [len(order) for order in orders]
    rows, valid = pad_dialogues(torch.cat([one[0][0] for one in alone]), lengths)
    speakers, _ = pad_dialogues(torch.cat([one[1][0] for one in alone]), lengths)
    rows[~valid] = float("nan")
    for look_ahead in (None, 2):
        together = SHORT.forward_dialogues(rows, speakers, valid, look_ahead)
        for row, one in enumerate(alone):
            each = SHORT.forward_dialogues(*one, look_ahead)
            torch.testing.assert_close(together.live[row, : lengths[row]], each.live[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(
                together.revised[row, : lengths[row]], each.revised[0], atol=1e-5, rtol=0
            )


def test_a_state_saved_and_restored_mid_dialogue_continues_identically() -> None:
    rows, speakers, _ = dialogue([0, 1, 0, 2, 1, 0, 0, 3], 1)
    live, revised, _ = stream(SHORT, rows, speakers)
    _, _, state = stream(SHORT, rows[:, :5], speakers[:, :5])
    arrays = {name: array.copy() for name, array in state.to_arrays().items()}
    state, context = ContextState.from_arrays(arrays, SHORT.configuration, 5), PlainContext(SHORT)
    for index in range(5, 8):
        row, speaker = rows[0, index].numpy(), int(speakers[0, index])
        label, after = context.step(row, state.memory(speaker))
        state = state.commit(speaker, label, after)
        assert np.array_equal(label.logits, live[index].numpy())
    assert np.array_equal(context.revise(state)[state.ring_valid], revised[-1].numpy())


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ("missing", "lacks array 'count'"),
        ("extra", "unknown array 'more'"),
        ("shape", "'count' as"),
        ("type", "'count' as"),
        ("range", "out of range"),
        ("value", "not finite in 'speaker_cell'"),
    ],
)
def test_states_that_do_not_fit_are_refused_in_one_sentence(problem: str, sentence: str) -> None:
    arrays = ContextState.initial(SHORT.configuration, 5).to_arrays()
    count = arrays["count"]
    if problem == "missing":
        del arrays["count"]
    else:
        wrong = {
            "range": {"ring_speakers": np.full(4, 5)},
            "extra": {"more": count},
            "shape": {"count": count.repeat(2)},
            "type": {"count": count.astype(np.float32)},
            "value": {"speaker_cell": np.full_like(arrays["speaker_cell"], np.nan)},
        }
        arrays |= wrong[problem]
    with pytest.raises(UserError, match=sentence) as refusal:
        ContextState.from_arrays(arrays, SHORT.configuration, 5)
    assert str(refusal.value).count(". ") == 0 and str(refusal.value).endswith(".")


def test_a_commit_changes_no_array_of_the_state_it_was_given() -> None:
    rows, speakers, _ = dialogue([0, 1, 2], 3)
    _, _, state = stream(SHORT, rows, speakers)
    copies = {name: array.copy() for name, array in state.to_arrays().items()}
    row = rows[0, 0].numpy()
    label, after = PlainContext(SHORT).step(row, state.memory(0))
    state.commit(0, label, after)
    assert all(np.array_equal(array, copies[name]) for name, array in state.to_arrays().items())


def test_the_temperature_of_the_modes_present_divides_the_logits() -> None:
    logits = torch.randn(3, 7)
    network = small_network(temperatures=(1.0, 2.0, 1.0, 1.0, 1.0, 4.0, 1.0, 1.0))
    modes = torch.tensor([[True, False, False], [True, False, True], [False, False, False]])
    divided = logits.double() / torch.tensor([2.0, 4.0, 1.0])[:, None]
    torch.testing.assert_close(network.probabilities(logits, modes), divided.softmax(-1))


def test_configurations_survive_json_and_refuse_nonsense() -> None:
    configuration = small_configuration(temperatures=(1.5,) * 8)
    assert NetworkConfiguration.model_validate_json(configuration.model_dump_json()) == configuration
    for change in (
        {"width": 9},
        {"revisions": 4},
        {"classes": ("a", "a")},
        {"unknown": 1},
        {"trained": ("smell",)},
    ):
        with pytest.raises(ValidationError):
            small_configuration(**change)


def test_a_state_is_immutable() -> None:
    state = ContextState.initial(SHORT.configuration, 2)
    with pytest.raises(AttributeError):
        state.count = state.count + 1  # type: ignore[misc]  # frozen
    assert replace(state, count=state.count + 1).count == 1
