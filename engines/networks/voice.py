"""Our voice network with its weights."""

from pathlib import Path

from emotrack.engines.weights import fill
from emotrack.model.voice import VoiceNetwork


def network(weights: Path, filters: Path) -> VoiceNetwork:
    """Segments [B, 24000] to descriptors [B, 128] and emotion logits [B, 8]; raises `UserError` for other weights."""
    found = VoiceNetwork(filters)
    fill(found, weights, "voice")
    return found
