"""A training run from its configuration: for each seed a folder that is a bundle of what was trained, and can be gone on with."""

import os
import platform
from pathlib import Path
from typing import Any, get_args

import torch

from emotrack.model.bundle import NewPart, load_manifest, save_bundle
from emotrack.model.errors import UserError
from emotrack.training import face, network, text, voice
from emotrack.training.alone import alone_in
from emotrack.training.checkpoint import CHECKPOINT
from emotrack.training.face import FaceTask, FaceTraining
from emotrack.training.licences import FACES, LICENCES, of_texts, of_voices
from emotrack.training.loop import Progress, finished, train
from emotrack.training.network import NetworkTask, read_data
from emotrack.training.network_bundle import check_encoders, save_network
from emotrack.training.network_settings import NetworkTraining
from emotrack.training.task import EncoderTask, Task
from emotrack.training.teachers import settings_of
from emotrack.training.text import TextTask
from emotrack.training.text_settings import FurtherName, TextTraining
from emotrack.training.voice import VoiceTask, VoiceTraining
from emotrack.training.watcher import TrainingWatcher

AnyTraining = NetworkTraining | TextTraining | VoiceTraining | FaceTraining
TRAININGS: dict[str, type[AnyTraining]] = {
    "network": NetworkTraining,
    "text": TextTraining,
    "voice": VoiceTraining,
    "face": FaceTraining,
}
"""What can be trained, by its name in a configuration (`train`)."""


def run(settings: AnyTraining) -> list[Path]:
    """Train every seed of `settings`, going on where an earlier run was interrupted; gives the folders of the bundles.

    Raises `UserError` where data are missing or damaged, or a folder holds another run.
    """
    torch.set_num_threads(settings.threads)
    # The same sums in the same order, or the same seed would not give the same weights.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    device = settings.choose_device()
    folders = [folder_of(settings, seed) for seed in settings.seeds]
    for seed, folder in zip(settings.seeds, folders, strict=True):
        if is_done(settings, seed):
            continue
        if isinstance(settings, NetworkTraining):
            _train_network(settings, seed, folder, device)
        else:
            _train_encoder(settings, seed, folder, device)
    return folders


def _train_network(settings: NetworkTraining, seed: int, folder: Path, device: str) -> None:
    check_encoders(settings)
    data, configuration = read_data(settings)
    task = NetworkTask(data, configuration, settings, seed, device)
    with alone_in(folder), TrainingWatcher(f"network, seed {seed}", folder / "plots") as watcher:
        progress = train(task, settings.optimisation, folder / CHECKPOINT, watcher)
        save_network(folder, task.network.cpu(), data, settings, facts(settings, task, progress, device))


def _train_encoder(settings: TextTraining | VoiceTraining | FaceTraining, seed: int, folder: Path, device: str) -> None:
    trained_on = learnt_from(settings)  # before hours are spent: it reads what earlier runs say of themselves
    task: EncoderTask
    match settings:
        case TextTraining():
            task = TextTask(settings, seed, device)
        case VoiceTraining():
            task = VoiceTask(settings, seed, device)
        case FaceTraining():
            task = FaceTask(settings, seed, device)
    with alone_in(folder), TrainingWatcher(f"{task.part}, seed {seed}", folder / "plots") as watcher:
        progress = train(task, settings.optimisation, folder / CHECKPOINT, watcher)
        part = NewPart(task.tensors(), LICENCES[task.part], trained_on, dict(task.notes()))
        metrics = {"training": {task.part: facts(settings, task, progress, device)}}
        save_bundle(folder, {task.part: part}, configuration=None, encoders={}, metrics=metrics)


def learnt_from(settings: TextTraining | VoiceTraining | FaceTraining) -> str:
    """What an encoder is trained on, in words."""
    match settings:
        case TextTraining():
            earlier = [*settings.teachers, *([] if settings.start is None else [settings.start])]
            known = set(settings.auxiliary).union(*(settings_of(run)["auxiliary"] for run in earlier))
            return of_texts([name for name in get_args(FurtherName) if name in known], len(settings.teachers))
        case VoiceTraining():
            return of_voices(settings.actors()[0], [name for name in settings.copies() if name != "ravdess"])
        case FaceTraining():
            return FACES


def is_done(settings: AnyTraining, seed: int) -> bool:
    """Whether this very training is over and its bundle is whole: then there is nothing to read, and nothing is touched.

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
    match settings:
        case NetworkTraining():
            return network.fingerprint(settings, seed)
        case TextTraining():
            return text.fingerprint(settings, seed)
        case VoiceTraining():
            return voice.fingerprint(settings, seed)
        case FaceTraining():
            return face.fingerprint(settings, seed)


def facts(settings: AnyTraining, task: Task, progress: Progress, device: str) -> dict[str, Any]:
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
