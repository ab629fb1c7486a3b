"""One utterance as Whisper hears it: in segments that are transcribed while it lasts, so that at its end only the rest remains.

The words at the end are those of the segments, each decoded by itself, so they depend on the sound alone. Words that are told
before are those that two passes over the open segment agree on (Macháček et al. 2023); no pass changes what comes at the end.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotrack.stream.transcription.segments import Segments
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.transcription.turns import Request
from emotrack.stream.transcription.whisper_decoding import LONGEST_SECONDS, NOTHING, RATE, Decoded

if TYPE_CHECKING:
    from emotrack.stream.transcription.whisper import WhisperTranscriber

PASS_SECONDS = 1.5
"""New sound that is worth another pass."""


class Segment:
    """A stretch of sound that does not change any more; decoded once, by whoever needs it first, on any thread."""

    def __init__(self, samples: np.ndarray) -> None:
        self._samples = samples
        self._lock = threading.Lock()
        self._decoded: Decoded | None = None

    def decoded(self, decode: Callable[[np.ndarray], Decoded]) -> Decoded:
        """What was heard in it."""
        with self._lock:
            if self._decoded is None:
                self._decoded = decode(self._samples)
            return self._decoded

    @property
    def words(self) -> list[str]:
        """Its words, where it is decoded."""
        return (self._decoded or NOTHING).text.split()


@dataclass(frozen=True, slots=True)
class Pass:
    """A look at an utterance that goes on: its segments, the open one after them."""

    request: Request
    segments: Sequence[Segment]


class WhisperStream:
    """One utterance; see `TranscriptionStream`."""

    def __init__(self, transcriber: "WhisperTranscriber") -> None:
        self._transcriber = transcriber
        self._sound = Segments(round(LONGEST_SECONDS * RATE), RATE)
        self._segments: list[Segment] = []
        self._ahead: Request | None = None  # the latest work ahead
        self._latest: Request | None = None
        self._answered = 0  # samples in the latest
        self._pass: Pass | None = None  # not taken yet
        self._passed = 0  # samples in the latest pass
        self._last_pass: list[str] = []  # its words
        self._said: list[str] = []

    def feed(self, samples_16k: np.ndarray) -> None:
        """Take the next audio."""
        self._sound.extend(samples_16k)
        closed = self._sound.closed[len(self._segments) :]
        if closed:
            self._segments += [Segment(samples) for samples in closed]
            self._work_ahead(np.empty(0, np.float32))

    def pause(self) -> "Future[Transcript]":
        """The transcript of what was fed so far, in the place of an earlier pause that is not answered yet."""
        if self._latest is None or self._latest.cancelled() or self._answered != self._sound.size:
            superseded, self._latest = self._latest, self._transcriber.ask(self._segments.copy(), self._sound.open)
            self._answered = self._sound.size
            for unwanted in (superseded, self._ahead):
                if unwanted is not None:
                    unwanted.abandon()
        return self._latest

    def conclude(self) -> None:
        """The last pause was the end."""
        if self._latest is not None:
            self._transcriber.conclude(self._latest)

    def partial(self, patience: float) -> Transcript | None:
        """The words of the closed segments, and of the open one those that the last two passes agree on.

        Without patience a pass begins only when there is nothing else to do.
        """
        due = self._sound.size - self._passed >= PASS_SECONDS * RATE
        if due and self._pass is None and (patience or self._transcriber.idle):
            self._passed = self._sound.size
            self._pass = Pass(self._work_ahead(self._sound.open), self._segments.copy())
            if patience:
                wait([self._pass.request], patience)
        if self._pass is not None and self._pass.request.done():
            self._take(self._pass)
            self._pass = None
        return self._transcriber.transcript(" ".join(self._said)) if self._said else None

    def keep(self, samples: int) -> None:
        """Forget what followed; of the segments those stay that were cut before it."""
        self._sound.keep(samples)
        del self._segments[len(self._sound.closed) :]
        self._pass, self._passed, self._last_pass, self._said = None, 0, [], []

    def close(self) -> None:
        """Cancel what has not started, and end the rest at its next step."""
        for request in (self._latest, self._ahead):
            if request is not None:
                request.abandon()

    def _work_ahead(self, rest: np.ndarray) -> Request:
        superseded, self._ahead = self._ahead, self._transcriber.work_ahead(self, self._segments.copy(), rest)
        if superseded is not None:
            superseded.cancel()
        return self._ahead

    def _take(self, done: Pass) -> None:
        if done.request.cancelled() or done.request.exception() is not None:
            return
        words = done.request.result().text.split()
        certain = sum(len(segment.words) for segment in done.segments)
        agreed = words[: max(certain, _agreement(self._last_pass, words))]
        self._last_pass = words
        if len(agreed) > len(self._said):
            self._said = agreed


def _agreement(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words both begin with, whatever their case and punctuation."""
    count = 0
    for mine, yours in zip(one, other, strict=False):
        if _bare(mine) != _bare(yours):
            break
        count += 1
    return count


def _bare(word: str) -> str:
    return "".join(filter(str.isalnum, word)).casefold()
