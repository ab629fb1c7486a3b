"""One utterance as Whisper hears it: in segments that are transcribed while it lasts, so that at its end only
the last one is left."""

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.transcription.turns import Request
from emotrack.stream.transcription.whisper.decoding import LONGEST_SECONDS, NOTHING, RATE, Decoded

QUIET_SECONDS = 0.1
"""Length of the moment whose middle is cut at."""


class Segments:
    """Sound in segments of half to the whole of `longest` samples, each cut at the quietest moment in
    between.

    Only the last, which is open, still changes. It is cut once it has `longest` samples, by those alone,
    however they came.
    """

    def __init__(self, longest: int, rate: int) -> None:
        self.closed: list[np.ndarray] = []
        """Segments that have ended, float32 [n] each."""
        self.size = 0
        """Samples altogether."""
        self._open: list[np.ndarray] = []  # what follows them, as it came
        self._open_size = 0
        self._longest = longest
        self._moment = round(QUIET_SECONDS * rate)

    @property
    def open(self) -> np.ndarray:
        """The last segment as far as it is known, float32 [n]; it may be empty."""
        return np.concatenate([np.empty(0, np.float32), *self._open])

    def extend(self, samples: np.ndarray) -> None:
        """Take the next sound, float32 [n]."""
        self._open.append(samples)
        self._open_size += samples.size
        self.size += samples.size
        while self._open_size >= self._longest:
            sound = self.open
            cut = self._quietest(sound[: self._longest])
            self.closed.append(sound[:cut])
            self._open, self._open_size = [sound[cut:]], sound.size - cut

    def keep(self, samples: int) -> None:
        """Forget all but the first `samples`, and every cut that was made by what followed them."""
        known = np.concatenate([*self.closed, self.open])[:samples]
        self.closed, self._open, self._open_size, self.size = [], [], 0, 0
        self.extend(known)

    def _quietest(self, sound: np.ndarray) -> int:
        """The middle of the quietest moment in the second half."""
        half = self._longest // 2
        energy = np.cumsum(np.concatenate([[0.0], sound[half:].astype(np.float64) ** 2]))
        moments = energy[self._moment :] - energy[: -self._moment]
        return half + int(np.argmin(moments)) + self._moment // 2


PASS_SECONDS = 1.5
"""New sound that is worth another pass."""


class Segment:
    """A stretch of sound that does not change any more; decoded once, by whoever needs it first, on any
    thread."""

    def __init__(self, samples: np.ndarray) -> None:
        self.given_up = False
        """Whether nobody will ask for its words again: what is begun of it may end at its next step."""
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


class SharedTranscriber(Protocol):
    """What a stream asks of the session's share in the model."""

    @property
    def idle(self) -> bool:
        """Whether everything that the session asked for is done."""
        ...

    def ask(self, segments: Sequence[Segment], rest: np.ndarray) -> Request:
        """Ask for the transcript of one utterance, on the chance that it has ended."""
        ...

    def work_ahead(self, stream: "WhisperStream", segments: Sequence[Segment], rest: np.ndarray) -> Request:
        """Have segments decoded once there is time for that."""
        ...

    def conclude(self, request: Request, patience: float) -> None:
        """The utterance has ended: the transcript will be needed, within `patience` seconds if possible."""
        ...

    def transcript(self, text: str) -> Transcript:
        """What was heard, in the recogniser's name."""
        ...


class WhisperStream:
    """One utterance; see `TranscriptionStream`."""

    def __init__(self, transcriber: SharedTranscriber) -> None:
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
        """The transcript of what was fed so far, in the place of an earlier pause that is not answered
        yet."""
        if self._latest is None or self._latest.cancelled() or self._answered != self._sound.size:
            superseded, self._latest = (
                self._latest,
                self._transcriber.ask(self._segments.copy(), self._sound.open),
            )
            self._answered = self._sound.size
            for unwanted in (superseded, self._ahead):
                if unwanted is not None:
                    unwanted.abandon()
        return self._latest

    def conclude(self, patience: float = math.inf) -> None:
        """The last pause was the end."""
        if self._latest is not None:
            self._transcriber.conclude(self._latest, patience)

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
        for segment in self._segments:
            segment.given_up = True
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
