"""The command line as users meet it: in this process where that is enough, as a process of its own where
signals matter."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from emotrack.cli.__main__ import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def sentences(self) -> list[str]:
        """What was said on stderr, without the notices of a session that begins."""
        return [line for line in self.err.splitlines() if "loading the networks" not in line]


def emotrack(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Outcome:
    """Run the command line in this process."""
    monkeypatch.setattr(sys, "argv", ["emotrack", *arguments])
    capfd.readouterr()
    try:
        main()
        code = 0
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    captured = capfd.readouterr()
    return Outcome(code, captured.out, captured.err)


def start(*arguments: str, **options: Any) -> "subprocess.Popen[str]":
    """The command line in a process of its own, its stdout and stderr piped."""
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-m", "emotrack.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        **options,
    )
    return process


@contextlib.contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe that takes no more."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 512)
        os.set_blocking(writing, True)
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


def as_a_terminal_starts_it() -> None:
    """For a child, before it runs: tests that were started in the background, or to outlive their terminal,
    hand down that signals are ignored, and the command line respects it."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
