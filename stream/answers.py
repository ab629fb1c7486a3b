"""Answers: what the network makes of an utterance before the dialogue's state is asked, from what is known of it at the moment."""

import time
from collections.abc import Mapping

from emotrack.model.configuration import Stream
from emotrack.stream.conversation import Conversation, TextContext
from emotrack.stream.evidence import USER, Heard, complete, gather, reread
from emotrack.stream.feed import Feed
from emotrack.stream.labelling import Answer, Labeller
from emotrack.stream.parts import Parts
from emotrack.stream.recogniser_watch import RecogniserWatch
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.transcription.readable import SpokenLanguage
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.utterance import Utterance

FAILED = "transcription failed"
WORDS_SECONDS = 10.0
"""How long the words of an open utterance are waited for where that may wait; once it was in vain they are taken as they come."""
LATE = "late"
"""The words may still come."""


class Answers:
    """Describes utterances and has them fused; an answer that was computed early stands as long as nothing has changed for it."""

    def __init__(
        self,
        feeds: Mapping[int, Feed],
        vision: Vision,
        parts: Parts,
        labeller: Labeller,
        watch: RecogniserWatch,
        *,
        patient: bool,
    ) -> None:
        """`patient`: wait for the words of utterances that are still open, so that they do not depend on the machine's speed."""
        text = parts.encoders.text
        self.conversation = Conversation(0 if text is None else text.context, parts.bundle.configuration.revisions)
        self.spoken = SpokenLanguage()
        self.modes: tuple[Stream, ...] = parts.settings.modes
        self.late_texts = 0
        self._feeds = feeds
        self._vision = vision
        self._encoders = parts.encoders
        self._labeller = labeller
        self._watch = watch
        self._patient = patient
        # Where there is a recogniser, an utterance without one was opened while the user wanted no text.
        self._wordless = parts.speechless if parts.transcriber is None else USER

    def hurry(self) -> None:
        """The session is to end: wait no longer for the words of an open utterance; callable from any thread."""
        self._patient = False

    def so_far(self, utterance: Utterance, speaker: str, now: float) -> Answer:
        """The answer to an utterance of `speaker` that is still open at session time `now`, with the words that are sure by now."""
        heard = Heard(self._partial_words(utterance), self._speechless(utterance) or "not yet")
        return self._answer(utterance, heard, self.conversation.around(speaker), now, finished=False)

    def conclusive(self, utterance: Utterance, speaker: str) -> Answer:
        """The answer to an utterance of `speaker` that ends where it was paused (or, a window, where it was closed).

        Of one that was computed before, the words are read anew where another utterance or another speaker has come in between.
        """
        context, answer = self.conversation.around(speaker), utterance.answer
        if answer is None:
            return self._answer(utterance, self._heard(utterance), context, utterance.heard_until, finished=True)
        if answer.evidence.words is None or answer.evidence.context == context:
            return answer
        began = time.perf_counter()
        evidence = reread(answer.evidence, self._encoders, context)
        return self._labeller.answer(evidence, answer.encode_ms + (time.perf_counter() - began) * 1e3)

    def completed(self, answer: Answer, transcript: Transcript, speaker: str, place: int) -> Answer:
        """The answer that an utterance of `speaker`, committed without its words in this `place`, gets now that they have come."""
        began = time.perf_counter()
        evidence = complete(answer.evidence, transcript, self._encoders, self.conversation.around(speaker, place), self.spoken)
        return self._labeller.answer(evidence, answer.encode_ms + (time.perf_counter() - began) * 1e3)

    def _answer(self, utterance: Utterance, heard: Heard, context: TextContext, end: float, *, finished: bool) -> Answer:
        began = time.perf_counter()
        evidence = gather(
            utterance,
            self._feeds[utterance.feed],
            heard,
            context,
            self._encoders,
            self.modes,
            end,
            self.spoken,
            finished=finished,
            sheds_bodies=self._vision.sheds_bodies,
        )
        return self._labeller.answer(evidence, (time.perf_counter() - began) * 1e3)

    def _partial_words(self, utterance: Utterance) -> Transcript | None:
        if utterance.transcription is None:
            return None
        patience = 0.0 if not self._patient or self._watch.hangs or utterance.waited_in_vain else WORDS_SECONDS
        began = time.monotonic()
        words = utterance.transcription.partial(patience)
        if patience and time.monotonic() - began >= patience:
            utterance.waited_in_vain = True
            self._watch.missed_partial()
        return words

    def _heard(self, utterance: Utterance) -> Heard:
        transcript = utterance.transcript
        if transcript is None:
            return Heard(None, self._speechless(utterance) or "no words")
        if not transcript.done():
            self.late_texts += 1
            return Heard(None, LATE)
        if transcript.cancelled() or transcript.exception() is not None:
            return Heard(None, FAILED)
        return Heard(transcript.result())

    def _speechless(self, utterance: Utterance) -> str | None:
        """Why no transcript will come, or None."""
        if not utterance.blocks:
            return utterance.silence
        return self._wordless if utterance.transcription is None else None
