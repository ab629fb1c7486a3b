"""Opens the encoders that the settings ask for and the bundle was trained on; says in plain words what is
missing.

A modality whose descriptors the bundle's network has not been trained on never reaches it: it is listed in
`unusable`.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import Protocol, TypeVar

from emotrack.engines.contract.engine import EngineDescription, EngineUnavailable
from emotrack.engines.encoders.body.bodies import BodyEncoder, open_body
from emotrack.engines.encoders.face.detection import FaceDetector, open_face_detector
from emotrack.engines.encoders.face.expression import FaceEncoder, face_spec
from emotrack.engines.encoders.face.identity import IdentityEncoder, open_identity
from emotrack.engines.encoders.sound.passt import PasstEncoder
from emotrack.engines.encoders.sound.segments import AudioEncoder
from emotrack.engines.encoders.sound.turns import TurnEncoder, find_turns, open_turns
from emotrack.engines.encoders.sound.voice import open_voice
from emotrack.engines.encoders.text.encoder import TextEncoder
from emotrack.engines.heads import Heads, open_heads
from emotrack.engines.running.pack import PackRefused
from emotrack.engines.running.pool import EnginePool
from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError, import_problem
from emotrack.modalities import Modality
from emotrack.model.bundle import Bundle, BundlePart
from emotrack.model.manifest import PartName
from emotrack.notify import Notify

log = logging.getLogger(__name__)

UNTRAINED = "untrained"
"""Reason of a modality that the bundle's network was not trained on."""
SWITCHED_OFF = "switched off"
"""Reason of a modality that the user left out."""
HIDDEN = "hidden"
"""Reason of faces that are made unrecognisable before anything sees a picture."""
POLICY = "policy"
"""Reason of a modality that the tracker's policy refuses."""
_CAUSE = 120
"""Characters of what failed that each label tells; the session message tells all."""


class AnyEncoder(Protocol):
    """What every encoder tells of itself."""

    dim: int


Encoder = TypeVar("Encoder", bound=AnyEncoder)


@dataclass(frozen=True, slots=True)
class EncoderReport:
    """One modality's encoder as said to people: the model that describes it and its engines, or None and the
    reason."""

    modality: Modality
    model: str | None
    reason: str | None = None
    amiss: bool = False
    """Whether it is left out although the network was trained on it, or the user asked for it by name."""
    engines: tuple[EngineDescription, ...] = ()


@dataclass(frozen=True, slots=True)
class Encoders:
    """What describes the modalities; None where nothing does."""

    text: TextEncoder | None
    audio: AudioEncoder | None
    face_detector: FaceDetector | None
    face: FaceEncoder | None
    body: BodyEncoder | None
    unusable: dict[Modality, str]
    """Modalities that cannot reach the network, and the reason as said in every label."""
    report: tuple[EncoderReport, ...]
    identity: IdentityEncoder | None = None
    """What knows faces, where somebody is to be known by theirs."""
    hides_faces: bool = False
    """Whether the detector is there to hide the faces that it finds from everything else."""

    @property
    def blind(self) -> str | None:
        """Why nothing can be seen at all, or None."""
        return "no detector" if self.face_detector is None and self.body is None else None


@dataclass(frozen=True, slots=True)
class Networks:
    """All that runs for a bundle; shared by all sessions with it, whose states are their own."""

    bundle: Bundle
    encoders: Encoders
    heads: Heads
    turns: TurnEncoder | None = None
    """What tells speakers apart by their voices, where that is wanted."""
    voiceless: str | None = None
    """Why they are not told apart so, where that is wanted."""

    def without(self, modalities: Sequence[Modality], reason: str) -> "Networks":
        """The same, in which these reach nothing and every label says so."""
        encoders = self.encoders
        report = tuple(
            replace(one, reason=reason) if one.modality in modalities and one.model is None else one
            for one in encoders.report
        )
        unusable = {**encoders.unusable, **dict.fromkeys(modalities, reason)}
        return replace(self, encoders=replace(encoders, unusable=unusable, report=report))


def open_networks(pool: EnginePool, settings: EngineSettings, bundle: Bundle, notify: Notify) -> Networks:
    """Open everything that tracks with a bundle; raises what `open_encoders` and `open_heads` raise."""
    return Networks(bundle, open_encoders(pool, settings, bundle, notify), open_heads(pool, bundle))


def heads_as_written(bundle: Bundle) -> Heads:
    """The heads of a bundle run by torch on the processor, which is there when a GPU is lost, and right when
    what was compiled is wrong. Raises `UserError` where torch is not installed; takes seconds where it is not
    imported yet."""
    return open_heads(EnginePool(EngineSettings(device="cpu", backend="eager-cpu"), log.warning), bundle)


def with_turns(networks: Networks, pool: EnginePool, notify: Notify, *, needed: bool) -> Networks:
    """`networks` with what tells speakers apart by their voices, or why that cannot be had: told through
    `notify` unless it is merely not installed. Raises `UserError` for it where it is `needed`."""
    try:
        find_turns(pool)
    except UserError as error:
        if needed:
            raise
        return replace(networks, voiceless=str(error))
    try:
        return replace(networks, turns=open_turns(pool))
    except UserError as error:
        if needed:
            raise
        failure = str(error)
    except (ImportError, OSError) as error:
        if needed or (problem := import_problem(error)) is None:
            raise
        failure = f"{problem}."
    notify(f"speakers are not told apart by their voices: {failure}")
    return replace(networks, voiceless=failure)


