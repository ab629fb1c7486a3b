"""What each mode and each stream did for a label: by how much its odds would change without them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from emotrack.model.configuration import MODES, STREAM_MODES, STREAMS, Stream
from emotrack.model.memory import Floats


def influences(logits: Floats, contributions: Floats) -> NDArray[np.float64]:
    """By how much (nats, absolute) the odds of the most probable label change when each mode is left out, [3].

    `logits` [C] would be less by `contributions` [3, C] without each of the modes.
    """
    whole = logits.astype(np.float64)
    named = int(whole.argmax())
    return np.abs(_log_odds(whole, named) - _log_odds(whole - contributions.astype(np.float64), named))


def stream_weights(influence: Sequence[float], tokens: Mapping[Stream, int]) -> dict[Stream, float]:
    """Each stream's share in all that its modes did, summing to 1 (to 0 without any stream); an absent stream has none.

    `influence` [3]: of each mode; `tokens`: how many each present stream has. Face and body share the weight of vision by them.
    """
    together = {mode: sum(count for stream, count in tokens.items() if STREAM_MODES[stream] == mode) for mode in MODES}
    parts = {mode: part for mode, part in zip(MODES, influence, strict=True) if together[mode]}
    if not sum(parts.values()):  # nothing that is present says anything: what there is counts alike
        parts = dict.fromkeys(parts, 1.0)
    whole = sum(parts.values())
    return {
        stream: parts[STREAM_MODES[stream]] / whole * tokens[stream] / together[STREAM_MODES[stream]] if tokens.get(stream) else 0.0
        for stream in STREAMS
    }


def _log_odds(logits: NDArray[np.float64], named: int) -> NDArray[np.float64]:
    """Of one class against all others, [..., C] to [...]."""
    others = np.delete(logits, named, -1)
    largest = others.max(-1, keepdims=True)
    return np.asarray(logits[..., named] - largest[..., 0] - np.log(np.exp(others - largest).sum(-1)))
