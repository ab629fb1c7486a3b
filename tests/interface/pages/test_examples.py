"""The examples run as they are, on real media and real sockets, and do what examples/README.md says."""

import csv
import difflib
import io
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import pytest

from emotrack.demo import clip_path
from emotrack.demo.render import LINES
from emotrack.engines.encoders.face.detection import face_detection_specs
from emotrack.engines.running.selftest import examine
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.networks.engines import Shelf
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import heartbeats, lossy_relay, publishing, unused_endpoint

EXAMPLES = Path(__file__).parents[3] / "examples"
NOTEBOOK = EXAMPLES / "one_sense_alone.ipynb"
SPOKEN = LINES[:2]
"""What is said in the part of the demonstration that is tracked here."""
PATIENCE = 60.0
"""Seconds for what takes one, on a machine that is busy."""


def command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(EXAMPLES / name), *arguments]


def run(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(name, *arguments), capture_output=True, text=True, check=True)


@dataclass
class Running:
    """A program that runs, and the lines that it has written so far."""

    process: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)

    def wrote(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.wrote(text):
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.02)


@contextmanager
def started(name: str, *arguments: str) -> Iterator[Running]:
    """A program, killed at the end of the block unless it has ended; all of its lines are read then."""
    with subprocess.Popen(command(name, *arguments), stdout=subprocess.PIPE, text=True) as process:
        running = Running(process)

        def read() -> None:
            for line in process.stdout or ():
                running.lines.append(line.rstrip("\n"))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield running
        finally:
            process.kill()
            reader.join()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the demonstration, in the packets that it has."""
    path = tmp_path_factory.mktemp("part") / "clip.mp4"
    end = LINES[len(SPOKEN)].start - 0.5
    with av.open(str(clip_path())) as whole, av.open(str(path), "w") as part:
        streams = {stream.index: part.add_stream_from_template(stream) for stream in whole.streams}
        for packet in whole.demux():
            if packet.dts is not None and packet.pts is not None and packet.pts * packet.time_base < end:
                packet.stream = streams[packet.stream_index]
                part.mux(packet)
    return path


@dataclass(frozen=True)
class Told:
    """What the programs that took part in one session wrote."""

    tracker: list[str]
    summary: str
    subscriber: list[str]
    event_loop: list[str]

    @property
    def labels(self) -> list[tuple[str, ...]]:
        """Label, confidence and state of each, as the tracker's own program wrote them."""
        return found(r"spk\d+ is in (\w+) \((\d+%), (\w+)\)", self.tracker)

    @property
    def finals(self) -> list[tuple[str, ...]]:
        return [(label, confidence) for label, confidence, state in self.labels if state == "final"]


def found(pattern: str, lines: Sequence[str]) -> list[tuple[str, ...]]:
    """What the groups of a pattern stand for in each line that it matches whole."""
    return [match.groups() for match in (re.fullmatch(pattern, line) for line in lines) if match]


@pytest.fixture(scope="module")
def told(clip: Path) -> Told:
    """One session that a program tracks, and two others follow over its socket."""
    endpoint = unused_endpoint()
    with (
        started("subscribe.py", endpoint) as subscriber,
        started("subscribe_asyncio.py", endpoint) as looping,
    ):
        done = run("track_in_process.py", str(clip), endpoint)
        subscriber.wait_for("has ended")
        assert looping.process.wait(PATIENCE) == 0
    return Told(done.stdout.splitlines(), done.stderr.splitlines()[-1], subscriber.lines, looping.lines)


def test_a_program_tracks_by_itself(told: Told) -> None:
    assert [label for label, _ in told.finals] == [line.label for line in SPOKEN]
    assert len(told.labels) == len(told.tracker)
    assert re.match(rf"{len(SPOKEN)} labels from \d+ s of speech", told.summary)


