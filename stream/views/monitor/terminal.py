"""Watching a session in a terminal: a live picture, or where there is no terminal one line for each event."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console, RenderableType
from rich.live import Live

from emotrack.notify import clock, shorten
from emotrack.notify import plain as printable
from emotrack.stream.views.monitor.state import LASTING, MonitorState, fold, is_news, tell
from emotrack.stream.views.monitor.view import render
from emotrack.stream.wire.protocol.messages import Emotion, Error, Feed, Message, Person, Session, Speaker
from emotrack.stream.wire.protocol.parts import ModalityState
from emotrack.stream.wire.protocol.vocabulary import RESTING


@contextmanager
def warnings_shown(show: Callable[[str], object]) -> Iterator[None]:
    """Give each warning that our own code logs to `show`, one sentence at a time, and to nobody else."""
    handler = _Shown(show)
    ours = logging.getLogger("emotrack")
    propagated, ours.propagate = ours.propagate, False
    ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.propagate = propagated


class _Shown(logging.Handler):
    def __init__(self, show: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):  # the terminal is gone, which whoever logs cannot mend
            self._show(record.getMessage())


FRAMES_PER_SECOND = 8
REMARKED_FOR = 30.0
"""Seconds that a warning stays in the picture of a session; before the first message they stay."""
NAME_WIDTH = 14


def run_monitor(
    messages: Iterable[Message], console: Console, *, plain: bool, waiting: str | None = None
) -> None:
    """Show `messages` until they end or Ctrl-C; `plain`: one line for each, for logs and pipes.

    `waiting` is shown until the first message; with `plain` it goes to stderr.
    """
    try:
        if plain:
            if waiting:
                Console(stderr=True).print(waiting, markup=False, highlight=False, soft_wrap=True)
            lines = Lines(MonitorState())
            for message in messages:
                if (line := lines.of(message)) is not None:
                    console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            _run_live(messages, console, waiting or "Waiting for messages …")
    except KeyboardInterrupt:
        return


class Lines:
    """What `describe` says of one message after the other, where that is news after those before."""

    def __init__(self, state: MonitorState) -> None:
        """`state`: what is known before the first."""
        self._state = state

    def of(self, message: Message) -> str | None:
        """The line of the next message, if there is one."""
        before, self._state = self._state, fold(self._state, message)
        if isinstance(message, Feed | Speaker | Error) and not is_news(before, message):
            return None
        if isinstance(message, Person) and not moved(before.people.get(message.person), message):
            return None
        return describe(message)


def moved(before: Person | None, after: Person) -> bool:
    """Whether somebody's state has changed, and not only its numbers; the first is news where it is more than
    calm."""
    if before is None:
        return after.label != RESTING and after.state == "present"
    return (before.label, before.state) != (after.label, after.state)


def describe(message: Message) -> str | None:
    """One line for people; None for what would only make noise (partial labels, heartbeats)."""
    match message:
        case Emotion(state="partial"):
            return None
        case Emotion():
            state = " (revised)" if message.state == "revised" else ""
            label = f"{message.label} {message.confidence:.0%}{state}"
            said = f"“{message.transcript.text}”" if message.transcript and message.transcript.text else ""
            name = shorten(message.speaker.id, NAME_WIDTH)
            when = f"{clock(message.start)}–{clock(message.end)}"
            line = (
                f"{when}  "
                f"{name:<{NAME_WIDTH}}  {label:<23}  {_describe_modalities(message.modalities):<32}  {said}"
            ).rstrip()
        case Feed() | Speaker() | Error():
            failed = "error: " if isinstance(message, Error) else ""
            line = f"{clock(message.time)}  {failed}{tell(message)}"
        case Person():
            sure = "" if message.label == RESTING else f" {message.confidence:.0%}"
            how = "away" if message.state == "away" else f"now {message.label}{sure}"
            line = f"{clock(message.time)}  {message.person} is {how}"
        case Session():
            line = f"session {message.session} {message.state}" + (
                f": {message.reason}" if message.reason else ""
            )
        case _:
            return None
    return printable(line)


def describe_masked(modalities: dict[str, ModalityState]) -> str:
    """The modalities that a label was made without, and why, where that is worth saying."""
    return ", ".join(
        _describe_modality(name, modality)
        for name, modality in modalities.items()
        if not modality.present and modality.reason not in LASTING
    )


def _describe_modalities(modalities: dict[str, ModalityState]) -> str:
    present = ", ".join(
        _describe_modality(name, modality) for name, modality in modalities.items() if modality.present
    )
    return ", ".join(part for part in (present, describe_masked(modalities)) if part)


def _describe_modality(name: str, modality: ModalityState) -> str:
    if modality.present:
        return f"{name} {modality.weight:.2f}"
    how = f"imputed {modality.weight:.2f}" if modality.imputed and modality.weight else "masked"
    return f"{name} {how} ({modality.reason})" if modality.reason else f"{name} {how}"


def _run_live(messages: Iterable[Message], console: Console, waiting: str) -> None:
    state, heard = MonitorState(), time.monotonic()
    remarks: deque[tuple[float, str]] = deque(maxlen=3)

    with warnings_shown(lambda sentence: remarks.append((time.monotonic(), sentence))):

        def picture() -> RenderableType:
            now = time.monotonic()
            silence = now - heard
            said = [
                sentence
                for told, sentence in tuple(remarks)
                if not state.session_id or now - told < REMARKED_FOR
            ]
            return render(
                state,
                width=console.width,
                height=console.height,
                silence=silence,
                waiting=waiting,
                remarks=said,
            )

        with Live(
            get_renderable=picture,
            console=console,
            refresh_per_second=FRAMES_PER_SECOND,
            vertical_overflow="crop",
        ):
            for message in messages:
                if not state.session_id:
                    remarks.clear()  # why nothing came
                state, heard = fold(state, message), time.monotonic()
