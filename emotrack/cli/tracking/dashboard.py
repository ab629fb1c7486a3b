"""`emotrack dashboard`: a session in a browser; the address goes to stdout, talk to stderr."""

from __future__ import annotations

import contextlib
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Annotated, Optional

import typer

from emotrack.cli.options import ClientKeysOption, ServerKeyOption, SessionOption, check_pair, recording
from emotrack.errors import UserError
from emotrack.notify import notify


def dashboard(
    source: Annotated[
        str,
        typer.Argument(
            metavar="[ENDPOINT|RECORDING]", help="Where a tracker publishes, or what one recorded."
        ),
    ] = "tcp://127.0.0.1:5556",
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help="Where to serve; beyond this machine (0.0.0.0) the address has a token in it.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where to serve; 0 is any port that is free.")
    ] = 8787,
    session: SessionOption = None,
    evidence: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--evidence",
            metavar="DIR",
            help="What `run --record DIR --keep-evidence` fills, so that labels of a running tracker can be "
            "explained.",
        ),
    ] = None,
    server_key: ServerKeyOption = None,
    keys: ClientKeysOption = None,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in the browser of this machine.")
    ] = False,
) -> None:
    """Watch a running tracker or a recording in a browser."""
    from emotrack.stream.views.dashboard.pictures import Pictures
    from emotrack.stream.views.dashboard.serving.server import bound, serve
    from emotrack.stream.views.dashboard.views import Live, Recorded, View

    check_pair(server_key, keys)
    place = bound(host, port)
    with place.listener:
        following: contextlib.AbstractAsyncContextManager[None] = contextlib.nullcontext()
        pictures = None
        if (recorded := recording(source)) is None:
            view: View = (live := Live(source, evidence))
            following = live.following(source, session, server_key, keys)
            pictures = Pictures(source, lambda: live.history.state, server_key, keys)
        else:
            if evidence is not None:
                raise UserError(
                    "--evidence is for a tracker that runs: a recording has its evidence beside it."
                )
            view = Recorded(recorded, session)

        def ready() -> None:
            sys.stdout.write(f"{place.url}\n")
            sys.stdout.flush()
            notify("the dashboard is served; Ctrl-C ends it.")
            if open_browser:
                threading.Thread(target=webbrowser.open, args=(place.url,), daemon=True).start()

        serve(view, place, following, ready, pictures)
