"""The one training loop: epochs over a task, with averaging, early stop, and a resume that gives the same
weights; watched by a progress bar, a line for each epoch, and TensorBoard's plots."""

import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.tensorboard import SummaryWriter
from typing_extensions import Self

from emotrack.errors import UserError
from emotrack.progress import Bar
from emotrack.training.loop.task import Task, load_checkpoint, save_checkpoint
from emotrack.training.settings import Optimisation


class TrainingWatcher:
    """Shows a training run as a bar, and writes its losses and figures where TensorBoard finds them; use it
    as a context."""

    def __init__(self, title: str, folder: Path) -> None:
        self._title = title
        self._folder = folder
        self._bar: Bar | None = None
        self._writer: SummaryWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.__exit__()
        if self._writer is not None:
            self._writer.close()

    def began(self, epochs: int, steps: int, done: int) -> None:
        """Open the bar, and the plots from the epoch where training goes on."""
        self._bar = Bar(self._title, epochs * steps).__enter__()
        self._bar.found(done * steps)
        self._writer = SummaryWriter(str(self._folder), purge_step=done)

    def stepped(self) -> None:
        """One more step."""
        assert self._bar is not None
        self._bar.done()

    def scored(self, epoch: int, losses: Mapping[str, float], scores: Mapping[str, float]) -> None:
        """An epoch is over."""
        assert self._bar is not None and self._writer is not None
        terms = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self._bar.tell(
            f"epoch {epoch + 1}: {terms}; dev "
            f"{', '.join(f'{name} {value:.2f}' for name, value in scores.items())}"
        )
        for group, values in (("loss", losses), ("dev", scores)):
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, epoch)
        self._writer.flush()


class Watcher(Protocol):
    """Is told how training goes: a progress bar, plots, or nobody."""

    def began(self, epochs: int, steps: int, done: int) -> None:
        """`done` of `epochs` epochs of `steps` steps were trained before."""
        ...

    def stepped(self) -> None:
        """One more step."""
        ...

    def scored(self, epoch: int, losses: Mapping[str, float], scores: Mapping[str, float]) -> None:
        """An epoch is over: mean of each loss term, and the figures on dev."""
        ...


@dataclass
class RunProgress:
    """How far a run is, and the epoch that it keeps."""

    epoch: int = 0
    """Epochs finished."""
    best: int = -1
    """Epoch whose weights are kept, or -1."""
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    """Figures on dev of each epoch."""
    losses: list[dict[str, float]] = field(default_factory=list)
    """Mean of each loss term of each epoch."""

    @property
    def best_scores(self) -> dict[str, float]:
        """Figures on dev of the epoch that is kept."""
        return self.history[self.best]

    def over(self, settings: Optimisation) -> bool:
        """Whether there is nothing left to train."""
        return self.epoch >= settings.epochs or self.epoch - 1 - self.best >= settings.patience


def train(task: Task, settings: Optimisation, checkpoint: Path, watcher: Watcher) -> RunProgress:
    """Train `task.network` and leave it as it was after the epoch that is kept, in evaluation mode.

    Goes on from `checkpoint` where that file exists. Raises `UserError` where it belongs to other data or
    settings.
    """
    optimizer = AdamW(task.groups(settings.rate), weight_decay=settings.decay)
    schedule = one_cycle(optimizer, settings.epochs * task.steps, settings.warmup)
    average = deepcopy(task.network) if settings.average else None
    state = _State(task, optimizer, schedule, average)
    if checkpoint.exists():
        state.restore(checkpoint)
    progress = state.progress
    watcher.began(settings.epochs, task.steps, progress.epoch)
    while not progress.over(settings):
        began = time.monotonic()
        losses = _epoch(task, settings, state, watcher)
        scored = task.network if average is None else average
        scored.eval()
        with torch.no_grad():
            task.settle(scored, progress.epoch)
            scores = dict(task.score(scored))
        progress.history.append(scores)
        progress.losses.append(losses)
        if progress.best < 0 or settings.keep == "last" or scores["score"] > progress.best_scores["score"]:
            progress.best = progress.epoch
            state.kept = {name: tensor.detach().clone() for name, tensor in moving_state(scored).items()}
        progress.epoch += 1
        progress.seconds += time.monotonic() - began
        # Told before it is saved: an epoch that is killed in between is told again, never left out.
        watcher.scored(progress.epoch - 1, losses, scores)
        state.save(checkpoint)
    task.network.load_state_dict(state.kept, strict=False)
    task.network.eval()
    return progress


