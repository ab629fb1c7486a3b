"""Everything of the network that looks at one utterance by itself: its streams' tokens become one row."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emotrack.engines.definition import Definition
from emotrack.engines.engine import Runs
from emotrack.engines.spec import Arrays, Axis, Port, Sizes, Spec, batch_axis
from emotrack.model.bundle import Bundle
from emotrack.model.configuration import MODES, STREAM_MODES, STREAMS, Stream
from emotrack.model.memory import Floats
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
    tokens = tuple(Port(stream, "float32", (_BATCH, _TOKENS[stream], widths[stream])) for stream in STREAMS)

    def samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
        given = {port.name: _random(port, sizes, random) for port in tokens}
        longest = np.array([sizes[_TOKENS[stream].name] for stream in STREAMS])
        shape = (sizes["batch"], len(STREAMS))
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
        inputs=(*tokens, Port("counts", "int64", (_BATCH, len(STREAMS)))),
        outputs=(
            Port("row", "float32", (_BATCH, configuration.row_width)),
            Port("weights", "float32", (_BATCH, len(STREAMS))),
            Port("imputed", "bool", (_BATCH, len(MODES))),
        ),
        definition=Definition("emotrack.engines.networks.utterance", network_arguments(bundle)),
        samples=samples,
        gains_from_batching=True,
    )


def network_arguments(bundle: Bundle) -> dict[str, object]:
    """What the functions that build a bundle's network take. Temperatures divide what engines give, so none is made for others."""
    configuration = bundle.configuration.model_dump_json(exclude={"temperatures"})
    return {"weights": bundle.parts["network"].path, "configuration": configuration}


@dataclass(frozen=True, slots=True)
class Fused:
    """One utterance by itself."""

    row: Floats
    """What it leaves to its dialogue [row_width]; see `emotrack.model.said`."""
    weights: dict[Stream, float]
    """The share of each stream in its fused vector, summing to 1 (to 0 where nothing is present)."""
    imputed: dict[Stream, bool]
    """Whether the stream's mode is missing and covered by the joint embedding."""


class UtteranceFusion:
    """Fuses utterances; any number of sessions may share one."""

    def __init__(self, engine: Runs, bundle: Bundle) -> None:
        """`engine`: of `utterance_spec` of the same bundle."""
        self._engine = engine
        self._widths = bundle.configuration.widths.model_dump()

    def fuse(self, tokens: Mapping[Stream, np.ndarray]) -> Fused:
        """Token vectors [n, width] by stream, absent ones left out; raises `UserError` where they have another width."""
        given = {stream: padded([tokens.get(stream)], stream, self._widths[stream]) for stream in STREAMS}
        counts = np.stack([count for _, count in given.values()], 1)
        found = self._engine.run(**{stream: values for stream, (values, _) in given.items()}, counts=counts)
        imputed = dict(zip(MODES, found["imputed"][0].tolist(), strict=True))
        return Fused(
            found["row"][0],
            dict(zip(STREAMS, found["weights"][0].tolist(), strict=True)),
            {stream: imputed[STREAM_MODES[stream]] for stream in STREAMS},
        )


def _random(port: Port, sizes: Sizes, random: np.random.Generator) -> np.ndarray:
    return random.normal(size=port.lengths(sizes)).astype(np.float32)
