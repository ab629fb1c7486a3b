"""The tracker as a process: signals, terminals, limits, killing, and what it is told at the start."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emotrack.stream.wire.protocol.messages import Emotion, Message, Session
from faults.bench import Bench, environment
from faults.matrix import HELD, NEW, Observation, fault
from faults.stages.record import QUICK, speech
from helpers.media.clips import AudioSpec, write_clip
from helpers.sessions.commands import start
from helpers.sessions.processors import times, waited

ENDING = 2.0
"""Seconds within which a signal ends a session in order."""


def is_partial(message: Message) -> bool:
    """Whether somebody is still speaking."""
    return isinstance(message, Emotion) and message.state == "partial"


def ended(message: Message) -> bool:
    """Whether the session has ended."""
    return isinstance(message, Session) and message.state == "ended"


def _signalled(
    name: str, numbers: tuple[int, ...], origin: str, *, feeds: int = 1, short: bool = False, code: int = 0
) -> None:
    """In the middle of an utterance, which still gets its final label, within two seconds."""

    def inject(bench: Bench) -> Observation:
        path = speech(bench.folder, 4)
        sources = [f"feed{number}={path}" for number in range(feeds)] if feeds > 1 else [str(path)]
        process = start("run", *QUICK, "--jsonl", "-", *sources, start_new_session=True)
        with bench.process(process=process) as trial:
            trial.wait_for(is_partial, 120.0)  # networks may have to be compiled
            trial.strike()
            for number in numbers:
                process.send_signal(number)
        complaints = [] if process.returncode == code else [f"exit {process.returncode}"]
        reason = next((m.reason for m in trial.messages if ended(m) and isinstance(m, Session)), None)
        if reason != "stopped":
            complaints.append(f"the session ends for {reason}")
        return trial.observe(1, told=ended, more=tuple(complaints))

    fault("interface", name, origin, short=short, limit=ENDING, seconds=180.0)(inject)


_signalled("SIGINT in mid utterance", (signal.SIGINT,), HELD)
_signalled("SIGTERM in mid utterance", (signal.SIGTERM,), HELD, short=True)
_signalled("SIGHUP in mid utterance", (signal.SIGHUP,), "6")
_signalled("SIGHUP twice, as a shell and its terminal send it", (signal.SIGHUP, signal.SIGHUP), "6")
_signalled("SIGINT with eight feeds", (signal.SIGINT,), "13", feeds=8)


def _unread(
    name: str, stop: Callable[[Bench], tuple[dict[str, Any], Callable[[], object]]], *, short: bool = False
) -> None:
    """Nobody reads what is shown, and then SIGTERM: the recording is whole, and the end comes in time."""

    def inject(bench: Bench) -> Observation:
        path = bench.folder / "messages.jsonl"
        streams, strike = stop(bench)
        command = [sys.executable, "-m", "emotrack.cli", "run", *QUICK, "--jsonl", str(path)]
        process = subprocess.Popen(
            [*command, str(speech(bench.folder, 4))],
            env={**environment(TERM="xterm", PYTHONIOENCODING="utf-8"), "PYTHONUNBUFFERED": ""},
            start_new_session=True,
            **streams,
        )
        bench.undo.callback(process.wait)
        bench.undo.callback(process.kill)

        def recorded(kind: str) -> list[dict[str, Any]]:
            lines = path.read_bytes().splitlines() if path.exists() else []
            return [found for line in lines if (found := json.loads(line))["type"] == kind]

        def wait_for(condition: Callable[[], object], seconds: float) -> bool:
            deadline = time.monotonic() + seconds
            while not condition() and time.monotonic() < deadline:
                time.sleep(0.05)
            return bool(condition())

        complaints = []
        if not wait_for(lambda: recorded("heartbeat"), 120.0):  # networks may have to be compiled
            complaints.append("it does not begin")
        strike()
        wait_for(lambda: any(label["state"] == "final" for label in recorded("emotion")), 20.0)
        beats = len(recorded("heartbeat"))
        if not wait_for(lambda: len(recorded("heartbeat")) > beats + 1, 4.0):
            complaints.append("the session stands still")
        process.terminate()
        began = time.monotonic()
        try:
            code: int | None = process.wait(10.0)
        except subprocess.TimeoutExpired:
            code = None
        took = time.monotonic() - began
        if code != 1:
            complaints.append(f"exit {code}")
        if not any(message["state"] == "ended" for message in recorded("session")):
            complaints.append("the recording has no end")
        finals = sum(label["state"] == "final" for label in recorded("emotion"))
        told = [message["message"] for message in recorded("error")]
        return Observation(
            told[0] if told else "", took, lost=max(0, 1 - finals), complaints=tuple(complaints)
        )

    fault("interface", name, limit=ENDING, seconds=200.0, short=short)(inject)


def _full_pipe(bench: Bench) -> tuple[dict[str, Any], Callable[[], object]]:
    reading, writing = os.pipe()
    bench.undo.callback(os.close, reading)
    bench.undo.callback(os.close, writing)
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 512)
    except BlockingIOError:
        os.set_blocking(writing, True)
    return {"stdout": writing, "stderr": subprocess.DEVNULL}, lambda: None


def _stopped_terminal(bench: Bench) -> tuple[dict[str, Any], Callable[[], object]]:
    """As by Ctrl-S."""
    terminal, inside = pty.openpty()
    bench.undo.callback(os.close, terminal)
    bench.undo.callback(os.close, inside)

    def read() -> None:
        try:
            while os.read(terminal, 65_536):
                pass
        except OSError:  # closed
            return

    threading.Thread(target=read, daemon=True).start()
    return {"stdin": inside, "stdout": inside, "stderr": inside}, lambda: os.write(terminal, b"\x13")


_unread("SIGTERM while nobody reads standard output", _full_pipe, short=True)
_unread("SIGTERM while the terminal is stopped", _stopped_terminal, short=True)


@fault("interface", "SIGUSR1, SIGPIPE and SIGWINCH", told=False)
def other_signals(bench: Bench) -> Observation:
    """What a terminal and libraries send on the side ends nothing."""
    process = start("run", *QUICK, "--jsonl", "-", str(speech(bench.folder)))
    with bench.process(process=process) as trial:
        trial.wait_for(is_partial, 30.0)
        trial.strike()
        for number in (signal.SIGPIPE, signal.SIGWINCH, signal.SIGCHLD):
            process.send_signal(number)
    complaints = () if process.returncode == 0 else (f"exit {process.returncode}",)
    return trial.observe(1, more=complaints)


@fault("interface", "SIGTERM while it starts", HELD)
def starting(bench: Bench) -> Observation:
    path = bench.folder / "messages.jsonl"
    process = start("run", *QUICK, "--jsonl", str(path), str(speech(bench.folder)))
    assert process.stderr is not None
    process.stderr.readline()
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    took = time.monotonic() - began
    complaints = [] if process.returncode == 128 + signal.SIGTERM else [f"exit {process.returncode}"]
    if "Traceback" in err:
        complaints.append("a traceback")
    if path.exists():
        complaints.append("a file is left behind")
    return Observation("nothing is left behind", took, complaints=tuple(complaints))


@fault(
    "interface",
    "kill -9: the recording is whole to its last line, and the next session follows",
    HELD,
    told=False,
)
def killed(bench: Bench) -> Observation:
    path = bench.folder / "messages.jsonl"
    line = speech(bench.folder)
    first = start("run", *QUICK, "--jsonl", str(path), str(line))
    bench.undo.callback(_end, first)
    deadline = time.monotonic() + 30
    while not (path.exists() and b'"partial"' in path.read_bytes()) and time.monotonic() < deadline:
        time.sleep(0.05)
    first.kill()
    first.wait()
    whole = path.read_bytes()
    second = start("run", "--fast", *QUICK, "--jsonl", str(path), str(line))
    bench.undo.callback(_end, second)
    second.communicate(timeout=40)
    complaints = [] if second.returncode == 0 else [f"exit {second.returncode}"]
    if not whole.endswith(b"}\n"):
        complaints.append("the last line is torn")
    try:
        messages = [json.loads(one) for one in path.read_bytes().splitlines()]
    except ValueError:
        return Observation("", complaints=("a line cannot be read",))
    sessions = {message["session"] for message in messages}
    finals = [m for m in messages if m["type"] == "emotion" and m["state"] == "final"]
    if len(sessions) != 2:
        complaints.append(f"{len(sessions)} sessions")
    return Observation(
        "two sessions in one recording", lost=max(0, 1 - len(finals)), complaints=tuple(complaints)
    )


def _end(process: "subprocess.Popen[Any]") -> None:
    process.kill()
    process.communicate()


@fault("interface", "the terminal closes", "6")
def terminal(bench: Bench) -> Observation:
    path = bench.folder / "messages.jsonl"
    ours, theirs = pty.openpty()
    shell = f'exec "$@" <>{os.ttyname(theirs)} >&0 2>&0'
    command = ["sh", "-c", shell, "sh", sys.executable, "-m", "emotrack.cli", "run", *QUICK]
    process = subprocess.Popen(
        [*command, "--jsonl", str(path), str(speech(bench.folder, 4))],
        start_new_session=True,
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    bench.undo.callback(process.wait)
    bench.undo.callback(process.kill)
    deadline = time.monotonic() + 30
    while not (path.exists() and b'"partial"' in path.read_bytes()) and time.monotonic() < deadline:
        if select.select([ours], [], [], 0.05)[0]:
            os.read(ours, 1 << 16)
    began = time.time_ns()
    os.close(theirs)
    os.close(ours)
    process.wait(20)
    messages = [json.loads(line) for line in path.read_bytes().splitlines()]
    labels = [m for m in messages if m["type"] == "emotion"]
    begun, final = ({m["utterance"] for m in labels if m["state"] == s} for s in ("partial", "final"))
    last = messages[-1]
    in_order = last["type"] == "session" and last["reason"] == "stopped"
    took = (last["published_unix_ns"] - began) / 1e9
    return Observation(
        "the session ends in order",
        took if in_order else None,
        lost=len(begun - final),
        complaints=() if in_order else ("it does not end in order",),
    )


@fault("interface", "nobody reads its labels any more (| head)", HELD, told=False)
def head(bench: Bench) -> Observation:
    process = start("run", "--fast", *QUICK, "--jsonl", "-", str(speech(bench.folder)))
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    code = process.wait(40)
    complaints = [] if code == 0 else [f"exit {code}"]
    if "Traceback" in err:
        complaints.append("a traceback")
    return Observation("it ends quietly", complaints=tuple(complaints))


def _run_within(limit: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`emotrack run` where the shell has set a limit to what a process may have."""
    command = [sys.executable, "-m", "emotrack.cli", "run", "--fast", *QUICK, *arguments]
    return subprocess.run(
        ["sh", "-c", f'{limit} && exec "$@"', "sh", *command],
        capture_output=True,
        text=True,
        timeout=50,
        env=environment(),
    )


