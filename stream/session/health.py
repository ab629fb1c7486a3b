"""How a session is doing, and telling it: feeds that go up and down, a heartbeat every second, and what is
left out when the machine falls behind (a ladder of costs, and one of what a recogniser that is behind costs
labels, both climbed and descended with hysteresis)."""

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

from emotrack.engines.open import Encoders
from emotrack.modalities import Modality
from emotrack.stream.labels.conversations import Conversations
from emotrack.stream.labels.waiting.patience import WORD_STEPS, WordStep
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
WORDS_CAUGHT_UP_SECONDS = 0.4
WORDS_UP_AFTER = 0.25
WORDS_DOWN_AFTER, WORDS_DOWN_AFTER_RELAPSE, WORDS_FURTHER_DOWN_AFTER = 2.0, 4.0, 1.0
"""The same for words: one final that waits for another's to be done is no backlog, a label is late after a
second and a half, and within ten seconds of relief all labels are to have their words again. The way back is
begun later where it was in vain the last time, and is quick once it is begun."""
STANDING_SECONDS = 1.0
"""Words that wait for no longer than this are a burst and no backlog: what counts is the least of the last
second."""
RELAPSE_SECONDS = 10.0
"""A step up so soon after a step down: that one was in vain."""
AnyStep = TypeVar("AnyStep", bound=str)


@dataclass(frozen=True, slots=True)
class LoadChange(Generic[AnyStep]):
    """One step: what is shed from now on, or no longer."""

    step: AnyStep
    shed: bool


class Ladder(Generic[AnyStep]):
    """Watches a lag; `level` of the steps are being shed."""

    def __init__(
        self,
        steps: tuple[AnyStep, ...],
        *,
        caught_up: float,
        up_after: float,
        down_after: float,
        after_relapse: float,
        further_down_after: float,
    ) -> None:
        """See the constants above for what these seconds mean."""
        self.level = 0
        self._steps = steps
        self._caught_up = caught_up
        self._up_after = up_after
        self._down_after = down_after
        self._after_relapse = after_relapse
        self._further_down_after = further_down_after
        self._since: float | None = None
        self._side = 0
        self._descending = False
        self._went_down_at = -math.inf
        self._relapsed = False

    def sheds(self, step: AnyStep) -> bool:
        """Whether this kind of work is left out at the moment."""
        return self._steps.index(step) < self.level

    @property
    def shedding(self) -> tuple[AnyStep, ...]:
        """What is being shed."""
        return self._steps[: self.level]

    def step(self, now: float, lag: float) -> LoadChange[AnyStep] | None:
        """Take a reading: `lag` seconds at `now` (seconds of any steady clock); the step taken with it, if
        one is due."""
        side = 1 if lag > BEHIND_SECONDS else -1 if lag < self._caught_up else 0
        if side != self._side or self._since is None:
            self._side, self._since, self._descending = side, now, False
            return None
        if side > 0 and self.level < len(self._steps) and now - self._since >= self._up_after:
            self._since = now
            self._relapsed = now - self._went_down_at < RELAPSE_SECONDS
            self.level += 1
            return LoadChange(self._steps[self.level - 1], shed=True)
        if side < 0 and self.level > 0 and now - self._since >= self._calm_seconds:
            self._since = self._went_down_at = now
            self._descending = True
            self.level -= 1
            return LoadChange(self._steps[self.level], shed=False)
        return None

    @property
    def _calm_seconds(self) -> float:
        if self._descending:
            return self._further_down_after
        return self._after_relapse if self._relapsed else self._down_after


class LoadLadder(Ladder[Step]):
    """By how far the loop is behind: costs of the machine."""

    def __init__(self) -> None:
        super().__init__(
            STEPS,
            caught_up=CAUGHT_UP_SECONDS,
            up_after=UP_AFTER,
            down_after=DOWN_AFTER,
            after_relapse=DOWN_AFTER,
            further_down_after=DOWN_AFTER,
        )


