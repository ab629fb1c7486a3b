"""Builds the `emotion` message of a label, rounding what people and robots read."""

from collections.abc import Mapping

import numpy as np

from emotrack.model.affect import valence_and_arousal
from emotrack.model.configuration import STREAMS
from emotrack.stream.labelling import Answer
from emotrack.stream.messages import Emotion, ModalityState, SpeakerRef, Timing, TranscriptInfo
from emotrack.stream.transcription.transcript import Transcript


def probabilities(values: np.ndarray, labels: tuple[str, ...]) -> dict[str, float]:
    """Label names to probabilities, to four digits."""
    return {label: round(float(value), 4) for label, value in zip(labels, values, strict=True)}


def affect(scores: Mapping[str, float]) -> tuple[float | None, float | None]:
    """Valence and arousal of a label, to three digits."""
    valence, arousal = valence_and_arousal(scores)
    return (None, None) if valence is None or arousal is None else (round(valence, 3), round(arousal, 3))


def modalities(answer: Answer) -> dict[str, ModalityState]:
    """What each stream contributed to a label, and why it did not."""
    return {
        stream: ModalityState(
            present=stream in answer.evidence.tokens,
            imputed=answer.imputed[stream],
            weight=answer.weights[stream],
            reason=answer.evidence.reasons.get(stream),
            usual=answer.usual.get(stream, 0),
        )
        for stream in STREAMS
    }


def transcript_info(transcript: Transcript | None) -> TranscriptInfo | None:
    if transcript is None:
        return None
    confidence = None if transcript.confidence is None else round(min(max(transcript.confidence, 0.0), 1.0), 3)
    return TranscriptInfo(text=transcript.text, language=transcript.language, asr=transcript.asr, confidence=confidence)


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
    answer: Answer,
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
        modalities=modalities(answer),
        transcript=transcript_info(answer.evidence.transcript),
        timing_ms=timing,
    )
