"""Why a label was given, on demand: `emotrack explain` in a process of its own, one at a time.

It loads the networks, which takes seconds and memory that the dashboard itself does without.
"""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import msgspec

from emotrack.notify import plain, shorten

SECONDS = 120.0
"""That one explanation may take."""
WAITING = 4
"""Utterances that may wait for their turn."""
KEPT = 256
"""Explanations that need not be made again."""
LONGEST_SENTENCE = 500
COMMAND = (sys.executable, "-m", "emotrack.cli", "explain")


class NoExplanation(Exception):
    """An utterance that cannot be explained now; the text says why in one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        """`status`: HTTP's word for it."""
        super().__init__(sentence)
        self.status = status


class Explanations:
    """Explanations of the utterances whose evidence is in a folder, which may be another from one session to
    the next."""

    def __init__(self, folder: Callable[[], Path | None]) -> None:
        self._folder = folder
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[Path, bytes] = OrderedDict()
        self._made: dict[Path, asyncio.Task[bytes]] = {}

    async def of(self, utterance: int) -> bytes:
        """The explanation as JSON, as `emotrack explain --json -` writes it; raises `NoExplanation`."""
        folder = self._folder()
        if folder is None or not folder.is_dir():
            raise NoExplanation(
                404,
                "No evidence was kept, so nothing can be explained: `emotrack run SOURCE --record DIR "
                "--keep-evidence` keeps words, voice and faces for that.",
            )
        evidence = folder / f"utterance-{utterance:06}.safetensors"
        if evidence in self._kept:
            self._kept.move_to_end(evidence)
            return self._kept[evidence]
        if not evidence.is_file():
            raise NoExplanation(404, f"Nothing was kept of utterance {utterance}.")
        if (task := self._made.get(evidence)) is None:
            if len(self._made) >= WAITING:
                raise NoExplanation(503, "Other utterances are being explained: ask again in a moment.")
            task = self._made[evidence] = asyncio.create_task(self._make(folder, utterance, evidence))
            task.add_done_callback(_heard)
        try:
            return await asyncio.shield(task)  # others may be waiting for the same
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
            raise NoExplanation(503, "The dashboard stops.") from None

    def stop(self) -> None:
        """Stop what is being made, and tell those who wait for it."""
        for task in self._made.values():
            task.cancel()

    async def close(self) -> None:
        """See to it that nothing is being made any more."""
        self.stop()
        await asyncio.gather(*self._made.values(), return_exceptions=True)

    async def _make(self, folder: Path, utterance: int, evidence: Path) -> bytes:
        try:
            async with self._turn:
                explained = await _explained(folder, utterance)
        finally:
            del self._made[evidence]
        self._kept[evidence] = explained
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return explained


def _heard(task: "asyncio.Task[bytes]") -> None:
    """Whoever asked may have left before the answer."""
    if not task.cancelled():
        task.exception()


async def _explained(folder: Path, utterance: int) -> bytes:
    """What the command says of one utterance; raises `NoExplanation`."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        str(folder),
        *("--utterance", str(utterance), "--json", "-"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,  # a Ctrl-C in the terminal is ours to answer
    )
    try:
        out, talk = await asyncio.wait_for(process.communicate(), SECONDS)
    except asyncio.TimeoutError:
        sentence = f"Utterance {utterance} could not be explained within {SECONDS:g} s: the machine is busy."
        raise NoExplanation(504, sentence) from None
    finally:
        await _ended(process)
    if process.returncode != 0:
        raise NoExplanation(409, _last_sentence(talk) or f"Utterance {utterance} could not be explained.")
    try:
        msgspec.json.decode(out, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        raise NoExplanation(500, f"What was said of utterance {utterance} is no explanation.") from None
    return out


async def _ended(process: Process) -> None:
    """See to it that a process is no more."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _last_sentence(talk: bytes) -> str:
    """What the command said last, less who says it."""
    lines = talk.decode("utf-8", "replace").strip().splitlines()
    return shorten(plain(lines[-1]), LONGEST_SENTENCE).removeprefix("emotrack: ") if lines else ""