def test_what_a_user_can_mend_is_one_sentence(tmp_path: Path) -> None:
    missing = command("track_in_process.py", str(tmp_path / "missing.mp4"))
    done = subprocess.run(missing, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "missing.mp4" in done.stderr


def test_a_subscriber_hears_what_the_tracker_says(told: Told) -> None:
    assert found(r"\d\d:\d\d:\d\d spk\d+: (\w+) (\d+%) \((\w+)\)", told.subscriber) == told.labels


def test_a_subscriber_on_an_event_loop_hears_the_same(told: Told) -> None:
    (session,) = found(r"session (\w+) with clip", told.subscriber)
    expected = [(*session, label, confidence) for label, confidence, _ in told.labels]
    assert found(r"(\w+) spk\d+ (\w+) (\d+%)", told.event_loop) == expected


def test_losses_are_healed_on_an_event_loop_that_follows_several() -> None:
    losing = threading.Event()
    with (
        publishing("lossy") as (publisher, lossy),
        publishing("whole") as (other, whole),
        lossy_relay(publisher.endpoint, lambda seq: not losing.is_set() or seq % 3 > 0) as relay,
        started("subscribe_asyncio.py", relay, other.endpoint) as running,
        heartbeats(lossy),
        heartbeats(whole),
    ):
        say_until_heard(lossy, "lossy", running)
        say_until_heard(whole, "whole", running)
        losing.set()
        for number in range(30):
            for outbox in (lossy, whole):
                outbox.emit(sample.emotion(number, f"spk{number}"))
        for outbox in (lossy, whole):
            outbox.emit(sample.session("ended"))
        assert running.process.wait(PATIENCE) == 0
    for session in ("lossy", "whole"):
        heard = found(rf"{session} (spk\d+) joy 64%", running.lines)
        assert heard == [(f"spk{number}",) for number in range(30)]


def say_until_heard(outbox: Outbox, session: str, running: Running) -> None:
    """Emit a label again and again until a program has written it: a subscription takes its time."""
    deadline = time.monotonic() + PATIENCE
    while not running.wrote(f"{session} hello"):
        assert time.monotonic() < deadline
        outbox.emit(sample.emotion(1, "hello"))
        time.sleep(0.05)


def test_a_silent_tracker_is_left_when_the_event_loop_is_interrupted() -> None:
    with publishing() as (publisher, outbox), started("subscribe_asyncio.py", publisher.endpoint) as running:
        say_until_heard(outbox, "s1", running)
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE) != 0


def test_a_source_of_ones_own_is_tracked_like_the_file_that_it_reads(told: Told, clip: Path) -> None:
    labels = [line.split() for line in run("own_source.py", str(clip)).stdout.splitlines()]
    assert [(label, confidence) for _, label, confidence in labels] == told.finals
    for (start, *_), line in zip(labels, SPOKEN, strict=True):
        assert float(start) == pytest.approx(line.start, abs=0.2)


def test_what_is_pushed_is_tracked_as_it_comes(clip: Path) -> None:
    """Live, so that on a busy machine words may come late: when somebody spoke is all that is certain."""
    labels = [line.split() for line in run("pushed_source.py", str(clip)).stdout.splitlines()]
    for (start, *_), line in zip(labels, SPOKEN, strict=True):
        assert float(start) == pytest.approx(line.start, abs=0.5)


def test_a_sink_of_ones_own_gets_every_label(told: Told, clip: Path) -> None:
    done = run("own_sink.py", str(clip))
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["label"], f"{float(row['confidence']):.0%}", row["state"]) for row in rows] == told.labels
    assert {row["speaker"] for row in rows} == {"spk1", "spk2"}
    assert "happy" in rows[0]["words"]
    assert done.stderr.splitlines()[-1] == told.summary


def test_a_session_runs_on_a_backend_of_ones_own_where_it_is_exact_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = runpy.run_path(str(EXAMPLES / "own_backend.py"))
    lines = capsys.readouterr().out.splitlines()
    faces = {"face-proposals", "face-refinement", "face-output"}
    taken = {name for (name,) in found(r"([\w-]+) on bfloat16-cpu", lines)}
    refused = {
        name
        for (name,) in found(r"([\w-]+) on onnx-cpu \(bfloat16-cpu bf16: its answers differ by .*\)", lines)
    }
    others = {
        name for (name,) in found(r"([\w-]+) on onnx-cpu \(bfloat16-cpu: it is for finding faces\)", lines)
    }
    assert taken and taken | refused == faces and {"face", "voice", "sentence"} <= others
    assert len(taken) + len(refused) + len(others) + len(found(r".+ → (\w+)", lines)) == len(lines)
    spec = next(one for one in face_detection_specs() if one.name in taken)
    engine = Shelf(tmp_path / "engines").load(spec, names["Bfloat16"]())
    assert not [promise for promise in examine(spec, engine) if not promise.holds]


def test_the_notebook_prints_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    shown, again = (nbformat.read(NOTEBOOK, as_version=4) for _ in range(2))
    with tempfile.TemporaryDirectory(prefix="notebook-") as folder:  # whose path is short: it holds sockets
        for variable in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
            monkeypatch.setenv(variable, folder)
        monkeypatch.chdir(folder)
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc")
        NotebookClient(again, km=kernel, timeout=PATIENCE, record_timing=False).execute()
        monkeypatch.undo()
    for before, after in zip(printed(shown), printed(again), strict=True):
        likeness = difflib.SequenceMatcher(None, before, after, autojunk=False).ratio()
        assert likeness > 0.99, after  # another processor may round a shade otherwise
    assert printed(again)[-1] == printed(shown)[-1]


def printed(notebook: Any) -> list[str]:
    """What the cells of a notebook wrote, cell by cell."""
    outputs = [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return ["".join(one["text"] for one in several if one["output_type"] == "stream") for several in outputs]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.[pi]*")), ids=lambda path: path.name)
def test_an_example_is_listed_and_short(path: Path) -> None:
    assert f"[{path.name}]({path.name})" in (EXAMPLES / "README.md").read_text("utf-8")
    if path.suffix == ".py":
        assert len(path.read_text("utf-8").splitlines()) <= 40
