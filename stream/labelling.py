"""From evidence to probabilities: the network's fusion of one utterance, and the session's dialogue context."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emotrack.engines.heads import Heads
from emotrack.model.bundle import Bundle
from emotrack.model.configuration import STREAMS, Stream
from emotrack.model.dialogue import Dialogue
from emotrack.model.memory import SpeakerMemory
from emotrack.stream.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Answer:
    """What the network makes of one utterance before any context; a pure function of the evidence."""

    evidence: Evidence
    vector: np.ndarray
    """The fused vector A(u), float32 [d]."""
    weights: Mapping[Stream, float]
    """Fusion weight of each stream, summing to 1."""
    imputed: Mapping[Stream, bool]
    encode_ms: float
    head_ms: float


class Labeller:
    """The network with the dialogue state of one session."""

    def __init__(self, bundle: Bundle, heads: Heads) -> None:
        self.labels = bundle.configuration.classes
        self._trained = bundle.configuration.trained
        self._fusion = heads.fusion
        self._dialogue = Dialogue(heads.context)

    def answer(self, evidence: Evidence, encode_ms: float) -> Answer:
        """Fuse the streams of one utterance (ACN, JE, QAF); `encode_ms` is what describing it took."""
        began = time.perf_counter()
        fused = self._fusion.fuse(evidence.tokens)
        return Answer(
            evidence,
            fused.vector,
            {stream: round(min(max(fused.weights[stream], 0.0), 1.0), 4) for stream in STREAMS},
            {stream: fused.imputed[stream] and stream in self._trained and stream not in evidence.tokens for stream in STREAMS},
            encode_ms=encode_ms,
            head_ms=(time.perf_counter() - began) * 1e3,
        )

    def preview(self, answer: Answer, speaker: str) -> np.ndarray:
        """Probabilities were the utterance committed now; the dialogue stays as it is."""
        return self._dialogue.preview(answer.vector, speaker)

    def memory(self, speaker: str) -> SpeakerMemory:
        """The dialogue now, as far as the label of an utterance by `speaker` depends on it."""
        return self._dialogue.memory(speaker)

    def commit(self, utterance: int, answer: Answer, speaker: str) -> np.ndarray:
        """Step the dialogue by one utterance: the live label's probabilities."""
        return self._dialogue.commit(str(utterance), answer.vector, speaker)

    def amend(self, utterance: int, answer: Answer) -> np.ndarray:
        """Take one of the last R + 1 utterances for one that was answered so all along: the live label's probabilities.

        The dialogue goes on as if nothing else had ever been known of it; see `Dialogue.amend`.
        """
        return self._dialogue.amend(str(utterance), answer.vector)

    def revised(self) -> dict[int, np.ndarray]:
        """Probabilities of earlier utterances in the light of the later ones, oldest first."""
        return {int(utterance): values for utterance, values in self._dialogue.revised()}

    def merge(self, speaker: str, into: str) -> None:
        """Two speakers turn out to be one."""
        self._dialogue.merge(speaker, into)