def _limited(name: str, limit: str, *, origin: str = NEW, seconds: float = 5.0) -> None:
    """A process whose resources are limited: a sentence or a session, no crash."""

    def inject(bench: Bench) -> Observation:
        began = time.monotonic()
        done = _run_within(limit, "--set=stream.speakers.mode=feed", str(speech(bench.folder)))
        took = time.monotonic() - began
        last = done.stderr.splitlines()[-1] if done.stderr else ""
        complaints = []
        if "Traceback" in done.stderr:
            complaints.append(f"a traceback: {last[:150]}")
        if done.returncode not in (0, 1, 2):
            complaints.append(f"exit {done.returncode}")
        return Observation(last, took, complaints=tuple(complaints))

    fault("interface", name, origin, limit=30.0)(inject)


_limited("only 40 descriptors", "ulimit -n 40")
_limited("only 20 descriptors", "ulimit -n 20")
_limited("no file may be larger than a kilobyte", "ulimit -f 1")
_limited("no core, no priority, no locked memory", "ulimit -c 0 -l 0")
_limited(
    "no home, no temporary folder that can be written",
    "HOME=/nowhere TMPDIR=/nowhere XDG_CACHE_HOME=/dev/null; export HOME TMPDIR XDG_CACHE_HOME",
)


def _refused(
    name: str, arguments: Callable[[Path], list[str]], origin: str = HELD, *, short: bool = False
) -> None:
    """A mistake in what is given is one sentence and exit 2; the time is that of a whole start, but for the
    wait for a processor that others have."""

    def inject(bench: Bench) -> Observation:
        began, queue = time.monotonic(), 0.0
        command = [sys.executable, "-m", "emotrack.cli", *arguments(bench.folder)]
        with (bench.folder / "said").open("w+", encoding="utf-8") as file:
            process = subprocess.Popen(
                command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file
            )
            bench.undo.callback(process.kill)
            while process.poll() is None:
                queue = max(queue, waited({}, times(process.pid)))
                time.sleep(0.02)
            took = time.monotonic() - began - queue
            file.seek(0)
            text = file.read()
        said = [line for line in text.splitlines() if line.startswith("emotrack: ")]
        complaints = [] if process.returncode == 2 else [f"exit {process.returncode}"]
        if "Traceback" in text:
            complaints.append("a traceback")
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text):
            complaints.append("what is said can steer a terminal")
        return Observation(said[-1] if said else text[-200:], took, complaints=tuple(complaints))

    fault("interface", name, origin, short=short, limit=5.0)(inject)


