"""Turns the utterances of a conversation into labels: partials while they last, an answer at each pause, one
final each, and revisions afterwards: when later utterances change an earlier label, when words come that it
did not wait for, and when it turns out to be another speaker's.
"""

import contextlib
import math
import time
from collections.abc import Container, Mapping

import numpy as np

from emotrack.engines.open import POLICY, SWITCHED_OFF, Networks
from emotrack.engines.running.batching import wanted_by
from emotrack.modalities import Modality
from emotrack.model.dialogue.state import SpeakerMemory
from emotrack.stream.hearing.description import AudioDescription
from emotrack.stream.labels.attribution import Attribution, others_in, share
from emotrack.stream.labels.describer import LATE, WORDS_FAILED, Describer
from emotrack.stream.labels.evidence import SHED, USER, LabelledUtterance, Observer
from emotrack.stream.labels.fusing import FusedUtterance, Labeller
from emotrack.stream.labels.kept import KeptConversation
from emotrack.stream.labels.record import PublishedLabels, emotion, probabilities
from emotrack.stream.labels.troubles import Troubles, said
from emotrack.stream.labels.waiting.ended import (
    MISSES,
    EndedUtterances,
    LateWords,
    PendingTranscript,
    RecogniserWatch,
)
from emotrack.stream.labels.waiting.patience import Patience
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.settings import StreamSettings, TranscriptionSettings
from emotrack.stream.speakers.assign import AssignedSpeaker, SpeakerAssigner
from emotrack.stream.transcription.transcript import Transcriber, Transcript
from emotrack.stream.utterances.feed import TrackedFeed
from emotrack.stream.utterances.utterance import Utterance
from emotrack.stream.wire.protocol.messages import Emotion, Error
from emotrack.stream.wire.protocol.parts import SpeakerRef, Timing
from emotrack.stream.wire.publish.outbox import Outbox

DUE_SECONDS, SPARE_SECONDS = 1.5, 0.25
"""From an endpoint to its label, at most, and what more it may take until it is late."""
LABEL_SECONDS = 0.25
"""From an endpoint to its label: for so long its work may wait for that of others that is wanted sooner."""


