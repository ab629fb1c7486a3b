"""How much each part of an utterance did for its label: what the label loses when that part is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise, permutations

import numpy as np
import torch

from emotrack.explaining.parts import PLACES, Kind, Subject, UtterancePart
from emotrack.explaining.utterances import TrackedUtterance
from emotrack.modalities import MODALITIES, Modality
from emotrack.model.batch import collate
from emotrack.model.bundle import Bundle
from emotrack.model.dialogue.plain_context import remembered
from emotrack.model.dialogue.state import SpeakerMemory, influences, modality_weights

BATCH = 64
Tokens = Mapping[Modality, np.ndarray]


class LiveHead:
    """The network from tokens to calibrated probabilities: the same arithmetic as a live label's."""

    def __init__(self, bundle: Bundle) -> None:
        self.labels = bundle.configuration.classes
        self.identifier = bundle.identifier
        self._network = bundle.network.eval()
        self._widths = bundle.configuration.widths

    @torch.inference_mode()
    def probabilities(self, cases: Sequence[Tokens], memory: SpeakerMemory) -> np.ndarray:
        """The live label's probabilities, float64 [n, C], of `cases` said by the speaker of `memory`.

        Modalities that a case lacks are masked, which leaves their modes out of attention and fusion; JE
        covers for them as it does live.
        """
        found = [self._step(cases[first : first + BATCH], memory) for first in range(0, len(cases), BATCH)]
        return np.concatenate(found) if found else np.zeros((0, len(self.labels)))

    @torch.inference_mode()
    def weights(self, tokens: Tokens, memory: SpeakerMemory) -> dict[Modality, float]:
        """What each modality did for the live label, as shares that sum to 1.

        By how much its odds would change without the modality; its share in the fused vector (QAF) where
        labels are read from that.
        """
        fusion = self._network.fuse(collate([tokens], self._widths))
        if not self._network.configuration.weighs_evidence:
            return dict(zip(MODALITIES, fusion.weights[0].tolist(), strict=True))
        label, _ = self._network.step(fusion.said, remembered(memory, 1, fusion.said.device))
        influence = influences(label.logits[0].numpy(), label.contributions[0].numpy())
        return modality_weights(
            influence.tolist(), {modality: len(found) for modality, found in tokens.items()}
        )

    def _step(self, cases: Sequence[Tokens], memory: SpeakerMemory) -> np.ndarray:
        fusion = self._network.fuse(collate(cases, self._widths))
        label, _ = self._network.step(fusion.said, remembered(memory, len(cases), fusion.said.device))
        return self._network.probabilities(label.logits, fusion.modes).numpy()


def forgotten(memory: SpeakerMemory) -> SpeakerMemory:
    """The dialogue before its first utterance."""
    return replace(
        memory, **{field.name: np.zeros_like(getattr(memory, field.name)) for field in fields(memory)}
    )


def log_odds(probability: np.ndarray | float) -> np.ndarray:
    """log₂(p / (1 − p)): one more means that the odds have doubled."""
    share = np.clip(probability, 1e-12, 1 - 1e-12)
    found: np.ndarray = np.log2(share / (1 - share))
    return found


SHARED: tuple[Kind, ...] = ("region", "word")
"""Kinds of parts of which several often say the same."""
FEW = 6
"""Parts of a kind up to which every order of leaving them out is looked at: no more than 64 sets."""
DRAWN = 4
"""Orders that are drawn where the parts are more, each with its reverse."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What the label is without something."""

    probability: float
    """Of the label, without it."""
    contribution: float
    """log₂ of the odds with it minus without it: positive where it speaks for the label."""


@dataclass(frozen=True, slots=True)
class Contribution(Loss):
    """What the label is without one part; the `contribution` of a `SHARED` kind is its Shapley value."""

    part: UtterancePart


@dataclass(frozen=True, slots=True)
class Context:
    """What the label is without the dialogue before it: its memory (the running state), the lines read along,
    and both."""

    memory: Loss
    lines: Loss | None
    """None where the text encoder reads no lines before its own, or there are none."""
    both: Loss


