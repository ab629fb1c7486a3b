"""A recording in a dashboard: any moment of it, all of it, and played again."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.stream.views.dashboard import views
from emotrack.stream.views.dashboard.state import State, entry_of, time_of
from emotrack.stream.views.dashboard.views import Recorded
from emotrack.stream.wire.protocol.encoding import decode, encode
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample
from helpers.sessions.dashboards import API, Dashboard, dashboard, recorded

TALK = sample.conversation()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(TALK, tmp_path_factory.mktemp("recording") / "talk.jsonl")


@pytest.fixture(scope="module")
def shown(path: Path) -> Iterator[Dashboard]:
    with dashboard(str(path)) as running:
        yield running


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.floats(-1, 120))
def test_any_moment_is_as_its_messages_say(path: Path, monkeypatch: pytest.MonkeyPatch, at: float) -> None:
    monkeypatch.setattr(views, "BETWEEN_STATES", 9)
    state, latest = State(), 0.0
    for message in TALK:
        latest = max(latest, time_of(message) or 0.0)
        if latest <= at:
            state.add(entry_of(message, encode(message), 0.0, 0))
    found = Recorded(path).state_at(at).entries()
    assert [entry.payload for entry in found] == [entry.payload for entry in state.entries()]


def test_a_recording_too_large_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "LARGEST_RECORDING", 10_000)
    with pytest.raises(UserError, match="larger than a page can show"):
        Recorded(path)


def test_what_is_shown(shown: Dashboard, path: Path) -> None:
    assert shown.get("/status") == {
        "kind": "recording",
        "source": str(path),
        "connected": True,
        "session": "kitchen-1",
        "start": 0.0,
        "end": 104.2,
        "start_unix_ns": 1_760_000_000_000_000_000,
        "explanations": False,
    }


def test_a_moment_over_http(shown: Dashboard) -> None:
    body = shown.ask(f"{API}/state?at=10").body
    told = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    messages = [decode(bytes(one)) for one in msgspec.json.decode(told["messages"], type=list[msgspec.Raw])]
    assert [
        entry.payload for entry in Recorded(Path(shown.get("/status")["source"])).state_at(10).entries()
    ] == [encode(message) for message in messages]
    assert max(message.end for message in messages if hasattr(message, "end")) == 9.8


def test_all_of_it_page_by_page(shown: Dashboard) -> None:
    found, after = [], 0
    while after is not None:
        page = shown.get(f"/messages?after={after}&limit=10&kind=emotion")
        found += page["messages"]
        after = page["next"]
    expected = [msgspec.json.decode(encode(one)) for one in TALK if one.__struct_config__.tag == "emotion"]
    assert found == expected


def test_it_plays_nothing_by_itself(shown: Dashboard) -> None:
    with shown.socket() as socket:
        held = [socket.recv(10) for _ in shown.get("/state")["messages"]]
        assert held[-1] == encode(TALK[-1]).decode()
        with pytest.raises(TimeoutError):
            socket.recv(1.5)


def test_it_plays_from_a_moment_at_a_pace(shown: Dashboard) -> None:
    began = time.monotonic()
    with shown.socket("?from=96&speed=8") as socket:
        frames = list(socket)
    took = time.monotonic() - began
    assert (socket.close_code, socket.close_reason) == (1000, "The recording ends here.")
    later = [encode(one).decode() for one in TALK if (time_of(one) or 0.0) > 96]
    assert frames[-len(later) :] == later
    assert len(frames) == len(later) + len(shown.get("/state?at=96")["messages"])
    assert took >= (104.2 - 96) / 8


def test_an_interrupted_replay_goes_on_where_it_was(shown: Dashboard) -> None:
    with shown.events("?from=90&speed=1000") as events:
        played = list(events)
    *messages, end = played
    assert end.name == "end" and end.message == {"code": 1000, "reason": "The recording ends here."}
    cut = messages[-4]
    with shown.events("?from=90&speed=1000", Last_Event_ID=cut.id) as events:
        again = [event for event in events if not event.name]
    assert [event.data for event in again[-3:]] == [event.data for event in messages[-3:]]
    held = shown.get(f"/state?at={decode(cut.data).end}")["messages"]  # type: ignore[union-attr]
    assert len(again) == len(held) + 3


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("/state?at=x", "at"),
        ("/state?at=nan", "at"),
        ("/messages?after=-1", "after"),
        ("/messages?after=99999999999999999999", "after"),
        ("/messages?limit=0", "limit"),
        ("/messages?limit=%D9%A3", "limit"),
        ("/messages?kind=mood", "mood"),
        ("/events?after=a/b:3", "after"),
        ("/events?speed=0", "speed"),
        ("/explanation/one", "utterance"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(shown: Dashboard, query: str, word: str) -> None:
    answer = shown.ask(f"{API}{query}")
    assert answer.status == 400
    assert word in answer.data["error"] and answer.data["error"].endswith(".")


def test_several_sessions_have_to_be_told_apart(tmp_path: Path) -> None:
    other = Outbox("other")
    others = [other.emit(body) for body in (sample.session(), sample.heartbeat(3.0))]
    both = recorded([*TALK, *others], tmp_path / "both.jsonl")
    with dashboard(str(both), "--session", "other") as running:
        assert running.get("/status")["end"] == 3.0
