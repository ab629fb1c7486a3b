"""The training loop: the epoch it keeps, when it stops, and a resume that cannot be told from a run without a
pause."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from emotrack.errors import UserError
from emotrack.training.loop.loop import RunProgress, finished, follow, train
from emotrack.training.loop.task import load_checkpoint
from emotrack.training.settings import Optimisation
from helpers.learning.lesson import KilledError, Lesson, Nobody, same, state


def told(progress: RunProgress) -> dict[str, Any]:
    """What a run came to, but for how long it took."""
    return {**vars(progress), "seconds": None}


@settings(max_examples=40, deadline=None)
@given(
    epochs=st.integers(1, 5),
    steps=st.integers(1, 3),
    killed=st.lists(st.integers(1, 12), max_size=3),
    average=st.sampled_from([0.0, 0.5, 0.99]),
    warmup=st.sampled_from([0.1, 0.25, 0.5, 0.9]),
    patience=st.sampled_from([1, 2, 100]),
)
def test_killed_at_any_step_and_gone_on_with_it_is_the_run_that_never_stopped(
    epochs: int, steps: int, killed: list[int], average: float, warmup: float, patience: int
) -> None:
    optimisation = Optimisation(epochs=epochs, rate=0.05, average=average, warmup=warmup, patience=patience)
    with TemporaryDirectory() as folder:
        whole, parted = Path(folder) / "whole.safetensors", Path(folder) / "parted.safetensors"
        unbroken = Lesson(steps=steps)
        expected = train(unbroken, optimisation, whole, Nobody())
        for steps_in in killed:
            try:
                train(Lesson(steps=steps), optimisation, parted, Nobody(steps_in))
            except KilledError:
                assert not finished(Lesson(steps=steps).fingerprint, optimisation, parted)
        torch.rand(7)  # whatever else drew numbers in between
        resumed = Lesson(steps=steps)
        progress = train(resumed, optimisation, parted, Nobody())
        assert told(progress) == told(expected)
        assert same(resumed.network.state_dict(), unbroken.network.state_dict())
        assert finished(resumed.fingerprint, optimisation, parted)
        (one, facts), (other, others) = load_checkpoint(whole), load_checkpoint(parted)
        assert one.keys() == other.keys()
        assert all(same(one[group], other[group]) for group in one)
        assert {**facts, "progress": None} == {**others, "progress": None}


def test_a_run_of_a_network_of_other_layers_is_refused(tmp_path: Path) -> None:
    train(Lesson(), Optimisation(epochs=1), tmp_path / "checkpoint.safetensors", Nobody())
    other = Lesson()
    other.network = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 2))
    with pytest.raises(
        UserError, match="of a network of other layers: give another `out`, or delete that folder"
    ):
        train(other, Optimisation(epochs=2), tmp_path / "checkpoint.safetensors", Nobody())


def test_different_seeds_give_different_networks(tmp_path: Path) -> None:
    one, other = Lesson(seed=1), Lesson(seed=2)
    other.network.load_state_dict(one.network.state_dict())
    for number, lesson in enumerate((one, other)):
        train(lesson, Optimisation(epochs=1), tmp_path / f"{number}.safetensors", Nobody())
    assert not same(one.network.state_dict(), other.network.state_dict())


@settings(max_examples=40, deadline=None)
@given(
    scores=st.lists(st.integers(0, 3), min_size=1, max_size=6),
    patience=st.integers(1, 4),
    average=st.sampled_from([0.0, 0.9]),
)
def test_it_stops_when_nothing_gets_better_and_keeps_the_best_epoch(
    scores: list[int], patience: int, average: float
) -> None:
    lesson = Lesson(scores=tuple(map(float, scores)), steps=1)
    optimisation = Optimisation(epochs=len(scores), patience=patience, average=average, rate=0.1)
    with TemporaryDirectory() as folder:
        progress = train(lesson, optimisation, Path(folder) / "checkpoint.safetensors", Nobody())
    best = scores.index(max(scores[: progress.epoch]))
    assert progress.best == best
    assert progress.best_scores["score"] == scores[best]
    assert progress.epoch == min(len(scores), best + 1 + patience)
    assert all(
        max(scores[: end - patience]) < max(scores[:end]) for end in range(patience + 1, progress.epoch)
    )
    assert same(lesson.network.state_dict(), lesson.seen[best])
    assert not lesson.network.training


@settings(max_examples=20, deadline=None)
@given(scores=st.lists(st.integers(0, 3), min_size=1, max_size=4), average=st.sampled_from([0.0, 0.9]))
def test_the_last_epoch_can_be_kept_whatever_dev_says(scores: list[int], average: float) -> None:
    lesson = Lesson(scores=tuple(map(float, scores)), steps=1)
    optimisation = Optimisation(epochs=len(scores), patience=1, keep="last", average=average, rate=0.1)
    with TemporaryDirectory() as folder:
        progress = train(lesson, optimisation, Path(folder) / "checkpoint.safetensors", Nobody())
    assert progress.epoch == len(scores) == progress.best + 1
    assert same(lesson.network.state_dict(), lesson.seen[-1])


def test_an_epoch_tells_the_mean_of_each_loss(tmp_path: Path) -> None:
    lesson = Lesson(steps=1)
    expected = {name: value.item() for name, value in lesson_losses(lesson).items()}
    progress = train(lesson, Optimisation(epochs=1), tmp_path / "checkpoint.safetensors", Nobody())
    assert progress.losses == [pytest.approx(expected)]
    lesson = Lesson(steps=3)
    totals = watched(lesson)
    progress = train(lesson, Optimisation(epochs=1), tmp_path / "three.safetensors", Nobody())
    assert progress.losses[0]["right"] == pytest.approx(sum(one["right"].item() for one in totals) / 3)


def lesson_losses(lesson: Lesson) -> Mapping[str, Tensor]:
    """The losses of the first step, with the dropout that it will have."""
    copy = Lesson(seed=lesson.seed, steps=lesson.steps)
    told = watched(copy)
    with TemporaryDirectory() as folder:
        train(copy, Optimisation(epochs=1), Path(folder) / "checkpoint.safetensors", Nobody())
    return told[0]


def watched(lesson: Lesson) -> list[Mapping[str, Tensor]]:
    """The losses of every step from now on."""
    told: list[Mapping[str, Tensor]] = []
    inner = lesson.losses

    def watching(batch: Tensor) -> Mapping[str, Tensor]:
        told.append(inner(batch))
        return told[-1]

    lesson.losses = watching  # type: ignore[method-assign]  # watched, unchanged
    return told


def test_what_is_frozen_stays_and_is_not_in_the_checkpoint(tmp_path: Path) -> None:
    lesson = Lesson()
    before = state(lesson.network)
    train(lesson, Optimisation(epochs=2, average=0.9), tmp_path / "checkpoint.safetensors", Nobody())
    after = lesson.network.state_dict()
    assert {name for name in before if torch.equal(before[name], after[name])} == {"1.weight", "1.bias"}
    tensors, _ = load_checkpoint(tmp_path / "checkpoint.safetensors")
    for group in ("network", "kept", "average"):
        assert tensors[group].keys() == before.keys() - {"1.weight", "1.bias"}


def test_averaged_weights_follow_and_are_what_is_scored(tmp_path: Path) -> None:
    average, network = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.constant_(average.weight, 1.0)
    nn.init.constant_(network.weight, 2.0)
    follow(average, network, 0, 0.99)  # the first step counts nine tenths
    assert average.weight.item() == pytest.approx(1.9)
    follow(average, network, 1_000_000, 0.75)  # later ones as the decay says
    assert average.weight.item() == pytest.approx(1.925)

    lesson = Lesson()
    train(
        lesson, Optimisation(epochs=1, rate=0.1, average=0.99), tmp_path / "checkpoint.safetensors", Nobody()
    )
    tensors, _ = load_checkpoint(tmp_path / "checkpoint.safetensors")
    assert same(tensors["kept"], tensors["average"])
    assert not same(tensors["kept"], tensors["network"])
    moved = ("2.running_mean", "2.num_batches_tracked")
    assert all(tensors["average"][name].abs().sum() > 0 for name in moved), "statistics follow as well"


def test_a_watcher_hears_where_a_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KilledError):
        train(Lesson(), Optimisation(epochs=4), path, Nobody(5))
    watcher = Nobody()
    train(Lesson(), Optimisation(epochs=4), path, watcher)
    assert watcher.began_with == (4, 2, 2)
    assert watcher.epochs == [2, 3]


def test_a_rise_of_just_one_step_is_possible(tmp_path: Path) -> None:
    progress = train(
        Lesson(steps=1), Optimisation(epochs=4, warmup=0.25), tmp_path / "checkpoint.safetensors", Nobody()
    )
    assert progress.epoch == 4


def test_nothing_is_finished_before_it_has_begun(tmp_path: Path) -> None:
    assert not finished(Lesson().fingerprint, Optimisation(epochs=1), tmp_path / "checkpoint.safetensors")
