"""The monitor: the fold over messages, the picture at several sizes, and the lines it prints without a
terminal."""

import io
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from emotrack.cli.tracking.run import LineSink
from emotrack.notify import clock
from emotrack.stream.sources.media import MEDIA
from emotrack.stream.views.monitor.state import KEPT_NOTICES, KEPT_SPEAKERS, TREND, MonitorState, fold
from emotrack.stream.views.monitor.terminal import Lines, describe, run_monitor
from emotrack.stream.views.monitor.view import KEYS, NOTICES, WIDEST, bar, render
from emotrack.stream.wire.protocol.messages import Emotion, Feed, Message
from emotrack.stream.wire.protocol.parts import ModalityState
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import emit_all


def state_after(bodies: Sequence[Message], session: str = "s1") -> MonitorState:
    state = MonitorState()
    for message in emit_all(Outbox(session), bodies):
        state = fold(state, message)
    return state


def picture(state: MonitorState, width: int = 80, height: int = 24, **options: Any) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False)
    console.print(render(state, width=width, height=height, **options))
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


def words(*bodies: Message) -> str:
    """The line of words in the only panel."""
    return picture(state_after(list(bodies)))[-3].strip("│ ")


def test_words_are_those_of_the_utterance_shown_or_marked_as_earlier() -> None:
    spoken = sample.emotion(1)
    speaking: dict[str, Any] = {"state": "partial", "transcript": None}
    not_yet = sample.modalities(text=sample.imputed(0.05, "not yet"))
    wordless = sample.emotion(2, transcript=None, modalities=sample.modalities(text=sample.masked("user")))
    assert words(spoken) == "“All right.”"
    assert words(spoken, sample.emotion(2, **speaking, modalities=not_yet)) == "before: “All right.”"
    assert words(sample.emotion(1, **speaking, modalities=not_yet)) == "words: not yet"
    assert words(spoken, wordless) == "words: user"
    assert words(spoken, wordless, sample.emotion(3, **speaking, modalities=not_yet)) == "words: not yet"
    nothing = sample.modalities(text=sample.masked("no words"))
    assert words(spoken, sample.emotion(2, transcript=None, modalities=nothing)) == "no words"
    assert words(sample.emotion(1, **speaking), spoken) == "“All right.”"


def test_what_is_usual_for_somebody_is_told_once_it_is_known() -> None:
    spoken = sample.emotion(1)
    assert "usual" not in "\n".join(picture(state_after([spoken, sample.person(baseline=0)])))
    assert "usual known from 7 " in picture(state_after([spoken, sample.person(baseline=7)]))[-2]


def test_the_delay_counts_from_the_last_word() -> None:
    assert "after the last word: 0.35 s" in "\n".join(picture(state_after([sample.emotion()])))
    assert "after the last word" not in "\n".join(picture(state_after([sample.emotion(state="partial")])))


def test_a_tall_terminal_shows_more_events() -> None:
    state = state_after([sample.emotion(), *(sample.new_speaker(f"guest{number}") for number in range(30))])
    for height, shown in ((14, NOTICES), (24, 13), (40, 29)):
        lines = picture(state, height=height)
        assert sum("new speaker: guest" in line for line in lines) == shown
        assert len(lines) <= height
        assert "new speaker: guest29" in lines[-1] and lines[-1].rstrip().endswith(KEYS)


def opened(*names: str) -> list[Message]:
    return [
        Feed(source=name, medium=medium, state="up", reason="start of file", time=0.0)
        for name in names
        for medium in MEDIA
    ]


def test_one_feed_stands_in_the_first_row_and_several_have_a_row_each() -> None:
    alone = picture(state_after([sample.session(), *opened("kitchen"), sample.heartbeat()]))
    assert "kitchen  ● audio  ● video" in alone[0] and "lag 0.08 s" in alone[0]
    dark = Feed(
        source="hall", medium="video", state="degraded", reason="no picture: camera covered or dark", time=1.0
    )
    rows = picture(state_after([sample.session(), *opened("kitchen", "hall"), dark, sample.heartbeat()]))
    assert "audio" not in rows[0] and "lag 0.08 s" in rows[0]
    assert rows[1].split() == ["kitchen", "●", "audio", "●", "video"]
    assert rows[2].strip().startswith("hall     ● audio  ◐ video  video: no picture: camera covered")


