"""How much each part of an utterance did for its label: what the label loses when that part is left out.

Leaving out is what the network itself was trained to live with (model/batch.py masks by leaving out, JE covers for a missing mode),
so every question put to it is one that could have been put live. Contributions are in log₂ of the odds of the label against all
others, in the live head, given the same dialogue: unlike a difference of probabilities that measure does not flatten out where
the label is nearly certain, and one more means that the part doubles the odds. They need not add up: two words that say the
same are each dispensable.

The regions of a face nearly always say the same: eyes and mouth both smile, and hiding either changes nothing. They are few enough
to hide every set of them, so a region's contribution is its Shapley value: what its sight gives, averaged over the orders in which
regions could come into sight.

captum's FeatureAblation is the same few lines, but for tensors under feature masks; a text that is read again with a word less, and
tokens that are left out and not zeroed, have no place in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from emotrack.explaining.judging import Judge, forgotten, log_odds
from emotrack.explaining.parts import Part, Subject
from emotrack.explaining.regions import PLACES
from emotrack.explaining.utterance import TrackedUtterance
from emotrack.model.configuration import Stream


@dataclass(frozen=True, slots=True)
class Loss:
    """What the label is without something."""

    probability: float
    """Of the label, without it."""
    contribution: float
    """log₂ of the odds with it minus without it: positive where it speaks for the label."""


@dataclass(frozen=True, slots=True)
class Contribution(Loss):
    """What the label is without one part; the `contribution` of a region is its Shapley value."""

    part: Part


@dataclass(frozen=True, slots=True)
class Context:
    """What the label is without the dialogue before it: its memory (the running state), the lines read along, and both."""

    memory: Loss
    lines: Loss | None
    """None where the text encoder reads no lines before its own, or there are none."""
    both: Loss


class Explainer:
    """Puts the questions to the network about one label of one utterance."""

    def __init__(self, subject: Subject, judge: Judge) -> None:
        self.subject = subject
        self._judge = judge
        self.tokens = subject.without(())
        self.probabilities = judge.probabilities([self.tokens], subject.memory)[0]
        self.label = int(self.probabilities.argmax())
        self.probability = float(self.probabilities[self.label])

    def of_parts(self, parts: Sequence[Part]) -> list[Contribution]:
        """What each of `parts` did, in their order."""
        losses = self._losses([self.subject.without((part,)) for part in parts])
        regions = [part for part in parts if part.kind == "region"]
        values = dict(zip(regions, self._shapley(regions), strict=True))
        return [
            Contribution(loss.probability, values.get(part, loss.contribution), part)
            for part, loss in zip(parts, losses, strict=True)
        ]

    def of_streams(self) -> dict[Stream, Loss]:
        """What each stream that is present did, all of its tokens left out."""
        others = [{name: tokens for name, tokens in self.tokens.items() if name != stream} for stream in self.tokens]
        return dict(zip(self.tokens, self._losses(others), strict=True))

    def of_context(self) -> Context:
        """What the dialogue before did."""
        alone = self.subject.without(self.subject.lines)
        blank = forgotten(self.subject.memory)
        memory = self._judge.probabilities([self.tokens, alone], blank)[:, self.label]
        lines = self._losses([alone])[0] if self.subject.lines else None
        return Context(self._loss(memory[0]), lines, self._loss(memory[1]))

    def without(self, removals: Sequence[Sequence[Part]]) -> np.ndarray:
        """The label's probability without each of these sets of parts, float64 [n]."""
        cases = [self.subject.without(removed) for removed in removals]
        return self._judge.probabilities(cases, self.subject.memory)[:, self.label]

    def heat(self, subject: TrackedUtterance) -> np.ndarray:
        """What was done by what the heat map's window hides at each of its places, float64 [PLACES, PLACES]."""
        losses = self._losses([subject.without_window(*place) for place in np.ndindex(PLACES, PLACES)])
        return np.array([loss.contribution for loss in losses]).reshape(PLACES, PLACES)

    def _shapley(self, parts: Sequence[Part]) -> list[float]:
        """The Shapley value of each of `parts` in log₂ of the odds, from all sets of them (doubled by every further part)."""
        sets = [frozenset(some) for count in range(len(parts) + 1) for some in combinations(parts, count)]
        odds = dict(zip(sets, log_odds(self.without([tuple(one) for one in sets])), strict=True)) if parts else {}
        # Each hidden set by the share of the orders in which just these come into sight after the part.
        weights = {one: 1 / (len(parts) * comb(len(parts) - 1, len(one))) for one in sets if len(one) < len(parts)}
        return [
            sum(weight * float(odds[one] - odds[one | {part}]) for one, weight in weights.items() if part not in one)
            for part in parts
        ]

    def _losses(self, cases: Sequence[dict[Stream, np.ndarray]]) -> list[Loss]:
        return [self._loss(left) for left in self._judge.probabilities(cases, self.subject.memory)[:, self.label]]

    def _loss(self, left: float) -> Loss:
        return Loss(float(left), float(log_odds(self.probability) - log_odds(left)))
