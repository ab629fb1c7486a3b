"""Chooses the recogniser: Whisper where its weights can be had, else PocketSphinx where it is installed, else none."""

from collections.abc import Callable

from emotrack.model.errors import UserError
from emotrack.stream.transcription.pocketsphinx import PocketSphinxTranscriber
from emotrack.stream.transcription.settings import TranscriptionSettings
from emotrack.stream.transcription.transcript import Transcriber


def open_transcriber(settings: TranscriptionSettings, say: Callable[[str], None]) -> Transcriber | None:
    """The recogniser that the settings ask for; None where there is to be no text, or can be none.

    Under `auto` every recogniser passed over is told to `say`, in a sentence with the reason and what mends it. One
    asked for by name that cannot be had raises `UserError`.
    """
    if settings.recogniser == "none":
        return None
    if settings.recogniser != "auto":
        return OPENERS[settings.recogniser](settings, say)
    for name, opener in OPENERS.items():
        try:
            return opener(settings, say)
        except UserError as absent:
            say(f"Not transcribing with {name}: {absent}")
    return None


def _whisper(settings: TranscriptionSettings, say: Callable[[str], None]) -> Transcriber:
    from emotrack.stream.transcription.whisper import WhisperTranscriber  # seconds to import

    return WhisperTranscriber(settings, say)


def _pocketsphinx(settings: TranscriptionSettings, say: Callable[[str], None]) -> Transcriber:
    return PocketSphinxTranscriber(settings.decoders)


OPENERS: dict[str, Callable[[TranscriptionSettings, Callable[[str], None]], Transcriber]] = {
    "whisper": _whisper,
    "pocketsphinx": _pocketsphinx,
}
"""In order of preference."""