class Explainer:
    """Puts the questions to the network about one label of one utterance."""

    def __init__(self, subject: Subject, live_head: LiveHead) -> None:
        self.subject = subject
        self._live_head = live_head
        self.tokens = subject.without(())
        self.probabilities = live_head.probabilities([self.tokens], subject.memory)[0]
        self.label = int(self.probabilities.argmax())
        self.probability = float(self.probabilities[self.label])

    def of_parts(self, parts: Sequence[UtterancePart]) -> list[Contribution]:
        """What each of `parts` did, in their order."""
        losses = self._losses([self.subject.without((part,)) for part in parts])
        values: dict[UtterancePart, float] = {}
        for kind in SHARED:
            if together := [part for part in parts if part.kind == kind]:
                values |= self._shapley(together)
        return [
            Contribution(loss.probability, values.get(part, loss.contribution), part)
            for part, loss in zip(parts, losses, strict=True)
        ]

    def of_modalities(self) -> dict[Modality, Loss]:
        """What each modality that is present did, all of its tokens left out."""
        others = [
            {name: tokens for name, tokens in self.tokens.items() if name != modality}
            for modality in self.tokens
        ]
        return dict(zip(self.tokens, self._losses(others), strict=True))

    def of_context(self) -> Context:
        """What the dialogue before did."""
        alone = self.subject.without(self.subject.lines)
        blank = forgotten(self.subject.memory)
        memory = self._live_head.probabilities([self.tokens, alone], blank)[:, self.label]
        lines = self._losses([alone])[0] if self.subject.lines else None
        return Context(self._loss(memory[0]), lines, self._loss(memory[1]))

    def without(self, removals: Sequence[Sequence[UtterancePart]]) -> np.ndarray:
        """The label's probability without each of these sets of parts, float64 [n]."""
        cases = [self.subject.without(removed) for removed in removals]
        return self._live_head.probabilities(cases, self.subject.memory)[:, self.label]

    def heat(self, subject: TrackedUtterance) -> np.ndarray:
        """What was done by what the heat map's window hides at each of its places, float64 [PLACES,
        PLACES]."""
        losses = self._losses([subject.without_window(*place) for place in np.ndindex(PLACES, PLACES)])
        return np.array([loss.contribution for loss in losses]).reshape(PLACES, PLACES)

    def _shapley(self, parts: Sequence[UtterancePart]) -> dict[UtterancePart, float]:
        """What each of `parts` gives in log₂ of the odds, averaged over orders in which they are left out one
        after the other."""
        orders = list(permutations(range(len(parts)))) if len(parts) <= FEW else drawn_orders(len(parts))
        hidden = {frozenset(order[:count]) for order in orders for count in range(len(parts) + 1)}
        removals = [tuple(parts[index] for index in sorted(one)) for one in hidden]
        odds = dict(zip(hidden, log_odds(self.without(removals)).tolist(), strict=True))
        lost = np.zeros(len(parts))
        for order in orders:
            left = [odds[frozenset(order[:count])] for count in range(len(parts) + 1)]
            lost[list(order)] += [before - after for before, after in pairwise(left)]
        return dict(zip(parts, (lost / len(orders)).tolist(), strict=True))

    def _losses(self, cases: Sequence[dict[Modality, np.ndarray]]) -> list[Loss]:
        return [
            self._loss(left)
            for left in self._live_head.probabilities(cases, self.subject.memory)[:, self.label]
        ]

    def _loss(self, left: float) -> Loss:
        return Loss(float(left), float(log_odds(self.probability) - log_odds(left)))


def drawn_orders(count: int, seed: int = 0) -> list[tuple[int, ...]]:
    """`DRAWN` random orders of `count` things, each followed by its reverse."""
    random = np.random.default_rng(seed)
    drawn = [tuple(random.permutation(count).tolist()) for _ in range(DRAWN)]
    return [order for one in drawn for order in (one, one[::-1])]
