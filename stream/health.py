"""How a session is doing, and telling it: feeds that go up and down, work left out under load, a heartbeat every second."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from emotrack.model.configuration import Stream
from emotrack.stream.conversations import Conversations
from emotrack.stream.delivery import Delivery
from emotrack.stream.feed import Feed
from emotrack.stream.load import LoadLadder, Step
from emotrack.stream.media import Medium
from emotrack.stream.messages import Feed as FeedMessage
from emotrack.stream.messages import Heartbeat
from emotrack.stream.parts import Parts
from emotrack.stream.sampling import RateGrid
from emotrack.stream.seeing.vision import Vision

HEARTBEAT_RATE = 1.0
SHED: dict[Step, tuple[str, str]] = {
    "partials": ("labels come at the end of an utterance only", "labels come during an utterance again"),
    "body": ("bodies are not looked for", "bodies are looked for again"),
    "face rate": ("faces are looked for half as often", "faces are looked for as often as before"),
    "speculation": ("labels come a little later", "labels come as soon as before"),
}
"""What is said of each step that is taken under load, and of the way back."""


class Health:
    """Owned by the loop. The only state that decides anything is the ladder of what is left out."""

    def __init__(
        self,
        parts: Parts,
        ladder: LoadLadder,
        delivery: Delivery,
        vision: Vision,
        conversations: Conversations,
        feeds: Sequence[Feed],
    ) -> None:
        self._outbox = parts.outbox
        self._encoders = parts.encoders
        self._face_rate = parts.settings.vision.face_rate
        self._ladder = ladder
        self._delivery = delivery
        self._vision = vision
        self._conversations = conversations
        self._feeds = feeds
        self._beats = RateGrid()
        self._left_out = Counter(partials=0, speculations=0)

    def left_out(self, what: Literal["partials", "speculations"]) -> None:
        """Count a piece of work that was not done."""
        self._left_out[what] += 1

    def tell(self, feed: Feed, medium: Medium | None, state: Literal["up", "down", "degraded"], reason: str, moment: float) -> None:
        """Publish what became of a feed (of the whole of it, where `medium` is None) at session time `moment`."""
        self._outbox.emit(FeedMessage(source=feed.name, medium=medium, state=state, reason=reason, time=round(moment, 3)))

    def watch(self, now: float, lag: float, moment: float) -> None:
        """Leave out more or less, given that the loop is `lag` seconds behind at `now` (seconds of a steady clock)."""
        change = self._ladder.step(now, lag)
        if change is None:
            return
        self._vision.sheds_bodies = self._ladder.sheds("body")
        self._vision.face_rate = self._face_rate / 2 if self._ladder.sheds("face rate") else self._face_rate
        if not self._matters(change.step):
            return
        less, again = SHED[change.step]
        reason = f"the machine is busy: {less}" if change.shed else f"the machine keeps up: {again}"
        for feed in self._feeds:
            self.tell(feed, None, "degraded" if self._ladder.shedding else "up", reason, moment)

    def _matters(self, step: Step) -> bool:
        """Whether anybody can notice that this is left out."""
        streams: dict[Step, set[Stream]] = {"body": {"body"}, "face rate": {"face", "body"}}
        used = set(self._conversations.modes) - self._encoders.unusable.keys()
        return step not in streams or bool(streams[step] & used)

    def beat(self, time: float, moment: float, lag: float) -> None:
        """Publish a heartbeat with the first call in each second of `time`; `moment` is how far the media have come."""
        if not self._beats.takes(time, HEARTBEAT_RATE):
            return
        late = {"late_texts": self._conversations.late_texts, "late_sights": self._conversations.late_sights}
        self._outbox.emit(
            Heartbeat(
                time=round(moment, 3),
                lag=round(lag, 3),
                queues={**self._delivery.depths(), "vision": self._vision.depth(), "finals": self._conversations.waiting},
                dropped={**self._delivery.dropped(), "frames_replaced": self._vision.replaced},
                shed={**self._left_out, **late},
                shedding=self._ladder.shedding,
            )
        )
