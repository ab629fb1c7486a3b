"""How long labels wait for words at the moment: as long as the user says while the recogniser keeps up, less
and less the further it falls behind, and in the end not at all.

What is left out is decided in `session.health`, which sets it here; the labels of all conversations of a
session follow it.
"""

from typing import Literal, get_args

WordStep = Literal["early words", "half the wait for words", "wait for words", "words"]
WORD_STEPS: tuple[WordStep, ...] = get_args(WordStep)
"""In the order in which they are left out while the recogniser is behind: what is transcribed before an
utterance has ended, which may be in vain; half of the time for which labels wait; nearly all of it; and words
of labels, which come later where they can."""
SHORT_SECONDS = 0.25
"""What is left of the wait for words that will hardly come."""
PROMPT_SECONDS = 1.5
"""After an endpoint: until then its words come before those of others that are late, however short the user's
patience."""
RESERVED = 0.15
"""Share of the user's patience that is kept for making the label, at least: on a busy machine each takes
another while."""
FORGETTING = 0.95
"""What remains of a longer delay that was once seen, with each later label."""


class Patience:
    """Owned by the loop; shared by all conversations of a session."""

    def __init__(self, text_deadline: float) -> None:
        """`text_deadline`: seconds after an endpoint within which its label is to be out, be it without
        words."""
        self.shedding: tuple[WordStep, ...] = ()
        """What is left out, one after the other of `WORD_STEPS`."""
        self._deadline = text_deadline
        self._reserved = self._labelling = RESERVED * text_deadline

    @property
    def prompt(self) -> float:
        """Seconds after an endpoint for which its words come before others that are late. What is left out
        does not shorten them: by them it is known whether the recogniser is still behind."""
        return max(self._deadline, PROMPT_SECONDS)

    def sheds(self, step: WordStep) -> bool:
        """Whether this is left out at the moment."""
        return step in self.shedding

    @property
    def seconds(self) -> float:
        """After an endpoint: for how long its label waits for its words, so that it is out by the
        deadline."""
        if self.sheds("words"):
            return 0.0
        deadline = self._deadline
        if self.sheds("half the wait for words"):
            deadline /= 2
        if self.sheds("wait for words"):
            deadline = min(deadline, SHORT_SECONDS)
        return max(0.0, deadline - self._labelling)

    def took(self, seconds: float) -> None:
        """A label without its words was out so many seconds after the endpoint: what it took beyond the wait
        for them is kept for later ones."""
        longer = seconds - self.seconds
        if 0 <= longer <= self._deadline / 2:  # a hitch is no reason to wait for nothing
            self._labelling = max(longer, FORGETTING * self._labelling, self._reserved)