_refused("a source that is not there", lambda _: ["run", "missing.mp4", "--publish", "none"], short=True)
_refused("a source whose name holds escapes", lambda _: ["run", "a\x1b[2Jb.mp4", "--publish", "none"])
_refused(
    "a folder of keys that is not there", lambda folder: ["run", _wav(folder), "--keys", str(folder / "no")]
)
_refused("a port that is none", lambda folder: ["run", _wav(folder), "--publish", "tcp://127.0.0.1:99999"])
_refused(
    "an address that is not this machine's",
    lambda folder: ["run", _wav(folder), "--publish", "tcp://192.0.2.7:5556", "--insecure"],
)
_refused(
    "a policy that is damaged",
    lambda folder: [
        "run",
        _wav(folder),
        "--publish",
        "none",
        "--policy",
        _written(folder, "modalities: [aud"),
    ],
)
_refused(
    "a file of settings that is a device",
    lambda folder: ["run", _wav(folder), "--publish", "none", "--config", "/dev/null/x"],
)
_refused(
    "a bundle that is none",
    lambda folder: ["run", _wav(folder), "--publish", "none", f"--set=bundle={folder}"],
)
_refused("a monitor of what is no address", lambda _: ["monitor", "somewhere"])


def _wav(folder: Path) -> str:
    return str(write_clip(folder / "clip.wav", audio=AudioSpec("pcm_s16le"), duration=0.5))


def _written(folder: Path, text: str) -> str:
    path = folder / "file.yaml"
    path.write_text(text)
    return str(path)


@fault("interface", "standard input is closed, and is the source", NEW)
def closed_input(bench: Bench) -> Observation:
    done = _run_within("ulimit -v 2500000", str(speech(bench.folder)))
    last = done.stderr.splitlines()[-1] if done.stderr else ""
    complaints = [f"a traceback: {last[:150]}"] if "Traceback" in done.stderr else []
    if done.returncode < 0:
        complaints.append(f"ended by signal {-done.returncode}")
    return Observation(last, 0.0 if last else None, complaints=tuple(complaints))
