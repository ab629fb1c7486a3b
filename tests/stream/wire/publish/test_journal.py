"""What a session published is known to whoever goes on with it, and to those who ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from emotrack.errors import UserError
from emotrack.stream.wire.client.subscription import subscribe
from emotrack.stream.wire.protocol.encoding import decode, topic
from emotrack.stream.wire.protocol.messages import Error, Message
from emotrack.stream.wire.publish.journal import BEFORE, NAME, Journal, Published, read_journal
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.recording import Recorder
from emotrack.stream.wire.publish.zeromq.publisher import Publisher
from helpers.sessions import sample_messages as sample
from helpers.sessions.disks import disk_with_room_for
from helpers.sessions.wire import LOCAL, emit_all, heartbeats, receive, unused_endpoint


@contextmanager
def going_on(
    folder: Path, endpoint: str = LOCAL, ring: int = 10_000, **options: Any
) -> Iterator[tuple[Publisher, Outbox]]:
    """A process that keeps the session in `folder`, and goes on with what it finds there."""
    known = read_journal(folder)
    journal = Journal(folder, known, ring=ring)
    publisher = Publisher(endpoint, **options)
    publisher.go_on(known)
    outbox = Outbox("s1", [journal, publisher], snapshot_endpoint=publisher.snapshot_endpoint)
    outbox.go_on(known.seq, known.topics)
    try:
        yield publisher, outbox
    finally:
        outbox.close()


def talk(count: int) -> list[Message]:
    return [sample.session(), *(sample.emotion(number) for number in range(count))]


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_who_comes_late_can_have_what_an_earlier_process_published(tmp_path: Path, encoding: str) -> None:
    with going_on(tmp_path, encoding=encoding) as (_, outbox):
        before = emit_all(outbox, talk(20))
    with going_on(tmp_path, encoding=encoding) as (publisher, outbox):
        after = emit_all(outbox, talk(5))
        with subscribe(publisher.endpoint, since=0) as subscription:
            assert receive(subscription, len(before) + len(after)) == [*before, *after]
    assert [message.seq for message in (*before, *after)] == list(range(1, len(before) + len(after) + 1))
    positions = [message.topic_seq for message in (*before, *after) if topic(message) == topic(before[1])]
    assert positions == list(range(1, len(positions) + 1))


def test_who_listened_loses_nothing_between_two_processes(tmp_path: Path) -> None:
    endpoint, problems = unused_endpoint(), list[str]()
    with subscribe(endpoint, since=0, on_problem=problems.append) as subscription:
        with going_on(tmp_path, endpoint) as (_, outbox):
            before = emit_all(outbox, talk(20))
            assert receive(subscription, 10) == before[:10]
        with going_on(tmp_path, endpoint) as (_, outbox):
            after = emit_all(outbox, talk(5))
            with heartbeats(outbox):  # by which it sees what it has missed
                assert receive(subscription, 17) == [*before[10:], *after]
            assert (subscription.restarts, subscription.lost) == (0, 0)
    assert not problems


@pytest.mark.parametrize("counts", [(3,), (12, 3), (50, 1, 27)])
def test_a_journal_stays_small_and_knows_what_holds(tmp_path: Path, counts: tuple[int, ...]) -> None:
    for count in counts:
        with going_on(tmp_path, ring=10) as (_, outbox):
            last = emit_all(outbox, talk(count))
    known = read_journal(tmp_path)
    assert known.seq == last[-1].seq
    held = {type(one.message) for one in (*known.held, *known.messages)}
    assert {type(message) for message in last} <= held, "the session and a label hold, however long ago"
    assert len(known.messages) >= min(10, known.seq)
    lines = sum(
        path.read_bytes().count(b"\n") for path in (tmp_path / NAME, tmp_path / BEFORE) if path.exists()
    )
    assert lines <= 2 * (10 + 2)


def test_a_full_disk_ends_the_keeping_and_nothing_else(tmp_path: Path) -> None:
    listening: list[Message] = []
    with disk_with_room_for(10_000):
        outbox = Outbox("s1", [Journal(tmp_path, Published())])
        following = outbox.follow()
        emit_all(outbox, talk(40))
        listening += following
        outbox.close()
    why = "The session is not kept any more, so that nothing can go on with it: File too large."
    assert outbox.incomplete == (why,)
    assert len(listening) == 42 and any(isinstance(one, Error) and one.message == why for one in listening)
    assert 0 < read_journal(tmp_path).seq < 40  # what is torn was never anybody's


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(UserError, match="cannot be kept in"):
        Journal(tmp_path, Published())
    with pytest.raises(UserError, match="cannot be read"):
        read_journal(tmp_path)


@pytest.mark.parametrize("torn", [b"", b'{"type":"emotion","la'])
def test_what_a_recording_lacks_is_written_before_the_session_goes_on(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "messages.jsonl.recorded"
    with going_on(tmp_path) as (_, outbox):
        outbox.add(Recorder(path))
        before = emit_all(outbox, talk(20))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-3]) + torn)  # on their way when the process was killed
    recorder = Recorder(path)
    recorder.go_on(read_journal(tmp_path).messages)
    with going_on(tmp_path) as (_, outbox):
        outbox.add(recorder)
        after = emit_all(outbox, talk(2))
    assert [decode(line) for line in path.read_bytes().splitlines()] == [*before, *after]


def test_a_recording_of_another_session_gets_nothing_of_this_one(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    outbox = Outbox("s2", [Recorder(path)])
    other = emit_all(outbox, talk(2))
    outbox.close()
    with going_on(tmp_path) as (_, outbox):
        emit_all(outbox, talk(5))
    recorder = Recorder(path)
    recorder.go_on(read_journal(tmp_path).messages)
    with going_on(tmp_path) as (_, outbox):
        outbox.add(recorder)
        after = emit_all(outbox, talk(1))
    assert [decode(line) for line in path.read_bytes().splitlines()] == [*other, *after]
