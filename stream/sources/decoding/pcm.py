"""Raw samples without a header, as programs write them to a pipe: what the user says of them, and how FFmpeg
reads that."""

import re
from dataclasses import dataclass

from emotrack.errors import UserError
from emotrack.notify import shorten

PREFIX = "pcm:"
"""What a source that is raw samples begins with."""
FORMATS = ("s16le", "f32le")
"""Formats of a sample, by FFmpeg's names."""
RATES = range(1_000, 384_001)
"""Samples a second that are believed."""
CHANNELS = range(1, 9)
LONGEST_TOLD = 60


@dataclass(frozen=True, slots=True)
class RawSound:
    """What raw samples are: without a header nobody could tell."""

    rate: int
    channels: int
    format: str

    @property
    def options(self) -> dict[str, str]:
        """FFmpeg's options to read them: more channels than two are no loudspeakers', but all alike."""
        layout = f"{self.channels}c" if self.channels <= 2 else f"{self.channels}C"
        return {"sample_rate": str(self.rate), "ch_layout": layout}

    @property
    def description(self) -> str:
        """For people to read."""
        several = "1 channel" if self.channels == 1 else f"{self.channels} channels"
        return f"standard input ({self.format}, {self.rate} Hz, {several})"


def is_raw_sound(text: str) -> bool:
    """Whether a source that the user wrote can only be meant as raw samples."""
    return text.startswith(PREFIX)


def raw_sound(text: str) -> RawSound:
    """What `pcm:RATE[,CHANNELS][,FORMAT]` says, one channel of s16le unless said otherwise.

    Raises `UserError`.
    """
    rate, *rest = text.removeprefix(PREFIX).split(",")
    channels = rest.pop(0) if rest and rest[0].isascii() and rest[0].isdigit() else "1"
    format = rest.pop(0) if rest else "s16le"
    if rest or not re.fullmatch("[0-9]{1,9}", rate) or len(channels) > 9:
        raise _wrong(text, "is not how raw samples are described")
    if int(rate) not in RATES:
        raise _wrong(text, f"has a rate that is not from {RATES[0]} to {RATES[-1]} samples a second")
    if int(channels) not in CHANNELS:
        raise _wrong(text, f"has not {CHANNELS[0]} to {CHANNELS[-1]} channels")
    if format not in FORMATS:
        raise _wrong(text, f"has a format that is none of {', '.join(FORMATS)}")
    return RawSound(int(rate), int(channels), format)


def _wrong(text: str, why: str) -> UserError:
    return UserError(
        f"{shorten(text, LONGEST_TOLD)!r} {why}; write pcm:RATE[,CHANNELS][,FORMAT], such as pcm:16000 or "
        "pcm:48000,2,f32le."
    )
