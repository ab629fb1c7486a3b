"""How sure the labels are, by their own confidence and by that of who spoke."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.recordings.conversation import Conversation

GUESS = 0.5
"""A label below this is held less likely than all others together."""
SURE = 0.75
"""A label from here on is held three times as likely as all others together."""
BINS = 10


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """The confidence of the labels of a session."""

    labels: int
    chance: float
    """What blind guessing among the labels would come to."""
    median: float
    low: float
    """A quarter of the labels is less sure than this."""
    high: float
    """A quarter of them is surer than this."""
    guesses: int
    """Labels below `GUESS`."""
    counts: tuple[int, ...]
    """Labels by confidence, in tenths."""
    doubtful_speakers: int
    """Utterances of which it is not even half sure who spoke."""


def certainty(conversation: Conversation) -> Certainty | None:
    """How sure the labels are; None where there is none."""
    confidences = [one.confidence for one in conversation.utterances]
    if not confidences:
        return None
    low, _, high = quantiles(confidences * (1 if len(confidences) > 1 else 2), n=4, method="inclusive")
    counts = [0] * BINS
    for one in confidences:
        counts[min(BINS - 1, int(one * BINS))] += 1
    return Certainty(
        labels=len(confidences),
        chance=1 / max(1, len(conversation.labels)),
        median=median(confidences),
        low=low,
        high=high,
        guesses=sum(one < GUESS for one in confidences),
        counts=tuple(counts),
        doubtful_speakers=sum(
            one.speaker.confidence is not None and one.speaker.confidence < GUESS
            for one in conversation.utterances
        ),
    )


def in_words(found: Certainty) -> str:
    """The same in a sentence."""
    guesses, labels = found.guesses, found.labels
    if guesses == 0:
        return (
            "The only label holds at least half of the probability."
            if labels == 1
            else f"All {labels:,} labels hold at least half of the probability."
        )
    if guesses == labels:
        return (
            "The only label is hardly more than a guess: it holds less than half of the probability."
            if labels == 1
            else f"All {labels:,} labels are hardly more than guesses: none holds even half of the "
            "probability."
        )
    if guesses > labels / 2:
        return (
            f"Most labels are hardly more than guesses: {guesses:,} of {labels:,} hold less than half of the "
            "probability."
        )
    if guesses == 1:
        return (
            f"1 of {labels:,} labels is hardly more than a guess: it holds less than half of the probability."
        )
    return (
        f"{guesses:,} of {labels:,} labels are hardly more than guesses: they hold less than half of the "
        "probability."
    )


def sureness(confidence: float) -> str:
    """`guess`, `likely` or `sure`."""
    return "guess" if confidence < GUESS else "likely" if confidence < SURE else "sure"


def usual(utterances: Sequence[Emotion]) -> int:
    """How many of somebody's earlier utterances tell what is usual for them, at most, while they were
    labelled."""
    return max((state.usual for one in utterances for state in one.modalities.values()), default=0)
