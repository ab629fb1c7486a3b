"""Outputs that fill, close, hang or fail: told once, and the others hold the whole session."""

import errno
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from emotrack.stream.sources.media import AUDIO_RATE
from emotrack.stream.wire.protocol.encoding import decode
from emotrack.stream.wire.protocol.messages import Emotion, Error, Message
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.recording import Recorder
from emotrack.stream.wire.publish.sinks import Listener, Outgoing, SinkFailed
from emotrack.stream.wire.publish.zeromq.publisher import open_recorder
from faults.bench import HANGING, Bench, environment, spoken
from faults.matrix import HELD, NEW, Observation, Skipped, fault
from faults.watching import Trial, is_final
from helpers.learning.corpora import write_wav
from helpers.media.scripted import Scripted
from helpers.media.speech import demo_speech
from helpers.sessions import sample_messages as sample
from helpers.sessions.disks import disk_with_room_for

COUNT = 4
QUICK = (
    "--publish=none",
    "--modalities=audio",
    "--set=engines.text=none",
    "--set=engines.face=none",
    "--set=stream.transcription.recogniser=none",
)


def is_error(message: Message) -> bool:
    """Whether an output is told of."""
    return isinstance(message, Error)


def into(bench: Bench, sink: Any, trial: Trial, strike: Callable[[], object] | None = None) -> Observation:
    """A session with this output beside another, which is struck after the first label."""
    with bench.session(
        [Scripted("desk", spoken(COUNT))], "stream.modalities=[audio]", trial=trial, sinks=[sink]
    ):
        trial.wait_for(is_final)
        if strike is not None:
            trial.strike()
            strike()
    return trial.observe(COUNT, told=is_error)


class Output:
    """An output that does something at its second label."""

    def __init__(self, trial: Trial, act: Callable[[Outgoing], None]) -> None:
        self._trial, self._act = trial, act
        self._labels = 0

    def write(self, outgoing: Outgoing) -> None:
        self._labels += isinstance(outgoing.message, Emotion)
        if self._labels >= 2:
            self._trial.strike()
            self._act(outgoing)

    def close(self) -> None:
        pass


def _acts(
    name: str, make: Callable[[Bench], Callable[[Outgoing], None]], *, told: bool = True, short: bool = False
) -> None:
    def inject(bench: Bench) -> Observation:
        trial = Trial()
        return into(bench, Output(trial, make(bench)), trial)

    fault("record", f"an output {name}", told=told, short=short)(inject)


def _raises(failure: BaseException) -> Callable[[Bench], Callable[[Outgoing], None]]:
    def make(_: Bench) -> Callable[[Outgoing], None]:
        def fail(_: Outgoing) -> None:
            raise failure

        return fail

    return make


_acts("fails as it may", _raises(SinkFailed("The printer is out of paper.")))
_acts("raises RuntimeError", _raises(RuntimeError("out of paper")))
_acts("raises MemoryError", _raises(MemoryError()))
_acts("raises SystemExit", _raises(SystemExit(1)))
_acts("says that the disk is full", _raises(OSError(errno.ENOSPC, "No space left on device")))
_acts("hangs", lambda bench: lambda _: bench.hang(), short=True)
_acts("takes half a second for each message", lambda _: lambda __: time.sleep(0.5))


@fault("record", "a program that listens never reads")
def listener(bench: Bench) -> Observation:
    trial = Trial()
    room = 10
    idle = Listener(room)
    bench.undo.callback(idle.leave)
    trial.react = lambda message: trial.strike() if message.seq > room else None
    return into(bench, idle, trial)


def _recorded(trial: Trial, path: Path) -> list[str]:
    """Whether a recording holds what the session told."""
    lines = path.read_bytes().splitlines()
    try:
        found = [decode(line).seq for line in lines]
    except Exception as failure:  # noqa: BLE001 - looked at
        return [f"a line of the recording cannot be read: {failure}"]
    sent = [message.seq for message in trial.messages]
    return [] if found == sent else [f"the recording has {len(found)} of {len(sent)} messages"]


@fault("record", "the disk is full for a second", "7", lasting=False, short=True)
def full_for_a_while(bench: Bench) -> Observation:
    trial = Trial()
    path = bench.folder / "messages.jsonl"
    recorder = Recorder(path)

    def strike() -> None:
        with disk_with_room_for(path.stat().st_size + 100):
            time.sleep(1.0)
        trial.mended = time.monotonic()  # type: ignore[attr-defined]  # noted here alone

    seen = into(bench, recorder, trial, strike)
    recorder.close()
    wrong = _recorded(trial, path)
    back = None if wrong else 1.0
    return Observation(seen.effect, seen.detected, seen.masked, back, seen.lost, (*seen.complaints, *wrong))


