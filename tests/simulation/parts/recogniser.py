"""A simulated recogniser: answers in time, late, never, with an error or with nonsense, and to questions that
were replaced meanwhile not at all."""

import math
from concurrent.futures import Future
from random import Random
from typing import Any, cast

import numpy as np

from emotrack.stream.transcription.transcript import Transcript, TranscriptionError
from simulation.machine import Machine
from simulation.parts.networks import Spells
from simulation.plan import RecogniserPlan

WORDS = ("so", "are", "you", "coming", "with", "us", "no", "never", "!", "?")
ANSWER = "answer"
"""Name of the threads that answer."""
NONSENSE: tuple[object, ...] = (
    None,
    "words",
    Transcript("a" * 20_000, "en", "simulated", 0.5),
    Transcript("so", "en", "simulated", math.nan),
    Transcript("so \ud800", "en", "simulated", 0.5),
)


class SimulatedRecogniser:
    """A `Transcriber`; `streams` are all that were ever opened."""

    name = "simulated"

    def __init__(self, plan: RecogniserPlan, machine: Machine, seed: int) -> None:
        self.plan = plan
        self.machine = machine
        self.random = Random(f"recogniser {seed}")
        self.spells = Spells(plan.trouble, f"recogniser trouble {seed}")
        self.streams: list[SimulatedStream] = []
        self.free_at = 0.0
        self.answered_at = -math.inf

    def open(self) -> "SimulatedStream":
        self.may_fail()
        stream = SimulatedStream(self)
        self.streams.append(stream)
        return stream

    def close(self) -> None:
        pass

    @property
    def backlog(self) -> float:
        """See `Transcriber`."""
        return max((stream.backlog for stream in self.streams), default=0.0)

    def may_fail(self, stream: "SimulatedStream | None" = None) -> bool:
        """Raise, where this call is one of those that fail; else whether what it gives is nonsense."""
        kind = self.spells.next()
        if kind == "raises":
            if stream is not None:
                stream.failed = True
            raise RuntimeError("the model is gone")
        return kind is not None

    def delay(self) -> float:
        """Seconds until the next question begins to be answered, which takes no further time."""
        plan, random = self.plan, self.random
        seconds = plan.slow if random.random() < plan.slow_share else plan.delay * random.uniform(0.5, 1.5)
        if not plan.one_by_one:
            return seconds
        self.free_at = max(self.free_at, self.machine.seconds) + seconds
        return self.free_at - self.machine.seconds


class SimulatedStream:
    """One utterance."""

    def __init__(self, recogniser: SimulatedRecogniser) -> None:
        self.closed = False
        self.failed = False
        """Whether it has raised: such a one is used no more, and not closed either."""
        self._recogniser = recogniser
        self._samples = 0
        self._asked: Future[Transcript] | None = None
        self._asked_of = -1
        self._asked_at = 0.0
        self._awaited_until = -math.inf

    def feed(self, samples_16k: np.ndarray) -> None:
        if self._recogniser.random.random() < 0.02:
            self._recogniser.may_fail(self)
        self._samples += len(samples_16k)

    def pause(self) -> "Future[Transcript]":
        nonsense = self._recogniser.may_fail(self)
        if self._asked is not None and self._asked_of == self._samples and not self._asked.cancelled():
            return self._asked
        if self._asked is not None:
            self._asked.cancel()
        asked: Future[Transcript] = Future()
        self._asked, self._asked_of = asked, self._samples
        recogniser = self._recogniser
        self._asked_at = recogniser.machine.seconds
        if recogniser.random.random() < recogniser.plan.silent_share:
            return asked
        said = recogniser.random.choice(NONSENSE) if nonsense else self._words()
        delay, fails = recogniser.delay(), recogniser.spells.next() == "raises"

        def answer() -> None:
            recogniser.machine.sleep(delay * 0.5)
            if not asked.set_running_or_notify_cancel():
                return
            recogniser.machine.sleep(delay * 0.5)
            recogniser.answered_at = recogniser.machine.now_ns / 1e9
            if fails or self.closed:
                asked.set_exception(TranscriptionError("nobody heard it" if fails else "it was abandoned"))
            else:
                asked.set_result(cast(Any, said))

        recogniser.machine.spawn(answer, ANSWER)
        return asked

    def conclude(self, patience: float = math.inf) -> None:
        self._awaited_until = self._recogniser.machine.seconds + patience

    @property
    def backlog(self) -> float:
        """Seconds for which its question has waited, as long as somebody waits for the answer."""
        now, asked = self._recogniser.machine.seconds, self._asked
        waits = asked is not None and not asked.running() and not asked.done()
        return now - self._asked_at if waits and now < self._awaited_until else 0.0

    def partial(self, patience: float) -> Transcript | None:
        nonsense = self._recogniser.may_fail(self)
        if patience and self._recogniser.plan.delay > 1.0:
            self._recogniser.machine.sleep(patience)
            return None
        return cast(Any, NONSENSE[1]) if nonsense else self._words() if self._samples > 20_000 else None

    def keep(self, samples: int) -> None:
        self._samples = samples

    def close(self) -> None:
        self.closed = True
        if self._asked is not None:
            self._asked.cancel()

    def _words(self) -> Transcript:
        blocks = self._samples // 512
        return Transcript(" ".join(WORDS[int(digit)] for digit in str(blocks**3)), "en", "simulated", 0.9)
