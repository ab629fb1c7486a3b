"""From evidence to probabilities: the network's fusion of one utterance, and the session's dialogue context."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from emotrack.engines.heads import Heads
from emotrack.model.bundle import Bundle
from emotrack.model.configuration import SIGNALS, STREAM_MODES, STREAMS, Stream
from emotrack.model.dialogue import Dialogue, LiveLabel
from emotrack.model.influence import stream_weights
from emotrack.model.memory import SpeakerMemory
from emotrack.stream.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Answer:
    """What the network makes of one utterance; but for the weights of a label, it is a pure function of the evidence."""

    evidence: Evidence
    row: np.ndarray
    """What it leaves to its dialogue, float32 [row_width]."""
    weights: Mapping[Stream, float]
    """Share of each stream in the label, or in the fused vector while there is none; summing to 1."""
    imputed: Mapping[Stream, bool]
    usual: Mapping[Stream, int]
    """Utterances that tell what is usual of a stream for the speaker of a label; without any while there is none."""
    encode_ms: float
    head_ms: float


Weighed = tuple[Answer, np.ndarray]
"""An answer with the weights of its streams in a label, and the label's probabilities, float64 [C]."""


class Labeller:
    """The network with the dialogue state of one session."""

    def __init__(self, bundle: Bundle, heads: Heads) -> None:
        self.labels = bundle.configuration.classes
        self._trained = bundle.configuration.trained
        self._weighs_evidence = bundle.configuration.weighs_evidence
        self._fusion = heads.fusion
        self._dialogue = Dialogue(heads.context)

    def answer(self, evidence: Evidence, encode_ms: float) -> Answer:
        """Fuse the streams of one utterance (ACN, JE, QAF); `encode_ms` is what describing it took."""
        began = time.perf_counter()
        fused = self._fusion.fuse(evidence.tokens)
        return Answer(
            evidence,
            fused.row,
            {stream: round(min(max(fused.weights[stream], 0.0), 1.0), 4) for stream in STREAMS},
            {stream: fused.imputed[stream] and stream in self._trained and stream not in evidence.tokens for stream in STREAMS},
            usual={},
            encode_ms=encode_ms,
            head_ms=(time.perf_counter() - began) * 1e3,
        )

    def preview(self, answer: Answer, speaker: str) -> Weighed:
        """The label were the utterance committed now; the dialogue stays as it is."""
        return self._weighed(answer, self._dialogue.preview(answer.row, speaker))

    def memory(self, speaker: str) -> SpeakerMemory:
        """The dialogue now, as far as the label of an utterance by `speaker` depends on it."""
        return self._dialogue.memory(speaker)

    def commit(self, utterance: int, answer: Answer, speaker: str) -> Weighed:
        """Step the dialogue by one utterance: its live label."""
        return self._weighed(answer, self._dialogue.commit(str(utterance), answer.row, speaker))

    def amend(self, utterance: int, answer: Answer) -> Weighed:
        """Take one of the last R + 1 utterances for one that was answered so all along: its live label.

        The dialogue goes on as if nothing else had ever been known of it; see `Dialogue.amend`.
        """
        return self._weighed(answer, self._dialogue.amend(str(utterance), answer.row))

    def revised(self) -> dict[int, np.ndarray]:
        """Probabilities of earlier utterances in the light of the later ones, oldest first."""
        return {int(utterance): values for utterance, values in self._dialogue.revised()}

    def merge(self, speaker: str, into: str) -> None:
        """Two speakers turn out to be one."""
        self._dialogue.merge(speaker, into)

    def _weighed(self, answer: Answer, label: LiveLabel) -> Weighed:
        """The answer with what to publish beside the label: by how much its odds would change without each stream, and how well the
        speaker's usual is known, where the network weighs evidence."""
        if not self._weighs_evidence:
            return answer, label.probabilities
        tokens = {stream: len(found) for stream, found in answer.evidence.tokens.items()}
        weights = stream_weights(label.influences.tolist(), tokens)
        counts = dict(zip(SIGNALS, label.usual.astype(int).tolist(), strict=True))
        weighed = replace(
            answer,
            weights={stream: round(weight, 4) for stream, weight in weights.items()},
            usual={stream: counts[mode] for stream in self._trained if (mode := STREAM_MODES[stream]) in counts},
        )
        return weighed, label.probabilities