@fault("record", "the disk stays full", "7")
def full(bench: Bench) -> Observation:
    trial = Trial()
    path = bench.folder / "messages.jsonl"
    recorder = Recorder(path)

    def strike() -> None:
        limited = disk_with_room_for(path.stat().st_size + 100)
        bench.undo.enter_context(limited)

    seen = into(bench, recorder, trial, strike)
    complaints = list(seen.complaints)
    try:
        recorder.close()
    except SinkFailed as failed:
        if not path.read_bytes().endswith(b"}\n"):
            complaints.append("half a line is left")
        return (
            Observation(seen.effect, seen.detected, seen.masked, None, seen.lost, tuple(complaints))
            if "lacks" in str(failed)
            else seen
        )
    return Observation(seen.effect, seen.detected, complaints=(*complaints, "nobody is told what is missing"))


@fault("record", "a small file system fills", NEW)
def tmpfs(bench: Bench) -> Observation:
    place = bench.folder / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True, text=True
    )
    if mounted.returncode:
        raise Skipped("no file system can be mounted here")
    bench.undo.callback(subprocess.run, ["umount", "-l", str(place)], check=False)
    trial = Trial()
    path = place / "messages.jsonl"
    recorder = Recorder(path)
    bench.undo.callback(_quietly, recorder.close)
    room = os.statvfs(place)

    def strike() -> None:
        (place / "filler").write_bytes(b"x" * max(0, room.f_bavail * room.f_frsize - 20_480))
        with (place / "more").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 1_024)
            except OSError:
                return

    return into(bench, recorder, trial, strike)


def _quietly(call: Callable[[], object]) -> None:
    try:
        call()
    except SinkFailed:
        return


@fault("record", "the file is deleted while it is written", told=False)
def deleted(bench: Bench) -> Observation:
    trial = Trial()
    path = bench.folder / "messages.jsonl"
    recorder = Recorder(path)
    seen = into(bench, recorder, trial, path.unlink)
    recorder.close()
    return seen


@fault("record", "a pipe whose reader leaves", HELD)
def pipe(bench: Bench) -> Observation:
    trial = Trial()
    path = bench.folder / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    return into(bench, Recorder(path), trial, lambda: os.close(reader))


@fault("record", "a pipe whose reader does not read")
def pipe_full(bench: Bench) -> Observation:
    """64 KiB wait in a pipe; whoever writes more waits for its reader."""
    trial = Trial()
    path = bench.folder / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    bench.undo.callback(os.close, reader)
    try:
        while True:
            os.write(writer, b"x" * 4_096)
    except BlockingIOError:
        os.close(writer)
    trial.strike()

    def drain() -> None:
        if bench.released.wait(20.0):
            return
        with open(os.dup(reader), "rb", buffering=0) as rest:
            while not bench.released.is_set():
                rest.read(1 << 16)
                time.sleep(0.05)

    threading.Thread(target=drain, daemon=True).start()
    return into(bench, Recorder(path), trial)


class Gate:
    """A sink behind a gate: one that is shut holds each message up."""

    name = "The gate"

    def __init__(self, behind: Recorder) -> None:
        self.name = behind.name
        self.opened = threading.Event()
        self.opened.set()
        self._behind = behind

    def write(self, outgoing: Outgoing) -> None:
        self.opened.wait(HANGING)
        self._behind.write(outgoing)

    def close(self) -> None:
        self._behind.close()


def _stalls(name: str, room: int, check: Callable[[Trial, Path], list[str]]) -> None:
    """A disk that stalls for two and a half seconds, with room for so many messages."""

    def inject(bench: Bench) -> Observation:
        bench.patch.setattr("emotrack.stream.wire.publish.lanes.WAITING", room)
        trial, path = Trial(), bench.folder / "messages.jsonl"
        gate = Gate(Recorder(path))
        bench.undo.callback(gate.opened.set)

        def strike() -> None:
            gate.opened.clear()
            time.sleep(2.5)
            gate.opened.set()

        seen = into(bench, gate, trial, strike)
        deadline = time.monotonic() + 5.0
        while (wrong := check(trial, path)) and time.monotonic() < deadline:
            time.sleep(0.05)
        complaints = (*seen.complaints, *wrong)
        back = None if wrong else 2.5
        return Observation(seen.effect, seen.detected, seen.masked, back, seen.lost, complaints)

    fault("record", name, lasting=False)(inject)


def _marked(trial: Trial, path: Path) -> list[str]:
    """What is wrong with the mark of a gap: the first message behind it says which are missing."""
    recorded = [decode(line) for line in path.read_bytes().splitlines()]
    for before, after in itertools.pairwise(recorded):
        if after.seq != before.seq + 1:
            missing = (
                f"lacks {after.seq - before.seq - 1} messages, numbers {before.seq + 1} to {after.seq - 1}."
            )
            marked = isinstance(after, Error) and after.message.endswith(missing)
            return [] if marked else ["the gap is not marked where it is"]
    return ["nothing is missing: the fault never struck"]


_stalls("the disk stalls for two and a half seconds", 10_000, _recorded)
_stalls("the disk stalls for longer than there is room", 3, _marked)