@pytest.mark.parametrize(("height", "rows"), [(12, 3), (24, 6), (60, 12)])
def test_many_feeds_leave_room_for_who_speaks(height: int, rows: int) -> None:
    names = [f"participant-with-a-long-name-{number}" for number in range(12)]
    lines = picture(state_after([*opened(*names), sample.emotion()]), height=height)
    listed = [line for line in lines if "● audio" in line]
    assert len(listed) + ("more feeds" in "\n".join(lines)) == rows
    assert "participant-with-a-…  ● audio" in listed[0] and max(map(len, lines)) <= 80
    assert "joy" in "\n".join(lines)


def test_below_eighty_columns_a_speaker_is_one_line() -> None:
    bodies = [
        sample.emotion(1, "spk1", transcript=sample.said("They said yes! " * 9)),
        sample.emotion(2, "spk2", label="anger", state="partial"),
    ]
    lines = picture(state_after(bodies), width=60)
    assert not [line for line in lines if "╭" in line]
    assert lines[1].startswith("  spk1         joy       64 % “They said yes!") and lines[
        1
    ].rstrip().endswith("…")
    assert lines[2].startswith("● spk2         anger     64 %") and max(map(len, lines)) <= 60


def test_what_befalls_every_feed_at_once_is_told_once() -> None:
    busy, calm = (
        "the machine is busy: bodies are not looked for",
        "the machine keeps up: bodies are looked for again",
    )
    names = ("hall", "kitchen")
    shed = [Feed(source=name, medium=None, state="degraded", reason=busy, time=3.0) for name in names]
    done = [Feed(source=name, medium=None, state="up", reason=calm, time=9.0) for name in names]
    state = state_after([*opened("hall", "kitchen"), *shed, *done])
    assert [notice.text for notice in state.notices] == [busy, calm]
    console = Console(file=io.StringIO(), width=80)
    own = io.StringIO()
    run_monitor(emit_all(Outbox("s1", [LineSink(own, MonitorState())]), [*shed, *done]), console, plain=True)
    assert isinstance(console.file, io.StringIO)
    for lines in (console.file.getvalue(), own.getvalue()):
        assert [line.split("  ")[1] for line in lines.splitlines()] == [
            notice.text for notice in state.notices
        ]


def test_a_feed_that_opens_well_is_no_news_but_one_that_comes_back_is() -> None:
    bodies = [
        *opened("kitchen"),
        sample.feed("audio", "down", "unplugged"),
        sample.feed("audio", "up", "plugged in again"),
    ]
    assert [notice.text for notice in state_after(bodies).notices] == [
        "kitchen audio down: unplugged",
        "kitchen audio up: plugged in again",
    ]


def told(bodies: list[Message], state: MonitorState) -> list[str]:
    """What is told of events, which must be the same in lines and in the picture."""
    own = io.StringIO()
    messages = emit_all(Outbox("s1", [LineSink(own, state)]), bodies)
    for message in messages:
        state = fold(state, message)
    texts = [notice.text for notice in state.notices]
    assert [line.split("  ")[1] for line in own.getvalue().splitlines()] == texts
    return texts


def without_video(name: str) -> Message:
    return Feed(source=name, medium="video", state="down", reason="the file has no video track", time=0.0)


def test_what_no_feed_has_is_told_of_the_first_and_what_others_have_of_each() -> None:
    assert told([without_video("alice"), without_video("bob")], MonitorState()) == [
        "alice video down: the file has no video track"
    ]
    assert told([*opened("carol"), without_video("alice"), without_video("bob")], MonitorState()) == [
        f"{name} video down: the file has no video track" for name in ("alice", "bob")
    ]


def test_of_a_medium_that_is_not_used_nothing_is_told() -> None:
    dark = Feed(
        source="carol",
        medium="video",
        state="degraded",
        reason="no picture: camera covered or dark",
        time=1.0,
    )
    unplugged = Feed(source="carol", medium="audio", state="down", reason="unplugged", time=2.0)
    bodies = [without_video("alice"), *opened("carol"), dark, unplugged]
    assert told(bodies, MonitorState(media=("audio",))) == ["carol audio down: unplugged"]


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


