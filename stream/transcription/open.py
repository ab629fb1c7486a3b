"""Opens the recogniser: Whisper where its weights can be had, else none."""

from emotrack.errors import first_line, import_problem
from emotrack.notify import Notify
from emotrack.stream.settings import TranscriptionSettings
from emotrack.stream.transcription.transcript import RecogniserUnavailable, Transcriber
from emotrack.stream.transcription.whisper.weights import find_weights


def open_transcriber(settings: TranscriptionSettings, notify: Notify) -> Transcriber | None:
    """The recogniser that the settings ask for; None where there is to be no text, or can be none.

    Why there can be none is told to `notify`, in one sentence with the reason and what mends it.
    """
    if settings.recogniser == "none":
        return None
    try:
        weights = find_weights(settings.model, settings.download)
        try:
            from emotrack.stream.transcription.whisper.recogniser import (
                WhisperTranscriber,  # imports what is of use only with weights
            )
        except (ImportError, OSError) as failure:
            cause, _, remedy = (import_problem(failure) or first_line(failure)).partition("; ")
            raise RecogniserUnavailable(
                f"Whisper's libraries do not load: {cause}", remedy or "`emotrack doctor` says more"
            ) from failure

        return WhisperTranscriber(weights, settings, notify)
    except RecogniserUnavailable as absent:
        notify(f"{absent.reason}, so text is left out; {absent.remedy}.")
        return None
