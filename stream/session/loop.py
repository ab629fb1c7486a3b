"""The tracker's loop: takes what arrives, lets feeds hear and see it, and sees to it that every utterance
gets its labels.

One thread owns everything here. In an ordered run every effect happens at a moment of stream time that does
not depend on the threads around it, so that the same media give the same events; a live run takes what is
there.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Sequence
from typing import Literal

import msgspec

from emotrack.engines.open import POLICY, Networks
from emotrack.errors import UserError
from emotrack.modalities import MODALITIES, Modality
from emotrack.stream.hearing.audio import AudioBlock, Discontinuity
from emotrack.stream.hearing.vad import SileroVad
from emotrack.stream.labels.conversations import Conversations
from emotrack.stream.labels.evidence import Observer, shown_aside
from emotrack.stream.labels.troubles import Troubles, said
from emotrack.stream.people.enrolment.known import NOBODY, Known
from emotrack.stream.people.people import People
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.session.deadlines import Deadlines
from emotrack.stream.session.health import Health, LoadLadder
from emotrack.stream.session.intake import (
    QUIET,
    TRAITS,
    Intake,
    Item,
    SourceEnded,
    SourceFailed,
    Stalls,
    kept_aside,
    shown_in,
    time_of,
)
from emotrack.stream.session.keeping import Keeping
from emotrack.stream.session.kept import KeptSession, kind_of
from emotrack.stream.session.watchdog import ENDING, Watchdog
from emotrack.stream.settings import StreamSettings
from emotrack.stream.sources.files.recorded.writing import MediaRecorder
from emotrack.stream.sources.media import MediumChange, Source, VideoFrame
from emotrack.stream.sources.timing.clock import RateGrid, SessionClock
from emotrack.stream.sources.timing.delivery import LIVE, ORDERED, Arrival, Delivery
from emotrack.stream.speakers.turns import RECONSIDERED
from emotrack.stream.transcription.transcript import Transcriber
from emotrack.stream.utterances.feed import Ended, FeedEvent, Opened, Paused, TrackedFeed
from emotrack.stream.utterances.summary import Summary, summarise
from emotrack.stream.utterances.utterance import Utterance
from emotrack.stream.wire.protocol.messages import Error, Session
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.pictures import Pictures

PICTURE = {
    "dark": ("no picture: camera covered or dark", "picture again"),
    "faces_motionless": ("a face that does not move is a picture, and not labelled", "somebody who moves"),
    "crowded": ("more than {} faces: the largest are followed", "all faces followed"),
}
"""What is said of a feed's picture, and of the way back."""
TURN_SECONDS = 0.02
"""How long a live loop waits for media before it looks after utterances again."""
LOOK_BACK_RATE = 2.0
"""How often an ordered run waits for vision to catch up, per second of stream time."""
DRAIN_SECONDS = 0.5
"""After a stop: how long sources may take to end; open utterances then still get their labels within two
seconds."""


