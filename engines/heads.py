"""The bundle's own network as engines: what fuses an utterance, and what follows the dialogue."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.engine import EngineDescription, RunnableEngine
from emotrack.engines.contract.spec import Arrays, Axis, Port, Sizes, Spec, batch_axis
from emotrack.engines.running.pool import EnginePool
from emotrack.modalities import MODALITIES, MODALITY_MODES, MODES, Modality
from emotrack.model.bundle import Bundle
from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.dialogue.state import ContextState, Floats, LabelLogits, SpeakerMemory
from emotrack.model.tokens import padded

_BATCH = batch_axis()
_TOKENS = {
    "text": Axis("words", (16, 32, 64, 128), typical=12),
    "audio": Axis("segments", (8, 32, 128), typical=4),
    "face": Axis("faces", (16,), typical=8),
    "body": Axis("bodies", (16,), typical=1),
}


def utterance_spec(bundle: Bundle) -> Spec:
    """ACN, JE and QAF of a bundle's network."""
    configuration = bundle.configuration
    widths = configuration.widths.model_dump()
    tokens = tuple(
        Port(modality, "float32", (_BATCH, _TOKENS[modality], widths[modality])) for modality in MODALITIES
    )

    def samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
        given = {port.name: _random(port, sizes, random) for port in tokens}
        longest = np.array([sizes[_TOKENS[modality].name] for modality in MODALITIES])
        shape = (sizes["batch"], len(MODALITIES))
        full = np.broadcast_to(longest, shape).astype(np.int64).copy()
        partly = random.integers(0, longest + 1, shape)
        return [
            {**given, "counts": full},
            {**given, "counts": partly},
            {**given, "counts": partly * random.integers(0, 2, shape)},
            {**given, "counts": np.zeros(shape, np.int64)},
        ]

    return Spec(
        name="utterance",
        inputs=(*tokens, Port("counts", "int64", (_BATCH, len(MODALITIES)))),
        outputs=(
            Port("row", "float32", (_BATCH, configuration.row_width)),
            Port("weights", "float32", (_BATCH, len(MODALITIES))),
            Port("imputed", "bool", (_BATCH, len(MODES))),
        ),
        definition=Definition("emotrack.engines.networks.utterance", network_arguments(bundle)),
        samples=samples,
        gains_from_batching=True,
    )


def network_arguments(bundle: Bundle) -> dict[str, object]:
    """What the functions that build a bundle's network take. Temperatures divide what engines give, so none
    is made for others."""
    configuration = bundle.configuration.model_dump_json(exclude={"temperatures"})
    return {"weights": bundle.parts["network"].path, "configuration": configuration}


@dataclass(frozen=True, slots=True)
class Fused:
    """One utterance by itself."""

    row: Floats
    """What it leaves to its dialogue [row_width]; see `emotrack.model.modules.context`."""
    weights: dict[Modality, float]
    """The share of each modality in its fused vector, summing to 1 (to 0 where nothing is present)."""
    imputed: dict[Modality, bool]
    """Whether the modality's mode is missing and covered by the joint embedding."""


class UtteranceFusion:
    """Fuses utterances; any number of sessions may share one."""

    def __init__(self, engine: RunnableEngine, bundle: Bundle) -> None:
        """`engine`: of `utterance_spec` of the same bundle."""
        self._engine = engine
        self._widths = bundle.configuration.widths.model_dump()

    def fuse(self, tokens: Mapping[Modality, np.ndarray]) -> Fused:
        """Token vectors [n, width] by modality, absent ones left out; raises `UserError` where they have
        another width."""
        given = {
            modality: padded([tokens.get(modality)], modality, self._widths[modality])
            for modality in MODALITIES
        }
        counts = np.stack([count for _, count in given.values()], 1)
        found = self._engine.run(
            **{modality: values for modality, (values, _) in given.items()}, counts=counts
        )
        imputed = dict(zip(MODES, found["imputed"][0].tolist(), strict=True))
        return Fused(
            found["row"][0],
            dict(zip(MODALITIES, found["weights"][0].tolist(), strict=True)),
            {modality: imputed[MODALITY_MODES[modality]] for modality in MODALITIES},
        )


def _random(port: Port, sizes: Sizes, random: np.random.Generator) -> np.ndarray:
    return random.normal(size=port.lengths(sizes)).astype(np.float32)


_STATES = ("speaker_hidden", "speaker_cell", "dialogue_hidden", "dialogue_cell")


def step_spec(bundle: Bundle) -> Spec:
    """One step of the LSTMs of dialogue and speaker, with the live label."""
    configuration = bundle.configuration
    classes = len(configuration.classes)
    memory = memory_ports(configuration)
    label = [Port("logits", "float32", (_BATCH, classes))]
    if configuration.weighs_evidence:
        label += [
            Port("evidence", "float32", (_BATCH, classes)),
            Port("contributions", "float32", (_BATCH, len(MODES), classes)),
        ]
    if configuration.memory:
        label.append(Port("row_after", "float32", (_BATCH, configuration.row_width)))

    def samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
        row = _rows(random, (sizes["batch"],), configuration)
        before = {
            port.name: np.tanh(random.normal(size=port.lengths(sizes))).astype(np.float32) for port in memory
        }
        if "usual" in before:
            before["usual"] = np.abs(before["usual"])
            before["usual_count"] = random.integers(0, 9, before["usual_count"].shape).astype(np.float32)
        nothing = {name: 0 * values for name, values in before.items()}
        return [{"row": row, **before}, {"row": 0 * row, **nothing}, {"row": row, **nothing}]

    return Spec(
        name="context-step",
        inputs=(Port("row", "float32", (_BATCH, configuration.row_width)), *memory),
        outputs=(*label, *(Port(f"{port.name}_after", port.dtype, port.shape) for port in memory)),
        definition=Definition(
            "emotrack.engines.networks.context", network_arguments(bundle), function="step"
        ),
        samples=samples,
        decides="logits",
        gains_from_batching=True,
    )