class ConversationLabels:
    """Owned by the loop. Utterances are committed to the dialogue in the order of their endpoints, each once.

    A final label that did not wait for its words is revised when they come. To the dialogue it is then as if
    they had been there all along, so that every later label is made in their light; what was labelled in
    between keeps the words as they were read then, and is revised like anything else where its label changes.
    Words that come when their label can be revised no more are published with it as it stands.
    """

    def __init__(
        self,
        feeds: Mapping[int, TrackedFeed],
        vision: Vision,
        networks: Networks,
        transcriber: Transcriber | None,
        assigner: SpeakerAssigner,
        watch: RecogniserWatch,
        patience: Patience,
        troubles: Troubles,
        outbox: Outbox,
        settings: StreamSettings,
        observe: Observer | None,
        *,
        patient: bool,
    ) -> None:
        """Over the feeds that take part, by index; `watch`, `patience` and `troubles` are the session's.

        `patient`: see `EndedUtterances`.
        """
        self.late_sights = 0
        self.done: Container[int] = ()
        """Utterances that an earlier process has labelled, of a session that is gone on with."""
        self._feeds = feeds
        self._vision = vision
        self._troubles = troubles
        self._outbox = outbox
        self._observe = observe
        self._encoders = networks.encoders
        self._transcriber = transcriber
        self._bundle = networks.bundle.identifier
        self._deaf = networks.encoders.unusable.get("audio") == POLICY  # then nobody is shown the sound
        self._labeller = Labeller(networks.bundle, networks.heads, self._tell_network)
        self._due = math.inf if patient else max(settings.labels.text_deadline, DUE_SECONDS) + SPARE_SECONDS
        self._late_before = False
        """Whether the last final label was later than that."""
        self._moment = 0.0
        """Session time of what is labelled at the moment."""
        self._describer = Describer(
            {index: feed.sightings for index, feed in feeds.items()},
            vision,
            networks.encoders,
            self._labeller,
            watch,
            patience,
            settings.modalities,
            wordless=_wordless(transcriber, settings.transcription),
            patient=patient,
        )
        self._early = self._describer.early
        self._watch, self._patience = watch, patience
        self._ended = EndedUtterances(vision, settings.labels, watch, patience, self._early, patient=patient)
        self._prompt = math.inf if patient else patience.prompt
        self._published = PublishedLabels(
            self._labeller.revisions + 1, self._labeller.labels, settings.labels.revision_threshold
        )
        self._late = LateWords(watch)
        self._attribution = Attribution(
            assigner, feeds, self._labeller, self._describer.conversation, self._published, troubles, outbox
        )

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities that are used."""
        return self._describer.modalities

    @property
    def late_texts(self) -> int:
        """Final labels that did not wait for their transcript."""
        return self._describer.late_texts

    @property
    def shed_texts(self) -> int:
        """Final labels that were not to have their transcript, since the recogniser was too far behind."""
        return self._describer.shed_texts

    @property
    def lost_texts(self) -> int:
        """Utterances whose transcript was given up after that."""
        return self._late.lost

    @property
    def late_words(self) -> int:
        """Utterances whose transcript may still come after their label."""
        return len(self._late)

    @property
    def waiting(self) -> int:
        """Utterances that have ended and are not labelled yet."""
        return len(self._ended)

    @property
    def owed(self) -> float:
        """Seconds for which the first of them has waited, as far as the machine's speed is to blame; 0 where
        none does."""
        return self._ended.owed

    def snapshot(self) -> KeptConversation:
        """All that decides what is said of later utterances."""
        return KeptConversation(
            speakers=self._attribution.assigner.snapshot(),
            dialogue=self._labeller.snapshot(),
            lines=self._describer.conversation.snapshot(),
            languages=self._describer.spoken.snapshot(),
            labels=self._published.snapshot(),
            committed=self._attribution.snapshot(),
            labelled={feed.name: feed.summary.labels for feed in self._feeds.values()},
        )

    def restore(self, kept: KeptConversation, *, heard_again: bool) -> None:
        """Go on from there; `heard_again`: the feeds are where they were then, else they begin anew. Raises
        `UserError` where it does not go with this session."""
        self._labeller.restore(kept.dialogue)
        self._attribution.assigner.restore(kept.speakers, heard_again=heard_again)
        self._describer.conversation.restore(kept.lines)
        self._describer.spoken.restore(kept.languages)
        self._published.restore(kept.labels)
        if heard_again:  # else the sound that they were given by is gone
            self._attribution.restore(kept.committed)
        for feed in self._feeds.values():
            feed.summary.labels = kept.labelled.get(feed.name, 0)

    def hurry(self) -> None:
        """The session is to end: wait no longer for a transcript than the drain allows; callable from any
        thread."""
        self._ended.hurry()
        self._describer.hurry()

    def close(self) -> None:
        """Let go of what utterances still hold that have no final label, or one without its words."""
        self._late.close()
        for utterance in self.unfinished():
            utterance.release()

    def set_modalities(self, modalities: tuple[Modality, ...]) -> None:
        """Use only these modalities from now on; answers that were computed with others are forgotten."""
        self._describer.modalities = modalities
        if "text" not in modalities:
            self._late.close()
        for utterance in self.unfinished():
            self._early.drop(utterance)
            if "text" not in modalities:
                utterance.forget_words()

    def begin(self, utterance: Utterance) -> None:
        """An utterance has opened: what is heard of it is described and transcribed from now on."""
        if utterance.silence is not None or utterance.number in self.done:
            return
        audio, transcriber = self._encoders.audio, self._transcriber
        described = audio is not None and "audio" not in self._encoders.unusable
        utterance.attach(
            AudioDescription(audio) if audio is not None and described else None,
            transcriber.open() if transcriber is not None and "text" in self.modalities else None,
        )

    def partial(self, utterance: Utterance, now: float) -> None:
        """Publish what can be said of an open utterance at session time `now`."""
        utterance.last_partial = self._moment = now
        if utterance.number in self.done:
            return
        name = self._feeds[utterance.feed].name
        try:
            guess = self._attribution.guess(utterance)
            fused = self._describer.so_far(utterance, guess.id, now)
            self._tell_missing(utterance, fused, now)
            if utterance.silence is not None and not fused.evidence.tokens:
                return
            fused, values = self._labeller.preview(fused, guess.id)
            timing = Timing(encode=_ms(fused.encode_ms), head=_ms(fused.head_ms))
            self._publish(utterance, "partial", now, guess, fused, values, timing)
        except Exception as failure:  # noqa: BLE001 - its end may still be labelled
            self._troubles.failed("partial", name, failure, now)
        else:
            self._troubles.worked("partial", name)

    def pause(self, utterance: Utterance) -> None:
        """Speech may have ended: have the utterance transcribed already, unless it has gone on since."""
        if utterance.paused and not self._patience.sheds("early words"):
            utterance.transcribe()

    def speculate(self, utterance: Utterance) -> None:
        """Answer a paused utterance as if it had ended at the pause, once everything for that is there."""
        if (
            utterance.paused
            and utterance.number not in self.done
            and (self._early.get(utterance) is not None or self._ended.lacks_nothing(utterance))
        ):
            with contextlib.suppress(Exception):  # what fails is tried again, and told, at the end
                guess = self._attribution.guess(utterance)
                self._early.put(utterance, self._describer.conclusive(utterance, guess.id))

    def end(self, utterance: Utterance, arrived_ns: int) -> None:
        """The endpoint, known since its sample arrived at `arrived_ns`: the utterance now waits for its final
        label."""
        utterance.endpoint_arrived_ns = arrived_ns
        utterance.transcribe()
        utterance.conclude(self._prompt)
        self._ended.add(utterance)

    def settle(self, *, wait: bool) -> None:
        """Label what has ended, first endpoint first, and revise what words have come for.

        `wait` for transcripts that are missing, for as long as their labels may; else go on with it later.
        """
        self._take_late_words()
        while (utterance := self._ended.take(wait=wait)) is not None:
            if utterance.number in self.done:
                utterance.release()
                continue
            try:
                with wanted_by(utterance.endpoint_arrived_ns / 1e9 + LABEL_SECONDS):
                    self._final(utterance)
            except Exception as failure:  # noqa: BLE001 - later ones may be labelled again
                self._early.drop(utterance)
                utterance.release()
                sentence = f"Utterance {utterance.number} has no final label: {said(failure)}."
                name = self._feeds[utterance.feed].name
                self._troubles.tell(sentence, name, utterance.heard_until)
        moment = self._watch.take_news()
        if moment is not None:
            sentence = (
                f"The recogniser gave no answer in time {MISSES} times in a row: labels wait for no words "
                "until it does."
            )
            self._outbox.emit(Error(message=sentence, continues=True, source=None, time=round(moment, 3)))

    def hear_more(self, feed: int, now: float) -> None:
        """More was heard of who speaks on a feed, up to session time `now`: revise what turns out to be
        another's."""
        try:
            for label, revised in self._attribution.reconsider(feed, now):
                self._outbox.emit(label)
                self._revise(revised)
        except Exception as failure:  # noqa: BLE001 - the labels stand as they are
            self._troubles.failed("amending", None, failure, now)

    def finish(self) -> None:
        """All is labelled and nothing more will come: wait for the words of labels that yielded, as long as
        these would have."""
        while any(
            pending.utterance.waited < self._ended.patience(pending.utterance) for pending in self._late
        ):
            time.sleep(0.02)
            self._take_late_words()

    def unfinished(self) -> list[Utterance]:
        """Those that have no final label yet."""
        return [
            *self._ended,
            *(utterance for feed in self._feeds.values() for utterance in feed.open_utterances()),
        ]

    def _final(self, utterance: Utterance) -> None:
        began = time.perf_counter()
        self._moment = utterance.heard_until
        if self._early.get(utterance) is None and not self._ended.has_sights(utterance):
            self.late_sights += 1
        if utterance.transcription is not None and utterance.has_words:
            self._watch.answered()
            self._troubles.worked("words", None)
        if utterance.silence is not None and self._shows_nothing(utterance):
            return
        assert utterance.end is not None
        speaker = self._attribution.identify(utterance, utterance.end)
        fused = self._describer.conclusive(utterance, speaker.id)
        self._early.drop(utterance)
        self._tell_missing(utterance, fused, utterance.end)
        reason = fused.evidence.reasons.get("text")
        if reason == WORDS_FAILED:
            self._tell_failure(utterance)
        elif reason == LATE:
            late = TimeoutError("the recogniser has not answered")
            self._troubles.failed("words", None, late, utterance.end)
        memory = None if self._observe is None else self._labeller.memory(speaker.id)
        fused, values = self._labeller.commit(utterance.number, fused, speaker.id)
        place = self._describer.conversation.commit(speaker.id, fused.evidence.words)
        if fused.evidence.transcript is not None:
            self._describer.spoken.note(fused.evidence.transcript)
        timing = self._timing(utterance, fused, began)
        message = self._publish(utterance, "final", utterance.end, speaker, fused, values, timing)
        self._published.add(message, self._late)
        self._attribution.commit(utterance, fused, place)
        self._feeds[utterance.feed].summary.labels += 1
        self._ended.labelled(utterance)
        self._tell_pace(utterance)
        if reason in (LATE, SHED):
            self._late.add(PendingTranscript(utterance, fused, place))
        else:
            utterance.release()
        self._revise_earlier(utterance.end)
        if self._observe is not None and memory is not None:
            self._observe(self._labelled(utterance, message, fused, memory, values))

    def _shows_nothing(self, utterance: Utterance) -> bool:
        """Whether nothing that was seen in a window can be read: then it is none, and forgotten."""
        guess = self._attribution.guess(utterance)
        fused = self._describer.conclusive(utterance, guess.id)
        if fused.evidence.tokens:
            self._early.put(utterance, fused)
            return False
        self._early.drop(utterance)
        self._feeds[utterance.feed].summary.utterances -= 1
        utterance.release()
        return True

    def _take_late_words(self) -> None:
        self._late.count_misses()
        lost = self._late.lost
        done = self._late.take()
        if self._late.lost > lost and not self._watch.hangs:
            failure = TimeoutError("the recogniser is too far behind")
            self._troubles.failed("late words", None, failure, self._late.lost_until)
        for pending in done:
            transcript = pending.utterance.transcript
            if transcript is None or transcript.cancelled() or transcript.exception() is not None:
                self._tell_failure(pending.utterance)
            else:
                self._take_words(pending, transcript.result())

    def _take_words(self, pending: PendingTranscript, transcript: Transcript) -> None:
        """The words have come: into the label as long as it can be revised, else beside it."""
        if pending.utterance.number in self._published:
            try:
                self._complete(pending, transcript)
            except Exception as failure:  # noqa: BLE001 - the words are still worth having
                self._troubles.failed("amending", None, failure, pending.utterance.heard_until)
            else:
                self._troubles.worked("amending", None)
                return
        self._add_transcript(pending, transcript)

    def _complete(self, pending: PendingTranscript, transcript: Transcript) -> None:
        """The words have come: the label that did not wait for them, and what else changes with them."""
        began = time.perf_counter()
        number = pending.utterance.number
        speaker = self._published[number].speaker.id
        fused = self._describer.completed(pending.fused, transcript, speaker, pending.place)
        self._describer.spoken.note(transcript)
        fused, live = self._labeller.amend(number, fused)
        self._attribution.complete(number, fused)
        revised = self._labeller.revised()
        values = revised.pop(number, live)
        if fused.evidence.words is not None:
            self._describer.conversation.insert(pending.place, speaker, fused.evidence.words)
        timing = self._timing(pending.utterance, fused, began)
        self._outbox.emit(self._published.complete(number, values, fused, timing))
        self._revise(revised)

    def _add_transcript(self, pending: PendingTranscript, transcript: Transcript) -> None:
        """The words have come when nothing can be made of them any more but to say what they are."""
        timing = self._timing(pending.utterance, pending.fused, time.perf_counter())
        self._outbox.emit(self._published.transcribe(pending.utterance.number, transcript, timing))

    def _timing(self, utterance: Utterance, fused: FusedUtterance, began: float) -> Timing:
        """Of a label that has just been computed, which `began` at that second of `time.perf_counter`."""
        assert utterance.end is not None
        return Timing(
            endpoint=_ms((utterance.endpoint - utterance.end) * 1e3),
            transcribe=_ms(utterance.transcribe_ms),
            encode=_ms(fused.encode_ms),
            head=_ms(fused.head_ms),
            publish=_ms((time.perf_counter() - began) * 1e3),
            total=_ms((time.monotonic_ns() - utterance.endpoint_arrived_ns) / 1e6),
        )

    def _labelled(
        self,
        utterance: Utterance,
        final: Emotion,
        fused: FusedUtterance,
        memory: SpeakerMemory,
        probabilities: np.ndarray,
    ) -> LabelledUtterance:
        return LabelledUtterance(
            utterance=utterance.number,
            source=final.source,
            speaker=final.speaker.id,
            start=utterance.start,
            end=utterance.heard_until,
            evidence=fused.evidence,
            audio_16k=np.zeros(0, np.float32) if self._deaf else utterance.audio_16k,
            memory=memory,
            probabilities=probabilities,
            bundle=self._bundle,
        )

    def _revise(self, revised: Mapping[int, np.ndarray]) -> None:
        """Publish what is new in these, by utterance."""
        for number, values in revised.items():
            label = self._published.revise(number, values)
            if label is not None:
                self._outbox.emit(label)

    def _revise_earlier(self, now: float) -> None:
        """Publish what a new final changes of the labels before it."""
        try:
            revised = self._labeller.revised()
        except Exception as failure:  # noqa: BLE001 - the labels stand as they are
            self._troubles.failed("revision", None, failure, now)
        else:
            self._troubles.worked("revision", None)
            self._revise(revised)

    def _tell_missing(self, utterance: Utterance, fused: FusedUtterance, now: float) -> None:
        """Tell what could not be described of an utterance, unless it is known; and forget what could."""
        name = self._feeds[utterance.feed].name
        for modality in fused.evidence.tokens:
            self._troubles.worked(modality, name)
        for modality, failure in fused.evidence.failures.items():
            self._troubles.failed(modality, name, failure, now)

    def _tell_pace(self, utterance: Utterance) -> None:
        """Two labels in a row that are late are told of, one is not worth a word."""
        late = utterance.waited > self._due
        if not late:
            self._troubles.worked("pace", None)
        elif self._late_before:
            slow = TimeoutError(f"the last one took {utterance.waited:.1f} s")
            self._troubles.failed("pace", None, slow, utterance.heard_until)
        self._late_before = late

    def _tell_network(self, failure: Exception | None) -> None:
        """What labels has failed at the second attempt, or (None) has answered."""
        if failure is None:
            self._troubles.worked("network", None)
        else:
            self._troubles.failed("network", None, failure, self._moment)

    def _tell_failure(self, utterance: Utterance) -> None:
        transcript = utterance.transcript
        if transcript is None or self._watch.hangs:  # that it hangs is told once
            return
        failure = None if transcript.cancelled() else transcript.exception()
        sentence = f"Transcription failed: {failure or 'it was cancelled'}."
        source = self._feeds[utterance.feed].name
        self._outbox.emit(
            Error(message=sentence, continues=True, source=source, time=round(utterance.heard_until, 3))
        )

    def _publish(
        self,
        utterance: Utterance,
        state: str,
        end: float,
        speaker: AssignedSpeaker,
        fused: FusedUtterance,
        values: np.ndarray,
        timing: Timing,
    ) -> Emotion:
        message = emotion(
            source=self._feeds[utterance.feed].name,
            utterance=utterance.number,
            revision=utterance.revision,
            state=state,
            speaker=SpeakerRef(id=speaker.id, confidence=share(speaker.confidence), face=fused.evidence.face),
            start=utterance.start,
            end=end,
            scores=probabilities(values, self._labeller.labels),
            fused=fused,
            others=others_in(speaker, utterance.heard, utterance.edges),
            timing=timing,
        )
        published = self._outbox.emit(message)
        utterance.revision += 1
        return published


def _wordless(transcriber: Transcriber | None, settings: TranscriptionSettings) -> str:
    """Why an utterance that nothing transcribes has no words; where there is a recogniser, the user wanted
    none."""
    if transcriber is not None:
        return USER
    return SWITCHED_OFF if settings.recogniser == "none" else "no recogniser"


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
