"""One utterance on its way from its first sound to its final label."""

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from emotrack.stream.hearing.audio import BLOCK_SECONDS, AudioBlock
from emotrack.stream.hearing.description import AudioDescription
from emotrack.stream.transcription.transcript import Transcript, TranscriptionStream

if TYPE_CHECKING:
    from emotrack.stream.labelling import Answer


@dataclass(slots=True, eq=False)
class Utterance:
    """What is known of an utterance; audio parts are None for the windows of a feed without sound."""

    number: int
    feed: int
    start: float
    """Session time of the first sample, seconds."""
    silence: str = "no audio"
    """Why there is no audio, for a window."""
    description: AudioDescription | None = None
    transcription: TranscriptionStream | None = None
    heard_until: float = 0.0
    """Session time up to which audio was taken in (for a window: up to which it was watched)."""
    last_partial: float = 0.0
    blocks: list[AudioBlock] = field(default_factory=list)
    held: list[AudioBlock] = field(default_factory=list)
    """Silence since a pause: it belongs to the utterance only if speech resumes."""
    paused: bool = False
    transcript: Future[Transcript] | None = None
    asked_at: float = 0.0
    """When the transcript was asked for (seconds of `time.perf_counter`)."""
    answered_at: float | None = None
    """When it was there; told by the recogniser's own thread, and therefore perhaps a moment after that."""
    waited_in_vain: bool = False
    """Whether a label waited for its words while it was open, and got no answer."""
    revision: int = 0
    answer: "Answer | None" = None
    """Computed at a pause, before it is known whether the utterance has ended there."""
    end: float | None = None
    """Session time of the end; set at the endpoint."""
    endpoint: float = 0.0
    """Session time at which the endpoint was decided."""
    endpoint_arrived_ns: int = 0

    @property
    def audio_16k(self) -> np.ndarray:
        """What was heard of it: float32 [n] at 16 kHz, empty for a window."""
        return np.concatenate([np.zeros(0, np.float32), *(block.samples_16k for block in self.blocks)])

    @property
    def waited(self) -> float:
        """Seconds since its endpoint became known."""
        return (time.monotonic_ns() - self.endpoint_arrived_ns) / 1e9

    @property
    def has_words(self) -> bool:
        """Whether the recogniser is done with it, or was never asked."""
        return self.transcription is None if self.transcript is None else self.transcript.done()

    @property
    def is_being_transcribed(self) -> bool:
        """Whether the recogniser is at work on the transcript that was asked for last."""
        return self.transcript is not None and self.transcript.running()

    @property
    def transcribe_ms(self) -> float | None:
        """From the request for the transcript until it was there; None while it is not."""
        if self.transcript is None or not self.transcript.done() or self.transcript.cancelled():
            return None
        return ((time.perf_counter() if self.answered_at is None else self.answered_at) - self.asked_at) * 1e3

    def take(self, block: AudioBlock) -> None:
        """A block of the utterance: taken in, or held back while it is not known whether the utterance goes on."""
        if self.paused:
            self.held.append(block)
        else:
            self._extend(block)

    def pause(self) -> None:
        """Speech may have ended here."""
        self.paused = True

    def resume(self) -> None:
        """Speech goes on after a pause: the silence between belongs to the utterance, what was computed at the pause does not."""
        self.paused = False
        self.answer = None
        discarded, self.transcript = self.transcript, None
        if discarded is not None:
            discarded.cancel()
        for block in self.held:
            self._extend(block)
        self.held.clear()

    def cut(self, blocks: int) -> None:
        """Only the first `blocks` blocks belong to it."""
        del self.blocks[blocks:]
        self.heard_until = self.blocks[-1].end
        if self.description is not None:
            self.description.keep(blocks * BLOCK_SECONDS)
        if self.transcription is not None:
            self.transcription.keep(sum(block.samples_16k.size for block in self.blocks))

    def transcribe(self) -> None:
        """Ask for the transcript of what was heard, unless that was done already."""
        if self.transcription is not None and self.transcript is None:
            self.asked_at, self.answered_at = time.perf_counter(), None
            self.transcript = self.transcription.pause()
            self.transcript.add_done_callback(self._transcribed)

    def conclude(self) -> None:
        """It has ended: the transcript that was asked for is its last, and is not put off any more."""
        if self.transcription is not None:
            self.transcription.conclude()

    def fail_words(self, failure: Exception) -> None:
        """No transcript will come, for this reason."""
        self.release()
        self.transcript = Future()
        self.transcript.set_exception(failure)

    def forget_words(self) -> None:
        """No transcript is wanted any more."""
        self.release()
        self.transcript = self.answer = None

    def release(self) -> None:
        """Let go of the recogniser; a transcript that is not there yet will not come."""
        if self.transcription is not None:
            self.transcription.close()
            self.transcription = None

    def _transcribed(self, transcript: Future[Transcript]) -> None:
        if transcript is self.transcript:
            self.answered_at = time.perf_counter()

    def _extend(self, block: AudioBlock) -> None:
        self.blocks.append(block)
        self.heard_until = block.end
        if self.description is not None:
            self.description.extend(block)
        if self.transcription is not None:
            self.transcription.feed(block.samples_16k)
