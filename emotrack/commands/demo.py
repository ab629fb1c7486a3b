"""`emotrack demo`: the bundled clip, tracked at its own pace and watched in this terminal."""

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console

from emotrack.demo import clip_path
from emotrack.say import say
from emotrack.stream.messages import Emotion, Message


def demo_command(plain: bool) -> None:
    """Ends by itself when the clip does; exit code 1 where no label was made of all that the network was trained on."""
    say("loading the networks …")
    from emotrack.settings import load_settings
    from emotrack.stream.monitor.terminal import run_monitor
    from emotrack.tracker import Tracker

    say("two voices share one microphone and count as one speaker here; for a while the camera is covered, then the sound is off.")
    console = Console()
    tracker = Tracker([str(clip_path())], load_settings(overrides=["stream.publish.endpoint=none"]))
    witness = Witness(tracker.bundle.configuration.trained)
    with contextlib.closing(tracker.messages()) as messages:
        run_monitor(witness.watch(messages), console, plain=plain or not console.is_terminal)
    if (failure := witness.failure) is not None:
        say(failure)
        sys.exit(1)
    say("that was the demo; `emotrack run camera:0+mic:default` tracks you.")


class Witness:
    """Sees whether any final label of a session was made of everything that labels can be made of."""

    def __init__(self, streams: Sequence[str]) -> None:
        """`streams`: those that the network was trained on."""
        self._streams = streams
        self._lacking: dict[str, str | None] = dict.fromkeys(streams, "nothing was labelled")
        """What the fullest label so far was made without, and why."""
        self._ended = False

    def watch(self, messages: Iterable[Message]) -> Iterator[Message]:
        """The same messages, seen."""
        for message in messages:
            if isinstance(message, Emotion) and message.state == "final":
                states = {stream: message.modalities[stream] for stream in self._streams}
                lacking = {stream: state.reason for stream, state in states.items() if not state.present}
                self._lacking = min(self._lacking, lacking, key=len)
            yield message
        self._ended = True

    @property
    def failure(self) -> str | None:
        """What was missing and why, in one sentence; None where a label had everything, or the session was left before its end."""
        if not self._lacking or not self._ended:
            return None
        lacking = ", ".join(f"{stream} ({reason})" for stream, reason in self._lacking.items())
        return (
            f"no label was made of {', '.join(self._streams)} together; missing: {lacking}. `emotrack doctor` says what mends it."
        )
