"""The file of stamps: one JSON line for each piece of media, in the order in which the tracker took them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from emotrack.errors import UserError
from emotrack.notify import plain
from emotrack.stream.sources.media import LATEST, MediumChange

SUFFIX = ".stamps"
"""Of the file; sound and pictures are beside it, in `NAME.sound.mka` and `NAME.pictures.mkv`."""
SOUND, PICTURES = ".sound.mka", ".pictures.mkv"
LARGEST_LINE = 100_000
"""Bytes."""
Moment = Annotated[float, msgspec.Meta(gt=-LATEST, lt=LATEST)]


class Sound(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="sound"):
    """The next samples of the file of sound."""

    start: Moment
    """Session time of the first of them, seconds."""
    samples: Annotated[int, msgspec.Meta(ge=0, le=1 << 28)]


class Picture(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="picture"):
    """The next picture of the pictures' file number `file` (another size of picture begins another file)."""

    time: Moment
    """Session time, seconds."""
    file: Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="change"):
    """A medium goes up, down or worse."""

    time: Moment
    medium: Literal["audio", "video"]
    state: Literal["up", "down", "degraded"]
    reason: Annotated[str, msgspec.Meta(max_length=1_000)]

    @classmethod
    def of(cls, change: MediumChange) -> "Change":
        """The same as a line."""
        return cls(change.time, change.medium, change.state, change.reason[:1_000])


Stamp = Sound | Picture | Change
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Stamp] = msgspec.json.Decoder(Stamp)


def as_line(stamp: Stamp) -> bytes:
    """The line of one stamp."""
    return _encoder.encode(stamp) + b"\n"


def read_stamps(path: Path) -> Iterator[Stamp]:
    """The stamps of a file; one that was never finished is left out. Raises `UserError` where it is
    damaged."""
    try:
        with path.open("rb") as file:
            while (line := file.readline(LARGEST_LINE)).endswith(b"\n"):
                yield _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{plain(str(path))} is no file of stamps, or damaged: {error}.") from error
    except OSError as error:
        raise UserError(f"{plain(str(path))} cannot be read: {error.strerror or error}.") from error


def recorded_in(folder: Path) -> list[Path]:
    """The files of stamps in a folder, one for each source."""
    return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX and path.is_file())
