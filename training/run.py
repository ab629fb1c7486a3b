"""A training run from its configuration: for each seed a folder that is a bundle of what was trained, and can
be gone on with."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

import torch

from emotrack.errors import UserError
from emotrack.files import alone_in
from emotrack.model.bundle import NewPart, load_manifest, save_bundle
from emotrack.training.bundles.bundle import FACES, LICENCES, of_texts, of_voices
from emotrack.training.bundles.network import check_encoders, save_network
from emotrack.training.loop.loop import RunProgress, TrainingWatcher, finished, train
from emotrack.training.loop.task import CHECKPOINT, EncoderTask, Task
from emotrack.training.tasks import face, voice
from emotrack.training.tasks.face import FaceTask, FaceTraining
from emotrack.training.tasks.network import task as network
from emotrack.training.tasks.network.settings import NetworkTraining
from emotrack.training.tasks.network.task import NetworkTask, read_data
from emotrack.training.tasks.text import task as text
from emotrack.training.tasks.text.settings import FurtherName, TextTraining
from emotrack.training.tasks.text.task import TextTask
from emotrack.training.tasks.text.teachers import settings_of
from emotrack.training.tasks.voice import VoiceTask, VoiceTraining

AnyTraining = NetworkTraining | TextTraining | VoiceTraining | FaceTraining
EncoderTraining = TextTraining | VoiceTraining | FaceTraining
Chosen = TypeVar("Chosen")


@dataclass(frozen=True, slots=True)
class Kind(Generic[Chosen]):
    """A kind of training."""

    settings: type[Chosen]
    fingerprint: Callable[[Chosen, int], str]
    """The `Task.fingerprint` of one seed, for which the data are hashed and not read."""
    train: Callable[[Chosen, int, Path, str], None]
    """Train a seed into its folder, on a torch device."""
    learnt_from: Callable[[Chosen], str] | None = None
    """What it is trained on, in words; the network says so of its stores."""


def run(settings: AnyTraining) -> list[Path]:
    """Train every seed of `settings`, going on where an earlier run was interrupted; gives the folders of the
    bundles.

    Raises `UserError` where data are missing or damaged, or a folder holds another run.
    """
    torch.set_num_threads(settings.threads)
    # The same sums in the same order, or the same seed would not give the same weights.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    device = settings.choose_device()
    folders = [folder_of(settings, seed) for seed in settings.seeds]
    for seed, folder in zip(settings.seeds, folders, strict=True):
        if not is_done(settings, seed):
            KINDS[settings.train].train(settings, seed, folder, device)
    return folders


def _train_network(settings: NetworkTraining, seed: int, folder: Path, device: str) -> None:
    check_encoders(settings)
    data, configuration = read_data(settings)
    task = NetworkTask(data, configuration, settings, seed, device)
    with alone_in(folder), TrainingWatcher(f"network, seed {seed}", folder / "plots") as watcher:
        progress = train(task, settings.optimisation, folder / CHECKPOINT, watcher)
        save_network(folder, task.network.cpu(), data, settings, facts(settings, task, progress, device))


def _encoder_trainer(make: Callable[[Any, int, str], EncoderTask]) -> Callable[[Any, int, Path, str], None]:
    """What trains a seed of an encoder, whose task `make` makes."""

    def train_encoder(settings: EncoderTraining, seed: int, folder: Path, device: str) -> None:
        trained_on = learnt_from(
            settings
        )  # before hours are spent: it reads what earlier runs say of themselves
        task = make(settings, seed, device)
        with alone_in(folder), TrainingWatcher(f"{task.part}, seed {seed}", folder / "plots") as watcher:
            progress = train(task, settings.optimisation, folder / CHECKPOINT, watcher)
            part = NewPart(task.tensors(), LICENCES[task.part], trained_on, dict(task.notes()))
            metrics = {"training": {task.part: facts(settings, task, progress, device)}}
            save_bundle(folder, {task.part: part}, configuration=None, encoders={}, metrics=metrics)

    return train_encoder


def _texts_of(settings: TextTraining) -> str:
    earlier = [*settings.teachers, *([] if settings.start is None else [settings.start])]
    known = set(settings.auxiliary).union(*(settings_of(run)["auxiliary"] for run in earlier))
    return of_texts([name for name in get_args(FurtherName) if name in known], len(settings.teachers))


def _voices_of(settings: VoiceTraining) -> str:
    return of_voices(settings.actors()[0], [name for name in settings.copies() if name != "ravdess"])


KINDS: dict[str, Kind[Any]] = {
    "network": Kind(NetworkTraining, network.fingerprint, _train_network),
    "text": Kind(TextTraining, text.fingerprint, _encoder_trainer(TextTask), _texts_of),
    "voice": Kind(VoiceTraining, voice.fingerprint, _encoder_trainer(VoiceTask), _voices_of),
    "face": Kind(FaceTraining, face.fingerprint, _encoder_trainer(FaceTask), lambda _: FACES),
}
"""What can be trained, by its name in a configuration (`train`)."""


def learnt_from(settings: EncoderTraining) -> str:
    """What an encoder is trained on, in words."""
    told = KINDS[settings.train].learnt_from
    assert told is not None
    return told(settings)


def is_done(settings: AnyTraining, seed: int) -> bool:
    """Whether this very training is over and its bundle is whole: then there is nothing to read, and nothing
    is touched.

    Raises `UserError` where data are missing or the checkpoint is damaged.
    """
    folder = folder_of(settings, seed)
    checkpoint = folder / CHECKPOINT
    if not (checkpoint.exists() and finished(fingerprint(settings, seed), settings.optimisation, checkpoint)):
        return False
    try:
        load_manifest(folder)
    except UserError:
        return False
    return True


def folder_of(settings: AnyTraining, seed: int) -> Path:
    """Where the bundle of one seed lies."""
    return settings.out / f"seed-{seed}"


def fingerprint(settings: AnyTraining, seed: int) -> str:
    """The `Task.fingerprint` of one seed, for which the data are hashed and not read."""
    return KINDS[settings.train].fingerprint(settings, seed)


def facts(settings: AnyTraining, task: Task, progress: RunProgress, device: str) -> dict[str, Any]:
    """What a bundle keeps of how a part of it was trained."""
    return {
        "settings": settings.recipe(),
        "seed": task.seed,
        "fingerprint": task.fingerprint,
        "epochs": progress.epoch,
        "best_epoch": progress.best + 1,
        "dev": {name: round(value, 4) for name, value in progress.best_scores.items()},
        "seconds": round(progress.seconds),
        "hardware": f"{processor()}, {device}, {settings.threads} thread{'s' * (settings.threads > 1)}",
    }


def processor() -> str:
    """The processor's name where the system tells it, else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
