"""The experiments on MOSI, where the modes are truly parallel: the network is trained for every ablation and
seed, and measured.

Each training is short; what is finished is kept as a file in a work folder, so that an interrupted evaluation
goes on.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field, ValidationError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from emotrack.files import alone_in, write_whole
from emotrack.modalities import Modality
from emotrack.training.evaluation.experiments import (
    ALL_MODES,
    FULL,
    MEMORY,
    VARIANTS,
    Experiment,
    experiments_of,
)
from emotrack.training.evaluation.measuring.labels import by_loss, by_subset
from emotrack.training.evaluation.records import AbsentModes, Brief, Halfway, MosiFigures, Record, Variant
from emotrack.training.evaluation.sources import GONE, STREAMS_OF
from emotrack.training.features.store import Store, open_store
from emotrack.training.loop.loop import train
from emotrack.training.loop.metrics import percent, weighted_f1
from emotrack.training.tasks.network.data import read_dialogues
from emotrack.training.tasks.network.evaluation import DialogueSet
from emotrack.training.tasks.network.joint_fitting import choose_reliance
from emotrack.training.tasks.network.settings import NetworkTraining
from emotrack.training.tasks.network.task import NetworkTask, read_data


class Finished(Record):
    """What is kept of one experiment."""

    subsets: dict[str, AbsentModes]
    halfway: dict[str, Halfway] = Field(default_factory=dict)


def mosi_experiments(
    store: Store,
    settings: NetworkTraining,
    work: Path,
    advance: Callable[[str], None],
    variants: Sequence[str] = tuple(VARIANTS),
    workers: int | None = None,
) -> MosiFigures:
    """All figures on MOSI; those that `work` holds are believed.

    `workers` trainings run at once, by default one for each processor; one alone runs in this process.
    """
    results: dict[tuple[str, int], Finished] = {}
    experiments = experiments_of(settings, store.manifest.key, variants)
    with alone_in(work):
        for one, standing in carry_out_all(experiments, work, workers or os.cpu_count() or 1):
            kept = _read(work / f"{one.name}.json")
            assert kept is not None
            results[one.variant, one.seed] = kept
            advance(f"{one.variant}, seed {one.seed}{standing}")
    test = read_dialogues(store, "test")
    return MosiFigures(
        seeds=list(settings.seeds),
        utterances=sum(len(dialogue.labels) for dialogue in test),
        variants={
            variant: _variant([results[variant, seed] for seed in settings.seeds], variant)
            for variant in variants
        },
        linear=linear(store),
    )


def carry_out_all(
    experiments: Sequence[Experiment], work: Path, workers: int
) -> Iterator[tuple[Experiment, str]]:
    """Every experiment once its figures lie in `work`, with a word where they lay there before."""
    left = []
    for one in experiments:
        if _read(work / f"{one.name}.json") is not None:
            yield one, " (kept)"
        else:
            left.append(one)
    if workers == 1:
        for one in left:
            carry_out(one, work)
            yield one, ""
        return
    # A fork would inherit the threads of torch.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        waiting = {pool.submit(carry_out, one, work): one for one in left}
        for done in as_completed(waiting):
            done.result()
            yield waiting[done], ""


def _variant(results: Sequence[Finished], variant: str) -> Variant:
    return Variant(
        all=[result.subsets[ALL_MODES].joint for result in results],
        subsets={name: [result.subsets[name] for result in results] for name in STREAMS_OF}
        if variant == FULL
        else {},
        halfway={name: [result.halfway[name] for result in results] for name in GONE}
        if variant == MEMORY
        else {},
    )


def carry_out(experiment: Experiment, work: Path) -> None:
    """Train and measure one experiment, and keep its figures in `work`."""
    torch.set_num_threads(1)
    data, configuration = read_data(experiment.settings)
    task = NetworkTask(data, configuration, experiment.settings, experiment.seed)
    checkpoint = work / f"{experiment.name}.safetensors"
    train(task, experiment.settings.optimisation, checkpoint, Nobody())
    choose_reliance(task.network, data.dev)
    test = read_dialogues(open_store(experiment.settings.store), "test")
    held = DialogueSet.draw(test, None, task.network.configuration.widths, 0)
    names = tuple(STREAMS_OF) if experiment.variant == FULL else (ALL_MODES,)
    figures = Finished(
        subsets=by_subset(task.network, held, lambda _: None, names),
        halfway=by_loss(task.network, held) if experiment.variant == MEMORY else {},
    )
    write_whole(work / f"{experiment.name}.json", figures.model_dump_json(by_alias=True).encode())
    checkpoint.unlink()


def _read(path: Path) -> Finished | None:
    """The figures in a file; None where there is none, or none that can be read: then they are made again."""
    try:
        return Finished.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


class Nobody:
    """Watches a training without a word."""

    def began(self, epochs: int, steps: int, done: int) -> None:
        """Nothing is shown."""

    def stepped(self) -> None:
        """Nothing is shown."""

    def scored(self, epoch: int, losses: Mapping[str, float], scores: Mapping[str, float]) -> None:
        """Nothing is shown."""


def linear(store: Store) -> dict[str, Brief]:
    """Logistic regression on the features of each subset of the modes, trained on everything but test."""
    test = np.array([row.split == "test" for row in store.rows])
    labels = np.array([store.manifest.classes.index(row.label or "") for row in store.rows])
    tokens = [store.tokens(index) for index in range(len(store.rows))]
    return {name: _linear(tokens, modalities, labels, test) for name, modalities in STREAMS_OF.items()}


def _linear(
    tokens: Sequence[Any], modalities: Sequence[Modality], labels: np.ndarray, test: np.ndarray
) -> Brief:
    values = np.stack(
        [
            np.concatenate([one[modality].mean(0) for modality in modalities if modality in one])
            for one in tokens
        ]
    )
    named = LogisticRegression(C=0.01, max_iter=500).fit(values[~test], labels[~test]).predict(values[test])
    return Brief(
        weighted_f1=weighted_f1(labels[test], named),
        macro_f1=percent(f1_score(labels[test], named, average="macro")),
        accuracy=percent((named == labels[test]).mean()),
    )
