"""`emotrack demo`: the bundled clip, tracked at its own pace and watched in this terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from emotrack.demo import clip_path
from emotrack.notify import notify

if TYPE_CHECKING:
    from emotrack.stream.wire.protocol.messages import Message


def demo(
    plain: Annotated[
        bool, typer.Option("--plain", help="A line for each label instead of the picture that is redrawn.")
    ] = False,
) -> None:
    """Play a bundled clip of half a minute and show its labels."""
    from rich.console import Console

    notify("loading the networks …")
    from emotrack.settings import load_settings
    from emotrack.stream.views.monitor.terminal import run_monitor
    from emotrack.tracking.tracker import Tracker

    notify(
        "two voices share one microphone, which the extra `voices` tells apart; for a while the camera is "
        "covered, then the sound is off."
    )
    console = Console()
    tracker = Tracker([str(clip_path())], load_settings(overrides=["stream.publish.endpoint=none"]))
    witness = Witness(tracker.bundle.configuration.trained)
    with contextlib.closing(tracker.messages()) as messages:
        run_monitor(witness.watch(messages), console, plain=plain or not console.is_terminal)
    if (failure := witness.failure) is not None:
        notify(failure)
        sys.exit(1)
    notify("that was the demo; `emotrack run camera:0+mic:default` tracks you.")


class Witness:
    """Sees whether any final label of a session was made of everything that labels can be made of."""

    def __init__(self, modalities: Sequence[str]) -> None:
        """`modalities`: those that the network was trained on."""
        self._modalities = modalities
        self._lacking: dict[str, str | None] = dict.fromkeys(modalities, "nothing was labelled")
        """What the fullest label so far was made without, and why."""
        self._ended = False

    def watch(self, messages: Iterable[Message]) -> Iterator[Message]:
        """The same messages, seen."""
        from emotrack.stream.wire.protocol.messages import Emotion

        for message in messages:
            if isinstance(message, Emotion) and message.state == "final":
                states = {modality: message.modalities[modality] for modality in self._modalities}
                lacking = {modality: state.reason for modality, state in states.items() if not state.present}
                self._lacking = min(self._lacking, lacking, key=len)
            yield message
        self._ended = True

    @property
    def failure(self) -> str | None:
        """What was missing and why, in one sentence; None where a label had everything, or the session was
        left before its end."""
        if not self._lacking or not self._ended:
            return None
        lacking = ", ".join(f"{modality} ({reason})" for modality, reason in self._lacking.items())
        wanted = ", ".join(self._modalities)
        return (
            f"no label was made of {wanted} together; missing: {lacking}. `emotrack doctor` says what "
            "mends it."
        )
