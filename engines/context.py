"""The part of the network that follows dialogues, run by engines: states are taken out of each dialogue, stepped, and put back."""

import numpy as np

from emotrack.engines.definition import Definition
from emotrack.engines.engine import Runs
from emotrack.engines.spec import Arrays, Port, Sizes, Spec, batch_axis
from emotrack.engines.utterance import network_arguments
from emotrack.model.bundle import Bundle
from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.memory import Floats, SpeakerMemory
from emotrack.model.state import ContextState

_BATCH = batch_axis()
_STATES = ("speaker_hidden", "speaker_cell", "dialogue_hidden", "dialogue_cell")


def step_spec(bundle: Bundle) -> Spec:
    """One step of the LSTMs of dialogue and speaker, with the live head."""
    configuration = bundle.configuration
    states = tuple(Port(name, "float32", (_BATCH, configuration.context_hidden)) for name in _STATES)

    def samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
        rows = sizes["batch"]
        vector = random.normal(size=(rows, configuration.width)).astype(np.float32)
        before = np.tanh(random.normal(size=(4, rows, configuration.context_hidden))).astype(np.float32)
        given = [(vector, before), (0 * vector, 0 * before), (10 * vector, before)]
        return [{"vector": one, **dict(zip(_STATES, memory, strict=True))} for one, memory in given]

    return Spec(
        name="context-step",
        inputs=(Port("vector", "float32", (_BATCH, configuration.width)), *states),
        outputs=(
            Port("logits", "float32", (_BATCH, len(configuration.classes))),
            *(Port(f"{port.name}_after", port.dtype, port.shape) for port in states),
        ),
        definition=Definition("emotrack.engines.networks.context", network_arguments(bundle), function="step"),
        samples=samples,
        decides="logits",
        gains_from_batching=True,
    )


def reviser_spec(bundle: Bundle) -> Spec:
    """The reviser over its window."""
    configuration = bundle.configuration
    window, hidden = configuration.window, configuration.context_hidden
    shapes = {"vectors": configuration.width, "speaking": hidden, "dialogue": hidden}
    floats = {name: Port(name, "float32", (_BATCH, window, width)) for name, width in shapes.items()}

    def samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
        rows = sizes["batch"]
        given = {name: np.tanh(random.normal(size=(rows, window, width))).astype(np.float32) for name, width in shapes.items()}
        speakers = random.integers(0, window, (rows, window))
        age = np.arange(window - 1, -1, -1)
        filled = [np.full((rows, 1), window), np.ones((rows, 1)), random.integers(1, window + 1, (rows, 1))]
        return [{**given, "speakers": speakers // (turn + 1), "valid": age < count} for turn, count in enumerate(filled)]

    return Spec(
        name="reviser",
        inputs=(
            floats["vectors"],
            Port("speakers", "int64", (_BATCH, window)),
            Port("valid", "bool", (_BATCH, window)),
            floats["speaking"],
            floats["dialogue"],
        ),
        outputs=(Port("logits", "float32", (_BATCH, window, len(configuration.classes))),),
        definition=Definition("emotrack.engines.networks.context", network_arguments(bundle), function="reviser"),
        samples=samples,
        decides="logits",
        gains_from_batching=True,
    )


class ContextEngines:
    """A `ContextNetwork`; the dialogues of any number of sessions may share one, and are stepped together where they meet."""

    def __init__(self, step: Runs, reviser: Runs, configuration: NetworkConfiguration) -> None:
        """`step` and `reviser`: of `step_spec` and `reviser_spec` of a bundle of this configuration."""
        self.configuration = configuration
        self._step = step
        self._reviser = reviser

    def step(self, vector: Floats, memory: SpeakerMemory) -> tuple[Floats, SpeakerMemory]:
        """See `ContextNetwork.step`."""
        found = self._step.run(vector=vector[None], **{name: getattr(memory, name)[None] for name in _STATES})
        return found["logits"][0], SpeakerMemory(**{name: found[f"{name}_after"][0] for name in _STATES})

    def revise(self, state: ContextState) -> Floats:
        """See `ContextNetwork.revise`."""
        _, places = np.unique(state.ring_speakers, return_inverse=True)
        found = self._reviser.run(
            vectors=state.ring_vectors[None],
            speakers=places.astype(np.int64)[None],
            valid=state.ring_valid[None],
            speaking=state.ring_speaking[None],
            dialogue=state.ring_dialogue[None],
        )
        logits: Floats = found["logits"][0]
        return logits
