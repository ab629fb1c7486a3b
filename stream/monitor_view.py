"""The monitor's picture of a `MonitorState`, made of rich renderables; lays out well from 80 columns on."""

from itertools import zip_longest

from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from emotrack.stream.messages import Emotion, ModalityState
from emotrack.stream.monitor_state import NOTICES, MonitorState, Notice, SpeakerState
from emotrack.stream.vocabulary import LABELS

COLOURS = {
    "neutral": "#9aa7b5",
    "joy": "#f4c542",
    "sadness": "#5c9ded",
    "anger": "#ee5d50",
    "surprise": "#ee8fd0",
    "fear": "#a98bea",
    "disgust": "#7fbf5b",
}
OTHER_COLOUR = "#5fc7c0"
MODALITIES = ("text", "audio", "face", "body")
WIDEST = 100
"""Columns; beyond, bars only get longer, not clearer."""
STALE_AFTER = 3.0
"""Seconds without any message after which the picture says so (heartbeats come every second)."""
LATE_AFTER = 1.0
"""Seconds of lag worth a warning."""
MODES_WIDTH = 36
GAP = 3
_BLOCKS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
_FEED_MARKS = {"up": ("● ", "green"), "degraded": ("◐ ", "yellow"), "down": ("○ ", "red")}


def render(state: MonitorState, *, width: int, height: int, silence: float = 0.0, waiting: str = "") -> RenderableType:
    """The whole picture for a terminal of `width` × `height`; `silence`: seconds since the last message."""
    width = min(width, WIDEST)
    if not state.session_id:
        return Text(f"  {waiting}", style="dim italic")
    labels = state.session.vocabulary.labels if state.session else LABELS
    panel_height = max(len(labels), len(MODALITIES) + 3) + 3
    room = max(1, (height - 1 - NOTICES) // panel_height)
    latest = sorted(state.speakers, key=lambda name: state.speakers[name].emotion.end)[-room:]
    shown = [name for name in state.speakers if name in latest]  # by first appearance, so that nobody jumps about
    parts: list[RenderableType] = [_header(state, width, silence)]
    parts += [_speaker(name, state.speakers[name], labels, width) for name in shown]
    if not shown:
        parts.append(Text("  Nobody has spoken yet.", style="dim italic"))
    if hidden := len(state.speakers) - len(shown):
        parts.append(Text(f"  … and {hidden} who spoke earlier", style="dim"))
    parts += [_notice(notice, width) for notice in state.notices]
    return Group(*parts)


def plain(text: str) -> str:
    """The text without what could steer a terminal (messages come from elsewhere)."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def clock(seconds: float) -> str:
    """Session time as `mm:ss.s`."""
    tenths = round(max(0.0, seconds) * 10)
    return f"{tenths // 600:02d}:{tenths % 600 / 10:04.1f}"


def colour(label: str) -> str:
    """The colour of a label."""
    return COLOURS.get(label, OTHER_COLOUR)


def bar(share: float, width: int) -> str:
    """A horizontal bar in eighths of a column."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    return ("█" * (eighths // 8) + _BLOCKS[eighths % 8].strip()).ljust(width)


def _header(state: MonitorState, width: int, silence: float) -> RenderableType:
    """Two ends of one line: what runs on what, and how it keeps up."""
    left = Text.assemble((" emotrack ", "bold reverse"), f" {clock(state.time)}  ")
    for (source, medium), feed in state.feeds.items():
        left.append(*_FEED_MARKS[feed.state])
        left.append(f"{source} {medium}".rstrip() + "  ", style="default" if feed.state == "up" else "dim")
    right = _condition(state, silence)
    table = Table.grid(padding=0)
    table.add_column(width=width - right.cell_len, no_wrap=True, overflow="ellipsis")
    table.add_column(width=right.cell_len, no_wrap=True, justify="right")
    table.add_row(left, right)
    return table


def _condition(state: MonitorState, silence: float) -> Text:
    if state.session and state.session.state == "ended":
        return Text(plain(f"ended: {state.session.reason or 'no reason given'} "), style="bold")
    if silence > STALE_AFTER:
        return Text(f"silent for {silence:.0f} s ", style="bold red")
    if state.heartbeat is None:
        return Text()
    shedding, lag = state.heartbeat.shedding, state.heartbeat.lag
    without = plain(f"without {', '.join(shedding)}  ") if shedding else ""
    return Text.assemble((without, "yellow"), (f"lag {lag:.2f} s ", "dim" if lag < LATE_AFTER else "yellow"))


def _speaker(name: str, speaker: SpeakerState, labels: tuple[str, ...], width: int) -> RenderableType:
    """One panel: bars of all labels, which modes are present, the trend and what was said."""
    emotion = speaker.emotion
    tint = colour(emotion.label)
    title = Text.assemble(
        (f" {name} ", "bold default not dim"),
        ("● ", f"not dim {tint}"),
        (f"{plain(emotion.label)} ", f"bold not dim {tint}"),
        (f"{emotion.confidence * 100:.0f} % ", f"not dim {tint}"),
    )
    speaking = emotion.state == "partial"
    said = "speaking" if speaking else emotion.state
    subtitle = Text(f" {emotion.source} · {clock(emotion.start)}–{clock(emotion.end)} · {said} ", style="not dim default")
    inner = width - 4
    bars_width = inner - MODES_WIDTH - GAP
    facts = [_mode(mode, emotion.modalities.get(mode)) for mode in MODALITIES]
    facts += [Text(), _trend(speaker), _delay(emotion)]
    bars = [_bar(label, emotion, bars_width) for label in labels]
    body = Table.grid(padding=0)
    body.add_column(width=bars_width + GAP, no_wrap=True)
    body.add_column(width=MODES_WIDTH, no_wrap=True, overflow="ellipsis")
    for row in zip_longest(bars, facts, fillvalue=Text()):
        body.add_row(*row)
    border = tint if speaking else f"dim {tint}"
    return Panel(
        Group(body, _transcript(speaker, inner)),
        title=title,
        title_align="left",
        subtitle=subtitle,
        subtitle_align="right",
        box=ROUNDED,
        border_style=border,
        width=width,
        padding=(0, 1),
    )


def _bar(label: str, emotion: Emotion, width: int) -> Text:
    share = emotion.scores.get(label, 0.0)
    chosen = label == emotion.label
    return Text.assemble(
        (f"{plain(label):<9.9} ", "bold" if chosen else "dim"),
        (bar(share, max(4, width - 14)), colour(label) if chosen else f"dim {colour(label)}"),
        (f"{share * 100:4.0f}", "bold" if chosen else "dim"),
    )


def _mode(name: str, mode: ModalityState | None) -> Text:
    """Present: its weight in the fusion. Imputed or masked: why."""
    reason = plain(mode.reason or "") if mode else ""
    if mode is None or not (mode.present or mode.imputed):
        return Text.assemble((f"{name:<6}○ ", "dim"), ("masked: " if reason else "masked", "dim"), (reason, "dim italic"))
    weight = f"{mode.weight * 100:3.0f} % "
    if mode.present:
        return Text.assemble(f"{name:<6}", ("● ", "green"), weight, (reason, "dim"))
    return Text.assemble(
        f"{name:<6}",
        ("◐ ", "yellow"),
        weight,
        ("imputed: " if reason else "imputed", "yellow"),
        (reason, "yellow italic"),
    )


def _trend(speaker: SpeakerState) -> Text:
    """One block an utterance: its colour the label, its height the confidence."""
    line = Text.assemble(("trend ", "dim"))
    for mark in speaker.trend[-(MODES_WIDTH - 6) :]:
        line.append(_LEVELS[min(7, int(mark.confidence * 8))], style=colour(mark.label))
    return line


def _delay(emotion: Emotion) -> Text:
    """How long after the end of the utterance its label was out."""
    total = emotion.timing_ms.total
    return Text(f"delay {total:.0f} ms" if total is not None and emotion.state != "partial" else "", style="dim")


def _transcript(speaker: SpeakerState, width: int) -> Text:
    """What was said last; dim while the next words are still being spoken."""
    quiet = speaker.emotion.transcript is None
    line = Text(f"“{plain(speaker.text)}”" if speaker.text else "no words", style="dim italic" if quiet else "italic")
    line.truncate(width, overflow="ellipsis")
    return line


def _notice(notice: Notice, width: int) -> Text:
    line = Text.assemble((f" {clock(notice.time)}  ", "dim"), (plain(notice.text), "yellow" if notice.bad else "dim"))
    line.truncate(width, overflow="ellipsis")
    return line
