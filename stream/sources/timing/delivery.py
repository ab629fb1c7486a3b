"""Delivery of what is captured, read or to be looked at, from the threads that give it to the one that takes
it.

There is a lane for each feed and medium. What bounds a lane, what happens when it is full, and in which order
lanes are taken is data: a `DeliveryPolicy`. Live policies never make a device wait and bound what waits
(sound over a limit is cut, of pictures only the latest waits); the ordered ones make readers wait instead of
shedding, and hand over in an order that does not depend on threads.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar

from emotrack.stream.sources.media import MEDIA, AudioChunk, MediaItem, Medium, MediumChange, VideoFrame, due

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bound:
    """How much may wait in a lane, which is never more than `size` bytes and one item, and what becomes of
    what comes when it is full.

    "wait": its giver waits for room; "replace": it takes the place of the newest that waits; "cut": all sound
    that waits is thrown away for word of a gap. Word of a medium is never thrown away: whoever gives more
    than `words` bytes of it that nobody takes is refused.
    """

    limit: float
    unit: Literal["items", "seconds"]
    when_full: Literal["wait", "replace", "cut"]
    size: int = 32 << 20
    words: int = 1 << 20


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """The bounds of sound and of pictures, and the order in which lanes are taken.

    "arrival": what came first; "due": what was complete first of what is there; "time": what was complete
    first, waiting for lanes that may still give something earlier (at one moment: word of a medium, then by
    feed, pictures first).
    """

    audio: Bound
    video: Bound
    order: Literal["arrival", "due", "time"]


LATEST = Bound(1, "items", "replace")
MINUTE = Bound(60.0, "seconds", "cut")

CAPTURED = DeliveryPolicy(MINUTE, LATEST, "due")
"""Between the threads that capture and the reader of a live source."""
LIVE = DeliveryPolicy(MINUTE, LATEST, "arrival")
"""Between the readers of a live session and its loop, and between that and vision."""
ORDERED = DeliveryPolicy(Bound(300, "items", "wait"), Bound(12, "items", "wait"), "time")
"""Between the readers of files and the loop of a run that repeats."""
LOOKED_AT_ALL = DeliveryPolicy(MINUTE, Bound(8, "items", "wait"), "arrival")
"""Between the loop of a run that repeats and vision."""


@dataclass(frozen=True, slots=True)
class Traits(Generic[T]):
    """What a delivery must know of the items of one kind."""

    medium: Callable[[T], Medium]
    time: Callable[[T], float]
    """Session time (seconds) at which it is complete."""
    seconds: Callable[[T], float]
    """Its length, where it is sound."""
    size: Callable[[T], int]
    """Its bytes."""
    word: Callable[[T], Literal["up", "degraded", "down"] | None]
    """What it says of its medium, where it is word of that and no data."""
    sheddable: Callable[[T], bool]
    """Whether it is sound or a picture, which may be thrown away."""
    gap: Callable[[Sequence[T]], Sequence[T]]
    """What stands for sound that was thrown away."""


@dataclass(frozen=True, slots=True)
class Arrival(Generic[T]):
    """One item of one feed, and the monotonic nanosecond at which it arrived."""

    feed: int
    item: T
    arrived_ns: int
    turn: int = 0
    """Its place among all that arrived: a clock may stand still meanwhile."""


@dataclass(slots=True)
class _Lane(Generic[T]):
    """What waits of one medium of one feed."""

    feed: int
    medium: Medium
    bound: Bound
    waiting: deque[Arrival[T]] = field(default_factory=deque)
    seconds: float = 0.0
    """Of sound that waits."""
    size: int = 0
    """Bytes that wait."""
    words: int = 0
    """Those of what is never thrown away."""
    up: bool = False
    stuck: bool = False
    """Whether its giver waits for room in it."""
    watermark: float = float("-inf")

    @property
    def full(self) -> bool:
        if self.size >= self.bound.size:
            return True
        return (
            len(self.waiting) if self.bound.unit == "items" else round(self.seconds, 6)
        ) >= self.bound.limit


class Delivery(Generic[T]):
    """Lanes under a policy; `put` and `close` from the givers' threads, `get` from the one that takes, the
    rest from any."""

    def __init__(self, policy: DeliveryPolicy, traits: Traits[T], feeds: int) -> None:
        self._order = policy.order
        self._traits = traits
        self._lanes = {
            (feed, medium): _Lane[T](feed, medium, getattr(policy, medium))
            for feed in range(feeds)
            for medium in MEDIA
        }
        self._open = set(range(feeds))
        self._announced: set[int] = set()
        self._condition = threading.Condition()
        self._turn = 0
        self._woken = False
        self._unbounded = False
        self._abandoned = False
        self._dropped: dict[str, int] = dict.fromkeys(MEDIA, 0)

    def put(self, feed: int, item: T) -> list[T]:
        """Hand over the next item of a feed; gives what was thrown away for it. Raises `ValueError` where too
        much waits that is never thrown away."""
        now = time.monotonic_ns()
        with self._condition:
            self._turn += 1
            turn = self._turn
            lane = self._lanes[feed, self._traits.medium(item)]
            if lane.bound.when_full == "wait" and lane.full:
                lane.stuck = True
                self._condition.notify_all()
                self._condition.wait_for(lambda: self._abandoned or self._unbounded or not lane.full)
            if self._abandoned:
                return [item]
            if not self._has_words(lane, item):
                raise ValueError("more is told of its media than anybody takes")
            lost = self._make_room(lane, item)
            if lost and lane.bound.when_full == "replace":
                now, turn = lost[-1].arrived_ns, lost[-1].turn
            self._append(lane, Arrival(feed, item, now, turn))
            self._condition.notify_all()
        return [one.item for one in lost]

    def close(self, feed: int) -> None:
        """The feed gives nothing more."""
        with self._condition:
            self._open.discard(feed)
            self._condition.notify_all()

    def get(self, timeout: float) -> Arrival[T] | None:
        """The next item, or None when `timeout` seconds passed, somebody called `wake`, or everything has
        ended."""
        deadline = time.monotonic() + timeout
        with self._condition:
            while True:
                lane = self._choose()
                if lane is not None:
                    lane.stuck = False
                    self._condition.notify_all()
                    arrival = lane.waiting.popleft()
                    lane.seconds -= self._traits.seconds(arrival.item)
                    size = self._traits.size(arrival.item)
                    lane.size -= size
                    lane.words -= 0 if self._traits.sheddable(arrival.item) else size
                    return arrival
                left = deadline - time.monotonic()
                if self._woken or left <= 0 or self._idle():
                    self._woken = False
                    return None
                self._condition.wait(left)

    def wake(self) -> None:
        """Make a waiting `get` return, since there is other work for its caller."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def hurry(self) -> None:
        """No giver waits for room any more."""
        with self._condition:
            self._unbounded = True
            self._condition.notify_all()

    def abandon(self) -> None:
        """Let every giver go on at once; what they put from now on is thrown away."""
        with self._condition:
            self._abandoned = True
            self._condition.notify_all()

    def finished(self) -> bool:
        """Whether every feed has ended and everything was handed over."""
        with self._condition:
            return self._idle()

    def depths(self) -> dict[str, int]:
        """How many items wait, by medium."""
        with self._condition:
            return {
                medium: sum(len(lane.waiting) for lane in self._lanes.values() if lane.medium == medium)
                for medium in MEDIA
            }

    def dropped(self) -> dict[str, int]:
        """How many items were thrown away so far, by medium."""
        with self._condition:
            return dict(self._dropped)

    def _has_words(self, lane: _Lane[T], item: T) -> bool:
        """Whether there is room for an item that is never thrown away, if it is one; word of an end is taken
        anyhow."""
        if self._traits.sheddable(item) or self._traits.word(item) is None:
            return True
        return lane.words + self._traits.size(item) <= lane.bound.words

    def _make_room(self, lane: _Lane[T], item: T) -> list[Arrival[T]]:
        """What has to go for the item, taken out of its lane."""
        sheddable, how = self._traits.sheddable, lane.bound.when_full
        lost: list[Arrival[T]] = []
        if not sheddable(item):
            return lost
        if how == "replace" and lane.waiting and sheddable(lane.waiting[-1].item):
            # The new one takes its place in the queue: at the end of it, no picture would ever be seen while
            # sound is late.
            lost = [lane.waiting.pop()]
            lane.size -= self._traits.size(lost[0].item)
        elif how == "cut" and lane.full:
            lost = [arrival for arrival in lane.waiting if sheddable(arrival.item)]
            kept = [arrival for arrival in lane.waiting if not sheddable(arrival.item)]
            gap = self._traits.gap([arrival.item for arrival in lost])
            lane.waiting = deque([*kept, *(replace(lost[-1], item=one) for one in gap)])
            lane.seconds = 0.0
            lane.size = lane.words = sum(self._traits.size(arrival.item) for arrival in lane.waiting)
        self._dropped[lane.medium] += len(lost)
        return lost

    def _append(self, lane: _Lane[T], arrival: Arrival[T]) -> None:
        traits, item = self._traits, arrival.item
        if (word := traits.word(item)) is not None:
            lane.up = word != "down"
        else:
            self._announced.add(
                lane.feed
            )  # media are told before any data, so now all of this feed's lanes are known
        lane.watermark = max(lane.watermark, traits.time(item))
        lane.seconds += traits.seconds(item)
        size = traits.size(item)
        lane.size += size
        lane.words += 0 if traits.sheddable(item) else size
        lane.waiting.append(arrival)

    def _idle(self) -> bool:
        return not self._open and not any(lane.waiting for lane in self._lanes.values())

    def _choose(self) -> _Lane[T] | None:
        waiting = [lane for lane in self._lanes.values() if lane.waiting]
        if self._order == "arrival":
            return min(waiting, key=lambda lane: lane.waiting[0].turn, default=None)
        if self._order == "due":
            return min(waiting, key=self._due_place, default=None)
        if not waiting or self._open - self._announced:
            return None
        first = min(waiting, key=self._place)
        moment = self._traits.time(first.waiting[0].item)
        return None if any(self._must_wait_for(lane, moment) for lane in self._lanes.values()) else first

    def _place(self, lane: _Lane[T]) -> tuple[float, bool, int, bool]:
        """Where in the order of time a lane's next item stands; at one moment, word of a medium comes before
        what it gives."""
        item = lane.waiting[0].item
        return self._traits.time(item), self._traits.word(item) is None, lane.feed, lane.medium == "audio"

    def _due_place(self, lane: _Lane[T]) -> tuple[float, bool, int, bool]:
        """The same where nothing need be repeatable: at one moment, word of media comes as it was given."""
        arrival = lane.waiting[0]
        is_data = self._traits.word(arrival.item) is None
        return (
            self._traits.time(arrival.item),
            is_data,
            0 if is_data else arrival.turn,
            lane.medium == "audio",
        )

    def _must_wait_for(self, lane: _Lane[T], moment: float) -> bool:
        if lane.waiting or not lane.up or lane.feed not in self._open or lane.watermark > moment:
            return False
        # The reader of a badly interleaved file, stuck with its other medium, cannot deliver this one:
        # waiting would never end. (That a lane is full is not enough: whether its reader comes to give more
        # to this one first would be a matter of luck.)
        return not any(self._lanes[lane.feed, medium].stuck for medium in MEDIA)


