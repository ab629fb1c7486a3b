"""`emotrack replay`: publishes a recording again."""

from __future__ import annotations

import math
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from emotrack.cli.options import InsecureOption, PublisherKeysOption, SessionOption
from emotrack.errors import UserError
from emotrack.notify import notify


def replay(
    recording: Annotated[
        Path,
        typer.Argument(
            metavar="RECORDING", help="What `run --record` or `--jsonl` wrote, or a folder of it."
        ),
    ],
    session: SessionOption = None,
    speed: Annotated[
        float, typer.Option("--speed", metavar="N", help="So many times as fast as it was.")
    ] = 1.0,
    fast: Annotated[bool, typer.Option("--fast", help="As fast as it can be read.")] = False,
    publish: Annotated[
        str,
        typer.Option(
            "--publish", metavar="ENDPOINT", help="Where subscribers find it; port 0 is any free one."
        ),
    ] = "tcp://127.0.0.1:5556",
    keys: PublisherKeysOption = None,
    insecure: InsecureOption = False,
) -> None:
    """Publish a recording again, as if it happened now.

    Subscribers get the same messages, with the session's name and the times that they had.
    """
    from emotrack.cli.tracking.run import LineSink, beginning, how_to_watch, stop_on_signals
    from emotrack.modalities import MODALITIES
    from emotrack.stream.settings import PublishSettings
    from emotrack.stream.wire.publish.sinks import SinkDelayed, SinkFailed
    from emotrack.stream.wire.publish.zeromq.publisher import open_publisher
    from emotrack.stream.wire.recordings.reading import read_messages
    from emotrack.stream.wire.recordings.replay import again, in_time

    if not 0 < speed < math.inf:
        raise UserError(f"--speed {speed:g} is no speed: take 2 for twice as fast, or --fast.")
    messages = read_messages(recording, session)
    publisher = open_publisher(PublishSettings(endpoint=publish, keys=keys, insecure=insecure))
    if publisher is None:
        raise UserError("--publish none leaves nothing to do: `emotrack monitor RECORDING` shows it alone.")
    stop = threading.Event()
    try:
        notify(f"publishing at {publisher.endpoint}; {how_to_watch(publisher.endpoint, keys)}; Ctrl-C ends.")
        stop_on_signals(stop.set)
        lines = LineSink(sys.stdout, beginning(MODALITIES))
        for message in in_time(messages, math.inf if fast else speed, stop):
            outgoing = again(message, publisher.snapshot_endpoint)
            try:
                publisher.write(outgoing)
            except SinkDelayed as delayed:
                notify(str(delayed))
            lines.write(outgoing)
    except SinkFailed as failed:
        if not failed.unread:
            raise UserError(str(failed)) from failed
    finally:
        publisher.close()
