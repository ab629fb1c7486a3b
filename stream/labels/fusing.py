"""From evidence to probabilities: the network's fusion of one utterance, and the session's dialogue
context."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from emotrack.engines.heads import Heads
from emotrack.engines.open import heads_as_written
from emotrack.modalities import MODALITIES, MODALITY_MODES, SIGNALS, Modality
from emotrack.model.bundle import Bundle
from emotrack.model.dialogue.dialogue import Dialogue, LiveLabel
from emotrack.model.dialogue.state import SpeakerMemory, modality_weights
from emotrack.stream.labels.evidence import Evidence
from emotrack.stream.labels.standby import StandbyHeads, Tell
from emotrack.stream.utterances.utterance import Utterance
from emotrack.streaming import State


@dataclass(frozen=True, slots=True)
class FusedUtterance:
    """What the network makes of one utterance; but for the weights of a label, it is a pure function of the
    evidence."""

    evidence: Evidence
    row: np.ndarray
    """What it leaves to its dialogue, float32 [row_width]."""
    weights: Mapping[Modality, float]
    """Share of each modality in the label, or in the fused vector while there is none; summing to 1."""
    imputed: Mapping[Modality, bool]
    usual: Mapping[Modality, int]
    """Utterances that tell what is usual of a modality for the speaker of a label; without any while there is
    none."""
    encode_ms: float
    head_ms: float


Weighed = tuple[FusedUtterance, np.ndarray]
"""A fused utterance with the weights of its modalities in a label, and the label's probabilities, float64
[C]."""


class EarlyFusions:
    """What was fused at a pause, before it was known whether the utterance ends there; it holds
    until it goes on."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[int, FusedUtterance]] = {}

    def get(self, utterance: Utterance) -> FusedUtterance | None:
        """What still holds for an utterance, if there is one."""
        resumptions, fused = self._kept.get(utterance.number, (0, None))
        return fused if resumptions == utterance.resumptions else None

    def put(self, utterance: Utterance, fused: FusedUtterance) -> None:
        """Keep what was made of an utterance as it is now."""
        self._kept[utterance.number] = utterance.resumptions, fused

    def drop(self, utterance: Utterance) -> None:
        """An utterance has its label, or nothing that was fused holds any more."""
        self._kept.pop(utterance.number, None)


class Labeller:
    """The network with the dialogue state of one session."""

    def __init__(self, bundle: Bundle, heads: Heads, tell: Tell) -> None:
        """`tell`: see `StandbyHeads`."""
        self.labels = bundle.configuration.classes
        self.revisions = bundle.configuration.revisions
        """How many earlier utterances may be revised."""
        self._trained = bundle.configuration.trained
        self._weighs_evidence = bundle.configuration.weighs_evidence
        self._heads = StandbyHeads(heads, partial(heads_as_written, bundle), tell)
        self._dialogue = Dialogue(self._heads)

    def fuse(self, evidence: Evidence, encode_ms: float) -> FusedUtterance:
        """Fuse the modalities of one utterance (ACN, JE, QAF); `encode_ms` is what describing it took."""
        began = time.perf_counter()
        fused = self._heads.fuse(evidence.tokens)
        return FusedUtterance(
            evidence,
            fused.row,
            {modality: round(min(max(fused.weights[modality], 0.0), 1.0), 4) for modality in MODALITIES},
            {
                modality: fused.imputed[modality]
                and modality in self._trained
                and modality not in evidence.tokens
                for modality in MODALITIES
            },
            usual={},
            encode_ms=encode_ms,
            head_ms=(time.perf_counter() - began) * 1e3,
        )

    def snapshot(self) -> State:
        """The dialogue; see `Dialogue.snapshot`."""
        return self._dialogue.snapshot()

    def restore(self, dialogue: Mapping[str, Any]) -> None:
        """Go on from there. Raises `UserError` where it is another network's."""
        self._dialogue.restore(dialogue)

    def preview(self, fused: FusedUtterance, speaker: str) -> Weighed:
        """The label were the utterance committed now; the dialogue stays as it is."""
        return self._weighed(fused, self._dialogue.preview(fused.row, speaker))

    def memory(self, speaker: str) -> SpeakerMemory:
        """The dialogue now, as far as the label of an utterance by `speaker` depends on it."""
        return self._dialogue.memory(speaker)

    def commit(self, utterance: int, fused: FusedUtterance, speaker: str) -> Weighed:
        """Step the dialogue by one utterance: its live label."""
        return self._weighed(fused, self._dialogue.commit(str(utterance), fused.row, speaker))

    def amend(self, utterance: int, fused: FusedUtterance, speaker: str | None = None) -> Weighed:
        """Take one of the last R + 1 utterances for one that was answered so all along, by `speaker` where
        one is given: its live label.

        The dialogue goes on as if nothing else had ever been known of it; see `Dialogue.amend`.
        """
        return self._weighed(fused, self._dialogue.amend(str(utterance), fused.row, speaker))

    def revised(self) -> dict[int, np.ndarray]:
        """Probabilities of earlier utterances in the light of the later ones, oldest first."""
        return {int(utterance): values for utterance, values in self._dialogue.revised()}

    def merge(self, speaker: str, into: str) -> None:
        """Two speakers turn out to be one."""
        self._dialogue.merge(speaker, into)

    def _weighed(self, fused: FusedUtterance, label: LiveLabel) -> Weighed:
        """The fused utterance with what to publish beside the label: by how much its odds would change
        without each modality, and how well the speaker's usual is known, where the network weighs
        evidence."""
        if not self._weighs_evidence:
            return fused, label.probabilities
        tokens = {modality: len(found) for modality, found in fused.evidence.tokens.items()}
        weights = modality_weights(label.influences.tolist(), tokens)
        counts = dict(zip(SIGNALS, label.usual.astype(int).tolist(), strict=True))
        weighed = replace(
            fused,
            weights={modality: round(weight, 4) for modality, weight in weights.items()},
            usual={
                modality: counts[mode]
                for modality in self._trained
                if (mode := MODALITY_MODES[modality]) in counts
            },
        )
        return weighed, label.probabilities
