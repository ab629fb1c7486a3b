"""Utterances that have ended, in the order of their endpoints, and how long each waits for what its label lacks."""

import time
from collections.abc import Iterator
from concurrent.futures import wait

from emotrack.stream.recogniser_watch import RecogniserWatch
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.settings import LabelSettings
from emotrack.stream.transcription.transcript import TranscriptionError
from emotrack.stream.utterance import Utterance

HURRIED_SECONDS = 0.8
"""How long a transcript is waited for when the session is to end."""
YIELD_SECONDS = 0.5
"""How long what another feed said waits behind an utterance that lacks nothing but its words."""
REQUEST_SECONDS, REQUEST_SHARE = 60.0, 10.0
"""How long a patient session waits for one transcript, and how much longer for each second of the utterance."""


class EndedUtterances:
    """A queue that is left in the order of the endpoints (at one moment: of the starts, then of the feeds), which is training's."""

    def __init__(self, vision: Vision, settings: LabelSettings, watch: RecogniserWatch, *, patient: bool) -> None:
        """`patient`: wait for a transcript however long it takes, so that labels do not depend on the machine's speed, unless it
        takes so long that the recogniser must be taken for one that hangs.
        """
        self._vision = vision
        self._settings = settings
        self._watch = watch
        self._patient = patient
        self._hurried = False
        self._waiting: list[Utterance] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self._waiting)

    @property
    def owed(self) -> float:
        """Seconds for which the first one has waited, but for words of a recogniser that is late anyway; 0 where none does."""
        if not self._waiting or not (self._watch.trusted or self._waiting[0].has_words):
            return 0.0
        return self._waiting[0].waited

    def hurry(self) -> None:
        """The session is to end: wait no longer for a transcript than the drain allows; callable from any thread."""
        self._hurried = True

    def add(self, utterance: Utterance) -> None:
        """It has ended just now."""
        self._waiting.append(utterance)
        self._waiting.sort(key=lambda waiting: (waiting.endpoint, waiting.start, waiting.feed))

    def take(self, *, wait: bool) -> Utterance | None:
        """The next one if there is all that it may wait for, `wait` until there is; None where it lacks something, or is none."""
        if not self._waiting:
            return None
        if wait:
            self._wait_for_words(self._waiting[0])
        elif not self._is_ready(self._waiting[0]):
            return None
        return self._waiting.pop(0)

    def lacks_nothing(self, utterance: Utterance) -> bool:
        """Whether everything is there that can be known of it."""
        return utterance.has_words and self.has_sights(utterance)

    def has_sights(self, utterance: Utterance) -> bool:
        """Whether every frame that was taken of it has been looked at."""
        return not self._vision.behind(utterance.feed, utterance.heard_until)

    def patience(self, utterance: Utterance) -> float:
        """Seconds after its endpoint for which a live utterance's label waits for its words."""
        if self._hurried:
            return min(HURRIED_SECONDS, self._settings.text_deadline)
        if self._watch.hangs or self._holds_others_up(utterance):
            return 0.0
        return self._settings.text_deadline

    def _is_ready(self, utterance: Utterance) -> bool:
        if utterance.answer is not None:
            return True
        heard = utterance.has_words or utterance.waited > self.patience(utterance)
        return heard and (self.has_sights(utterance) or utterance.waited > self._settings.vision_deadline)

    def _holds_others_up(self, utterance: Utterance) -> bool:
        """Whether what another feed said has lacked nothing for a while but to be the next."""
        others = (other for other in self._waiting if other.feed != utterance.feed and other.waited > YIELD_SECONDS)
        return any(self.lacks_nothing(other) for other in others)

    def _wait_for_words(self, utterance: Utterance) -> None:
        began = time.monotonic()
        while not utterance.has_words and utterance.transcript is not None:
            if not self._patient or self._hurried:
                if utterance.waited > self.patience(utterance):
                    return
            elif time.monotonic() - began > (limit := self._request_seconds(utterance)):
                utterance.fail_words(TranscriptionError(f"the recogniser gave no answer within {limit:.0f} seconds"))
                self._watch.given_up(utterance.heard_until)
                return
            wait([utterance.transcript], timeout=0.05)

    def _request_seconds(self, utterance: Utterance) -> float:
        """How long a patient session waits for this transcript."""
        if self._watch.hangs:
            return 0.0
        return REQUEST_SECONDS + REQUEST_SHARE * (utterance.heard_until - utterance.start)
