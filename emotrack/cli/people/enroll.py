"""`emotrack enroll`: from now on somebody is known by their voice."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emotrack.cli.options import ConfigOption, PolicyOption, ProfileOption, SetOption
from emotrack.errors import UserError
from emotrack.notify import notify

if TYPE_CHECKING:
    import numpy as np


def enroll(
    name: Annotated[str, typer.Argument(help="What they are called in messages.")],
    voice: Annotated[
        Path, typer.Option("--voice", metavar="CLIP", help="Ten seconds or more in which only they speak.")
    ],
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    overrides: SetOption = None,
    policy: PolicyOption = None,
) -> None:
    """Know somebody by their voice in later sessions, as NAME.

    Ask them first: a voice is personal data. What is kept describes it, and is no recording; `emotrack people
    forget NAME` removes it.
    """
    from emotrack.engines.encoders.sound.turns import open_turns
    from emotrack.engines.running.pool import EnginePool
    from emotrack.settings import load_policy, load_settings
    from emotrack.stream.speakers.enrolled import enrolled_people, windows_of

    if (rules := load_policy(*(policy or ()))) is not None:
        for refused in ("identities", "audio"):
            rules.refuse(refused, "nobody can be enrolled")
    settings = load_settings(profile, config, overrides or ())
    people = enrolled_people(settings.stream.speakers)
    people.check(name)
    encoder = open_turns(EnginePool(settings.engines, notify))
    notify(f"listening to {voice} …")
    path = people.enrol(name, windows_of(encoder, _sound(voice), settings.stream.speakers))
    sys.stdout.write(f"{path}\n")
    told = (
        "" if people.cipher is not None else "; `emotrack people key FILE` makes a key to encrypt that with"
    )
    notify(f"{name} is known by voice from now on{told}.")


def _sound(clip: Path) -> np.ndarray:
    """The sound of a file as tracking hears it: float32 [n] at 16 kHz."""
    import numpy as np

    from emotrack.stream.hearing.audio import AudioBlock, BlockCutter
    from emotrack.stream.sources.media import AudioChunk
    from emotrack.stream.sources.open import open_sources
    from emotrack.stream.sources.timing.clock import SessionClock

    if not clip.is_file():
        raise UserError(
            f"There is no file {clip}: record one, such as with `ffmpeg -f alsa -i default {clip}`."
        )
    (source,) = open_sources([str(clip)])
    cutter = BlockCutter()
    heard = [
        block.samples_16k
        for item in source.items(SessionClock(), threading.Event())
        if isinstance(item, AudioChunk)
        for block in cutter.push(item)
        if isinstance(block, AudioBlock)
    ]
    if not heard:
        raise UserError(f"There is no sound in {clip}: give another clip.")
    return np.concatenate(heard)
