"""The outbox: gapless numbers, one order for all sinks, nothing unreadable sent, a failing sink named
once."""

import threading
import time
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.stream.wire.protocol.encoding import decode, encode, topic
from emotrack.stream.wire.protocol.messages import Emotion, Error, Feed, Heartbeat, Message, Session
from emotrack.stream.wire.publish.outbox import LISTED_TOPICS, LONGEST_SENTENCE, Outbox
from emotrack.stream.wire.publish.sinks import Listener, Outgoing, SinkDelayed, SinkFailed
from helpers.sessions import sample_messages as sample


class Kept:
    """A sink that keeps what it is given, and fails when told to."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.failure: SinkFailed | None = None
        self.closed = 0

    def write(self, outgoing: Outgoing) -> None:
        if self.failure:
            raise self.failure
        assert decode(outgoing.json) == outgoing.message
        assert topic(outgoing.message) == outgoing.topic
        self.messages.append(outgoing.message)

    def close(self) -> None:
        self.closed += 1


bodies = st.one_of(
    st.builds(lambda number: sample.emotion(speaker=f"spk{number}"), st.integers(0, 5)),
    st.just(sample.heartbeat()),
    st.just(sample.feed()),
    st.just(sample.error()),
    st.builds(lambda number: sample.new_speaker(f"spk{number}"), st.integers(0, 5)),
)


@settings(deadline=None, max_examples=50)
@given(st.lists(bodies, max_size=60))
def test_seq_and_topic_seq_are_gapless(chosen: list[Message]) -> None:
    kept = Kept()
    outbox = Outbox("s1", [kept])
    assert [outbox.emit(body) for body in chosen] == kept.messages
    assert [message.seq for message in kept.messages] == list(range(1, len(chosen) + 1))
    by_topic: dict[str, list[int]] = defaultdict(list)
    for message in kept.messages:
        by_topic[topic(message)].append(message.topic_seq)
        if isinstance(message, Heartbeat):
            now = {name: numbers[-1] for name, numbers in by_topic.items()}
            now["emotrack/1/s1/heartbeat/-/"] -= 1  # its own number is its own
            assert {name: position.topic_seq for name, position in message.topics.items()} == {
                k: v for k, v in now.items() if v
            }
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_topic.values())
    times = [message.published_unix_ns for message in kept.messages]
    assert times == sorted(times)


def test_threads_share_one_order() -> None:
    kept = Kept()
    outbox = Outbox("s1", [kept])
    threads = [
        threading.Thread(target=lambda: [outbox.emit(sample.feed()) for _ in range(200)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [message.seq for message in kept.messages] == list(range(1, 801))


def test_heartbeats_list_the_topics_used_last() -> None:
    outbox = Outbox("s1", snapshot_endpoint="tcp://127.0.0.1:5557")
    for number in range(3 * LISTED_TOPICS):
        outbox.emit(sample.emotion(speaker=f"spk{number}"))
    beat = outbox.emit(sample.heartbeat())
    assert isinstance(beat, Heartbeat)
    assert len(beat.topics) == LISTED_TOPICS
    assert f"emotrack/1/s1/emotion/spk{3 * LISTED_TOPICS - 1}/" in beat.topics
    assert "emotrack/1/s1/emotion/spk0/" not in beat.topics
    assert outbox.emit(sample.emotion(speaker="spk0")).topic_seq == 2  # long gone, and yet gapless
    assert beat.snapshot_endpoint == "tcp://127.0.0.1:5557"


@pytest.mark.parametrize(
    "body",
    [
        sample.emotion(confidence=float("nan")),
        sample.emotion(start=float("inf")),
        sample.emotion(speaker="two words"),
        sample.emotion(scores={"joy": 1.1}),
    ],
)
def test_what_no_reader_would_take_is_not_sent(body: Message) -> None:
    kept = Kept()
    outbox = Outbox("s1", [kept])
    with pytest.raises(ValueError, match=r"."):
        outbox.emit(body)
    assert outbox.emit(sample.emotion()).seq == 1
    assert len(kept.messages) == 1


def test_a_sentence_with_the_words_of_others_is_cut_before_no_reader_would_take_it() -> None:
    outbox = Outbox("s1")
    error = outbox.emit(sample.error("x" * 5_000_000))
    feed = outbox.emit(sample.feed(state="down", reason="y" * 5_000_000))
    assert isinstance(error, Error) and isinstance(feed, Feed) and feed.reason is not None
    assert len(error.message) == len(feed.reason) == LONGEST_SENTENCE


def test_what_is_returned_is_what_a_reader_gets() -> None:
    sent = Outbox("s1").emit(sample.emotion(valence=float("nan"), start=1))
    assert sent == decode(encode(sent, "msgpack")) == decode(encode(sent, "json"))


def test_a_failing_sink_is_dropped_and_named_to_the_others(caplog: pytest.LogCaptureFixture) -> None:
    broken, kept = Kept(), Kept()
    outbox = Outbox("s1", [broken, kept])
    outbox.emit(sample.feed())
    broken.failure = SinkFailed("The disk is full.")
    outbox.emit(sample.feed())
    outbox.emit(sample.feed())
    said = [message for message in kept.messages if isinstance(message, Error)]
    assert [(error.message, error.continues) for error in said] == [("The disk is full.", True)]
    assert [message.seq for message in kept.messages] == [1, 2, 3, 4]
    assert broken.closed == 1
    assert caplog.messages == ["The disk is full."]


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("oh"),
        UnicodeEncodeError("ascii", "ä", 0, 1, "no"),
        ValueError("closed file"),
        SystemExit(1),
    ],
)
def test_a_sink_that_fails_in_its_own_way_takes_no_other_along(
    failure: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Kept):
        def write(self, outgoing: Outgoing) -> None:
            raise failure

        def close(self) -> None:
            raise failure

    kept = Kept()
    outbox = Outbox("s1", [Broken(), kept])
    outbox.emit(sample.feed())
    outbox.emit(sample.feed())
    (said,) = (message for message in kept.messages if isinstance(message, Error))
    assert [message.seq for message in kept.messages] == [1, 2, 3]
    assert said.message.startswith(f"Broken has failed: {type(failure).__name__}: ") and said.continues
    assert list(outbox.incomplete) == caplog.messages == [said.message]


def test_sinks_are_all_closed_when_one_of_them_cannot_be(caplog: pytest.LogCaptureFixture) -> None:
    class Unclosable(Kept):
        def close(self) -> None:
            raise SinkFailed("The last message is lost.")

    kept = Kept()
    outbox = Outbox("s1", [Unclosable(), kept])
    outbox.close()
    outbox.close()
    assert kept.closed == 1
    assert list(outbox.incomplete) == caplog.messages == ["The last message is lost."]


def test_a_sink_that_waits_stays_and_is_told_of_but_lacks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Kept):
        def write(self, outgoing: Outgoing) -> None:
            self.messages.append(outgoing.message)
            if len(self.messages) == 1:
                raise SinkDelayed("The disk is full for now.")

    slow, kept = Slow(), Kept()
    outbox = Outbox("s1", [slow, kept])
    outbox.emit(sample.feed())
    assert slow.messages == kept.messages and len(kept.messages) == 2
    assert caplog.messages == ["The disk is full for now."] and outbox.incomplete == ()


def test_when_the_last_sink_has_failed_tracking_is_asked_to_stop() -> None:
    broken, asked = Kept(), threading.Event()
    outbox = Outbox("s1", [broken], request_stop=asked.set)
    broken.failure = SinkFailed("The disk is full.")
    outbox.emit(sample.feed())
    assert asked.is_set() and outbox.incomplete == ("The disk is full.",)


def test_every_label_and_heartbeat_says_when_its_session_began() -> None:
    outbox = Outbox("s1")
    for body in (sample.emotion(), sample.heartbeat()):
        early = outbox.emit(body)
        assert isinstance(early, Emotion | Heartbeat)
        assert (
            0 <= time.time_ns() - early.start_unix_ns < 60e9
        )  # before the session's message the outbox counts from its own start
    start = outbox.emit(sample.session())
    assert isinstance(start, Session)
    for body in (sample.emotion(), sample.heartbeat()):
        late = outbox.emit(body)
        assert isinstance(late, Emotion | Heartbeat)
        assert late.start_unix_ns == start.start_unix_ns


@pytest.mark.parametrize("others", [0, 1])
def test_a_reader_that_left_ends_the_session_where_nobody_else_reads(
    others: int, caplog: pytest.LogCaptureFixture
) -> None:
    broken, kept = Kept(), [Kept() for _ in range(others)]
    asked = threading.Event()
    outbox = Outbox("s1", [broken, *kept], request_stop=asked.set)
    broken.failure = SinkFailed("Nobody reads.", unread=True)
    outbox.emit(sample.feed())
    outbox.emit(sample.feed())
    assert asked.is_set() == (not others) and outbox.incomplete == ()
    assert caplog.messages == ["Nobody reads; the other outputs go on." if others else "Nobody reads."]
    for other in kept:
        (said,) = (message for message in other.messages if isinstance(message, Error))
        assert (said.message, said.continues) == (caplog.messages[0], True)


def test_a_listener_reads_to_the_end() -> None:
    listener = Listener()
    outbox = Outbox("s1", [listener])
    sent = [outbox.emit(sample.emotion(number)) for number in range(5)]
    outbox.close()
    assert list(listener) == sent


def test_a_full_listener_holds_emitting_up_until_its_reader_leaves() -> None:
    listener = Listener(limit=2)
    outbox = Outbox("s1", [listener])
    thread = threading.Thread(target=lambda: [outbox.emit(sample.feed()) for _ in range(10)])
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    for message in listener:
        if message.seq == 3:
            break
    thread.join(5)
    assert not thread.is_alive()
    outbox.close()


def test_a_reader_that_waits_ends_when_it_is_told_to_leave() -> None:
    listener = Listener()
    reader = threading.Thread(target=lambda: list(listener), daemon=True)
    reader.start()
    reader.join(0.1)
    assert reader.is_alive()
    listener.leave()
    reader.join(5)
    assert not reader.is_alive()
