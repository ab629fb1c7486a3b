"""Draws the monitor with a sample conversation: `PYTHONPATH=tests python tests/helpers/monitor_picture.py FILE.svg`."""

import io
import sys
from pathlib import Path

from rich.console import Console

from emotrack.stream.monitor_state import MonitorState, fold
from emotrack.stream.monitor_view import render
from helpers.sample_messages import conversation


def draw(path: Path, width: int = 80, height: int = 24) -> None:
    console = Console(record=True, width=width, height=height, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    state = MonitorState()
    for message in conversation():
        state = fold(state, message)
    console.print(render(state, width=width, height=height))
    console.save_svg(str(path), title="emotrack monitor")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
