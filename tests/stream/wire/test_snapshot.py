"""The snapshot: what holds now, the last events a page at a time, and a sentence for every bad request."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.stream.wire.protocol.encoding import decode, encode
from emotrack.stream.wire.protocol.messages import Emotion, Face, Message, Person
from emotrack.stream.wire.protocol.snapshots import (
    KEPT_CURRENT,
    LARGEST_REQUEST,
    PAGE,
    Reply,
    SnapshotRefusal,
    SnapshotReply,
    SnapshotState,
)
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.sinks import Outgoing
from helpers.sessions import sample_messages as sample


class Remembering:
    """A sink that feeds a snapshot."""

    prompt = True

    def __init__(self, state: SnapshotState) -> None:
        self.state = state

    def write(self, outgoing: Outgoing) -> None:
        self.state.add(outgoing.message, outgoing.json)

    def close(self) -> None:
        pass


def remembered(bodies: list[Message], ring: int = 10_000) -> SnapshotState:
    state = SnapshotState("json", ring)
    outbox = Outbox("s1", [Remembering(state)])
    for body in bodies:
        outbox.emit(body)
    return state


def ask(state: SnapshotState, **fields: object) -> SnapshotReply:
    reply = msgspec.json.decode(
        state.answer(msgspec.json.encode({"request": "snapshot"} | fields)), type=Reply
    )
    assert isinstance(reply, SnapshotReply)
    return reply


def read(raws: list[msgspec.Raw]) -> list[Message]:
    return [decode(bytes(raw)) for raw in raws]


def labels(reply: SnapshotReply) -> dict[str, tuple[int, str]]:
    return {
        each.speaker.id: (each.utterance, each.label)
        for each in read(reply.current)
        if isinstance(each, Emotion)
    }


def test_before_anything_happened() -> None:
    reply = ask(SnapshotState("json"), since=0, id=7)
    assert (reply.id, reply.session, reply.seq, reply.events, reply.current, reply.complete) == (
        7,
        None,
        0,
        [],
        [],
        True,
    )


def test_a_late_joiner_learns_what_holds() -> None:
    state = remembered([
        sample.session(),
        sample.feed("video", "up"),
        sample.emotion(1, "spk1", label="joy"),
        sample.emotion(2, "spk2", label="anger"),
        sample.feed("video", "down", "unplugged"),
        sample.emotion(3, "spk1", label="sadness"),
        sample.emotion(1, "spk1", label="fear", state="revised", revision=1),  # tells of an earlier time
    ])  # fmt: skip
    reply = ask(state)
    assert [message.seq for message in read(reply.current)] == [1, 4, 5, 6]
    assert labels(reply) == {"spk1": (3, "sadness"), "spk2": (2, "anger")}
    assert (reply.seq, reply.events, reply.session) == (7, [], "s1")
    assert reply.topics["emotrack/1/s1/emotion/spk1/"].topic_seq == 3


def test_a_late_joiner_learns_who_is_there_and_what_is_being_said() -> None:
    state = remembered([
        sample.session(),
        sample.new_speaker("spk1"),
        sample.emotion(1, "spk1", state="partial"),
        sample.emotion(1, "spk1"),
        sample.new_speaker("spk2"),
        sample.emotion(2, "spk2", state="partial"),
        sample.emotion(3, "spk1", state="partial"),
        sample.emotion(3, "spk1", state="partial", revision=1),
        sample.emotion(1, "spk1", state="revised", revision=1),
    ])  # fmt: skip
    assert [message.seq for message in read(ask(state).current)] == [1, 2, 5, 6, 8, 9]


def test_a_label_ends_the_partial_one_before_it() -> None:
    state = remembered([
        sample.emotion(1, "spk1", state="partial"),
        sample.emotion(2, "spk1"),
        sample.emotion(2, "spk1", state="partial", revision=1),  # late
    ])  # fmt: skip
    assert [message.seq for message in read(ask(state).current)] == [2]


def test_an_alias_takes_the_merged_speaker_away() -> None:
    state = remembered(
        [sample.emotion(1, "voice7"), sample.emotion(2, "spk1"), sample.alias("voice7", "spk1")]
    )
    assert [message.seq for message in read(ask(state).current)] == [2, 3]


def test_a_late_joiner_learns_whose_faces_are_there_and_how_everybody_is() -> None:
    reply = ask(
        remembered([
            sample.face(1),
            sample.face(2),
            sample.person("spk1", label="joy"),
            sample.person("spk1", label="anger"),
            sample.face(1, event="lost"),
        ])
    )  # fmt: skip
    held = read(reply.current)
    assert [one.track for one in held if isinstance(one, Face)] == [2]
    assert [one.label for one in held if isinstance(one, Person)] == ["anger"]


def test_faces_that_pass_by_push_out_nobody_who_spoke() -> None:
    passing: list[Message] = []
    for number in range(2 * KEPT_CURRENT):
        passing += [sample.face(number), sample.person(f"kitchen-face{number}")]
        passing += [sample.face(number, event="lost"), sample.person(f"kitchen-face{number}", state="away")]
    reply = ask(remembered([sample.feed("audio"), sample.emotion(1, "spk1"), *passing]))
    assert sorted(type(one).__name__ for one in read(reply.current)) == ["Emotion", "Feed"]


def test_an_alias_takes_the_person_away_too() -> None:
    reply = ask(remembered([sample.person("kitchen-face1"), sample.alias("kitchen-face1", "spk1")]))
    assert not [one for one in read(reply.current) if isinstance(one, Person)]


def test_another_session_begins_afresh() -> None:
    state = remembered([sample.session(), sample.emotion()])
    Outbox("s2", [Remembering(state)]).emit(sample.feed())
    reply = ask(state, since=0)
    assert (reply.session, reply.seq, len(reply.events), len(reply.current)) == ("s2", 1, 1, 1)


def test_since_counts_in_its_own_session_only() -> None:
    reply = ask(remembered([sample.emotion()] * 5), since=2, session="before")
    assert (reply.session, reply.events, reply.complete) == ("s1", [], False)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(1, 40), st.integers(-5, 70))
def test_events_since_are_exact_or_counted_as_lost(sent: int, ring: int, since: int) -> None:
    reply = ask(remembered([sample.feed()] * sent, ring), since=since)
    asked_for = max(0, since)
    got = [message.seq for message in read(reply.events)]
    assert got == list(range(max(asked_for, sent - ring) + 1, sent + 1))
    assert reply.lost == max(0, sent - ring - asked_for)
    assert reply.complete == (reply.lost == 0)
    assert not reply.more


def test_many_events_come_in_pages() -> None:
    state, since, got = remembered([sample.feed()] * (2 * PAGE + 5)), 0, []
    more = True
    while more:
        reply = ask(state, since=since)
        got += [message.seq for message in read(reply.events)]
        since, more = got[-1], reply.more
        assert len(reply.events) <= PAGE
    assert got == list(range(1, 2 * PAGE + 6))


def test_a_page_of_large_events_holds_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    event = encode(Outbox("s1").emit(sample.feed()))
    monkeypatch.setattr(
        "emotrack.stream.wire.protocol.snapshots.PAGE_BYTES", 10 * len(event) + 9
    )  # their numbers grow by a digit
    state = remembered([sample.feed()] * 15)
    first = ask(state, since=0)
    assert len(first.events) == 10 and first.more
    rest = ask(state, since=10)
    assert [message.seq for message in read(rest.events)] == list(range(11, 16)) and not rest.more
    monkeypatch.setattr("emotrack.stream.wire.protocol.snapshots.PAGE_BYTES", 1)
    assert len(ask(state, since=0).events) == 1  # or it would never go on


def test_events_that_can_be_asked_for_are_bounded_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotrack.stream.wire.protocol.snapshots.RING_BYTES", 20_000)
    state = remembered([sample.feed()] * 500)
    reply = ask(state, since=0)
    size = sum(map(len, reply.events))
    assert 19_000 < size <= 20_000 and reply.lost == 500 - len(reply.events) and not reply.complete
    assert [message.seq for message in read(reply.events)] == [*range(reply.lost + 1, 501)]


def test_what_is_kept_is_bounded() -> None:
    reply = ask(remembered([sample.emotion(number, f"spk{number}") for number in range(3 * KEPT_CURRENT)]))
    assert len(reply.current) == KEPT_CURRENT
    assert f"spk{3 * KEPT_CURRENT - 1}" in labels(reply)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"\xff\x00",
        b"{}",
        b"[]",
        b'{"request": "launch"}',
        b'{"request": "snapshot", "since": "yesterday"}',
        b'{"request": "snapshot", "since": 9223372036854775808}',
        b'{"request": "snapshot", "id": 1000000000000000000000000000000}',
        b"[" * LARGEST_REQUEST,
        b" " * (LARGEST_REQUEST + 1),
    ],
)
def test_a_bad_request_gets_a_sentence(request_bytes: bytes) -> None:
    reply = msgspec.json.decode(SnapshotState("json").answer(request_bytes), type=Reply)
    assert isinstance(reply, SnapshotRefusal)
    assert reply.message.endswith(".")


def test_messagepack_publishers_answer_in_messagepack() -> None:
    state = SnapshotState("msgpack")
    message = Outbox("s1").emit(sample.emotion())
    state.add(message, encode(message, "msgpack"))
    reply = msgspec.msgpack.decode(state.answer(b'{"request": "snapshot", "since": 0}'), type=SnapshotReply)
    assert read(reply.events) == [message]
