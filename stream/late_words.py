"""Words that come when their utterance is labelled already, and whether the recogniser answers in time at all."""

from collections.abc import Container, Iterator
from dataclasses import dataclass

from emotrack.stream.labelling import Answer
from emotrack.stream.utterance import Utterance

LATE_SECONDS = 30.0
"""After an endpoint: words that come later are not waited for any more."""
IN_TIME_SECONDS = 5.0
"""After an endpoint: a recogniser that answers within this is never taken for one that hangs, however short the user's patience."""
MISSES = 3
"""Utterances in a row that are not answered in time, until nobody waits for the recogniser any more."""


class RecogniserWatch:
    """Whether the session's recogniser answers in time; one that does not, since it hangs or since the machine is too slow for
    it, is no longer waited for until it does again. Its words are then taken as they come."""

    def __init__(self, text_deadline: float) -> None:
        """`text_deadline`: seconds after an endpoint for which its label would wait for the words."""
        self.deadline = max(text_deadline, IN_TIME_SECONDS)
        """Seconds after an endpoint within which an answer is in time."""
        self._missed = 0
        self._news: float | None = None

    @property
    def trusted(self) -> bool:
        """Whether the last answer that was due came in time."""
        return not self._missed

    @property
    def hangs(self) -> bool:
        """Whether it is no use to wait for it."""
        return self._missed >= MISSES

    def answered(self) -> None:
        """It answered in time, with words or with an error."""
        self._missed = 0

    def missed(self, moment: float) -> None:
        """It did not answer in time what was said until session time `moment`."""
        self._missed += 1
        if self._missed == MISSES:
            self._news = moment

    def take_news(self) -> float | None:
        """The session time of what was said last when it came to be no use to wait for it, once each time that it does."""
        news, self._news = self._news, None
        return news


@dataclass(slots=True)
class Awaited:
    """An utterance that was labelled without its words."""

    utterance: Utterance
    answer: Answer
    """What its label was made of."""
    place: int
    """Among the lines of its conversation."""
    missed: bool = False
    """Whether it has been counted that the recogniser did not answer in time."""


class LateWords:
    """The utterances of one conversation whose words may still come: while they can be revised, and for a bounded time."""

    def __init__(self, watch: RecogniserWatch) -> None:
        self._watch = watch
        self._awaited: list[Awaited] = []

    def __iter__(self) -> Iterator[Awaited]:
        """Those that are waited for, the earliest committed first."""
        return iter(self._awaited)

    def add(self, awaited: Awaited) -> None:
        """The utterance was labelled just now; its recogniser is let go of when nobody waits any more."""
        self._awaited.append(awaited)

    def take(self, revisable: Container[int]) -> list[Awaited]:
        """Those that the recogniser is done with since the last call; the others go on waiting while they are `revisable`."""
        done, gone = [], []
        for awaited in self._awaited:
            if awaited.utterance.has_words:
                done.append(awaited)
                if awaited.utterance.waited <= self._watch.deadline:
                    self._watch.answered()
            elif awaited.utterance.waited > LATE_SECONDS or awaited.utterance.number not in revisable:
                gone.append(awaited)
        for awaited in (*done, *gone):
            self._awaited.remove(awaited)
            awaited.utterance.release()
        return [awaited for awaited in done if awaited.utterance.number in revisable]

    def count_misses(self) -> None:
        """Tell the watch of those that are not answered in time, each once."""
        for awaited in self._awaited:
            if not awaited.missed and awaited.utterance.waited > self._watch.deadline:
                awaited.missed = True
                self._watch.missed(awaited.utterance.heard_until)

    def close(self) -> None:
        """Nobody waits any more."""
        for awaited in self._awaited:
            awaited.utterance.release()
        self._awaited.clear()
