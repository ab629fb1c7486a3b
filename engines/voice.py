"""How a voice sounds, by our own layers on Whisper's encoder: an `AudioEncoder` at 16 kHz (see segments.py for how it is cut)."""

from pathlib import Path

import numpy as np

from emotrack.engines.definition import Definition
from emotrack.engines.engine import Runs, run_in_parts
from emotrack.engines.part_settings import settings_of
from emotrack.engines.pool import EnginePool
from emotrack.engines.spec import Arrays, Port, Sizes, Spec, batch_axis
from emotrack.engines.voice_base import VoiceSettings, find_base
from emotrack.model.bundle import Part
from emotrack.model.formats import MEL_FILTERS, VOICE_DIM, VOICE_EMOTIONS, VOICE_HOP, VOICE_RATE, VOICE_WINDOW

_SAMPLES = round(VOICE_RATE * VOICE_WINDOW)
_BATCH = batch_axis()


def open_voice(pool: EnginePool, part: Part) -> "VoiceEncoder":
    """The encoder of a bundle's part `voice`; raises `UserError` where its base is not on this machine, or another one is."""
    settings = settings_of(part, VoiceSettings)
    base = find_base(settings.base) if pool.pack is None else None
    return VoiceEncoder(pool.engine(voice_spec(part.path, settings, base)))


def voice_spec(weights: Path, settings: VoiceSettings, base: Path | None) -> Spec:
    """Our voice network with these weights on the Whisper model in the file `base`, without which it can only be run."""
    given = {"weights": weights, "base": base, "filters": MEL_FILTERS, "layers": settings.layers, "sha256": settings.sha256}
    return Spec(
        name="voice",
        inputs=(Port("segments", "float32", (_BATCH, _SAMPLES)),),
        outputs=(
            Port("descriptors", "float32", (_BATCH, VOICE_DIM)),
            Port("logits", "float32", (_BATCH, len(VOICE_EMOTIONS))),
            Port("arousal", "float32", (_BATCH, 1)),
        ),
        definition=Definition("emotrack.engines.networks.voice", given),
        samples=_samples,
        decides="logits",
    )


class VoiceEncoder:
    """Describes segments of speech; the level of the recording makes no difference."""

    rate: int = VOICE_RATE
    window: float = VOICE_WINDOW
    hop: float = VOICE_HOP
    dim: int = VOICE_DIM

    def __init__(self, engine: Runs) -> None:
        """`engine`: of `voice_spec`."""
        self._engine = engine

    def encode(self, segments: np.ndarray) -> np.ndarray:
        """Describe segments float32 [k, 32000] as float32 [k, 128]; k may be 0."""
        if not len(segments):
            return np.zeros((0, VOICE_DIM), np.float32)
        return run_in_parts(self._engine, "segments", segments, _BATCH.maximum)["descriptors"]


def _samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
    noise = random.normal(size=(sizes["batch"], _SAMPLES)).astype(np.float32)
    hum = np.sin(np.arange(_SAMPLES, dtype=np.float32) * 0.06) * noise[:, :1]
    return [{"segments": 0.1 * noise + hum}, {"segments": 0 * noise}, {"segments": 1e-3 * noise}, {"segments": 100 * noise}]
