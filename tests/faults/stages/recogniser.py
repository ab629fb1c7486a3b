"""The recogniser fails, hangs, lies or dies: labels come without words, and say so."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np

from emotrack.stream.transcription.transcript import Transcript, TranscriptionError
from emotrack.stream.transcription.whisper import recogniser as whisper
from emotrack.stream.transcription.whisper.decoding import decode
from emotrack.stream.wire.protocol.messages import Message
from faults.bench import Bench, spoken
from faults.breaking import Struck
from faults.matrix import HELD, NEW, Observation, fault
from faults.watching import Trial, is_final, present
from helpers.media.scripted import Recogniser, Scripted, Words, by_time, clip_line, up
from helpers.sessions.tracking import settings

MODALITIES = "stream.modalities=[text,audio]"
COUNT = 5


def hearing(
    bench: Bench,
    recogniser: Any,
    trial: Trial,
    *overrides: str,
    count: int = COUNT,
    recovers: bool = False,
    realtime: bool = True,
) -> Observation:
    """A session with a recogniser that the trial knows the strike of."""
    source = Scripted("desk", spoken(count))
    with bench.session(
        [source], MODALITIES, *overrides, recogniser=recogniser, trial=trial, realtime=realtime
    ):
        pass
    return trial.observe(count, well=present("text") if recovers else None)


class Faulty(Recogniser):
    """A recogniser whose streams do something else from the third utterance on (up to `until`)."""

    def __init__(self, trial: Trial, change: Callable[["Words"], None], until: int = 10_000) -> None:
        super().__init__(0.05)
        self._trial, self._change, self._until = trial, change, until

    def open(self) -> Words:
        words = super().open()
        if 2 < self._opened <= self._until:
            self._change(words)
        return words


def _changes(
    name: str,
    make: Callable[[Bench, Trial], Callable[[Words], None]],
    *,
    until: int = 10_000,
    short: bool = False,
    told: bool = True,
    origin: str = NEW,
) -> None:
    def inject(bench: Bench) -> Observation:
        trial = Trial()
        recogniser = Faulty(trial, make(bench, trial), until)
        return hearing(bench, recogniser, trial, recovers=until < 10_000)

    fault("recogniser", name, origin, short=short, lasting=until >= 10_000, told=told)(inject)


def answering(answer: Callable[[], Any]) -> Callable[[Bench, Trial], Callable[[Words], None]]:
    """Each pause is answered with what this gives, or fails with what it raises."""

    def make(_: Bench, trial: Trial) -> Callable[[Words], None]:
        def pause() -> "Future[Transcript]":
            asked: Future[Transcript] = Future()
            trial.strike()
            try:
                asked.set_result(answer())
            except BaseException as failure:  # noqa: BLE001 - it is the answer
                asked.set_exception(failure)
            return asked

        def change(words: Words) -> None:
            words.pause = pause  # type: ignore[method-assign]  # of this one

        return change

    return make


def failing(failure: BaseException) -> Callable[[], Any]:
    """Fails with this."""

    def fail() -> Any:
        raise failure

    return fail


def calling(function: str) -> Callable[[Bench, Trial], Callable[[Words], None]]:
    """A function of the stream raises."""

    def make(_: Bench, trial: Trial) -> Callable[[Words], None]:
        def broken(*given: Any) -> Any:
            trial.strike()
            raise RuntimeError("the recogniser is on fire")

        return lambda words: setattr(words, function, broken)

    return make


def hanging(function: str) -> Callable[[Bench, Trial], Callable[[Words], None]]:
    """A function of the stream, which is never to wait, hangs."""

    def make(bench: Bench, trial: Trial) -> Callable[[Words], None]:
        def broken(*given: Any) -> Any:
            trial.strike()
            bench.hang()

        return lambda words: setattr(words, function, broken)

    return make


def said(text: str, confidence: float | None = None) -> Callable[[], Transcript]:
    """Answers with this text."""
    return lambda: Transcript(text, "en", "words", confidence)


_changes("fails once", answering(failing(TranscriptionError("out of memory"))), until=3, short=True)
_changes("fails each time", answering(failing(TranscriptionError("out of memory"))))
_changes("fails with MemoryError", answering(failing(MemoryError())))
_changes("fails with SystemExit", answering(failing(SystemExit(1))))
_changes("answers with None", answering(lambda: None))
_changes("answers with a number", answering(lambda: 7))
_changes("answers with a text that is none", answering(lambda: Transcript(None, "en", "words", None)))  # type: ignore[arg-type]  # a lie
_changes("answers with escapes", answering(said("\x1b[2J\x1b]0;owned\x07 hello")), told=False)
_changes("answers with surrogates", answering(said("\udce9 hello")))
_changes("answers with 5 MB of words", answering(said("word " * 1_000_000)))
_changes("answers with the same word 10,000 times", answering(said("no " * 10_000)), told=False)
_changes("answers with a certainty that is no number", answering(said("hello there you", float("nan"))))
_changes("answers with a certainty of 7", answering(said("hello there you", 7.0)))
_changes(
    "answers with a language of 10,000 letters",
    answering(lambda: Transcript("hello there", "x" * 10_000, "w", None)),
)
_changes("cannot be fed", calling("feed"))
_changes("cannot be asked", calling("pause"))
_changes("cannot be closed", calling("close"), told=False)  # its words are there by then: nothing is lacking
_changes("cannot tell partial words", calling("partial"))
_changes("hangs as it is fed", hanging("feed"))
_changes("hangs as it is asked", hanging("pause"))


@fault("recogniser", "cannot be opened from the third utterance on")
def cannot_open(bench: Bench) -> Observation:
    trial = Trial()

    class Closed(Recogniser):
        def open(self) -> Words:
            if self._opened >= 2:
                trial.strike()
                raise RuntimeError("no more streams")
            return super().open()

    return hearing(bench, Closed(0.05), trial)


def _hangs(name: str, *, realtime: bool, short: bool = False, until: int = 10_000) -> None:
    def inject(bench: Bench) -> Observation:
        trial = Trial()
        if not realtime:  # such a run has time, minutes of it, which are seconds here
            bench.patch.setattr("emotrack.stream.labels.describer.WORDS_SECONDS", 0.3)
            bench.patch.setattr("emotrack.stream.labels.waiting.ended.REQUEST_SECONDS", 0.5)
            bench.patch.setattr("emotrack.stream.labels.waiting.ended.REQUEST_SHARE", 0.3)

        def delay(opened: int) -> float | None:
            if 2 <= opened < until:
                trial.strike()
                return None
            return 0.05

        return hearing(bench, Recogniser(delay), trial, count=6, realtime=realtime, recovers=until < 10_000)

    fault("recogniser", name, "3", short=short, lasting=until >= 10_000)(inject)


_hangs("hangs for ever", realtime=True, short=True)
_hangs("hangs for ever, in a run without a clock", realtime=False)
_hangs("hangs for two utterances", realtime=True, until=4)


@fault("recogniser", "takes 8 s for each utterance: the machine is too slow for it", "4")
def slow(bench: Bench) -> Observation:
    trial = Trial()
    observation = hearing(bench, _slowly(trial, 8.0), trial, count=10)
    late = [
        final.timing_ms.total
        for final in trial.finals()
        if final.timing_ms.total is not None and final.timing_ms.total > 1_500
    ]
    return _with(
        observation,
        f"{len(late)} finals later than 1.5 s, the latest by {max(late) / 1e3:.1f} s" if late else None,
    )


def _slowly(trial: Trial, seconds: float) -> Recogniser:
    def delay(opened: int) -> float:
        if opened >= 2:
            trial.strike()
            return seconds
        return 0.05

    return Recogniser(delay)


def _with(observation: Observation, complaint: str | None) -> Observation:
    from dataclasses import replace

    return (
        observation
        if complaint is None
        else replace(observation, complaints=(*observation.complaints, complaint))
    )


class Child(Recogniser):
    """A recogniser that has its work done by a process, as some do."""

    def __init__(self) -> None:
        super().__init__(0.05)
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self.process = context.Process(target=_answer, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self._lock = threading.Lock()
        self.struck: Callable[[], None] = lambda: None
        """Called when it is asked; before that nobody can know that its process is not well."""
        self.ask()  # once that has begun: until then words are late anyway, which is told

    def ask(self) -> str:
        """Words, from the process."""
        self.struck()
        with self._lock:
            try:
                self._ours.send("words")
                return str(self._ours.recv())
            except (EOFError, OSError) as dead:
                raise TranscriptionError("the recogniser's process has died") from dead

    def open(self) -> Words:
        words = super().open()

        def pause() -> "Future[Transcript]":
            asked: Future[Transcript] = Future()

            def answer() -> None:
                asked.set_running_or_notify_cancel()
                try:
                    asked.set_result(Transcript(self.ask(), "en", "child", None))
                except TranscriptionError as failure:
                    asked.set_exception(failure)
                self.answered_at = time.monotonic()

            threading.Thread(target=answer, daemon=True).start()
            return asked

        words.pause = pause  # type: ignore[method-assign]  # of this one
        return words


def _answer(pipe: Any) -> None:
    while True:
        pipe.recv()
        time.sleep(0.05)
        pipe.send("so are you coming")


def _signalled(name: str, number: int, origin: str) -> None:
    def inject(bench: Bench) -> Observation:
        child = Child()
        bench.undo.callback(child.process.kill)
        trial = Trial()

        def react(message: Message) -> None:
            if is_final(message) and len(trial.finals()) == 2:
                assert child.process.pid is not None
                os.kill(child.process.pid, number)
                child.struck = trial.strike

        trial.react = react
        return hearing(bench, child, trial, count=8)

    fault("recogniser", name, origin)(inject)


_signalled("its process is killed", signal.SIGKILL, HELD)
_signalled("its process is stopped", signal.SIGSTOP, NEW)


def _whisper(name: str, failure: BaseException, *, times: int | None, short: bool = False) -> None:
    """Whisper itself, whose decoding fails as CTranslate2 does."""

    def inject(bench: Bench) -> Observation:
        trial = Trial()

        def fail(*_: Any, **__: Any) -> Any:
            raise failure

        struck = Struck(decode, fail, trial, after=0, times=times)
        bench.patch.setattr(whisper, "decode", struck)
        lines = [clip_line(number, at=4.2 * place, pictures=False) for place, number in enumerate((0, 1))]
        source = Scripted("clip", by_time(up("audio"), *lines))
        recogniser = bench.workbench.transcriber
        encoders = bench.workbench.encoders
        with bench.session(
            [source], MODALITIES, recogniser=recogniser, encoders=encoders, trial=trial, loud=False
        ):
            pass
        return trial.observe(2, well=present("text") if times is not None else None)

    fault("recogniser", name, short=short, lasting=times is None)(inject)


_whisper("Whisper fails for want of memory, each time", RuntimeError("out of memory"), times=None)
_whisper("Whisper raises MemoryError", MemoryError(), times=None)


def _weights(name: str, damage: Callable[[Bench], list[str]]) -> None:
    def inject(bench: Bench) -> Observation:
        from emotrack.stream.transcription.open import open_transcriber

        overrides = damage(bench)
        remarks: list[str] = []
        began = time.monotonic()
        transcriber = open_transcriber(settings(*overrides).stream.transcription, remarks.append)
        took = time.monotonic() - began
        complaints = () if transcriber is None else ("it is opened",)
        if transcriber is not None:
            transcriber.close()
        return Observation(" ".join(remarks), took if remarks else None, complaints=complaints)

    fault("recogniser", name)(inject)


def _empty(bench: Bench) -> list[str]:
    return [f"stream.transcription.model={bench.folder}"]


def _garbage(bench: Bench) -> list[str]:
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        (bench.folder / name).write_bytes(np.random.default_rng(0).bytes(5_000))
    return [f"stream.transcription.model={bench.folder}"]


_weights("its weights are not there", _empty)
_weights("its weights are garbage", _garbage)