def test_people_are_shown_by_their_steady_state_and_with_what_they_said() -> None:
    state = state_after([
        sample.person("spk1", label="anger", confidence=0.52, since=8.0),
        sample.emotion(1, "spk1", label="joy"),
        sample.person("kitchen-face2", label="neutral"),
    ])  # fmt: skip
    lines = picture(state, height=40)
    titles = [line for line in lines if line.startswith("╭")]
    assert "spk1 ● anger 52 % since 00:08.0" in titles[0] and "kitchen-face2 ● neutral" in titles[1]
    assert any("latest joy 64 %" in line for line in lines) and any("says nothing" in line for line in lines)
    narrow = picture(state, width=60, height=20)
    assert [line.split()[:2] for line in narrow[1:3]] == [["spk1", "anger"], ["kitchen-fac…", "neutral"]]


def test_who_is_away_stays_where_they_have_spoken_and_goes_where_they_were_only_seen() -> None:
    gone = [sample.person("spk1", state="away"), sample.person("kitchen-face2", state="away")]
    state = state_after([sample.emotion(1, "spk1"), sample.person("kitchen-face2"), *gone])
    assert state.names == ("spk1",)
    assert any("away" in line for line in picture(state))


def test_of_a_person_a_line_tells_what_has_changed() -> None:
    told = [
        sample.person("spk1"),
        sample.person("spk1", confidence=0.7),
        sample.person("spk1", label="joy", confidence=0.5),
        sample.person("spk1", label="joy", confidence=0.6),
        sample.person("spk1", state="away"),
    ]
    lines = Lines(MonitorState())
    said = [line for message in emit_all(Outbox("s1"), told) if (line := lines.of(message)) is not None]
    assert said == ["00:09.0  spk1 is now joy 50%", "00:09.0  spk1 is away"]


def test_another_session_begins_afresh() -> None:
    state = state_after([sample.session(), sample.emotion()])
    state = fold(state, Outbox("s2").emit(sample.heartbeat()))
    assert (state.session_id, state.speakers, state.session) == ("s2", {}, None)


def test_what_is_kept_is_bounded() -> None:
    crowd: list[Message] = [sample.emotion(number, f"spk{number}") for number in range(100)]
    talker = [sample.emotion(100 + number, "spk99") for number in range(100)]
    state = state_after([*crowd, *talker, *[sample.error()] * (2 * KEPT_NOTICES)])
    assert len(state.speakers) == KEPT_SPEAKERS
    assert len(state.speakers["spk99"].trend) == TREND
    assert len(state.notices) == KEPT_NOTICES


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
        "4 % imputed: camera covered",
        "5 % imputed: not yet",
        "They said yes!",
        "speaking",
        "trend",
        "lag 0.08 s",
        "kitchen video degraded: no picture: camera covered or dark",
        KEYS,
    ):
        assert shown in text
    assert "untrained" not in text


@settings(deadline=None, max_examples=50)
@given(st.integers(60, 220), st.integers(10, 80), st.integers(1, 12))
def test_the_picture_fits_its_terminal(width: int, height: int, speakers: int) -> None:
    long = ModalityState(
        present=False, imputed=True, weight=0.1, reason="a very long reason that does not fit anywhere" * 3
    )
    bodies: list[Message] = [sample.session(), sample.feed("video", "degraded", "slow" * 60)]
    said = sample.said("word " * 90)
    for number in range(speakers):
        bodies.append(
            sample.emotion(number, f"spk{number}", modalities=sample.modalities(face=long), transcript=said)
        )
    lines = picture(state_after([*bodies, sample.heartbeat()]), width, height)
    assert max(map(len, lines)) <= min(width, WIDEST)
    assert len(lines) <= max(height, 17)
    assert f"spk{speakers - 1} " in "\n".join(lines)  # who spoke last is always there
    panels = sum(any(f"spk{number} " in line for number in range(speakers)) for line in lines)
    assert panels == speakers or f"and {speakers - panels} more" in "\n".join(lines)


