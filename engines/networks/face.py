"""Our expression network with its weights."""

from pathlib import Path

from emotrack.engines.weights import fill
from emotrack.model.face import FaceNetwork


def network(weights: Path) -> FaceNetwork:
    """Crops uint8 [B, 48, 48] to descriptors [B, 128] and expression logits [B, 8]; raises `UserError` for other weights."""
    found = FaceNetwork()
    fill(found, weights, "face")
    return found
