"""What is known about an utterance, modality by modality: token vectors for the network, or the reason why
there are none."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from emotrack.engines.open import POLICY, Encoders
from emotrack.modalities import MODALITIES, Modality
from emotrack.model.dialogue.state import SpeakerMemory
from emotrack.stream.labels.conversation import TextContext
from emotrack.stream.seeing.sightings import Sighting
from emotrack.stream.transcription.transcript import SpokenLanguage, Transcript, unreadable
from emotrack.stream.utterances.appearance import FAILED, ModalityEvidence, look_at
from emotrack.stream.utterances.utterance import Utterance
from emotrack.stream.wire.publish.outbox import Outbox

USER = "user"
SHED = "shed"
NOT_FINITE = "not finite"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Token vectors float32 [n, dim] by modality (an absent one is missing), and why each absent modality is
    absent."""

    tokens: dict[Modality, np.ndarray]
    reasons: dict[Modality, str]
    face: int | None
    """Track of the speaker's face."""
    transcript: Transcript | None
    context: TextContext
    """What the transcript was read with."""
    crops: np.ndarray | None
    """What the face tokens describe, in their order: uint8 [n, 48, 48]; None without them."""
    failures: dict[Modality, Exception] = field(default_factory=dict)
    """What describing failed with, by modality; these are absent."""

    @property
    def bare(self) -> "Evidence":
        """The same without what nothing is computed from any more: pictures, and what failed."""
        return replace(self, crops=None, failures={})

    @property
    def words(self) -> str | None:
        """What was said, where that reaches the network."""
        return self.transcript.text if self.transcript is not None and "text" in self.tokens else None


@dataclass(frozen=True, slots=True)
class Words:
    """An utterance's transcript, or the reason why there is none."""

    transcript: Transcript | None
    reason: str = "no words"


def collect_evidence(
    utterance: Utterance,
    seen: Sequence[Sighting],
    blind: str | None,
    heard: Words,
    context: TextContext,
    encoders: Encoders,
    modalities: Collection[Modality],
    spoken: SpokenLanguage,
    *,
    finished: bool,
    sheds_bodies: bool,
) -> Evidence:
    """Describe an utterance from what was seen meanwhile and from its sound; `finished` tells whether it
    would end here (then its tail counts too). `blind` says why nothing can have been seen, or is None.

    `context` is what its words are read with, `spoken` the language of its conversation. `sheds_bodies`:
    bodies are not looked for at the moment, to save time.
    """
    face, faces, bodies = look_at(seen, blind, SHED if sheds_bodies else "no frame")
    found: dict[Modality, ModalityEvidence] = {
        "text": _words(heard, context, encoders, modalities, spoken),
        "audio": _sound(utterance, encoders, finished),
        "face": faces,
        "body": bodies,
    }
    transcript = heard.transcript if "text" in modalities else None
    return assemble(
        found, modalities, encoders.unusable, face if "face" in modalities else None, transcript, context
    )


def reread(evidence: Evidence, encoders: Encoders, context: TextContext) -> Evidence:
    """The same evidence, but that its words are read with `context`."""
    assert evidence.words is not None and encoders.text is not None
    words = _described(
        partial(encoders.text.encode, evidence.words, context.speaker, context.before),
        encoders.text.dim,
        "no words",
    )
    return _with_words(evidence, words, context)


def complete(
    evidence: Evidence,
    transcript: Transcript,
    encoders: Encoders,
    context: TextContext,
    spoken: SpokenLanguage,
) -> Evidence:
    """The same evidence, but that its words, for which nobody waited, have come; `context` is what they are
    read with."""
    words = _words(Words(transcript), context, encoders, MODALITIES, spoken)
    return replace(_with_words(evidence, words, context), transcript=transcript)


def _with_words(evidence: Evidence, words: ModalityEvidence, context: TextContext) -> Evidence:
    """The same evidence with other words, or why there are none."""
    tokens, reasons, failures = dict(evidence.tokens), dict(evidence.reasons), dict(evidence.failures)
    for earlier in (tokens, reasons, failures):
        earlier.pop("text", None)
    obstacle = _obstacle(words)
    if obstacle is not None:
        reasons["text"] = obstacle
    elif words.tokens is not None:
        tokens["text"] = words.tokens
    if words.failure is not None:
        failures["text"] = words.failure
    return replace(evidence, tokens=tokens, reasons=reasons, failures=failures, context=context)


def _words(
    heard: Words,
    context: TextContext,
    encoders: Encoders,
    modalities: Collection[Modality],
    spoken: SpokenLanguage,
) -> ModalityEvidence:
    if (
        heard.transcript is None
        or encoders.text is None
        or "text" in encoders.unusable
        or "text" not in modalities
    ):
        return ModalityEvidence(None, heard.reason)
    if (
        problem := unreadable(heard.transcript, spoken.of(heard.transcript), encoders.text.languages)
    ) is not None:
        return ModalityEvidence(None, problem)
    return _described(
        partial(encoders.text.encode, heard.transcript.text, context.speaker, context.before),
        encoders.text.dim,
        "no words",
    )


