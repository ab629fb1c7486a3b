"""Chooses the recogniser: Whisper where its weights can be had, else PocketSphinx where it is installed, else none."""

from collections.abc import Callable

from emotrack.stream.transcription.pocketsphinx import PocketSphinxTranscriber
from emotrack.stream.transcription.settings import TranscriptionSettings
from emotrack.stream.transcription.transcript import Transcriber
from emotrack.stream.transcription.unavailable import RecogniserUnavailable
from emotrack.stream.transcription.whisper_weights import find_weights


def open_transcriber(settings: TranscriptionSettings, say: Callable[[str], None]) -> Transcriber | None:
    """The recogniser that the settings ask for; None where there is to be no text, or can be none.

    Under `auto` what stands in for Whisper is told to `say`, in one sentence with the reason and what mends it. A
    recogniser asked for by name that cannot be had raises `UserError`.
    """
    match settings.recogniser:
        case "none":
            return None
        case "whisper":
            return _whisper(settings, say)
        case "pocketsphinx":
            return PocketSphinxTranscriber(settings.decoders)
    try:
        return _whisper(settings, say)
    except RecogniserUnavailable as absent:
        whisper = absent
    try:
        transcriber = PocketSphinxTranscriber(settings.decoders)
    except RecogniserUnavailable as absent:
        say(f"{whisper.reason} and {absent.reason}, so text is left out; {whisper.remedy}, {absent.remedy}.")
        return None
    say(f"{whisper.reason}, so PocketSphinx transcribes, with many errors; {whisper.remedy}.")
    return transcriber


def _whisper(settings: TranscriptionSettings, say: Callable[[str], None]) -> Transcriber:
    weights = find_weights(settings.model, settings.download)
    from emotrack.stream.transcription.whisper import WhisperTranscriber  # imports what is of use only with weights

    return WhisperTranscriber(weights, settings, say)
