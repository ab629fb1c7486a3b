"""Turns utterances into labels: partials while they last, an answer at each pause, one final each, revisions afterwards."""

import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import wait

import msgspec
import numpy as np

from emotrack.engines.batching import wanted_by
from emotrack.model.configuration import Stream
from emotrack.model.memory import SpeakerMemory
from emotrack.stream.answers import FAILED, Answers
from emotrack.stream.emotions import emotion, probabilities
from emotrack.stream.feed import Feed
from emotrack.stream.labelling import Answer, Labeller
from emotrack.stream.messages import Emotion, Error, Speaker, SpeakerRef, Timing
from emotrack.stream.observing import Conclusion
from emotrack.stream.parts import Parts
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.speakers.assign import AssignedSpeaker, make_assigner
from emotrack.stream.utterance import Utterance

LABEL_SECONDS = 0.25
"""From an endpoint to its label: for so long its work may wait for that of others that is wanted sooner."""
HURRIED_SECONDS = 0.8
"""How long a transcript is waited for when the session is to end."""


class Conclusions:
    """Owned by the loop. Utterances are committed to the dialogue in the order of their endpoints, each once."""

    def __init__(self, feeds: Sequence[Feed], vision: Vision, parts: Parts, *, patient: bool) -> None:
        """`patient`: wait for a transcript however long it takes, so that labels do not depend on the machine's speed."""
        self.late_sights = 0
        self._feeds = feeds
        self._vision = vision
        self._outbox = parts.outbox
        self._observe = parts.observe
        self._bundle = parts.bundle.identifier
        self._settings = parts.settings.labels
        self._labeller = Labeller(parts.bundle, parts.heads)
        self._answers = Answers(feeds, vision, parts, self._labeller, patient=patient)
        self._assigner = make_assigner(parts.settings.speakers)
        self._text_deadline = math.inf if patient else parts.settings.labels.text_deadline
        self._hurried = False
        self._ended: list[Utterance] = []
        self._published: OrderedDict[int, Emotion] = OrderedDict()
        self._revisable = parts.bundle.configuration.revisions + 1

    @property
    def modes(self) -> tuple[Stream, ...]:
        """The streams that are used."""
        return self._answers.modes

    @property
    def late_texts(self) -> int:
        """Transcripts that came too late for their utterance's label."""
        return self._answers.late_texts

    @property
    def waiting(self) -> int:
        """Utterances that have ended and are not labelled yet."""
        return len(self._ended)

    @property
    def owed(self) -> float:
        """Seconds for which the first of them has waited; 0 where none does."""
        return (time.monotonic_ns() - self._ended[0].endpoint_arrived_ns) / 1e9 if self._ended else 0.0

    def hurry(self) -> None:
        """The session is to end: wait no longer for a transcript than the drain allows; callable from any thread."""
        self._hurried = True

    def close(self) -> None:
        """Let go of what utterances without a final label still hold."""
        for utterance in self._unfinished():
            utterance.release()

    def set_modes(self, modes: tuple[Stream, ...]) -> None:
        """Use only these streams from now on; answers that were computed with others are forgotten."""
        self._answers.modes = modes
        for utterance in self._unfinished():
            utterance.answer = None
            if "text" not in modes:
                utterance.forget_words()

    def partial(self, utterance: Utterance, now: float) -> None:
        """Publish what can be said of an open utterance at session time `now`."""
        utterance.last_partial = now
        guess = self._assigner.guess(self._feeds[utterance.feed].name)
        answer = self._answers.so_far(utterance, guess.id, now)
        values = self._labeller.preview(answer, guess.id)
        timing = Timing(encode=_ms(answer.encode_ms), head=_ms(answer.head_ms))
        self._publish(utterance, "partial", now, guess, answer, values, timing)

    def speculate(self, utterance: Utterance) -> None:
        """Answer a paused utterance as if it had ended at the pause, once everything for that is there."""
        if utterance.paused and (utterance.answer is not None or self._complete(utterance)):
            guess = self._assigner.guess(self._feeds[utterance.feed].name)
            utterance.answer = self._answers.conclusive(utterance, guess.id)

    def end(self, utterance: Utterance, arrived_ns: int) -> None:
        """The endpoint, known since its sample arrived at `arrived_ns`: the utterance now waits for its final label."""
        utterance.endpoint_arrived_ns = arrived_ns
        utterance.conclude()
        self._ended.append(utterance)
        self._ended.sort(key=lambda waiting: (waiting.endpoint, waiting.start, waiting.feed))

    def settle(self, *, wait: bool) -> None:
        """Label what has ended, first endpoint first; `wait` for transcripts that are missing, else go on with it later."""
        while self._ended:
            utterance = self._ended[0]
            if wait:
                self._wait_for_words(utterance)
            elif utterance.answer is None and not self._complete(utterance) and not self._overdue(utterance):
                return
            with wanted_by(utterance.endpoint_arrived_ns / 1e9 + LABEL_SECONDS):
                self._final(self._ended.pop(0))

    def _complete(self, utterance: Utterance) -> bool:
        heard = utterance.transcription is None if utterance.transcript is None else utterance.transcript.done()
        return heard and not self._vision.behind(utterance.feed, utterance.heard_until)

    def _overdue(self, utterance: Utterance) -> bool:
        waited = (time.monotonic_ns() - utterance.endpoint_arrived_ns) / 1e9
        if utterance.transcript is None or utterance.transcript.done():
            return waited > self._settings.vision_deadline
        return waited > (min(HURRIED_SECONDS, self._text_deadline) if self._hurried else self._text_deadline)

    def _unfinished(self) -> list[Utterance]:
        return [*self._ended, *(utterance for feed in self._feeds for utterance in feed.open_utterances())]

    def _wait_for_words(self, utterance: Utterance) -> None:
        while utterance.transcript is not None and not utterance.transcript.done() and not self._overdue(utterance):
            wait([utterance.transcript], timeout=0.05)

    def _final(self, utterance: Utterance) -> None:
        began = time.perf_counter()
        if utterance.answer is None and self._vision.behind(utterance.feed, utterance.heard_until):
            self.late_sights += 1
        assert utterance.end is not None
        speaker = self._identify(utterance, utterance.end)
        answer = self._answers.conclusive(utterance, speaker.id)
        utterance.release()
        self._tell_failure(utterance, answer)
        memory = None if self._observe is None else self._labeller.memory(speaker.id)
        values = self._labeller.commit(utterance.number, answer, speaker.id)
        self._answers.conversation.commit(speaker.id, answer.evidence.words)
        timing = Timing(
            endpoint=_ms((utterance.endpoint - utterance.end) * 1e3),
            transcribe=_ms(utterance.transcribe_ms),
            encode=_ms(answer.encode_ms),
            head=_ms(answer.head_ms),
            publish=_ms((time.perf_counter() - began) * 1e3),
            total=_ms((time.monotonic_ns() - utterance.endpoint_arrived_ns) / 1e6),
        )
        message = self._publish(utterance, "final", utterance.end, speaker, answer, values, timing)
        self._published[utterance.number] = message
        if len(self._published) > self._revisable:
            self._published.popitem(last=False)
        self._revise()
        if self._observe is not None and memory is not None:
            self._observe(self._conclusion(utterance, message, answer, memory, values))

    def _conclusion(
        self, utterance: Utterance, final: Emotion, answer: Answer, memory: SpeakerMemory, probabilities: np.ndarray
    ) -> Conclusion:
        return Conclusion(
            utterance=utterance.number,
            source=final.source,
            speaker=final.speaker.id,
            start=utterance.start,
            end=utterance.heard_until,
            evidence=answer.evidence,
            audio_16k=utterance.audio_16k,
            memory=memory,
            probabilities=probabilities,
            bundle=self._bundle,
        )

    def _identify(self, utterance: Utterance, end: float) -> AssignedSpeaker:
        source = self._feeds[utterance.feed].name
        speaker, events = self._assigner.assign(source, utterance.audio_16k, utterance.start, end)
        for event in events:
            self._outbox.emit(
                Speaker(
                    event=event.event,
                    speaker=event.speaker,
                    alias_of=event.alias_of,
                    confidence=_share(event.confidence),
                    time=round(end, 3),
                )
            )
            if event.alias_of is not None:
                self._merge(event.speaker, event.alias_of)
        return speaker

    def _merge(self, speaker: str, into: str) -> None:
        """Two speakers turn out to be one; what is revised from now on is said of `into`."""
        self._labeller.merge(speaker, into)
        self._answers.conversation.merge(speaker, into)
        for number, label in self._published.items():
            if label.speaker.id == speaker:
                known = msgspec.structs.replace(label.speaker, id=into)
                self._published[number] = msgspec.structs.replace(label, speaker=known)

    def _revise(self) -> None:
        for number, values in self._labeller.revised():
            before = self._published.get(number)
            if before is None:
                continue
            scores = probabilities(values, self._labeller.labels)
            label = max(scores, key=lambda name: scores[name])
            moved = max(abs(scores[name] - before.scores[name]) for name in scores)
            if label != before.label or moved >= self._settings.revision_threshold:
                after = msgspec.structs.replace(
                    before,
                    state="revised",
                    revision=before.revision + 1,
                    label=label,
                    confidence=scores[label],
                    scores=scores,
                    timing_ms=Timing(),
                )
                self._published[number] = after
                self._outbox.emit(after)

    def _tell_failure(self, utterance: Utterance, answer: Answer) -> None:
        if answer.evidence.reasons.get("text") != FAILED or utterance.transcript is None:
            return
        failure = None if utterance.transcript.cancelled() else utterance.transcript.exception()
        sentence = f"Transcription failed: {failure or 'it was cancelled'}."
        source = self._feeds[utterance.feed].name
        self._outbox.emit(Error(message=sentence, continues=True, source=source, time=round(utterance.heard_until, 3)))

    def _publish(
        self,
        utterance: Utterance,
        state: str,
        end: float,
        speaker: AssignedSpeaker,
        answer: Answer,
        values: np.ndarray,
        timing: Timing,
    ) -> Emotion:
        message = emotion(
            source=self._feeds[utterance.feed].name,
            utterance=utterance.number,
            revision=utterance.revision,
            state=state,
            speaker=SpeakerRef(id=speaker.id, confidence=_share(speaker.confidence), face=answer.evidence.face),
            start=utterance.start,
            end=end,
            scores=probabilities(values, self._labeller.labels),
            answer=answer,
            timing=timing,
        )
        utterance.revision += 1
        self._outbox.emit(message)
        return message


def _share(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 3)


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
