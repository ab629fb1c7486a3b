"""`emotrack watch`: tells when a condition over somebody's state holds, and when that is over."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from emotrack.cli.options import ClientKeysOption, InsecureOption, ServerKeyOption, check_pair
from emotrack.errors import UserError
from emotrack.notify import clock, notify, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from emotrack.stream.views.alerts.holding import Alert
    from emotrack.stream.wire.protocol.messages import Message


def watch(
    condition: Annotated[
        str,
        typer.Argument(
            metavar="CONDITION",
            help="Such as 'anger > .6 for 3s' or 'label == sadness and arousal < 0': labels by their scores, "
            "label, confidence, valence and arousal of a person's steady state.",
        ),
    ],
    source: Annotated[
        str,
        typer.Argument(
            metavar="ENDPOINT|RECORDING",
            help="Where a tracker publishes, or a recording, which is gone through at once.",
        ),
    ] = "tcp://127.0.0.1:5556",
    speaker: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--speaker", metavar="NAME", help="Watch this person only."),
    ] = None,
    clear: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--clear",
            metavar="CONDITION",
            help="When an alert is over; else when CONDITION has been missed by more than 0.05 for as "
            "long as it had to hold.",
        ),
    ] = None,
    execute: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--exec",
            metavar="COMMAND",
            help="Start this with each alert, without a shell; EMOTRACK_EVENT, EMOTRACK_PERSON and others in "
            "its environment say what it is.",
        ),
    ] = None,
    address: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--webhook", metavar="URL", help="Post each alert to this web address, as JSON."),
    ] = None,
    as_lines: Annotated[bool, typer.Option("--json", help="Print each alert as a line of JSON.")] = False,
    session: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--session", metavar="NAME", help="Of a recording of several sessions, this one."),
    ] = None,
    server_key: ServerKeyOption = None,
    keys: ClientKeysOption = None,
    insecure: InsecureOption = False,
) -> None:
    """Print a line when a condition over somebody's state holds, and one when that is over."""
    from emotrack.cli.tracking.run import leaving
    from emotrack.stream.views.alerts.actions import Actions, command
    from emotrack.stream.views.alerts.condition import parse_rule
    from emotrack.stream.views.alerts.holding import Watch
    from emotrack.stream.views.alerts.webhook import webhook

    check_pair(server_key, keys)
    rule = parse_rule(condition)
    over = None if clear is None else parse_rule(clear)
    acts = [] if execute is None else [command(execute)]
    if address is not None:
        acts.append(webhook(address, insecure=insecure))
    live = "://" in source
    if live and session is not None:
        raise UserError("--session is for a recording of several sessions: a tracker has one.")
    watching = Watch(rule, over, speaker)
    with leaving(), contextlib.ExitStack() as stack:
        if live:
            messages: Iterable[Message] = stack.enter_context(_subscribed(source, server_key, keys))
            notify(f"watching {source}; Ctrl-C ends.")
        else:
            from emotrack.stream.wire.recordings.reading import read_messages

            messages = read_messages(Path(source), session)
        actions = stack.enter_context(contextlib.closing(Actions(acts, notify, patient=not live)))
        for message in messages:
            for alert in watching.take(message):
                sys.stdout.write(_line(alert, as_lines=as_lines) + "\n")
                sys.stdout.flush()
                actions.give(alert)


@contextlib.contextmanager
def _subscribed(endpoint: str, server_key: str | None, keys: Path | None) -> Iterator[Iterable[Message]]:
    from emotrack.stream.wire.client.subscription import subscribe

    with subscribe(
        endpoint,
        kinds=("session", "person", "speaker", "heartbeat"),
        server_key=server_key,
        keys=keys,
        on_problem=notify,
    ) as subscription:
        yield subscription


def _line(alert: Alert, *, as_lines: bool) -> str:
    from emotrack.stream.views.alerts.actions import as_json

    if as_lines:
        return as_json(alert).decode()
    why = f" ({alert.reason})" if alert.reason else ""
    told = "" if alert.event == "raised" else "over: "
    return plain(f"{clock(alert.time)} {alert.person} {told}{alert.rule}{why}")
