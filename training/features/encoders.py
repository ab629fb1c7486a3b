"""Opens the encoders that a corpus is to be described by: those of the live path, with the weights of a bundle.

What the profile asks for and cannot be had is an error here: a store without a stream that was wanted would be of little use.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from emotrack.engines.body import open_body
from emotrack.engines.definition import file_digest
from emotrack.engines.encoders import Encoders
from emotrack.engines.face import FaceEncoder, face_spec
from emotrack.engines.face_detection import open_face_detector
from emotrack.engines.passt import PasstEncoder
from emotrack.engines.pool import EnginePool
from emotrack.engines.segments import AudioEncoder
from emotrack.engines.settings import EngineSettings
from emotrack.engines.text import TextEncoder
from emotrack.engines.voice import open_voice
from emotrack.model.bundle import Part
from emotrack.model.configuration import Stream
from emotrack.model.errors import UserError
from emotrack.model.manifest import PartName
from emotrack.training.features.manifest import StreamNote

Parts = Mapping[PartName, Part]


@dataclass(frozen=True, slots=True)
class Opened:
    """Encoders, and what a store says of each of their streams."""

    encoders: Encoders
    streams: dict[Stream, StreamNote]


def open_for(streams: Collection[Stream], settings: EngineSettings, parts: Parts, say: Callable[[str], None]) -> Opened:
    """Open what `settings` ask for of `streams`; `parts` are those of a bundle. `say` is told what takes time.

    Raises UserError where an encoder, its package or its weights cannot be had, or nothing is left to describe.
    """
    pool = EnginePool(settings, say)
    notes: dict[Stream, StreamNote] = {}
    text, audio, face, body = None, None, None, None
    if "text" in streams and settings.text != "none":
        text, notes["text"] = _open_text(pool, settings, parts)
    if "audio" in streams and settings.audio != "none":
        audio, notes["audio"] = _open_audio(pool, settings, parts)
    if "face" in streams and settings.face != "none":
        part = _part(parts, "face")
        face = FaceEncoder(pool.engine(face_spec(part.path)))
        notes["face"] = StreamNote(encoder="face", width=face.dim, sha256=part.sha256)
    if "body" in streams and settings.body_weights is not None:
        body = open_body(pool, settings.body_weights)
        notes["body"] = StreamNote(encoder=settings.body_weights.name, width=body.dim, sha256=file_digest(settings.body_weights))
    if not notes:
        raise UserError(f"The profile switches every encoder off that could describe {', '.join(streams)}; choose another profile.")
    detector = None if face is None and body is None else open_face_detector(pool)
    return Opened(Encoders(text, audio, detector, face, body, unusable={}, report=()), notes)


def _open_text(pool: EnginePool, settings: EngineSettings, parts: Parts) -> tuple[TextEncoder, StreamNote]:
    part = parts.get("text")
    adapter = part if part is not None and part.settings.get("base") == settings.text else None
    encoder = TextEncoder(pool, settings.text, adapter=adapter)
    return encoder, StreamNote(encoder=settings.text, width=encoder.dim, sha256=None if adapter is None else adapter.sha256)


def _open_audio(pool: EnginePool, settings: EngineSettings, parts: Parts) -> tuple[AudioEncoder, StreamNote]:
    if settings.audio == "passt":
        passt = PasstEncoder(pool, settings.passt_weights)
        sha256 = file_digest(Path(settings.passt_weights)) if settings.passt_weights else None
        return passt, StreamNote(encoder="passt", width=passt.dim, sha256=sha256)
    part = _part(parts, "voice")
    voice = open_voice(pool, part)
    return voice, StreamNote(encoder="voice", width=voice.dim, sha256=part.sha256)


def _part(parts: Parts, name: PartName) -> Part:
    if name not in parts:
        raise UserError(f"The bundle has no {name} network: give one that has with --bundle, or switch that stream off with --set.")
    return parts[name]
