"""Measures the voice and the face network of a bundle by themselves, from stores of what they describe.

Both name emotions by a linear head on their descriptors, so the stores that fusion is trained from serve here
as well.
"""

import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from emotrack.errors import UserError
from emotrack.model.bundle import MANIFEST, Bundle, load_manifest
from emotrack.model.formats import EXPRESSIONS, FACE_SIZE, VOICE_EMOTIONS
from emotrack.model.modules.face import FaceNetwork
from emotrack.model.modules.small import fill
from emotrack.model.modules.voice import VoiceTop
from emotrack.training.corpora.ferplus import majority
from emotrack.training.evaluation.measuring.labels import unweighted_accuracy
from emotrack.training.evaluation.records import FaceFigures, VoiceFigures
from emotrack.training.features.store import Store
from emotrack.training.loop.metrics import percent, recall_by_class
from emotrack.training.tasks.voice import FOLDS

TIMED = 50
"""Faces that one is timed by."""


@torch.inference_mode()
def voice_figures(bundle: Bundle, ravdess: Store, emodb: Store | None) -> VoiceFigures:
    """The voice network of a bundle that has one on RAVDESS's test actors and on EmoDB."""
    part = bundle.parts["voice"]
    network = VoiceTop(part.tensors()["standard.running_mean"].numel())
    fill(network, part.path, "voice")
    labels, named, rows = clips(network, ravdess)
    recalls = recall_by_class(labels, named, VOICE_EMOTIONS)
    sexes = np.array([ravdess.rows[row].sex or "" for row in rows])
    by_sex = {
        sex: unweighted_accuracy(recall_by_class(labels[sexes == sex], named[sexes == sex], VOICE_EMOTIONS))
        for sex in ("female", "male")
        if (sexes == sex).any()
    }
    figures = VoiceFigures(
        accuracy=unweighted_accuracy(recalls), clips=len(labels), by_sex=by_sex, recall_by_class=dict(recalls)
    )
    if emodb is None:
        return figures
    labels, named, _ = clips(network, emodb)
    # EmoDB has no calm speech; as everywhere in emotrack, calm counts as neutral.
    named[named == VOICE_EMOTIONS.index("calm")] = VOICE_EMOTIONS.index("neutral")
    recalls = recall_by_class(labels, named, VOICE_EMOTIONS)
    return figures.model_copy(
        update={
            "emodb": unweighted_accuracy(recalls),
            "emodb_clips": len(labels),
            "emodb_recall_by_class": dict(recalls),
        }
    )


def clips(network: VoiceTop, store: Store) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Label and named emotion of each test clip, int [n], and the clips' rows; the segments' probabilities
    are averaged."""
    network.eval()
    rows = [
        index
        for index, row in enumerate(store.rows)
        if row.split == "test" and row.label in VOICE_EMOTIONS and "audio" in store.tokens(index)
    ]
    named = []
    for row in rows:
        descriptors = torch.from_numpy(store.tokens(row)["audio"].astype(np.float32))
        named.append(int(network.head(descriptors).softmax(1).mean(0).argmax()))
    return (
        np.array([VOICE_EMOTIONS.index(store.rows[row].label or "") for row in rows]),
        np.array(named),
        rows,
    )


@torch.inference_mode()
def face_figures(bundle: Bundle, ferplus: Store) -> FaceFigures:
    """The face network of a bundle that has one on the test pictures that a strict majority names."""
    network = FaceNetwork()
    fill(network, bundle.parts["face"].path, "face")
    network.eval().to(memory_format=torch.channels_last)
    rows = [index for index, row in enumerate(ferplus.rows) if row.split == "test" and row.version == 0]
    labels = majority(np.array([ferplus.rows[row].votes for row in rows]))
    rows, labels = [row for row, label in zip(rows, labels, strict=True) if label >= 0], labels[labels >= 0]
    descriptors = np.concatenate([ferplus.tokens(row)["face"] for row in rows]).astype(np.float32)
    named = network.head(torch.from_numpy(descriptors)).argmax(1).numpy()
    return FaceFigures(
        accuracy=percent((named == labels).mean()),
        pictures=len(labels),
        recall_by_class=dict(recall_by_class(labels, named, EXPRESSIONS)),
        parameters=sum(one.numel() for one in network.parameters()),
        milliseconds=milliseconds(network),
    )


def milliseconds(network: nn.Module) -> float:
    """Median processor time of one face on one thread, which other programs on the machine do not
    lengthen."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    face, taken = torch.zeros(1, FACE_SIZE, FACE_SIZE), []
    for _ in range(TIMED):
        began = time.thread_time()
        network(face)
        taken.append(time.thread_time() - began)
    torch.set_num_threads(threads)
    return round(1000 * float(np.median(taken)), 2)


def fold_accuracies(folder: Path) -> list[float]:
    """Unweighted accuracy, in percent, of each run below `folder` on the actors of its fold, in the order of
    `FOLDS`.

    Raises `UserError` where those are not one recipe's runs of every fold.
    """
    runs = [path.parent for path in sorted(folder.glob(f"*/*/{MANIFEST}"))]
    trained = {run: load_manifest(run)[0].metrics.get("training", {}).get("voice") for run in runs}
    for run, one in trained.items():
        if one is None or one["settings"].get("fold") is None:
            raise UserError(f"{run} is no run of the voice recipe on one fold: train it with --set fold=N.")
    by_fold = {one["settings"]["fold"]: one for one in trained.values()}
    if len(trained) != len(FOLDS) or len(by_fold) != len(FOLDS):
        raise UserError(
            f"{folder} holds runs of the folds {sorted(by_fold)}: it needs one of each of 1 to {len(FOLDS)}."
        )
    recipes = [one["settings"] | {"fold": None} for one in by_fold.values()]
    if any(recipe != recipes[0] for recipe in recipes):
        raise UserError(
            f"The runs in {folder} have different recipes: train all of them with the same settings."
        )
    return [round(by_fold[fold]["dev"]["score"], 2) for fold in sorted(by_fold)]
