"""Opens the recogniser: Whisper where its weights can be had, else none."""

from collections.abc import Callable

from emotrack.model.errors import first_line
from emotrack.model.packages import import_problem
from emotrack.stream.transcription.settings import TranscriptionSettings
from emotrack.stream.transcription.transcript import Transcriber
from emotrack.stream.transcription.unavailable import RecogniserUnavailable
from emotrack.stream.transcription.whisper_weights import find_weights


def open_transcriber(settings: TranscriptionSettings, say: Callable[[str], None]) -> Transcriber | None:
    """The recogniser that the settings ask for; None where there is to be no text, or can be none.

    Why there can be none is told to `say`, in one sentence with the reason and what mends it.
    """
    if settings.recogniser == "none":
        return None
    try:
        weights = find_weights(settings.model, settings.download)
        try:
            from emotrack.stream.transcription.whisper import WhisperTranscriber  # imports what is of use only with weights
        except (ImportError, OSError) as failure:
            cause, _, remedy = (import_problem(failure) or first_line(failure)).partition("; ")
            raise RecogniserUnavailable(
                f"Whisper's libraries do not load: {cause}", remedy or "`emotrack doctor` says more"
            ) from failure

        return WhisperTranscriber(weights, settings, say)
    except RecogniserUnavailable as absent:
        say(f"{absent.reason}, so text is left out; {absent.remedy}.")
        return None
