"""Whether the recogniser answers in time, or at all."""

import math
import time

from emotrack.stream.transcription.transcript import Transcriber

IN_TIME_SECONDS = 5.0
"""After an endpoint: a recogniser that answers within this is never taken for one that hangs, however short the user's patience."""
MISSES = 3
"""Times in a row that it does not answer in time, until nobody waits for it any more."""


class RecogniserWatch:
    """Whether the session's recogniser answers in time; one that does not, since it hangs or since the machine is too slow for
    it, is no longer waited for until it does again. Its words are then taken as they come.

    To a session that has time none is too slow: one that such a session gave up on is waited for again as soon as it is done with
    anything, whoever asked for that.
    """

    def __init__(self, text_deadline: float, recogniser: Transcriber | None) -> None:
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
        return self._missed >= MISSES and not self._is_back

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
        """The session time of what was said last when it came to be no use to wait for it, once each time that it does."""
        news, self._news = self._news, None
        return news

    @property
    def _is_back(self) -> bool:
        """Whether it has been done with anything since it was given up last."""
        return self._recogniser is not None and self._recogniser.answered_at > self._given_up_at
