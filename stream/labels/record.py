"""The labels of a conversation as they are published, and as they stand for as long as they may be revised or
their words may come."""

from collections import deque
from collections.abc import Container, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from emotrack.modalities import MODALITIES
from emotrack.model.formats import valence_and_arousal
from emotrack.stream.labels.fusing import FusedUtterance
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.protocol.parts import ModalityState, OtherSpeech, SpeakerRef, Timing, TranscriptInfo


def probabilities(values: np.ndarray, labels: tuple[str, ...]) -> dict[str, float]:
    """Label names to probabilities, to four digits."""
    return {label: round(float(value), 4) for label, value in zip(labels, values, strict=True)}


def affect(scores: Mapping[str, float]) -> tuple[float | None, float | None]:
    """Valence and arousal of a label, to three digits."""
    valence, arousal = valence_and_arousal(scores)
    return (None, None) if valence is None or arousal is None else (round(valence, 3), round(arousal, 3))


def modalities(fused: FusedUtterance) -> dict[str, ModalityState]:
    """What each modality contributed to a label, and why it did not."""
    return {
        modality: ModalityState(
            present=modality in fused.evidence.tokens,
            imputed=fused.imputed[modality],
            weight=fused.weights[modality],
            reason=fused.evidence.reasons.get(modality),
            usual=fused.usual.get(modality, 0),
        )
        for modality in MODALITIES
    }


def transcript_info(transcript: Transcript | None) -> TranscriptInfo | None:
    """A transcript as messages carry it; None where there is none."""
    if transcript is None:
        return None
    confidence = (
        None if transcript.confidence is None else round(min(max(transcript.confidence, 0.0), 1.0), 3)
    )
    return TranscriptInfo(
        text=transcript.text, language=transcript.language, asr=transcript.asr, confidence=confidence
    )


def emotion(
    *,
    source: str,
    utterance: int,
    revision: int,
    state: str,
    speaker: SpeakerRef,
    start: float,
    end: float,
    scores: dict[str, float],
    fused: FusedUtterance,
    others: tuple[OtherSpeech, ...],
    timing: Timing,
) -> Emotion:
    """One label as a message."""
    label = max(scores, key=lambda name: scores[name])
    valence, arousal = affect(scores)
    return Emotion(
        source=source,
        utterance=utterance,
        revision=revision,
        state=state,  # type: ignore[arg-type]
        speaker=speaker,
        start=round(start, 3),
        end=round(end, 3),
        label=label,
        confidence=scores[label],
        scores=scores,
        valence=valence,
        arousal=arousal,
        modalities=modalities(fused),
        transcript=transcript_info(fused.evidence.transcript),
        others=others,
        timing_ms=timing,
    )


@dataclass(frozen=True, slots=True)
class KeptLabels:
    """Published labels at rest: the utterances that may be revised, and labels by utterance."""

    revisable: tuple[int, ...]
    latest: dict[int, Emotion]


class PublishedLabels:
    """The final labels of the last utterances, each as it was revised last."""

    def __init__(self, kept: int, labels: tuple[str, ...], threshold: float) -> None:
        """`kept`: of how many utterances; `labels`: their names, in the network's order.

        `threshold`: a revision says something new when the label, or any probability by this much, has
        changed.
        """
        self._labels = labels
        self._threshold = threshold
        self._revisable: deque[int] = deque(maxlen=kept)
        self._latest: dict[int, Emotion] = {}

    def snapshot(self) -> KeptLabels:
        """Those that may be revised; for words that are still to come nobody waits who goes on."""
        return KeptLabels(
            tuple(self._revisable), {number: self._latest[number] for number in self._revisable}
        )

    def restore(self, kept: KeptLabels) -> None:
        """Go on from there."""
        self._revisable = deque(kept.revisable, self._revisable.maxlen)
        self._latest = dict(kept.latest)

    def __contains__(self, utterance: object) -> bool:
        """Whether the utterance of this number can still be revised."""
        return utterance in self._revisable

    def __getitem__(self, utterance: int) -> Emotion:
        """Its label as it stands."""
        return self._latest[utterance]

    def add(self, final: Emotion, awaited: Container[int]) -> None:
        """The label of the utterance that was committed last; `awaited`: the utterances whose words may still
        come."""
        self._latest[final.utterance] = final
        self._revisable.append(final.utterance)
        self._latest = {
            number: label
            for number, label in self._latest.items()
            if number in self._revisable or number in awaited
        }

    def rename(self, speaker: str, into: str) -> None:
        """Two speakers are one: what is revised from now on is said of `into`."""
        for number, label in self._latest.items():
            named = into if label.speaker.id == speaker else label.speaker.id
            others = tuple(
                msgspec.structs.replace(other, speaker=into if other.speaker == speaker else other.speaker)
                for other in label.others
            )
            self._latest[number] = msgspec.structs.replace(
                label,
                speaker=msgspec.structs.replace(label.speaker, id=named),
                others=tuple(other for other in others if other.speaker != named),
            )

    def revise(self, utterance: int, values: np.ndarray) -> Emotion | None:
        """The label in the light of what came later; None where that says nothing new or comes too late."""
        if utterance not in self:
            return None
        before = self._latest[utterance]
        after = self._revised(before, values)
        moved = max(abs(after.scores[name] - before.scores[name]) for name in self._labels)
        return self._keep(after) if after.label != before.label or moved >= self._threshold else None

    def complete(self, utterance: int, values: np.ndarray, fused: FusedUtterance, timing: Timing) -> Emotion:
        """The label now that the utterance's words have come; there is one, whatever has changed with
        them."""
        after = msgspec.structs.replace(
            self._revised(self._latest[utterance], values),
            modalities=modalities(fused),
            transcript=transcript_info(fused.evidence.transcript),
            timing_ms=timing,
        )
        return self._keep(after)

    def reassign(
        self,
        utterance: int,
        values: np.ndarray,
        fused: FusedUtterance,
        speaker: SpeakerRef,
        others: tuple[OtherSpeech, ...],
    ) -> Emotion:
        """The label now that the utterance turns out to be another speaker's."""
        after = msgspec.structs.replace(
            self._revised(self._latest[utterance], values),
            modalities=modalities(fused),
            speaker=speaker,
            others=others,
        )
        return self._keep(after)

    def transcribe(self, utterance: int, transcript: Transcript, timing: Timing) -> Emotion:
        """The label as it stands, of an utterance whose words have come when it can no longer be revised in
        their light."""
        before = self._latest[utterance]
        after = msgspec.structs.replace(
            before,
            state="revised",
            revision=before.revision + 1,
            transcript=transcript_info(transcript),
            timing_ms=timing,
        )
        return self._keep(after)

    def _revised(self, before: Emotion, values: np.ndarray) -> Emotion:
        scores = probabilities(values, self._labels)
        label = max(scores, key=lambda name: scores[name])
        valence, arousal = affect(scores)
        return msgspec.structs.replace(
            before,
            state="revised",
            revision=before.revision + 1,
            label=label,
            confidence=scores[label],
            scores=scores,
            valence=valence,
            arousal=arousal,
            timing_ms=Timing(),
        )

    def _keep(self, label: Emotion) -> Emotion:
        self._latest[label.utterance] = label
        return label
