"""The runs of the voice recipe on its five folds: their accuracies as the table has them, and what is no such
five refused."""

from pathlib import Path
from typing import Any

import pytest
import torch

from emotrack.errors import UserError
from emotrack.model.bundle import NewPart, save_bundle
from emotrack.training.evaluation.measuring.encoders import fold_accuracies
from helpers.networks.small import save_small_bundle
from helpers.sessions.commands import emotrack


def save_run(folder: Path, fold: int | None, score: float, **changed: object) -> None:
    """What a training of the voice network leaves."""
    settings = {"fold": fold, "batch": 32} | changed
    metrics: dict[str, Any] = {"training": {"voice": {"settings": settings, "dev": {"score": score}}}}
    part = NewPart({"weight": torch.zeros(3).half()}, "free for tests", "voices", {})
    save_bundle(folder / "seed-1", {"voice": part}, configuration=None, encoders={}, metrics=metrics)


def save_runs(folder: Path, *folds: int) -> Path:
    for fold in folds:
        save_run(folder / f"run-{9 - fold}", fold, 60 + fold / 3)
    return folder


def test_they_come_in_the_order_of_the_folds(tmp_path: Path) -> None:
    assert fold_accuracies(save_runs(tmp_path, 3, 1, 5, 2, 4)) == [60.33, 60.67, 61.0, 61.33, 61.67]


def test_there_must_be_one_of_each_fold(tmp_path: Path) -> None:
    for folder in (tmp_path / "nothing", save_runs(tmp_path / "runs", 1, 2, 3, 5)):
        with pytest.raises(UserError, match="it needs one of each of 1 to 5"):
            fold_accuracies(folder)
    save_run(tmp_path / "runs" / "again", 3, 70.0)
    with pytest.raises(UserError, match=r"\[1, 2, 3, 5\]: it needs one of each"):
        fold_accuracies(tmp_path / "runs")


def test_what_is_no_run_of_a_fold_is_refused(tmp_path: Path) -> None:
    save_run(tmp_path / "voices" / "whole", None, 70.0)
    save_small_bundle(tmp_path / "networks" / "network" / "seed-1")
    for folder in ("voices", "networks"):
        with pytest.raises(UserError, match="seed-1 is no run of the voice recipe on one fold"):
            fold_accuracies(tmp_path / folder)


def test_all_must_be_runs_of_one_recipe(tmp_path: Path) -> None:
    save_run(save_runs(tmp_path, 1, 3, 4, 5) / "other", 2, 70.0, batch=8)
    with pytest.raises(UserError, match="different recipes"):
        fold_accuracies(tmp_path)


def test_the_table_has_them_and_says_whether_they_reach_the_goal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_runs(tmp_path, 1, 2, 3, 4, 5)
    told = emotrack(capfd, monkeypatch, "evaluate", "--table", "per-class", "--folds", str(tmp_path))
    assert told.code == 0
    assert "| RAVDESS, 5-fold by actor, 8 classes | 61.00 ± 0.53 | ≥ 82: missed |" in told.out
