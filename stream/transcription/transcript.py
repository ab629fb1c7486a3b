"""What a recogniser gives and the protocols it meets (a transcriber a session, a stream an utterance), and
which transcripts the network may read."""

import math
import zlib
from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emotrack.errors import UserError


class RecogniserUnavailable(UserError):
    """A recogniser cannot be had. `reason` is a clause without its full stop, `remedy` the clause with what
    mends it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}.")
        self.reason = reason
        self.remedy = remedy


class TranscriptionError(Exception):
    """A recogniser could not do its work; the text says why, and the utterance goes on without text."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of an utterance; an empty text when none were heard."""

    text: str
    language: str | None
    """ISO 639-1 code, as set or detected."""
    asr: str
    """Name of the recogniser, as in `Transcriber.name`."""
    confidence: float | None
    """Geometric mean of the probabilities that the recogniser gave its tokens; None without words, and while
    they are spoken."""


class TranscriptionStream(Protocol):
    """The transcription of one utterance; used from one thread."""

    def feed(self, samples_16k: np.ndarray) -> None:
        """Take the next audio of the utterance, float32 [n] at 16 kHz within ±1; never waits.

        After `pause`, hold back what follows until speech resumes: if it does not, it is no part of the
        utterance.
        """
        ...

    def pause(self) -> "Future[Transcript]":
        """The transcript of all that was fed so far: a function of that audio, no more.

        Feeding may go on afterwards. A later pause takes the place of an earlier one that is not yet
        answered, whose future is cancelled; a pause without new audio gives the same one. It may fail with
        `TranscriptionError`. Until `conclude` it is speculative: under load it may be put off for as long as
        that does not come.
        """
        ...

    def conclude(self, patience: float = math.inf) -> None:
        """The utterance has ended where it was last paused: that transcript will come, whatever else is asked
        for; never waits.

        After `patience` seconds nobody waits for it any more: whatever somebody waits for may go first.
        """
        ...

    def partial(self, patience: float) -> Transcript | None:
        """The words that can be told of an utterance that is not over; None before there are any.

        They are looked for at times that depend on what was fed and when this was asked, and may differ from
        those at the end. With a `patience` of some seconds what was begun is waited for, so that the words
        depend on nothing else; without, never.
        """
        ...

    def keep(self, samples: int) -> None:
        """Forget all but the first `samples` of what was fed, as if there had been no more."""
        ...

    def close(self) -> None:
        """Done with this utterance: cancels what has not started, and what has ends at its next step."""
        ...


class Transcriber(Protocol):
    """A recogniser; any number of its streams may be open at once."""

    name: str
    """Said in each transcript, so that nobody takes one recogniser's words for another's."""

    @property
    def answered_at(self) -> float:
        """Second of `time.monotonic` at which it was last done with anything, be it of another session; minus
        infinity before."""
        ...

    @property
    def backlog(self) -> float:
        """Seconds for which the longest waiting of the transcripts has waited to be begun that somebody waits
        for, be it of another session; 0 where none does."""
        ...

    def open(self) -> TranscriptionStream:
        """A stream for one utterance."""
        ...

    def close(self) -> None:
        """Cancel what has not started and release threads and memory."""
        ...


FOREIGN = "language"
LOOP = "repeated words"

SURE_WORDS = 3
"""Words from which on a line's own language is believed; a shorter one is taken to be in the language of the
conversation."""
MOST_COMPRESSION = 2.4
"""How much shorter a text may become by compression before it is a loop; Whisper's own threshold."""


class SpokenLanguage:
    """The language of one conversation: that of most of its words so far, by lines that are long enough to
    tell."""

    def __init__(self) -> None:
        self._words: Counter[str] = Counter()

    def snapshot(self) -> dict[str, int]:
        """How many words of each language there were."""
        return dict(self._words)

    def restore(self, words: Mapping[str, int]) -> None:
        """Go on from there."""
        self._words = Counter(words)

    def note(self, transcript: Transcript) -> None:
        """A line of the conversation."""
        if transcript.language is not None and _tells(transcript):
            self._words[transcript.language] += len(transcript.text.split())

    def of(self, transcript: Transcript) -> str | None:
        """The language that a line is in; None where nothing tells."""
        if transcript.language is not None and _tells(transcript):
            return transcript.language
        return self._words.most_common(1)[0][0] if self._words else None


def _tells(transcript: Transcript) -> bool:
    return len(transcript.text.split()) >= SURE_WORDS


def unreadable(transcript: Transcript, language: str | None, languages: Collection[str] | None) -> str | None:
    """Why the network is not to read a transcript in `language`, or None; `languages`: those that it has
    learnt, None for any."""
    if languages is not None and language is not None and language not in languages:
        return FOREIGN
    return LOOP if is_loop(transcript.text) else None


def is_loop(text: str) -> bool:
    """Whether a text is little else than one phrase again and again, as Whisper writes over noise and
    music."""
    written = text.encode()
    return len(written) > MOST_COMPRESSION * len(zlib.compress(written))
