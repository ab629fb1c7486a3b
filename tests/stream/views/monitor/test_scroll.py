"""What the tracking terminal shows: labels that scroll by, wrapped by words, and a row for each feed that
moves."""

import io
import math
from collections.abc import Iterator

import pytest
from rich.console import Console

from emotrack.stream.views.monitor.scroll import FALL, LiveLines, feed_row, label_line
from emotrack.stream.views.monitor.state import MonitorState, fold
from emotrack.stream.wire.protocol.messages import Emotion, Feed, Message
from emotrack.stream.wire.protocol.parts import FeedInfo
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.sinks import Outgoing, SinkFailed
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import emit_all

WORDS = "We went to the lake and nobody there had ever seen so many birds at once."


def terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), width=width, height=24, force_terminal=True, color_system="truecolor")


def plain(console: Console) -> str:
    """What a console without colours was given."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def lines_of(message: Emotion, width: int, name_width: int = 0) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(label_line(message, name_width))
    return plain(console).splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_words_wrap_between_words_under_each_other(width: int) -> None:
    lines = lines_of(sample.emotion(transcript=sample.said(WORDS)), width)
    at = lines[0].index("“")
    assert max(map(len, lines)) <= width and all(line[:at].strip() == "" for line in lines[1:])
    assert " ".join(line[at:].strip() for line in lines) == f"“{WORDS}”"


def test_who_spoke_is_said_where_there_are_several() -> None:
    assert "spk1" not in lines_of(sample.emotion(), 80)[0]
    assert lines_of(sample.emotion(), 80, 8)[0].startswith("00:02.0  spk1      joy")
    assert lines_of(sample.emotion(speaker="somebody-with-a-name"), 80, 8)[0].startswith(
        "00:02.0  somebod…  joy"
    )


def test_missing_modalities_are_named_where_that_is_news() -> None:
    modalities = sample.modalities(face=sample.masked("camera covered"))
    line = " ".join(lines_of(sample.emotion(modalities=modalities), 120))
    assert "face masked (camera covered)" in line and "body" not in line


def row_after(level: float, *bodies: Message) -> str:
    state = MonitorState()
    for message in emit_all(Outbox("s1"), [sample.session(), *bodies]):
        state = fold(state, message)
    return feed_row(state, "kitchen", level, 8).plain


def test_a_feeds_row_shows_its_level_and_the_label_so_far() -> None:
    up = sample.feed("audio")
    assert row_after(-60, up).split() == ["●", "kitchen", "listening"]
    assert row_after(-30, up).count("█") == 5 and row_after(0, up).count("█") == 10
    speaking = sample.emotion(1, state="partial", transcript=None)
    assert row_after(-20, up, speaking).endswith("  joy 64 %  1.5 s  ")
    assert row_after(-20, up, speaking, sample.emotion(1)).endswith("listening")
    assert row_after(-60, sample.feed("audio", "degraded", "muted: digital silence")).endswith(
        "muted: digital silence"
    )


@pytest.fixture
def console() -> Console:
    return terminal()


@pytest.fixture
def live(console: Console) -> Iterator[LiveLines]:
    shown = LiveLines(console, MonitorState())
    shown.levels = lambda: {"kitchen": -12.0}
    yield shown
    shown.close()


def test_a_session_scrolls_by_and_leaves_nothing_that_moves(console: Console, live: LiveLines) -> None:
    outbox = Outbox("s1", [live])
    for body in (
        sample.session(),
        sample.feed("audio"),
        sample.new_speaker("kitchen"),
        sample.emotion(1, "kitchen"),
    ):
        outbox.emit(body)
    outbox.emit(sample.feed("video", "degraded", "no picture: camera covered or dark"))
    outbox.emit(sample.session("ended"))
    outbox.close()
    shown = plain(console)
    assert (
        "“All right.”" in shown and "camera covered or dark" in shown and "ended: end of the sources" in shown
    )
    assert "new speaker" not in shown and "audio up" not in shown
    assert "\x1b[?25h" in shown.rpartition("ended")[2]  # the cursor is back


def test_the_meter_falls_slowly_and_knows_silence(console: Console, live: LiveLines) -> None:
    Outbox("s1", [live]).emit(sample.session(feeds=(FeedInfo(source="kitchen", description="mic"),)))
    levels = iter([-12.0, -math.inf, -math.inf])
    live.close()
    live._held.clear()
    live.levels = lambda: {"kitchen": next(levels)}
    held = []
    for _ in range(3):
        live._rows()
        held.append(live._held["kitchen"])
    assert held == [-12, -12 - FALL, -12 - 2 * FALL]


def test_a_terminal_that_is_gone_is_a_failed_sink_and_nothing_worse(
    live: LiveLines, console: Console
) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    console.file = Gone()
    message = Outbox("s1").emit(
        Feed(source="kitchen", medium="audio", state="down", reason="unplugged", time=1.0)
    )
    with pytest.raises(SinkFailed, match="Input/output error"):
        live.write(Outgoing(message, "", b""))
    console.file = io.StringIO()
