"""Measures what the whole network says of a voice or a face alone, beside what its encoder's own head says of the same."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from emotrack.engines.weights import fill
from emotrack.model.bundle import Bundle
from emotrack.model.configuration import Stream
from emotrack.model.face import FaceNetwork
from emotrack.model.formats import EXPRESSIONS, VOICE_EMOTIONS
from emotrack.model.manifest import PartName
from emotrack.model.voice import VoiceTop
from emotrack.training.dialogues import ReadDialogue
from emotrack.training.evaluation import DialogueSet, measure, outcome
from emotrack.training.features.store import Store
from emotrack.training.metrics import percent, recall_by_class
from emotrack.training.reading import RENAMED, of_classes
from emotrack.training.tables.measuring import TEST_SEED
from emotrack.training.tables.one_mode import CORPORA, FACES
from emotrack.training.tables.records import Alone, OneMode
from emotrack.training.tables.sources import Advance, check_encoders

PARTS: dict[Stream, PartName] = {"audio": "voice", "face": "face"}


LEAST_CLIPS = 20
"""Of one person, for a share of them to mean anything."""


def alone_figures(bundle: Bundle, stores: Mapping[str, Store], advance: Advance) -> Alone:
    """Live labels of the test clips and pictures of those corpora that there is a store of, each as a dialogue of its own.

    Raises UserError where a store was made by other encoders than the bundle's.
    """
    found = {}
    for name in CORPORA:
        stream: Stream = "face" if name == FACES else "audio"
        if name in stores and stream in bundle.configuration.trained and PARTS[stream] in bundle.parts:
            check_encoders(bundle, stores[name])
            found[name] = _one_mode(bundle, stores[name], stream)
        advance(f"{name} alone")
    return Alone(corpora=found)


def _one_mode(bundle: Bundle, store: Store, stream: Stream) -> OneMode:
    classes = bundle.configuration.classes
    read = list(of_classes(store, stream, "test", classes))
    labels = np.array([label for label, _, _ in read])
    head, names = _own_head(bundle, stream)
    with torch.inference_mode():
        answers = [names[int(head(torch.from_numpy(tokens)).softmax(1).mean(0).argmax())] for _, _, tokens in read]
    own = np.array([classes.index(name) if name in classes else -1 for name in answers])
    dialogues = [ReadDialogue(({stream: tokens},), np.array([label]), np.zeros(1, np.int64)) for label, _, tokens in read]
    result = outcome(bundle.network, DialogueSet.draw(dialogues, None, bundle.configuration.widths, TEST_SEED), (stream,))
    right = result.live.argmax(1).numpy() == labels
    people = np.array([person for _, person, _ in read])
    known = [] if stream == "face" else np.unique(people).tolist()  # nobody says whose the pictures are
    return OneMode(
        clips=len(labels),
        own=dict(recall_by_class(labels, own, classes)),
        whole=dict(recall_by_class(labels, result.live.argmax(1).numpy(), classes)),
        calibration_error=measure(bundle.network, result.live, result).calibration_error,
        people={one: percent(right[people == one].mean()) for one in known if (people == one).sum() >= LEAST_CLIPS},
    )


def _own_head(bundle: Bundle, stream: Stream) -> tuple[nn.Module, list[str]]:
    """The encoder's head on its descriptors, and the network's names of what it names."""
    if stream == "face":
        face = FaceNetwork()
        fill(face, bundle.parts["face"].path, "face")
        return face.eval().head, [RENAMED.get(name, name) for name in EXPRESSIONS]
    part = bundle.parts["voice"]
    voice = VoiceTop(part.tensors()["standard.running_mean"].numel())
    fill(voice, part.path, "voice")
    return voice.eval().head, [RENAMED.get(name, name) for name in VOICE_EMOTIONS]
