"""How much each part of an utterance did for its label: what the label loses when that part is left out.

Leaving out is what the network itself was trained to live with (model/batch.py masks by leaving out, JE covers for a missing mode),
so every question put to it is one that could have been put live. Contributions are in log₂ of the odds of the label against all
others, in the live head, given the same dialogue: unlike a difference of probabilities that measure does not flatten out where
the label is nearly certain, and one more means that the part doubles the odds. Those of segments, bodies and lines need not add
up: each is left out alone.

The regions of a face nearly always say the same: eyes and mouth both smile, and hiding either changes nothing. So do words: who is
sorry, sad and alone stays sad without any one of them. What a region or a word contributes is therefore its Shapley value: what it
gives, averaged over the orders in which those of its kind could be left out; over all orders where they are few, else over some
that are drawn (Castro et al. 2009, "Polynomial calculation of the Shapley value based on sampling"), each with its reverse. These
add up to what all of the kind give.

captum's FeatureAblation is the same few lines, but for tensors under feature masks; a text that is read again with a word less, and
tokens that are left out and not zeroed, have no place in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np

from emotrack.explaining.judging import Judge, forgotten, log_odds
from emotrack.explaining.parts import Kind, Part, Subject
from emotrack.explaining.regions import PLACES
from emotrack.explaining.utterance import TrackedUtterance
from emotrack.model.configuration import Stream

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
        values: dict[Part, float] = {}
        for kind in SHARED:
            if together := [part for part in parts if part.kind == kind]:
                values |= self._shapley(together)
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

    def _shapley(self, parts: Sequence[Part]) -> dict[Part, float]:
        """What each of `parts` gives in log₂ of the odds, averaged over orders in which they are left out one after the other."""
        orders = list(permutations(range(len(parts)))) if len(parts) <= FEW else drawn_orders(len(parts))
        hidden = {frozenset(order[:count]) for order in orders for count in range(len(parts) + 1)}
        removals = [tuple(parts[index] for index in sorted(one)) for one in hidden]
        odds = dict(zip(hidden, log_odds(self.without(removals)).tolist(), strict=True))
        lost = np.zeros(len(parts))
        for order in orders:
            left = [odds[frozenset(order[:count])] for count in range(len(parts) + 1)]
            lost[list(order)] += [before - after for before, after in pairwise(left)]
        return dict(zip(parts, (lost / len(orders)).tolist(), strict=True))

    def _losses(self, cases: Sequence[dict[Stream, np.ndarray]]) -> list[Loss]:
        return [self._loss(left) for left in self._judge.probabilities(cases, self.subject.memory)[:, self.label]]

    def _loss(self, left: float) -> Loss:
        return Loss(float(left), float(log_odds(self.probability) - log_odds(left)))


def drawn_orders(count: int, seed: int = 0) -> list[tuple[int, ...]]:
    """`DRAWN` random orders of `count` things, each followed by its reverse."""
    random = np.random.default_rng(seed)
    drawn = [tuple(random.permutation(count).tolist()) for _ in range(DRAWN)]
    return [order for one in drawn for order in (one, one[::-1])]
