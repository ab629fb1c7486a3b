"""A whole corpus described into a store by the encoders of the live path, with the weights of a bundle."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from emotrack.engines.encoders.body.bodies import open_body
from emotrack.engines.encoders.face.detection import open_face_detector
from emotrack.engines.encoders.face.expression import FaceEncoder, face_spec
from emotrack.engines.encoders.sound.passt import PasstEncoder
from emotrack.engines.encoders.sound.segments import AudioEncoder
from emotrack.engines.encoders.sound.voice import open_voice
from emotrack.engines.encoders.text.encoder import TextEncoder
from emotrack.engines.open import Encoders
from emotrack.engines.running.pool import EnginePool
from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from emotrack.files import file_digest
from emotrack.modalities import Modality
from emotrack.model.bundle import BundlePart
from emotrack.model.manifest import PartName
from emotrack.notify import Notify
from emotrack.stream.settings import VisionSettings
from emotrack.training.corpora.records import Corpus
from emotrack.training.features.describe import CorpusDescriber
from emotrack.training.features.manifest import ModalityNote, SkippedNote, StoreManifest
from emotrack.training.features.sight import Eyes
from emotrack.training.features.store import rows_file, write_store

BundleParts = Mapping[PartName, BundlePart]


@dataclass(frozen=True, slots=True)
class OpenedEncoders:
    """Encoders, and what a store says of each of their modalities."""

    encoders: Encoders
    modalities: dict[Modality, ModalityNote]


def open_for(
    modalities: Collection[Modality], settings: EngineSettings, parts: BundleParts, notify: Notify
) -> OpenedEncoders:
    """Open what `settings` ask for of `modalities`; `parts` are those of a bundle. `notify` is told what
    takes time.

    Raises UserError where an encoder, its package or its weights cannot be had, or nothing is left to
    describe.
    """
    pool = EnginePool(settings, notify)
    notes: dict[Modality, ModalityNote] = {}
    text, audio, face, body = None, None, None, None
    if "text" in modalities and settings.text != "none":
        text, notes["text"] = _open_text(pool, settings, parts)
    if "audio" in modalities and settings.audio != "none":
        audio, notes["audio"] = _open_audio(pool, settings, parts)
    if "face" in modalities and settings.face == "expression":
        part = _part(parts, "face")
        face = FaceEncoder(pool.engine(face_spec(part.path)))
        notes["face"] = ModalityNote(encoder="face", width=face.dim, sha256=part.sha256)
    if "body" in modalities and settings.body_weights is not None:
        body = open_body(pool, settings.body_weights)
        notes["body"] = ModalityNote(
            encoder=settings.body_weights.name, width=body.dim, sha256=file_digest(settings.body_weights)
        )
    if not notes:
        raise UserError(
            f"The profile switches every encoder off that could describe {', '.join(modalities)}; choose "
            "another profile."
        )
    hides = settings.face == "hidden"
    detector = None if face is None and body is None else open_face_detector(pool, to_hide=hides)
    encoders = Encoders(text, audio, detector, face, body, unusable={}, report=(), hides_faces=hides)
    return OpenedEncoders(encoders, notes)


def _open_text(
    pool: EnginePool, settings: EngineSettings, parts: BundleParts
) -> tuple[TextEncoder, ModalityNote]:
    part = parts.get("text")
    adapter = part if part is not None and part.settings.get("base") == settings.text else None
    encoder = TextEncoder(pool, settings.text, adapter=adapter)
    return encoder, ModalityNote(
        encoder=settings.text, width=encoder.dim, sha256=None if adapter is None else adapter.sha256
    )


def _open_audio(
    pool: EnginePool, settings: EngineSettings, parts: BundleParts
) -> tuple[AudioEncoder, ModalityNote]:
    if settings.audio == "passt":
        passt = PasstEncoder(pool, settings.passt_weights)
        sha256 = file_digest(Path(settings.passt_weights)) if settings.passt_weights else None
        return passt, ModalityNote(encoder="passt", width=passt.dim, sha256=sha256)
    part = _part(parts, "voice")
    voice = open_voice(pool, part)
    return voice, ModalityNote(encoder="voice", width=voice.dim, sha256=part.sha256)


def _part(parts: BundleParts, name: PartName) -> BundlePart:
    if name not in parts:
        raise UserError(
            f"The bundle has no {name} network: give one that has with --bundle, or switch that modality "
            "off with --set."
        )
    return parts[name]


NOTHING = Encoders(None, None, None, None, None, unusable={}, report=())


def given(corpus: Corpus) -> OpenedEncoders | None:
    """What stands for the encoders of a corpus that comes with features of its own; None for any other."""
    first = corpus.utterances[0].given
    if first is None:
        return None
    notes: dict[Modality, ModalityNote] = {}
    for modality, tokens in first.items():
        everything = hashlib.sha256(
            b"".join((one.given or {})[modality].tobytes() for one in corpus.utterances)
        )
        notes[modality] = ModalityNote(
            encoder=corpus.name, width=tokens.shape[1], sha256=everything.hexdigest(), dtype="float32"
        )
    return OpenedEncoders(NOTHING, notes)


def extract(
    corpus: Corpus,
    opened: OpenedEncoders,
    out: Path,
    *,
    profile: str,
    root: str,
    vision: VisionSettings,
    shard_rows: int,
    advance: Callable[[int], None],
    found: Callable[[int], None],
) -> StoreManifest:
    """Describe `corpus` into the folder `out`, or go on with what an interrupted run left there; gives the
    finished manifest.

    `advance` is told of rows as they are done, `found` of those that are there already. Raises UserError
    where `out` holds something else.
    """
    if not corpus.utterances:
        raise UserError(f"The corpus {corpus.name} in {root} is empty.")
    rows = [one.row for one in corpus.utterances]
    planned = StoreManifest(
        corpus=corpus.name,
        profile=profile,
        classes=corpus.classes,
        modalities=opened.modalities,
        pace={"face": vision.face_rate, "body": vision.body_rate}
        if opened.encoders.face_detector is not None
        else {},
        count=len(rows),
        rows_sha256=hashlib.sha256(rows_file(rows)).hexdigest(),
        shard_rows=shard_rows,
        root=root,
        skipped=tuple(SkippedNote(name=one.name, reason=one.reason) for one in corpus.skipped),
    )
    return write_store(
        out, planned, rows, CorpusDescriber(corpus, Eyes(opened.encoders, vision), advance), found
    )
