"""`emotrack bridge`: passes a tracker's messages on into what others use, in a process of its own."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from emotrack.cli.options import ClientKeysOption, InsecureOption, ServerKeyOption, check_pair
from emotrack.notify import notify


def bridge(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="Where to: lsl:, osc://HOST:PORT, mqtt://HOST/PREFIX, mqtts://HOST/PREFIX, ros2:, rerun: or "
            "rerun:FILE.rrd.",
        ),
    ],
    endpoint: Annotated[
        str, typer.Argument(metavar="ENDPOINT", help="Where the tracker publishes.")
    ] = "tcp://127.0.0.1:5556",
    server_key: ServerKeyOption = None,
    keys: ClientKeysOption = None,
    insecure: InsecureOption = False,
) -> None:
    """Pass on the messages of a running tracker, which this cannot slow or stop; Ctrl-C ends."""
    from emotrack.cli.tracking.run import leaving
    from emotrack.stream.wire.bridges.open import open_bridge
    from emotrack.stream.wire.bridges.passing import pass_on
    from emotrack.stream.wire.client.subscription import subscribe
    from emotrack.stream.wire.publish.sinks import name_of

    check_pair(server_key, keys)
    with leaving(), contextlib.ExitStack() as stack:
        opened = stack.enter_context(contextlib.closing(open_bridge(url, insecure=insecure)))
        subscription = stack.enter_context(
            subscribe(endpoint, server_key=server_key, keys=keys, on_problem=notify)
        )
        notify(f"{name_of(opened)} passes on what comes from {endpoint}; Ctrl-C ends.")
        pass_on(subscription, opened, notify)
