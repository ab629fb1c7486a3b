"""Sessions that are kept: wherever a process ends, another one goes on as if nothing had happened, or says in
one sentence why it cannot."""

import os
import random
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from emotrack.errors import UserError
from emotrack.stream.session import packed
from emotrack.stream.session.kept import STATE, VERSION, KeptState, open_kept
from emotrack.stream.sources.media import AudioChunk, MediaItem, due
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.wire.protocol.encoding import topic
from emotrack.stream.wire.protocol.messages import Emotion, Error, Message, Session
from emotrack.stream.wire.publish.journal import NAME, read_journal
from helpers.media.scripted import Scripted, clip_items, clip_part
from helpers.sessions.tracking import Workbench, emotions, without_timing

pytestmark = pytest.mark.xdist_group("kept sessions")  # one worker tracks the clip once for all of them
MOMENTS = int(os.environ.get("EMOTRACK_MOMENTS", "3"))
"""At which the process might have ended, of each kind of session; by hand more of them."""
SEED = 1


@dataclass
class Whole:
    """A session that was let alone, and the folder of it as it was at some of its messages, by `seq`."""

    sources: list[Scripted]
    overrides: tuple[str, ...]
    messages: list[Message]
    ends: dict[int, Path]


def begun(
    workbench: Workbench, folder: Path, sources: list[Scripted], *overrides: str, moments: int = MOMENTS
) -> Whole:
    """Track the sources; how many messages there will be is known from a first run that is not kept."""
    count = len(workbench.track([*sources], *overrides))
    chosen = set(random.Random(SEED).sample(range(2, count), moments))
    ends: dict[int, Path] = {}
    with open_kept("kitchen", folder / "sessions") as kept:
        loop, collector = workbench.loop([*sources], *overrides, kept=kept)

        def copy(message: Message) -> None:
            if message.seq in chosen:
                ends[message.seq] = folder / str(message.seq)
                shutil.copytree(kept.folder, ends[message.seq] / "kitchen")

        collector.react = copy
        loop.run()
        collector.outbox.close()
    assert len(ends) == moments
    return Whole(sources, overrides, collector.messages, ends)


def gone_on(workbench: Workbench, whole: Whole, sessions: Path) -> tuple[list[Message], list[Message]]:
    """What had been published, and what is published by who goes on."""
    with open_kept("kitchen", sessions) as kept:
        before = [one.message for one in kept.published.messages]
        loop, collector = workbench.loop([*whole.sources], *whole.overrides, kept=kept)
        loop.run()
        collector.outbox.close()
    return before, collector.messages


def told(messages: Sequence[Message]) -> dict[tuple[int, str, int], list[dict[str, Any]]]:
    """Finished labels by utterance, state and revision, less what says when they were made."""
    found: dict[tuple[int, str, int], list[dict[str, Any]]] = defaultdict(list)
    for message in messages:
        if isinstance(message, Emotion) and message.state != "partial":
            (plain,) = without_timing([message])
            plain.pop("seq"), plain.pop("topic_seq")
            found[message.utterance, message.state, message.revision].append(plain)
    return found


def assert_one_session(messages: Sequence[Message]) -> None:
    assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
    positions: dict[str, int] = defaultdict(int)
    for message in messages:
        positions[topic(message)] += 1
        assert message.topic_seq == positions[topic(message)]
    starts = {message.start_unix_ns for message in messages if isinstance(message, Session | Emotion)}
    assert len(starts) == 1


def two_feeds() -> list[Scripted]:
    return [
        Scripted("anna", lambda: clip_part(0.0, 14.0, at=0.0)),
        Scripted("berta", lambda: clip_part(4.0, 12.0, at=3.0)),
    ]


KINDS: dict[str, tuple[str, ...]] = {
    "feed": (),
    "apart": ("stream.speakers.conversations=apart",),
    "voice": ("stream.speakers.mode=voice",),
}


@pytest.fixture(scope="module", params=KINDS)
def whole(
    request: pytest.FixtureRequest, workbench: Workbench, tmp_path_factory: pytest.TempPathFactory
) -> Whole:
    overrides = KINDS[request.param]
    return begun(workbench, tmp_path_factory.mktemp(request.param), two_feeds(), *overrides)


def test_wherever_it_ends_whoever_goes_on_says_the_same(workbench: Workbench, whole: Whole) -> None:
    expected = told(whole.messages)
    assert len(expected) >= 3
    for sessions in whole.ends.values():
        before, after = gone_on(workbench, whole, sessions)
        assert_one_session([*before, *after])
        assert isinstance(after[0], Session) and after[0].reason == "resumed"
        found = told([*before, *after])
        assert found.keys() == expected.keys()
        for name, labels in found.items():
            assert all(label == expected[name][0] for label in labels), name
        assert not any((sessions / "kitchen").glob("[!.]*")), "what has ended is gone on with by nobody"


class Live(Scripted):
    """What the demonstration clip shows and says, as if it happened while the session lasts."""

    def __init__(self, name: str, begin: float, end: float) -> None:
        super().__init__(name, lambda: clip_part(begin, end, at=0.0))
        self.live = True

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        start = clock.now()
        for item in super().items(clock, stop):
            at = "start" if isinstance(item, AudioChunk) else "time"
            moved = replace(item, **{at: getattr(item, at) + start})
            if stop.wait(max(0.0, due(moved) - clock.now())):
                return
            yield moved
        stop.wait()


