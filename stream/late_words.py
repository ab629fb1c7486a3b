"""Words that come when their utterance is labelled already."""

from collections.abc import Container, Iterator
from dataclasses import dataclass

from emotrack.stream.labelling import Answer
from emotrack.stream.recogniser_watch import RecogniserWatch
from emotrack.stream.utterance import Utterance

LATE_SECONDS = 30.0
"""After an endpoint: words that come later are not waited for any more."""


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
