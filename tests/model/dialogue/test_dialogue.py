"""One session's dialogue: looks ahead, commits once, revises, merges speakers, continues after a restart."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.model.dialogue.dialogue import HISTORY, SEATS, Dialogue, LiveLabel
from emotrack.model.dialogue.plain_context import PlainContext
from emotrack.model.dialogue.state import ContextState, Floats, LabelLogits, SpeakerMemory
from emotrack.model.modules.context import Said
from emotrack.streaming import State
from helpers.networks.small import random_rows, small_network

NETWORK = small_network(window=5, revisions=3, labelling="evidence")
CONTEXT = PlainContext(NETWORK)
names = st.lists(st.sampled_from("abc"), min_size=1, max_size=10)


def rows(count: int, seed: int = 0) -> Floats:
    return random_rows(NETWORK.configuration, count, seed).numpy()


def modes_of(said: Floats) -> torch.Tensor:
    return Said.of(torch.from_numpy(said), NETWORK.configuration).modes


def same(one: LiveLabel, other: LiveLabel) -> bool:
    return np.array_equal(one.probabilities, other.probabilities) and np.array_equal(
        one.influences, other.influences
    )


def talk(dialogue: Dialogue, speakers: str | list[str], said: Floats, first: int = 0) -> list[np.ndarray]:
    return [
        dialogue.commit(f"u{first + i}", said[first + i], speaker).probabilities
        for i, speaker in enumerate(speakers)
    ]


def assert_same(one: Dialogue, other: Dialogue, upcoming: Floats) -> None:
    """Both say the same of the past and of every speaker's next utterance."""
    assert one.speakers == other.speakers
    for (name, label), (other_name, other_label) in zip(one.revised(), other.revised(), strict=True):
        assert name == other_name
        np.testing.assert_allclose(label, other_label, atol=1e-6)
    for speaker in (*one.speakers, "a newcomer"):
        given, expected = (dialogue.preview(upcoming, speaker) for dialogue in (one, other))
        np.testing.assert_allclose(given.probabilities, expected.probabilities, atol=1e-6)
        np.testing.assert_allclose(given.influences, expected.influences, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(speakers=names, seed=st.integers(0, 99))
def test_a_preview_commits_nothing_and_foretells_the_commit(speakers: list[str], seed: int) -> None:
    said = rows(len(speakers), seed)
    plain, looking = Dialogue(CONTEXT), Dialogue(CONTEXT)
    for index, speaker in enumerate(speakers):
        foretold = looking.preview(said[index], speaker)
        looking.preview(said[index] * 2, "somebody new")
        label = looking.commit(f"u{index}", said[index], speaker)
        assert same(foretold, label)
        assert same(plain.commit(f"u{index}", said[index], speaker), label)
    for name, array in plain.state.to_arrays().items():
        assert np.array_equal(array, getattr(looking.state, name)), name


def test_labels_are_probabilities_and_equal_the_whole_dialogue_forward() -> None:
    said = rows(12)
    labels = talk(Dialogue(CONTEXT), "abacabbcacab", said)
    whole = NETWORK.forward_dialogues(
        torch.from_numpy(said)[None],
        torch.tensor([["abc".index(c) for c in "abacabbcacab"]]),
        torch.ones(1, 12, dtype=torch.bool),
    )
    np.testing.assert_allclose(
        labels, NETWORK.probabilities(whole.live[0], modes_of(said)).numpy(), atol=1e-6
    )
    np.testing.assert_allclose(np.sum(labels, 1), 1)


def test_up_to_r_earlier_utterances_are_revised_oldest_first() -> None:
    dialogue, said = Dialogue(CONTEXT), rows(6)
    assert dialogue.revised() == []
    for index, expected in enumerate(([], [0], [0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4])):
        dialogue.commit(f"u{index}", said[index], "a")
        assert [name for name, _ in dialogue.revised()] == [f"u{earlier}" for earlier in expected]
    speakers, valid = torch.zeros(1, 6, dtype=torch.long), torch.ones(1, 6, dtype=torch.bool)
    for distance, (_, label) in enumerate(reversed(dialogue.revised()), 1):
        whole = NETWORK.forward_dialogues(torch.from_numpy(said)[None], speakers, valid).revised[
            0, 5 - distance
        ]
        np.testing.assert_allclose(
            label, NETWORK.probabilities(whole, modes_of(said)[5 - distance]).numpy(), atol=1e-6
        )


def test_without_revisions_nothing_is_revised() -> None:
    dialogue = Dialogue(PlainContext(small_network(revisions=0, labelling="evidence")))
    talk(dialogue, "aba", rows(3))
    assert dialogue.revised() == []


@settings(max_examples=30, deadline=None)
@given(speakers=names, seed=st.integers(0, 99), pair=st.permutations("abc"))
def test_merging_equals_having_had_one_speaker_from_the_start(
    speakers: list[str], seed: int, pair: list[str]
) -> None:
    old, into = pair[0], pair[1]
    said = rows(len(speakers) + 4, seed)
    merged, united = Dialogue(CONTEXT), Dialogue(CONTEXT)
    talk(merged, speakers, said)
    merged.merge(old, into)
    talk(united, [into if speaker == old else speaker for speaker in speakers], said)
    assert_same(merged, united, said[-1])
    more = [into, pair[2], into]
    np.testing.assert_allclose(
        talk(merged, more, said, len(speakers)), talk(united, more, said, len(speakers)), atol=1e-6
    )
    assert_same(merged, united, said[-1])


@settings(max_examples=30, deadline=None)
@given(
    speakers=names,
    seed=st.integers(0, 99),
    back=st.integers(0, 3),
    said_by=st.none() | st.sampled_from("abcd"),
    pair=st.permutations("abc"),
    merged=st.integers(0, 10),
)
def test_amending_equals_having_known_from_the_start(
    speakers: list[str], seed: int, back: int, said_by: str | None, pair: list[str], merged: int
) -> None:
    """What was said, and by whom; also where speakers turned out to be one before, at or after it."""
    amended_at = max(0, len(speakers) - 1 - back)
    said = rows(len(speakers) + 4, seed)
    first = said.copy()
    first[amended_at] *= -2
    amended, knowing = Dialogue(CONTEXT), Dialogue(CONTEXT)
    labels = []
    for at, speaker in enumerate(speakers):
        amended.commit(f"u{at}", first[at], speaker)
        whose = said_by if said_by is not None and at == amended_at else speaker
        labels.append(knowing.commit(f"u{at}", said[at], whose))
        if at == merged:
            amended.merge(pair[0], pair[1])
            knowing.merge(pair[0], pair[1])
    assert same(amended.amend(f"u{amended_at}", said[amended_at], said_by), labels[amended_at])
    for name, array in knowing.state.to_arrays().items():
        assert np.array_equal(array, getattr(amended.state, name)), name
    assert_same(amended, knowing, said[-1])
    assert amended.snapshot()["meta"] == knowing.snapshot()["meta"]
    amended.amend(f"u{amended_at}", said[amended_at])  # as often as one likes
    assert_same(amended, knowing, said[-1])


def restored(state: State, context: PlainContext = CONTEXT) -> Dialogue:
    dialogue = Dialogue(context)
    dialogue.restore(state)
    return dialogue


def test_only_what_can_still_be_revised_can_be_amended() -> None:
    dialogue, said = Dialogue(CONTEXT), rows(9)
    talk(dialogue, "abcabcabc", said)
    for known in ("u5", "u8"):
        dialogue.amend(known, said[0])
    for unknown in ("u4", "u9"):
        with pytest.raises(KeyError):
            dialogue.amend(unknown, said[0])
    with pytest.raises(KeyError):
        restored(dialogue.snapshot()).amend("u8", said[0])


class Failing(PlainContext):
    """A network that fails at its `fails`-th step from now on."""

    fails = 0

    def step(self, row: np.ndarray, memory: SpeakerMemory) -> tuple[LabelLogits, SpeakerMemory]:
        self.fails -= 1
        if self.fails == 0:
            raise RuntimeError("out of memory")
        return super().step(row, memory)


@pytest.mark.parametrize("fails", [1, 2, 3, 4])
@pytest.mark.parametrize("change", ["commit", "amend", "merge"])
def test_where_its_network_fails_a_dialogue_is_what_it_was(change: str, fails: int) -> None:
    context, said = Failing(NETWORK), rows(9)
    dialogue, untouched = Dialogue(context), Dialogue(CONTEXT)
    for each in (dialogue, untouched):
        talk(each, "abababab", said)
    steps = {
        "commit": lambda one: one.commit("u8", said[8], "a"),
        "amend": lambda one: one.amend("u4", said[8], "b"),
        "merge": lambda one: one.merge("a", "b"),
    }
    context.fails = min(fails, 1) if change == "commit" else fails
    with pytest.raises(RuntimeError):
        steps[change](dialogue)
    assert_same(dialogue, untouched, said[0])
    assert dialogue.snapshot()["meta"] == untouched.snapshot()["meta"]
    for each in (dialogue, untouched):
        steps[change](each)  # and it can be asked again
    assert_same(dialogue, untouched, said[1])


class Senseless(PlainContext):
    """A network that gives what is no number while it has lost its `senses`."""

    senses = True

    def step(self, row: np.ndarray, memory: SpeakerMemory) -> tuple[LabelLogits, SpeakerMemory]:
        label, after = super().step(row, memory)
        return (label if self.senses else replace(label, logits=label.logits * np.nan)), after

    def revise(self, state: ContextState) -> Floats:
        logits = super().revise(state)
        return logits if self.senses else np.full_like(logits, np.nan)


def test_what_is_no_number_is_no_label_and_changes_nothing() -> None:
    context, said = Senseless(NETWORK), rows(6)
    dialogue, untouched = Dialogue(context), Dialogue(CONTEXT)
    for each in (dialogue, untouched):
        talk(each, "abab", said)
    context.senses = False
    for ask in (
        lambda: dialogue.preview(said[4], "a"),
        lambda: dialogue.commit("u4", said[4], "a"),
        lambda: dialogue.amend("u3", said[4], "a"),
        lambda: dialogue.merge("a", "b"),
        dialogue.revised,
    ):
        with pytest.raises(ValueError, match="no number"):
            ask()
    context.senses = True
    assert_same(dialogue, untouched, said[5])


def test_merging_a_stranger_changes_nothing() -> None:
    dialogue = Dialogue(CONTEXT)
    talk(dialogue, "abab", rows(4))
    before = dialogue.state
    dialogue.merge("nobody", "no one")
    dialogue.merge("a", "a")
    assert dialogue.state is before


@settings(max_examples=15, deadline=None)
@given(before=names, after=names, seed=st.integers(0, 99))
def test_a_saved_dialogue_continues_identically(before: list[str], after: list[str], seed: int) -> None:
    said = rows(len(before) + len(after), seed)
    dialogue = Dialogue(CONTEXT)
    talk(dialogue, before, said)
    saved = dialogue.snapshot()
    other_one = restored({**saved, "meta": json.loads(json.dumps(saved["meta"]))})
    for one, other in zip(
        talk(dialogue, after, said, len(before)), talk(other_one, after, said, len(before)), strict=True
    ):
        assert np.array_equal(one, other)
    dialogue.merge("a", "b")
    other_one.merge("a", "b")
    for name, array in dialogue.state.to_arrays().items():
        assert np.array_equal(array, getattr(other_one.state, name)), name
    assert dialogue.snapshot()["meta"] == other_one.snapshot()["meta"]


def test_the_least_recently_heard_speaker_gives_up_the_seat() -> None:
    dialogue, said = Dialogue(CONTEXT), rows(SEATS + 2)
    crowd = [f"spk{index}" for index in range(SEATS)]
    talk(dialogue, crowd, said)
    dialogue.commit("again", said[0], "spk0")
    newcomer = Dialogue(CONTEXT)
    talk(newcomer, [*crowd, "spk0"], np.concatenate([said[:SEATS], said[:1]]))
    assert "spk1" in dialogue.speakers
    first = dialogue.commit("late", said[-1], "latecomer")
    assert "spk1" not in dialogue.speakers and "spk0" in dialogue.speakers and len(dialogue.speakers) == SEATS
    assert same(first, newcomer.preview(said[-1], "yet another"))  # inherits nothing from the seat


def test_history_is_bounded_and_merging_still_works_beyond_it() -> None:
    dialogue, said = Dialogue(CONTEXT), rows(HISTORY + 20)
    talk(dialogue, ["a", "b"] * (HISTORY // 2 + 10), said)
    assert dialogue.snapshot()["history"].shape[0] == HISTORY
    dialogue.merge("a", "b")
    assert dialogue.speakers == ("b",) and np.isfinite(dialogue.preview(said[0], "b").probabilities).all()


def test_the_state_never_grows() -> None:
    dialogue, said = Dialogue(CONTEXT), rows(60)
    shapes = []
    for index, vector in enumerate(said):
        dialogue.commit(f"u{index}", vector, f"spk{index}")
        shapes.append({name: array.shape for name, array in dialogue.state.to_arrays().items()})
    assert all(shape == shapes[0] for shape in shapes)


def test_a_dialogue_keeps_its_own_copy_of_rows() -> None:
    dialogue, united, said = Dialogue(CONTEXT), Dialogue(CONTEXT), rows(3)
    talk(united, "bbb", said.copy())
    talk(dialogue, "abb", said)
    said[:] = 0
    dialogue.merge("a", "b")
    assert_same(dialogue, united, rows(1, 9)[0])


@pytest.mark.parametrize("damage", ["version", "seats", "history", "tensor", "extra", "network"])
def test_saved_dialogues_that_do_not_fit_are_refused_in_one_sentence(damage: str) -> None:
    dialogue = Dialogue(CONTEXT)
    talk(dialogue, "abc", rows(3))
    saved, context = dialogue.snapshot(), CONTEXT
    if damage == "version":
        saved["meta"]["version"] = 1
    elif damage == "seats":
        saved["meta"]["seats"] = [["a", 0], ["b", 0]]
    elif damage == "history":
        saved["history"] = saved["history"][:2]
    elif damage == "tensor":
        del saved["state.count"]
    elif damage == "extra":
        saved["state.more"] = np.zeros(1)
    else:
        context = PlainContext(small_network(window=5, context_hidden=7, labelling="evidence"))
    with pytest.raises(UserError, match=r"^The saved dialogue.*: .*\.$") as refusal:
        restored(saved, context)
    assert ". " not in str(refusal.value)


def test_a_network_in_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="evaluation mode"):
        PlainContext(small_network().train())
