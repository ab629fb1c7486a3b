"""Measures what the whole network says of a voice or a face alone, beside what its encoder's own head says of
the same."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from emotrack.modalities import Modality
from emotrack.model.bundle import Bundle
from emotrack.model.formats import EXPRESSIONS, VOICE_EMOTIONS
from emotrack.model.manifest import PartName
from emotrack.model.modules.face import FaceNetwork
from emotrack.model.modules.small import fill
from emotrack.model.modules.voice import VoiceTop
from emotrack.training.evaluation.measuring.labels import TEST_SEED
from emotrack.training.evaluation.records import Alone, OneMode
from emotrack.training.evaluation.sources import Advance, check_encoders
from emotrack.training.evaluation.tables.robustness import ALONE, FACES
from emotrack.training.features.store import Store
from emotrack.training.loop.metrics import percent, recall_by_class
from emotrack.training.tasks.network.data import RENAMED, of_classes
from emotrack.training.tasks.network.dialogues import ReadDialogue
from emotrack.training.tasks.network.evaluation import DialogueSet, measure, outcome

PARTS: dict[Modality, PartName] = {"audio": "voice", "face": "face"}


LEAST_CLIPS = 20
"""Of one person, for a share of them to mean anything."""


def alone_figures(bundle: Bundle, stores: Mapping[str, Store], advance: Advance) -> Alone:
    """Live labels of the test clips and pictures of those corpora that there is a store of, each as a
    dialogue of its own.

    Raises UserError where a store was made by other encoders than the bundle's.
    """
    found = {}
    for name in ALONE:
        modality: Modality = "face" if name == FACES else "audio"
        if name in stores and modality in bundle.configuration.trained and PARTS[modality] in bundle.parts:
            check_encoders(bundle, stores[name])
            found[name] = _one_mode(bundle, stores[name], modality)
        advance(f"{name} alone")
    return Alone(corpora=found)


def _one_mode(bundle: Bundle, store: Store, modality: Modality) -> OneMode:
    classes = bundle.configuration.classes
    read = list(of_classes(store, modality, "test", classes))
    labels = np.array([label for label, _, _ in read])
    head, names = _own_head(bundle, modality)
    with torch.inference_mode():
        answers = [
            names[int(head(torch.from_numpy(tokens)).softmax(1).mean(0).argmax())] for _, _, tokens in read
        ]
    own = np.array([classes.index(name) if name in classes else -1 for name in answers])
    dialogues = [
        ReadDialogue(({modality: tokens},), np.array([label]), np.zeros(1, np.int64))
        for label, _, tokens in read
    ]
    result = outcome(
        bundle.network, DialogueSet.draw(dialogues, None, bundle.configuration.widths, TEST_SEED), (modality,)
    )
    right = result.live.argmax(1).numpy() == labels
    people = np.array([person for _, person, _ in read])
    known = [] if modality == "face" else np.unique(people).tolist()  # nobody says whose the pictures are
    return OneMode(
        clips=len(labels),
        own=dict(recall_by_class(labels, own, classes)),
        whole=dict(recall_by_class(labels, result.live.argmax(1).numpy(), classes)),
        calibration_error=measure(bundle.network, result.live, result).calibration_error,
        people={
            one: percent(right[people == one].mean()) for one in known if (people == one).sum() >= LEAST_CLIPS
        },
    )


def _own_head(bundle: Bundle, modality: Modality) -> tuple[nn.Module, list[str]]:
    """The encoder's head on its descriptors, and the network's names of what it names."""
    if modality == "face":
        face = FaceNetwork()
        fill(face, bundle.parts["face"].path, "face")
        return face.eval().head, [RENAMED.get(name, name) for name in EXPRESSIONS]
    part = bundle.parts["voice"]
    voice = VoiceTop(part.tensors()["standard.running_mean"].numel())
    fill(voice, part.path, "voice")
    return voice.eval().head, [RENAMED.get(name, name) for name in VOICE_EMOTIONS]
