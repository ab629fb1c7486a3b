"""Messages as they are kept: read a piece at a time none is missing, and what lasts is not pushed out by what
passes."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.stream.views.dashboard import history as histories
from emotrack.stream.views.dashboard.history import History
from emotrack.stream.wire.protocol.encoding import encode, kind
from emotrack.stream.wire.protocol.messages import KINDS, Message
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample


def kept(messages: Sequence[Message], most_bytes: int = 1 << 30) -> History:
    history = History(most_bytes)
    for message in messages:
        history.add(message)
    return history


def read(history: History, kinds: Sequence[str] = (), limit: int = 7) -> list[bytes]:
    found, seq, more = [], 0, True
    while more:
        page = history.page(seq, kinds, limit)
        assert len(page.entries) <= limit
        found += [entry.payload for entry in page.entries]
        seq, more = page.reached, page.more
    return found


@settings(deadline=None)
@given(st.integers(1, 80), st.sets(st.sampled_from(KINDS)))
def test_pages_together_are_all_there_is(limit: int, kinds: set[str]) -> None:
    talk = sample.conversation()
    expected = [encode(message) for message in talk if not kinds or kind(message) in kinds]
    assert read(kept(talk), sorted(kinds), limit) == expected


def test_a_page_is_bounded_by_bytes_and_has_one_message_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "PAGE_BYTES", 10)
    talk = sample.conversation()
    history = kept(talk)
    assert [len(history.page(seq).entries) for seq in range(3)] == [1, 1, 1]
    assert read(history) == [encode(message) for message in talk]


def test_finals_outlast_what_passes() -> None:
    outbox = Outbox("s1")
    passing = (sample.heartbeat, sample.face, sample.person, lambda: sample.emotion(1, state="partial"))
    talk: list[Message] = [outbox.emit(sample.emotion(number)) for number in range(10)]
    talk += [outbox.emit(make()) for _ in range(200) for make in passing]
    history = kept(talk, most_bytes=1 << 16)
    finals = [message for message in read(history, ["emotion"]) if b'"final"' in message]
    assert finals == [encode(message) for message in talk[:10]]
    assert sum(map(len, read(history))) < 1 << 16
    assert not history.is_whole_after(10) and history.is_whole_after(talk[-1].seq)
    first = next(seq for seq in range(len(talk)) if history.is_whole_after(seq))
    assert history.page(first).entries[0].seq == first + 1


def test_another_session_begins_anew() -> None:
    talk = sample.conversation()
    history = kept(talk)
    assert (history.session, history.start, history.end) == ("kitchen-1", 0.0, 104.2)
    before = history.changed
    other = Outbox("kitchen-2").emit(sample.session())
    history.add(other)
    assert before.is_set() and read(history) == [encode(other)]
    assert (history.session, history.end) == ("kitchen-2", 0.0)


def test_what_was_kept_already_is_not_kept_twice() -> None:
    talk = sample.conversation()
    assert read(kept([*talk, *talk[:20]])) == [encode(message) for message in talk]
