"""Utterances described and fused, before the dialogue's state is asked, from what is known of them at the
moment."""

import time
from collections.abc import Mapping

from emotrack.engines.open import Encoders
from emotrack.modalities import Modality
from emotrack.stream.labels.conversation import Conversation, TextContext
from emotrack.stream.labels.evidence import SHED, Words, collect_evidence, complete, reread
from emotrack.stream.labels.fusing import EarlyFusions, FusedUtterance, Labeller
from emotrack.stream.labels.waiting.ended import RecogniserWatch
from emotrack.stream.labels.waiting.patience import Patience
from emotrack.stream.seeing.sightings import Sightings
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.transcription.transcript import SpokenLanguage, Transcript
from emotrack.stream.utterances.appearance import FAILED
from emotrack.stream.utterances.utterance import Utterance

WORDS_FAILED = "transcription failed"
WORDS_SECONDS = 10.0
"""How long the words of an open utterance are waited for where that may wait; once it was in vain they are
taken as they come."""
LATE = "late"
"""The words may still come."""


class Describer:
    """Describes utterances and has them fused; what was fused early stands as long as nothing
    has changed for it."""

    def __init__(
        self,
        sightings: Mapping[int, Sightings],
        vision: Vision,
        encoders: Encoders,
        labeller: Labeller,
        watch: RecogniserWatch,
        patience: Patience,
        modalities: tuple[Modality, ...],
        *,
        wordless: str,
        patient: bool,
    ) -> None:
        """`sightings`: by the index of each feed; `wordless`: why an utterance that nothing transcribes has
        no words.

        `patient`: wait for the words of utterances that are still open, so that they do not depend on the
        machine's speed."""
        text = encoders.text
        self.early = EarlyFusions()
        self.conversation = Conversation(0 if text is None else text.context, labeller.revisions)
        self.spoken = SpokenLanguage()
        self.modalities = modalities
        self.late_texts = self.shed_texts = 0
        self._sightings = sightings
        self._vision = vision
        self._encoders = encoders
        self._labeller = labeller
        self._watch = watch
        self._patience = patience
        self._patient = patient
        self._wordless = wordless

    def hurry(self) -> None:
        """The session is to end: wait no longer for the words of an open utterance; callable from any
        thread."""
        self._patient = False

    def so_far(self, utterance: Utterance, speaker: str, now: float) -> FusedUtterance:
        """What is made of an utterance of `speaker` that is still open at session time `now`, with the words
        that are sure by now."""
        absent = SHED if self._patience.sheds("early words") else "not yet"
        heard = Words(self._partial_words(utterance), self._speechless(utterance) or absent)
        return self._answer(utterance, heard, self.conversation.around(speaker), now, finished=False)

    def conclusive(self, utterance: Utterance, speaker: str) -> FusedUtterance:
        """What is made of an utterance of `speaker` that ends where it was paused (or, a window, where it was
        closed).

        Of one that was computed before, the words are read anew where another utterance or another speaker
        has come in between.
        """
        context, fused = self.conversation.around(speaker), self.early.get(utterance)
        if fused is None:
            return self._answer(
                utterance, self._heard(utterance), context, utterance.heard_until, finished=True
            )
        if fused.evidence.words is None or fused.evidence.context == context:
            return fused
        began = time.perf_counter()
        evidence = reread(fused.evidence, self._encoders, context)
        return self._labeller.fuse(evidence, fused.encode_ms + (time.perf_counter() - began) * 1e3)

    def completed(
        self, fused: FusedUtterance, transcript: Transcript, speaker: str, place: int
    ) -> FusedUtterance:
        """What an utterance of `speaker`, committed without its words in this `place`, gets now
        that they have come."""
        began = time.perf_counter()
        evidence = complete(
            fused.evidence, transcript, self._encoders, self.conversation.around(speaker, place), self.spoken
        )
        return self._labeller.fuse(evidence, fused.encode_ms + (time.perf_counter() - began) * 1e3)

    def _answer(
        self, utterance: Utterance, heard: Words, context: TextContext, end: float, *, finished: bool
    ) -> FusedUtterance:
        began = time.perf_counter()
        sightings = self._sightings[utterance.feed]
        seen = sightings.between(utterance.start, end)
        evidence = collect_evidence(
            utterance,
            seen,
            self._blind(seen=bool(seen), up=sightings.video_up),
            heard,
            context,
            self._encoders,
            self.modalities,
            self.spoken,
            finished=finished,
            sheds_bodies=self._vision.sheds_bodies,
        )
        return self._labeller.fuse(evidence, (time.perf_counter() - began) * 1e3)

    def _blind(self, *, seen: bool, up: bool) -> str | None:
        """Why nothing can be seen at all, or None."""
        if not (up or seen):
            return "no video"
        return FAILED if not seen and self._vision.stalled else self._encoders.blind

    def _partial_words(self, utterance: Utterance) -> Transcript | None:
        if utterance.transcription is None or self._patience.sheds("early words"):
            return None
        patience = (
            0.0 if not self._patient or self._watch.hangs or utterance.waited_in_vain else WORDS_SECONDS
        )
        began = time.monotonic()
        words = utterance.transcription.partial(patience)
        if patience and time.monotonic() - began >= patience:
            utterance.waited_in_vain = True
            self._watch.missed_partial()
        return words

    def _heard(self, utterance: Utterance) -> Words:
        transcript = utterance.transcript
        if transcript is None:
            return Words(None, self._speechless(utterance) or "no words")
        if not transcript.done():
            if self._patience.sheds("words"):
                self.shed_texts += 1
                return Words(None, SHED)
            self.late_texts += 1
            return Words(None, LATE)
        if transcript.cancelled() or transcript.exception() is not None:
            return Words(None, WORDS_FAILED)
        return Words(transcript.result())

    def _speechless(self, utterance: Utterance) -> str | None:
        """Why no transcript will come, or None."""
        if not utterance.blocks:
            return utterance.silence or "no audio"
        return self._wordless if utterance.transcription is None else None
