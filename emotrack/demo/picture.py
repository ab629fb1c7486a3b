"""Draws the picture in docs/running.md: the demonstration clip tracked for real, and what the monitor shows
at a moment of it.

`python -m emotrack.demo.picture docs/pictures/monitor.svg`, on a machine that has little else to do.
"""

import io
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from emotrack.demo import clip_path
from emotrack.stream.views.monitor.state import MonitorState, fold
from emotrack.stream.views.monitor.view import render
from emotrack.stream.wire.protocol.messages import Message

WIDTH, HEIGHT = 80, 19
MOMENT = 18.45
"""Seconds of the clip: its sad line has its label, and the state of who said it has followed."""
CHARACTER = 0.602
"""Width of a character by its height: that of DejaVu Sans Mono, for renderers that do not stretch text to the
width asked for."""


def picture(messages: Iterable[Message]) -> str:
    """What the monitor shows of a session on the clip at `MOMENT`, as SVG."""
    console = Console(
        record=True,
        width=WIDTH,
        height=HEIGHT,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    state = MonitorState()
    for message in messages:
        if getattr(message, "time", getattr(message, "end", 0.0)) > MOMENT:
            break
        state = fold(state, message)
    console.print(render(state, width=WIDTH, height=HEIGHT))
    drawn = console.export_svg(title="emotrack demo", font_aspect_ratio=CHARACTER)
    # Without this some renderers drop the spaces that a piece of text begins with, and shift it to the left.
    return drawn.replace("<svg ", '<svg xml:space="preserve" ', 1)


if __name__ == "__main__":
    from emotrack.settings import load_settings
    from emotrack.tracking.tracker import Tracker

    # As the README's installation shows it, which has no networks for voices.
    asked = ["stream.publish.endpoint=none", "stream.speakers.mode=feed"]
    tracker = Tracker([str(clip_path())], load_settings(overrides=asked))
    Path(sys.argv[1]).write_text(picture(tracker.messages()), "utf-8")
