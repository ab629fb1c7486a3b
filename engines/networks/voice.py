"""Our voice network with its weights, and Whisper's beneath them."""

from pathlib import Path

from emotrack.engines.definition import file_digest
from emotrack.engines.weights import fill
from emotrack.model.converted import read_converted
from emotrack.model.errors import UserError
from emotrack.model.speech_encoder import SpeechEncoder
from emotrack.model.voice import VoiceNetwork


def network(weights: Path, base: Path, filters: Path, layers: int, sha256: str) -> VoiceNetwork:
    """Segments [B, 32000] to descriptors [B, 128], emotion logits [B, 8] and arousal [B, 1].

    Raises `UserError` for other weights, and for another `base` than the one whose hash is `sha256`.
    """
    if base.is_file() and file_digest(base) != sha256:
        raise UserError(f"{base} is not the Whisper model that the voice network learnt on: install its package again.")
    found = VoiceNetwork(SpeechEncoder(read_converted(base, "encoder/"), layers, filters))
    fill(found.top, weights, "voice")
    return found.eval()
