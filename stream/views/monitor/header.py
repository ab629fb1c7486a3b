"""The first rows of the monitor: the time, every feed with its media, and how the tracker is doing."""

from typing import Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from emotrack.notify import clock, plain, shorten
from emotrack.stream.views.monitor.state import MonitorState

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
