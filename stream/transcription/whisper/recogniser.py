"""Whisper as a session uses it: sessions that want the same model share one, and its threads serve them in
turn."""

import contextlib
import math
import os
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from emotrack.engines.running.priority import give_way
from emotrack.notify import Notify
from emotrack.stream.settings import TranscriptionSettings
from emotrack.stream.transcription.transcript import RecogniserUnavailable, Transcript, TranscriptionError
from emotrack.stream.transcription.turns import Request, Turns, Workers
from emotrack.stream.transcription.whisper.decoding import Decoded, Unwanted, decode
from emotrack.stream.transcription.whisper.model import WhisperOptions, load
from emotrack.stream.transcription.whisper.stream import Segment, WhisperStream

LOOP_AND_VISION = 2
RECOGNISER_MOST = 4
"""Threads beyond which Whisper gains little on one utterance."""


def cores() -> int:
    """Processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


def recogniser_threads(workers: int) -> int:
    """Threads for each of Whisper's workers: the cores that the loop and vision leave, shared out, at least
    one."""
    return max(1, min(RECOGNISER_MOST, (cores() - LOOP_AND_VISION) // workers))


class Shareable(Protocol):
    """What can be shared."""

    def close(self) -> None:
        """Free what it holds."""
        ...


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound=Shareable)


class Shared(Generic[Key, Value]):
    """Lends one value for each key; callable from any thread.

    One value is made or closed at a time, while other borrowers wait: two that are made at once would be no
    faster, and one that is made before its predecessor has gone would need the memory twice.
    """

    def __init__(self, make: Callable[[Key], Value]) -> None:
        self._make = make
        self._values: dict[Key, Value] = {}
        self._borrowers: dict[Key, int] = {}
        self._lock = threading.Lock()

    def borrow(self, key: Key) -> Value:
        """The value for a key, made unless somebody has it; to be given back once. Raises what making it
        raises."""
        with self._lock:
            if key not in self._values:
                self._values[key] = self._make(key)
                self._borrowers[key] = 0
            self._borrowers[key] += 1
            return self._values[key]

    def give_back(self, key: Key) -> None:
        """A borrower is done; the value is closed when it was the last."""
        with self._lock:
            self._borrowers[key] -= 1
            if not self._borrowers[key]:
                del self._borrowers[key]
                self._values.pop(key).close()


class SharedWhisper:
    """A loaded model, whose turn it is with it, and the threads that run it."""

    def __init__(self, options: WhisperOptions) -> None:
        """Load the model; raises what `load` raises."""
        with ThreadPoolExecutor(1, initializer=give_way) as loading:  # CTranslate2's threads are as theirs
            loaded = loading.submit(load, options).result()
        self.model = loaded.model
        self.remarks = loaded.remarks
        self.turns = Turns()
        self._workers = Workers(self.turns, options.workers)

    @property
    def answered_at(self) -> float:
        """See `Workers.answered_at`."""
        return self._workers.answered_at

    def close(self) -> None:
        """Wait for what is running, then free the model; one that is still at work is freed when that
        ends."""
        if self._workers.close():
            self.model.model.unload_model()
        del self.model  # CTranslate2 passes the unloading over while its last batch has not quite ended


_SHARED = Shared(SharedWhisper)


class WhisperTranscriber:
    """The Whisper of one session."""

    def __init__(self, weights: Path, settings: TranscriptionSettings, notify: Notify) -> None:
        """Take a share in the model in `weights`, loaded unless a session of this process has it.

        Raises `RecogniserUnavailable` when it cannot be had. `notify` is told, a sentence each, what it has
        to do without, such as a GPU that could not be used.
        """
        self.name = (
            f"whisper-{weights.name if Path(settings.model).is_dir() else settings.model.rpartition('/')[2]}"
        )
        self._asked: set[Request] = set()
        threads = settings.threads or recogniser_threads(settings.workers)
        options = WhisperOptions(
            weights.resolve(), settings.device, settings.compute_type, threads, settings.workers
        )
        with contextlib.ExitStack() as undo:
            self._whisper = _SHARED.borrow(options)
            undo.callback(_SHARED.give_back, options)
            languages = self._whisper.model.supported_languages
            if settings.language not in (None, *languages):
                raise RecogniserUnavailable(
                    f"{self.name} knows no language {settings.language}",
                    "--set stream.transcription.language=CODE takes one that it knows, such as "
                    f"{languages[0]}",
                )
            self._language = languages[0] if len(languages) == 1 else settings.language
            self._closing = undo.pop_all()
        for remark in self._whisper.remarks:
            notify(remark)

    @property
    def answered_at(self) -> float:
        """See `Transcriber.answered_at`."""
        return self._whisper.answered_at

    @property
    def backlog(self) -> float:
        """See `Transcriber.backlog`."""
        return self._whisper.turns.backlog

    @property
    def idle(self) -> bool:
        """Whether everything that this session asked for is done."""
        return not self._asked

    def open(self) -> WhisperStream:
        """A stream for one utterance."""
        return WhisperStream(self)

    def close(self) -> None:
        """Cancel what this session asked for and has not started; the last one waits a while for the rest and
        unloads the model."""
        for request in list(self._asked):
            request.abandon()
        self._closing.close()

    def ask(self, segments: Sequence[Segment], rest: np.ndarray) -> Request:
        """Ask for the transcript of one utterance, `rest` being float32 [n] at 16 kHz, on the chance that it
        has ended."""
        request = self._request(segments, rest)
        self._whisper.turns.speculate(request)
        return request

    def work_ahead(self, stream: WhisperStream, segments: Sequence[Segment], rest: np.ndarray) -> Request:
        """Have the segments of an utterance that goes on decoded, and `rest` after them, once there is time
        for that."""
        request = self._request(segments, rest)
        self._whisper.turns.work_ahead(request, stream)
        return request

    def conclude(self, request: Request, patience: float) -> None:
        """The utterance has ended: the transcript will be needed, within `patience` seconds if possible."""
        self._whisper.turns.conclude(request, patience)

    def transcript(
        self, text: str, language: str | None = None, confidence: float | None = None
    ) -> Transcript:
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
                # Only the last may stop half-way while its utterance is wanted: what is begun of those before
                # serves every request that comes after.
                wanted = partial(_wanted, segment, unwanted if segment is segments[-1] else None)
                if unwanted.is_set():
                    raise Unwanted
                found = segment.decoded(
                    partial(decode, self._whisper.model, language=language, wanted=wanted)
                )
                language = language or found.language
                heard += [found] if found.text else []
        except RuntimeError as failure:  # CTranslate2 knows no other kind
            raise TranscriptionError(f"Whisper failed: {failure}") from failure
        except Unwanted:
            raise TranscriptionError("nobody waited for the words") from None
        tokens = sum(found.tokens for found in heard)
        confidence = math.exp(sum(found.log_probability for found in heard) / tokens) if heard else None
        return self.transcript(" ".join(found.text for found in heard), language, confidence)


def _wanted(segment: Segment, unwanted: threading.Event | None) -> bool:
    return not segment.given_up and (unwanted is None or not unwanted.is_set())
