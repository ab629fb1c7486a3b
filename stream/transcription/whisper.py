"""Whisper as a session uses it: sessions that want the same model share one, and its threads serve them in turn."""

import contextlib
import math
import threading
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
from emotrack.stream.transcription.whisper_decoding import Decoded, Unwanted, decode
from emotrack.stream.transcription.whisper_model import WhisperOptions, load
from emotrack.stream.transcription.whisper_stream import Segment, WhisperStream
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

    @property
    def answered_at(self) -> float:
        """See `Workers.answered_at`."""
        return self._workers.answered_at

    def close(self) -> None:
        """Wait for what is running, then free the model; one that is still at work is freed when that ends."""
        if self._workers.close():
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
        self._asked: set[Request] = set()
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
            self._language = languages[0] if len(languages) == 1 else settings.language
            self._closing = undo.pop_all()
        for remark in self._whisper.remarks:
            say(remark)

    @property
    def answered_at(self) -> float:
        """See `Transcriber.answered_at`."""
        return self._whisper.answered_at

    @property
    def idle(self) -> bool:
        """Whether everything that this session asked for is done."""
        return not self._asked

    def open(self) -> WhisperStream:
        """A stream for one utterance."""
        return WhisperStream(self)

    def close(self) -> None:
        """Cancel what this session asked for and has not started; the last one waits a while for the rest and unloads the model."""
        for request in list(self._asked):
            request.abandon()
        self._closing.close()

    def ask(self, segments: Sequence[Segment], rest: np.ndarray) -> Request:
        """Ask for the transcript of one utterance, `rest` being float32 [n] at 16 kHz, on the chance that it has ended."""
        request = self._request(segments, rest)
        self._whisper.turns.speculate(request)
        return request

    def work_ahead(self, stream: WhisperStream, segments: Sequence[Segment], rest: np.ndarray) -> Request:
        """Have the segments of an utterance that goes on decoded, and `rest` after them, once there is time for that."""
        request = self._request(segments, rest)
        self._whisper.turns.work_ahead(request, stream)
        return request

    def conclude(self, request: Request) -> None:
        """The utterance has ended: the transcript will be needed."""
        self._whisper.turns.conclude(request)

    def transcript(self, text: str, language: str | None = None, confidence: float | None = None) -> Transcript:
        """What was heard, in this recogniser's name."""
        return Transcript(text, self._language or language, self.name, confidence)

    def _request(self, segments: Sequence[Segment], rest: np.ndarray) -> Request:
        unwanted = threading.Event()
        request = Request(self, partial(self._transcribe, [*segments, Segment(rest)], unwanted), unwanted)
        self._asked.add(request)
        request.add_done_callback(self._forget)
        return request

    def _forget(self, request: Future[Transcript]) -> None:
        assert isinstance(request, Request)
        self._asked.discard(request)

    def _transcribe(self, segments: Sequence[Segment], unwanted: threading.Event) -> Transcript:
        heard: list[Decoded] = []
        language = self._language
        try:
            for segment in segments:
                # Only the last may stop half-way: what is begun of those before serves every request that comes after.
                wanted = partial(_wanted, unwanted if segment is segments[-1] else None)
                if unwanted.is_set():
                    raise Unwanted
                found = segment.decoded(partial(decode, self._whisper.model, language=language, wanted=wanted))
                language = language or found.language
                heard += [found] if found.text else []
        except RuntimeError as failure:  # CTranslate2 knows no other kind
            raise TranscriptionError(f"Whisper failed: {failure}") from failure
        except Unwanted:
            raise TranscriptionError("nobody waited for the words") from None
        tokens = sum(found.tokens for found in heard)
        confidence = math.exp(sum(found.log_probability for found in heard) / tokens) if heard else None
        return self.transcript(" ".join(found.text for found in heard), language, confidence)


def _wanted(unwanted: threading.Event | None) -> bool:
    return unwanted is None or not unwanted.is_set()
