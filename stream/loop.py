"""The tracker's loop: takes what arrives, lets feeds hear and see it, and sees to it that every utterance gets its labels.

One thread owns everything here. In an ordered run every effect happens at a moment of stream time that does not depend on the
threads around it, so that the same media give the same events; a live run takes what is there.
"""

import threading
import time
from collections.abc import Sequence

import msgspec

from emotrack.model.configuration import Stream
from emotrack.stream.audio import AudioBlock, Discontinuity
from emotrack.stream.clock import SessionClock
from emotrack.stream.conclusions import Conclusions
from emotrack.stream.delivery import Arrival, Delivery, LiveDelivery, OrderedDelivery, time_of
from emotrack.stream.description import AudioDescription
from emotrack.stream.feed import Feed, Tools
from emotrack.stream.intake import Intake
from emotrack.stream.load import LoadLadder
from emotrack.stream.media import MediumChange, VideoFrame
from emotrack.stream.messages import Error, Heartbeat, Session
from emotrack.stream.messages import Feed as FeedMessage
from emotrack.stream.parts import Parts
from emotrack.stream.sampling import RateGrid
from emotrack.stream.transcription.transcript import TranscriptionStream
from emotrack.stream.utterance import Utterance
from emotrack.stream.vad import SileroVad
from emotrack.stream.vision import Sighting, Vision

TURN_SECONDS = 0.02
"""How long a live loop waits for media before it looks after utterances again."""
LOOK_BACK_RATE = 2.0
"""How often an ordered run waits for vision to catch up, per second of stream time."""
HEARTBEAT_RATE = 1.0
DRAIN_SECONDS = 0.5
"""After a stop: how long sources may take to end; open utterances then still get their labels within two seconds."""