def finished(fingerprint: str, settings: Optimisation, checkpoint: Path) -> bool:
    """Whether `checkpoint` is of the training with this `Task.fingerprint`, and there is nothing left to
    train."""
    if not checkpoint.exists():
        return False
    _, facts = load_checkpoint(checkpoint)
    return bool(facts["fingerprint"] == fingerprint and RunProgress(**facts["progress"]).over(settings))


def one_cycle(optimizer: AdamW, steps: int, warmup: float) -> OneCycleLR:
    """The rate rises for the share `warmup` of all `steps` and falls for the rest; torch divides by a rise of
    just one step."""
    highest = [group["lr"] for group in optimizer.param_groups]
    rise = warmup + 1e-9 if warmup * steps == 1 else warmup
    return OneCycleLR(optimizer, highest, total_steps=steps, pct_start=rise)


def _epoch(task: Task, settings: Optimisation, state: "_State", watcher: Watcher) -> dict[str, float]:
    """One epoch of steps: the mean of each loss term."""
    epoch = state.progress.epoch
    torch.manual_seed(hash((task.seed, epoch)) % 2**63)
    task.network.train()
    sums: dict[str, float] = {}
    for batch in task.batches(epoch):
        state.optimizer.zero_grad()
        losses = task.losses(batch)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(task.network.parameters(), settings.clip)
        state.optimizer.step()
        state.schedule.step()
        if state.average is not None:
            follow(state.average, task.network, state.schedule.last_epoch, settings.average)
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value.item()
        watcher.stepped()
    return {name: total / task.steps for name, total in sums.items()}


def moving_state(network: nn.Module) -> dict[str, Tensor]:
    """Everything that training changes: the state without the parameters that are frozen."""
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    return {name: tensor for name, tensor in network.state_dict().items() if name not in frozen}


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, step: int, decay: float) -> None:
    """Move the averaged weights and running statistics a step towards the network's; the first steps count
    more."""
    share = 1 - min(decay, (1 + step) / (10 + step))
    for kept, new in zip(moving_state(average).values(), moving_state(network).values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, share)
        else:
            kept.copy_(new)


class _State:
    """Everything that the next epoch depends on."""

    def __init__(self, task: Task, optimizer: AdamW, schedule: OneCycleLR, average: nn.Module | None) -> None:
        self.progress = RunProgress()
        self.kept: dict[str, Tensor] = {}
        self.optimizer = optimizer
        self.schedule = schedule
        self.average = average
        self._task = task

    def save(self, path: Path) -> None:
        """Write all of it."""
        moments = self.optimizer.state_dict()
        tensors: dict[str, Mapping[str, Tensor]] = {
            "network": moving_state(self._task.network),
            "kept": self.kept,
        }
        if self.average is not None:
            tensors["average"] = moving_state(self.average)
        tensors["optimizer"] = {
            f"{index}.{name}": value for index, one in moments["state"].items() for name, value in one.items()
        }
        facts = {
            "fingerprint": self._task.fingerprint,
            "groups": moments["param_groups"],
            "schedule": {
                name: value for name, value in self.schedule.state_dict().items() if not callable(value)
            },
            "progress": vars(self.progress),
        }
        save_checkpoint(path, tensors, facts)

    def restore(self, path: Path) -> None:
        """Read it back."""
        tensors, facts = load_checkpoint(path)
        if facts["fingerprint"] != self._task.fingerprint:
            raise UserError(
                f"The run in {path.parent} was begun with other data or settings: give another `out`, or "
                "delete that folder."
            )
        shapes = {name: tensor.shape for name, tensor in tensors["network"].items()}
        if shapes != {name: tensor.shape for name, tensor in moving_state(self._task.network).items()}:
            raise UserError(
                f"The run in {path.parent} is of a network of other layers: give another `out`, or delete "
                "that folder."
            )
        self._task.network.load_state_dict(tensors["network"], strict=False)
        if self.average is not None:
            self.average.load_state_dict(tensors["average"], strict=False)
        moments: dict[int, dict[str, Any]] = {}
        for key, value in tensors["optimizer"].items():
            index, _, name = key.partition(".")
            moments.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict({"state": moments, "param_groups": facts["groups"]})
        self.schedule.load_state_dict(facts["schedule"])
        self.progress = RunProgress(**facts["progress"])
        self.kept = tensors["kept"]