def lived(workbench: Workbench, sessions: Path, source: Live, finals: int) -> tuple[list[Message], KeptState]:
    """A live session until it has published so many finals, and what is kept of it."""
    with open_kept("kitchen", sessions) as kept:
        loop, collector = workbench.loop([source], realtime=True, kept=kept)
        left = iter(range(1, finals))

        def stop_at_last(message: Message) -> None:
            if isinstance(message, Emotion) and message.state == "final" and next(left, None) is None:
                loop.stop()

        collector.react = stop_at_last
        loop.run()
        collector.outbox.close()
        state = packed.read(kept.folder / STATE, "session", VERSION, KeptState)
        assert state is not None
        return collector.messages, state


def test_a_live_session_goes_on_where_the_clock_is(workbench: Workbench, tmp_path: Path) -> None:
    first, before = lived(workbench, tmp_path, Live("anna", 0.0, 8.0), 1)
    time.sleep(0.5)
    second, after = lived(workbench, tmp_path, Live("anna", 4.0, 12.0), 1)
    assert_one_session([*first, *second])
    gap = next(message for message in second if isinstance(message, Error))
    assert gap.continues and gap.message.startswith("Tracking was interrupted after ")
    ended = max(final.end for final in emotions(first, "final"))
    assert all(label.start > ended for label in emotions(second, "final"))
    numbers = [final.utterance for final in emotions([*first, *second], "final")]
    assert numbers == sorted(set(numbers))
    news = [message for message in [*first, *second] if message.__struct_config__.tag == "speaker"]
    assert len(news) == 1, "who was known is not new again"
    heard = [str(number) for number in numbers]
    meta = after.conversations.each[0].dialogue["meta"]
    assert [name for name, *_ in [*meta["history"], *meta["later"]]] == heard
    assert after.people.people.keys() >= before.people.people.keys()
    assert after.start_unix_ns == before.start_unix_ns


def test_what_was_begun_is_gone_on_with_as_that_or_not_at_all(workbench: Workbench, tmp_path: Path) -> None:
    sources = [Scripted("anna", lambda: clip_part(0.0, 5.0, at=0.0))]

    def go_on(*overrides: str, sources: list[Scripted] = sources) -> None:
        with open_kept("kitchen", tmp_path) as kept:
            _, collector = workbench.loop([*sources], *overrides, kept=kept)
            collector.outbox.close()

    with open_kept("kitchen", tmp_path) as kept:
        loop, collector = workbench.loop([*sources], kept=kept)
        collector.react = lambda message: loop.stop() if emotions([message], "final") else None
        loop.run()
        collector.outbox.close()
    for given in ("stream.labels.partial_interval=2", "stream.speakers.mode=single"):
        with pytest.raises(UserError, match="begun with other settings: give the same, or go on by another"):
            go_on(given)
    with pytest.raises(UserError, match=r"begun with other sources \(anna\): give the same"):
        go_on(sources=[Scripted("berta", lambda: clip_part(0.0, 5.0, at=0.0))])
    shorter = [Scripted("anna", lambda: clip_part(0.0, 0.1, at=0.0))]
    with open_kept("kitchen", tmp_path) as kept:
        loop, collector = workbench.loop([*shorter], kept=kept)
        with pytest.raises(UserError, match="was tracked further than these sources go"):
            loop.run()
        collector.outbox.close()
    go_on()  # nothing was lost with that

    state = tmp_path / "kitchen" / STATE
    for damaged, why in {
        b"session 2 x\n": "of another version",
        b"": "something else",
        state.read_bytes()[:-1]: "damaged",
    }.items():
        for each in (state, packed.before(state)):
            each.write_bytes(damaged)
        with pytest.raises(UserError, match=f"{why}: delete .*kitchen to begin it anew"):
            go_on()


def test_a_session_is_one_process_s_and_has_a_name(tmp_path: Path) -> None:
    with open_kept("kitchen", tmp_path) as kept:
        assert kept.folder.stat().st_mode & 0o777 == 0o700
        with pytest.raises(UserError, match="Another process is writing into"):  # noqa: SIM117
            with open_kept("kitchen", tmp_path):
                pass
    for name in ("", "../x", "a b", "x" * 200):
        with pytest.raises(UserError, match="cannot be named"), open_kept(name, tmp_path):
            pass


def test_a_torn_line_is_cut_off_and_a_damaged_journal_named(workbench: Workbench, tmp_path: Path) -> None:
    sources = [Scripted("anna", lambda: clip_items()[:40])]
    with open_kept("kitchen", tmp_path) as kept:
        loop, collector = workbench.loop([*sources], transcribe=False, kept=kept)
        collector.react = lambda message: loop.stop() if message.seq > 3 else None
        loop.run()
        collector.outbox.close()
    journal = tmp_path / "kitchen" / NAME
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-7])
    assert read_journal(tmp_path / "kitchen").seq == len(collector.messages) - 1
    lines = whole.splitlines(keepends=True)
    for damaged in (lines[:2] + lines[3:], [*lines[:2], b"{}\n"], [b'{"reply": 1}\n']):
        journal.write_bytes(b"".join(damaged))
        with pytest.raises(UserError, match=r"kitchen is damaged .*: delete that folder to begin anew"):
            read_journal(tmp_path / "kitchen")
