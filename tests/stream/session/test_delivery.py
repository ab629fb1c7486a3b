"""Delivery policies: ordered is an order of stream time whatever the threads do, live never waits and is
bounded."""

import random
import threading
import time
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.stream.hearing.audio import BLOCK_SECONDS, AudioBlock, Discontinuity
from emotrack.stream.session.intake import TRAITS, Item, SourceFailed, medium_of, time_of
from emotrack.stream.sources.media import Medium, MediumChange, VideoFrame
from emotrack.stream.sources.timing.delivery import LIVE, ORDERED, Delivery

SILENCE_32K, SILENCE_16K = np.zeros(1024, np.float32), np.zeros(512, np.float32)
PICTURE = np.zeros((2, 2, 3), np.uint8)
LARGE = np.zeros((1280, 1280, 3), np.uint8)
AUDIO_BACKLOG_BLOCKS = round(LIVE.audio.limit / BLOCK_SECONDS)
ORDERED_VIDEO_FRAMES = int(ORDERED.video.limit)


def live(feeds: int) -> Delivery[Item]:
    return Delivery(LIVE, TRAITS, feeds)


def ordered(feeds: int) -> Delivery[Item]:
    return Delivery(ORDERED, TRAITS, feeds)


def block(index: int) -> AudioBlock:
    return AudioBlock(index, round(index * BLOCK_SECONDS, 6), SILENCE_32K, SILENCE_16K)


def up(medium: Medium) -> MediumChange:
    return MediumChange(0.0, medium, "up", "start")


def feed_items(blocks: int, frame_times: list[float]) -> tuple[list[Item], list[Item]]:
    """The audio lane and the video lane of a file."""
    audio: list[Item] = [
        up("audio"),
        *(block(index) for index in range(blocks)),
        MediumChange(1e9, "audio", "down", "end"),
    ]
    video: list[Item] = [
        up("video"),
        *(VideoFrame(t, PICTURE) for t in sorted(frame_times)),
        MediumChange(1e9, "video", "down", "end"),
    ]
    return audio, video


def interleave(audio: list[Item], video: list[Item], seed: int) -> list[Item]:
    """One order in which a demuxer may give both: each lane in its own order, announcements first."""
    rest = [audio[1:], video[1:]]
    choose = random.Random(seed)
    items = [audio[0], video[0]]
    while any(rest):
        lane = choose.choice([lane for lane in rest if lane])
        items.append(lane.pop(0))
    return items


def drain(
    delivery: Delivery[Item], feeds: list[list[Item]], jitter: random.Random
) -> list[tuple[int, Medium, float]]:
    """Put each feed's items from a thread of its own and take everything."""

    def put(index: int) -> None:
        for item in feeds[index]:
            if jitter.random() < 0.05:
                time.sleep(0.0005)
            delivery.put(index, item)
        delivery.close(index)

    threads = [threading.Thread(target=put, args=(index,)) for index in range(len(feeds))]
    for thread in threads:
        thread.start()
    taken = []
    while not delivery.finished():
        arrival = delivery.get(0.5)
        if arrival is not None:
            taken.append((arrival.feed, medium_of(arrival.item), time_of(arrival.item)))
    for thread in threads:
        thread.join()
    return taken


@settings(max_examples=25, deadline=None)
@given(
    frames=st.lists(
        st.lists(st.floats(0, 3).map(lambda t: round(t, 3)), max_size=ORDERED_VIDEO_FRAMES - 1, unique=True),
        min_size=1,
        max_size=3,
    ),
    blocks=st.integers(1, 90),
    seeds=st.tuples(st.integers(0, 99), st.integers(100, 199)),
)
def test_ordered_delivery_does_not_depend_on_the_threads(
    frames: list[list[float]], blocks: int, seeds: tuple[int, int]
) -> None:
    feeds = [feed_items(blocks, times) for times in frames]
    runs = [
        drain(ordered(len(feeds)), [interleave(*feed, seed) for feed in feeds], random.Random(seed))
        for seed in seeds
    ]
    assert runs[0] == runs[1]
    assert len(runs[0]) == sum(len(audio) + len(video) for audio, video in feeds)
    times = [moment for _, _, moment in runs[0]]
    assert times == sorted(times)


