"""What adapters trained before say of dialogue lines, for a new one to learn from (noisy student, Xie et al.,
arXiv 1911.04252)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotrack.engines.networks.passages import Window
from emotrack.errors import UserError
from emotrack.model.bundle import load_manifest
from emotrack.training.loop.task import CHECKPOINT, load_checkpoint
from emotrack.training.tasks.text.lines import LabelledLines, LineClassifier, LinePacker

TOGETHER = 16
"""Dialogues read at once."""


def taught(
    dialogues: Sequence[LabelledLines],
    teachers: Sequence[Path],
    corpus: str,
    classes: Sequence[str],
    device: str,
) -> list[LabelledLines]:
    """The dialogues with the mean probability [T, c] that the `teachers` (folders of runs) give each class of
    `corpus`.

    Raises `UserError` where a folder holds no finished training of a text adapter.
    """
    answers = [np.zeros((len(one.lines), len(classes)), np.float32) for one in dialogues]
    for teacher in teachers:
        for total, probabilities in zip(
            answers, _answers(dialogues, teacher, corpus, classes, device), strict=True
        ):
            total += probabilities / len(teachers)
    return [replace(one, shares=answer) for one, answer in zip(dialogues, answers, strict=True)]


def settings_of(teacher: Path) -> Mapping[str, Any]:
    """How the adapter in the folder `teacher` was trained. Raises `UserError` where that holds none."""
    trained = load_manifest(teacher)[0].metrics.get("training", {}).get("text")
    if trained is None:
        raise UserError(
            f"{teacher} holds no trained text adapter to learn from: name the folder of a finished one."
        )
    settings: Mapping[str, Any] = trained["settings"]
    return settings


@torch.no_grad()
def _answers(
    dialogues: Sequence[LabelledLines], teacher: Path, corpus: str, classes: Sequence[str], device: str
) -> list[np.ndarray]:
    settings = settings_of(teacher)
    network = LineClassifier(settings["base"], settings["rank"], 0.0, {corpus: classes}).to(device).eval()
    network.load_state_dict(load_checkpoint(teacher / CHECKPOINT)[0]["kept"], strict=False)
    packer = LinePacker(network.tokenizer, Window(**settings["window"]), device)
    found = [np.zeros((len(one.lines), len(classes)), np.float32) for one in dialogues]
    order = sorted(
        range(len(dialogues)), key=lambda index: sum(len(line.text) for line in dialogues[index].lines)
    )
    for start in range(0, len(order), TOGETHER):
        together = order[start : start + TOGETHER]
        # The label of a line is its place here, so that the answers find their way back.
        places = [(index, line) for index in together for line in range(len(dialogues[index].lines))]
        ends = np.cumsum([0, *(len(dialogues[index].lines) for index in together)])
        numbered = [
            LabelledLines(dialogues[index].lines, tuple(range(first, last)))
            for index, first, last in zip(together, ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        ]
        batch = packer.batch(corpus, numbered)
        with torch.autocast(
            device, torch.bfloat16, enabled=device != "cpu"
        ):  # few processors have it of their own
            probabilities = network(batch).softmax(1).cpu().numpy()
        for number, answer in zip(batch.labels.tolist(), probabilities, strict=True):
            index, line = places[number]
            found[index][line] = answer
    return found
