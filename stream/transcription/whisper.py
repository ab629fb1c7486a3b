"""Whisper as a session uses it: sessions that want the same model share one, and its threads serve them in turn."""

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import numpy as np

from emotrack.stream.transcription.cores import recogniser_threads
from emotrack.stream.transcription.settings import TranscriptionSettings
from emotrack.stream.transcription.sharing import Shared
from emotrack.stream.transcription.transcript import Transcript, TranscriptionError
from emotrack.stream.transcription.turns import Request, Turns
from emotrack.stream.transcription.unavailable import RecogniserUnavailable
from emotrack.stream.transcription.whisper_model import WhisperOptions, load, transcribe
from emotrack.stream.transcription.workers import Workers


class SharedWhisper:
    """A loaded model, whose turn it is with it, and the threads that run it."""

    def __init__(self, options: WhisperOptions) -> None:
        """Load the model; raises what `load` raises."""
        loaded = load(options)
        self.model = loaded.model
        self.remarks = loaded.remarks
        self.turns = Turns()
        self._workers = Workers(self.turns, options.workers)

    def close(self) -> None:
        """Wait for what is running, then free the model."""
        self._workers.close()
        self.model.model.unload_model()
        del self.model  # CTranslate2 passes the unloading over while its last batch has not quite ended


_SHARED = Shared(SharedWhisper)


class WhisperTranscriber:
    """The Whisper of one session."""

    def __init__(self, weights: Path, settings: TranscriptionSettings, say: Callable[[str], None]) -> None:
        """Take a share in the model in `weights`, loaded unless a session of this process has it.

        Raises `RecogniserUnavailable` when it cannot be had. `say` is told, a sentence each, what it has to do without, such as
        a GPU that could not be used.
        """
        self.name = f"whisper-{weights.name if Path(settings.model).is_dir() else settings.model.rpartition('/')[2]}"
        self._language = settings.language
        self._asked: set[Future[Transcript]] = set()
        threads = settings.threads or recogniser_threads(settings.workers)
        options = WhisperOptions(weights.resolve(), settings.device, settings.compute_type, threads, settings.workers)
        with contextlib.ExitStack() as undo:
            self._whisper = _SHARED.borrow(options)
            undo.callback(_SHARED.give_back, options)
            languages = self._whisper.model.supported_languages
            if settings.language not in (None, *languages):
                raise RecogniserUnavailable(
                    f"{self.name} knows no language {settings.language}",
                    f"--set stream.transcription.language=CODE takes one that it knows, such as {languages[0]}",
                )
            self._closing = undo.pop_all()
        for remark in self._whisper.remarks:
            say(remark)

    def open(self) -> "WhisperStream":
        """A stream for one utterance."""
        return WhisperStream(self)

    def close(self) -> None:
        """Cancel what this session asked for and has not started; the last session waits for what has, and unloads the model."""
        for request in list(self._asked):
            request.cancel()
        self._closing.close()

    def ask(self, parts: Sequence[np.ndarray]) -> Request:
        """Ask for the transcript of one utterance, in parts of float32 [n] at 16 kHz, on the chance that it has ended."""
        request = Request(self, partial(self._transcribe, parts))
        self._asked.add(request)
        request.add_done_callback(self._asked.discard)
        self._whisper.turns.speculate(request)
        return request

    def conclude(self, request: Request) -> None:
        """The utterance has ended: the transcript will be needed."""
        self._whisper.turns.conclude(request)

    def _transcribe(self, parts: Sequence[np.ndarray]) -> Transcript:
        samples = np.concatenate([np.empty(0, np.float32), *parts])
        try:
            return transcribe(self._whisper.model, samples, self._language, self.name)
        except RuntimeError as failure:  # CTranslate2 knows no other kind
            raise TranscriptionError(f"Whisper failed: {failure}") from failure


class WhisperStream:
    """One utterance; see `TranscriptionStream`."""

    def __init__(self, transcriber: WhisperTranscriber) -> None:
        self._transcriber = transcriber
        self._parts: list[np.ndarray] = []
        self._latest: Request | None = None
        self._transcribed = 0  # parts in the latest

    def feed(self, samples_16k: np.ndarray) -> None:
        """Take the next audio."""
        self._parts.append(samples_16k)

    def pause(self) -> "Future[Transcript]":
        """The transcript of what was fed so far, in the place of an earlier pause that has not started."""
        if self._latest is None or self._transcribed < len(self._parts):
            superseded, self._latest = self._latest, self._transcriber.ask(self._parts.copy())
            self._transcribed = len(self._parts)
            if superseded is not None:
                superseded.cancel()
        return self._latest

    def conclude(self) -> None:
        """The last pause was the end."""
        if self._latest is not None:
            self._transcriber.conclude(self._latest)

    def close(self) -> None:
        """Cancel what has not started."""
        if self._latest is not None:
            self._latest.cancel()
