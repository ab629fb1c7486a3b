"""One utterance on its way from its first sound to its final label."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emotrack.stream.hearing.audio import BLOCK_SECONDS, AudioBlock
from emotrack.stream.hearing.description import AudioDescription
from emotrack.stream.transcription.transcript import Transcript, TranscriptionStream
from emotrack.streaming import State, checked

PLAIN = (
    *(
        "number",
        "feed",
        "start",
        "silence",
        "heard_until",
        "last_partial",
        "paused",
        "resumptions",
        "revision",
        "end",
    ),
    *("endpoint", "endpoint_arrived_ns"),
)
"""What of an utterance is a plain value."""


@dataclass(slots=True, eq=False)
class Utterance:
    """What is known of an utterance; audio parts are None for windows in which nobody speaks."""

    number: int
    feed: int
    start: float
    """Session time of the first sample, seconds."""
    silence: str | None = None
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
    resumptions: int = 0
    """How often it went on after a pause, or its words were forgotten: what was made of it before holds no
    more."""
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
    def size(self) -> int:
        """Bytes of its sound, with what the recogniser keeps of it."""
        return sum(block.samples_32k.nbytes + 2 * block.samples_16k.nbytes for block in self.blocks)

    @property
    def heard(self) -> range:
        """The blocks of its feed that it is; none for a window."""
        return range(self.blocks[0].index, self.blocks[-1].index + 1) if self.blocks else range(0)

    @property
    def edges(self) -> tuple[float, ...]:
        """Session times at which these begin, and at which the last one ends."""
        return (*(block.time for block in self.blocks), self.blocks[-1].end) if self.blocks else ()

    @property
    def waited(self) -> float:
        """Seconds since its endpoint became known."""
        return (time.monotonic_ns() - self.endpoint_arrived_ns) / 1e9

    @property
    def has_words(self) -> bool:
        """Whether the recogniser is done with it, or was never asked."""
        return self.transcription is None if self.transcript is None else self.transcript.done()

    @property
    def transcribe_ms(self) -> float | None:
        """From the request for the transcript until it was there; None while it is not."""
        if self.transcript is None or not self.transcript.done() or self.transcript.cancelled():
            return None
        return ((time.perf_counter() if self.answered_at is None else self.answered_at) - self.asked_at) * 1e3

    def reset(self) -> None:
        """Forget what was heard, keeping the number, the feed and the start."""
        self.release()
        self.blocks, self.held, self.description, self.transcript = [], [], None, None
        self.paused, self.end, self.heard_until, self.last_partial = False, None, 0.0, self.start
        self.resumptions += 1

    def snapshot(self) -> State:
        """All of it but what describes and transcribes it, which is attached again and hears it once more."""
        plain = {name: getattr(self, name) for name in PLAIN}
        return {**plain, "blocks": _packed(self.blocks), "held": _packed(self.held)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Be the utterance of a snapshot, with nothing attached; raises `UserError` where the snapshot is
        none."""
        checked(state, self.snapshot(), "an utterance")
        for name in PLAIN:
            setattr(self, name, state[name])
        self.blocks, self.held = _unpacked(state["blocks"]), _unpacked(state["held"])
        self.description = self.transcription = self.transcript = None

    def attach(self, description: AudioDescription | None, transcription: TranscriptionStream | None) -> None:
        """Have what it has taken in, and all that follows, described and transcribed by these."""
        self.description, self.transcription = description, transcription
        for block in self.blocks:
            self._pass_on(block)

    def take(self, block: AudioBlock) -> None:
        """A block of the utterance: taken in, or held back while it is not known whether the utterance goes
        on."""
        if self.paused:
            self.held.append(block)
        else:
            self._extend(block)

    def pause(self, blocks: int) -> None:
        """Speech may have ended with the first `blocks` blocks, which are all of them as a rule."""
        if excess := self.blocks[blocks:]:
            self.cut(blocks)
            self.held = excess + self.held
        self.paused = True

    def resume(self) -> None:
        """Speech goes on after a pause: the silence between belongs to the utterance, what was computed at
        the pause does not."""
        self.paused = False
        self._discard()
        for block in self.held:
            self._extend(block)
        self.held.clear()

    def cut(self, blocks: int) -> None:
        """Only the first `blocks` blocks belong to it; what was made of more holds no longer."""
        self._discard()
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

    def conclude(self, patience: float) -> None:
        """It has ended: the transcript that was asked for is its last, and is not put off any more for
        `patience` seconds."""
        if self.transcription is not None:
            self.transcription.conclude(patience)

    def fail_words(self, failure: Exception) -> None:
        """No transcript will come, for this reason."""
        self.release()
        self.transcript = Future()
        self.transcript.set_exception(failure)

    def forget_words(self) -> None:
        """No transcript is wanted any more."""
        self.release()
        self.transcript = None
        self.resumptions += 1

    def release(self) -> None:
        """Let go of the recogniser; a transcript that is not there yet will not come."""
        if self.transcription is not None:
            self.transcription.close()
            self.transcription = None

    def _discard(self) -> None:
        """What was computed at a pause does not hold."""
        self.resumptions += 1
        discarded, self.transcript = self.transcript, None
        if discarded is not None:
            discarded.cancel()

    def _transcribed(self, transcript: Future[Transcript]) -> None:
        if transcript is self.transcript:
            self.answered_at = time.perf_counter()

    def _extend(self, block: AudioBlock) -> None:
        self.blocks.append(block)
        self.heard_until = block.end
        self._pass_on(block)

    def _pass_on(self, block: AudioBlock) -> None:
        if self.description is not None:
            self.description.extend(block)
        if self.transcription is not None:
            self.transcription.feed(block.samples_16k)


def _packed(blocks: Sequence[AudioBlock]) -> State:
    """Blocks as arrays: indices int64 [n], times float64 [n], samples float32 [n, 1024] and [n, 512]."""
    return {
        "index": np.array([block.index for block in blocks], np.int64),
        "time": np.array([block.time for block in blocks], np.float64),
        "samples_32k": np.array([block.samples_32k for block in blocks], np.float32),
        "samples_16k": np.array([block.samples_16k for block in blocks], np.float32),
    }


def _unpacked(state: Mapping[str, Any]) -> list[AudioBlock]:
    rows = zip(
        state["index"].tolist(),
        state["time"].tolist(),
        state["samples_32k"],
        state["samples_16k"],
        strict=True,
    )
    return [AudioBlock(index, time, full.copy(), half.copy()) for index, time, full, half in rows]
