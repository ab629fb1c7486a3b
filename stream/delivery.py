"""How what the sources give reaches the tracker's loop: two named policies over one lane a feed and medium.

`LiveDelivery` hands over in order of arrival, never makes a device wait, and bounds the backlog (audio over a limit is cut and
counted, of video only the latest frame waits). `OrderedDelivery` hands over in order of stream time, whatever the threads
do, and makes the readers wait instead of shedding: the order that makes a run repeatable.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from emotrack.stream.hearing.audio import BLOCK_SECONDS, AudioBlock, Discontinuity
from emotrack.stream.media import MEDIA, Medium, MediumChange, VideoFrame


@dataclass(frozen=True, slots=True)
class SourceFailed:
    """A source gave up at session time `time` (seconds) with an exception: nothing more comes of its feed."""

    time: float
    failure: BaseException


Item = AudioBlock | Discontinuity | VideoFrame | MediumChange | SourceFailed

AUDIO_BACKLOG_BLOCKS = 1_875
"""60 s of audio: past this a live backlog is cut and published as a gap."""
ORDERED_AUDIO_BLOCKS = 300
ORDERED_VIDEO_FRAMES = 12


@dataclass(frozen=True, slots=True)
class Arrival:
    """One item of one feed, and the monotonic nanosecond at which it arrived."""

    feed: int
    item: Item
    arrived_ns: int


def medium_of(item: Item) -> Medium:
    if isinstance(item, MediumChange):
        return item.medium
    return "video" if isinstance(item, VideoFrame) else "audio"


def time_of(item: Item) -> float:
    """Session time (seconds) at which an item is complete: an audio block at its end, everything else at its stamp."""
    return item.end if isinstance(item, AudioBlock) else item.time


@dataclass(slots=True)
class Lane:
    """What waits of one medium of one feed."""

    feed: int
    medium: Medium
    waiting: deque[Arrival] = field(default_factory=deque)
    up: bool = False
    stuck: bool = False
    """Whether its reader waits for room in it."""
    watermark: float = float("-inf")

    def append(self, arrival: Arrival) -> None:
        if isinstance(arrival.item, MediumChange):
            self.up = arrival.item.state != "down"
        self.watermark = max(self.watermark, time_of(arrival.item))
        self.waiting.append(arrival)

    @property
    def full(self) -> bool:
        return len(self.waiting) >= (ORDERED_AUDIO_BLOCKS if self.medium == "audio" else ORDERED_VIDEO_FRAMES)


class Delivery(Protocol):
    """What the readers and the loop see of a policy."""

    def put(self, feed: int, item: Item) -> None: ...
    def close(self, feed: int) -> None: ...
    def get(self, timeout: float) -> Arrival | None: ...
    def wake(self) -> None: ...
    def abandon(self) -> None: ...
    def finished(self) -> bool: ...
    def depths(self) -> dict[str, int]: ...
    def dropped(self) -> dict[str, int]: ...


class _Lanes:
    """State that both policies share: the lanes, which feeds are still open, and one condition for all."""

    def __init__(self, feeds: int) -> None:
        self._lanes = {(feed, medium): Lane(feed, medium) for feed in range(feeds) for medium in MEDIA}
        self._open = set(range(feeds))
        self._condition = threading.Condition()
        self._woken = False
        self._abandoned = False
        self._dropped = {"video_frames": 0, "audio_blocks": 0}

    def close(self, feed: int) -> None:
        """The feed gives nothing more."""
        with self._condition:
            self._open.discard(feed)
            self._condition.notify_all()

    def wake(self) -> None:
        """Make a waiting `get` return, since there is other work for its caller."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def abandon(self) -> None:
        """Let every reader go on at once; what they put from now on is thrown away."""
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
            return {medium: sum(len(lane.waiting) for lane in self._lanes.values() if lane.medium == medium) for medium in MEDIA}

    def dropped(self) -> dict[str, int]:
        """How many items were shed so far, by kind."""
        with self._condition:
            return dict(self._dropped)

    def _choose(self) -> Lane | None:
        raise NotImplementedError

    def _idle(self) -> bool:
        return not self._open and not any(lane.waiting for lane in self._lanes.values())

    def get(self, timeout: float) -> Arrival | None:
        """The next item, or None when `timeout` seconds passed, somebody called `wake`, or everything has ended."""
        deadline = time.monotonic() + timeout
        with self._condition:
            while True:
                lane = self._choose()
                if lane is not None:
                    lane.stuck = False
                    self._condition.notify_all()
                    return lane.waiting.popleft()
                left = deadline - time.monotonic()
                if self._woken or left <= 0 or self._idle():
                    self._woken = False
                    return None
                self._condition.wait(left)


