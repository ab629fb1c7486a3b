"""What injections work with: the networks of the process, a folder, patches that are undone, and sessions
under watch, in this process or in one of their own."""

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from emotrack.engines.heads import Heads
from emotrack.engines.open import Encoders
from emotrack.errors import UserError
from emotrack.stream.sources.media import MediaItem, Source
from emotrack.stream.transcription.transcript import Transcriber
from emotrack.stream.wire.protocol.encoding import decode
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.sinks import Sink
from faults.matrix import Observation, Skipped
from faults.watching import Trial
from helpers.media.scripted import LoudnessVad, cheap, sound, up
from helpers.sessions.commands import start
from helpers.sessions.tracking import Workbench

HUSH, LOUD = 1e-3, 0.2
TURN = (0.4, 0.5)
"""Seconds that an utterance of `talk` lasts, and the silence behind it."""
QUICK = (
    "stream.segmentation.hangover=0.2",
    "stream.segmentation.minimum_speech=0.1",
    "stream.segmentation.pre_roll=0.1",
)
HANGING = 30.0
"""Seconds that something hangs for which nobody waits so long."""


def talk(count: int = 4, *, at: float = 0.0) -> list[MediaItem]:
    """Sound in which somebody says `count` utterances from `at` on, one each 0.9 s."""
    return sound(
        *[part for _ in range(count) for part in ((TURN[1], HUSH), (TURN[0], LOUD))], (0.5, HUSH), at=at
    )


def spoken(count: int = 4) -> list[MediaItem]:
    """The same from its beginning."""
    return [*up("audio"), *talk(count)]


class Bench:
    """Lives as long as its process; what a row changes is undone behind it."""

    folder: Path
    """Empty at the begin of each row."""
    patch: pytest.MonkeyPatch
    undo: contextlib.ExitStack
    """What is to be done behind the row."""
    released: threading.Event
    """Set behind the row, for what hangs: see `hang`."""

    @cached_property
    def workbench(self) -> Workbench:
        """The shipped bundle, encoders and recogniser."""
        return Workbench()

    @contextlib.contextmanager
    def row(self) -> Iterator[None]:
        """Around one row."""
        self.released = threading.Event()
        with (
            tempfile.TemporaryDirectory(prefix="faults-") as folder,
            pytest.MonkeyPatch.context() as patch,
            contextlib.ExitStack() as undo,
        ):
            self.folder, self.patch, self.undo = Path(folder), patch, undo
            undo.callback(self.released.set)
            yield

    def hang(self) -> None:
        """Hang, until the row is over."""
        self.released.wait(HANGING)

    @contextlib.contextmanager
    def session(
        self,
        sources: Sequence[str | Source],
        *overrides: str,
        encoders: Encoders | None = None,
        heads: Heads | None = None,
        recogniser: Transcriber | None = None,
        sinks: Sequence[Sink] = (),
        realtime: bool = True,
        loud: bool = True,
        trial: Trial | None = None,
    ) -> Iterator[Trial]:
        """A session in this process that begins at once, at its own pace; where the block ends it is waited
        for.

        Without `encoders` they are cheap stand-ins, and with `loud` all that is loud is speech. Without
        `recogniser` there are no words.
        """
        if loud:
            self.patch.setattr("emotrack.stream.session.loop.SileroVad", LoudnessVad)
        if recogniser is not None:
            self.patch.setattr(self.workbench, "transcriber", recogniser)
        if encoders is None:
            encoders = cheap(self.workbench.encoders)
        trial = trial or Trial()
        loop, collector = self.workbench.loop(
            sources,
            *QUICK,
            *overrides,
            realtime=realtime,
            transcribe=recogniser is not None,
            encoders=encoders,
            heads=heads,
            sinks=sinks,
        )
        collector.react = trial.take
        trial.stop = loop.stop

        def run() -> None:
            try:
                loop.run()
            except BaseException as failure:  # noqa: BLE001 - whatever a session fails with is looked at
                trial.failure = failure
            finally:
                trial.end()

        threading.Thread(target=run, name="session", daemon=True).start()
        yield trial
        trial.wait()

    @contextlib.contextmanager
    def process(
        self, *arguments: str, process: "subprocess.Popen[Any] | None" = None, **options: Any
    ) -> Iterator[Trial]:
        """`emotrack run` in a process of its own (or `process`, which is one), which tells its messages on
        its standard output; where the block ends it is waited for."""
        started = process or start("run", *arguments, "--jsonl", "-", **options)
        trial = Trial()
        trial.process = started
        trial.stop = started.terminate
        self.undo.callback(_end, started)

        def listen() -> None:
            assert started.stdout is not None
            with contextlib.suppress(ValueError):
                for line in started.stdout:
                    with contextlib.suppress(Exception):  # the last may be torn
                        trial.take(_decoded(line))
            started.wait()
            trial.end()

        def heed() -> None:
            assert started.stderr is not None
            with contextlib.suppress(ValueError):
                for line in started.stderr:
                    trial.said.append(line.rstrip("\n"))

        for function in (listen, heed):
            threading.Thread(target=function, daemon=True).start()
        yield trial
        trial.wait()

    def refused(
        self,
        call: Callable[[], object],
        *,
        kinds: tuple[type[Exception], ...] = (UserError,),
        grows: float = 300.0,
    ) -> Observation:
        """What is refused by one sentence, without memory beyond `grows` MB."""
        before = _peak()
        began = time.monotonic()
        complaints: list[str] = []
        sentence = ""
        try:
            call()
        except kinds as refusal:
            sentence = str(refusal)
        except Exception as failure:  # noqa: BLE001 - what a user would see a traceback of
            complaints.append(f"raises {type(failure).__name__}: {str(failure)[:200]}")
        else:
            complaints.append("is taken")
        took = time.monotonic() - began
        if "\n" in sentence:
            complaints.append("says more than one line")
        if _peak() - before > grows:
            complaints.append(f"takes {_peak() - before:.0f} MB")
        return Observation(sentence, took if sentence else None, complaints=tuple(complaints))


def _decoded(line: str | bytes) -> Message:
    return decode(line.encode() if isinstance(line, str) else line)


def _peak() -> float:
    """The most memory that this process has had, in MB."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    raise Skipped("this system does not tell how much memory a process has had")


def _end(process: "subprocess.Popen[Any]") -> None:
    process.kill()
    process.wait()


def environment(**changes: str) -> dict[str, str]:
    """That of this process, changed."""
    return {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **changes}
