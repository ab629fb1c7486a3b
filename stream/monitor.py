"""Watching a session in a terminal: a live picture, or where there is no terminal one line for each event."""

import time
from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.live import Live

from emotrack.stream.messages import Emotion, Error, Feed, Message, ModalityState, Session, Speaker
from emotrack.stream.monitor_state import MonitorState, fold
from emotrack.stream.monitor_view import clock, render
from emotrack.stream.monitor_view import plain as printable

FRAMES_PER_SECOND = 8


def run_monitor(messages: Iterable[Message], console: Console, *, plain: bool, waiting: str = "Waiting for messages …") -> None:
    """Show `messages` until they end or Ctrl-C; `plain`: one line for each, for logs and pipes."""
    try:
        if plain:
            for message in messages:
                if line := describe(message):
                    console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            _run_live(messages, console, waiting)
    except KeyboardInterrupt:
        return


def describe(message: Message) -> str | None:
    """One line for people; None for what would only make noise (partial labels, heartbeats)."""
    match message:
        case Emotion(state="partial"):
            return None
        case Emotion():
            modes = ", ".join(_describe_mode(name, mode) for name, mode in message.modalities.items())
            said = f"  “{message.transcript.text}”" if message.transcript else ""
            state = " (revised)" if message.state == "revised" else ""
            label = f"{message.label} {message.confidence:.0%}{state}"
            line = f"{clock(message.start)}–{clock(message.end)}  {message.speaker.id:<8} {label:<22} {modes}{said}"
        case Feed():
            what = f"{clock(message.time)}  {message.source} {message.medium or 'feed'} {message.state}"
            line = f"{what}: {message.reason}" if message.reason else what
        case Speaker():
            what = f"is {message.alias_of}" if message.event == "alias" else "is new"
            line = f"{clock(message.time)}  {message.speaker} {what}"
        case Session():
            line = f"session {message.session} {message.state}" + (f": {message.reason}" if message.reason else "")
        case Error():
            line = f"{clock(message.time)}  error: {message.message}"
        case _:
            return None
    return printable(line)


def _describe_mode(name: str, mode: ModalityState) -> str:
    if mode.present:
        return f"{name} {mode.weight:.2f}"
    how = f"imputed {mode.weight:.2f}" if mode.imputed else "masked"
    return f"{name} {how} ({mode.reason})" if mode.reason else f"{name} {how}"


def _run_live(messages: Iterable[Message], console: Console, waiting: str) -> None:
    state, heard = MonitorState(), time.monotonic()

    def picture() -> RenderableType:
        silence = time.monotonic() - heard
        return render(state, width=console.width, height=console.height, silence=silence, waiting=waiting)

    with Live(get_renderable=picture, console=console, refresh_per_second=FRAMES_PER_SECOND, vertical_overflow="crop"):
        for message in messages:
            state, heard = fold(state, message), time.monotonic()
