"""The monitor's first row: which feeds there are and how they are, and how the tracker keeps up."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from emotrack.stream.monitor.state import MonitorState
from emotrack.stream.wire.printable import clock, plain, shorten

STALE_AFTER = 3.0
"""Seconds without any message after which the picture says so (heartbeats come every second)."""
LATE_AFTER = 1.0
"""Seconds of lag worth a warning."""
_FEED_MARKS = {"up": ("● ", "green"), "degraded": ("◐ ", "yellow"), "down": ("○ ", "red")}


def header(state: MonitorState, width: int, silence: float) -> RenderableType:
    """Two ends of one line of `width` columns; `silence`: seconds since the last message."""
    right = _condition(state, silence)
    right.truncate(width // 2, overflow="ellipsis")
    left = Text.assemble((" emotrack ", "bold reverse"), f" {clock(state.time)}  ")
    media = [f" {medium}" if medium else "" for _, medium in state.feeds]
    around = sum(4 + len(medium) for medium in media)  # the mark before each, two columns behind it
    sources = [source for source, _ in state.feeds]
    shares = share_out([len(source) for source in sources], width - right.cell_len - left.cell_len - around)
    for feed, source, medium, share in zip(state.feeds.values(), sources, media, shares, strict=True):
        left.append(*_FEED_MARKS[feed.state])
        left.append(f"{shorten(source, share)}{medium}  ", style="default" if feed.state == "up" else "dim")
    table = Table.grid(padding=0)
    table.add_column(width=width - right.cell_len, no_wrap=True, overflow="ellipsis")
    table.add_column(width=right.cell_len, no_wrap=True, justify="right")
    table.add_row(left, right)
    return table


def share_out(wishes: Sequence[int], room: int) -> list[int]:
    """Columns for each of several names: all that it wants where that is less than an even share, which leaves more to the rest."""
    shares = [0] * len(wishes)
    order = sorted(range(len(wishes)), key=lambda place: wishes[place])
    for done, place in enumerate(order):
        shares[place] = min(wishes[place], max(1, room // (len(wishes) - done)))
        room -= shares[place]
    return shares


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