def test_ordered_delivery_makes_the_reader_wait_and_loses_nothing() -> None:
    delivery = ordered(1)
    items: list[Item] = [up("video"), *(VideoFrame(index / 10, PICTURE) for index in range(200))]
    taken = drain(delivery, [items], random.Random(1))
    assert [moment for _, _, moment in taken[1:]] == [index / 10 for index in range(200)]
    assert delivery.dropped() == {"video": 0, "audio": 0}


def test_a_badly_interleaved_file_does_not_lock_up() -> None:
    audio, video = feed_items(60, [index / 25 for index in range(4 * ORDERED_VIDEO_FRAMES)])
    items = [audio[0], video[0], *video[1:], *audio[1:]]  # all pictures before the first sound
    taken = drain(ordered(1), [items], random.Random(2))
    assert len(taken) == len(items)


@settings(max_examples=25, deadline=None)
@given(
    runs=st.lists(st.integers(0, 3 * ORDERED_VIDEO_FRAMES), min_size=3, max_size=10),
    others=st.integers(1, 90),
)
def test_however_badly_a_file_is_interleaved_its_order_is_its_own(runs: list[int], others: int) -> None:
    """A file that gives many pictures before each stretch of sound: the same order for readers of any
    speed."""
    items: list[Item] = [up("audio"), up("video")]
    for stretch, pictures in enumerate(runs):
        begin, length = stretch * 10 * BLOCK_SECONDS, 10 * BLOCK_SECONDS
        items += [
            VideoFrame(begin + length * (index + 1) / (pictures + 1), PICTURE) for index in range(pictures)
        ]
        items += [block(stretch * 10 + index) for index in range(10)]
    feeds = [items, feed_items(others, [])[0]]
    orders = [drain(ordered(2), feeds, random.Random(jitter)) for jitter in range(4)]
    assert all(order == orders[0] for order in orders)
    assert len(orders[0]) == sum(len(feed) for feed in feeds)


def test_a_late_loop_still_gets_a_frame_now_and_then() -> None:
    """A frame that replaces one that waits takes its place; else audio that is late would come first for
    ever."""
    delivery = live(1)
    for index in range(20):
        delivery.put(0, block(index))
    seen = 0
    for index in range(20, 520):
        delivery.put(0, block(index))
        delivery.put(0, VideoFrame(index * BLOCK_SECONDS, PICTURE))
        arrival = delivery.get(0)
        seen += arrival is not None and isinstance(arrival.item, VideoFrame)
    assert seen >= 10


def test_live_delivery_keeps_only_the_latest_frame() -> None:
    delivery = live(2)
    for index in range(10):
        delivery.put(0, VideoFrame(index / 10, PICTURE))
    delivery.put(1, VideoFrame(0.5, PICTURE))
    taken = [delivery.get(0), delivery.get(0)]
    assert [(arrival.feed, time_of(arrival.item)) for arrival in taken if arrival] == [(0, 0.9), (1, 0.5)]
    assert delivery.get(0) is None
    assert delivery.dropped()["video"] == 9


def test_what_came_first_is_taken_first_though_the_clock_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "monotonic_ns", lambda: 1)
    delivery = live(3)
    for feed in (2, 0, 1, 0, 2):
        delivery.put(feed, block(0))
    assert [delivery.get(0.0).feed for _ in range(5)] == [2, 0, 1, 0, 2]  # type: ignore[union-attr]


def test_live_delivery_cuts_an_audio_backlog_and_says_so() -> None:
    delivery = live(1)
    delivery.put(0, up("audio"))
    for index in range(AUDIO_BACKLOG_BLOCKS + 5):
        delivery.put(0, block(index))
    taken = []
    while (arrival := delivery.get(0)) is not None:
        taken.append(arrival.item)
    gaps = [item for item in taken if isinstance(item, Discontinuity)]
    heard = [item for item in taken if isinstance(item, AudioBlock)]
    lost = delivery.dropped()["audio"]
    assert len(gaps) == 1 and isinstance(taken[0], MediumChange)
    assert lost + len(heard) == AUDIO_BACKLOG_BLOCKS + 5 and lost > 0
    assert gaps[0].gap == round(lost * BLOCK_SECONDS, 6)
    assert [item.index for item in heard] == list(range(lost, AUDIO_BACKLOG_BLOCKS + 5))


