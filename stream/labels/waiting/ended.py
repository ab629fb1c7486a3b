"""What labels wait for: whether the recogniser answers in time, how long an ended utterance waits for what
its label lacks, and words that come after it."""

import math
import time
from collections.abc import Iterator
from concurrent.futures import wait
from dataclasses import dataclass

from emotrack.stream.labels.fusing import EarlyFusions, FusedUtterance
from emotrack.stream.labels.waiting.patience import Patience
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.settings import LabelSettings
from emotrack.stream.transcription.guarded import GuardedTranscriber
from emotrack.stream.transcription.transcript import TranscriptionError
from emotrack.stream.utterances.utterance import Utterance

IN_TIME_SECONDS = 5.0
"""After an endpoint: a recogniser that answers within this is never taken for one that hangs, however short
the user's patience."""
MISSES = 3
"""Times in a row that it does not answer in time, until nobody waits for it any more."""


class RecogniserWatch:
    """Whether the session's recogniser answers at all; one that hangs is no longer waited for until it does
    again. Its words are then taken as they come. (For one that works and is too slow, see `Patience`.)

    To a session that has time none is too slow: one that such a session gave up on is waited for again as
    soon as it is done with anything, whoever asked for that.
    """

    def __init__(self, text_deadline: float, recogniser: GuardedTranscriber | None) -> None:
        """`text_deadline`: seconds after an endpoint for which its label would wait for the words."""
        self.deadline = max(text_deadline, IN_TIME_SECONDS)
        """Seconds after an endpoint within which an answer is in time."""
        self._recogniser = recogniser
        self._missed = 0
        self._given_up_at = math.inf  # seconds of `time.monotonic`
        self._news: float | None = None

    @property
    def trusted(self) -> bool:
        """Whether the last answer that was due came in time."""
        return not self._missed

    @property
    def hangs(self) -> bool:
        """Whether it is no use to wait for it."""
        if self._recogniser is not None and self._recogniser.hangs:
            return True
        return self._missed >= MISSES and not self._is_back

    def is_done_since(self, moment: float) -> bool:
        """Whether the recogniser has been done with anything since this second of `time.monotonic`."""
        return self._recogniser is not None and self._recogniser.answered_at > moment

    def answered(self) -> None:
        """It answered in time, with words or with an error."""
        self._missed, self._given_up_at = 0, math.inf

    def missed(self, moment: float) -> None:
        """It did not answer in time what was said until session time `moment`."""
        self._missed += 1
        if self._missed == MISSES:
            self._news = moment

    def missed_partial(self) -> None:
        """The words of an open utterance, which come after everybody's finals, were waited for in vain.

        That is a miss, but for the last one: only what has ended can show that it hangs.
        """
        if self._missed < MISSES - 1:
            self._missed += 1

    def given_up(self, moment: float) -> None:
        """A session that has time got no answer to what was said until session time `moment`."""
        if self._is_back:
            self._missed = 0
        self._given_up_at = time.monotonic()
        self.missed(moment)

    def take_news(self) -> float | None:
        """The session time of what was said last when it came to be no use to wait for it, once each time
        that it does."""
        news, self._news = self._news, None
        return news

    @property
    def _is_back(self) -> bool:
        """Whether it has been done with anything since it was given up last."""
        return self.is_done_since(self._given_up_at)


HURRIED_SECONDS = 0.8
"""How long a transcript is waited for when the session is to end."""
YIELD_SECONDS = 0.5
"""How long what another feed said waits behind an utterance that lacks nothing but its words."""
REQUEST_SECONDS, REQUEST_SHARE = 60.0, 10.0
"""How long a patient session waits for one transcript, and how much longer for each second of the
utterance."""