class Loop:
    """One session from its first to its last message; `run` on any thread, `stop` and `set_modalities` from
    any other."""

    def __init__(
        self,
        sources: Sequence[Source],
        networks: Networks,
        transcriber: Transcriber | None,
        outbox: Outbox,
        opening: Session,
        settings: StreamSettings,
        *,
        realtime: bool,
        observe: Observer | None = None,
        media: MediaRecorder | None = None,
        pictures: Pictures | None = None,
        people: Known = NOBODY,
        kept: KeptSession | None = None,
    ) -> None:
        """Everything is opened by whoever starts the session, and closed by them too.

        `opening` is the message that starts it, but for the moment of that; `observe` is shown what each
        final label was made from, on a thread of its own; without it nothing of that is kept. `media` is
        given what the sources give, likewise, and `pictures` what is seen. `people` are those who are known
        by name. `realtime`: whether sources set the pace, or the tracker does. `kept`: where the session is
        kept, and gone on with where it was begun before; raises `UserError` where that was another one."""
        ordered = not realtime
        count = len(sources)
        self._deadlines = Deadlines()
        if realtime:
            networks = self._deadlines.over(networks)
        self._encoders = networks.encoders
        self._outbox = outbox
        self._opening = opening
        self._ordered = ordered
        self._settings = settings
        self._stopping = threading.Event()
        self._modalities: tuple[Modality, ...] = settings.modalities
        self._vision = Vision(count, networks.encoders, settings.vision, ordered=ordered)
        self._delivery = Delivery(ORDERED if ordered else LIVE, TRAITS, count)
        takers = [
            *(() if media is None else (kept_aside(media, outbox),)),
            *(() if pictures is None else (shown_in(pictures),)),
        ]
        self._intake = Intake(sources, self._delivery, self._vision.wants, realtime=realtime, takers=takers)
        self._stalls = Stalls(self._intake.came)
        self._ladder = LoadLadder()
        self._watchdog = Watchdog(outbox)
        vad = SileroVad(settings.speech_detector)
        self._troubles = Troubles(outbox)
        numbers = itertools.count(1 if kept is None or ordered else kept.begun + 1)
        self._feeds = [
            TrackedFeed(
                index,
                source.name,
                vad.stream(),
                settings.segmentation,
                numbers,
                reconsidered=0.0 if networks.turns is None else RECONSIDERED,
            )
            for index, source in enumerate(sources)
        ]
        self._conversations = Conversations(
            self._feeds,
            self._vision,
            networks,
            transcriber,
            self._troubles,
            outbox,
            settings,
            shown_aside(observe, outbox),
            people.voices,
            patient=ordered,
        )
        self._people = People(
            outbox,
            opening.vocabulary.labels,
            settings.people,
            one_each=settings.speakers.mode == "feed",
            voiced=settings.speakers.mode == "voice",
            faces=people.faces,
        )
        self._health = Health(
            outbox,
            networks.encoders,
            self._ladder,
            self._delivery,
            self._vision,
            self._conversations,
            self._feeds,
        )
        kind = kind_of(
            settings, opening.model.hash, tuple(source.name for source in sources), ordered=ordered
        )
        self._keeping = (
            None
            if kept is None
            else Keeping(
                kept,
                kind,
                outbox,
                self._feeds,
                self._vision,
                self._conversations,
                self._people,
                self._troubles,
            )
        )
        self._failures: list[BaseException] = []
        self._given_up: set[int] = set()
        """Feeds of which nothing is taken any more."""
        self._now = 0.0
        self._lag = 0.0
        self._stopped: float | None = None
        self._look_backs = RateGrid()

    def stop(self) -> None:
        """End the session: open utterances are finished, everything closes."""
        self._stopping.set()
        self._conversations.hurry()
        self._vision.hurry()
        self._intake.stop_reading()
        self._delivery.wake()

    def set_modalities(self, modalities: tuple[Modality, ...]) -> None:
        """Use only these modalities from now on; the others are masked with the reason `user`. Raises
        `UserError` for unknown ones, and for those that the policy refuses."""
        unknown = set(modalities) - set(MODALITIES)
        if unknown:
            raise UserError(
                f"There is no modality {min(unknown)!r}; the modalities are {', '.join(MODALITIES)}."
            )
        refused = [one for one in modalities if self._encoders.unusable.get(one) == POLICY]
        if refused:
            raise UserError(f"The policy of this tracker refuses {refused[0]}: leave it out.")
        self._modalities = modalities

    @property
    def summary(self) -> Summary:
        """What has come of the session so far."""
        return summarise([feed.summary for feed in self._feeds], self._stopped)

    def levels(self) -> dict[str, float]:
        """How loud each source is at the moment: the peak of its newest 32 ms, dBFS."""
        return {feed.name: feed.level for feed in self._feeds}

    def run(self) -> None:
        """Track until every source has ended or `stop` is called; everything is closed then, whatever
        happened.

        A source that fails ends its own feed alone, and what describes a modality masks it. Raises
        `UserError` where all sources have failed.
        """
        with contextlib.ExitStack() as closing:
            closing.callback(self._deadlines.close)
            closing.callback(self._vision.close)
            closing.callback(lambda: self._intake.close(0.2 if self._stopping.is_set() else 1.0))
            closing.callback(self._conversations.close)
            self._run()

    def _run(self) -> None:
        outbox = self._outbox
        keeping = self._keeping
        clock = SessionClock() if keeping is None else keeping.clock
        opening = msgspec.structs.replace(self._opening, start_unix_ns=clock.start_unix_ns)
        resumed = keeping is not None and keeping.goes_on
        outbox.emit(msgspec.structs.replace(opening, reason="resumed") if resumed else opening)
        reason = "error"
        try:
            if keeping is not None:
                keeping.begin(clock)
            if resumed and not self._ordered:
                self._now = clock.now()
            self._vision.start()
            self._intake.start(clock)
            with contextlib.nullcontext() if self._ordered else self._watchdog.watching():
                self._turn_until_done(clock)
                self._watchdog.turn(self._now, ENDING)
                self._finish()
            if keeping is not None:
                keeping.finish(self._now, stopped=self._stopping.is_set())
            reason = "stopped" if self._stopping.is_set() else "sources ended"
        except Exception as failure:
            sentence = f"Tracking failed: {str(failure).rstrip('.')}."
            outbox.emit(Error(message=sentence, continues=False, source=None, time=round(self._now, 3)))
            raise
        finally:
            outbox.emit(msgspec.structs.replace(opening, state="ended", reason=reason))
            if keeping is not None and reason == "sources ended":
                keeping.clear()

    def _turn_until_done(self, clock: SessionClock) -> None:
        give_up = float("inf")
        over = False
        while not over and time.monotonic() < give_up:
            over = self._delivery.finished()
            self._watchdog.turn(self._now)
            arrival = self._delivery.get(TURN_SECONDS if not self._ordered else 0.5)
            self._follow_modalities()
            self._lag = 0.0
            if arrival is not None:
                self._take(arrival)
            if not self._ordered:
                self._look_after()
                self._people.turn(clock.now())
                self._health.beat(clock.now(), self._now, self._lag)
            if self._keeping is not None:
                if arrival is not None:
                    self._keeping.took(self._now)
                else:
                    self._keeping.keep(self._now)
            if self._stopping.is_set() and self._stopped is None:
                self._stopped = self._now if self._ordered else clock.now()
                give_up = time.monotonic() + DRAIN_SECONDS

    def _follow_modalities(self) -> None:
        if self._modalities != self._conversations.modalities:
            self._conversations.set_modalities(self._modalities)
            if "face" not in self._modalities:
                for feed in self._feeds:
                    self._people.close(feed.name, "user")
            if not self._labels_sights():
                for feed in self._feeds:
                    self._follow(feed.close_window(), time.monotonic_ns())

    def _take(self, arrival: Arrival[Item]) -> None:
        feed = self._feeds[arrival.feed]
        if feed.index in self._given_up:
            return
        moment = time_of(arrival.item)
        if self._ordered and moment > self._now and self._conversations.waiting:
            self._settle()  # only now no further endpoint can be at or before those that are known
        self._now = max(self._now, moment)
        self._lag = max(0.0, (time.monotonic_ns() - arrival.arrived_ns) / 1e9)
        match arrival.item:
            case AudioBlock() as block:
                self._hear(feed, block, arrival.arrived_ns)
            case VideoFrame() as frame:
                if self._wants_sights():
                    self._vision.offer(feed.index, frame)
            case Discontinuity() as gap:
                if self._ordered:
                    self._look_back()
                self._hear_out(feed, arrival.arrived_ns)
                self._follow(feed.break_off(gap.time), arrival.arrived_ns)
                self._health.tell(feed, "audio", "degraded", f"gap of {gap.gap:.1f} s in the audio", gap.time)
                self._health.tell(feed, "audio", "up", "end of the gap", gap.time + gap.gap)
            case MediumChange() as change:
                self._change(feed, change, arrival.arrived_ns)
            case SourceFailed(_, failure):
                self._give_up(feed, failure, arrival.arrived_ns)
            case SourceEnded():
                self._end(feed, arrival.arrived_ns)
        if self._ordered:
            if self._look_backs.takes(self._now, LOOK_BACK_RATE):
                self._look_back()
            self._people.turn(self._now)
            self._health.beat(self._now, self._now, 0.0)

    def _hear(self, feed: TrackedFeed, block: AudioBlock, arrived_ns: int) -> None:
        if self._ordered and feed.needs_sights(block):
            self._look_back()
        deaf = feed.deaf
        try:
            changed, happened = feed.hear(block)
        except Exception as failure:  # noqa: BLE001 - the other feeds go on
            self._give_up(feed, failure, arrived_ns)
            return
        if feed.failure is None:
            self._troubles.worked("speech", feed.name)
        else:
            self._troubles.failed("speech", feed.name, feed.failure, block.end)
        if changed:
            reason = "muted: digital silence" if feed.muted else "sound again"
            self._health.tell(feed, "audio", "degraded" if feed.muted else "up", reason, block.end)
        if feed.deaf != deaf:
            reason = "nobody is heard: speech cannot be detected" if feed.deaf else "speech is detected again"
            self._health.tell(feed, "audio", "degraded" if feed.deaf else "up", reason, block.end)
        self._follow(happened, arrived_ns)
        self._hear_again(feed, block, arrived_ns)
        speaking = feed.utterance
        if speaking is not None and not speaking.paused and self._is_time_for_partial(speaking, block.end):
            if self._ordered:
                self._look_back()
            self._partial(speaking, block.end)

    def _hear_again(self, feed: TrackedFeed, block: AudioBlock, arrived_ns: int) -> None:
        """Let what tells speakers apart hear the block too, and follow what it found."""
        turns = self._conversations.turns(feed.index)
        if turns is None:
            return
        heard = turns.hear(block, feed.speech, feed.open_from, paused=feed.paused)
        if turns.failure is not None:
            sentence = f"Turns of {feed.name} are not told any more: {said(turns.failure)}."
            self._outbox.emit(
                Error(message=sentence, continues=True, source=feed.name, time=round(block.end, 3))
            )
            self._conversations.give_up_turns(feed.index)
        elif turns.overdue:
            self._troubles.failed("turns", feed.name, TimeoutError("voices take too long"), block.end)
        elif heard is not None:
            self._troubles.worked("turns", feed.name)
        if heard is not None:
            self._follow(feed.hear_again(heard.voiced, heard.turns), arrived_ns)
            self._conversations.of(feed.index).hear_more(feed.index, block.end)

    def _hear_out(self, feed: TrackedFeed, arrived_ns: int) -> None:
        """The feed's sound ends or breaks off: learn what its last blocks tell of turns."""
        turns = self._conversations.turns(feed.index)
        if turns is not None and (heard := turns.finish(feed.open_from)) is not None:
            self._follow(feed.hear_again(heard.voiced, heard.turns, self._now), arrived_ns)
            self._conversations.of(feed.index).hear_more(feed.index, self._now)

    def _is_time_for_partial(self, utterance: Utterance, now: float) -> bool:
        return now - utterance.last_partial >= self._settings.labels.partial_interval

    def _partial(self, utterance: Utterance, now: float) -> None:
        if self._ladder.sheds("partials"):
            utterance.last_partial = now
            self._health.left_out("partials")
        else:
            self._conversations.of(utterance.feed).partial(utterance, now)

    def _follow(self, happened: Sequence[FeedEvent], arrived_ns: int) -> None:
        """See to the utterances to which something has happened, with an item that arrived at
        `arrived_ns`."""
        for event in happened:
            conversation = self._conversations.of(event.utterance.feed)
            match event:
                case Opened(utterance):
                    conversation.begin(utterance)
                case Paused(utterance):
                    if not self._ladder.sheds("speculation"):
                        conversation.pause(utterance)
                case Ended(utterance):
                    if self._ladder.sheds("speculation"):
                        self._health.left_out("speculations")
                    conversation.end(utterance, arrived_ns)

    def _change(self, feed: TrackedFeed, change: MediumChange, arrived_ns: int) -> None:
        if self._ordered:
            self._look_back()
        motionless = feed.faces_motionless
        if change.medium == "audio" and change.state == "down":
            self._hear_out(feed, arrived_ns)
        if change.medium == "audio":
            self._stalls.change(feed.index, sounds=change.state != "down")
        self._follow(feed.change(change.medium, change.time, up=change.state != "down"), arrived_ns)
        self._notice(feed, "faces_motionless", motionless, change.time)
        self._health.tell(feed, change.medium, change.state, change.reason, change.time)
        if change.medium == "video" and change.state == "down":
            self._people.close(feed.name, "no video")

    def _give_up(self, feed: TrackedFeed, failure: BaseException, arrived_ns: int) -> None:
        """A source has failed: what is open of its feed is finished, and the others go on."""
        if self._ordered:
            self._look_back()
        self._failures.append(failure)
        self._given_up.add(feed.index)
        self._stalls.change(feed.index, sounds=False)
        feed.sightings.video_up = False
        feed.summary.failure = reason = (
            str(failure) if isinstance(failure, UserError) else f"{type(failure).__name__}: {failure}"
        )
        self._hear_out(feed, arrived_ns)
        self._follow(feed.end(self._now), arrived_ns)
        self._health.tell(feed, None, "down", reason, self._now)
        self._people.close(feed.name, "no video")
        if len(self._failures) < len(self._feeds) and not self._delivery.finished():
            sentence = f"{feed.name} failed, and the session goes on without it: {reason.rstrip('.')}."
            self._outbox.emit(
                Error(message=sentence, continues=True, source=feed.name, time=round(self._now, 3))
            )

    def _end(self, feed: TrackedFeed, arrived_ns: int) -> None:
        """A source has come to its end: what is open of its feed does not wait for those of others that go
        on."""
        self._given_up.add(feed.index)
        self._stalls.change(feed.index, sounds=False)
        if len(self._given_up) == len(self._feeds):
            return  # as the session has
        if self._ordered:
            self._look_back()
        self._hear_out(feed, arrived_ns)
        self._follow(feed.end(self._now), arrived_ns)
        self._health.tell(feed, None, "down", "the source has ended", self._now)
        self._people.close(feed.name, "no video")

    def _look_back(self) -> None:
        """Wait until every frame taken so far has been looked at, and take in what was seen."""
        for feed in self._feeds:
            self._vision.wait_for(feed.index, self._now)
        self._see()

    def _settle(self) -> None:
        """Wait for what utterances that have ended lack, and label them."""
        self._look_back()
        self._conversations.settle(wait=True)

    def _look_after(self) -> None:
        """Live: take in what was seen, label what is complete, answer at pauses, and watch the load."""
        self._see()
        for index, stalled in self._stalls.look(time.monotonic()):
            self._tell_stall(self._feeds[index], stalled=stalled)
        if self._conversations.recogniser_hangs:
            self._troubles.failed("words", None, TimeoutError("the recogniser hangs"), self._now)
        self._conversations.settle(wait=False)
        if not self._ladder.sheds("speculation"):
            for feed in self._feeds:
                if feed.utterance is not None:
                    self._conversations.of(feed.index).speculate(feed.utterance)
        self._lag = max(self._lag, self._conversations.owed)
        self._health.watch(time.monotonic(), self._lag, self._now)

    def _tell_stall(self, feed: TrackedFeed, *, stalled: bool) -> None:
        """Nothing comes of a feed, which ends what is open of it as other gaps do; or it goes on."""
        if stalled:
            self._hear_out(feed, time.monotonic_ns())
            self._follow(feed.break_off(self._now), time.monotonic_ns())
        reason = f"nothing has come for {QUIET:g} s" if stalled else "it goes on"
        self._health.tell(feed, "audio", "degraded" if stalled else "up", reason, self._now)

    def _see(self) -> None:
        if self._vision.stalled:
            self._troubles.failed("face", None, TimeoutError("a picture takes too long"), self._now)
        for sighting in self._vision.collect():
            feed = self._feeds[sighting.feed]
            self._troubles.worked("face", None)
            for part, failure in sighting.failed.items():
                self._troubles.failed(part, feed.name, failure, sighting.time)
            dark, crowded, motionless = feed.dark, feed.crowded, feed.faces_motionless
            happened = feed.see(sighting, label=self._labels_sights())
            self._notice(feed, "dark", dark, sighting.time)
            self._follow(happened, time.monotonic_ns())
            self._notice(feed, "faces_motionless", motionless, sighting.time)
            self._notice(feed, "crowded", crowded, sighting.time)
            if self._tells_faces and feed.sightings.video_up:
                self._people.see(feed.name, sighting)
            if feed.window is not None and self._is_time_for_partial(feed.window, sighting.time):
                self._partial(feed.window, sighting.time)

    def _wants_sights(self) -> bool:
        """Whether the user lets anything be looked for that can be."""
        return "face" in self._modalities or ("body" in self._modalities and self._encoders.body is not None)

    @property
    def _tells_faces(self) -> bool:
        """Whether faces are told of: not those that are only found so that bodies are described without
        them."""
        return "face" in self._modalities and self._encoders.face is not None

    def _labels_sights(self) -> bool:
        """Whether the user and the network take anything that is seen."""
        return any(
            modality in self._modalities and modality not in self._encoders.unusable
            for modality in ("face", "body")
        )

    def _notice(
        self,
        feed: TrackedFeed,
        what: Literal["dark", "faces_motionless", "crowded"],
        before: bool,
        moment: float,
    ) -> None:
        """Tell of what has become of a feed's picture at session time `moment`, if that is otherwise than
        before."""
        now: bool = getattr(feed, what)
        if now != before:
            worse, again = PICTURE[what]
            reason = worse.format(self._settings.vision.maximum_faces) if now else again
            self._health.tell(feed, "video", "degraded" if now else "up", reason, moment)

    def _finish(self) -> None:
        """The sources have ended: finish what is open."""
        self._look_back()
        for feed in self._feeds:
            self._hear_out(feed, time.monotonic_ns())
            self._follow(feed.end(self._now), time.monotonic_ns())
        self._conversations.settle(wait=True)
        self._conversations.finish()
        self._people.finish(self._now)
        if len(self._failures) == len(self._feeds) and not self._stopping.is_set():
            told = "; ".join(f"{feed.name}: {feed.summary.failure}" for feed in self._feeds)
            raise UserError(
                f"Nothing is left to track, since no source could be read to its end ({told})."
            ) from self._failures[0]