class Loop:
    """One session from its first to its last message; `run` on any thread, `stop` and `set_modes` from any other."""

    def __init__(self, parts: Parts, clock: SessionClock, *, realtime: bool) -> None:
        ordered = not realtime
        count = len(parts.sources)
        self._parts = parts
        self._clock = clock
        self._ordered = ordered
        self._settings = parts.settings
        self._stopping = threading.Event()
        self._modes: tuple[Stream, ...] = parts.settings.modes
        self._delivery: Delivery = OrderedDelivery(count) if ordered else LiveDelivery(count)
        self._intake = Intake(parts.sources, self._delivery, clock, realtime=realtime)
        self._vision = Vision(count, parts.encoders, parts.settings.vision, ordered=ordered)
        self._ladder = LoadLadder()
        self._shed = {"partials": 0, "speculations": 0}
        self._numbers = iter(range(1, 2**63))
        vad = SileroVad()
        tools = Tools(lambda: next(self._numbers), self._describe, self._transcribe)
        self._feeds = [
            Feed(index, source.name, vad.stream(), parts.settings.segmentation, tools) for index, source in enumerate(parts.sources)
        ]
        self._conclusions = Conclusions(self._feeds, self._vision, parts, patient=ordered)
        self._now = 0.0
        self._lag = 0.0
        self._heartbeats = RateGrid()
        self._look_backs = RateGrid()

    def stop(self) -> None:
        """End the session: open utterances are finished, everything closes."""
        self._stopping.set()
        self._conclusions.hurry()
        self._intake.stop_reading()
        self._delivery.wake()

    def set_modes(self, modes: tuple[Stream, ...]) -> None:
        """Use only these streams from now on; the others are masked with the reason `user`."""
        self._modes = modes

    def run(self) -> None:
        """Track until every source has ended or `stop` is called. Raises what a source or an encoder failed with."""
        outbox = self._parts.outbox
        outbox.emit(self._parts.opening)
        reason = "error"
        try:
            self._intake.start()
            self._turn_until_done()
            self._finish()
            reason = "stopped" if self._stopping.is_set() else "sources ended"
        except Exception as failure:
            sentence = f"Tracking failed: {failure}"
            outbox.emit(Error(message=sentence, continues=False, source=None, time=round(self._now, 3)))
            raise
        finally:
            outbox.emit(_ended(self._parts.opening, reason))
            self._intake.close(0.2 if self._stopping.is_set() else 1.0)
            self._vision.close()

    def _turn_until_done(self) -> None:
        give_up = float("inf")
        while True:
            arrival = self._delivery.get(TURN_SECONDS if not self._ordered else 0.5)
            self._raise_failures()
            if arrival is not None:
                self._take(arrival)
            self._conclusions.set_modes(self._modes)
            if not self._ordered:
                self._look_after()
            if self._stopping.is_set():
                give_up = min(give_up, time.monotonic() + DRAIN_SECONDS)
            if (arrival is None and self._delivery.finished()) or time.monotonic() > give_up:
                return

    def _raise_failures(self) -> None:
        for failure in (*self._intake.failures, self._vision.failure):
            if failure is not None:
                raise failure

    def _take(self, arrival: Arrival) -> None:
        feed = self._feeds[arrival.feed]
        self._now = max(self._now, time_of(arrival.item))
        self._lag = max(0.0, (time.monotonic_ns() - arrival.arrived_ns) / 1e9)
        match arrival.item:
            case AudioBlock() as block:
                self._hear(feed, block, arrival.arrived_ns)
            case VideoFrame() as frame:
                self._vision.offer(feed.index, frame)
            case Discontinuity() as gap:
                self._tell(feed, "audio", "degraded", f"gap of {gap.gap:.1f} s in the audio", gap.time)
                self._end(feed, feed.break_off(gap.time), arrival.arrived_ns)
            case MediumChange() as change:
                self._change(feed, change, arrival.arrived_ns)
        if self._ordered:
            if self._look_backs.takes(self._now, LOOK_BACK_RATE):
                self._look_back()
            if self._heartbeats.takes(self._now, HEARTBEAT_RATE):
                self._beat()

    def _hear(self, feed: Feed, block: AudioBlock, arrived_ns: int) -> None:
        changed, ended = feed.hear(block)
        if changed:
            state, reason = ("degraded", "muted: digital silence") if feed.muted else ("up", "sound again")
            self._tell(feed, "audio", state, reason, block.end)
        self._end(feed, ended, arrived_ns)
        speaking = feed.utterance
        interval = self._settings.labels.partial_interval
        if speaking is not None and not speaking.paused and block.end - speaking.last_partial >= interval:
            self._partial(speaking, block.end)

    def _partial(self, utterance: Utterance, now: float) -> None:
        if self._ladder.sheds("partials"):
            utterance.last_partial = now
            self._shed["partials"] += 1
            return
        if self._ordered:
            self._look_back()
        self._conclusions.partial(utterance, now)

    def _end(self, feed: Feed, ended: Sequence[Utterance], arrived_ns: int) -> None:
        for utterance in ended:
            self._conclusions.end(utterance, arrived_ns)
        if ended and self._ordered:
            self._look_back()
        if ended:
            self._conclusions.settle(wait=self._ordered)

    def _change(self, feed: Feed, change: MediumChange, arrived_ns: int) -> None:
        up = change.state != "down"
        if change.medium == "audio":
            feed.audio_up = up
            if not up:
                self._end(feed, feed.break_off(change.time), arrived_ns)
        else:
            feed.video_up = up
        self._tell(feed, change.medium, change.state, change.reason, change.time)

    def _look_back(self) -> None:
        """Ordered: wait until every frame taken so far has been looked at, and take in what was seen."""
        for feed in self._feeds:
            self._vision.wait_for(feed.index, self._now)
        self._see()

    def _look_after(self) -> None:
        """Live: take in what was seen, answer at pauses, label what is complete, and watch the load."""
        self._see()
        for feed in self._feeds:
            if feed.utterance is not None:
                if self._ladder.sheds("speculation"):
                    self._shed["speculations"] += 1
                else:
                    self._conclusions.speculate(feed.utterance)
        self._conclusions.settle(wait=False)
        self._watch_load()
        if self._heartbeats.takes(self._clock.now(), HEARTBEAT_RATE):
            self._beat()

    def _see(self) -> None:
        for sighting in self._vision.collect():
            feed = self._feeds[sighting.feed]
            self._notice_dark(feed, sighting)
            self._end(feed, feed.see(sighting, label=self._watches()), time.monotonic_ns())

    def _watches(self) -> bool:
        """Whether the user and the network take anything that is seen."""
        return any(stream in self._modes and stream not in self._parts.encoders.unusable for stream in ("face", "body"))

    def _notice_dark(self, feed: Feed, sighting: Sighting) -> None:
        if sighting.dark != feed.dark:
            feed.dark = sighting.dark
            state, reason = ("degraded", "no picture: camera covered or dark") if feed.dark else ("up", "picture again")
            self._tell(feed, "video", state, reason, sighting.time)

    def _watch_load(self) -> None:
        change = self._ladder.step(time.monotonic(), self._lag)
        if change is None:
            return
        self._vision.body_wanted = self._parts.encoders.body is not None and not self._ladder.sheds("body")
        rate = self._settings.vision.face_rate
        self._vision.set_face_rate(rate / 2 if self._ladder.sheds("face rate") else rate)
        verb = "left out" if change.shed else "done again"
        for feed in self._feeds:
            self._tell(feed, None, "degraded" if change.shed else "up", f"load: {change.step} {verb}", self._now)

    def _beat(self) -> None:
        self._parts.outbox.emit(
            Heartbeat(
                time=round(self._now, 3),
                lag=0.0 if self._ordered else round(self._lag, 3),
                queues={**self._delivery.depths(), "vision": self._vision.depth(), "finals": self._conclusions.waiting},
                dropped={**self._delivery.dropped(), "frames_replaced": self._vision.replaced},
                shed={**self._shed, "late_texts": self._conclusions.late_texts},
                shedding=self._ladder.shedding,
            )
        )

    def _tell(self, feed: Feed, medium: str | None, state: str, reason: str, moment: float) -> None:
        message = FeedMessage(source=feed.name, medium=medium, state=state, reason=reason, time=round(moment, 3))  # type: ignore[arg-type]
        self._parts.outbox.emit(message)

    def _finish(self) -> None:
        """The sources have ended: finish what is open."""
        if self._ordered:
            self._look_back()
        for feed in self._feeds:
            self._end(feed, feed.end(), time.monotonic_ns())
        self._conclusions.settle(wait=True)

    def _describe(self) -> AudioDescription | None:
        encoder = self._parts.encoders.audio
        return None if encoder is None else AudioDescription(encoder)

    def _transcribe(self) -> TranscriptionStream | None:
        transcriber = self._parts.transcriber
        return None if transcriber is None or "text" not in self._modes else transcriber.open()


def _ended(opening: Session, reason: str) -> Session:
    return msgspec.structs.replace(opening, state="ended", reason=reason)
