"""The offline recogniser: PocketSphinx with its package's English model, in a child process, fed as the person speaks.

Each stretch of speech between pauses is decoded by itself, from the same initial state; the transcript joins the texts.
So nothing is decoded twice when speech resumes, and the text depends on the audio and the pauses alone.
"""

import importlib.util
import itertools
import queue
import subprocess
import sys
import threading
from concurrent.futures import Future

import msgspec
import numpy as np

from emotrack.stream.transcription.pocketsphinx_process import (
    Close,
    Feed,
    Heard,
    Pause,
    Request,
    main,
    read_frames,
    write_frame,
)
from emotrack.stream.transcription.transcript import Transcript, TranscriptionError
from emotrack.stream.transcription.unavailable import RecogniserUnavailable

NAME = "pocketsphinx"
LANGUAGE = "en"

MOST_WAITING = 4_000
"""Requests (blocks of audio: two minutes) that may wait for the child before further utterances are given up."""


class PocketSphinxTranscriber:
    """Owns the child process; one that died is replaced when the next utterance opens."""

    name = NAME

    def __init__(self, decoders: int = 4) -> None:
        """Start the child, with up to `decoders` decoders. Raises `RecogniserUnavailable` when PocketSphinx is not installed."""
        if importlib.util.find_spec("pocketsphinx") is None:
            raise RecogniserUnavailable("PocketSphinx is not installed", "pip install 'emotrack[offline]' installs it")
        self._decoders = decoders
        self._streams = itertools.count()
        self._child = _Child(decoders)

    def open(self) -> "PocketSphinxStream":
        """A stream for one utterance."""
        if self._child.dead:
            self._child.close()
            self._child = _Child(self._decoders)
        return PocketSphinxStream(self._child, next(self._streams))

    def close(self) -> None:
        """End the child at once; transcripts still asked for are cancelled."""
        self._child.close()


class PocketSphinxStream:
    """One utterance; see `TranscriptionStream`. When the child dies its futures fail with `TranscriptionError`."""

    def __init__(self, child: "_Child", stream: int) -> None:
        self._child = child
        self._stream = stream
        self._latest: Future[Transcript] | None = None
        self._fed = True
        self._given_up = False

    def feed(self, samples_16k: np.ndarray) -> None:
        """Take the next audio; an utterance that the child is too far behind for is given up."""
        self._given_up = self._given_up or self._child.waiting >= MOST_WAITING
        if self._given_up:
            return
        audio = np.round(np.clip(samples_16k, -1, 1) * 32_767).astype("<i2").tobytes()
        self._child.send(Feed(self._stream, audio))
        self._fed = True

    def pause(self) -> "Future[Transcript]":
        """The transcript of what was fed so far."""
        if self._given_up:
            self._latest = Future()
            self._latest.set_exception(TranscriptionError("PocketSphinx is more than two minutes behind"))
        elif self._latest is None or self._fed:
            if self._latest is not None:
                self._latest.cancel()
            self._latest = self._child.ask(self._stream)
            self._fed = False
        return self._latest

    def conclude(self) -> None:
        """The last pause was the end; nothing changes, as the child answers every pause in the order of the requests."""

    def close(self) -> None:
        """Done with this utterance."""
        if self._latest is not None:
            self._latest.cancel()
        self._child.send(Close(self._stream))


class _Child:
    """A running child, a thread that writes to it (its pipe is full while it is busy) and one that reads from it."""

    def __init__(self, decoders: int) -> None:
        # The path is handed down so that the child finds what this process found, however that was started.
        start = f"import sys; sys.path[:] = {sys.path!r}; from {main.__module__} import main; main({decoders})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # an interrupt from the terminal is ours to handle: open utterances are finished
        )
        self._jobs = itertools.count()
        self._asked: dict[int, Future[Transcript]] = {}
        self._lock = threading.Lock()
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self.dead = False
        self._threads = [
            threading.Thread(target=self._write, name="pocketsphinx writer", daemon=True),
            threading.Thread(target=self._read, name="pocketsphinx reader", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Requests that were not yet written to the child."""
        return self._requests.qsize()

    def send(self, request: Request) -> None:
        """Pass a request on; one to a dead child goes nowhere."""
        if not self.dead:
            self._requests.put(request)

    def ask(self, stream: int) -> "Future[Transcript]":
        """Ask for the transcript of a stream; fails when the child is dead, or dies first."""
        future: Future[Transcript] = Future()
        with self._lock:
            job = next(self._jobs)
            if self.dead:
                future.set_exception(self._death())
            else:
                self._asked[job] = future
                self._requests.put(Pause(stream, job))
        return future

    def close(self) -> None:
        """Kill the child, cancel what was asked of it and wait until nothing of it is left."""
        with self._lock:
            asked = list(self._asked.values())
        for future in asked:
            future.cancel()
        self._process.kill()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        assert self._process.stdin is not None
        with self._process.stdin as pipe:
            while (request := self._requests.get()) is not None:
                try:
                    write_frame(pipe, request)
                except OSError:
                    return  # the reader sees the end of the child too, and tells

    def _read(self) -> None:
        assert self._process.stdout is not None
        replies = msgspec.msgpack.Decoder(Heard)
        with self._process.stdout as pipe:
            for payload in read_frames(pipe):
                self._answer(replies.decode(payload))
        self._process.wait()
        self._requests.put(None)
        with self._lock:
            self.dead = True
        for future in self._asked.values():  # no more can be added
            if future.set_running_or_notify_cancel():
                future.set_exception(self._death())

    def _answer(self, heard: Heard) -> None:
        with self._lock:
            future = self._asked.pop(heard.job)
        if future.set_running_or_notify_cancel():
            future.set_result(Transcript(heard.text, LANGUAGE, NAME, None))

    def _death(self) -> TranscriptionError:
        return TranscriptionError(f"the PocketSphinx process ended (status {self._process.returncode})")