def test_the_header_says_how_things_are() -> None:
    state = state_after([sample.session(), sample.heartbeat(shedding=("partial", "body"))])
    assert "machine busy  lag 0.08 s" in picture(state)[0]
    assert "silent for 12 s" in picture(state, silence=12.3)[0]
    assert "ended: end of the sources" in picture(state_after([sample.session("ended")]))[0]
    before = picture(MonitorState(), waiting="Waiting for tcp://127.0.0.1:5556 …", remarks=["Nothing yet."])
    assert [line.strip() for line in before] == ["Waiting for tcp://127.0.0.1:5556 …", "Nothing yet.", KEYS]


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
    assert len(lines) == 1 + 2 + 48 + 1 + 1 + 1  # neither feeds that open, nor partial labels nor heartbeats
    assert lines[0] == "session kitchen-1 started"
    assert "new speaker: spk1" in lines[1]
    assert "kitchen video degraded: no picture: camera covered or dark" in lines[-3]
    assert (
        "joy 68%" in lines[-2]
        and "face imputed 0.04 (camera covered)" in lines[-2]
        and "They said yes!" in lines[-2]
    )
    assert "body" not in console.file.getvalue()


def test_words_that_are_none_have_no_quotation_marks() -> None:
    line = describe(sample.emotion(1, transcript=sample.said("")))
    assert line is not None and "“" not in line


def test_columns_of_lines_stay_in_place() -> None:
    outbox = Outbox("s1")
    emotions = [
        sample.emotion(1, "spk1"),
        sample.emotion(
            2, "a-participant-with-a-long-name", label="surprise", confidence=1.0, state="revised"
        ),
    ]
    lines = [describe(outbox.emit(each)) or "" for each in emotions]
    assert "a-participant…  surprise 100% (revised)  text 0.46" in lines[1]
    assert len({line.index("text 0.46") for line in lines}) == len({line.index("“") for line in lines}) == 1


@pytest.mark.parametrize(
    ("modality", "said"),
    [
        (sample.masked("untrained"), None),
        (sample.masked("user"), None),
        (sample.masked("switched off"), None),
        (sample.masked("no video"), None),
        (sample.masked("no face"), "face masked (no face)"),
        (sample.imputed(0.04, "no face"), "face imputed 0.04 (no face)"),
        (sample.imputed(0.0, "no face"), "face masked (no face)"),
    ],
)
def test_a_line_names_a_masked_modality_only_where_that_is_news(
    modality: ModalityState, said: str | None
) -> None:
    line = describe(Outbox("s1").emit(sample.emotion(modalities=sample.modalities(face=modality)))) or ""
    assert said in line if said else "face" not in line


def test_waiting_is_said_once_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(file=io.StringIO(), width=40)
    run_monitor(
        sample.conversation()[:3],
        console,
        plain=True,
        waiting="Waiting for a tracker at tcp://127.0.0.1:5556 …",
    )
    assert capsys.readouterr().err == "Waiting for a tracker at tcp://127.0.0.1:5556 …\n"


def test_warnings_are_shown_in_the_picture_and_nowhere_else(capsys: pytest.CaptureFixture[str]) -> None:
    def warned() -> Iterator[Message]:
        yield Outbox("s1").emit(sample.emotion())
        logging.getLogger("emotrack.stream.wire.client.subscription").warning(
            "The publisher %s again.", "started"
        )

    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    run_monitor(warned(), console, plain=False)
    assert isinstance(console.file, io.StringIO)
    assert "The publisher started again." in console.file.getvalue()
    assert not capsys.readouterr().err and logging.getLogger("emotrack").propagate


def test_weights_in_the_picture_are_whole() -> None:
    for message in sample.conversation():
        if isinstance(message, Emotion):
            assert sum(modality.weight for modality in message.modalities.values()) == pytest.approx(1)


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
    ("share", "drawn"),
    [(0, "    "), (1, "████"), (0.5, "██  "), (0.03125, "▏   "), (7, "████"), (-1, "    ")],
)
def test_bars(share: float, drawn: str) -> None:
    assert bar(share, 4) == drawn


def test_the_clock() -> None:
    assert [clock(seconds) for seconds in (0, 9.96, 59.99, 3661.2, -1)] == [
        "00:00.0",
        "00:10.0",
        "01:00.0",
        "61:01.2",
        "00:00.0",
    ]
