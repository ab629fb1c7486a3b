"""The whole explanation of one final label, as plain values for people and programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotrack.engines.open import Encoders
from emotrack.errors import UserError
from emotrack.explaining.contributions import Context, Contribution, Explainer, LiveHead, Loss
from emotrack.explaining.deletion import DRAWS, Deletion, delete
from emotrack.explaining.parts import UtterancePart
from emotrack.explaining.utterances import TrackedUtterance
from emotrack.modalities import MODALITIES, Modality
from emotrack.stream.labels.evidence import LabelledUtterance


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an utterance got its label."""

    labelled: LabelledUtterance
    bundle: str
    label: str
    probability: float
    scores: Mapping[str, float]
    """Of every label, summing to 1."""
    modalities: Mapping[Modality, Loss]
    """Of those that are present."""
    weights: Mapping[Modality, float]
    """The exact share of each modality in the fused vector (QAF)."""
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
        told, deletion = self.labelled, self.deletion
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
            "modalities": {
                modality: {
                    "weight": _rounded(self.weights[modality]),
                    "reason": told.evidence.reasons.get(modality),
                    **(
                        _loss(self.modalities[modality])
                        if modality in self.modalities
                        else {"contribution": None, "without": None}
                    ),
                }
                for modality in MODALITIES
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


def explain(
    labelled: LabelledUtterance, encoders: Encoders, live_head: LiveHead, draws: int = DRAWS
) -> Explanation:
    """Explain one final label. Raises `UserError` where nothing of the utterance is present, or the settings
    do not go with it."""
    if labelled.bundle != live_head.identifier:
        raise UserError(
            f"Utterance {labelled.utterance} was labelled by the bundle {labelled.bundle} and these "
            f"settings name {live_head.identifier}: give --set bundle=DIRECTORY of the one it was tracked "
            "with."
        )
    if not labelled.evidence.tokens:
        why = ", ".join(f"{modality}: {reason}" for modality, reason in labelled.evidence.reasons.items())
        raise UserError(
            f"Nothing of utterance {labelled.utterance} is present ({why}): its label follows from the "
            "dialogue before it alone."
        )
    subject = TrackedUtterance(labelled, encoders)
    subject.check()
    explainer = Explainer(subject, live_head)
    parts = explainer.of_parts(subject.parts)
    return Explanation(
        labelled=labelled,
        bundle=live_head.identifier,
        label=live_head.labels[explainer.label],
        probability=explainer.probability,
        scores=dict(zip(live_head.labels, explainer.probabilities.tolist(), strict=True)),
        modalities=explainer.of_modalities(),
        weights=live_head.weights(explainer.tokens, explainer.subject.memory),
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
    part: UtterancePart = found.part
    span = {} if part.span is None else {"from": round(part.span[0], 3), "to": round(part.span[1], 3)}
    return {"kind": part.kind, "index": part.index, "name": part.name, **span, **_loss(found)}