class WordLadder(Ladder[WordStep]):
    """By how far the recogniser is behind: what labels get of it."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, float]] = deque()
        super().__init__(
            WORD_STEPS,
            caught_up=WORDS_CAUGHT_UP_SECONDS,
            up_after=WORDS_UP_AFTER,
            down_after=WORDS_DOWN_AFTER,
            after_relapse=WORDS_DOWN_AFTER_RELAPSE,
            further_down_after=WORDS_FURTHER_DOWN_AFTER,
        )

    def step(self, now: float, lag: float) -> LoadChange[WordStep] | None:
        """See `Ladder.step`."""
        while self._readings and self._readings[-1][1] >= lag:
            self._readings.pop()
        while self._readings and now - self._readings[0][0] > STANDING_SECONDS:
            self._readings.popleft()
        self._readings.append((now, lag))  # which leaves them rising: the first is the least
        return super().step(now, self._readings[0][1])


HEARTBEAT_RATE = 1.0
SHED: Mapping[Step | WordStep, tuple[str, str]] = {
    "partials": ("labels come at the end of an utterance only", "labels come during an utterance again"),
    "body": ("bodies are not looked for", "bodies are looked for again"),
    "face rate": ("faces are looked for half as often", "faces are looked for as often as before"),
    "speculation": ("labels come a little later", "labels come as soon as before"),
    "early words": ("words come at the end of an utterance only", "words come during an utterance again"),
    "half the wait for words": (
        "labels wait half as long for words",
        "labels wait for words as long as before",
    ),
    "wait for words": ("labels hardly wait for words", "labels wait half as long for words"),
    "words": ("labels come without words, which follow where they can", "labels wait for words again"),
}
"""What is said of each step that is taken under load, and of the way back."""


class Health:
    """Owned by the loop. The only state that decides anything are the ladders of what is left out."""

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
        self._words = WordLadder()
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
        if change is not None:
            self._vision.sheds_bodies = self._ladder.sheds("body")
            halved = self._ladder.sheds("face rate")
            self._vision.face_rate = self._face_rate / 2 if halved else self._face_rate
            self._tell_change(change, moment)
        fewer = self._words.step(now, self._conversations.backlog)
        if fewer is not None:
            self._conversations.shedding = self._words.shedding
            self._tell_change(fewer, moment)

    @property
    def _shedding(self) -> tuple[Step | WordStep, ...]:
        return (*self._ladder.shedding, *self._words.shedding)

    def _tell_change(self, change: LoadChange[Step] | LoadChange[WordStep], moment: float) -> None:
        if not self._matters(change.step):
            return
        less, again = SHED[change.step]
        reason = f"the machine is busy: {less}" if change.shed else f"the machine keeps up: {again}"
        for feed in self._feeds:
            self.tell(feed, None, "degraded" if self._shedding else "up", reason, moment)

    def _matters(self, step: Step | WordStep) -> bool:
        """Whether anybody can notice that this is left out."""
        modalities: dict[str, set[Modality]] = {"body": {"body"}, "face rate": {"face", "body"}}
        used = set(self._conversations.modalities) - self._encoders.unusable.keys()
        return step not in modalities or bool(modalities[step] & used)

    def beat(self, time: float, moment: float, lag: float) -> None:
        """Publish a heartbeat with the first call in each second of `time`; `moment` is how far the media
        have come."""
        if not self._beats.takes(time, HEARTBEAT_RATE):
            return
        dropped = self._delivery.dropped()
        self._outbox.emit(
            Heartbeat(
                time=round(moment, 3),
                lag=round(lag, 3),
                queues={
                    **self._delivery.depths(),
                    "vision": self._vision.depth(),
                    "finals": self._conversations.waiting,
                    "late_words": self._conversations.late_words,
                },
                dropped={
                    "video_frames": dropped["video"],
                    "audio_blocks": dropped["audio"],
                    "frames_replaced": self._vision.replaced,
                },
                shed={**self._left_out, **self._conversations.left_out()},
                shedding=self._shedding,
            )
        )
