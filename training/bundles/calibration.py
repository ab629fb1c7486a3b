"""Fits a bundle's confidence to labelled dialogues of one's own: one temperature for each set of modes.

Nothing else of the bundle changes: the labels stay the same, only how sure they are (Guo et al., arXiv
1706.04599).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emotrack.errors import UserError
from emotrack.modalities import MODALITY_MODES, MODE_SETS, MODES
from emotrack.model.bundle import NewPart, load_bundle, load_manifest, save_bundle
from emotrack.model.network import EmotionNetwork, mode_set
from emotrack.training.evaluation.sources import check_encoders
from emotrack.training.features.store import Store
from emotrack.training.loop.metrics import expected_calibration_error
from emotrack.training.tasks.network.data import read_dialogues
from emotrack.training.tasks.network.evaluation import DialogueSet, best_temperature, outcome

LEAST = 50
"""Labelled utterances of the split dev from which a set of modes gets a temperature of its own."""
FIGURES = ("seeds", "mosi", "encoders")
"""What a bundle keeps of an evaluation, which is of the confidence that it had."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One set of modes: how many labelled utterances of dev have it, and its temperature and the calibration
    error, each before and after; no temperature where it is kept. The error is of the `judged` utterances of
    test that have the set; None where none has.
    """

    modes: str
    utterances: int
    temperatures: tuple[float, float] | None
    judged: int
    errors: tuple[float, float] | None


def calibrate(directory: Path, store: Store, out: Path) -> tuple[str, list[Fit]]:
    """Write the bundle in `directory`, calibrated on the split dev of `store`, to `out`; gives its identifier
    and what was fitted.

    Sets of modes of which dev has fewer than `LEAST` labelled utterances keep their temperature. Utterances
    with more modes than a set are read with only those of the set.

    Raises UserError where the bundle holds no network or made the store's features with other weights, or
    where dev is too small.
    """
    if out.resolve() == directory.resolve():
        raise UserError(f"{out} is the bundle that is read: give another folder.")
    bundle = load_bundle(directory)
    check_encoders(bundle, store)
    network, configuration = bundle.network, bundle.configuration
    dev, test = (_sets_of(network, store, split) for split in ("dev", "test"))
    temperatures, fits = list(configuration.temperatures), []
    for number in _usable(network):
        logits, labels = dev.get(number, (torch.empty(0), torch.empty(0)))
        if len(labels) < LEAST:
            fits.append(Fit(_name(number), len(labels), None, 0, None))
            continue
        before, after = temperatures[number], round(best_temperature(logits, labels), 4)
        judged = test.get(number)
        errors = None if judged is None else (_error(*judged, before), _error(*judged, after))
        fits.append(
            Fit(_name(number), len(labels), (before, after), 0 if judged is None else len(judged[1]), errors)
        )
        temperatures[number] = after
    if all(fit.temperatures is None for fit in fits):
        most = max((fit.utterances for fit in fits), default=0)
        raise UserError(
            f"{LEAST} utterances of the split dev that have the same modes and one of the labels "
            f"{', '.join(configuration.classes)} are needed, and {store.path} has {most}: label more, by "
            "these names."
        )
    manifest, files = load_manifest(directory)
    parts = {
        name: NewPart(file.tensors(), file.licence, file.trained_on, file.settings)
        for name, file in files.items()
    }
    metrics: dict[str, Any] = {name: value for name, value in manifest.metrics.items() if name not in FIGURES}
    metrics["calibrated_on"] = {
        "corpus": store.manifest.corpus,
        "store": store.manifest.key,
        "bundle": manifest.identifier,
    }
    if "dev" in metrics:
        metrics["dev"] = {**metrics["dev"], "temperatures": temperatures}
    changed = configuration.model_copy(update={"temperatures": tuple(temperatures)})
    return save_bundle(out, parts, configuration=changed, encoders=manifest.encoders, metrics=metrics), fits


def _sets_of(network: EmotionNetwork, store: Store, split: str) -> Mapping[int, tuple[Tensor, Tensor]]:
    """By set of modes, live logits [n, c] and labels [n] of the labelled utterances that have all of its
    modes, from them alone."""
    configuration = network.configuration
    dialogues = read_dialogues(store, split, classes=configuration.classes)
    if not dialogues:
        return {}
    held = DialogueSet.draw(dialogues, None, configuration.widths, 0)
    found = {}
    for number in _usable(network):
        result = outcome(
            network,
            held,
            [modality for modality in configuration.trained if MODALITY_MODES[modality] in _modes(number)],
        )
        whole = mode_set(result.modes) == number
        if whole.any():
            found[number] = result.live[whole], result.labels[whole]
    return found


def _usable(network: EmotionNetwork) -> list[int]:
    """The numbers of the sets of modes that the network was trained for; not of the empty one."""
    trained = {MODALITY_MODES[modality] for modality in network.configuration.trained}
    return [number for number in range(1, MODE_SETS) if _modes(number) <= trained]


def _modes(number: int) -> set[str]:
    return {mode for index, mode in enumerate(MODES) if number >> index & 1}


def _name(number: int) -> str:
    return "+".join(mode for mode in MODES if mode in _modes(number))


def _error(logits: Tensor, labels: Tensor, temperature: float) -> float:
    probabilities = torch.softmax(logits.double() / temperature, -1)
    return round(expected_calibration_error(probabilities.numpy(), labels.numpy()), 4)