class LiveDelivery(_Lanes):
    """In order of arrival; nothing waits for the loop, and the backlog is bounded."""

    def put(self, feed: int, item: Item) -> None:
        arrival = Arrival(feed, item, time.monotonic_ns())
        with self._condition:
            if self._abandoned:
                return
            lane = self._lanes[feed, medium_of(item)]
            if isinstance(item, VideoFrame) and lane.waiting and isinstance(lane.waiting[-1].item, VideoFrame):
                # It takes the old one's place in the queue: at the end of it, no frame would ever be seen while audio is late.
                arrival = Arrival(feed, item, lane.waiting.pop().arrived_ns)
                self._dropped["video_frames"] += 1
            if isinstance(item, AudioBlock) and len(lane.waiting) >= AUDIO_BACKLOG_BLOCKS:
                self._cut(lane)
            lane.append(arrival)
            self._condition.notify_all()

    def _cut(self, lane: Lane) -> None:
        blocks = [arrival.item for arrival in lane.waiting if isinstance(arrival.item, AudioBlock)]
        kept = [arrival for arrival in lane.waiting if not isinstance(arrival.item, AudioBlock)]
        self._dropped["audio_blocks"] += len(blocks)
        gap = Discontinuity(blocks[0].time, gap=round(len(blocks) * BLOCK_SECONDS, 6))
        lane.waiting = deque([*kept, Arrival(lane.feed, gap, lane.waiting[-1].arrived_ns)])

    def _choose(self) -> Lane | None:
        waiting = [lane for lane in self._lanes.values() if lane.waiting]
        return min(waiting, key=lambda lane: lane.waiting[0].arrived_ns, default=None)


def _place(lane: Lane) -> tuple[float, bool, int, bool]:
    """Where in the order of stream time a lane's next item stands; at one moment, word of a medium comes before what it gives."""
    item = lane.waiting[0].item
    return time_of(item), not isinstance(item, MediumChange), lane.feed, lane.medium == "audio"


class OrderedDelivery(_Lanes):
    """In order of stream time (at one moment: changes, then by feed, video first); readers wait, so nothing is shed."""

    def __init__(self, feeds: int) -> None:
        super().__init__(feeds)
        self._announced: set[int] = set()

    def put(self, feed: int, item: Item) -> None:
        arrival = Arrival(feed, item, time.monotonic_ns())
        with self._condition:
            lane = self._lanes[feed, medium_of(item)]
            if lane.full:
                lane.stuck = True
                self._condition.notify_all()
                self._condition.wait_for(lambda: self._abandoned or not lane.full)
            if self._abandoned:
                return
            lane.append(arrival)
            if not isinstance(item, MediumChange):
                self._announced.add(feed)  # media are told before any data, so now all of this feed's lanes are known
            self._condition.notify_all()

    def _choose(self) -> Lane | None:
        if self._open - self._announced:
            return None
        waiting = [lane for lane in self._lanes.values() if lane.waiting]
        if not waiting:
            return None
        first = min(waiting, key=_place)
        moment = time_of(first.waiting[0].item)
        if any(self._must_wait_for(lane, moment) for lane in self._lanes.values()):
            return None
        return first

    def _must_wait_for(self, lane: Lane, moment: float) -> bool:
        if lane.waiting or not lane.up or lane.feed not in self._open or lane.watermark > moment:
            return False
        # The reader of a badly interleaved file, stuck with its other medium, cannot deliver this one: waiting would never end.
        # (That a lane is full is not enough: whether its reader comes to give more to this one first would be a matter of luck.)
        return not any(self._lanes[lane.feed, medium].stuck for medium in MEDIA)
