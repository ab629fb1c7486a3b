"""Draws the monitor with a sample conversation: `PYTHONPATH=tests python tests/helpers/monitor_picture.py FILE.svg`."""

import io
import sys
from pathlib import Path

from rich.console import Console

from emotrack.stream.monitor.state import MonitorState, fold
from emotrack.stream.monitor.view import render
from helpers.sample_messages import conversation

CHARACTER = 0.602
"""Width of a character by its height: that of DejaVu Sans Mono, for renderers that do not stretch text to the width asked for."""


def draw(path: Path, width: int = 80, height: int = 24) -> None:
    console = Console(record=True, width=width, height=height, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    state = MonitorState()
    for message in conversation():
        state = fold(state, message)
    console.print(render(state, width=width, height=height))
    picture = console.export_svg(title="emotrack monitor", font_aspect_ratio=CHARACTER)
    # Without this some renderers drop the spaces that a piece of text begins with, and shift it to the left.
    path.write_text(picture.replace("<svg ", '<svg xml:space="preserve" ', 1), "utf-8")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
