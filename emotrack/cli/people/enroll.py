"""`emotrack enroll`: from now on somebody is known by their voice, their face, or both."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from emotrack.cli.options import ConfigOption, PolicyOption, ProfileOption, SetOption
from emotrack.errors import UserError
from emotrack.notify import notify

if TYPE_CHECKING:
    import numpy as np

    from emotrack.engines.running.pool import EnginePool
    from emotrack.settings import Settings


def enroll(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What they are called in messages.")],
    voice: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--voice", metavar="CLIP", help="Ten seconds or more in which only they speak."),
    ] = None,
    face: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(
            "--face",
            metavar="PICTURE",
            help="A picture of them alone; may be repeated.",
        ),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the weights that know faces, where they are not there.")
    ] = False,
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    overrides: SetOption = None,
    policy: PolicyOption = None,
) -> None:
    """Know somebody by their voice, face or both in later sessions, as NAME.

    Ask them first: both are personal data. What is kept describes them, and is no recording and no picture;
    `emotrack people forget NAME` removes it.
    """
    from emotrack.engines.running.pool import EnginePool
    from emotrack.settings import load_policy, load_settings
    from emotrack.stream.people.enrolment.store import enrolled_people, read_people

    if voice is None and not face:
        raise UserError("Say what they are to be known by: --voice CLIP, --face PICTURE, or both.")
    if (rules := load_policy(*(policy or ()))) is not None:
        for refused, asked in (("identities", True), ("audio", voice), ("face", face)):
            if asked:
                rules.refuse(refused, "nobody can be enrolled")
    settings = load_settings(profile, config, overrides or ())
    people = enrolled_people(settings.stream.speakers)
    people.check(name)
    pool = EnginePool(settings.engines, notify)
    known: dict[str, Any] = {}
    if face:
        known |= _looks(face, pool, settings, download=download)
    if voice is not None:
        known["voice"] = _sounds(voice, pool, settings)
    sys.stdout.write(f"{people.enrol(name, **known)}\n")
    by = " and ".join(what for what in ("voice", "face") if getattr(people.read(name), what))
    told = (
        "" if people.cipher is not None else "; `emotrack people key FILE` makes a key to encrypt that with"
    )
    notify(f"{name} is known by {by} from now on{told}.")
    read = {one.name for one in read_people(people, lambda _: None)}
    if others := ", ".join(one for one in people.names() if one not in read):
        notify(f"with these settings {others} cannot be read: `emotrack people list` says why.")


def _sounds(clip: Path, pool: EnginePool, settings: Settings) -> np.ndarray:
    """How the voice in a clip sounds in its windows."""
    from emotrack.engines.encoders.sound.turns import open_turns
    from emotrack.stream.speakers.enrolled import windows_of

    sound = _sound(clip)
    encoder = open_turns(pool)
    notify(f"listening to {clip} …")
    return windows_of(encoder, sound, settings.stream.speakers)


def _looks(pictures: list[Path], pool: EnginePool, settings: Settings, *, download: bool) -> dict[str, Any]:
    """What the face in these pictures looks like, and to which weights."""
    import numpy as np

    from emotrack.engines.encoders.face.detection import open_face_detector
    from emotrack.engines.encoders.face.identity import open_identity
    from emotrack.stream.seeing.recognition import only_face

    encoder = open_identity(pool, settings.engines.face_identity, notify, download=download)
    detector = open_face_detector(pool)
    found = []
    for path in pictures:
        image = _picture(path)
        try:
            found.append(encoder.embed(image, only_face(detector, image)[None])[0])
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
    return {"face": np.stack(found), "face_weights": encoder.weights}


def _picture(path: Path) -> np.ndarray:
    """A picture as it is to be looked at: uint8 [height, width, 3], RGB."""
    import warnings

    import numpy as np
    from PIL import Image, ImageOps

    if not path.is_file():
        raise UserError(f"There is no file {path}: take a picture of them, and name it.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                upright = ImageOps.exif_transpose(opened)
        if upright.mode.startswith("I"):  # grey of 16 bits, which would only be cut off
            upright = Image.fromarray((np.asarray(upright) >> 8).clip(0, 255).astype(np.uint8))
        if upright.has_transparency_data:  # what nobody can see is not to be looked at
            shown = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", shown.size, "grey"), shown)
        return np.asarray(upright.convert("RGB"))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(f"{path} has too many pixels: give a smaller picture.") from error
    except Exception as error:
        # Its readers raise as they please over a file that is damaged, too large, or none of theirs.
        raise UserError(f"{path} cannot be read as a picture: give a JPEG or PNG file.") from error


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
