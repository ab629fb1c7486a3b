"""What labels may fail, hang up or give nonsense: the same network as it is written gives the same labels."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotrack.engines.heads import Heads, open_heads
from emotrack.engines.open import heads_as_written
from emotrack.errors import UserError
from emotrack.model.bundle import Bundle, load_bundle
from emotrack.model.dialogue.dialogue import Dialogue
from emotrack.stream.labels.standby import StandbyHeads
from helpers.networks.engines import pool
from helpers.networks.small import random_rows, random_utterance, save_small_bundle

COUNT = 6
Spoil = Callable[[Any], Any]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder: Path = tmp_path_factory.mktemp("bundle")
    save_small_bundle(folder, trained=("text", "audio", "face"), labelling="evidence")
    return load_bundle(folder)


@pytest.fixture(scope="module")
def whole(bundle: Bundle) -> Heads:
    return open_heads(pool("eager-cpu"), bundle)


class Breaking:
    """Does as `whole`, but in calls from `first` to `last` of its `functions`."""

    def __init__(self, whole: Any, functions: tuple[str, ...], spoil: Spoil, calls: range) -> None:
        self._whole, self._functions, self._spoil, self._wrong = whole, functions, spoil, calls
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._whole, name)
        if name not in self._functions:
            return found

        def call(*given: Any) -> Any:
            self._calls += 1
            answer = found(*given)
            return self._spoil(answer) if self._calls - 1 in self._wrong else answer

        return call


def raising(_: Any) -> Any:
    raise RuntimeError("the device is lost")


def no_numbers(found: Any) -> Any:
    match found:
        case (label, after):
            return replace(label, logits=label.logits * np.nan), after
        case np.ndarray():
            return found * np.nan
        case fused:
            return replace(fused, row=fused.row * np.nan)


def broken(heads: Heads, part: str, functions: tuple[str, ...], spoil: Spoil, calls: range) -> Heads:
    stands_in: dict[str, Any] = {part: Breaking(getattr(heads, part), functions, spoil, calls)}
    return replace(heads, **stands_in)


def spoken(bundle: Bundle) -> Iterator[np.ndarray]:
    for row in random_rows(bundle.configuration, COUNT, seed=3):
        yield row.numpy()


def labels(heads: Any, bundle: Bundle) -> list[np.ndarray]:
    """Live and revised labels of a dialogue of two."""
    dialogue = Dialogue(heads)
    found = []
    for number, row in enumerate(spoken(bundle)):
        speaker = "ab"[number % 2]
        found += [
            dialogue.preview(row, speaker).probabilities,
            dialogue.commit(str(number), row, speaker).probabilities,
        ]
        found += [values for _, values in dialogue.revised()]
    return found


@pytest.mark.parametrize("spoil", [raising, no_numbers, lambda _: None])
@pytest.mark.parametrize("function", ["step", "revise"])
def test_a_dialogue_whose_engine_breaks_goes_on_as_if_it_had_not(
    bundle: Bundle, whole: Heads, function: str, spoil: Spoil
) -> None:
    told: list[Exception | None] = []
    heads = broken(whole, "context", (function,), spoil, range(3, 10_000))
    standby = StandbyHeads(heads, lambda: heads_as_written(bundle), told.append)
    for found, expected in zip(labels(standby, bundle), labels(whole.context, bundle), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    failures = [failure for failure in told if failure is not None]
    assert (
        failures and told[told.index(failures[0]) :] == failures
    )  # while it fails nothing says that it works


@pytest.mark.parametrize("spoil", [raising, no_numbers, lambda _: None])
def test_an_utterance_whose_engine_breaks_is_fused_as_if_it_had_not(
    bundle: Bundle, whole: Heads, spoil: Spoil
) -> None:
    heads = broken(whole, "fusion", ("fuse",), spoil, range(10_000))
    standby = StandbyHeads(heads, lambda: heads_as_written(bundle), lambda _: None)
    given = random_utterance(np.random.default_rng(1), bundle.configuration, ("text", "audio"))
    tokens = {modality: tokens for modality, tokens in given.items() if tokens is not None}
    found, expected = standby.fuse(tokens), whole.fusion.fuse(tokens)
    np.testing.assert_allclose(found.row, expected.row, atol=1e-5)
    assert found.imputed == expected.imputed


def test_what_works_at_the_second_attempt_is_not_told(bundle: Bundle, whole: Heads) -> None:
    def never() -> Heads:
        raise AssertionError("the standby is opened")

    told: list[Exception | None] = []
    heads = broken(whole, "context", ("step",), raising, range(3, 4))
    found = labels(StandbyHeads(heads, never, told.append), bundle)
    assert all(map(np.array_equal, found, labels(whole.context, bundle)))
    assert set(told) == {None}


def test_an_engine_that_is_back_is_used_again_and_that_is_told(bundle: Bundle, whole: Heads) -> None:
    opened: list[Heads] = []

    def open_standby() -> Heads:
        opened.append(whole)
        return whole

    told: list[Exception | None] = []
    heads = broken(whole, "context", ("step",), raising, range(2, 6))
    found = labels(StandbyHeads(heads, open_standby, told.append), bundle)
    assert all(map(np.array_equal, found, labels(whole.context, bundle)))
    assert [str(failure) for failure in told if failure is not None] == ["the device is lost"] * 2
    assert told[-1] is None and len(opened) == 1


def test_where_nothing_answers_it_is_said_what_the_engine_failed_with(bundle: Bundle, whole: Heads) -> None:
    def not_there() -> Heads:
        raise UserError("torch is not installed: install it.")

    heads = broken(whole, "context", ("step",), raising, range(10_000))
    dialogue = Dialogue(StandbyHeads(heads, not_there, lambda _: None))
    before = dialogue.state
    with pytest.raises(RuntimeError, match="the device is lost"):
        dialogue.commit("1", next(spoken(bundle)), "a")
    assert dialogue.state is before