def _sound(utterance: Utterance, encoders: Encoders, finished: bool) -> ModalityEvidence:
    if utterance.description is None or encoders.audio is None:
        return ModalityEvidence(None, utterance.silence or "no audio")
    description = utterance.description
    return _described(
        description.finished if finished else description.so_far, encoders.audio.dim, "no audio"
    )


def _described(describe: Callable[[], np.ndarray], dim: int, absent: str) -> ModalityEvidence:
    """What an encoder gives, which is to be float32 [n, dim]; `absent`: the reason where that is nothing. One
    that fails masks its modality, and nothing else."""
    try:
        tokens = describe()
        if tokens.ndim != 2 or tokens.shape[1] != dim:
            raise ValueError(f"the encoder gave {list(tokens.shape)} where [n, {dim}] is wanted")
    except Exception as failure:  # noqa: BLE001 - told with the label that lacks it
        return ModalityEvidence(None, FAILED, failure=failure)
    return ModalityEvidence(tokens, absent)


def assemble(
    found: Mapping[Modality, ModalityEvidence],
    modalities: Collection[Modality],
    unusable: Mapping[Modality, str],
    face: int | None,
    transcript: Transcript | None,
    context: TextContext,
) -> Evidence:
    """Keep what is present, allowed by the user (`modalities`) and known to the network (`unusable` names the
    rest and says why)."""
    tokens: dict[Modality, np.ndarray] = {}
    reasons: dict[Modality, str] = {}
    for modality in MODALITIES:
        part = found[modality]
        obstacle = (
            POLICY
            if unusable.get(modality) == POLICY
            else USER
            if modality not in modalities
            else unusable[modality]
            if modality in unusable
            else _obstacle(part)
        )
        if obstacle is not None:
            reasons[modality] = obstacle
        elif part.tokens is not None:
            tokens[modality] = part.tokens
    failures: dict[Modality, Exception] = {}
    for modality, reason in reasons.items():
        if reason == NOT_FINITE:
            failures[modality] = ValueError("the encoder gave what is no number")
        elif reason == FAILED and (failure := found[modality].failure) is not None:
            failures[modality] = failure
    crops = found["face"].crops if "face" in tokens else None
    return Evidence(tokens, reasons, face, transcript, context, crops, failures)


def _obstacle(part: ModalityEvidence) -> str | None:
    """Why the network cannot be given what was found of a modality, or None."""
    if part.tokens is None or len(part.tokens) == 0:
        return part.reason
    return None if np.isfinite(part.tokens).all() else NOT_FINITE


@dataclass(frozen=True, slots=True)
class LabelledUtterance:
    """One final label and everything that it follows from. Personal data: words, voice and face."""

    utterance: int
    source: str
    speaker: str
    start: float
    """Session time of the first sample, seconds."""
    end: float
    evidence: Evidence
    audio_16k: np.ndarray
    """What was heard: float32 [n] at 16 kHz, empty for a window, and where the policy
    refuses it."""
    memory: SpeakerMemory
    """The dialogue before this utterance, as far as its live label depends on it."""
    probabilities: np.ndarray
    """The live label's, float64 [C] in the order of the bundle's classes."""
    bundle: str
    """Identifier of the bundle that labelled it."""

    @property
    def size(self) -> int:
        """Bytes of the arrays in it."""
        crops, memory = self.evidence.crops, self.memory
        arrays = [*self.evidence.tokens.values(), *(() if crops is None else (crops,)), self.audio_16k]
        return sum(array.nbytes for array in (*arrays, *vars(memory).values(), self.probabilities))


Observer = Callable[[LabelledUtterance], None]
"""Called once for each final label, after its utterance was committed; its `name`, if it has one, is what it
is called in sentences."""


class Showing:
    """An output that shows an observer what labels are made from."""

    things = "utterances"

    def __init__(self, observe: Observer) -> None:
        self._observe = observe
        self.name = str(getattr(observe, "name", "What is shown of each label"))

    def write(self, labelled: LabelledUtterance, /) -> None:
        """Show one."""
        self._observe(labelled)

    def close(self) -> None:
        """An observer has nothing to close."""


def shown_aside(observe: Observer | None, outbox: Outbox) -> Observer | None:
    """The same observer, called on a thread of its own as every output is."""
    if observe is None:
        return None
    give = outbox.beside(Showing(observe))
    return lambda labelled: give(labelled, labelled.utterance, labelled.size)
