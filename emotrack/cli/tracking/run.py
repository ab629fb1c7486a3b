"""`emotrack run`: a session from the command line."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Optional, TextIO

import typer

from emotrack.cli.logs import log_as_json
from emotrack.cli.options import (
    ConfigOption,
    InsecureOption,
    PolicyOption,
    ProfileOption,
    PublisherKeysOption,
    SetOption,
)
from emotrack.errors import UserError
from emotrack.modalities import MODALITIES, Modality
from emotrack.notify import notify

if TYPE_CHECKING:
    from emotrack.stream.views.monitor.scroll import LiveLines
    from emotrack.stream.views.monitor.state import MonitorState
    from emotrack.stream.wire.publish.sinks import Outgoing, Sink


HANGUP = getattr(signal, "SIGHUP", None)
"""The terminal was closed; not known on Windows."""


class LogFormat(str, Enum):
    """How what is said on stderr is written."""

    text = "text"
    json = "json"


def run(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="A file, - (stdin), a URL (rtsp, http, udp, tcp, rtmp), camera:N or mic[:NAME], as "
            "`emotrack devices` lists "
            "them, pcm:RATE[,CHANNELS][,FORMAT] (raw samples on stdin) or whip:[HOST:]PORT[/NAME] (who "
            "publishes there over WebRTC); joined with + they are one feed: camera:0+mic. "
            "NAME=SOURCE names who is in it (letters, digits, _ and -), as in alice=camera:0+mic; a file "
            "of that very name comes "
            "first. Several sources are one conversation: what one says changes how the next is "
            "understood, unless --apart.",
        ),
    ],
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    overrides: SetOption = None,
    policy: PolicyOption = None,
    engines: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--engines",
            metavar="DIR",
            help="Engine pack made by `emotrack engines pack`: nothing is compiled.",
        ),
    ] = None,
    modalities: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--modalities",
            metavar="LIST",
            help="Use only these of text,audio,face,body: labels are made without the rest.",
        ),
    ] = None,
    publish: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--publish",
            metavar="ENDPOINT",
            help="Where programs and `emotrack monitor` find the labels (ZeroMQ): tcp://127.0.0.1:5556 "
            "unless given; port 0 is any "
            "that is free; none publishes nothing.",
        ),
    ] = None,
    keys: PublisherKeysOption = None,
    insecure: InsecureOption = False,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures",
            help="Show the newest picture of each feed to whoever may subscribe and asks for it, as "
            "`emotrack dashboard` can.",
        ),
    ] = False,
    jsonl: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--jsonl",
            metavar="FILE",
            help="Also write every message as one JSON line to this file, or - for stdout.",
        ),
    ] = None,
    record: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--record",
            metavar="DIR",
            help="Also keep every message in this folder, in a file named after the session.",
        ),
    ] = None,
    keep_evidence: Annotated[
        bool,
        typer.Option(
            "--keep-evidence",
            help="With --record: also keep each utterance's words, voice and face crops, at most 1 GiB, "
            "for `emotrack explain`. "
            "This is personal data of everybody who is heard or seen; nothing of it is kept otherwise.",
        ),
    ] = False,
    keep_media: Annotated[
        bool,
        typer.Option(
            "--keep-media",
            help="With --record: also keep the sound, and the pictures that are looked at, without loss, so "
            "that they can be tracked again. They show everybody who is heard or seen.",
        ),
    ] = False,
    to: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--to",
            metavar="URL",
            help="Also pass every message on: lsl:, osc://HOST:PORT, mqtt://HOST/PREFIX, "
            "mqtts://HOST/PREFIX, ros2:, rerun: or rerun:FILE.rrd; may be repeated.",
        ),
    ] = None,
    metrics: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--metrics",
            metavar="HOST:PORT",
            help="Also tell Prometheus how the session does: http://HOST:PORT/metrics, with /healthz "
            "and /readyz.",
        ),
    ] = None,
    resume: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--resume",
            metavar="NAME",
            help="Keep the session under this name, and go on with it where it was begun before: after a "
            "crash, a power cut or a stop, the same command goes on with the same speakers, dialogue and "
            "numbers. Personal data of everybody who is heard or seen is kept for it until the sources end.",
        ),
    ] = None,
    log_format: Annotated[
        LogFormat,
        typer.Option(
            "--log-format",
            help="What is said on stderr: text for people, or json, one object a line, with every event of "
            "the session.",
        ),
    ] = LogFormat.text,
    realtime: Annotated[
        bool,
        typer.Option(
            "--realtime/--fast",
            help="Play files at their own pace, or as fast as possible with nothing left out.",
        ),
    ] = True,
    apart: Annotated[
        bool,
        typer.Option(
            "--apart", help="Each source is a conversation of its own, with the labels that it has alone."
        ),
    ] = False,
) -> None:
    """Show and publish labels until the sources end or Ctrl-C."""
    from emotrack.cli.tracking.supervised import service_manager
    from emotrack.settings import allowed, load_policy, load_settings
    from emotrack.stream.session.kept import open_kept
    from emotrack.stream.sources.open import open_sources
    from emotrack.stream.wire.bridges.open import keeps_messages, open_bridge
    from emotrack.stream.wire.publish.events import EventLog
    from emotrack.stream.wire.publish.recording import STANDARD_OUTPUT, Recorder
    from emotrack.stream.wire.publish.zeromq.publisher import new_session_name, open_publisher, open_recorder

    session = resume or new_session_name()
    if log_format is LogFormat.json:
        log_as_json(session)
    given = {
        "engines.pack": engines,
        "stream.modalities": parse_modalities(modalities),
        "stream.publish.endpoint": publish,
        "stream.publish.keys": keys,
        "stream.publish.metrics": metrics,
    }
    options: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if insecure:
        options["stream.publish.insecure"] = True
    if pictures:
        options["stream.publish.pictures"] = True
    if apart:
        options["stream.speakers.conversations"] = "apart"
    if keep_evidence and record is None:
        raise UserError("--keep-evidence needs --record DIR: evidence is kept beside the messages.")
    if keep_media and record is None:
        raise UserError("--keep-media needs --record DIR: media are kept beside the messages.")
    settings = load_settings(profile, config, overrides or (), **options)
    if (rules := load_policy(*policy or ())) is not None:
        for modality in parse_modalities(modalities) or ():
            rules.refuse(modality, "leave it out of --modalities")
        if keep_evidence:
            rules.refuse("evidence", "leave out --keep-evidence")
        if pictures:
            rules.refuse("pictures", "leave out --pictures")
        if record is not None or jsonl not in (None, STANDARD_OUTPUT):
            rules.refuse("records", "leave out --record and --jsonl FILE")
        if any(map(keeps_messages, to or ())):
            rules.refuse("records", "leave out --to rerun:FILE.rrd")
        if resume is not None:
            rules.refuse("records", "leave out --resume")
        settings = allowed(settings, rules)
    with leaving(), contextlib.ExitStack() as keeping, contextlib.ExitStack() as undo:
        opened = open_sources(sources, settings=settings.stream.sources, notify=notify)
        kept = None if resume is None else keeping.enter_context(open_kept(resume))
        if kept is not None and kept.state is not None:
            again = (
                f": the {kept.state.moment:.0f} s before it are gone through again" if not realtime else ""
            )
            notify(f"going on with the session {resume}{again} …")
        state = beginning(settings.stream.modalities)
        unwatched = jsonl == STANDARD_OUTPUT or log_format is LogFormat.json
        live = None if unwatched else live_lines(state)
        sinks: list[Sink] = [] if jsonl == STANDARD_OUTPUT else [live or LineSink(sys.stdout, state)]
        if log_format is LogFormat.json:
            sinks.append(EventLog())
        if (manager := service_manager()) is not None:
            sinks.append(undo.enter_context(contextlib.closing(manager)))
        if jsonl is not None:
            sinks.append(undo.enter_context(contextlib.closing(Recorder(jsonl))))
        if record is not None:
            sinks.append(undo.enter_context(contextlib.closing(open_recorder(record, session))))
        for url in to or ():
            sinks.append(undo.enter_context(contextlib.closing(open_bridge(url, insecure=insecure))))
        publisher = open_publisher(settings.stream.publish)
        if publisher is not None:
            undo.callback(publisher.close)
        notify("loading the networks …")
        from emotrack.engines.backends.machine import summary
        from emotrack.engines.contract.engine import reasons
        from emotrack.explaining.evidence import SUFFIX, EvidenceRecorder
        from emotrack.stream.sources.files.recorded.writing import FOLDER_SUFFIX, MediaRecorder
        from emotrack.tracking.tracker import (
            Tracker,  # seconds to import: mistakes in the arguments are told before
        )

        recorder = (
            EvidenceRecorder(record / f"{session}{SUFFIX}") if keep_evidence and record is not None else None
        )
        media = (
            MediaRecorder(record / f"{session}{FOLDER_SUFFIX}") if keep_media and record is not None else None
        )
        undo.pop_all()  # the tracker's from here on
        with Tracker(
            opened,
            settings,
            realtime=realtime,
            session=session,
            publisher=publisher,
            sinks=sinks,
            observe=recorder,
            media=media,
            policies=policy or (),
            kept=kept,
        ) as tracker:
            if live is not None:
                live.levels = tracker.levels
            notify(summary(tracker.engines))
            if left_out := reasons(skip for engine in tracker.engines for skip in engine.skipped):
                notify(f"not used: {left_out}.")
            if publisher is not None:
                notify(
                    f"publishing at {publisher.endpoint}; {how_to_watch(publisher.endpoint, keys)}; "
                    "Ctrl-C ends."
                )
            if tracker.metrics is not None:
                notify(f"metrics at {tracker.metrics}/metrics.")
            stop_on_signals(tracker.stop)
            tracker.run()
    notify(tracker.summary.sentence)
    if tracker.incomplete:
        sys.exit(1)  # what is missing was told when it happened


def beginning(modalities: Sequence[Modality]) -> MonitorState:
    """What is shown before the first message: news of the pictures are none where nothing of them is used."""
    from emotrack.stream.views.monitor.state import MonitorState

    return MonitorState() if {"face", "body"} & set(modalities) else MonitorState(media=("audio",))


def live_lines(state: MonitorState) -> LiveLines | None:
    """What shows the labels where somebody looks at a terminal that can redraw its last lines; else None."""
    from rich.console import Console

    from emotrack.stream.views.monitor.scroll import LiveLines

    console = Console(highlight=False)
    able = console.is_terminal and not console.is_dumb_terminal and console.encoding == "utf-8"
    return LiveLines(console, state) if able else None


def how_to_watch(endpoint: str, keys: Path | None) -> str:
    """What somebody must type to see the labels, from another machine where the endpoint is open to any."""
    reachable = re.sub(r"//(0\.0\.0\.0|\*|\[::\])", "//HOST", endpoint)
    options = f" --server-key {keys / 'server.key'} --keys {keys / 'CLIENT.key_secret'}" if keys else ""
    return f"watch with `emotrack monitor {reachable}{options}`"


def parse_modalities(text: str | None) -> tuple[str, ...] | None:
    """`text,audio` as a tuple; raises `UserError` for a name that is none of the modalities."""
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in MODALITIES]
    if unknown or not names:
        raise UserError(
            f"--modalities {text!r} must name some of {', '.join(MODALITIES)}, separated by commas."
        )
    return names


@contextlib.contextmanager
def leaving() -> Iterator[None]:
    """SIGTERM ends a start, which undoes what it has begun; a session that runs is ended by
    `stop_on_signals`."""
    left: list[int] = []

    def leave(number: int, _frame: FrameType | None) -> None:
        left.append(number)
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    except Exception:  # a package that is just being imported makes an ImportError of it
        if left:
            sys.exit(128 + left[0])
        raise


def stop_on_signals(stop: Callable[[], None]) -> None:
    """The first SIGINT, SIGTERM or SIGHUP ends the session in order, a second SIGINT or SIGTERM at once.

    The handler only notes that a signal came, for it may run in the middle of anything; a thread does what is
    to be done.
    """
    noted: SimpleQueue[int] = SimpleQueue()

    def note(number: int, _frame: FrameType | None) -> None:
        signal.signal(
            number, signal.SIG_IGN if number == HANGUP else signal.SIG_DFL
        )  # a terminal that closes tells twice
        noted.put(number)

    def obey() -> None:
        noted.get()
        stop()
        notify("finishing what is open; once more ends at once.")

    threading.Thread(target=obey, name="signals", daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM, HANGUP):
        if number is not None and not (
            number == HANGUP and signal.getsignal(number) == signal.SIG_IGN
        ):  # as `nohup` wants it
            signal.signal(number, note)


class LineSink:
    """A sink that writes one line for each message that people care about."""

    name = "Standard output"

    def __init__(self, stream: TextIO, state: MonitorState) -> None:
        """`state`: what is known before the first message."""
        from emotrack.stream.views.monitor.terminal import Lines

        self._stream = stream
        self._lines = Lines(state)

    def write(self, outgoing: Outgoing) -> None:
        """Write one line; raises `SinkFailed` where that cannot be, which is no fault where the reader left
        (`| head`)."""
        from emotrack.stream.wire.publish.sinks import SinkFailed

        line = self._lines.of(outgoing.message)
        if line is None:
            return
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except BrokenPipeError as error:
            raise SinkFailed("Nobody reads the labels on standard output any more.", unread=True) from error
        except OSError as error:
            raise SinkFailed(f"Labels are no longer written to standard output: {error.strerror}.") from error

    def close(self) -> None:
        """The stream belongs to the caller."""
