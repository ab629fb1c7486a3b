"""Opens the encoders that the settings ask for and the bundle was trained on; says in plain words what is missing.

A stream whose descriptors the bundle's network has not been trained on never reaches it: it is listed in `unusable`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import shorten
from typing import Protocol, TypeVar

from emotrack.engines.body import BodyEncoder, open_body
from emotrack.engines.engine import EngineInfo, EngineUnavailable
from emotrack.engines.face import FaceEncoder, face_spec
from emotrack.engines.face_detection import FaceDetector, open_face_detector
from emotrack.engines.pack import PackRefused
from emotrack.engines.passt import PasstEncoder
from emotrack.engines.pool import EnginePool
from emotrack.engines.segments import AudioEncoder
from emotrack.engines.settings import EngineSettings
from emotrack.engines.text import TextEncoder
from emotrack.engines.voice import open_voice
from emotrack.model.bundle import Bundle, Part
from emotrack.model.configuration import Stream
from emotrack.model.errors import UserError
from emotrack.model.manifest import PartName
from emotrack.model.packages import import_problem

UNTRAINED = "untrained"
"""Reason of a stream that the bundle's network was not trained on."""
SWITCHED_OFF = "switched off"
"""Reason of a stream that the user left out."""
_CAUSE = 120
"""Characters of what failed that each label tells; the session message tells all."""


class Described(Protocol):
    """What every encoder tells of itself."""

    dim: int


Encoder = TypeVar("Encoder", bound=Described)


@dataclass(frozen=True, slots=True)
class EncoderReport:
    """One stream's encoder as said to people: the model that describes it and its engines, or None and the reason."""

    stream: Stream
    model: str | None
    reason: str | None = None
    amiss: bool = False
    """Whether it is left out although the network was trained on it, or the user asked for it by name."""
    engines: tuple[EngineInfo, ...] = ()


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


def open_encoders(pool: EnginePool, settings: EngineSettings, bundle: Bundle, say: Callable[[str], None]) -> Encoders:
    """Open what `settings` ask for; what cannot be had, or fails, is left out and told once through `say`, with the cause.

    Raises `EngineUnavailable` where the backend that the settings name does not run everything, and `PackRefused` where their
    engine pack does not.
    """
    opening = _Opening(pool, bundle, say, named=settings.backend != "auto")
    text = opening.try_to_open("text", settings.text, lambda: TextEncoder(pool, settings.text, adapter=bundle.parts.get("text")))
    audio = opening.try_to_open("audio", settings.audio, lambda: _open_audio(pool, settings, bundle))
    detector: FaceDetector | None = None

    def open_face() -> FaceEncoder:
        nonlocal detector
        detector = open_face_detector(pool)
        return FaceEncoder(pool.engine(face_spec(_part(bundle, "face").path)))

    face = opening.try_to_open("face", settings.face, open_face)
    weights = settings.body_weights

    def open_body_and_detector() -> BodyEncoder:
        nonlocal detector
        detector = detector or open_face_detector(pool)  # bodies are described without their faces
        return _open_body(pool, settings)

    body = opening.try_to_open("body", "none" if weights is None else weights.name, open_body_and_detector, by_name=True)
    return Encoders(text, audio, detector, face, body, opening.unusable, tuple(opening.report))


class _Opening:
    """Opens one encoder after the other and keeps the record."""

    def __init__(self, pool: EnginePool, bundle: Bundle, say: Callable[[str], None], *, named: bool) -> None:
        """`named`: whether one backend was asked for, which then has to run everything."""
        self.unusable: dict[Stream, str] = {}
        self.report: list[EncoderReport] = []
        self._pool = pool
        self._told: set[str] = set()
        self._bundle = bundle
        self._say = say
        self._named = named

    def try_to_open(self, stream: Stream, model: str, make: Callable[[], Encoder], *, by_name: bool = False) -> Encoder | None:
        """`by_name`: whether this model is none of a profile's, but one that the user named."""
        trained = stream in self._bundle.configuration.trained
        missed = trained or by_name
        if not trained:
            self.unusable[stream] = UNTRAINED
        if model == "none":
            self._without(stream, UNTRAINED if not trained else SWITCHED_OFF, amiss=False)
            return None
        try:
            encoder = make()
        except PackRefused:
            raise
        except EngineUnavailable as failure:
            if self._named:
                raise
            self._say(f"{stream} is left out: {failure}")
            self._without(stream, str(failure), missed, f"encoder failed: {shorten(failure.cause, _CAUSE, placeholder=' …')}")
            return None
        except UserError as error:
            if missed:  # nothing is said about what is masked anyway
                self._say(f"{stream} is left out: {error}")
            self._without(stream, str(error), missed)
            return None
        except (ImportError, OSError) as error:
            if (problem := import_problem(error)) is None:
                raise
            self._say(f"{stream} is left out: {problem}.")
            self._without(stream, problem, missed, f"encoder failed: {shorten(problem, _CAUSE, placeholder=' …')}")
            return None
        width = getattr(self._bundle.configuration.widths, stream)
        if trained and encoder.dim != width:
            self.unusable[stream] = UNTRAINED
            self._say(
                f"The bundle's network takes {stream} descriptors of width {width} and {model} gives {encoder.dim}, so {stream} is "
                "masked: use the profile that the bundle was trained with, or train one with this profile."
            )
        opened = [name for name in self._pool.given if name not in self._told]
        self._told.update(opened)
        self.report.append(EncoderReport(stream, model, engines=tuple(self._pool.given[name] for name in opened)))
        return encoder

    def _without(self, stream: Stream, reason: str, amiss: bool, masked: str = "no encoder") -> None:
        """`reason` for the session message, and `masked` for each label."""
        self.unusable.setdefault(stream, masked)
        self.report.append(EncoderReport(stream, None, reason, amiss))


def _open_audio(pool: EnginePool, settings: EngineSettings, bundle: Bundle) -> AudioEncoder:
    if settings.audio == "passt":
        return PasstEncoder(pool, settings.passt_weights)
    return open_voice(pool, _part(bundle, "voice"))


def _open_body(pool: EnginePool, settings: EngineSettings) -> BodyEncoder:
    assert settings.body_weights is not None
    return open_body(pool, settings.body_weights)


def _part(bundle: Bundle, name: PartName) -> Part:
    if name not in bundle.parts:
        raise UserError(f"The bundle has no {name} network: train or fetch one that has, or switch that stream off.")
    return bundle.parts[name]
