"""The tracker as a program uses it: whatever becomes of it, nothing of it stays behind."""

import gc
import os
import re
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from emotrack.demo import clip_path
from emotrack.errors import UserError
from emotrack.stream.wire.protocol.messages import Heartbeat, Session
from emotrack.stream.wire.publish.recording import Recorder
from emotrack.stream.wire.publish.sinks import Listener, Outgoing
from emotrack.tracking.tracker import Tracker
from helpers.media.clips import AudioSpec, write_clip
from helpers.media.scripted import Scripted, sound, up
from helpers.media.senders import TcpSender
from helpers.sessions.tracking import settings

LIGHT = settings(
    "stream.publish.endpoint=tcp://127.0.0.1:0",
    *(f"engines.{part}=none" for part in ("text", "audio", "face")),
)


def tracker(**options: Any) -> Tracker:
    source = Scripted("hush", [*up("audio"), *sound((1.0, 0.001))])
    return Tracker([source], LIGHT, realtime=False, notify=lambda _: None, **options)


def held() -> tuple[Counter[str], int, int]:
    """Threads by name, open descriptors, and child processes of this one."""
    gc.collect()
    names = Counter(thread.name for thread in threading.enumerate())
    return names, len(os.listdir("/proc/self/fd")), len(psutil.Process().children())


@contextmanager
def leaving_nothing() -> Iterator[None]:
    tracker().close()  # whatever is loaded once for all is loaded now
    before = held()
    yield
    assert held() == before


pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="this system has no /proc to count descriptors in"
)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("my robot",), "A source cannot be named 'my robot': take letters, digits, _ and -, at most 128."),
        (("anna", "bert", "anna"), "Two sources are named anna: give each a name of its own."),
    ],
)
def test_sources_of_ones_own_are_refused_where_messages_could_not_name_them(
    names: tuple[str, ...], sentence: str
) -> None:
    sources = [Scripted(name, [*up("audio"), *sound((1.0, 0.001))]) for name in names]
    with leaving_nothing():
        with pytest.raises(UserError) as refusal:
            Tracker(sources, LIGHT, realtime=False, notify=lambda _: None)
        assert str(refusal.value) == sentence


def test_one_that_never_ran_leaves_nothing_when_it_is_closed() -> None:
    with leaving_nothing():
        for _ in range(3):
            with tracker() as made:
                assert made.endpoint is not None
            made.close()  # once more does no harm


def test_one_that_ran_leaves_nothing() -> None:
    with leaving_nothing(), tracker() as ran:
        messages = list(ran.messages())
        assert isinstance(messages[-1], Session) and messages[-1].reason == "sources ended"


def test_one_that_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    with leaving_nothing():
        listener, recorder = Listener(), Recorder(tmp_path / "messages.jsonl")
        with pytest.raises(UserError, match="nothing to track"):
            Tracker([], LIGHT, sinks=[listener, recorder])
        assert list(listener) == [] and not list(tmp_path.iterdir())


def test_closing_ends_a_session_whose_messages_nobody_reads_any_more() -> None:
    with leaving_nothing(), tracker() as running:
        messages = running.messages()
        assert isinstance(next(messages), Session)
        running.close()
        messages.close()


@contextmanager
def written_pipe(folder: Path) -> Iterator[str]:
    """The name of a pipe into which a clip was written."""
    reading, writing = os.pipe()
    with open(writing, "wb") as file:
        file.write(write_clip(folder / "clip.ts", audio=AudioSpec("mp2"), duration=0.5).read_bytes())
    try:
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)


@contextmanager
def sender(_: Path) -> Iterator[str]:
    """The address of a live stream."""
    sending = TcpSender(audio=AudioSpec("mp2"), duration=30.0)
    try:
        yield sending.url
    finally:
        sending.close()


@pytest.mark.parametrize("source", [written_pipe, sender])
@pytest.mark.parametrize("runs", [False, True], ids=["never run", "stopped"])
def test_what_its_sources_hold_is_let_go(
    source: Callable[[Path], AbstractContextManager[str]], runs: bool, tmp_path: Path
) -> None:
    tracker().close()  # whatever is loaded once for all is loaded now
    with source(tmp_path) as name:
        before = held()
        with Tracker([name], LIGHT, realtime=False, notify=lambda _: None) as made:
            assert held()[1] > before[1]
            if runs:
                made.stop()
                made.run()
        deadline = time.monotonic() + 5.0
        while held() != before and time.monotonic() < deadline:
            time.sleep(0.02)  # the sender is in this process too, and learns of it a moment later
        assert held() == before


def test_an_error_of_the_program_inside_ends_the_session() -> None:
    with leaving_nothing():
        with pytest.raises(ZeroDivisionError), tracker() as running:  # noqa: PT012 - what is left within
            for _ in running.messages():
                raise ZeroDivisionError
        assert not [
            thread for thread in threading.enumerate() if thread.name.startswith(("tracker", "publisher"))
        ]


def test_a_closed_one_does_not_run_again() -> None:
    with tracker() as closed:
        pass
    with pytest.raises(RuntimeError, match="make another one"):
        closed.run()
    with pytest.raises(RuntimeError, match="make another one"):
        list(closed.messages())


def test_it_says_which_output_lacks_something() -> None:
    class Broken:
        def write(self, outgoing: Outgoing) -> None:
            raise OSError("no more room")

        def close(self) -> None:
            pass

    with tracker(sinks=[Broken()]) as ran:
        assert len(list(ran.messages())) > 2
        assert ran.incomplete == ("Broken has failed: OSError: no more room.",)


def test_metrics_are_served_while_it_runs_and_not_after() -> None:
    pages: list[str] = []
    beats = 0

    class Asking:
        """Asks while the session runs: on its own thread, at each heartbeat but the first ones."""

        def write(self, outgoing: Outgoing) -> None:
            nonlocal beats
            beats += isinstance(outgoing.message, Heartbeat)
            if beats > 2 and isinstance(outgoing.message, Heartbeat):
                for path in ("/metrics", "/healthz", "/readyz"):
                    with urllib.request.urlopen(f"{ran.metrics}{path}", timeout=5) as answer:
                        pages.append(answer.read().decode())

        def close(self) -> None:
            pass

    asked = settings("stream.publish.metrics=127.0.0.1:0", "stream.transcription.recogniser=none")
    with Tracker([str(clip_path())], asked, realtime=False, sinks=[Asking()]) as ran:
        ran.run()
    assert not ran.incomplete and len(pages) > 30
    assert pages[-2:] == ["ok\n", "ok\n"]
    labels = r'^emotrack_labels_total{label="\w+",source="clip",state="final"} '
    assert re.search(labels, pages[-3], re.MULTILINE)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{ran.metrics}/metrics", timeout=5)


def test_where_metrics_cannot_be_served_nothing_begins() -> None:
    with pytest.raises(UserError, match=r"^'127\.0\.0\.1:99999' is no place to serve "):
        Tracker([str(clip_path())], settings("stream.publish.metrics=127.0.0.1:99999"))