def _refused(name: str, make: Callable[[Path], Path], origin: str = HELD) -> None:
    def inject(bench: Bench) -> Observation:
        path = make(bench.folder)
        return bench.refused(lambda: Recorder(path))

    fault("record", f"it is to go to {name}", origin)(inject)


def _film(folder: Path) -> Path:
    (folder / "interview.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    return folder / "interview.mp4"


_refused("a film", _film, "7")
_refused("a folder", lambda folder: folder)
_refused("a folder that is not there", lambda folder: folder / "no" / "such" / "file.jsonl")
_refused("a name of 300 letters", lambda folder: folder / ("x" * 300), NEW)


@fault("record", "a folder to record in that is a file", NEW)
def no_folder(bench: Bench) -> Observation:
    (bench.folder / "file").touch()
    return bench.refused(lambda: open_recorder(bench.folder / "file", "s1"))


def _restarted(name: str, torn: bytes) -> None:
    def inject(bench: Bench) -> Observation:
        path = bench.folder / "messages.jsonl"
        sent = []
        for session in ("s1", "s2"):
            outbox = Outbox(session, [Recorder(path)])
            sent += [outbox.emit(body) for body in (sample.session(), sample.emotion())]
            outbox.close()
            if session == "s1":
                with path.open("ab") as file:
                    file.write(torn)
        found = [decode(line) for line in path.read_bytes().splitlines()]
        same = found == sent
        return Observation(
            "the second session follows the first", complaints=() if same else ("it does not hold both",)
        )

    fault("record", name, "7", told=False)(inject)


_restarted("a second session with the same file", b"")
_restarted("a second session behind a torn line", b'{"type":"emotion","la')
_restarted("a second session behind a torn line of 1 MB", b'{"type":"' + b"x" * 1_000_000)
_restarted("a second session behind zeros, as after a loss of power", b"\0" * 4_096)


@fault("record", "others may not read what was said", "7", told=False)
def private(bench: Bench) -> Observation:
    path = bench.folder / "kept" / "s1.mcap"
    outbox = Outbox("s1", [open_recorder(path.parent, "s1")])
    outbox.emit(sample.emotion())
    outbox.close()
    modes = [each.stat().st_mode & 0o777 for each in (path.parent, path)]
    return Observation("0700 and 0600", complaints=() if modes == [0o700, 0o600] else (f"it is {modes}",))


def speech(folder: Path, times: int = 1) -> Path:
    """A line of the demonstration clip, said again and again."""
    path = folder / "line.wav"
    write_wav(path, np.tile(demo_speech()[: 5 * AUDIO_RATE], times), AUDIO_RATE)
    return path


def _streams(
    name: str, redirections: str, origin: str, code: int, *, told: bool = True, **changes: str
) -> None:
    """A session whose standard streams are as a shell opens or closes them, and that is recorded as well."""

    def inject(bench: Bench) -> Observation:
        if "/dev/full" in redirections and not Path("/dev/full").exists():
            raise Skipped("this system has no /dev/full to stand for a full disk")
        path = bench.folder / "messages.jsonl"
        command = [
            "sh",
            "-c",
            f'exec "$@" {redirections}',
            "sh",
            sys.executable,
            "-m",
            "emotrack.cli",
            "run",
            "--fast",
        ]
        done = subprocess.run(
            [*command, *QUICK, "--jsonl", str(path), str(speech(bench.folder))],
            capture_output=True,
            timeout=170,  # networks may have to be compiled
            env=environment(**changes),
            stdin=subprocess.DEVNULL,
        )
        messages = [json.loads(line) for line in path.read_bytes().splitlines()]
        finals = sum(m["type"] == "emotion" and m["state"] == "final" for m in messages)
        errors = [m for m in messages if m["type"] == "error"]
        begun = messages[0]["published_unix_ns"]
        complaints = [] if done.returncode == code else [f"exit {done.returncode}, not {code}"]
        if b"Traceback" in done.stderr:
            complaints.append(f"a traceback: {done.stderr.splitlines()[-1][:150]!r}")
        if messages[-1]["type"] != "session":
            complaints.append("the recording has no end")
        after = (errors[0]["published_unix_ns"] - begun) / 1e9 if errors else None
        return Observation(
            errors[0]["message"] if errors else "",
            after,
            lost=max(0, 1 - finals),
            complaints=tuple(complaints),
        )

    fault("record", name, origin, told=told, seconds=180.0)(inject)


_streams("standard output on a full disk", ">/dev/full", "5", 1)
_streams("standard output closed", ">&-", "5", 1)
_streams("all standard streams closed", ">&- 2>&- <&-", "5", 1)
_streams("standard error on a full disk", "2>/dev/full", "5", 0, told=False)
_streams("standard error closed", "2>&-", "5", 0, told=False)
_streams("an encoding that lacks letters", "", "5", 0, told=False, PYTHONIOENCODING="ascii")
_streams("no encoding at all", "", NEW, 0, told=False, LC_ALL="C", LANG="C", PYTHONUTF8="0")
