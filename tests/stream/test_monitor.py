"""The monitor: the fold over messages, the picture at several sizes, and the lines it prints without a terminal."""

import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from emotrack.stream.messages import Message, ModalityState
from emotrack.stream.monitor import describe, run_monitor
from emotrack.stream.monitor_state import KEPT_SPEAKERS, NOTICES, TREND, MonitorState, fold
from emotrack.stream.monitor_view import WIDEST, bar, clock, render
from emotrack.stream.outbox import Outbox
from helpers import sample_messages as sample
from helpers.wire import emit_all


def state_after(bodies: list[Message], session: str = "s1") -> MonitorState:
    state = MonitorState()
    for message in emit_all(Outbox(session), bodies):
        state = fold(state, message)
    return state


def picture(state: MonitorState, width: int = 80, height: int = 24, **options: object) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False)
    console.print(render(state, width=width, height=height, **options))  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def trend(state: MonitorState, speaker: str) -> list[str]:
    return [mark.label for mark in state.speakers[speaker].trend]


def test_a_trend_has_one_mark_an_utterance() -> None:
    state = state_after([
        sample.emotion(1, label="joy", state="partial"),
        sample.emotion(1, label="anger", state="final", revision=1),
        sample.emotion(2, label="fear"),
        sample.emotion(1, label="disgust", state="revised", revision=2),
    ])  # fmt: skip
    assert trend(state, "spk1") == ["disgust", "fear"]
    assert state.speakers["spk1"].emotion.label == "fear"  # a revision of the past is not the present


def test_words_stay_until_new_ones_come() -> None:
    state = state_after([sample.emotion(1), sample.emotion(2, state="partial", transcript=None)])
    assert (state.speakers["spk1"].text, state.speakers["spk1"].emotion.utterance) == ("All right.", 2)


def test_an_alias_brings_two_speakers_together() -> None:
    state = state_after([
        sample.emotion(1, "spk1", label="joy"),
        sample.emotion(2, "voice9", label="fear"),
        sample.emotion(3, "spk1", label="anger"),
        sample.alias("voice9", "spk1"),
    ])  # fmt: skip
    assert list(state.speakers) == ["spk1"]
    assert trend(state, "spk1") == ["joy", "fear", "anger"]
    assert state.speakers["spk1"].emotion.label == "anger"
    renamed = state_after([sample.emotion(1, "voice9"), sample.alias("voice9", "spk1")])
    assert list(renamed.speakers) == ["spk1"]


def test_another_session_begins_afresh() -> None:
    state = state_after([sample.session(), sample.emotion()])
    state = fold(state, Outbox("s2").emit(sample.heartbeat()))
    assert (state.session_id, state.speakers, state.session) == ("s2", {}, None)


def test_what_is_kept_is_bounded() -> None:
    crowd: list[Message] = [sample.emotion(number, f"spk{number}") for number in range(100)]
    talker = [sample.emotion(100 + number, "spk99") for number in range(100)]
    state = state_after([*crowd, *talker, *[sample.error()] * 50])
    assert len(state.speakers) == KEPT_SPEAKERS
    assert len(state.speakers["spk99"].trend) == TREND
    assert len(state.notices) == NOTICES


def test_the_picture_shows_everything_in_eighty_by_twenty_four() -> None:
    state = MonitorState()
    for message in sample.conversation():
        state = fold(state, message)
    lines = picture(state)
    text = "\n".join(lines)
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    for shown in (
        "spk1",
        "joy 68 %",
        "imputed: covered",
        "masked: untrained",
        "They said yes!",
        "speaking",
        "trend",
        "lag 0.08 s",
        "down: covered",
    ):
        assert shown in text


@settings(deadline=None, max_examples=50)
@given(st.integers(60, 220), st.integers(10, 80), st.integers(1, 12))
def test_the_picture_fits_its_terminal(width: int, height: int, speakers: int) -> None:
    long = ModalityState(present=False, imputed=True, weight=0.1, reason="a very long reason that does not fit anywhere" * 3)
    bodies: list[Message] = [sample.session(), sample.feed("video", "degraded", "slow" * 60)]
    said = sample.said("word " * 90)
    for number in range(speakers):
        bodies.append(sample.emotion(number, f"spk{number}", modalities=sample.modes(face=long), transcript=said))
    lines = picture(state_after([*bodies, sample.heartbeat()]), width, height)
    assert max(map(len, lines)) <= min(width, WIDEST)
    assert len(lines) <= max(height, 17)
    assert f"spk{speakers - 1} " in "\n".join(lines)  # who spoke last is always there
    panels = sum("╭" in line for line in lines)
    assert panels == speakers or f"and {speakers - panels} who spoke earlier" in "\n".join(lines)


def test_the_header_says_how_things_are() -> None:
    state = state_after([sample.session(), sample.heartbeat(shedding=("partial", "body"))])
    assert "without partial, body" in picture(state)[0]
    assert "silent for 12 s" in picture(state, silence=12.3)[0]
    assert "ended: end of the sources" in picture(state_after([sample.session("ended")]))[0]
    assert picture(MonitorState(), waiting="Waiting for tcp://127.0.0.1:5556 …") == ["  Waiting for tcp://127.0.0.1:5556 …"]


def test_words_from_elsewhere_cannot_steer_the_terminal() -> None:
    nasty = "\x1b]0;owned\x07\x1b[2J[bold]hello[/bold]\nnew line"
    state = state_after([sample.emotion(transcript=sample.said(nasty)), sample.error(nasty)])
    shown = "\n".join(picture(state, width=100))
    assert "\x1b" not in shown and "\x07" not in shown and "[bold]hello[/bold]" in shown
    line = describe(Outbox("s1").emit(sample.error(nasty)))
    assert line and line.isprintable()


def test_lines_without_a_terminal() -> None:
    console = Console(file=io.StringIO(), width=40)
    run_monitor(sample.conversation(), console, plain=True)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 1 + 2 + 48 + 1 + 1 + 1  # neither partial labels nor heartbeats
    assert lines[0] == "session kitchen-1 started"
    assert "kitchen video down: covered" in lines[-3]
    assert "joy 68%" in lines[-2] and "face imputed 0.17 (covered)" in lines[-2] and "They said yes!" in lines[-2]


@pytest.mark.parametrize("plain", [True, False])
def test_ctrl_c_ends_it_quietly(plain: bool) -> None:
    def interrupted() -> Iterator[Message]:
        yield Outbox("s1").emit(sample.emotion())
        raise KeyboardInterrupt

    console = Console(file=io.StringIO(), force_terminal=not plain, width=80, height=24)
    run_monitor(interrupted(), console, plain=plain)
    assert isinstance(console.file, io.StringIO)
    assert "spk1" in console.file.getvalue()


@pytest.mark.parametrize(
    ("share", "drawn"), [(0, "    "), (1, "████"), (0.5, "██  "), (0.03125, "▏   "), (7, "████"), (-1, "    ")]
)
def test_bars(share: float, drawn: str) -> None:
    assert bar(share, 4) == drawn


def test_the_clock() -> None:
    assert [clock(seconds) for seconds in (0, 9.96, 59.99, 3661.2, -1)] == ["00:00.0", "00:10.0", "01:00.0", "61:01.2", "00:00.0"]