def _medium_of(item: MediaItem) -> Medium:
    if isinstance(item, MediumChange):
        return item.medium
    return "video" if isinstance(item, VideoFrame) else "audio"


def _lost_sound(lost: Sequence[MediaItem]) -> list[MediaItem]:
    chunks = [item for item in lost if isinstance(item, AudioChunk)]
    start, end = chunks[0].start, chunks[-1].end
    reason = f"{end - start:.1f} s of audio were dropped, since they were not processed in time"
    return [
        MediumChange(start, "audio", "degraded", reason),
        MediumChange(end, "audio", "up", "nothing waits any more"),
    ]


WORD_BYTES = 300
"""What a word takes, about, without its reason."""


def size_of(item: MediaItem) -> int:
    """Bytes that an item takes, about."""
    match item:
        case AudioChunk():
            return item.samples.nbytes
        case VideoFrame():
            return item.image.nbytes
        case MediumChange(reason=reason):
            return WORD_BYTES + len(reason)


MEDIA_TRAITS: Traits[MediaItem] = Traits(
    medium=_medium_of,
    time=due,
    seconds=lambda item: item.end - item.start if isinstance(item, AudioChunk) else 0.0,
    size=size_of,
    word=lambda item: item.state if isinstance(item, MediumChange) else None,
    sheddable=lambda item: not isinstance(item, MediumChange),
    gap=_lost_sound,
)
"""Of what sources give."""
