"""Opens the encoders that the settings ask for and the bundle was trained on; says in plain words what is missing.

A stream whose descriptors the bundle's network has not been trained on never reaches it: it is listed in `unusable`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch

from emotrack.engines.body import BodyEncoder
from emotrack.engines.face import FaceEncoder
from emotrack.engines.face_detection import FaceDetector
from emotrack.engines.passt import PasstEncoder
from emotrack.engines.segments import AudioEncoder
from emotrack.engines.settings import EngineSettings
from emotrack.engines.text import TextEncoder
from emotrack.engines.voice import VoiceEncoder
from emotrack.model.bundle import Bundle, Part
from emotrack.model.configuration import Stream
from emotrack.model.errors import UserError

UNTRAINED = "untrained"
"""Reason of a stream that the bundle's network was not trained on."""


class Described(Protocol):
    """What every encoder tells of itself."""

    dim: int


Encoder = TypeVar("Encoder", bound=Described)


@dataclass(frozen=True, slots=True)
class EncoderReport:
    """One stream's encoder as said to people: the model that describes it, or None and the reason."""

    stream: Stream
    model: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Encoders:
    """What describes the streams; None where nothing does."""

    text: TextEncoder | None
    audio: AudioEncoder | None
    face_detector: FaceDetector | None
    face: FaceEncoder | None
    body: BodyEncoder | None
    unusable: dict[Stream, str]
    """Streams that cannot reach the network, and the reason as said in every label."""
    report: tuple[EncoderReport, ...]

    @property
    def blind(self) -> str | None:
        """Why nothing can be seen at all, or None."""
        return "no detector" if self.face_detector is None and self.body is None else None


def open_encoders(settings: EngineSettings, bundle: Bundle, say: Callable[[str], None]) -> Encoders:
    """Open what `settings` ask for; what cannot be had is left out and told once through `say`, with the fix."""
    torch.set_num_threads(settings.threads)
    device = choose_device(settings)
    opening = _Opening(bundle, say)
    text = opening.try_to_open(
        "text", settings.text, lambda: TextEncoder(settings.text, adapter=bundle.parts.get("text"), device=device)
    )
    audio = opening.try_to_open("audio", settings.audio, lambda: _open_audio(settings, bundle, device))
    face = opening.try_to_open("face", settings.face, lambda: FaceEncoder(_part(bundle, "face").path, device=device))
    weights = settings.body_weights
    body = opening.try_to_open("body", "none" if weights is None else weights.name, lambda: _open_body(settings, device))
    detector = None if face is None and body is None else FaceDetector(device=device)  # bodies are described without their faces
    return Encoders(text, audio, detector, face, body, opening.unusable, tuple(opening.report))


def choose_device(settings: EngineSettings) -> str:
    """The torch device that these settings mean; raises `UserError` where CUDA is asked for and not there."""
    available = torch.cuda.is_available()
    if settings.device == "cuda" and not available:
        raise UserError("engines.device is cuda but torch finds no CUDA device: add --set engines.device=cpu.")
    return "cuda" if settings.device != "cpu" and available else "cpu"


class _Opening:
    """Opens one encoder after the other and keeps the record."""

    def __init__(self, bundle: Bundle, say: Callable[[str], None]) -> None:
        self.unusable: dict[Stream, str] = {}
        self.report: list[EncoderReport] = []
        self._bundle = bundle
        self._say = say

    def try_to_open(self, stream: Stream, model: str, make: Callable[[], Encoder]) -> Encoder | None:
        trained = stream in self._bundle.configuration.trained
        if not trained:
            self.unusable[stream] = UNTRAINED
        if model == "none":
            self._without(stream, UNTRAINED if not trained else "switched off")
            return None
        try:
            encoder = make()
        except UserError as error:
            self._say(str(error))
            self._without(stream, str(error))
            return None
        width = getattr(self._bundle.configuration.widths, stream)
        if trained and encoder.dim != width:
            self.unusable[stream] = UNTRAINED
            self._say(
                f"The bundle's network takes {stream} descriptors of width {width} and {model} gives {encoder.dim}, so {stream} is "
                "masked: use the profile that the bundle was trained with, or train one with this profile."
            )
        self.report.append(EncoderReport(stream, model))
        return encoder

    def _without(self, stream: Stream, reason: str) -> None:
        self.unusable.setdefault(stream, "no encoder")
        self.report.append(EncoderReport(stream, None, reason))


def _open_audio(settings: EngineSettings, bundle: Bundle, device: str) -> AudioEncoder:
    if settings.audio == "passt":
        return PasstEncoder(settings.passt_weights, device=device)
    return VoiceEncoder(_part(bundle, "voice").path, device=device)


def _open_body(settings: EngineSettings, device: str) -> BodyEncoder:
    assert settings.body_weights is not None
    return BodyEncoder(settings.body_weights, device=device)


def _part(bundle: Bundle, name: str) -> Part:
    if name not in bundle.parts:
        raise UserError(f"The bundle has no {name} network: train or fetch one that has, or switch that stream off.")
    return bundle.parts[name]