class EndedUtterances:
    """A queue that is left in the order of the endpoints (at one moment: of the starts, then of the feeds),
    which is training's."""

    def __init__(
        self,
        vision: Vision,
        settings: LabelSettings,
        watch: RecogniserWatch,
        patience: Patience,
        early: EarlyFusions,
        *,
        patient: bool,
    ) -> None:
        """`patience` and `watch` are the session's.

        `patient`: wait for a transcript however long it takes, so that labels do not depend on the
        machine's speed, unless it takes so long that the recogniser must be taken for one that hangs.
        """
        self._vision = vision
        self._settings = settings
        self._watch = watch
        self._patience = patience
        self._early = early
        self._patient = patient
        self._hurried = False
        self._waiting: list[Utterance] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self._waiting)

    @property
    def owed(self) -> float:
        """Seconds for which the first one has waited, but for words of a recogniser that is late anyway; 0
        where none does."""
        if not self._waiting or not (self._watch.trusted or self._waiting[0].has_words):
            return 0.0
        return self._waiting[0].waited

    def hurry(self) -> None:
        """The session is to end: wait no longer for a transcript than the drain allows; callable from any
        thread."""
        self._hurried = True

    def add(self, utterance: Utterance) -> None:
        """It has ended just now."""
        self._waiting.append(utterance)
        self._waiting.sort(key=lambda waiting: (waiting.endpoint, waiting.start, waiting.feed))

    def take(self, *, wait: bool) -> Utterance | None:
        """The next one if there is all that it may wait for, `wait` until there is; None where it lacks
        something, or is none."""
        if not self._waiting:
            return None
        if wait:
            self._wait_for_words(self._waiting[0])
        elif not self._is_ready(self._waiting[0]):
            return None
        return self._waiting.pop(0)

    def labelled(self, utterance: Utterance) -> None:
        """The label of one that was taken is out."""
        if not (self._patient or utterance.has_words):
            self._patience.took(utterance.waited)

    def lacks_nothing(self, utterance: Utterance) -> bool:
        """Whether everything is there that can be known of it."""
        return utterance.has_words and self.has_sights(utterance)

    def has_sights(self, utterance: Utterance) -> bool:
        """Whether every frame that was taken of it has been looked at, or nobody can tell when it will be."""
        return self._vision.stalled or not self._vision.behind(utterance.feed, utterance.heard_until)

    def patience(self, utterance: Utterance) -> float:
        """Seconds after its endpoint for which a live utterance's label waits for its words."""
        if self._hurried:
            return min(HURRIED_SECONDS, self._settings.text_deadline)
        if self._watch.hangs or self._holds_others_up(utterance):
            return 0.0
        return self._patience.seconds

    def _is_ready(self, utterance: Utterance) -> bool:
        if self._early.get(utterance) is not None:
            return True
        heard = utterance.has_words or utterance.waited > self.patience(utterance)
        return heard and (self.has_sights(utterance) or utterance.waited > self._settings.vision_deadline)

    def _holds_others_up(self, utterance: Utterance) -> bool:
        """Whether what another feed said waits for nothing but to be the next: for a while where it lacks
        nothing, at once where it has waited as long as it may."""
        return any(
            self.lacks_nothing(other) or other.waited > self._patience.seconds
            for other in self._waiting
            if other.feed != utterance.feed and other.waited > YIELD_SECONDS
        )

    def _wait_for_words(self, utterance: Utterance) -> None:
        began = time.monotonic()
        while not utterance.has_words and utterance.transcript is not None:
            if not self._patient or self._hurried:
                if utterance.waited > self.patience(utterance):
                    return
            elif time.monotonic() - began > (limit := self._request_seconds(utterance)):
                utterance.fail_words(
                    TranscriptionError(f"the recogniser gave no answer within {limit:.0f} seconds")
                )
                self._watch.given_up(utterance.heard_until)
                return
            wait([utterance.transcript], timeout=0.05)

    def _request_seconds(self, utterance: Utterance) -> float:
        """How long a patient session waits for this transcript."""
        if self._watch.hangs:
            return 0.0
        return REQUEST_SECONDS + REQUEST_SHARE * (utterance.heard_until - utterance.start)


LATE_SECONDS = 30.0
"""After an endpoint: words that come later are not waited for any more."""
LATE_BYTES = 32 << 20
"""What the utterances of one conversation may hold whose words are late; the oldest are given up."""


@dataclass(slots=True)
class PendingTranscript:
    """An utterance that was labelled without its words, which may still come."""

    utterance: Utterance
    fused: FusedUtterance
    """What its label was made of."""
    place: int
    """Among the lines of its conversation."""
    size: int = 0
    """Bytes of its sound."""
    missed: bool = False
    """Whether it has been counted that the recogniser did not answer in time."""


class LateWords:
    """The utterances of one conversation whose words may still come, of which there are only so many: the
    oldest are given up, and the recogniser begins them no more.

    Nobody whose words are waited for has to wait behind them.
    """

    def __init__(self, watch: RecogniserWatch) -> None:
        self.lost = 0
        """Utterances whose words were given up."""
        self.lost_until = 0.0
        """Session time up to which the last of them was heard."""
        self._watch = watch
        self._pending: list[PendingTranscript] = []

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, utterance: object) -> bool:
        """Whether the words of the utterance of this number are waited for."""
        return any(pending.utterance.number == utterance for pending in self._pending)

    def __iter__(self) -> Iterator[PendingTranscript]:
        """Those that are waited for, the earliest committed first."""
        return iter(self._pending)

    def add(self, pending: PendingTranscript) -> None:
        """The utterance was labelled just now; its recogniser is let go of when nobody waits any more."""
        pending.size = pending.utterance.size
        self._pending.append(pending)

    def take(self) -> list[PendingTranscript]:
        """Those that the recogniser is done with since the last call; see above for those that go on
        waiting."""
        done, gone = [], []
        held = 0
        for pending in reversed(self._pending):
            utterance = pending.utterance
            held += pending.size
            if utterance.has_words:
                done.append(pending)
                if utterance.waited <= self._watch.deadline:
                    self._watch.answered()
            elif utterance.waited > LATE_SECONDS or held > LATE_BYTES:
                gone.append(pending)
                self.lost_until = max(self.lost_until, utterance.heard_until)
        for pending in (*done, *gone):
            self._pending.remove(pending)
            pending.utterance.release()
        self.lost += len(gone)
        return done[::-1]

    def count_misses(self) -> None:
        """Tell the watch of those that are not answered in time, each once; not of those that wait for
        others to be answered."""
        for pending in self._pending:
            utterance = pending.utterance
            if not pending.missed and utterance.waited > self._watch.deadline:
                pending.missed = True
                if not self._watch.is_done_since(utterance.endpoint_arrived_ns / 1e9):
                    self._watch.missed(utterance.heard_until)

    def close(self) -> None:
        """Nobody waits any more."""
        for pending in self._pending:
            pending.utterance.release()
        self._pending.clear()
