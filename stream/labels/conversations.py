"""The conversations of a session: one that all its feeds take part in, or one for each."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from emotrack.engines.open import Networks
from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.stream.labels.evidence import Observer
from emotrack.stream.labels.kept import KeptConversations, Numbers
from emotrack.stream.labels.labels import ConversationLabels
from emotrack.stream.labels.troubles import Troubles
from emotrack.stream.labels.waiting.ended import RecogniserWatch
from emotrack.stream.labels.waiting.patience import Patience, WordStep
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.settings import StreamSettings
from emotrack.stream.speakers.apart import make_assigners
from emotrack.stream.speakers.listening import VoiceListener
from emotrack.stream.speakers.turns import FeedTurns
from emotrack.stream.transcription.guarded import GuardedTranscriber
from emotrack.stream.transcription.transcript import Transcriber
from emotrack.stream.utterances.feed import TrackedFeed
from emotrack.stream.wire.publish.outbox import Outbox

TURN_SECONDS = 0.01
"""How long live conversations wait at their end until it is looked again what there is."""


class Conversations:
    """Owned by the loop. What is said in one conversation neither changes nor delays what is made of
    another."""

    def __init__(
        self,
        feeds: Sequence[TrackedFeed],
        vision: Vision,
        networks: Networks,
        transcriber: Transcriber | None,
        troubles: Troubles,
        outbox: Outbox,
        settings: StreamSettings,
        observe: Observer | None,
        people: Mapping[str, np.ndarray],
        *,
        patient: bool,
    ) -> None:
        """`observe` is shown what each final label was made from; `people`: see `make_assigners`; `patient`:
        see `ConversationLabels`."""
        apart = settings.speakers.conversations == "apart"
        groups = [{feed.index: feed} for feed in feeds] if apart else [{feed.index: feed for feed in feeds}]
        guarded = None if transcriber is None else GuardedTranscriber(transcriber, patient=patient)
        self._transcriber = guarded
        self._watch = watch = RecogniserWatch(settings.labels.text_deadline, guarded)
        self._patience = patience = Patience(settings.labels.text_deadline)
        self._troubles = troubles
        assigners = make_assigners(settings.speakers, len(groups), people)
        self._all = [
            ConversationLabels(
                group,
                vision,
                networks,
                guarded,
                assigner,
                watch,
                patience,
                troubles,
                outbox,
                settings,
                observe,
                patient=patient,
            )
            for group, assigner in zip(groups, assigners, strict=True)
        ]
        self._patient = patient
        self._by_feed = {
            index: labels for group, labels in zip(groups, self._all, strict=True) for index in group
        }
        self._listening = ThreadPoolExecutor(
            1, thread_name_prefix="voices"
        )  # its thread begins with its work
        self._turns = {
            index: FeedTurns(
                assigner.voices.ear(feed.name, VoiceListener(networks.turns)),
                partial(assigner.voices.take, feed.name),
                partial(assigner.voices.between, feed.name),
                self._listening,
                patient=patient,
            )
            for group, assigner in zip(groups, assigners, strict=True)
            for index, feed in group.items()
            if assigner.voices is not None and networks.turns is not None
        }
        self.modalities: tuple[Modality, ...] = settings.modalities
        """The modalities that are used."""

    def __iter__(self) -> Iterator[ConversationLabels]:
        return iter(self._all)

    def of(self, feed: int) -> ConversationLabels:
        """The conversation in which the feed of this index takes part."""
        return self._by_feed[feed]

    def turns(self, feed: int) -> FeedTurns | None:
        """What listens to the feed of this index for turns; None where nothing does, or nobody wants it
        to."""
        return self._turns.get(feed) if "audio" in self.modalities else None

    def give_up_turns(self, feed: int) -> None:
        """Listen no more to the feed of this index."""
        del self._turns[feed]

    @property
    def waiting(self) -> int:
        """Utterances that have ended and are not labelled yet."""
        return sum(labels.waiting for labels in self._all)

    @property
    def owed(self) -> float:
        """Seconds for which the longest waiting of them has waited, or the recogniser is behind, as far as
        the machine's speed is to blame."""
        return max(self.backlog, *(labels.owed for labels in self._all))

    @property
    def backlog(self) -> float:
        """Seconds for which the recogniser has let words wait that labels wait for; 0 for one that
        hangs."""
        return 0.0 if self._transcriber is None or not self._watch.trusted else self._transcriber.backlog

    @property
    def recogniser_hangs(self) -> bool:
        """Whether the recogniser is busy with a call that is not to take any time."""
        return self._transcriber is not None and self._transcriber.hangs

    @property
    def shedding(self) -> tuple[WordStep, ...]:
        """What is left out of words, since the recogniser is behind."""
        return self._patience.shedding

    @shedding.setter
    def shedding(self, steps: tuple[WordStep, ...]) -> None:
        self._patience.shedding = steps
        if not steps:
            self._troubles.worked("late words", None)

    @property
    def late_words(self) -> int:
        """Labelled utterances whose words may still come."""
        return sum(labels.late_words for labels in self._all)

    def left_out(self) -> dict[str, int]:
        """How many labels went without something since the session began: `late_texts` and `late_sights` did
        not wait for it, `shed_texts` were not to, and of them and the late ones `lost_texts` never got their
        words."""
        kinds = ("late_texts", "late_sights", "shed_texts", "lost_texts")
        return {kind: sum(getattr(labels, kind) for labels in self._all) for kind in kinds}

    def set_modalities(self, modalities: tuple[Modality, ...]) -> None:
        """Use only these modalities from now on."""
        self.modalities = modalities
        for labels in self._all:
            labels.set_modalities(modalities)

    def settle(self, *, wait: bool) -> None:
        """See `ConversationLabels.settle`."""
        while wait and not self._patient and self.waiting:  # none waits for what another lacks
            for labels in self._all:
                labels.settle(wait=False)
            time.sleep(TURN_SECONDS)
        for labels in self._all:
            labels.settle(wait=wait)

    def finish(self) -> None:
        """See `ConversationLabels.finish`."""
        for labels in self._all:
            labels.finish()

    def snapshot(self, begun: int) -> KeptConversations:
        """What is gone on from when `begun` utterances have begun."""
        unfinished = {utterance.number for labels in self._all for utterance in labels.unfinished()}
        return KeptConversations(
            Numbers(begun, tuple(sorted(unfinished))), tuple(labels.snapshot() for labels in self._all)
        )

    def pass_over(self, done: Numbers) -> None:
        """What is heard now was heard by an earlier process, which has labelled these utterances."""
        for labels in self._all:
            labels.done = done

    def restore(self, kept: KeptConversations, *, heard_again: bool) -> None:
        """See `ConversationLabels.restore`."""
        if len(kept.each) != len(self._all):
            raise UserError(
                "The session was begun with other conversations: give the same sources and options, or begin "
                "a new one."
            )
        for labels, each in zip(self._all, kept.each, strict=True):
            labels.restore(each, heard_again=heard_again)

    def hurry(self) -> None:
        """The session is to end; callable from any thread."""
        for labels in self._all:
            labels.hurry()

    def close(self) -> None:
        """Let go of what utterances still hold."""
        self._listening.shutdown(wait=False, cancel_futures=True)
        for labels in self._all:
            labels.close()
        if self._transcriber is not None:
            self._transcriber.leave()
