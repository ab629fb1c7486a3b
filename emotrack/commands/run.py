"""`emotrack run`: a session from the command line."""

import contextlib
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Any

from rich.console import Console

from emotrack.commands.lines import LineSink
from emotrack.model.configuration import STREAMS, Stream
from emotrack.model.errors import UserError
from emotrack.outlets import new_session_name, open_publisher, open_recorder
from emotrack.say import say
from emotrack.settings import load_settings
from emotrack.stream.monitor.scroll import LiveLines
from emotrack.stream.monitor.state import MonitorState
from emotrack.stream.sources.open import open_sources
from emotrack.stream.wire.outbox import Sink
from emotrack.stream.wire.record import STANDARD_OUTPUT, Recorder

HANGUP = getattr(signal, "SIGHUP", None)
"""The terminal was closed; not known on Windows."""


def run_command(
    sources: Sequence[str],
    *,
    profile: str,
    config: Path | None,
    overrides: Sequence[str],
    engines: Path | None,
    modes: str | None,
    publish: str | None,
    keys: Path | None,
    insecure: bool,
    jsonl: str | None,
    record: Path | None,
    keep_evidence: bool,
    realtime: bool,
    apart: bool,
) -> None:
    """Track until the sources end or a signal arrives. Without `--jsonl -`, labels are shown on stdout: on a terminal in colour,
    with what is heard at the moment below them; else as plain lines."""
    given = {
        "engines.pack": engines,
        "stream.modes": parse_modes(modes),
        "stream.publish.endpoint": publish,
        "stream.publish.keys": keys,
    }
    options: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if insecure:
        options["stream.publish.insecure"] = True
    if apart:
        options["stream.speakers.conversations"] = "apart"
    if keep_evidence and record is None:
        raise UserError("--keep-evidence needs --record DIR: evidence is kept beside the messages.")
    settings = load_settings(profile, config, overrides, **options)
    signal.signal(signal.SIGTERM, leave)
    opened = open_sources(sources, settings=settings.stream.sources, notify=say)
    with contextlib.ExitStack() as undo:
        session = new_session_name()
        state = beginning(settings.stream.modes)
        live = None if jsonl == STANDARD_OUTPUT else live_lines(state)
        sinks: list[Sink] = [] if jsonl == STANDARD_OUTPUT else [live or LineSink(sys.stdout, state)]
        if jsonl is not None:
            sinks.append(undo.enter_context(contextlib.closing(Recorder(jsonl))))
        if record is not None:
            sinks.append(undo.enter_context(contextlib.closing(open_recorder(record, session))))
        publisher = open_publisher(settings.stream.publish)
        if publisher is not None:
            undo.callback(publisher.close)
        say("loading the networks …")
        from emotrack.engines.engine import reasons
        from emotrack.engines.memory import summary
        from emotrack.explaining.keeping import SUFFIX, Keeper
        from emotrack.tracker import Tracker  # seconds to import: mistakes in the arguments are told before

        keeper = Keeper(record / f"{session}{SUFFIX}", say) if keep_evidence and record is not None else None
        undo.pop_all()  # the tracker's from here on
    with Tracker(opened, settings, realtime=realtime, session=session, publisher=publisher, sinks=sinks, observe=keeper) as tracker:
        if live is not None:
            live.levels = tracker.levels
        say(summary(tracker.engines))
        if left_out := reasons(skip for engine in tracker.engines for skip in engine.skipped):
            say(f"not used: {left_out}.")
        if publisher is not None:
            say(f"publishing at {publisher.endpoint}; {how_to_watch(publisher.endpoint, keys)}; Ctrl-C ends.")
        stop_on_signals(tracker.stop)
        tracker.run()
    say(tracker.summary.sentence)
    if tracker.incomplete or (keeper is not None and not keeper.complete):
        sys.exit(1)  # what is missing was told when it happened


def beginning(modes: Sequence[Stream]) -> MonitorState:
    """What is shown before the first message: news of the pictures are none where nothing of them is used."""
    return MonitorState() if {"face", "body"} & set(modes) else MonitorState(media=("audio",))


def live_lines(state: MonitorState) -> LiveLines | None:
    """What shows the labels where somebody looks at a terminal that can redraw its last lines; else None."""
    console = Console(highlight=False)
    able = console.is_terminal and not console.is_dumb_terminal and console.encoding == "utf-8"
    return LiveLines(console, state) if able else None


def how_to_watch(endpoint: str, keys: Path | None) -> str:
    """What somebody must type to see the labels, from another machine where the endpoint is open to any."""
    reachable = re.sub(r"//(0\.0\.0\.0|\*|\[::\])", "//HOST", endpoint)
    options = f" --server-key {keys / 'server.key'} --keys {keys / 'CLIENT.key_secret'}" if keys else ""
    return f"watch with `emotrack monitor {reachable}{options}`"


def parse_modes(text: str | None) -> tuple[str, ...] | None:
    """`text,audio` as a tuple; raises `UserError` for a name that is none of the streams."""
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in STREAMS]
    if unknown or not names:
        raise UserError(f"--modes {text!r} must name some of {', '.join(STREAMS)}, separated by commas.")
    return names


def leave(number: int, _frame: FrameType | None) -> None:
    """Ends a start, which undoes what it has begun; a session that runs is ended by `stop_on_signals`."""
    sys.exit(128 + number)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """The first SIGINT, SIGTERM or SIGHUP ends the session in order, a second SIGINT or SIGTERM at once.

    The handler only notes that a signal came, for it may run in the middle of anything; a thread does what is to be done.
    """
    noted: SimpleQueue[int] = SimpleQueue()

    def note(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN if number == HANGUP else signal.SIG_DFL)  # a terminal that closes tells twice
        noted.put(number)

    def obey() -> None:
        noted.get()
        stop()
        say("finishing what is open; once more ends at once.")

    threading.Thread(target=obey, name="signals", daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM, HANGUP):
        if number is not None and not (number == HANGUP and signal.getsignal(number) == signal.SIG_IGN):  # as `nohup` wants it
            signal.signal(number, note)