def test_an_abandoned_delivery_releases_its_readers() -> None:
    delivery = ordered(1)
    stuck = threading.Thread(
        target=lambda: [delivery.put(0, VideoFrame(index / 10, PICTURE)) for index in range(100)]
    )
    stuck.start()
    time.sleep(0.05)
    assert stuck.is_alive()
    delivery.abandon()
    stuck.join(1)
    assert not stuck.is_alive()


def test_wake_ends_a_waiting_get() -> None:
    delivery = live(1)
    threading.Timer(0.05, delivery.wake).start()
    began = time.monotonic()
    assert delivery.get(10) is None
    assert time.monotonic() - began < 5


def test_pictures_that_wait_are_bounded_by_their_bytes() -> None:
    """However few they are; and all of them arrive."""
    delivery = ordered(1)
    items: list[Item] = [up("video"), *(VideoFrame(number / 10, LARGE) for number in range(20))]

    def put() -> None:
        for item in items:
            delivery.put(0, item)
        delivery.close(0)

    putting = threading.Thread(target=put, daemon=True)
    putting.start()
    most, times = 0, []
    while not delivery.finished():
        waiting = 0
        for _ in range(100):  # until the reader waits for room, or has given all
            before, waiting = waiting, delivery.depths()["video"]
            if waiting and waiting == before:
                break
            time.sleep(0.002)
        most = max(most, waiting)
        arrival = delivery.get(0.5)
        if arrival is not None and isinstance(arrival.item, VideoFrame):
            times.append(arrival.item.time)
    putting.join(5)
    assert times == [number / 10 for number in range(20)]
    assert 1 < most <= ORDERED.video.size // LARGE.nbytes + 2 < ORDERED_VIDEO_FRAMES


def accepted(delivery: Delivery[Item], items: Iterable[Item]) -> int:
    """How many of the first feed's items are taken before one is refused."""
    for count, item in enumerate(items):
        try:
            delivery.put(0, item)
        except ValueError:
            return count
    raise AssertionError("none was refused")


@pytest.mark.parametrize("medium", ["audio", "video"])
@pytest.mark.parametrize("reason", ["", "so it is", "why " * 10_000])
def test_a_feed_of_which_more_is_told_than_anybody_takes_is_refused_and_its_end_is_not(
    medium: Medium, reason: str
) -> None:
    delivery = live(2)
    given = accepted(delivery, (MediumChange(float(n), medium, "up", reason) for n in range(100_000)))
    assert 0 < given * (300 + len(reason)) <= 1 << 20
    delivery.put(1, MediumChange(0.0, medium, "up", reason))  # another feed is not refused for it
    delivery.put(0, SourceFailed(0.0, ValueError("refused")))
    taken = [arrival.item for _ in range(given + 2) if (arrival := delivery.get(0.0)) is not None]
    assert len(taken) == given + 2 and isinstance(taken[-1], SourceFailed)
    for _ in range(2 * given):  # and what was taken makes room
        delivery.put(0, MediumChange(0.0, medium, "up", reason))
        assert delivery.get(0.0) is not None


def test_words_that_wait_outlive_every_cut_and_are_counted_through_it() -> None:
    delivery, word = live(1), MediumChange(0.0, "audio", "degraded", "x" * 1_000)
    items = (word if index % 4 == 0 else block(index) for index in range(20 * AUDIO_BACKLOG_BLOCKS))
    words = accepted(delivery, items) // 4
    taken = []
    while (arrival := delivery.get(0.0)) is not None:
        taken.append(arrival.item)
    assert sum(isinstance(item, MediumChange) for item in taken) == words
    assert sum(isinstance(item, AudioBlock) for item in taken) <= AUDIO_BACKLOG_BLOCKS