def with_identity(networks: Networks, pool: EnginePool, settings: EngineSettings, notify: Notify) -> Networks:
    """`networks` with what knows faces; where it cannot be had, that is told through `notify`."""
    try:
        identity = open_identity(pool, settings.face_identity, notify)
    except UserError as error:
        notify(f"nobody is known by their face: {error}")
        return networks
    return replace(networks, encoders=replace(networks.encoders, identity=identity))


def open_encoders(pool: EnginePool, settings: EngineSettings, bundle: Bundle, notify: Notify) -> Encoders:
    """Open what `settings` ask for; what cannot be had, or fails, is left out and told once through `notify`,
    with the cause.

    Raises `EngineUnavailable` where the backend that the settings name does not run everything, and
    `PackRefused` where their engine pack does not.
    """
    opening = _Opening(pool, bundle, notify, named=settings.backend != "auto")
    text = opening.try_to_open(
        "text", settings.text, lambda: TextEncoder(pool, settings.text, adapter=bundle.parts.get("text"))
    )
    audio = opening.try_to_open("audio", settings.audio, lambda: _open_audio(pool, settings, bundle))
    detector: FaceDetector | None = None

    def open_face() -> FaceEncoder:
        nonlocal detector
        detector = open_face_detector(pool)
        return FaceEncoder(pool.engine(face_spec(_part(bundle, "face").path)))

    hides = settings.face == "hidden"
    if hides:
        opening.leave_out("face", HIDDEN)
    face = None if hides else opening.try_to_open("face", settings.face, open_face)
    weights = settings.body_weights

    def open_body_and_detector() -> BodyEncoder:
        nonlocal detector
        body = _open_body(pool, settings)
        if detector is None:  # bodies are described without their faces
            detector = open_face_detector(pool, to_hide=hides)
        return body

    body = opening.try_to_open(
        "body", "none" if weights is None else weights.name, open_body_and_detector, by_name=True
    )
    return Encoders(
        text, audio, detector, face, body, opening.unusable, tuple(opening.report), hides_faces=hides
    )


class _Opening:
    """Opens one encoder after the other and keeps the record."""

    def __init__(self, pool: EnginePool, bundle: Bundle, notify: Notify, *, named: bool) -> None:
        """`named`: whether one backend was asked for, which then has to run everything."""
        self.unusable: dict[Modality, str] = {}
        self.report: list[EncoderReport] = []
        self._pool = pool
        self._told: set[str] = set()
        self._bundle = bundle
        self._notify = notify
        self._named = named

    def try_to_open(
        self, modality: Modality, model: str, make: Callable[[], Encoder], *, by_name: bool = False
    ) -> Encoder | None:
        """`by_name`: whether this model is none of a profile's, but one that the user named."""
        trained = modality in self._bundle.configuration.trained
        missed = trained or by_name
        if not trained:
            self.unusable[modality] = UNTRAINED
        if model == "none":
            self._without(modality, UNTRAINED if not trained else SWITCHED_OFF, amiss=False)
            return None
        try:
            encoder = make()
        except PackRefused:
            raise
        except EngineUnavailable as failure:
            if self._named:
                raise
            self._notify(f"{modality} is left out: {failure}")
            self._without(
                modality,
                str(failure),
                missed,
                f"encoder failed: {shorten(failure.cause, _CAUSE, placeholder=' …')}",
            )
            return None
        except UserError as error:
            if missed:  # nothing is said about what is masked anyway
                self._notify(f"{modality} is left out: {error}")
            self._without(modality, str(error), missed)
            return None
        except (ImportError, OSError) as error:
            if (problem := import_problem(error)) is None:
                raise
            self._notify(f"{modality} is left out: {problem}.")
            self._without(
                modality, problem, missed, f"encoder failed: {shorten(problem, _CAUSE, placeholder=' …')}"
            )
            return None
        width = getattr(self._bundle.configuration.widths, modality)
        if trained and encoder.dim != width:
            self.unusable[modality] = UNTRAINED
            self._notify(
                f"The bundle's network takes {modality} descriptors of width {width} and {model} gives "
                f"{encoder.dim}, so {modality} is masked: use the profile that the bundle was trained "
                "with, or train one with this profile."
            )
        opened = [name for name in self._pool.given if name not in self._told]
        self._told.update(opened)
        self.report.append(
            EncoderReport(modality, model, engines=tuple(self._pool.given[name] for name in opened))
        )
        return encoder

    def leave_out(self, modality: Modality, reason: str) -> None:
        """Nothing of it is to be opened, for this reason."""
        self._without(modality, reason, amiss=False, masked=reason)

    def _without(self, modality: Modality, reason: str, amiss: bool, masked: str = "no encoder") -> None:
        """`reason` for the session message, and `masked` for each label."""
        self.unusable.setdefault(modality, masked)
        self.report.append(EncoderReport(modality, None, reason, amiss))


def _open_audio(pool: EnginePool, settings: EngineSettings, bundle: Bundle) -> AudioEncoder:
    if settings.audio == "passt":
        return PasstEncoder(pool, settings.passt_weights)
    return open_voice(pool, _part(bundle, "voice"))


def _open_body(pool: EnginePool, settings: EngineSettings) -> BodyEncoder:
    assert settings.body_weights is not None
    return open_body(pool, settings.body_weights)


def _part(bundle: Bundle, name: PartName) -> BundlePart:
    if name not in bundle.parts:
        raise UserError(
            f"The bundle has no {name} network: train or fetch one that has, or switch that modality off."
        )
    return bundle.parts[name]
