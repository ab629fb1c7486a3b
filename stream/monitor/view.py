"""The monitor's picture of a `MonitorState`, made of rich renderables; below 80 columns a speaker is one
line."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Literal

from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from emotrack.notify import clock, plain, shorten
from emotrack.stream.monitor.state import LASTING, MonitorState, Notice, SpeakerState
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.protocol.parts import ModalityState
from emotrack.stream.wire.protocol.vocabulary import LABELS

STALE_AFTER = 3.0
"""Seconds without any message after which the picture says so (heartbeats come every second)."""
LATE_AFTER = 1.0
"""Seconds of lag worth a warning."""
FEED_WIDTH = 20
"""Columns of a feed's name where several feeds have a row each."""
FEED_MARKS = {"up": ("● ", "green"), "degraded": ("◐ ", "yellow"), "down": ("○ ", "red")}


def header(state: MonitorState, width: int, silence: float, most: int) -> list[RenderableType]:
    """The rows, each of `width` columns: one feed stands in the first, several have `most` rows of their own
    at most.

    `silence`: seconds since the last message.
    """
    right = _condition(state, silence)
    right.truncate(width // 2, overflow="ellipsis")
    left = Text.assemble((" emotrack ", "bold reverse"), f" {clock(state.time)}  ")
    sources = list(dict.fromkeys(source for source, _ in state.feeds))
    below: list[RenderableType] = []
    if len(sources) == 1:
        left.append_text(_feed(state, sources[0], width - right.cell_len - left.cell_len))
    elif sources:
        rows = sources if len(sources) <= most else sources[: most - 1]
        names = min(FEED_WIDTH, max(map(len, rows), default=0))
        below = [Text.assemble(" ", _feed(state, source, width - 1, names)) for source in rows]
        if len(rows) < len(sources):
            below.append(Text(f" and {len(sources) - len(rows)} more feeds", style="dim"))
    table = Table.grid(padding=0)
    table.add_column(width=width - right.cell_len, no_wrap=True, overflow="ellipsis")
    table.add_column(width=right.cell_len, no_wrap=True, justify="right")
    table.add_row(left, right)
    return [table, *below]


def feed_state(state: MonitorState, source: str) -> tuple[Literal["up", "degraded", "down"], str | None]:
    """How the sound of a source is, or where it has none its picture; and why, where it is not as it should
    be."""
    feed = state.feeds.get((source, "audio")) or state.feeds.get((source, "video"))
    return ("up", None) if feed is None else (feed.state, None if feed.state == "up" else feed.reason)


def _feed(state: MonitorState, source: str, width: int, name_width: int = 0) -> Text:
    """A feed's name and its media with their marks; where it has a row of its own, of names so wide, what is
    wrong with them."""
    media = {
        medium: state.feeds[source, medium]
        for medium in ("audio", "video")
        if (source, medium) in state.feeds
    }
    row = Text()
    for medium, feed in media.items():
        row.append(*FEED_MARKS[feed.state])
        row.append(f"{medium}  ", style="default" if feed.state == "up" else "dim")
    reasons = [
        f"{medium}: {feed.reason}" for medium, feed in media.items() if feed.state != "up" and feed.reason
    ]
    if name_width and reasons:
        row.append(plain(", ".join(reasons)), style="dim italic")
    name = shorten(source, name_width or max(1, width - row.cell_len - 2))
    row = Text.assemble(f"{name:<{name_width}}  ", row)
    row.truncate(max(1, width), overflow="ellipsis")
    return row


def _condition(state: MonitorState, silence: float) -> Text:
    if state.session and state.session.state == "ended":
        return Text(plain(f"ended: {state.session.reason or 'no reason given'} "), style="bold")
    if silence > STALE_AFTER:
        return Text(f"silent for {silence:.0f} s ", style="bold red")
    if state.heartbeat is None:
        return Text()
    busy, lag = "machine busy  " if state.heartbeat.shedding else "", state.heartbeat.lag
    return Text.assemble((busy, "yellow"), (f"lag {lag:.2f} s ", "dim" if lag < LATE_AFTER else "yellow"))


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
NARROW = 80
"""Columns below which there is no room for bars beside the modalities."""
NAME_WIDTH = 12
NOTICES = 3
"""Rows kept for the last events; a tall terminal has more."""
KEYS = "Ctrl-C ends"
MODES_WIDTH = 38
GAP = 3
_BLOCKS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"


def render(
    state: MonitorState,
    *,
    width: int,
    height: int,
    silence: float = 0.0,
    waiting: str = "",
    remarks: Sequence[str] = (),
) -> RenderableType:
    """The whole picture for a terminal of `width` × `height`.

    `silence`: seconds since the last message; `waiting`: shown before the first; `remarks`: problems of this
    side, one sentence each.
    """
    width = min(width, WIDEST)
    said = [Text(plain(remark), style="yellow") for remark in remarks]
    if not state.session_id:
        return Group(Text(f"  {waiting}", style="dim italic"), *said, _footer(Text(), "", width))
    labels = state.session.vocabulary.labels if state.session else LABELS
    head = header(state, width, silence, max(1, height // 4))
    narrow = width < NARROW
    panel_height = 1 if narrow else max(len(labels), len(MODALITIES) + 3) + 3
    room = max(1, (height - len(head) - NOTICES) // panel_height)
    latest = sorted(state.speakers, key=lambda name: state.speakers[name].emotion.end)[-room:]
    shown = [
        name for name in state.speakers if name in latest
    ]  # by first appearance, so that nobody jumps about
    parts = [*head]
    if narrow:
        parts += [_speaker_line(name, state.speakers[name], width) for name in shown]
    else:
        parts += [_speaker(name, state.speakers[name], labels, width) for name in shown]
    if not shown:
        parts.append(Text("  Nobody has spoken yet.", style="dim italic"))
    free = max(NOTICES, height - len(head) - (panel_height * len(shown) or 1))
    lines = [_notice(notice) for notice in state.notices]
    lines = [*lines, *said][-free:] or [Text()]
    for line in lines[:-1]:
        line.truncate(width, overflow="ellipsis")
    hidden = len(state.speakers) - len(shown)
    return Group(
        *parts, *lines[:-1], _footer(lines[-1], f"and {hidden} who spoke earlier · " if hidden else "", width)
    )


def colour(label: str) -> str:
    """The colour of a label."""
    return COLOURS.get(label, OTHER_COLOUR)


def bar(share: float, width: int) -> str:
    """A horizontal bar in eighths of a column."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    return ("█" * (eighths // 8) + _BLOCKS[eighths % 8].strip()).ljust(width)


def _footer(line: Text, more: str, width: int) -> RenderableType:
    """The last row: the last event, and at its end what else there is to know."""
    hint = Text(f"  {more}{KEYS} ", style="dim")
    table = Table.grid(padding=0)
    table.add_column(width=width - hint.cell_len, no_wrap=True, overflow="ellipsis")
    table.add_column(width=hint.cell_len, no_wrap=True)
    table.add_row(line, hint)
    return table


def _speaker(name: str, speaker: SpeakerState, labels: tuple[str, ...], width: int) -> RenderableType:
    """One panel: bars of all labels, which modalities are present, the trend and what was said."""
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
    subtitle = Text(
        f" {emotion.source} · {clock(emotion.start)}–{clock(emotion.end)} · {said} ", style="not dim default"
    )
    inner = width - 4
    bars_width = inner - MODES_WIDTH - GAP
    modalities = [(modality, emotion.modalities.get(modality)) for modality in MODALITIES]
    facts = [
        _modality(name, modality)
        for name, modality in modalities
        if modality is None or modality.present or modality.reason not in LASTING
    ]
    facts += [Text(), _trend(speaker), _delay(emotion)]
    bars = [_bar(label, emotion, bars_width) for label in labels]
    body = Table.grid(padding=0)
    body.add_column(width=bars_width + GAP, no_wrap=True)
    body.add_column(width=MODES_WIDTH, no_wrap=True, overflow="ellipsis")
    for row in zip_longest(bars, facts, fillvalue=Text()):
        body.add_row(*row)
    border = tint if speaking else f"dim {tint}"
    return Panel(
        Group(body, _words(speaker, inner)),
        title=title,
        title_align="left",
        subtitle=subtitle,
        subtitle_align="right",
        box=ROUNDED,
        border_style=border,
        width=width,
        padding=(0, 1),
    )


def _speaker_line(name: str, speaker: SpeakerState, width: int) -> RenderableType:
    """All of a speaker that a narrow terminal has room for: the label and the words."""
    emotion = speaker.emotion
    tint = colour(emotion.label)
    line = Text.assemble(
        ("● " if emotion.state == "partial" else "  ", tint),
        (f"{shorten(name, NAME_WIDTH):<{NAME_WIDTH}} ", "bold"),
        (f"{plain(emotion.label):<9.9}{emotion.confidence * 100:3.0f} % ", f"bold {tint}"),
    )
    line.append_text(_words(speaker, max(1, width - line.cell_len)))
    line.truncate(width, overflow="ellipsis")
    return line


def _bar(label: str, emotion: Emotion, width: int) -> Text:
    share = emotion.scores.get(label, 0.0)
    chosen = label == emotion.label
    return Text.assemble(
        (f"{plain(label):<9.9} ", "bold" if chosen else "dim"),
        (bar(share, max(4, width - 14)), colour(label) if chosen else f"dim {colour(label)}"),
        (f"{share * 100:4.0f}", "bold" if chosen else "dim"),
    )


def _modality(name: str, modality: ModalityState | None) -> Text:
    """Present: its weight in the fusion. Imputed or masked: why."""
    reason = plain(modality.reason or "") if modality else ""
    if modality is None or not (modality.present or (modality.imputed and modality.weight)):
        return Text.assemble(
            (f"{name:<6}○ ", "dim"), ("masked: " if reason else "masked", "dim"), (reason, "dim italic")
        )
    weight = f"{modality.weight * 100:3.0f} % "
    if modality.present:
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
    """How long after the last word the label was out: waiting for the end of the utterance, then the work."""
    endpoint, total = emotion.timing_ms.endpoint, emotion.timing_ms.total
    if emotion.state == "partial" or endpoint is None or total is None:
        return Text()
    return Text(f"after the last word: {(endpoint + total) / 1000:.2f} s", style="dim")


def _words(speaker: SpeakerState, width: int) -> Text:
    """What was said; while the words are still to come those of the utterance before, marked so; else why
    there are none."""
    emotion = speaker.emotion
    modality = emotion.modalities.get("text")
    if emotion.transcript and emotion.transcript.text:
        line = Text(f"“{plain(emotion.transcript.text)}”", style="italic")
    elif emotion.state == "partial" and speaker.before:
        line = Text(f"before: “{plain(speaker.before)}”", style="dim italic")
    elif modality is None or modality.reason in (None, "no words"):
        line = Text("no words", style="dim italic")
    else:
        line = Text(f"words: {plain(modality.reason or '')}", style="dim italic")
    line.truncate(width, overflow="ellipsis")
    return line


def _notice(notice: Notice) -> Text:
    return Text.assemble(
        (f" {clock(notice.time)}  ", "dim"), (plain(notice.text), "yellow" if notice.bad else "dim")
    )