def memory_ports(configuration: NetworkConfiguration) -> tuple[Port, ...]:
    """What a step takes of a `SpeakerMemory`, and gives back."""
    states = tuple(Port(name, "float32", (_BATCH, configuration.context_hidden)) for name in _STATES)
    shown, numbers = configuration.usual_shape
    if not shown:
        return states
    return (
        *states,
        Port("usual", "float32", (_BATCH, shown, numbers)),
        Port("usual_count", "float32", (_BATCH, shown)),
    )


def reviser_spec(bundle: Bundle) -> Spec:
    """The reviser over its window."""
    configuration = bundle.configuration
    window, hidden, classes = configuration.window, configuration.context_hidden, len(configuration.classes)
    shapes = {"speaking": hidden, "dialogue": hidden} | (
        {"evidence": classes} if configuration.weighs_evidence else {}
    )
    floats = [Port(name, "float32", (_BATCH, window, width)) for name, width in shapes.items()]

    def samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
        rows = sizes["batch"]
        given = {
            name: np.tanh(random.normal(size=(rows, window, width))).astype(np.float32)
            for name, width in shapes.items()
        }
        given["rows"] = _rows(random, (rows, window), configuration)
        speakers = random.integers(0, window, (rows, window))
        age = np.arange(window - 1, -1, -1)
        filled = [np.full((rows, 1), window), np.ones((rows, 1)), random.integers(1, window + 1, (rows, 1))]
        return [
            {**given, "speakers": speakers // (turn + 1), "valid": age < count}
            for turn, count in enumerate(filled)
        ]

    return Spec(
        name="reviser",
        inputs=(
            Port("rows", "float32", (_BATCH, window, configuration.row_width)),
            Port("speakers", "int64", (_BATCH, window)),
            Port("valid", "bool", (_BATCH, window)),
            *floats,
        ),
        outputs=(Port("logits", "float32", (_BATCH, window, classes)),),
        definition=Definition(
            "emotrack.engines.networks.context", network_arguments(bundle), function="reviser"
        ),
        samples=samples,
        decides="logits",
        gains_from_batching=True,
    )


class ContextEngines:
    """A `ContextNetwork`; the dialogues of any number of sessions may share one, and are stepped together
    where they meet."""

    def __init__(
        self, step: RunnableEngine, reviser: RunnableEngine, configuration: NetworkConfiguration
    ) -> None:
        """`step` and `reviser`: of `step_spec` and `reviser_spec` of a bundle of this configuration."""
        self.configuration = configuration
        self._step = step
        self._reviser = reviser
        self._memory = tuple(port.name for port in memory_ports(configuration))

    def step(self, row: Floats, memory: SpeakerMemory) -> tuple[LabelLogits, SpeakerMemory]:
        """See `ContextNetwork.step`."""
        found = self._step.run(row=row[None], **{name: getattr(memory, name)[None] for name in self._memory})
        logits = found["logits"][0]
        if self.configuration.weighs_evidence:
            label = LabelLogits(logits, found["evidence"][0], found["contributions"][0], row)
        else:
            completed = found["row_after"][0] if self.configuration.memory else row
            label = LabelLogits(
                logits, 0 * logits, np.zeros((len(MODES), len(logits)), np.float32), completed
            )
        kept = {"usual": memory.usual, "usual_count": memory.usual_count}
        return label, SpeakerMemory(**{**kept, **{name: found[f"{name}_after"][0] for name in self._memory}})

    def revise(self, state: ContextState) -> Floats:
        """See `ContextNetwork.revise`."""
        _, places = np.unique(state.ring_speakers, return_inverse=True)
        beside = {"evidence": state.ring_evidence[None]} if self.configuration.weighs_evidence else {}
        found = self._reviser.run(
            rows=state.ring_rows[None],
            speakers=places.astype(np.int64)[None],
            valid=state.ring_valid[None],
            speaking=state.ring_speaking[None],
            dialogue=state.ring_dialogue[None],
            **beside,
        )
        logits: Floats = found["logits"][0]
        return logits


def _rows(random: np.random.Generator, shape: tuple[int, ...], configuration: NetworkConfiguration) -> Floats:
    """Rows as utterances leave them, with random modes."""
    rows = random.normal(size=(*shape, configuration.row_width)).astype(np.float32)
    rows[..., -len(MODES) :] = random.integers(0, 2, (*shape, len(MODES)))
    return rows


@dataclass(frozen=True, slots=True)
class Heads:
    """Shared by all sessions with the same bundle; the state of each session is its own."""

    fusion: UtteranceFusion
    context: ContextEngines
    engines: tuple[EngineDescription, ...]


def open_heads(pool: EnginePool, bundle: Bundle) -> Heads:
    """Raises `UserError` where the weights do not fit the bundle's configuration, or nothing can run them as
    asked for."""
    utterance, step, reviser = (
        pool.engine(spec(bundle)) for spec in (utterance_spec, step_spec, reviser_spec)
    )
    return Heads(
        UtteranceFusion(utterance, bundle),
        ContextEngines(step, reviser, bundle.configuration),
        (utterance.info, step.info, reviser.info),
    )
