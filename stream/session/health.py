"""How a session is doing, and telling it: feeds that go up and down, a heartbeat every second, and what is
left out when the machine falls behind (one ladder of costs, climbed and descended with hysteresis)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from emotrack.engines.open import Encoders
from emotrack.modalities import Modality
from emotrack.stream.labels.conversations import Conversations
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.session.intake import Item
from emotrack.stream.sources.media import Medium
from emotrack.stream.sources.timing.clock import RateGrid
from emotrack.stream.sources.timing.delivery import Delivery
from emotrack.stream.utterances.feed import TrackedFeed
from emotrack.stream.wire.protocol.messages import Feed, Heartbeat
from emotrack.stream.wire.publish.outbox import Outbox

Step = Literal["partials", "body", "face rate", "speculation"]
STEPS: tuple[Step, ...] = get_args(Step)
"""In the order in which they are shed; final labels never are."""
BEHIND_SECONDS = 0.5
"""Lag that costs a step."""
CAUGHT_UP_SECONDS = 0.1
"""Lag under which a step may be taken back."""
UP_AFTER = 1.0
DOWN_AFTER = 5.0
"""Seconds that the lag must have lasted on its side before the next step up, or down."""


@dataclass(frozen=True, slots=True)
class LoadChange:
    """One step: what is shed from now on, or no longer."""

    step: Step
    shed: bool


class LoadLadder:
    """Watches the lag of the loop; `level` of the steps are being shed."""

    def __init__(self) -> None:
        self.level = 0
        self._since: float | None = None
        self._side = 0

    def sheds(self, step: Step) -> bool:
        """Whether this kind of work is left out at the moment."""
        return STEPS.index(step) < self.level

    @property
    def shedding(self) -> tuple[Step, ...]:
        """What is being shed."""
        return STEPS[: self.level]

    def step(self, now: float, lag: float) -> LoadChange | None:
        """Take a reading: `lag` seconds at `now` (seconds of any steady clock); the step taken with it, if
        one is due."""
        side = 1 if lag > BEHIND_SECONDS else -1 if lag < CAUGHT_UP_SECONDS else 0
        if side != self._side or self._since is None:
            self._side, self._since = side, now
            return None
        if side > 0 and self.level < len(STEPS) and now - self._since >= UP_AFTER:
            self._since = now
            self.level += 1
            return LoadChange(STEPS[self.level - 1], shed=True)
        if side < 0 and self.level > 0 and now - self._since >= DOWN_AFTER:
            self._since = now
            self.level -= 1
            return LoadChange(STEPS[self.level], shed=False)
        return None


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
        outbox: Outbox,
        encoders: Encoders,
        ladder: LoadLadder,
        delivery: Delivery[Item],
        vision: Vision,
        conversations: Conversations,
        feeds: Sequence[TrackedFeed],
    ) -> None:
        self._outbox = outbox
        self._encoders = encoders
        self._face_rate = vision.face_rate
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

    def tell(
        self,
        feed: TrackedFeed,
        medium: Medium | None,
        state: Literal["up", "down", "degraded"],
        reason: str,
        moment: float,
    ) -> None:
        """Publish what became of a feed (of the whole of it, where `medium` is None) at session time
        `moment`."""
        self._outbox.emit(
            Feed(source=feed.name, medium=medium, state=state, reason=reason, time=round(moment, 3))
        )

    def watch(self, now: float, lag: float, moment: float) -> None:
        """Leave out more or less, given that the loop is `lag` seconds behind at `now` (seconds of a steady
        clock)."""
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
        modalities: dict[Step, set[Modality]] = {"body": {"body"}, "face rate": {"face", "body"}}
        used = set(self._conversations.modalities) - self._encoders.unusable.keys()
        return step not in modalities or bool(modalities[step] & used)

    def beat(self, time: float, moment: float, lag: float) -> None:
        """Publish a heartbeat with the first call in each second of `time`; `moment` is how far the media
        have come."""
        if not self._beats.takes(time, HEARTBEAT_RATE):
            return
        dropped = self._delivery.dropped()
        late = {"late_texts": self._conversations.late_texts, "late_sights": self._conversations.late_sights}
        self._outbox.emit(
            Heartbeat(
                time=round(moment, 3),
                lag=round(lag, 3),
                queues={
                    **self._delivery.depths(),
                    "vision": self._vision.depth(),
                    "finals": self._conversations.waiting,
                },
                dropped={
                    "video_frames": dropped["video"],
                    "audio_blocks": dropped["audio"],
                    "frames_replaced": self._vision.replaced,
                },
                shed={**self._left_out, **late},
                shedding=self._ladder.shedding,
            )
        )
