"""`emotrack demo`: the bundled clip, tracked at its own pace and watched in this terminal."""

import contextlib

from rich.console import Console

from emotrack.demo import clip_path
from emotrack.say import say


def demo_command(plain: bool) -> None:
    """Ends by itself when the clip does."""
    say("loading the networks …")
    from emotrack.settings import load_settings
    from emotrack.stream.monitor.terminal import run_monitor
    from emotrack.tracker import Tracker

    say("one source is one speaker here, and its portraits smile whatever they say; see the README for telling voices apart.")
    console = Console()
    tracker = Tracker([str(clip_path())], load_settings(overrides=["stream.publish.endpoint=none"]))
    with contextlib.closing(tracker.messages()) as messages:
        run_monitor(messages, console, plain=plain or not console.is_terminal)
    say("that was the demo; `emotrack run camera:0+mic:default` tracks you.")
