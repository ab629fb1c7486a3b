"""What the terminal that tracks shows: labels below each other, wrapped by words, and under them what is
heard right now."""

import io
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, redirect_stderr, suppress

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from emotrack.notify import clock, plain, shorten
from emotrack.stream.views.monitor.header import FEED_MARKS, feed_state
from emotrack.stream.views.monitor.state import MonitorState, fold, is_news, tell
from emotrack.stream.views.monitor.terminal import FRAMES_PER_SECOND, describe_masked, warnings_shown
from emotrack.stream.views.monitor.view import bar, colour
from emotrack.stream.wire.protocol.messages import Emotion, Error, Feed, Message, Session, Speaker
from emotrack.stream.wire.publish.bounded import WAITING_BYTES, BoundedQueue
from emotrack.stream.wire.publish.sinks import Outgoing, SinkFailed

NAME_WIDTH = 12
"""Columns of a speaker's or a source's name."""
METER_WIDTH = 10
FLOOR = -60.0
"""dBFS at which the meter is empty."""
FALL = 4.0
"""Decibels by which the meter falls in a frame: blocks of 32 ms come and go faster than anybody can see."""
SENTENCES = 1_000
"""Lines of standard error and warnings that may wait for a terminal that takes none."""
LONGEST_LINE = 10_000
"""Letters of a line of standard error that has no end yet; what was before is lost."""
MOST_ROWS = 8
"""Feeds with a row of their own."""


class LiveLines:
    """A sink: labels and events scroll by above; one row a feed below shows its level and the label so
    far."""

    name = "The terminal"

    def __init__(self, console: Console, state: MonitorState) -> None:
        """`state`: what is known before the first message."""
        self.levels: Callable[[], Mapping[str, float]] = dict
        """How loud each source is, dBFS; asked for at every frame."""
        self._console = console
        self._state = state
        self._held: dict[str, float] = {}
        self._said: BoundedQueue[Text] = BoundedQueue(SENTENCES, WAITING_BYTES)
        """For a thread, as whoever talks is not to wait for the terminal; an empty one ends it."""
        self._running = ExitStack()
        self._live = Live(
            get_renderable=self._rows,
            console=console,
            refresh_per_second=FRAMES_PER_SECOND,
            transient=True,
            redirect_stderr=False,  # whoever talks would wait for a terminal that is stopped
        )

    def write(self, outgoing: Outgoing) -> None:
        """Show one message. Raises `SinkFailed` where the terminal takes no more."""
        before, self._state = self._state, fold(self._state, outgoing.message)
        try:
            if isinstance(outgoing.message, Session) and outgoing.message.state == "started":
                self._running.enter_context(self._live)
                saying = threading.Thread(target=self._say, name="talk above", daemon=True)
                saying.start()
                self._running.callback(saying.join)
                self._running.callback(self._said.put, Text(), 0, None)
                self._running.enter_context(warnings_shown(lambda text: self._hold(text, "yellow")))
                if sys.stderr.isatty():
                    self._running.enter_context(redirect_stderr(_Lines(self._hold)))
            if (line := self._line(before, outgoing.message)) is not None:
                self._console.print(line)
        except OSError as error:
            raise SinkFailed(f"The terminal takes no more labels: {error.strerror or error}.") from error

    def close(self) -> None:
        """The rows below go, what was said stays."""
        self._running.close()

    def _hold(self, sentence: str, style: str = "") -> None:
        self._said.put(Text(plain(sentence), style), len(sentence))  # one too many is lost

    def _say(self) -> None:
        while sentence := self._said.get(None):
            with suppress(OSError):  # the terminal is gone, which whoever talks cannot mend
                self._console.print(sentence)

    def _line(self, before: MonitorState, message: Message) -> RenderableType | None:
        match message:
            case Emotion(state="final" | "revised"):
                named = len(self._sources) > 1 or message.speaker.id not in self._sources
                return label_line(message, self._names if named else 0)
            case Feed() | Speaker() | Error() if is_news(before, message):
                bad = isinstance(message, Error) or (isinstance(message, Feed) and message.state != "up")
                return _row(
                    Text(clock(message.time), style="dim"),
                    Text(plain(tell(message)), style="yellow" if bad else "dim"),
                )
            case Session(state="ended"):
                return Text(plain(f"ended: {message.reason or 'no reason given'}"), style="dim")
        return None

    @property
    def _sources(self) -> tuple[str, ...]:
        session = self._state.session
        return tuple(feed.source for feed in session.feeds) if session is not None else ()

    @property
    def _names(self) -> int:
        """Columns that the names of speakers and sources take."""
        return min(NAME_WIDTH, max(map(len, (*self._sources, *self._state.speakers)), default=0))

    def _rows(self) -> RenderableType:
        levels = self.levels()
        for source in self._sources:
            self._held[source] = max(levels.get(source, FLOOR), self._held.get(source, FLOOR) - FALL, FLOOR)
        rows = [
            feed_row(self._state, source, self._held[source], self._names)
            for source in self._sources[:MOST_ROWS]
        ]
        for row in rows:
            row.truncate(self._console.width - 1, overflow="ellipsis")
        return Group(*rows)


class _Lines(io.TextIOBase):
    """Standard error while there are rows below: each line that is written goes above them."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._begun = ""

    def write(self, text: str, /) -> int:
        *lines, begun = (self._begun + text).split("\n")
        self._begun = begun[-LONGEST_LINE:]
        for line in filter(None, lines):
            self._take(line)
        return len(text)

    def isatty(self) -> bool:
        return True


def label_line(emotion: Emotion, name_width: int = 0) -> RenderableType:
    """When, who (in so many columns, if any), what, and the words; missing modalities worth knowing of stand
    behind them."""
    tint = colour(emotion.label)
    label = Text(f"{plain(emotion.label):<9.9}{emotion.confidence * 100:4.0f} %", style=f"bold {tint}")
    said = emotion.transcript.text if emotion.transcript else ""
    words = Text(f"“{plain(said)}”" if said else "")
    if emotion.state == "revised":
        words = Text.assemble(("now so: ", "dim"), words)
    if masked := describe_masked(emotion.modalities):
        words.append(f"  {plain(masked)}" if said else plain(masked), style="dim italic")
    name = (
        [Text(f"{shorten(emotion.speaker.id, name_width):<{name_width}}", style="bold")] if name_width else []
    )
    return _row(Text(clock(emotion.start), style="dim"), *name, label, words)


def feed_row(state: MonitorState, source: str, level: float, name_width: int) -> Text:
    """One feed at the moment: how it is, how loud (dBFS), and what is made of the utterance that is open."""
    how, reason = feed_state(state, source)
    mark, style = FEED_MARKS[how]
    row = Text.assemble((mark, style), f"{shorten(source, name_width):<{name_width}} ")
    row.append(
        bar(1 - level / FLOOR, METER_WIDTH),
        style="red" if level > -1 else "yellow" if level > -9 else "green",
    )
    speaking = [
        one.emotion
        for one in state.speakers.values()
        if one.emotion.source == source and one.emotion.state == "partial"
    ]
    if speaking:
        now = speaking[-1]
        row.append(f"  {plain(now.label)} {now.confidence * 100:.0f} %", style=colour(now.label))
        row.append(
            f"  {now.end - now.start:.1f} s  {plain(now.transcript.text) if now.transcript else ''}",
            style="dim",
        )
    else:
        row.append(f"  {plain(reason or 'listening')}", style="dim italic" if how == "up" else style)
    return row


def _row(*cells: Text) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in cells[:-1]:
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(*cells)
    return table
