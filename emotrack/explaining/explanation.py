"""The whole explanation of one final label, as plain values for people and programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotrack.engines.encoders import Encoders
from emotrack.explaining.contributions import Context, Contribution, Explainer, Loss
from emotrack.explaining.deletion import DRAWS, Deletion, delete
from emotrack.explaining.judging import Judge
from emotrack.explaining.parts import Part
from emotrack.explaining.utterance import TrackedUtterance
from emotrack.model.configuration import STREAMS, Stream
from emotrack.model.errors import UserError
from emotrack.stream.observing import Conclusion


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an utterance got its label."""

    conclusion: Conclusion
    bundle: str
    label: str
    probability: float
    scores: Mapping[str, float]
    """Of every label, summing to 1."""
    streams: Mapping[Stream, Loss]
    """Of those that are present."""
    weights: Mapping[Stream, float]
    """The exact share of each stream in the fused vector (QAF)."""
    context: Context
    lines: tuple[Contribution, ...]
    """Of what was said before, oldest first."""
    parts: tuple[Contribution, ...]
    heat: np.ndarray | None
    """Of a window at each of its places on the face, float64 [PLACES, PLACES]; None without a face."""
    deletion: Deletion | None
    """None where no part speaks for the label."""

    def as_json(self) -> dict[str, Any]:
        """Plain data; contributions are in log₂ of the odds of `label`."""
        told, deletion = self.conclusion, self.deletion
        return {
            "utterance": told.utterance,
            "source": told.source,
            "speaker": told.speaker,
            "start": round(told.start, 3),
            "end": round(told.end, 3),
            "transcript": None if told.evidence.transcript is None else told.evidence.transcript.text,
            "bundle": self.bundle,
            "label": self.label,
            "probability": _rounded(self.probability),
            "scores": {name: _rounded(score) for name, score in self.scores.items()},
            "unit": "log2 odds of the label lost without it; of a region or a word, its Shapley value",
            "streams": {
                stream: {
                    "weight": _rounded(self.weights[stream]),
                    "reason": told.evidence.reasons.get(stream),
                    **(_loss(self.streams[stream]) if stream in self.streams else {"contribution": None, "without": None}),
                }
                for stream in STREAMS
            },
            "context": {
                "both": _loss(self.context.both),
                "memory": _loss(self.context.memory),
                "lines": None if self.context.lines is None else _loss(self.context.lines),
            },
            "lines": [_part(found) for found in self.lines],
            "parts": [_part(found) for found in self.parts],
            "face_windows": None if self.heat is None else self.heat.round(4).tolist(),
            "deletion": None
            if deletion is None
            else {
                "drop": _rounded(deletion.drop),
                "random_drop": _rounded(deletion.random_drop),
                "draws": len(deletion.random),
                "top": deletion.top.round(4).tolist(),
                "random": deletion.random.mean(0).round(4).tolist(),
            },
        }


def explain(conclusion: Conclusion, encoders: Encoders, judge: Judge, draws: int = DRAWS) -> Explanation:
    """Explain one final label. Raises `UserError` where nothing of the utterance is present, or the settings do not go with it."""
    if conclusion.bundle != judge.identifier:
        raise UserError(
            f"Utterance {conclusion.utterance} was labelled by the bundle {conclusion.bundle} and these settings name "
            f"{judge.identifier}: give --set bundle=DIRECTORY of the one it was tracked with."
        )
    if not conclusion.evidence.tokens:
        why = ", ".join(f"{stream}: {reason}" for stream, reason in conclusion.evidence.reasons.items())
        raise UserError(
            f"Nothing of utterance {conclusion.utterance} is present ({why}): its label follows from the dialogue before it alone."
        )
    subject = TrackedUtterance(conclusion, encoders)
    subject.check()
    explainer = Explainer(subject, judge)
    parts = explainer.of_parts(subject.parts)
    return Explanation(
        conclusion=conclusion,
        bundle=judge.identifier,
        label=judge.labels[explainer.label],
        probability=explainer.probability,
        scores=dict(zip(judge.labels, explainer.probabilities.tolist(), strict=True)),
        streams=explainer.of_streams(),
        weights=judge.weights(explainer.tokens, explainer.subject.memory),
        context=explainer.of_context(),
        lines=tuple(explainer.of_parts(subject.lines)),
        parts=tuple(parts),
        heat=explainer.heat(subject) if subject.has_face else None,
        deletion=delete(explainer, parts, draws),
    )


def _rounded(value: float) -> float:
    return round(value, 4)


def _loss(loss: Loss) -> dict[str, Any]:
    return {"contribution": _rounded(loss.contribution), "without": _rounded(loss.probability)}


def _part(found: Contribution) -> dict[str, Any]:
    part: Part = found.part
    span = {} if part.span is None else {"from": round(part.span[0], 3), "to": round(part.span[1], 3)}
    return {"kind": part.kind, "index": part.index, "name": part.name, **span, **_loss(found)}
