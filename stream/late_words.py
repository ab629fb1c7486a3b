"""Words that come when their utterance is labelled already."""

from collections.abc import Container, Iterator
from dataclasses import dataclass

from emotrack.stream.labelling import Answer
from emotrack.stream.recogniser_watch import RecogniserWatch
from emotrack.stream.utterance import Utterance

LATE_SECONDS = 30.0
"""After an endpoint: words that come later are not waited for any more."""


@dataclass(slots=True)
class PendingTranscript:
    """An utterance that was labelled without its words, which may still come."""

    utterance: Utterance
    answer: Answer
    """What its label was made of."""
    place: int
    """Among the lines of its conversation."""
    missed: bool = False
    """Whether it has been counted that the recogniser did not answer in time."""


class LateWords:
    """The utterances of one conversation whose words may still come: for a bounded time, and while they can be revised.

    What the recogniser has begun by then it may end. What it has not is given up: it would be one more for whom all that is said
    later has to wait.
    """

    def __init__(self, watch: RecogniserWatch) -> None:
        self._watch = watch
        self._pending: list[PendingTranscript] = []

    def __contains__(self, utterance: object) -> bool:
        """Whether the words of the utterance of this number are waited for."""
        return any(pending.utterance.number == utterance for pending in self._pending)

    def __iter__(self) -> Iterator[PendingTranscript]:
        """Those that are waited for, the earliest committed first."""
        return iter(self._pending)

    def add(self, pending: PendingTranscript) -> None:
        """The utterance was labelled just now; its recogniser is let go of when nobody waits any more."""
        self._pending.append(pending)

    def take(self, revisable: Container[int]) -> list[PendingTranscript]:
        """Those that the recogniser is done with since the last call; see above for those that go on waiting."""
        done, gone = [], []
        for pending in self._pending:
            utterance = pending.utterance
            if utterance.has_words:
                done.append(pending)
                if utterance.waited <= self._watch.deadline:
                    self._watch.answered()
            elif utterance.waited > LATE_SECONDS or not (utterance.number in revisable or utterance.is_being_transcribed):
                gone.append(pending)
        for pending in (*done, *gone):
            self._pending.remove(pending)
            pending.utterance.release()
        return done

    def count_misses(self) -> None:
        """Tell the watch of those that are not answered in time, each once."""
        for pending in self._pending:
            if not pending.missed and pending.utterance.waited > self._watch.deadline:
                pending.missed = True
                self._watch.missed(pending.utterance.heard_until)

    def close(self) -> None:
        """Nobody waits any more."""
        for pending in self._pending:
            pending.utterance.release()
        self._pending.clear()
